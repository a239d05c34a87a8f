'use strict';

// The provider fails in every way it can, no webhook ever comes, and the books still reach the truth: one charge, never two.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { freePort, sleep, startTill, until } = require('../lib/till.js');
const { act, advance, closed, comesTo, get, hurry, isProblem, newKey, oracle, paid, pay, resolves, statusOf, usd } = require('./books.js');

const DEADLINE = 800;
const QUICK = { PROVIDER_DEADLINE_MS: String(DEADLINE), PROVIDER_TIMEOUT_MS: '2000', BREAKER_THRESHOLD: '1000', STRIPE_MULTICAPTURE: 'true' };
const noWebhooks = { webhooks: { off: true }, rules: [] };

/** A way to the sandbox that can be closed: what connects then is refused. */
async function startBridge() {
  const port = await freePort();
  const bridge = { url: `http://127.0.0.1:${port}`, target: null };
  let server, sockets;
  bridge.open = () => new Promise((resolve, reject) => {
    sockets = new Set();
    server = net.createServer((client) => {
      const upstream = net.connect(Number(new URL(bridge.target).port), '127.0.0.1');
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => { client.destroy(); upstream.destroy(); });
      }
      client.pipe(upstream).pipe(client);
    });
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  bridge.close = () => new Promise((resolve) => {
    if (!server) return resolve();
    for (const socket of sockets) socket.destroy();
    server.close(() => resolve());
    server = null;
  });
  return bridge;
}

// What money goes through, each ready to be done: where it is sent to, how it is asked for, and where it ends.
const operations = {
  create: async (till) => ({
    path: '/v1/payment_intents', end: 'succeeded', send: (key) => pay(till, {}, { key }), charges: 1,
  }),
  confirm: async (till) => {
    const { body } = await pay(till, { confirm: false });
    return operation(till, body, 'confirm', 'succeeded', {}, 1);
  },
  capture: async (till) => operation(till, await paid(till, { capture: false }), 'capture', 'succeeded', { amount: usd('7.00') }, 1),
  part: async (till) => {
    const held = await paid(till, { capture: false });
    assert.equal((await act(till, held.id, 'capture', { amount: usd('4.00'), final: false })).status, 200);
    return { ...operation(till, held, 'capture', 'authorized', { amount: usd('3.00'), final: false }, 1), executed: 2, captured: 700 };
  },
  cancel: async (till) => operation(till, await paid(till, { capture: false }), 'cancel', 'cancelled', {}, 0),
  refund: async (till) => ({
    ...operation(till, await paid(till), 'refund', 'succeeded', { amount: usd('4.00') }, 1), path: '/v1/refunds', refunds: 1,
  }),
};

function operation(till, payment, verb, end, body, charges) {
  return {
    id: payment.id, path: `/v1/payment_intents/{id}/${verb}`, end, charges,
    send: (key) => act(till, payment.id, verb, body, { key }),
  };
}

const refundsDone = (till, id) =>
  until(async () => {
    await hurry(till, id);
    await sleep(50);
    return (await till.db.value(`SELECT count(*) FROM refunds WHERE payment_id = '${id}' AND status = 'succeeded'`)) === '1';
  }, `the refund of ${id}`);

/** The operation has come to its end in our books and, once, in the provider's. */
async function hasEnded(till, one) {
  await until(async () => {
    await hurry(till, one.id);
    return (await till.db.value(`SELECT count(*) FROM attempts WHERE payment_id = '${one.id}' AND status = 'open' AND operation <> 'charge'`)) === '0' || sleep(50);
  }, `the captures of ${one.id}`);
  await resolves(till, one.id, one.end);
  if (one.refunds) await refundsDone(till, one.id);
  const truth = await oracle(till, one.id);
  assert.equal(truth.charges, one.charges, 'charges');
  assert.equal(truth.executed, one.executed ?? one.charges, 'captures');
  if (one.captured) assert.equal(truth.captured, one.captured, 'captured');
  assert.equal(truth.refunds.length, one.refunds ?? 0, 'refunds');
}

