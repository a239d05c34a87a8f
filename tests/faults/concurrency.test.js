'use strict';

// Many at once, two processes: the same key, one session from everywhere, refunds from both sides, capture against cancel. The
// build that is tested may be one for ThreadSanitizer: then no race passes unseen (docs/faults.md says how).

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { act, closed, get, hurry, newKey, oracle, paid, pay, resolves, statusOf, usd } = require('../api/books.js');
const { PUBLISHABLE_KEY, sleep, startTill, until } = require('../lib/till.js');

let till;
before(async () => {
  till = await startTill({ env: { TILL_WORKERS: '2', TILL_THREADS: '8', DB_POOL_SIZE: '8', PROVIDER_DEADLINE_MS: '5000' } });
});
after(() => closed(till));

const times = (n, one) => Promise.all(Array.from({ length: n }, (_, i) => one(i)));

/** The same request under its key, until it is answered. */
async function insist(send) {
  for (;;) {
    const answer = await send();
    if (answer.status !== 503 && answer.body.code !== 'IDEMPOTENCY_IN_PROGRESS') return answer;
    assert.ok(Number(answer.headers.get('retry-after')) > 0, answer.text);
    await sleep(50);
  }
}

test('fifty times the same key: one payment, one charge, one answer', async () => {
  const key = newKey();
  const answers = await times(50, () => insist(() => pay(till, { reference: 'fifty' }, { key })));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1, 'identical answers');
  assert.equal(answers[0].status, 201);
  assert.equal(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true').length, 49);
  assert.equal(await till.db.value("SELECT count(*) FROM payments WHERE reference = 'fifty'"), '1');
  assert.equal((await oracle(till, answers[0].body.id)).executed, 1);
});

test('fifty times the same key of a refund: one refund', async () => {
  const payment = await paid(till);
  const key = newKey();
  const answers = await times(50, () => insist(() => act(till, payment.id, 'refund', { amount: usd('1.00') }, { key })));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.equal((await oracle(till, payment.id)).refunded, 100);
});

test('one session paid from two tabs, by two cards, on the page and by the API at once: one charge', async () => {
  for (let round = 0; round < 5; round++) {
    const session = (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('12.00') }, key: newKey() })).body;
    const tab = async (card) => {
      const { status, text, body } = await till.api('POST', `${session.url.slice(till.url.length)}/pay`, { body: {}, apiKey: null });
      assert.ok([200, 409].includes(status), text);
      if (!body.client_secret) return body.payment_id;
      const form = { client_secret: body.client_secret, payment_method: card, return_url: body.return_url };
      await till.sandbox.stripe('POST', `payment_intents/${body.client_secret.split('_secret_')[0]}/confirm`, form, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
      return body.payment_id;
    };
    const api = async () => {
      const known = await until(async () => (await till.db.value(`SELECT payment_id FROM checkout_sessions WHERE id = '${session.id}'`)) || false, 'a payment');
      const answer = await act(till, known, 'confirm', { payment_method_id: 'pm_card_mastercard' });
      assert.ok([200, 400, 409].includes(answer.status), answer.text);
      return known;
    };
    const ids = await Promise.all([tab('pm_card_visa'), tab('pm_card_amex'), tab('pm_card_visa'), api(), api()]);
    const [id] = ids.filter(Boolean);
    assert.deepEqual([...new Set(ids.filter(Boolean))], [id], 'one payment');
    await resolves(till, id, 'succeeded');
    const truth = await oracle(till, id);
    assert.deepEqual([truth.charges, truth.executed, truth.captured], [1, 1, 1200]);
    assert.equal((await till.api('GET', `/api/v1/checkout/sessions/${session.id}`)).body.status, 'complete');
  }
});

