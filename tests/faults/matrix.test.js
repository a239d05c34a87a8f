'use strict';

// Every named place between two phases, by itself: the process dies there, dies there while the provider fails too, or PostgreSQL
// goes away there. What the caller sees, what the same key brings afterwards, and what both books say once the queue has run.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { act, closed, hurry, newKey, oracle, pay, usd } = require('../api/books.js');
const { startCluster } = require('../lib/postgres.js');
const { PUBLISHABLE_KEY, sleep, startTill, until } = require('../lib/till.js');

const DEADLINE = 600;
const SILENT = { webhooks: { off: true } };

/** What each operation does, where its money moves at the provider, and what is true in the end. */
const OPERATIONS = {
  charge: { path: '/v1/payment_intents/{id}/confirm', end: 'succeeded', charges: 1, prepare: async (till) => ({ send: (key) => pay(till, {}, { key }) }) },
  confirm: {
    path: '/v1/payment_intents/{id}/confirm', end: 'succeeded', charges: 1,
    prepare: (till) => made(till, { confirmation_method: 'manual' }, 'pending', 'confirm', {}),
  },
  capture: {
    path: '/v1/payment_intents/{id}/capture', end: 'succeeded', charges: 1,
    prepare: (till) => made(till, { capture: false }, 'authorized', 'capture', { amount: usd('7.00') }),
  },
  'second capture': {
    path: '/v1/payment_intents/{id}/capture', end: 'authorized', charges: 1, executed: 2, captured: 700,
    prepare: (till) => begun(till, 'capture', { amount: usd('3.00'), final: false }),
  },
  'release of the rest': {
    path: '/v1/payment_intents/{id}/capture', end: 'succeeded', charges: 1, captured: 400, faults: {}, // the call is that of a capture
    prepare: (till) => begun(till, 'cancel', {}),
  },
  cancel: {
    path: '/v1/payment_intents/{id}/cancel', end: 'cancelled', charges: 0,
    prepare: (till) => made(till, { capture: false }, 'authorized', 'cancel', {}),
  },
  refund: {
    path: '/v1/refunds', end: 'succeeded', charges: 1, refunds: 1,
    prepare: (till) => made(till, {}, 'succeeded', 'refund', { amount: usd('4.00') }),
  },
};

/** A payment that has come so far. On a busy machine the provider's answer may miss the short deadline; then another is made. */
function paidSoFar(till, body, status) {
  return until(async () => {
    const { body: payment, text } = await pay(till, body);
    if (payment?.status === status) return payment;
    throw new Error(text);
  }, `a payment that is ${status}`);
}

async function made(till, body, status, verb, what) {
  const { id } = await paidSoFar(till, body, status);
  return { id, send: (key) => act(till, id, verb, what, { key }) };
}

/** 10.00 are held, of which 4.00 are captured. */
async function begun(till, verb, what) {
  const { id } = await made(till, { capture: false }, 'authorized');
  const key = newKey();
  await till.sandbox.dials(SILENT);
  const first = await until(async () => {
    const answer = await act(till, id, 'capture', { amount: usd('4.00'), final: false }, { key });
    if (answer.status === 202) await hurryAll();
    return (await till.db.value(`SELECT amount_captured FROM payments WHERE id = '${id}' AND status = 'authorized'`)) === '400' && answer;
  }, 'a first capture');
  assert.ok([200, 202].includes(first.status), first.text);
  return { id, send: (same) => act(till, id, verb, what, { key: same }) };
}