describe('faults of the provider', () => {
  let till;
  before(async () => {
    till = await startTill({ env: QUICK });
  });
  after(() => closed(till));

  // What happens to the request, and what its caller may hear: u unknown, d done, n not attempted. A connection that was used
  // before and dies without an answer is opened anew, under the same key of the provider.
  const faults = [
    [{ action: 'timeout_after_execute', ms: 3 * DEADLINE }, 'u'],
    [{ action: 'timeout_before_execute', ms: 3 * DEADLINE }, 'u'],
    [{ action: 'error_500_executed' }, 'u'],
    [{ action: 'error_500_not_executed' }, 'u'],
    [{ action: 'sticky_500', executed: true }, 'u'],
    [{ action: 'sticky_500', executed: false }, 'u'],
    [{ action: 'reset' }, 'ud'],
    [{ action: 'reset_not_executed' }, 'ud'],
    [{ action: 'truncate', bytes: 40 }, 'u'],
    [{ action: 'html_200' }, 'u'],
    [{ action: 'big_body' }, 'u'],
    [{ action: 'trickle', ms: 200 }, 'u'],
    [{ action: '429', retry_after: 7 }, 'n'],
    [{ action: 'delay', ms: 100 }, 'ud'], // on a busy machine it may be too long
    [{ action: 'close_reused' }, 'ud'],
  ];

  for (const [fault, heard] of faults) {
    const name = `${fault.action}${fault.executed === undefined ? '' : fault.executed ? ', executed' : ', not executed'}`;
    test(name, async () => {
      await till.sandbox.dials(noWebhooks);
      const all = await Promise.all(Object.entries(operations).map(async ([verb, prepare]) => ({ verb, key: newKey(), ...(await prepare(till)) })));
      const play = (some) =>
        till.sandbox.dials({ ...noWebhooks, rules: some.map(({ path }) => ({ operation: `POST ${path}`, times: 1, ...fault })) });
      const check = async (one) => {
        const answer = await one.send(one.key);
        const where = `${name} of ${one.verb}: ${answer.status} ${answer.text}`;
        one.id ??= answer.body.payment_id ?? answer.body.id;
        if (answer.status === 503) {
          assert.ok(heard.includes('n'), where);
          isProblem(answer, 503, 'PROVIDER_UNAVAILABLE');
          assert.equal(answer.body.outcome, 'not_attempted', where);
          assert.equal(answer.headers.get('retry-after'), '7', where);
          const again = await one.send(one.key);
          assert.ok([200, 201].includes(again.status), `again: ${again.status} ${again.text}`);
        } else if (answer.status === 202) {
          assert.ok(heard.includes('u') || one.verb === 'refund', where);
          assert.equal(answer.body.status, 'processing', where);
          if (one.verb !== 'refund') assert.equal(answer.body.outcome, 'unknown', where);
          const again = await one.send(one.key);
          assert.equal(again.text, answer.text);
        } else {
          assert.ok([200, 201].includes(answer.status), where);
          // what moves no money is repeated
          assert.ok(heard.includes('d') || ['create', 'cancel'].includes(one.verb), where);
        }
        await hasEnded(till, one);
      };
      // one that is created confirms, too, and a part is captured where the whole is: each would take another's fault
      const alone = all.filter(({ verb }) => ['create', 'part'].includes(verb));
      for (const some of [all.filter((one) => !alone.includes(one)), ...alone.map((one) => [one])]) {
        await play(some);
        await Promise.all(some.map(check));
      }
    });
  }

  test('an attempt that the provider proves it never made is made again, but not for ever', async () => {
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_not_executed' }] });
    const answer = await pay(till);
    assert.equal(answer.status, 202, answer.text);
    await resolves(till, answer.body.id, 'cancelled');
    const attempts = await till.db.rows(`SELECT operation, status, tries FROM attempts WHERE payment_id = '${answer.body.id}' ORDER BY id`);
    assert.deepEqual(attempts.map(({ operation, status }) => `${operation} ${status}`), ['charge not_executed', 'cancel succeeded']);
    assert.ok(attempts[0].tries >= 3);
    assert.equal((await oracle(till, answer.body.id)).tried, 0);
  });

  test('while its outcome is unknown a payment is neither tried again nor cancelled', async () => {
    await till.sandbox.dials(noWebhooks);
    const { body: made } = await pay(till, { confirm: false });
    await till.sandbox.dials({
      ...noWebhooks,
      rules: [
        { operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed', times: 1 },
        { operation: 'GET /v1/payment_intents/{id}', action: 'error_500_not_executed' },
      ],
    });
    assert.equal((await act(till, made.id, 'confirm')).status, 202);
    isProblem(await act(till, made.id, 'confirm', { payment_method_id: 'pm_card_mastercard' }), 409, 'CONFLICT');
    isProblem(await act(till, made.id, 'cancel'), 409, 'CONFLICT');
    const polled = await till.api('GET', `/api/v1/payments/${made.id}`);
    assert.equal(polled.status, 202);
    assert.equal(polled.body.status, 'processing');
    assert.equal(polled.body.outcome, 'unknown');
    const listed = await till.api('GET', `/api/v1/payments?payment_id=${made.id}&status=processing`);
    assert.equal(listed.body.data.length, 1);
    await till.sandbox.dials(noWebhooks);
    await resolves(till, made.id, 'succeeded');
    assert.equal((await oracle(till, made.id)).executed, 1);
  });

  test('a decline that nobody heard is a decline', async () => {
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'truncate', bytes: 40, times: 1 }] });
    const key = newKey();
    const answer = await pay(till, { payment_method_id: 'pm_card_chargeDeclinedInsufficientFunds' }, { key });
    assert.equal(answer.status, 202, answer.text);
    await resolves(till, answer.body.id, 'failed');
    const payment = await get(till, answer.body.id);
    assert.equal(payment.failure.code, 'insufficient_funds');
    assert.equal((await oracle(till, payment.id)).tried, 1);
  });

  test('a refund that is refused after all gives its amount back', async () => {
    await till.sandbox.dials(noWebhooks);
    const payment = await paid(till);
    await till.sandbox.dashboard('refund', { payment_intent: payment.provider_payment_id, amount: 1000 });
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/refunds', action: 'error_500_not_executed', times: 1 }] });
    const answer = await act(till, payment.id, 'refund', { amount: usd('10.00') });
    assert.equal(answer.status, 202, answer.text);
    await until(async () => {
      await hurry(till);
      await sleep(50);
      return (await till.db.value(`SELECT status FROM refunds WHERE id = '${answer.body.id}'`)) === 'failed';
    }, 'the refund fails');
    await until(async () => (await get(till, payment.id)).status === 'refunded', 'the other one').catch(async () => {
      await hurry(till);
    });
    assert.equal((await till.db.value(`SELECT amount_refunding FROM payments WHERE id = '${payment.id}'`)), '0');
    assert.equal((await oracle(till, payment.id)).refunded, 1000);
  });

  test('ten payments with faults at random: each ends once', async () => {
    const rule = (action, more = {}) => ({ operation: 'POST /v1/payment_intents*', action, probability: 20, times: 6, ...more });
    await till.sandbox.dials({
      ...noWebhooks, seed: 7,
      rules: [rule('reset'), rule('error_500_executed'), rule('sticky_500'), rule('reset_not_executed'), rule('timeout_after_execute', { ms: 1200 })],
    });
    const answers = await Promise.all(Array.from({ length: 10 }, () => pay(till)));
    await till.sandbox.dials(noWebhooks);
    for (const answer of answers) {
      assert.ok([201, 202].includes(answer.status), answer.text);
      await resolves(till, answer.body.id, 'succeeded');
      assert.equal((await oracle(till, answer.body.id)).executed, 1);
    }
  });

  test('what was declined is closed there, though closing it met an error that is repeated under its key', async () => {
    await till.sandbox.dials({
      ...noWebhooks,
      rules: [
        { operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed', times: 1 },
        { operation: 'POST /v1/payment_intents/{id}/cancel', action: 'sticky_500', executed: false, times: 1 },
      ],
    });
    const { body } = await pay(till, { payment_method_id: 'pm_card_chargeDeclined' });
    await resolves(till, body.id, 'failed');
    const { provider_payment_id: intent } = await get(till, body.id);
    await until(async () => (await hurry(till), (await till.sandbox.stripe('GET', `payment_intents/${intent}`)).body.status === 'canceled'), 'it is closed');
  });

  test('the command works the queue when nobody else does', async () => {
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed', times: 1 }] });
    const { body } = await pay(till);
    assert.equal(await statusOf(till, body.id), 'unknown');
    await till.stopMaster();
    await hurry(till);
    const run = await till.command('job', 'run');
    assert.equal(run.code, 0, run.stderr);
    assert.equal(await statusOf(till, body.id), 'succeeded');
    await till.restart();
    assert.equal((await get(till, body.id)).status, 'succeeded');
  });
});

