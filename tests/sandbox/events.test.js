'use strict';

// Events and their delivery: signed, to whom they are for, again when they were not taken, and as the dials say.

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, afterEach, before, test } = require('node:test');
const Stripe = require('stripe');
const { checkedStripe, describe } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');
const { WEBHOOK_SECRET, sleep, until } = require('../lib/till.js');

let sandbox, stripe, receiver;
const CARD = { payment_method_types: ['card'] };

/** A server that keeps what it is sent, and answers what it is told to. */
async function startReceiver() {
  const taken = [];
  const self = { taken, status: 200, hold: 0, running: 0, most: 0 };
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      self.most = Math.max(self.most, ++self.running);
      await sleep(self.hold);
      self.running--;
      taken.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts).toString(), at: Date.now() });
      response.writeHead(self.status).end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  self.url = `http://127.0.0.1:${server.address().port}`;
  self.stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  self.events = () => taken.map((one) => JSON.parse(one.body));
  self.of = (id) => self.events().filter((event) => event.data.object.id === id || event.data.object.payment_intent === id);
  return self;
}

before(async () => {
  receiver = await startReceiver();
  sandbox = await startSandbox({ env: { SANDBOX_WEBHOOK_URL: `${receiver.url}/hook` } });
  stripe = checkedStripe(sandbox);
});
afterEach(async () => {
  receiver.status = 200;
  receiver.hold = 0;
  await sandbox.clearDials();
});
after(async () => {
  await sandbox.stop();
  await receiver.stop();
});

function paid(more = {}) {
  return stripe.paymentIntents.create({ amount: 1000, currency: 'usd', payment_method: 'pm_card_visa', confirm: true, ...CARD, ...more });
}

function typesOf(id) {
  return receiver.of(id).map((event) => event.type).sort();
}

test('an event is signed so that the official client takes it', async () => {
  const intent = await paid({}, { idempotencyKey: 'k-event' });
  await until(() => receiver.of(intent.id).length === 3, 'three events');
  const { body, headers } = receiver.taken.find((one) => one.body.includes(intent.id) && one.body.includes('"payment_intent.succeeded"'));
  const event = stripe.webhooks.constructEvent(body, headers['stripe-signature'], WEBHOOK_SECRET);
  assert.equal(event.type, 'payment_intent.succeeded');
  assert.equal(event.data.object.id, intent.id);
  assert.match(event.request.id, /^req_/);
  assert.ok(event.request.idempotency_key, 'the client sends one with every POST');
  assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  describe().event(event);
  assert.throws(() => stripe.webhooks.constructEvent(`${body} `, headers['stripe-signature'], WEBHOOK_SECRET), Stripe.errors.StripeSignatureVerificationError);
  assert.deepEqual(typesOf(intent.id), ['charge.succeeded', 'payment_intent.created', 'payment_intent.succeeded']);
  await until(async () => (await stripe.events.retrieve(event.id)).pending_webhooks === 0, 'pending_webhooks');
});

const FLOWS = [
  ['a hold and its capture', async () => {
    const intent = await paid({ capture_method: 'manual' });
    await stripe.paymentIntents.capture(intent.id);
    return intent.id;
  }, ['charge.captured', 'charge.succeeded', 'payment_intent.amount_capturable_updated', 'payment_intent.created', 'payment_intent.succeeded']],
  ['a hold that is let go', async () => {
    const intent = await paid({ capture_method: 'manual' });
    await stripe.paymentIntents.cancel(intent.id);
    return intent.id;
  }, ['charge.refunded', 'charge.succeeded', 'payment_intent.amount_capturable_updated', 'payment_intent.canceled', 'payment_intent.created']],
  ['a decline', async () => {
    try {
      await paid({ payment_method: 'pm_card_chargeDeclined' });
    } catch (error) {
      return error.payment_intent.id;
    }
    return assert.fail('it was not declined');
  }, ['charge.failed', 'payment_intent.created', 'payment_intent.payment_failed']],
  ['3-D Secure', async () => {
    const intent = await paid({ payment_method: 'pm_card_authenticationRequired' });
    await sandbox.bank(intent.id, 'complete');
    return intent.id;
  }, ['charge.succeeded', 'payment_intent.created', 'payment_intent.requires_action', 'payment_intent.succeeded']],
  ['a refund', async () => {
    const intent = await paid();
    await stripe.refunds.create({ payment_intent: intent.id, amount: 100 });
    return intent.id;
  }, ['charge.refunded', 'charge.succeeded', 'payment_intent.created', 'payment_intent.succeeded', 'refund.created']],
  ['a refund that fails later', async () => {
    const intent = await paid({ payment_method: 'pm_card_refundFail' });
    await stripe.refunds.create({ payment_intent: intent.id, amount: 100 });
    await sandbox.settle();
    return intent.id;
  }, ['charge.refund.updated', 'charge.refunded', 'charge.succeeded', 'payment_intent.created', 'payment_intent.succeeded', 'refund.created', 'refund.failed']],
  ['a dispute that is won', async () => {
    const intent = await paid({ payment_method: 'pm_card_createDispute' });
    await sandbox.dashboard('dispute_close', { payment_intent: intent.id, status: 'won' });
    return intent.id;
  }, ['charge.dispute.closed', 'charge.dispute.created', 'charge.dispute.funds_reinstated', 'charge.dispute.funds_withdrawn', 'charge.succeeded',
    'payment_intent.created', 'payment_intent.succeeded']],
];
for (const [name, flow, types] of FLOWS) {
  test(`the events of ${name}`, async () => {
    const id = await flow();
    await until(() => receiver.of(id).length >= types.length, types.join(', ')).catch(() => {});
    assert.deepEqual(typesOf(id), types);
    for (const event of receiver.of(id)) describe().event(event);
  });
}