// What a key is good for after the first run has died there: fresh, the second run is the first; held, it is told to wait until
// the first is known to be dead, and goes on with what that made; kept, it gets the answer.
const PLACES = {
  charge: {
    'charge.before_t1': 'fresh', 'charge.after_t1': 'held', 'charge.after_c1': 'held', 'charge.after_t2': 'held', 'charge.after_c2': 'held',
    'charge.after_t3': 'held', 'request.before_answer_kept': 'held', 'request.before_reply': 'kept',
  },
  confirm: { 'confirm.before_t1': 'fresh', 'charge.after_t1': 'held', 'charge.after_t2': 'held', 'charge.after_c2': 'held', 'charge.after_t3': 'held' },
  capture: { 'capture.before_t1': 'fresh', 'capture.after_t1': 'held', 'capture.after_c2': 'held', 'capture.after_t3': 'held' },
  'second capture': { 'capture.before_t1': 'fresh', 'capture.after_t1': 'held', 'capture.after_c2': 'held', 'capture.after_t3': 'held' },
  'release of the rest': { 'cancel.before_t1': 'fresh', 'capture.after_t1': 'held', 'capture.after_c2': 'held', 'capture.after_t3': 'held' },
  cancel: { 'cancel.before_t1': 'fresh', 'cancel.after_t1': 'held', 'cancel.after_c2': 'held', 'cancel.after_t3': 'held' },
  refund: { 'refund.before_t1': 'fresh', 'refund.after_t1': 'held', 'refund.after_c2': 'held', 'refund.after_t3': 'held' },
};

const PROVIDER = {
  'executes and times out': { action: 'timeout_after_execute', ms: 2 * DEADLINE },
  'answers 500, executed': { action: 'error_500_executed' },
  'answers 500, not executed': { action: 'error_500_not_executed' },
  'resets in the middle of its answer': { action: 'reset' },
  'lets a reused connection die after the POST': { action: 'close_reused' },
};

let till, cluster, dir, failpoints;

before(async () => {
  cluster = await startCluster();
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'till-fp-'));
  failpoints = path.join(dir, 'failpoints');
  fs.writeFileSync(failpoints, '');
  till = await startTill({
    env: {
      TILL_FAILPOINTS: failpoints, TILL_WORKERS: '1', TILL_THREADS: '4', PROVIDER_DEADLINE_MS: String(DEADLINE), PROVIDER_TIMEOUT_MS: '2000',
      BREAKER_THRESHOLD: '1000', STRIPE_MULTICAPTURE: 'true',
    },
  });
  await till.sandbox.dials(SILENT);
  await paidSoFar(till, {}, 'succeeded');
  await sweepNow(); // the first one finds where the list begins, the others go on from there
  await until(() => till.db.value('SELECT last_event_id FROM sweeps'), 'the first sweep');
});

after(async () => {
  try {
    await closed(till);
  } finally {
    await cluster?.stop();
    if (dir) fs.rmSync(dir, { recursive: true, force: true });
  }
});

const here = () => `${failpoints}.here`;
const arm = (place, action) => {
  fs.rmSync(here(), { force: true });
  fs.writeFileSync(failpoints, place ? `${place} 0 ${action}\n` : '');
};
const isReady = () => until(async () => (await fetch(`${till.url}/readyz`)).status === 200, 'Till is ready again');

/** Waits until somebody stands at the armed place; disarming it lets him go on. */
async function somebodyWaits() {
  await until(() => fs.existsSync(here()), 'somebody comes by');
}

/** The queue goes on now: what a dead process had in hand is anybody's. */
async function hurryAll() {
  await till.db.value("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running' AND claim IS NOT NULL");
  await hurry(till);
}

const isBroken = (answer) => answer.status >= 500 && answer.body?.type === 'about:blank'; // the web server speaks for us

/** The same request under its key, until it is answered; whether it had to wait for a run that is dead. */
async function insist(send, key) {
  let waited = false;
  for (let i = 0; i < 40; i++) {
    const answer = await send(key);
    if (answer.status === 409 && answer.body.code === 'IDEMPOTENCY_IN_PROGRESS') {
      assert.ok(Number(answer.headers.get('retry-after')) > 0, 'how long to wait');
      waited = true;
      await till.db.value('UPDATE idempotency_keys SET held_until = now() WHERE status IS NULL');
    } else if (isBroken(answer) || answer.status === 503) {
      await sleep(100);
    } else {
      return { answer, waited };
    }
  }
  throw new Error('the key is never answered');
}

