'use strict';

// What the provider tells us: whoever signed it, however often, in whichever order.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { WEBHOOK_SECRET, sleep, startTill, top, until } = require('../lib/till.js');
const { act, closed, comesTo, get, isProblem, newKey, oracle, paid, pay, pointers, resolves, statusOf, usd } = require('./books.js');

const ADDRESSES = ['/api/v1/webhooks/stripe', '/api/v1/payments/webhooks/stripe', '/webhooks/stripe', '/api/webhooks/stripe'];
const vectors = JSON.parse(fs.readFileSync(
  path.join(process.env.TILL_CONTRACTS || path.join(top, '../shared/contracts'), 'webhooks/stripe-signatures.json'), 'utf8'));

const now = () => Math.floor(Date.now() / 1000);
const hmac = (secret, time, body) => crypto.createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex');
const signature = (body, { secret = WEBHOOK_SECRET, time = now() } = {}) => `t=${time},v1=${hmac(secret, time, body)}`;

/** An event as the provider writes it. */
function event(type, object = {}, more = {}) {
  return {
    id: `evt_${crypto.randomBytes(12).toString('hex')}`, object: 'event', api_version: '2026-08-26.dahlia', created: now(), livemode: false,
    pending_webhooks: 1, request: { id: null, idempotency_key: null }, type, data: { object }, ...more,
  };
}
const aboutIntent = (type, id) => event(type, { id, object: 'payment_intent', status: 'succeeded' });

/** Delivers bytes with a signature; null for none. */
async function deliver(till, body, { address = ADDRESSES[0], header, ...how } = {}) {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const signed = header === undefined ? signature(bytes, how) : header;
  const headers = { 'content-type': 'application/json; charset=utf-8', ...(signed === null ? {} : { 'stripe-signature': signed }) };
  return till.api('POST', address, { raw: bytes, headers, apiKey: null });
}

const stored = (till, id) => till.api('GET', `/api/v1/webhooks/events/${id}`);
const processed = (till, id, status) => until(async () => (await stored(till, id)).body.status === status, `${id} ${status}`);

describe('signatures', () => {
  let till;
  before(async () => {
    till = await startTill({ sandbox: false, env: { STRIPE_WEBHOOK_SECRET: `whsec_the_next_one,${vectors.secret}` } });
  });
  after(() => till?.stop());

  test('every vector over HTTP', async () => {
    const offset = vectors.now - now();
    await till.db.value(`UPDATE clock SET offset_seconds = ${offset}`);
    await sleep(2500);
    for (const vector of vectors.vectors) {
      if (vector.valid === null || /^30[01] seconds/.test(vector.name)) continue; // either will do, or only in that very second
      const answer = await deliver(till, vector.payload, { header: vector.header });
      if (vector.valid) {
        assert.equal(answer.status, 200, `${vector.name}: ${answer.text}`);
        assert.deepEqual(answer.body, { status: 'success', received: true });
      } else {
        isProblem(answer, 400, 'INVALID_SIGNATURE');
        assert.match(answer.body.detail, /^Invalid signature/, vector.name);
      }
    }
    assert.equal(await till.db.value('SELECT count(*) > 0 AND count(*) = count(DISTINCT provider_event_id) FROM webhook_events'), 't');
    await till.db.value('UPDATE clock SET offset_seconds = 0');
    await sleep(2500);
  });

  test('while a secret is rolled both are good, no other is', async () => {
    for (const secret of ['whsec_the_next_one', vectors.secret]) {
      assert.equal((await deliver(till, event('ping.a'), { secret })).status, 200);
    }
    isProblem(await deliver(till, event('ping.a'), { secret: WEBHOOK_SECRET }), 400, 'INVALID_SIGNATURE');
    isProblem(await deliver(till, event('ping.a'), { secret: '' }), 400, 'INVALID_SIGNATURE');
  });

  test('what is too old is refused', async () => {
    const secret = vectors.secret;
    assert.equal((await deliver(till, event('ping.a'), { secret, time: now() - 280 })).status, 200);
    isProblem(await deliver(till, event('ping.a'), { secret, time: now() - 302 }), 400, 'INVALID_SIGNATURE');
    isProblem(await deliver(till, event('ping.a'), { secret, time: now() + 400 }), 400, 'INVALID_SIGNATURE');
  });

  test('a bad one is something for the operator', async () => {
    const before = till.logLines().length;
    await deliver(till, event('ping.a'), { secret: 'whsec_of_somebody' });
    const line = await until(() => till.logLines().slice(before).find((one) => one.event === 'webhook.invalid_signature'), 'the line');
    assert.equal(line.level, 'warn');
    assert.doesNotMatch(till.logs(), /whsec_|v1=[0-9a-f]{64}/);
  });
});

