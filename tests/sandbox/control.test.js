'use strict';

// The sandbox's own addresses: clock, ledger, dashboard, pages, settling, state, and what it refuses to start with.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { checkedStripe, failure } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');
const { makeDirectory, required, stopProcess } = require('../lib/till.js');

let sandbox, stripe;
const CARD = { payment_method_types: ['card'] };

before(async () => {
  sandbox = await startSandbox();
  stripe = checkedStripe(sandbox);
});
after(() => sandbox.stop());

function paid(more = {}) {
  return stripe.paymentIntents.create({ amount: 1000, currency: 'usd', payment_method: 'pm_card_visa', confirm: true, ...CARD, ...more });
}

test('the ledger tells what money moved, by payment and in all', async () => {
  await sandbox.reset();
  const mine = { metadata: { payment_id: 'pay_a' } };
  const intent = await paid({ amount: 2500, ...mine });
  await stripe.refunds.create({ payment_intent: intent.id, amount: 700, metadata: { refund: 'ref_1' } });
  await failure(paid({ payment_method: 'pm_card_chargeDeclined', ...mine }));
  await paid({ amount: 900, currency: 'eur', metadata: { payment_id: 'pay_b' } });
  const { charges, refunds, disputes, totals } = await sandbox.ledger('pay_a');
  assert.deepEqual(charges.map((one) => [one.payment_intent === intent.id, one.status, one.amount, one.amount_captured, one.amount_refunded, one.executed]),
    [[true, 'succeeded', 2500, 2500, 700, 1], [false, 'failed', 1000, 0, 0, 0]]);
  assert.deepEqual(refunds.map((one) => [one.amount, one.status, one.metadata.refund]), [[700, 'succeeded', 'ref_1']]);
  assert.deepEqual(disputes, []);
  assert.deepEqual(totals, { usd: { charges: 1, captured: 2500, refunded: 700 } });
  assert.deepEqual((await sandbox.ledger()).totals, { usd: { charges: 1, captured: 2500, refunded: 700 }, eur: { charges: 1, captured: 900, refunded: 0 } });
  assert.deepEqual((await sandbox.ledger('pay_none')).charges, []);
});

test('a person in the dashboard refunds, disputes, captures and cancels', async () => {
  const intent = await paid();
  assert.equal((await sandbox.dashboard('refund', { payment_intent: intent.id, amount: 300 })).status, 'succeeded');
  const dispute = await sandbox.dashboard('dispute', { payment_intent: intent.id, amount: 500, reason: 'product_not_received' });
  assert.deepEqual([dispute.status, dispute.amount], ['needs_response', 500]);
  assert.equal((await sandbox.dashboard('dispute_close', { payment_intent: intent.id, status: 'won' })).status, 'won');
  const held = await paid({ capture_method: 'manual' });
  assert.equal((await sandbox.dashboard('capture', { payment_intent: held.id, amount: 400 })).amount_received, 400);
  const open = await stripe.paymentIntents.create({ amount: 1000, currency: 'usd' });
  assert.equal((await sandbox.dashboard('cancel', { payment_intent: open.id })).status, 'canceled');
  for (const [action, body, status] of [
    ['cancel', { payment_intent: intent.id }, 400], ['refund', { payment_intent: intent.id, amount: 800 }, 400], ['refund', { payment_intent: 'pi_none' }, 404],
    ['refund', {}, 404], ['destroy', { payment_intent: intent.id }, 404], ['dispute_close', { payment_intent: held.id }, 400],
  ]) {
    assert.equal((await failure(sandbox.dashboard(action, body))).status, status, `${action} ${JSON.stringify(body)}`);
  }
});

test('the clock moves, and all that is due happens', async () => {
  const { now } = await sandbox.control('GET', '/sandbox/clock');
  assert.ok(Math.abs(now - Date.now() / 1000) < 3);
  assert.equal((await sandbox.advance(1000)).offset, 1000);
  const made = await stripe.customers.create({});
  assert.ok(Math.abs(made.created - now - 1000) < 5);
  assert.ok(Math.abs((await sandbox.control('POST', '/sandbox/clock', { now: now + 5000 })).offset - 5000) < 5);
  assert.equal((await failure(sandbox.control('POST', '/sandbox/clock', { faster: 1 }))).status, 400);
  await sandbox.reset();
  assert.equal((await sandbox.control('GET', '/sandbox/clock')).offset, 0);
});

test('Till is told when the clock moves', async () => {
  const told = [];
  const till = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      told.push([request.method, request.url, request.headers.authorization, JSON.parse(body)]);
      response.end('{}');
    });
  });
  await new Promise((resolve) => till.listen(0, '127.0.0.1', resolve));
  const other = await startSandbox({ env: { TILL_CLOCK_URL: `http://127.0.0.1:${till.address().port}/clock`, SHOP_API_KEY: 'till_test_key' } });
  try {
    assert.equal((await other.advance(60)).told, 200);
    assert.deepEqual(told, [['POST', '/clock', 'Bearer till_test_key', { offset: 60 }]]);
  } finally {
    await other.stop();
    till.close();
  }
});