/** Once the queue has run: the operation came to its end once, here and there, and nothing is left open. */
async function hasEnded({ id, end, charges, executed = charges, captured, refunds = 0 }) {
  await until(async () => {
    await hurryAll();
    const row = (await till.db.rows(`SELECT status, (SELECT count(*) FROM attempts a WHERE a.payment_id = p.id AND a.status = 'open') AS open,
        (SELECT count(*) FROM refunds r WHERE r.payment_id = p.id AND r.status = 'succeeded') AS refunds,
        (SELECT count(*) FROM jobs j WHERE (j.subject = p.id AND NOT (p.status = 'authorized' AND j.kind = 'payment.expire'))
            OR j.subject IN (SELECT r.id FROM refunds r WHERE r.payment_id = p.id)) AS jobs
        FROM payments p WHERE id = '${id}'`))[0];
    if (row.status === end && row.open === 0 && row.refunds === refunds && row.jobs === 0) return true;
    await sleep(50);
    throw new Error(JSON.stringify(row));
  }, `${id} comes to its end`);
  const truth = await oracle(till, id);
  assert.deepEqual([truth.charges, truth.executed, truth.refunds.length], [charges, executed, refunds], 'charges, captures and refunds at the provider');
  if (captured) assert.equal(truth.captured, captured, 'captured at the provider');
  const [booked] = await till.db.rows(`SELECT p.amount_captured - p.amount_refunded AS kept, coalesce(sum(l.amount), 0) AS booked FROM payments p
      LEFT JOIN ledger_entries e ON e.kind IN ('capture', 'refund') AND (e.source = p.id OR e.source IN (SELECT r.id FROM refunds r WHERE r.payment_id = p.id))
      LEFT JOIN ledger_lines l ON l.entry_id = e.id AND l.account = 'stripe:receivable' WHERE p.id = '${id}' GROUP BY p.id`);
  assert.equal(Number(booked.booked), Number(booked.kept), 'the ledger');
  assert.equal(truth.captured - truth.refunded, Number(booked.kept), 'both books');
  assert.equal(await till.db.value(`SELECT count(*) FROM payments p WHERE reference IS NOT NULL AND reference = (SELECT reference FROM payments WHERE id = '${id}')`), '0');
}

/** The key has one result, and it is replayed. */
async function isAnsweredOnce(one, first, answer) {
  assert.ok([200, 201, 202].includes(answer.status), `${answer.status} ${answer.text}`);
  const id = answer.body.payment_id ?? answer.body.id;
  if (first.status < 300) assert.equal(answer.body.id, first.body.id, 'the one that was acknowledged');
  assert.equal(id, one.id ?? id);
  const again = await one.send(one.key);
  assert.equal(again.text, answer.text);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  return id;
}

for (const [name, operation] of Object.entries(OPERATIONS)) {
  describe(name, () => {
    for (const [place, then] of Object.entries(PLACES[name])) {
      const dies = async (fault) => {
        const one = { ...operation, ...(await operation.prepare(till)), key: newKey() };
        await till.sandbox.dials({ ...SILENT, rules: fault ? [{ operation: `POST ${operation.path}`, times: 1, ...fault }] : [] });
        arm(place, 'kill');
        const first = await one.send(one.key);
        arm();
        assert.ok(isBroken(first), `the process died: ${first.status} ${first.text}`);
        await isReady();
        const { answer, waited } = await insist(one.send, one.key);
        assert.equal(waited, then === 'held', 'told to wait');
        if (then === 'kept') assert.equal(answer.headers.get('idempotent-replayed'), 'true');
        one.id = await isAnsweredOnce(one, first, answer);
        await till.sandbox.dials(SILENT);
        await hasEnded(one);
      };

      test(`${place}: the process is killed`, () => dies());
      for (const [what, fault] of Object.entries(operation.faults ?? PROVIDER)) test(`${place}: the process is killed, and the provider ${what}`, () => dies(fault));

      test(`${place}: PostgreSQL is gone`, async () => {
        const one = { ...operation, ...(await operation.prepare(till)), key: newKey() };
        arm(place, 'wait');
        const asked = one.send(one.key);
        await somebodyWaits();
        await cluster.crash();
        arm();
        const first = await asked;
        await cluster.start();
        if (first.status === 503) assert.ok(Number(first.headers.get('retry-after')) > 0, 'when to come again');
        else assert.ok([200, 201, 202].includes(first.status) && (/after_t3|^request/.test(place) || (name === 'refund' && first.status === 202)), `${first.status} ${first.text}`);
        await isReady();
        const { answer, waited } = await insist(one.send, one.key);
        assert.equal(waited, then === 'held', 'told to wait');
        one.id = await isAnsweredOnce(one, first, answer);
        await hasEnded(one);
      });
    }
  });
}