describe('a provider that cannot be reached', () => {
  let till, bridge;
  before(async () => {
    bridge = await startBridge();
    till = await startTill({ env: { ...QUICK, STRIPE_API_URL: bridge.url, BREAKER_THRESHOLD: '5', BREAKER_SECONDS: '2' } });
    bridge.target = till.sandboxUrl;
    await bridge.open();
    await till.sandbox.dials(noWebhooks);
  });
  after(async () => {
    await bridge.close();
    if (till) await bridge.open();
    await closed(till).finally(() => bridge.close());
  });
  const count = () => till.db.value('SELECT count(*) FROM payments');
  const closeBreaker = () => until(async () => {
    const answer = await pay(till);
    return answer.status === 201;
  }, 'the breaker closes', 8000);

  test('nothing was charged, and the same key charges once it is back', async () => {
    const held = await paid(till, { capture: false });
    await bridge.close();
    const key = newKey();
    const answer = await pay(till, {}, { key });
    isProblem(answer, 503, 'PROVIDER_UNAVAILABLE');
    assert.equal(answer.body.outcome, 'not_attempted');
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    assert.equal((await get(till, answer.body.payment_id)).status, 'pending');
    const captureKey = newKey();
    const capture = await act(till, held.id, 'capture', {}, { key: captureKey });
    isProblem(capture, 503, 'PROVIDER_UNAVAILABLE');
    assert.equal(capture.body.outcome, 'not_attempted');
    assert.equal(await statusOf(till, held.id), 'authorized');
    await bridge.open();
    const again = await pay(till, {}, { key });
    assert.equal(again.status, 201, again.text);
    assert.equal(again.body.id, answer.body.payment_id);
    assert.equal((await oracle(till, again.body.id)).executed, 1);
    assert.equal((await pay(till, {}, { key })).text, again.text);
    assert.equal((await act(till, held.id, 'capture', {}, { key: captureKey })).body.status, 'succeeded');
    assert.equal((await oracle(till, held.id)).captured, 1000);
  });

  test('a refund that could not be sent is sent when it is back', async () => {
    const payment = await paid(till);
    await bridge.close();
    const answer = await act(till, payment.id, 'refund');
    assert.equal(answer.status, 202, answer.text);
    assert.equal(answer.body.status, 'processing');
    isProblem(await act(till, payment.id, 'refund', { amount: usd('0.01') }), 400, 'ALREADY_REFUNDED');
    await bridge.open();
    await refundsDone(till, payment.id);
    assert.equal((await oracle(till, payment.id)).refunded, 1000);
  });

  test('after five failures nothing is begun any more, and one try finds that it is back', async () => {
    await closeBreaker();
    await bridge.close();
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await pay(till));
    for (const answer of answers) isProblem(answer, 503, 'PROVIDER_UNAVAILABLE');
    await until(async () => (await till.db.value("SELECT opened_until > now() FROM breakers WHERE provider = 'stripe'")) === 't', 'the breaker opens');
    await until(async () => { // the other process sees it within a second
      const before = await count();
      const refused = await Promise.all(Array.from({ length: 4 }, () => pay(till)));
      for (const answer of refused) {
        isProblem(answer, 503, 'PROVIDER_UNAVAILABLE');
        assert.equal(answer.body.outcome, 'not_attempted');
        assert.ok(Number(answer.headers.get('retry-after')) > 0);
      }
      return (await count()) === before;
    }, 'nothing is written any more');
    await bridge.open();
    await closeBreaker();
    assert.equal(await till.db.value("SELECT opened_until IS NULL FROM breakers WHERE provider = 'stripe'"), 't');
  });

  test('what the API only reads goes on', async () => {
    await closeBreaker(); // of the other process, too
    const payment = await until(() => paid(till), 'both processes see that it is back');
    await bridge.close();
    assert.equal((await till.api('GET', '/api/v1/payments')).status, 200);
    assert.equal((await get(till, payment.id)).status, 'succeeded');
    const waiting = await till.db.value("SELECT id FROM payments WHERE status = 'created' LIMIT 1");
    if (waiting) assert.equal((await till.api('GET', `/api/v1/payments/${waiting}`)).status, 200);
    assert.equal((await till.api('GET', '/readyz')).status, 200);
    await bridge.open();
  });
});