describe('coming in', { concurrency: 4 }, () => {
  let till;
  before(async () => { till = await startTill(); });
  after(() => closed(till));

  for (const address of ADDRESSES) {
    test(`${address} takes them`, async () => {
      const sent = event('customer.created', { id: 'cus_1', object: 'customer' });
      const answer = await deliver(till, sent, { address });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body, { status: 'success', received: true });
      assert.equal((await stored(till, sent.id)).body.type, 'customer.created');
      const bad = await deliver(till, sent, { address, header: 't=1,v1=00' });
      isProblem(bad, 400, 'INVALID_SIGNATURE');
      assert.equal(bad.body.detail.startsWith('Webhook Error: '), address === '/api/webhooks/stripe', bad.body.detail);
    });
  }

  for (const [what, body] of [
    ['no JSON', 'payment_intent.succeeded'], ['a list', '[]'], ['no id', { ...event('a.b'), id: undefined }],
    ['no type', { ...event('a.b'), type: undefined }], ['an id that is none', { ...event('a.b'), id: '../../etc' }],
    ['no object', { ...event('a.b'), data: {} }], ['the other mode', event('a.b', { id: 'x', object: 'charge' }, { livemode: true })],
  ]) {
    test(`${what}, well signed, is refused`, async () => {
      const answer = await deliver(till, body);
      isProblem(answer, 400, 'INVALID_PAYLOAD');
      assert.match(answer.body.detail, /^Invalid payload/);
    });
  }

  test('256 KB are taken, more are not', async () => {
    const sized = (bytes) => {
      const base = event('a.b', { id: 'x', object: 'charge', pad: '' });
      base.data.object.pad = 'p'.repeat(bytes - JSON.stringify(base).length);
      return JSON.stringify(base);
    };
    assert.equal((await deliver(till, sized(256 * 1024))).status, 200);
    isProblem(await deliver(till, sized(256 * 1024 + 1)), 413, 'TOO_LARGE');
  });

  test('what nobody knows is kept and left alone', async () => {
    const unknown = event('balance.available', { object: 'balance' });
    const missing = aboutIntent('payment_intent.succeeded', 'pi_nobody_knows');
    const made = (await till.sandbox.stripe('POST', 'payment_intents', { amount: 1000, currency: 'usd' })).body;
    const foreign = aboutIntent('payment_intent.succeeded', made.id);
    for (const one of [unknown, missing, foreign]) assert.equal((await deliver(till, one)).status, 200);
    const kept = (await stored(till, unknown.id)).body; // as it came, without a job
    assert.deepEqual([kept.status, kept.processed_at], ['ignored', kept.received_at]);
    await processed(till, missing.id, 'ignored');
    await processed(till, foreign.id, 'ignored');
    assert.equal((await stored(till, missing.id)).body.error, 'unknown_object');
    assert.equal((await stored(till, foreign.id)).body.error, 'not_ours');
  });

  const contract = JSON.parse(fs.readFileSync(
    path.join(process.env.TILL_CONTRACTS || path.join(top, '../shared/contracts'), 'stripe/event-types.json'), 'utf8'));
  const acting = [...fs.readFileSync(path.join(top, 'src/provider/stripe/stripe_event.def'), 'utf8').matchAll(/^EVENT\("([^"]+)", CONCERNS_(\w+)\)$/gm)];

  test('every type that Stripe has is taken; those that act are in the documented list, and no other', async () => {
    const types = Object.keys(contract.current.object);
    assert.ok(types.length > 200 && acting.length > 40);
    for (const [, type] of acting) assert.ok(types.includes(type), `Stripe has no ${type}`);
    const documented = [...fs.readFileSync(path.join(top, 'docs/webhooks.md'), 'utf8').matchAll(/^\| (`[a-z_.]+`(?:,? `[a-z_.]+`)*) \|/gm)]
      .flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, type]) => type));
    assert.deepEqual(documented.sort(), acting.map(([, type]) => type).sort(), 'docs/webhooks.md');
    const sent = new Map([...new Set([...types, ...(contract['2023-08-16'].types ?? [])])].map((type) => {
      const object = { id: `x_${type.replaceAll('.', '_')}`, object: type.split('.')[0] };
      return [type, event(type, object.object === 'payment_intent' ? { ...object, id: `pi_${object.id}` } : object)];
    }));
    const all = [...sent.values()];
    for (let i = 0; i < all.length; i += 10) {
      const answers = await Promise.all(all.slice(i, i + 10).map((one) => deliver(till, one)));
      assert.ok(answers.every(({ status }) => status === 200), answers.map(({ text }) => text).join());
    }
    const rows = () => till.db.rows(`SELECT type, status, error FROM webhook_events WHERE object_id LIKE '%x\\_%'`);
    await until(async () => {
      const list = await rows();
      return list.length === all.length && list.every(({ status }) => status !== 'stored');
    }, 'all are worked', 60000);
    const notices = acting.filter(([, , concern]) => concern === 'ACCOUNT').map(([, type]) => type);
    assert.deepEqual((await rows()).filter(({ status }) => status !== 'ignored').map(({ type }) => type).sort(), notices.sort());
    assert.equal(await till.db.value("SELECT count(*) FROM decisions WHERE kind = 'provider_notice'"), String(notices.length));
  });

  test('subscriptions and invoices of the provider are mirrored: what it says now is kept, and can be read', async () => {
    const { body: customer } = await till.api('POST', '/api/v1/customers', { body: { reference: 'subscriber' }, key: newKey() });
    await paid(till, { customer_id: customer.id });
    const account = await till.db.value(`SELECT reference FROM customer_accounts WHERE customer_id = '${customer.id}'`);
    const made = async (what, asked) => (await till.sandbox.dashboard(what, asked));
    const shown = (what, query) => till.api('GET', `/api/v1/${what}?${query}`).then(({ body }) => body.data);
    const comes = (what, query, status) => until(async () => (await shown(what, query)).some((one) => one.status === status) && (await shown(what, query))[0], `${what} ${status}`);
    const there = await made('subscription', { customer: account, set: { status: 'trialing' } });
    const ours = await comes('subscriptions', `customer_id=${customer.id}`, 'trialing');
    assert.match(ours.id, /^sub_[0-9a-z]{26}$/);
    assert.deepEqual([ours.provider_subscription_id, ours.customer_id, ours.provider_customer_id], [there.id, customer.id, account]);
    assert.deepEqual(ours.items.map(({ quantity, unit_amount: price, interval, interval_count: every }) => [quantity, price, interval, every]), [[1, usd('20.00'), 'month', 1]]);
    assert.equal(Date.parse(ours.current_period_end) - Date.parse(ours.current_period_start), 30 * 86400000);
    await made('subscription', { subscription: there.id, set: { status: 'active', cancel_at_period_end: true } });
    assert.equal((await comes('subscriptions', 'status=active', 'active')).cancel_at_period_end, true);

    const parent = { type: 'subscription_details', quote_details: null, subscription_details: { subscription: there.id, metadata: {} } };
    const invoice = await made('invoice', { customer: account, set: { status: 'open', number: 'A-1', billing_reason: 'subscription_cycle', parent } });
    const open = await comes('invoices', `subscription_id=${ours.id}`, 'open');
    assert.match(open.id, /^inv_/);
    assert.deepEqual([open.number, open.amount_due, open.amount_remaining, open.subscription_id, open.reason], ['A-1', usd('20.00'), usd('20.00'), ours.id, 'subscription_cycle']);
    await made('invoice', { invoice: invoice.id, event: 'invoice.paid', set: { status: 'paid', amount_paid: 2000, amount_remaining: 0, status_transitions: { paid_at: 1790000000 } } });
    const settled = await comes('invoices', `customer_id=${customer.id}`, 'paid');
    assert.deepEqual([settled.id, settled.amount_paid, settled.amount_remaining, Date.parse(settled.paid_at) / 1000], [open.id, usd('20.00'), usd('0.00'), 1790000000]);
    assert.equal((await till.api('GET', `/api/v1/invoices/${invoice.id}`)).body.id, open.id, "by the provider's id");
    assert.equal(await till.db.value("SELECT count(*) FROM ledger_entries WHERE source LIKE 'inv%'"), '0');
    const all = (await till.api('GET', `/api/v1/customers/${customer.id}/export`)).body;
    assert.deepEqual([all.subscriptions.map(({ id }) => id), all.invoices.map(({ id }) => id)], [[ours.id], [open.id]]);

    await till.db.value(`UPDATE mirrored_subscriptions SET asked_at = asked_at + interval '1 day', status = 'later' WHERE id = '${ours.id}'`);
    const { rows: [late] } = { rows: await till.db.rows(`SELECT id FROM webhook_events WHERE object_id = '${there.id}' LIMIT 1`) };
    await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: late.id }, key: newKey() });
    await until(async () => (await till.db.value(`SELECT count(*) FROM webhook_events WHERE object_id = '${there.id}' AND status = 'stored'`)) === '0', 'the replay');
    assert.equal((await till.api('GET', `/api/v1/subscriptions/${ours.id}`)).body.status, 'later', 'the later look stays');
    await made('invoice', { invoice: invoice.id, event: 'invoice.deleted', delete: true });
    await comes('invoices', `customer_id=${customer.id}`, 'deleted');
    isProblem(await till.api('GET', '/api/v1/subscriptions/sub_none'), 404, 'NOT_FOUND');
  });

  test('a bank that warns of fraud is something for a person, and the payment', async () => {
    const payment = await paid(till);
    const sent = event('radar.early_fraud_warning.created', { id: 'issfr_1', object: 'radar.early_fraud_warning', payment_intent: payment.provider_payment_id });
    assert.equal((await deliver(till, sent)).status, 200);
    await processed(till, sent.id, 'processed');
    const [{ known, amount }] = await till.db.rows(`SELECT known, amount FROM decisions WHERE kind = 'fraud_warning' AND object = '${payment.id}'`);
    assert.match(known, new RegExp(payment.id));
    assert.equal(Number(amount), 1000);
  });

  test('an event that lies changes nothing: the provider is asked', async () => {
    const payment = (await pay(till, { payment_method_id: undefined })).body;
    const lie = event('payment_intent.succeeded', {
      id: payment.provider_payment_id, object: 'payment_intent', status: 'succeeded', amount: 1000, amount_received: 1000, currency: 'usd',
    });
    await deliver(till, lie);
    await processed(till, lie.id, 'processed');
    assert.equal(await statusOf(till, payment.id), 'created');
    assert.deepEqual((await get(till, payment.id)).amount_captured, usd('0.00'));
  });

  test('twenty times the same has one effect', async () => {
    const payment = await paid(till);
    const one = aboutIntent('payment_intent.succeeded', payment.provider_payment_id);
    const body = JSON.stringify(one);
    const header = signature(body);
    const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(till, body, { header })));
    for (const answer of answers) assert.equal(answer.status, 200);
    await processed(till, one.id, 'processed');
    assert.equal(await till.db.value(`SELECT count(*) FROM webhook_events WHERE provider_event_id = '${one.id}'`), '1');
    assert.equal(await till.db.value(`SELECT count(*) FROM events WHERE object_id = '${payment.id}' AND type = 'payment.succeeded'`), '1');
    assert.equal(await till.db.value(`SELECT count(*) FROM ledger_entries WHERE source = '${payment.id}' AND kind = 'capture'`), '1');
  });

  test('its bytes rest sealed', async () => {
    const one = event('customer.created', { id: 'cus_2', object: 'customer', email: 'canary-in-a-webhook@example.org' });
    await deliver(till, one);
    const seen = await till.db.value(`SELECT position('canary'::bytea IN payload) FROM webhook_events WHERE provider_event_id = '${one.id}'`);
    assert.equal(seen, '0');
    assert.doesNotMatch((await stored(till, one.id)).text, /canary/);
  });
});