// Where nobody waits for an answer ---------------------------------------------------------------------------------------

/** Kills whoever comes by this place, or takes PostgreSQL away from him. */
const STRIKES = {
  'the process is killed': async (place, trigger) => {
    const [worker] = till.workers();
    arm(place, 'kill');
    await trigger();
    await until(() => !till.workers().includes(worker), `${place} is passed`);
    arm();
  },
  'PostgreSQL is gone': async (place, trigger) => {
    arm(place, 'wait');
    const begun = trigger();
    await somebodyWaits();
    await cluster.crash();
    arm();
    await Promise.resolve(begun).catch(() => {});
    await sleep(50);
    await cluster.start();
  },
};

/** A payment that somebody has yet to pay at his bank. */
const atTheBank = () => paidSoFar(till, { payment_method_id: 'pm_card_authenticationRequired' }, 'requires_action');

/** The sweep comes by now, or again when it is just under way. */
const sweepNow = () => until(() => till.db.value("UPDATE jobs SET run_at = domain_now() WHERE kind = 'sweep' AND state = 'available' RETURNING 1"), 'a sweep to come');

const BACKGROUND = {
  'webhook.before_store': async () => {
    const payment = await atTheBank();
    await till.sandbox.dials({ webhooks: { off: false, retry_ms: 200 } });
    return { id: payment.id, trigger: () => till.sandbox.bank(payment.provider_payment_id, 'complete') };
  },
  'resolver.after_ask': async () => {
    await till.sandbox.dials({ ...SILENT, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed', times: 1 }] });
    const { body, status } = await pay(till);
    assert.equal(status, 202);
    return { id: body.id, trigger: () => hurry(till) };
  },
  'sweep.before_store': async () => {
    const payment = await atTheBank();
    await till.sandbox.bank(payment.provider_payment_id, 'complete');
    return { id: payment.id, trigger: sweepNow };
  },
};
BACKGROUND['webhook.after_store'] = BACKGROUND['webhook_job.after_ask'] = BACKGROUND['webhook_job.after_apply'] = BACKGROUND['webhook.before_store'];
BACKGROUND['resolver.before'] = BACKGROUND['resolver.after'] = BACKGROUND['resolver.after_ask'];

describe('in the background', () => {
  for (const [place, prepare] of Object.entries(BACKGROUND)) {
    for (const [what, strike] of Object.entries(STRIKES)) {
      test(`${place}: ${what}`, async () => {
        const { id, trigger } = await prepare();
        await strike(place, trigger);
        await isReady();
        await hasEnded({ id, end: 'succeeded', charges: 1 });
        await till.sandbox.dials(SILENT);
        await until(async () => {
          await hurryAll();
          return (await till.db.value("SELECT count(*) FROM webhook_events WHERE status = 'stored'")) === '0';
        }, 'the events are worked');
        assert.equal(await till.db.value(`SELECT count(*) FROM events WHERE object_id = '${id}' AND type = 'payment.succeeded'`), '1');
      });
    }
  }
});

describe('a hold that is about to end', () => {
  const look = (id) => till.db.value(`UPDATE jobs SET run_at = domain_now() WHERE kind = 'payment.expire' AND subject = '${id}' AND state = 'available'`);
  const ends = (id, left) => till.db.value(`UPDATE payments SET capture_before = domain_now() + interval '${left}' WHERE id = '${id}'`);
  const told = (id, type) => till.db.value(`SELECT count(*) FROM events WHERE object_id = '${id}' AND type = '${type}'`);

  // A sweep would bring the provider's own word of when the hold ends, which is another than that written here.
  before(() => until(() => till.db.value("UPDATE jobs SET run_at = domain_now() + interval '1 day' WHERE kind = 'sweep' AND state = 'available' RETURNING 1"),
    'a sweep that is put off'));

  test('of which a part was captured: only the rest is let go, whenever the process dies', async () => {
    for (const place of ['expiry.before', 'capture.after_t1', 'capture.after_c2']) {
      const { id } = await begun(till, 'capture', {});
      await ends(id, '30 minutes');
      await STRIKES['the process is killed'](place, () => look(id));
      await isReady();
      await hasEnded({ id, end: 'succeeded', charges: 1, captured: 400 });
      assert.deepEqual([await told(id, 'payment.cancelled'), await told(id, 'payment.succeeded')], ['0', '1']);
    }
  });

  for (const place of ['expiry.before', 'expiry.after_warning', 'cancel.after_t1', 'cancel.after_c2']) {
    for (const [what, strike] of Object.entries(STRIKES)) {
      test(`${place}: ${what}`, async () => {
        const warns = place === 'expiry.after_warning';
        const { id } = await made(till, { capture: false }, 'authorized');
        await ends(id, warns ? '1 day' : '30 minutes');
        await strike(place, () => look(id));
        await isReady();
        if (warns) {
          await until(async () => {
            await hurryAll();
            return (await till.db.value(`SELECT count(*) FROM jobs WHERE kind = 'payment.expire' AND subject = '${id}' AND state = 'available'
                AND run_at > domain_now()`)) === '1';
          }, 'the job waits for the end');
          assert.equal(await told(id, 'payment.authorization_expiring'), '1');
          await ends(id, '30 minutes');
          await look(id);
        }
        await hasEnded({ id, end: 'cancelled', charges: 0 });
        assert.deepEqual([await told(id, 'payment.cancelled'), await told(id, 'payment.authorization_expiring')], ['1', warns ? '1' : '0']);
        assert.equal(await till.db.value(`SELECT count(*) FROM decisions WHERE object = '${id}' AND done_at IS NULL`), '0');
      });
    }
  }
});

/** The calls by which each of them asks; what a job could not ask it asks again. */
const ASKS = { 'webhook.before_store': 'GET /v1/payment_intents/{id}', 'resolver.before': 'GET /v1/payment_intents/{id}', 'sweep.before_store': 'GET /v1/events' };
const READS = {
  'times out': { action: 'delay', ms: 2500 },
  'answers 500': { action: 'error_500_not_executed' },
  'resets in the middle of its answer': { action: 'reset' },
  'answers with a page': { action: 'html_200' },
};

describe('in the background, and the provider', () => {
  for (const [place, operation] of Object.entries(ASKS)) {
    for (const [what, fault] of Object.entries(READS)) {
      test(`${what}: ${place.split('.')[0]}`, async () => {
        const { id, trigger } = await BACKGROUND[place]();
        const silent = place !== 'webhook.before_store';
        await till.sandbox.dials({ webhooks: silent ? SILENT.webhooks : { retry_ms: 200 }, rules: [{ operation, times: 1, ...fault }] });
        await trigger();
        await hasEnded({ id, end: 'succeeded', charges: 1 });
        await till.sandbox.dials(SILENT);
        assert.equal(await till.db.value(`SELECT count(*) FROM events WHERE object_id = '${id}' AND type = 'payment.succeeded'`), '1');
      });
    }
  }
});

test('a capture that is still on its way when the provider is asked, and is asked for again, is made once', async () => {
  const { id, send } = await begun(till, 'capture', { amount: usd('3.00'), final: false });
  await till.sandbox.dials({ ...SILENT, rules: [{ operation: 'POST /v1/payment_intents/{id}/capture', times: 1, action: 'delay', ms: 2500 }] });
  const first = await send(newKey());
  assert.equal(first.status, 202, first.text);
  await hasEnded({ id, end: 'authorized', charges: 1, executed: 2, captured: 700 });
  await sleep(2600);
  await hasEnded({ id, end: 'authorized', charges: 1, executed: 2, captured: 700 });
  await till.sandbox.dials(SILENT);
});

test('a capture is refused, and the answer to what has become of the hold is a page: to be asked again', async () => {
  const held = (await pay(till, { capture: false })).body;
  await till.sandbox.dashboard('cancel', { payment_intent: held.provider_payment_id });
  await till.sandbox.dials({ ...SILENT, rules: [{ operation: 'GET /v1/payment_intents/{id}', action: 'html_200', times: 1 }] });
  const key = newKey();
  const send = () => act(till, held.id, 'capture', {}, { key });
  const first = await send();
  assert.ok(first.status === 503 && Number(first.headers.get('retry-after')) > 0, `${first.status} ${first.text}`);
  await till.sandbox.dials(SILENT);
  await insist(send, key);
  await hasEnded({ id: held.id, end: 'cancelled', charges: 0 });
});

describe('on the checkout page', () => {
  const open = async () => {
    const session = (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('12.00') }, key: newKey() })).body;
    const page = session.url.slice(till.url.length);
    return {
      session,
      press: () => till.api('POST', `${page}/pay`, { body: {}, apiKey: null }),
      state: () => till.api('GET', `${page}/state`, { apiKey: null }),
    };
  };

  /** After whatever happened the button can be pressed, the payer pays once, and every book says so. */
  async function canBePaid({ session, press, state }) {
    const answer = await until(async () => {
      await hurryAll();
      const pressed = await press();
      return pressed.status === 200 && pressed.body.client_secret && pressed;
    }, 'the page can be paid');
    const intent = answer.body.client_secret.split('_secret_')[0];
    const form = { client_secret: answer.body.client_secret, payment_method: 'pm_card_visa', return_url: answer.body.return_url };
    const confirmed = await till.sandbox.stripe('POST', `payment_intents/${intent}/confirm`, form, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
    assert.equal(confirmed.body.status, 'succeeded', JSON.stringify(confirmed.body));
    await hasEnded({ id: answer.body.payment_id, end: 'succeeded', charges: 1 });
    assert.equal(await till.db.value(`SELECT count(*) FROM payments WHERE checkout_id = '${session.id}'`), '1');
    assert.equal((await till.api('GET', `/api/v1/checkout/sessions/${session.id}`)).body.status, 'complete');
    assert.equal((await state()).body.payment_status, 'succeeded');
  }

  for (const place of ['charge.before_t1', 'charge.after_t1', 'charge.after_c1', 'checkout.before_door', 'request.before_reply']) {
    test(`${place}: the process is killed`, async () => {
      const page = await open();
      arm(place, 'kill');
      assert.ok((await page.press()).status >= 500, 'the process died');
      arm();
      await isReady();
      await canBePaid(page);
    });

    test(`${place}: PostgreSQL is gone`, async () => {
      const page = await open();
      arm(place, 'wait');
      const asked = page.press();
      await somebodyWaits();
      await cluster.crash();
      arm();
      const first = await asked;
      const looked = await page.state();
      await cluster.start();
      if (place === 'request.before_reply') assert.equal(first.status, 200, first.text);
      else assert.ok(first.status === 503 && Number(first.headers.get('retry-after')) > 0, `${first.status} ${first.text}`);
      assert.equal(looked.status, 503, looked.text);
      await isReady();
      await canBePaid(page);
    });
  }

  for (const [what, fault] of Object.entries(PROVIDER)) {
    test(`the provider ${what}`, async () => {
      const page = await open();
      await till.sandbox.dials({ ...SILENT, rules: [{ operation: 'POST /v1/payment_intents', times: 1, ...fault }] });
      const first = await page.press();
      assert.ok(first.status === 200 || (first.status === 503 && Number(first.headers.get('retry-after')) > 0), `${first.status} ${first.text}`);
      await till.sandbox.dials(SILENT);
      await canBePaid(page);
    });
  }
});