describe('deadlines', () => {
  let till;
  before(async () => { till = await startTill({ env: QUICK }); await till.sandbox.dials(noWebhooks); });
  after(() => closed(till));

  test('a payer who never comes back from his bank is given up after an hour, a payment nobody confirms after a day', async () => {
    const atTheBank = (await pay(till, { payment_method_id: 'pm_card_authenticationRequired' })).body;
    const waiting = (await pay(till, { confirm: false })).body;
    const held = await paid(till, { capture: false });
    await advance(till, 3500);
    await hurry(till);
    await sleep(500);
    assert.equal(await statusOf(till, atTheBank.id), 'requires_action');
    await advance(till, 200);
    await resolves(till, atTheBank.id, 'cancelled');
    assert.equal(await statusOf(till, waiting.id), 'created');
    const theirs = await till.sandbox.stripe('GET', `payment_intents/${atTheBank.provider_payment_id}`);
    assert.equal(theirs.body.status, 'canceled');
    await advance(till, 86400);
    await resolves(till, waiting.id, 'cancelled');
    assert.equal((await get(till, waiting.id)).cancellation_reason, 'abandoned');
    assert.equal(await statusOf(till, held.id), 'authorized');
  });

  test('what was paid at the bank is found out without being told', async () => {
    const payment = (await pay(till, { payment_method_id: 'pm_card_authenticationRequired' })).body;
    await till.sandbox.bank(payment.provider_payment_id, 'complete');
    assert.equal(await statusOf(till, payment.id), 'requires_action');
    await resolves(till, payment.id, 'succeeded');
    assert.equal((await oracle(till, payment.id)).captured, 1000);
  });

  test('a hold that the provider let go is let go here', async () => {
    const held = await paid(till, { capture: false });
    await till.sandbox.dashboard('cancel', { payment_intent: held.provider_payment_id });
    isProblem(await act(till, held.id, 'capture'), 400, 'INVALID_STATUS');
    await comesTo(till, held.id, 'cancelled');
    const captured = await paid(till, { capture: false });
    await till.sandbox.dashboard('capture', { payment_intent: captured.provider_payment_id, amount: 300 });
    const answer = await act(till, captured.id, 'capture');
    assert.ok([200, 400].includes(answer.status), answer.text);
    const now = await get(till, captured.id);
    assert.equal(now.status, 'succeeded');
    assert.deepEqual(now.amount_captured, usd('3.00'));
  });

  test('a hold that is about to end is told of, then released; one that was captured meanwhile is not', async () => {
    const held = await paid(till, { capture: false });
    const captured = await paid(till, { capture: false });
    const days = (Date.parse(held.capture_before) - Date.parse(held.created_at)) / 86400000;
    assert.ok(Math.abs(days - 7) < 0.01, `as the provider says: ${held.capture_before}`);
    assert.equal((await paid(till)).capture_before, null);
    const told = (id) => till.db.value(`SELECT count(*) FROM events WHERE object_id = '${id}' AND type = 'payment.authorization_expiring'`);
    const asked = (id) => till.db.rows(`SELECT resolution FROM decisions WHERE kind = 'authorization_expiring' AND object = '${id}'`);
    await advance(till, 4 * 86400);
    assert.deepEqual([await told(held.id), await asked(held.id)], ['0', []], 'too early');
    await advance(till, 86400 + 600);
    for (const { id } of [held, captured]) await until(async () => (await told(id)) === '1', `the warning of ${id}`);
    assert.deepEqual(await asked(held.id), [{ resolution: null }]);
    const [event] = (await till.api('GET', `/api/v1/events?object_id=${held.id}`)).body.data;
    assert.equal(event.data.object.capture_before, held.capture_before);
    assert.equal((await act(till, captured.id, 'capture')).status, 200);
    assert.deepEqual(await asked(captured.id), [{ resolution: 'succeeded' }]);

    await advance(till, 2 * 86400 - 1800);
    await resolves(till, held.id, 'cancelled');
    const { cancellation_reason: reason, capture_before: until_when } = await get(till, held.id);
    assert.deepEqual([reason, until_when], ['authorization_expired', null]);
    assert.deepEqual(await asked(held.id), [{ resolution: 'cancelled' }]);
    assert.equal((await till.sandbox.stripe('GET', `payment_intents/${held.provider_payment_id}`)).body.cancellation_reason, null, 'by us, before the provider did');
    assert.equal((await get(till, captured.id)).status, 'succeeded');
    assert.deepEqual([await told(held.id), await told(captured.id)], ['1', '1']);
  });
});