test('an update says what was before', async () => {
  const customer = await stripe.customers.create({ name: 'Before', metadata: { kept: '1', changed: 'old' } });
  await stripe.customers.update(customer.id, { name: 'After', metadata: { changed: 'new', added: 'x' } });
  await stripe.customers.update(customer.id, { name: 'After' });
  const updates = (await stripe.events.list({ type: 'customer.updated' })).data.filter((event) => event.data.object.id === customer.id);
  assert.equal(updates.length, 1, 'nothing changed the second time');
  assert.deepEqual(updates[0].data.previous_attributes, { name: 'Before', metadata: { changed: 'old', added: null } });
  const refunded = await paid();
  await stripe.refunds.create({ payment_intent: refunded.id, amount: 100 });
  const [event] = (await stripe.events.list({ type: 'charge.refunded', limit: 1 })).data;
  assert.deepEqual(event.data.previous_attributes, { amount_refunded: 0 });
});

test('events are listed by type, types and cursor', async () => {
  const intent = await paid();
  const [newest] = (await stripe.events.list({ limit: 1 })).data;
  assert.equal(newest.type, 'payment_intent.succeeded');
  assert.ok((await stripe.events.list({ type: 'payment_intent.*', limit: 50 })).data.every((event) => event.type.startsWith('payment_intent.')));
  const two = await stripe.events.list({ types: ['charge.succeeded', 'payment_intent.created'], limit: 2 });
  assert.deepEqual(two.data.map((event) => event.type), ['charge.succeeded', 'payment_intent.created']);
  await paid();
  const since = await stripe.events.list({ ending_before: newest.id, limit: 100 });
  assert.deepEqual(since.data.map((event) => event.type), ['payment_intent.succeeded', 'charge.succeeded', 'payment_intent.created']);
  assert.ok(since.data.every((event) => event.data.object.id !== intent.id));
});

test('endpoints get what they asked for, in their version, under their own secret', async () => {
  const endpoint = await stripe.webhookEndpoints.create({ url: `${receiver.url}/own`, enabled_events: ['payment_intent.succeeded'], api_version: '2026-10-28.endive' });
  assert.match(endpoint.secret, /^whsec_/);
  assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined, 'shown once');
  const intent = await paid();
  const own = () => receiver.taken.filter((one) => one.path === '/own' && one.body.includes(intent.id));
  await until(() => own().length, 'the endpoint\'s event');
  await until(() => typesOf(intent.id).length === 4, 'all');
  assert.equal(own().length, 1);
  const event = stripe.webhooks.constructEvent(own()[0].body, own()[0].headers['stripe-signature'], endpoint.secret);
  assert.equal(event.api_version, '2026-10-28.endive');
  assert.equal(event.data.object.payment_record, null);
  const off = await stripe.webhookEndpoints.update(endpoint.id, { disabled: true, enabled_events: ['*'] });
  assert.equal(off.status, 'disabled');
  assert.equal((await stripe.webhookEndpoints.list()).data.length, 1);
  const second = await paid();
  await until(() => typesOf(second.id).length === 3, 'the other endpoint');
  assert.equal(receiver.taken.filter((one) => one.path === '/own').length, 1);
  assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
  assert.equal((await stripe.webhookEndpoints.list()).data.length, 0);
});