test('a hundred partial refunds at once, by the API, the command and the provider\'s dashboard, never give back more than was captured', async () => {
  const payment = await paid(till);
  const ways = {
    api: async () => {
      const { status, text } = await insist(() => act(till, payment.id, 'refund', { amount: usd('0.30') }));
      assert.ok([201, 202, 400, 422].includes(status), text);
      return status;
    },
    command: async () => {
      await sleep(1); // the requests go first: while so many processes start, the server would close their idle connections
      const { code, stderr } = await till.command('payment', 'refund', payment.id, '--amount', '0.30');
      assert.ok(code === 0 || /left of the payment|gone back|does not take this amount/.test(stderr), stderr);
      return code;
    },
    dashboard: async () => {
      const made = await till.sandbox.dashboard('refund', { payment_intent: payment.provider_payment_id, amount: 30 }).catch((error) => error);
      return made.status ?? 'failed';
    },
  };
  const order = ['api', 'api', 'command', 'dashboard'];
  const statuses = await times(100, (i) => ways[order[i % order.length]]());
  await until(async () => {
    await hurry(till);
    await sleep(50);
    return (await till.db.value(`SELECT count(*) FROM refunds WHERE payment_id = '${payment.id}' AND status = 'processing'`)) === '0';
  }, 'every refund comes to its end');
  const truth = await oracle(till, payment.id);
  assert.ok(truth.refunded <= 1000, `${truth.refunded} went back`);
  assert.equal(truth.refunded, 990, 'and all that fits did');
  await till.sandbox.settle();
  await until(async () => {
    const [row] = await till.db.rows(`SELECT amount_refunded, amount_refunding FROM payments WHERE id = '${payment.id}'`);
    return row.amount_refunded === 990 && row.amount_refunding === 0;
  }, `the books follow: ${statuses}`);
  const by = await till.db.rows(`SELECT DISTINCT principal_kind FROM audit_log a JOIN refunds r ON r.id = a.object WHERE r.payment_id = '${payment.id}' AND action = 'refund.requested'`);
  assert.deepEqual(by.map(({ principal_kind: kind }) => kind).sort(), ['api_key', 'command'], 'more than one was let in');
});

test('capture against cancel: one of them, and both books know which', async () => {
  for (let round = 0; round < 10; round++) {
    const held = await paid(till, { capture: false });
    const [captured, cancelled] = await Promise.all([act(till, held.id, 'capture'), act(till, held.id, 'cancel')]);
    assert.ok([200, 202].includes(captured.status) || [200, 202].includes(cancelled.status), `${captured.text} ${cancelled.text}`);
    for (const { status, text } of [captured, cancelled]) assert.ok([200, 202, 400, 409].includes(status), text);
    const end = [200, 202].includes(captured.status) ? 'succeeded' : 'cancelled';
    await resolves(till, held.id, end);
    assert.equal((await oracle(till, held.id)).executed, end === 'succeeded' ? 1 : 0);
  }
});

test('ten captures of one hold: it is captured once', async () => {
  const held = await paid(till, { capture: false });
  const answers = await times(10, (i) => act(till, held.id, 'capture', { amount: usd(`${i + 1}.00`) }));
  for (const { status, text } of answers) assert.ok([200, 202, 400, 409].includes(status), text);
  await resolves(till, held.id, 'succeeded');
  const truth = await oracle(till, held.id);
  assert.equal(truth.executed, 1);
  const { amount_captured: kept } = await get(till, held.id);
  assert.equal(Number(kept.value) * 100, truth.captured);
  const taken = answers.filter(({ status }) => status === 200);
  for (const { body } of taken) assert.deepEqual(body.amount_captured, kept);
});

test('resolver, webhooks and polls at once: one of them writes, the others change nothing', async () => {
  await till.sandbox.dials({ webhooks: { duplicate: 100, shuffle: true }, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed' }] });
  const made = await times(8, () => pay(till));
  await till.sandbox.dials({ webhooks: { duplicate: 100, shuffle: true }, rules: [] });
  await Promise.all(made.map(async ({ body }) => {
    for (let i = 0; i < 20 && (await statusOf(till, body.id)) !== 'succeeded'; i++) await Promise.all([hurry(till), get(till, body.id), get(till, body.id)]);
  }));
  for (const { body } of made) {
    await resolves(till, body.id, 'succeeded');
    assert.equal(await till.db.value(`SELECT count(*) FROM events WHERE object_id = '${body.id}' AND type = 'payment.succeeded'`), '1');
    assert.equal(await till.db.value(`SELECT count(*) FROM audit_log WHERE object = '${body.id}' AND action = 'payment.succeeded'`), '1');
  }
});