test('slow things end when they are told to', async () => {
  await sandbox.dials({ settle_after: 30 });
  const intent = await paid({ payment_method: 'pm_card_pendingRefund' });
  const [one, two] = [await stripe.refunds.create({ payment_intent: intent.id, amount: 100 }), await stripe.refunds.create({ payment_intent: intent.id, amount: 200 })];
  await sandbox.advance(31);
  assert.equal((await stripe.refunds.retrieve(one.id)).status, 'succeeded');
  const three = await stripe.refunds.create({ payment_intent: intent.id, amount: 300 });
  assert.equal((await sandbox.settle()).settled, 1);
  assert.deepEqual([(await stripe.refunds.retrieve(two.id)).status, (await stripe.refunds.retrieve(three.id)).status], ['succeeded', 'succeeded']);
  await sandbox.reset();
});

test('a reset forgets everything', async () => {
  const intent = await paid({}, { idempotencyKey: 'before' });
  await sandbox.reset();
  assert.equal((await failure(stripe.paymentIntents.retrieve(intent.id))).code, 'resource_missing');
  assert.equal((await stripe.events.list()).data.length, 0);
});

test('the pages explain themselves and need no inline code', async () => {
  const intent = await paid({ metadata: { note: '<script>alert(1)</script>' } });
  for (const address of ['/sandbox', '/sandbox/']) {
    const answer = await fetch(sandbox.url + address);
    const html = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(html, new RegExp(intent.id));
    assert.match(html, /&lt;script&gt;/);
    assert.doesNotMatch(html, /<script>|style=/);
    assert.match(answer.headers.get('content-security-policy'), /default-src 'none'/);
  }
  assert.match(await (await fetch((await stripe.charges.retrieve(intent.latest_charge)).receipt_url)).text(), /10\.00 usd/);
  const script = await fetch(`${sandbox.url}/v3/`);
  assert.match(script.headers.get('content-type'), /javascript/);
  assert.equal(script.headers.get('cross-origin-resource-policy'), 'cross-origin');
  for (const [method, address, status] of [
    ['GET', '/sandbox/nothing', 404], ['POST', '/sandbox/ledger', 405], ['GET', '/v3/none.js', 404], ['GET', '/v3/..%2fmain.c', 404], ['GET', '/elsewhere', 404],
    ['GET', '/v3/../main.c', 404], ['GET', '/sandbox/receipts/ch_none', 404], ['GET', '/v3/.env', 404],
  ]) {
    assert.equal((await fetch(sandbox.url + address, { method })).status, status, `${method} ${address}`);
  }
  assert.equal((await sandbox.control('PUT', '/sandbox/dials')).rules.length, 0, 'an empty body changes nothing');
});

test('live keys: it does not start with one in its environment', () => {
  const program = path.join(required('TILL_TEST_BUILD'), 'till-sandbox.fcgi');
  const socket = path.join(makeDirectory(), 's');
  for (const env of [{ STRIPE_SECRET_KEY: 'sk_live_1234567890' }, { ANYTHING: 'x rk_live_1234567890' }]) {
    const { status, stderr } = spawnSync(program, ['--listen', socket], { env, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /takes test keys only/);
    assert.doesNotMatch(stderr, /1234567890/);
  }
  fs.rmSync(path.dirname(socket), { recursive: true, force: true });
});

test('options that make no sense are refused with the usage', () => {
  const program = path.join(required('TILL_TEST_BUILD'), 'till-sandbox.fcgi');
  for (const args of [['--threads', '0'], ['--wire', '127.0.0.1:1'], ['--nonsense'], ['more'], []]) {
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, /usage:|no socket/);
  }
  assert.equal(spawnSync(program, ['--help'], { encoding: 'utf8', env: {} }).status, 0);
});

test('a state file carries the world over a restart', async () => {
  const file = path.join(makeDirectory(), 'state.json');
  const first = await startSandbox({ args: ['--state', file] });
  const one = checkedStripe(first);
  const customer = await one.customers.create({ name: 'Kept', metadata: { a: 'b' } });
  const intent = await one.paymentIntents.create({ amount: 1000, currency: 'usd', confirm: true, payment_method: 'pm_card_visa', ...CARD, metadata: { payment_id: 'pay_s' } },
    { idempotencyKey: 'kept' });
  const held = await one.paymentIntents.create({ amount: 1000, currency: 'usd', confirm: true, payment_method: 'pm_card_visa', ...CARD, capture_method: 'manual' });
  await one.customers.del((await one.customers.create({})).id);
  await first.advance(60);
  await first.stop();
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);

  const second = await startSandbox({ args: ['--state', file] });
  const two = checkedStripe(second);
  try {
    assert.equal((await two.customers.retrieve(customer.id)).name, 'Kept');
    assert.equal((await two.customers.list()).data.length, 1);
    const again = await two.paymentIntents.create({ amount: 1000, currency: 'usd', confirm: true, payment_method: 'pm_card_visa', ...CARD, metadata: { payment_id: 'pay_s' } },
      { idempotencyKey: 'kept' });
    assert.equal(again.id, intent.id);
    assert.equal((await second.ledger('pay_s')).totals.usd.charges, 1);
    assert.equal((await second.control('GET', '/sandbox/clock')).offset, 60);
    assert.ok((await two.events.list()).data.length >= 6);
    await second.advance(7 * 86400);
    assert.equal((await two.paymentIntents.retrieve(held.id)).status, 'canceled');
  } finally {
    await second.stop();
    fs.rmSync(path.dirname(file), { recursive: true, force: true });
  }
});

test('SIGTERM ends it cleanly', async () => {
  const other = await startSandbox();
  const ended = await stopProcess(other.program);
  assert.equal(ended.code, 0);
  await other.stop();
});