describe('a creation that was believed lost and comes about late', () => {
  let till;
  before(async () => { till = await startTill({ env: QUICK }); await till.sandbox.dials(noWebhooks); });
  after(() => closed(till));

  /** What the provider makes of a request of ours that was on its way for long. */
  const late = async (id, more = {}) => {
    const form = { amount: '1000', currency: 'usd', 'payment_method_types[]': 'card', 'metadata[payment_id]': id, ...more };
    const { status, body } = await till.sandbox.stripe('POST', 'payment_intents', form);
    assert.equal(status, 200, JSON.stringify(body));
    return body.id;
  };
  const there = async (intent) => (await till.sandbox.stripe('GET', `payment_intents/${intent}`)).body.status;
  const sweep = async () => {
    const { status, text } = await till.api('POST', '/api/v1/maintenance/sweep');
    assert.equal(status, 200, text);
  };
  const asked = (object) => till.db.value(`SELECT count(*) FROM decisions WHERE object = '${object}' AND done_at IS NULL`);

  test('is closed by the sweep where the payment has another, which stays as it is', async () => {
    const payment = await paid(till);
    const orphan = await late(payment.id);
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/payment_intents/{id}/cancel', action: 'error_500_not_executed', times: 1 }] });
    await sweep();
    await until(async () => {
      await hurry(till);
      return (await there(orphan)) === 'canceled';
    }, 'the orphan is closed, at the second try');
    await sweep(); // that tells of its end
    const { status, provider_payment_id: reference } = await get(till, payment.id);
    assert.deepEqual([status, reference], ['succeeded', payment.provider_payment_id]);
    assert.equal(await asked(payment.id), '0');
    assert.deepEqual(await till.db.rows(`SELECT details->>'reference' AS reference FROM audit_log WHERE object = '${payment.id}' AND action = 'payment.orphan_closed'`), [{ reference: orphan }]);
  });

  test('is closed where the payment was given up without one', async () => {
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/payment_intents', action: '429', retry_after: 1, times: 1 }] });
    const answer = await pay(till);
    isProblem(answer, 503, 'PROVIDER_UNAVAILABLE');
    const id = answer.body.payment_id;
    assert.equal((await act(till, id, 'cancel')).body.status, 'cancelled');
    const orphan = await late(id);
    await sweep();
    await until(async () => {
      await hurry(till);
      return (await there(orphan)) === 'canceled';
    }, 'it is closed');
    assert.equal(await statusOf(till, id), 'cancelled');
  });

  test('and that somebody has paid all the same, or that is another amount, is for a person', async () => {
    const payment = await paid(till);
    const held = await late(payment.id, { capture_method: 'manual', confirm: 'true', payment_method: 'pm_card_visa', return_url: 'https://shop.example/' });
    assert.equal(await there(held), 'requires_capture');
    const other = await paid(till);
    const another = await late(other.id, { amount: '1001' });
    await sweep();
    await until(async () => {
      await hurry(till);
      return (await asked(payment.id)) === '1' && (await asked(other.id)) === '1';
    }, 'a person is asked');
    assert.deepEqual([await there(held), await there(another)], ['requires_capture', 'requires_payment_method']);
    assert.deepEqual([(await get(till, payment.id)).status, (await get(till, other.id)).status], ['succeeded', 'succeeded']);
  });
});