test('a domain is registered for wallets, and one without its file is not for Apple Pay', async () => {
  const good = await stripe.paymentMethodDomains.create({ domain_name: 'pay.example.com' });
  const bare = await stripe.paymentMethodDomains.create({ domain_name: 'unverified.example.com', enabled: false });
  assert.deepEqual([good.apple_pay.status, good.enabled, bare.apple_pay.status, bare.google_pay.status, bare.enabled], ['active', true, 'inactive', 'active', false]);
  assert.equal((await stripe.paymentMethodDomains.validate(bare.id)).apple_pay.status, 'inactive');
  assert.equal((await stripe.paymentMethodDomains.update(bare.id, { enabled: true })).enabled, true);
  assert.deepEqual((await stripe.paymentMethodDomains.list({ domain_name: 'pay.example.com' })).data.map(({ id }) => id), [good.id]);
  await assert.rejects(stripe.paymentMethodDomains.create({ domain_name: 'https://pay.example.com/' }), { type: 'StripeInvalidRequestError', param: 'domain_name' });
});

test('what is not taken comes again, when the sandbox\'s clock says so', async () => {
  receiver.status = 500;
  const intent = await paid();
  await until(() => receiver.of(intent.id).length === 3, 'the first tries');
  receiver.status = 200;
  await sleep(400);
  assert.equal(receiver.of(intent.id).length, 3, 'not before its time');
  await sandbox.advance(11);
  await until(() => receiver.of(intent.id).length === 6, 'the second tries');
  const ids = receiver.of(intent.id).map((event) => event.id);
  assert.equal(new Set(ids).size, 3, 'the same events');
  await sandbox.advance(86400);
  await sleep(400);
  assert.equal(receiver.of(intent.id).length, 6, 'what was taken stays taken');
});

test('or after a real pause, when the dial says so; a redirect is no success', async () => {
  await sandbox.dials({ webhooks: { retry_ms: 100 } });
  receiver.status = 302;
  const customer = await stripe.customers.create({});
  await until(() => receiver.of(customer.id).length >= 3, 'three tries');
  receiver.status = 200;
  const { tries } = await until(async () => {
    const report = await sandbox.deliveries();
    return report.waiting === 0 && report;
  }, 'an end');
  assert.equal(tries[0].status, 200);
  assert.ok(tries.find((one) => one.type === 'customer.created' && one.status === 302));
});

test('dials: off, dropped, duplicated, late, shuffled', async () => {
  await sandbox.dials({ webhooks: { off: true } });
  const silent = await paid();
  await sandbox.dials({ webhooks: { off: false, drop: 100 } });
  const dropped = await paid();
  await sandbox.dials({ webhooks: { drop: 0, duplicate: 100 } });
  const twice = await paid();
  await until(() => receiver.of(twice.id).length === 6, 'everything twice');
  assert.equal(new Set(receiver.of(twice.id).map((event) => event.id)).size, 3);
  assert.deepEqual([receiver.of(silent.id).length, receiver.of(dropped.id).length], [0, 0]);
  assert.equal((await stripe.events.list({ limit: 100 })).data.filter((event) => event.data.object.id === dropped.id).length, 2, 'they can still be fetched');

  await sandbox.dials({ webhooks: { duplicate: 0, delay_ms: 700 } });
  const begun = Date.now();
  const late = await paid();
  await until(() => receiver.of(late.id).length === 3, 'late events');
  assert.ok(Math.min(...receiver.taken.filter((one) => one.body.includes(late.id)).map((one) => one.at)) - begun >= 650);

  await sandbox.dials({ webhooks: { delay_ms: 0, shuffle: true }, seed: 7 });
  const orders = new Set();
  for (let i = 0; i < 6; i++) {
    const { id } = await paid();
    await until(() => receiver.of(id).length === 3, 'shuffled events');
    orders.add(receiver.of(id).map((event) => event.type).join());
  }
  assert.ok(orders.size > 1, [...orders].join(' | '));
});

test('a slow receiver holds nobody up, and gets several at once', async () => {
  receiver.hold = 500;
  receiver.most = 0;
  const begun = Date.now();
  const intents = await Promise.all(Array.from({ length: 8 }, () => paid()));
  const took = Date.now() - begun;
  await until(() => intents.every(({ id }) => receiver.of(id).length === 3), 'all of them');
  assert.ok(receiver.most > 4, `${receiver.most} at once`);
  assert.ok(took < 2500, `${took} ms for eight payments`);
});