describe('looking at them, and again', () => {
  let till, sent;
  before(async () => {
    till = await startTill();
    await till.sandbox.dials({ webhooks: { off: true } });
    sent = [];
    for (let i = 0; i < 7; i++) {
      const one = event(i % 2 ? 'test.odd' : 'test.even', { id: `obj_${i}`, object: 'thing', payment_intent: `pi_listed_${i % 3}` });
      await deliver(till, one);
      await sleep(3); // ids of one millisecond have no order of their own
      sent.push(one.id);
    }
    for (const id of sent) await processed(till, id, 'ignored');
  });
  after(() => closed(till));
  const list = async (query) => (await till.api('GET', `/api/v1/webhooks/events?${query}`)).body;

  test('a list, newest first, narrowed and in pages', async () => {
    assert.deepEqual((await list('limit=100')).data.map((one) => one.provider_event_id), [...sent].reverse());
    assert.equal((await list('type=test.odd')).data.length, 3);
    assert.equal((await list('status=ignored')).data.length, 7);
    assert.equal((await list('status=failed')).data.length, 0);
    assert.equal((await list('provider=stripe&payment_reference=pi_listed_0')).data.length, 3);
    const seen = [];
    for (let cursor = ''; cursor !== null;) {
      const page = await list(`limit=3${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.data.map((one) => one.provider_event_id));
      assert.equal(page.has_more, page.next_cursor !== null);
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, [...sent].reverse());
    const bad = await till.api('GET', '/api/v1/webhooks/events?status=lost&limit=0&who=me');
    isProblem(bad, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(bad), ['query:limit', 'query:status', 'query:who']);
  });

  test('one by our id and by the provider\'s', async () => {
    const theirs = (await stored(till, sent[0])).body;
    assert.match(theirs.id, /^whe_/);
    assert.equal((await stored(till, theirs.id)).body.provider_event_id, sent[0]);
    isProblem(await stored(till, 'evt_none'), 404, 'NOT_FOUND');
  });

  test('replayed, it is worked again', async () => {
    const payment = await paid(till);
    const one = aboutIntent('payment_intent.succeeded', payment.provider_payment_id);
    await till.sandbox.dials({ webhooks: { off: true }, rules: [{ operation: 'GET /v1/payment_intents/{id}', action: 'error_500_not_executed' }] });
    await deliver(till, one);
    await sleep(300);
    assert.equal((await stored(till, one.id)).body.status, 'stored');
    await till.sandbox.dials({ webhooks: { off: true }, rules: [] });
    const answer = await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: one.id } });
    assert.equal(answer.status, 202, answer.text);
    await processed(till, one.id, 'processed');
    const first = (await stored(till, one.id)).body.processed_at;
    await sleep(1100);
    assert.equal((await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: (await stored(till, one.id)).body.id } })).status, 202);
    await until(async () => {
      const { status, processed_at: at } = (await stored(till, one.id)).body;
      return status === 'processed' && at !== first;
    }, 'the second time');
    assert.equal(await till.db.value(`SELECT count(*) FROM events WHERE object_id = '${payment.id}' AND type = 'payment.succeeded'`), '1');
    isProblem(await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: 'evt_none' } }), 404, 'NOT_FOUND');
    isProblem(await till.api('POST', '/api/v1/webhooks/replay', { body: {} }), 400, 'VALIDATION_ERROR');
    const reader = await till.makeKey('webhooks:read');
    isProblem(await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: one.id }, apiKey: reader }), 403, 'FORBIDDEN');
  });

  test('one look at a payment answers all that had come of it', async () => {
    const payment = await paid(till);
    await till.sandbox.dials({ webhooks: { off: true }, rules: [] });
    const types = ['payment_intent.succeeded', 'charge.succeeded', 'radar.early_fraud_warning.created'];
    await till.db.value(`INSERT INTO webhook_events (id, provider, provider_event_id, type, payment_reference, status, source, received_at)
      SELECT 'whe_look' || n, 'stripe', 'evt_look' || n, type, '${payment.provider_payment_id}', 'stored', 'delivered', now()
        FROM unnest(ARRAY['${types.join("', '")}']) WITH ORDINALITY AS t (type, n)`);
    await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: 'whe_look1' } }); // the only one with a job
    await processed(till, 'evt_look1', 'processed');
    assert.equal((await stored(till, 'evt_look2')).body.status, 'processed');
    assert.equal((await stored(till, 'evt_look3')).body.status, 'stored', 'which says more than that');
    await till.api('POST', '/api/v1/webhooks/replay', { body: { event_id: 'whe_look3' } });
    await processed(till, 'evt_look3', 'processed');
    assert.equal(await till.db.value(`SELECT count(*) FROM decisions WHERE kind = 'fraud_warning' AND object = '${payment.id}'`), '1');
  });

  test('it is answered before it is worked', async () => {
    const payment = await paid(till);
    await till.sandbox.dials({ webhooks: { off: true }, rules: [{ operation: 'GET /v1/payment_intents/{id}', action: 'delay', ms: 1500, times: 1 }] });
    const one = aboutIntent('payment_intent.succeeded', payment.provider_payment_id);
    const start = Date.now();
    assert.equal((await deliver(till, one)).status, 200);
    assert.ok(Date.now() - start < 1000);
    assert.equal((await stored(till, one.id)).body.status, 'stored');
    await processed(till, one.id, 'processed');
  });
});

describe('as the provider really delivers them', () => {
  let till;
  before(async () => { till = await startTill(); });
  after(() => closed(till));

  /** One of each life a payment may have. */
  const lives = () => Promise.all([
    paid(till).then((p) => [p.id, 'succeeded']),
    pay(till, { payment_method_id: 'pm_card_chargeDeclined' }).then((a) => [a.body.payment_id, 'failed']),
    pay(till, { payment_method_id: 'pm_card_authenticationRequired' }).then(async ({ body }) => {
      await till.sandbox.bank(body.provider_payment_id, 'complete');
      return [body.id, 'succeeded'];
    }),
    pay(till, { payment_method_id: 'pm_card_authenticationRequired' }).then(async ({ body }) => {
      await till.sandbox.bank(body.provider_payment_id, 'fail');
      return [body.id, 'failed'];
    }),
    paid(till, { capture: false }).then(async (p) => {
      await act(till, p.id, 'capture', { amount: usd('5.00') });
      await act(till, p.id, 'refund', { amount: usd('1.00') });
      return [p.id, 'succeeded'];
    }),
    paid(till, { capture: false }).then(async (p) => {
      await act(till, p.id, 'cancel');
      return [p.id, 'cancelled'];
    }),
  ]);

  for (const [what, webhooks] of [
    ['twice', { duplicate: 100 }], ['late and shuffled', { shuffle: true, delay_ms: 300 }], ['shuffled, twice, a third lost', { shuffle: true, duplicate: 50, drop: 30 }],
  ]) {
    test(`${what}: every payment comes to its end`, async () => {
      await till.sandbox.dials({ seed: 3, webhooks: { off: false, drop: 0, duplicate: 0, shuffle: false, delay_ms: 0, ...webhooks } });
      const all = await lives();
      for (const [id, status] of all) await (webhooks.drop ? resolves : comesTo)(till, id, status);
      await sleep(webhooks.delay_ms ? 1000 : 200);
      for (const [id, status] of all) assert.equal(await statusOf(till, id), status);
      await till.sandbox.clearDials();
    });
  }

  test('an event that is faster than the answer is right, and tells whose the payment is', async () => {
    await till.sandbox.dials({
      rules: [
        { operation: 'POST /v1/payment_intents', action: 'timeout_after_execute', ms: 4000, times: 1 },
        { operation: 'GET /v1/payment_intents', action: 'error_500_not_executed' },
        { operation: 'GET /v1/payment_intents/search', action: 'error_500_not_executed' },
      ],
    });
    const answer = await pay(till, { payment_method_id: undefined });
    assert.ok([201, 202].includes(answer.status), answer.text);
    const { id } = answer.body;
    // no list can be read, so only the event's word brings the provider's id
    await until(async () => /^pi_/.test(await till.db.value(`SELECT coalesce(provider_payment_id, '') FROM payments WHERE id = '${id}'`)), 'the reference');
    await till.sandbox.clearDials();
    await resolves(till, id, 'created');
    const confirmed = await act(till, id, 'confirm', { payment_method_id: 'pm_card_visa' });
    assert.equal(confirmed.body.status, 'succeeded', confirmed.text);
    assert.equal((await oracle(till, id)).charges, 1);
  });

  test('a charge that is slow to answer is known from its event', async () => {
    await till.sandbox.dials([{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'timeout_after_execute', ms: 2000, times: 1 }]);
    const answer = await pay(till);
    assert.ok([201, 202].includes(answer.status), answer.text);
    await comesTo(till, answer.body.id, 'succeeded');
    assert.equal((await oracle(till, answer.body.id)).executed, 1);
    await till.sandbox.clearDials();
  });
});

describe('till stripe setup', () => {
  let till;
  before(async () => { till = await startTill({ env: { STRIPE_WEBHOOK_SECRET: null }, sandboxEnv: { SANDBOX_WEBHOOK_URL: null } }); });
  after(() => closed(till));

  const endpoints = async () => (await till.sandbox.stripe('GET', 'webhook_endpoints')).body.data;
  const setup = async (...words) => {
    const { code, stdout, stderr } = await till.command('stripe', 'setup', ...words);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const delivered = (payment) => until(async () => Number(await till.db.value(`SELECT count(*) FROM webhook_events
      WHERE payment_reference = '${payment.provider_payment_id}' AND source = 'delivered' AND status = 'processed'`)) > 0, 'the webhook');

  test('makes the endpoint, and what comes is verified with its secret', async () => {
    const early = event('charge.succeeded', { id: 'ch_1', object: 'charge' });
    isProblem(await deliver(till, early), 400, 'INVALID_SIGNATURE');
    const [, id] = (await setup()).match(/^(we_\w+) was made: http\S+\/api\/v1\/webhooks\/stripe, test mode, API version 2026-08-26\.dahlia\n$/);
    const [endpoint, ...others] = await endpoints();
    assert.deepEqual([endpoint.id, endpoint.url, endpoint.api_version, endpoint.status, others.length],
      [id, `${till.url}/api/v1/webhooks/stripe`, '2026-08-26.dahlia', 'enabled', 0]);
    assert.ok(endpoint.enabled_events.includes('charge.dispute.closed') && !endpoint.enabled_events.includes('*'));
    const payment = await paid(till);
    await delivered(payment);
    isProblem(await deliver(till, early), 400, 'INVALID_SIGNATURE');
    assert.equal(await till.db.value("SELECT count(*) FROM webhook_secrets WHERE position('whsec'::bytea IN secret) > 0"), '0', 'it rests sealed');
    assert.equal(await till.db.value(`SELECT principal_kind FROM audit_log WHERE action = 'webhook.endpoint_created' AND object = '${id}'`), 'command');
    assert.match(await setup(), new RegExp(`^${id} is as it should be: `));
    assert.match((await till.command('doctor')).stdout, /webhooks of Stripe can be verified/);
  });

  test('refuses a key of the other mode, and a list whose end it cannot see: nothing is kept or left there', async () => {
    const calls = [], url = `${till.url}/api/v1/webhooks/stripe`, before = await endpoints();
    const live = { id: 'we_live', object: 'webhook_endpoint', url, livemode: true, secret: 'whsec_live', enabled_events: ['*'], status: 'enabled', metadata: {} };
    let page = { object: 'list', data: [], has_more: false };
    const server = http.createServer((request, response) => {
      calls.push(`${request.method} ${request.url.split('?')[0]}`);
      request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify(request.method === 'GET' ? page : request.method === 'POST' ? live : { id: live.id, object: live.object, deleted: true })));
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const { ...env } = till.env;
    const refused = async (more) => {
      Object.assign(till.env, { STRIPE_API_URL: `http://127.0.0.1:${server.address().port}`, ...more });
      const { code, stderr } = await till.command('stripe', 'setup');
      Object.assign(till.env, env);
      assert.notEqual(code, 0);
      return [stderr, calls.splice(0)];
    };
    try {
      const [said, done] = await refused();
      assert.match(said, /key is one of live mode, and Till runs in test mode/);
      assert.deepEqual(done, ['GET /v1/webhook_endpoints', 'POST /v1/webhook_endpoints', 'DELETE /v1/webhook_endpoints/we_live']);
      page = { object: 'list', has_more: true, data: Array.from({ length: 100 }, (_, i) => ({ ...live, id: `we_${i}`, livemode: false })) };
      assert.deepEqual((await refused())[1], ['GET /v1/webhook_endpoints', 'GET /v1/webhook_endpoints']);
      assert.deepEqual((await refused({ STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef' }))[1], [], 'keys of both modes ask nobody');
    } finally {
      server.close();
    }
    assert.equal(await till.db.value("SELECT count(*) FROM webhook_secrets WHERE endpoint_id = 'we_live'"), '0');
    assert.deepEqual((await endpoints()).map(({ id }) => id), before.map(({ id }) => id));
  });

  test('mends one that was changed at Stripe, and leaves what is not ours', async () => {
    const [{ id, url }] = await endpoints();
    await till.sandbox.stripe('POST', `webhook_endpoints/${id}`, { disabled: 'true', 'enabled_events[0]': 'charge.failed' });
    const foreign = (await till.sandbox.stripe('POST', 'webhook_endpoints', { url, 'enabled_events[0]': 'balance.available' })).body;
    const said = await setup();
    assert.match(said, new RegExp(`^${id} hears of other events now: `));
    assert.match(said, new RegExp(`^${foreign.id} has the same address and was not made by Till`, 'm'));
    const list = await endpoints();
    assert.deepEqual(list.map((one) => one.id).sort(), [id, foreign.id].sort());
    const ours = list.find((one) => one.id === id);
    assert.ok(ours.status === 'enabled' && ours.enabled_events.includes('payment_intent.succeeded'));
    await till.sandbox.stripe('DELETE', `webhook_endpoints/${foreign.id}`);
  });

  test('gives another secret; what the one before has signed is taken while it is on its way', async () => {
    const [{ id }] = await endpoints();
    await till.sandbox.dials({ webhooks: { delay_ms: 6000 } });
    const late = await paid(till);
    await till.sandbox.dials({ webhooks: { delay_ms: 0 } });
    assert.match(await setup('--new-secret'), new RegExp(`^we_\\w+ was made: .*\\n${id} was removed; what it has signed is taken for three more days\\n$`));
    const [one, ...others] = await endpoints();
    assert.ok(one.id !== id && !others.length);
    await delivered(await paid(till));
    await delivered(late);
    const [{ days }] = await till.db.rows(`SELECT extract(epoch FROM retired_at - now()) / 86400 AS days FROM webhook_secrets WHERE endpoint_id = '${id}'`);
    assert.ok(Math.abs(days - 3) < 0.1, String(days));
    await till.db.value(`UPDATE webhook_secrets SET retired_at = now() - interval '1 second' WHERE endpoint_id = '${id}'`);
    assert.equal(await till.db.value("SELECT count(*) FROM audit_log WHERE action = 'webhook.endpoint_retired'"), '1');
  });

  test('two at once make one', async () => {
    const before = await endpoints();
    const runs = await Promise.all([till.command('stripe', 'setup', '--new-secret'), till.command('stripe', 'setup', '--new-secret')]);
    for (const { code, stderr } of runs) assert.ok(code === 0 || /another run is under way/.test(stderr), stderr);
    const list = await endpoints();
    assert.ok(list.length === 1 && list[0].id !== before[0].id);
    await delivered(await paid(till));
  });

  test('makes the domain of the pages known for wallets, and says what is missing there', async () => {
    const { ...env } = till.env;
    const domains = async () => (await till.sandbox.stripe('GET', 'payment_method_domains')).body.data;
    const at = async (host, GOOGLE_PAY_ENABLED) => {
      Object.assign(till.env, { TILL_URL: `https://${host}`, GOOGLE_PAY_ENABLED });
      return setup().finally(() => Object.assign(till.env, env, { GOOGLE_PAY_ENABLED: 'true' }));
    };
    assert.deepEqual(await domains(), [], 'none for a local address');
    assert.match(await at('pay.example.com:8443', 'true'), /^pay\.example\.com may show Apple Pay\npay\.example\.com may show Google Pay\n$/m);
    const [{ id }] = await domains();
    await till.sandbox.stripe('POST', `payment_method_domains/${id}`, { enabled: 'false' });
    await at('pay.example.com', 'true');
    assert.deepEqual((await domains()).map((one) => [one.id, one.domain_name, one.enabled]), [[id, 'pay.example.com', true]]);
    assert.equal(await till.db.value(`SELECT count(*) FROM audit_log WHERE action = 'wallets.domain_registered' AND object = '${id}'`), '1');
    const said = await at('unverified.example.com', 'false');
    assert.match(said, /^unverified\.example\.com may not show Apple Pay yet: The domain association file was not found\.$/m);
    assert.doesNotMatch(said, /Google/);
  });
});