describe('maintenance that cron asks for, twice, at once and late', () => {
  let till;
  before(async () => { till = await startTill({ env: QUICK }); await till.sandbox.dials(noWebhooks); });
  after(() => closed(till));
  const KINDS = ['resolve', 'sweep', 'jobs', 'retention', 'seal'];
  const run = (kind, apiKey) => till.api('POST', `/api/v1/maintenance/${kind}`, { apiKey });

  /** Four of each kind at once; how they went. */
  const all = async (apiKey) => {
    const answers = await Promise.all(KINDS.flatMap((kind) => Array.from({ length: 4 }, () => run(kind, apiKey))));
    for (const { status, body, text } of answers) assert.ok(status === 200 && ['done', 'already_running'].includes(body.status), text);
    return answers.map(({ body }) => body);
  };

  test('does each thing once', async () => {
    const key = await till.makeKey('maintenance:run');
    const atTheBank = (await pay(till, { payment_method_id: 'pm_card_authenticationRequired' })).body;
    const waiting = (await pay(till, { confirm: false })).body;
    await till.sandbox.dials({ ...noWebhooks, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed', times: 3 }] });
    const lost = await Promise.all(Array.from({ length: 3 }, () => pay(till)));
    for (const { status, text } of lost) assert.equal(status, 202, text);
    await advance(till, 60); // cron had a pause
    await until(async () => {
      const ran = await all(key);
      for (const kind of KINDS) assert.ok(ran.some((one) => one.kind === kind && one.status === 'done'), kind);
      return (await till.db.value("SELECT count(*) FROM payments WHERE status = 'unknown'")) === '0';
    }, 'what was lost is found');
    await advance(till, 90000); // and is a day late
    await all(key);
    await until(async () => {
      await run('resolve', key);
      return (await statusOf(till, waiting.id)) === 'cancelled';
    }, 'what nobody wanted any more is over');
    const twice = await till.db.rows(`SELECT object, action FROM audit_log WHERE action IN ('payment.succeeded', 'payment.cancelled') GROUP BY 1, 2 HAVING count(*) > 1`);
    assert.deepEqual(twice, []);
    for (const { body } of lost) assert.equal((await oracle(till, body.id)).executed, 1);
    assert.deepEqual([await statusOf(till, atTheBank.id), await statusOf(till, waiting.id)], ['cancelled', 'cancelled']);
    const { body: listed } = await till.api('GET', '/api/v1/maintenance', { apiKey: key });
    for (const kind of KINDS) assert.ok(listed.data.some((one) => one.kind === kind && one.finished_at && one.result), kind);
    const doctor = JSON.parse((await till.command('doctor', '--json')).stdout);
    assert.ok(doctor.some(({ code, level }) => code === 'MAINTENANCE' && level !== 'FAIL'), JSON.stringify(doctor.map(({ code }) => code)));
  });

  test('and only for a key that may', async () => {
    const other = await till.makeKey('payments:write payments:read');
    for (const kind of KINDS) isProblem(await run(kind, other), 403, 'FORBIDDEN');
  });
});
