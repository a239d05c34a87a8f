'use strict';

// Each dial does what it says, as Node and libcurl see it from outside.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { after, afterEach, before, test } = require('node:test');
const { checkedStripe, failure } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');
const { SECRET_KEY } = require('../lib/till.js');

let sandbox, stripe;
let count = 0;

before(async () => {
  sandbox = await startSandbox();
  stripe = checkedStripe(sandbox);
});
afterEach(() => sandbox.clearDials());
after(() => sandbox.stop());

/** The arguments of a payment by curl; `id` is what the ledger knows it by. */
function payment(id, ...more) {
  return ['-s', '-S', '-u', `${SECRET_KEY}:`, '--max-time', '10', '-d', 'amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa',
    '-d', 'payment_method_types[]=card', '-d', `metadata[payment_id]=${id}`, ...more, `${sandbox.url}/v1/payment_intents`];
}

/** Runs curl; answers { code, out, error }. */
function curl(args) {
  return new Promise((resolve) => {
    execFile('curl', args, { maxBuffer: 1 << 26 }, (error, out, stderr) => resolve({ code: error ? error.code : 0, out, error: stderr }));
  });
}

async function charged(id) {
  return (await sandbox.ledger(id)).totals.usd?.charges || 0;
}

const CREATE = 'POST /v1/payment_intents';
const CODES = { empty: 52, timeout: 28, partial: 18, reset: 56 };

/** [rule, what curl ends with, charges after one try, what else must hold] */
const DIALS = [
  [{ action: 'timeout_after_execute', ms: 5000 }, { code: CODES.timeout, args: ['--max-time', '1'] }, 1],
  [{ action: 'timeout_before_execute', ms: 5000 }, { code: CODES.timeout, args: ['--max-time', '1'] }, 0],
  [{ action: 'timeout_after_execute', ms: 300 }, { code: CODES.empty }, 1],
  [{ action: 'error_500_executed' }, { status: 500, type: 'api_error' }, 1],
  [{ action: 'error_500_not_executed' }, { status: 500, type: 'api_error' }, 0],
  [{ action: 'sticky_500' }, { status: 500, type: 'api_error' }, 1],
  [{ action: 'sticky_500', executed: false }, { status: 500, type: 'api_error' }, 0],
  [{ action: 'reset' }, { code: CODES.reset }, 1],
  [{ action: 'reset_not_executed' }, { code: CODES.reset }, 0],
  [{ action: 'truncate', bytes: 40 }, { code: CODES.partial, bytes: 40 }, 1],
  [{ action: 'truncate', bytes: 0 }, { code: CODES.partial, bytes: 0 }, 1],
  [{ action: 'html_200' }, { status: 200, matches: /^<!doctype html>/ }, 1],
  [{ action: 'big_body', bytes: 3000000 }, { status: 200, atLeast: 3000000 }, 1],
  [{ action: 'trickle', ms: 200 }, { code: CODES.timeout, args: ['--max-time', '2'] }, 1],
  [{ action: '429', retry_after: 7, should_retry: 'true' }, { status: 429, headers: { 'retry-after': '7', 'stripe-should-retry': 'true' } }, 0],
];
for (const [rule, seen, charges] of DIALS) {
  test(`${JSON.stringify(rule)}: charged ${charges} times`, async () => {
    const id = `pay_${++count}`;
    await sandbox.dials([{ operation: CREATE, ...rule, times: 1 }]);
    const { code, out, error } = await curl(payment(id, '-w', '\n%{http_code}\n%{header_json}', ...(seen.args || [])));
    assert.equal(code, seen.code || 0, error);
    const [body, status, headers] = [out.slice(0, out.lastIndexOf('\n', out.indexOf('\n{"') - 1)), ...out.slice(out.lastIndexOf('\n', out.indexOf('\n{"') - 1) + 1).split(/\n(?=\{)/)];
    if (seen.status) assert.equal(Number(status), seen.status);
    if (seen.type) assert.equal(JSON.parse(body).error.type, seen.type);
    if (seen.matches) assert.match(body, seen.matches);
    if (seen.atLeast) assert.ok(body.length >= seen.atLeast, `${body.length}`);
    if (seen.bytes !== undefined) assert.equal(body.length, seen.bytes);
    for (const [name, value] of Object.entries(seen.headers || {})) assert.deepEqual(JSON.parse(headers)[name], [value]);
    assert.equal(await charged(id), charges);
    const [shown] = (await sandbox.control('GET', '/sandbox/dials')).rules;
    assert.deepEqual([shown.action, shown.hits, shown.times], [rule.action, 1, 0]);
    assert.equal((await curl(payment(id))).code, 0, 'the rule is used up');
  });
}

test('a delay is a delay', async () => {
  await sandbox.dials([{ operation: 'GET /v1/balance', action: 'delay', ms: 400, times: 1 }]);
  const begun = Date.now();
  await stripe.balance.retrieve();
  assert.ok(Date.now() - begun >= 390);
});

test('a sticky 500 is replayed under its key, another 500 is not', async () => {
  for (const [action, second] of [['sticky_500', 500], ['error_500_executed', 200], ['error_500_not_executed', 200]]) {
    const id = `pay_${++count}`;
    await sandbox.dials([{ operation: CREATE, action, times: 1 }]);
    const form = { amount: '1000', currency: 'usd', confirm: 'true', payment_method: 'pm_card_visa', 'payment_method_types[]': 'card', 'metadata[payment_id]': id };
    assert.equal((await sandbox.stripe('POST', 'payment_intents', form, { 'idempotency-key': id })).status, 500);
    const again = await sandbox.stripe('POST', 'payment_intents', form, { 'idempotency-key': id });
    assert.equal(again.status, second, action);
    assert.equal(again.headers.get('idempotent-replayed'), action === 'error_500_not_executed' ? null : 'true');
    assert.equal(await charged(id), 1, action);
  }
});

test('libcurl repeats a POST by itself when a used connection closes without a byte', async () => {
  const once = `pay_${++count}`;
  await sandbox.dials([{ operation: CREATE, action: 'close_reused', times: 1 }]);
  assert.equal((await curl(payment(once))).code, 0, 'a fresh connection is left alone');
  assert.equal(await charged(once), 1);
  const twice = `pay_${++count}`;
  const { code, out } = await curl(['-s', `${sandbox.url}/sandbox/clock`, '--next', ...payment(twice)]);
  assert.equal(code, 0);
  assert.match(out, /"status": "succeeded"/);
  assert.equal(await charged(twice), 2, 'executed twice, answered once');
});

test('the official client sees what it would see of Stripe', async () => {
  const cases = [
    [{ action: 'error_500_not_executed' }, 'StripeAPIError', 500],
    [{ action: '429' }, 'StripeRateLimitError', 429],
    [{ action: 'reset' }, 'StripeConnectionError', undefined],
    [{ action: 'truncate', bytes: 10 }, 'StripeConnectionError', undefined],
  ];
  for (const [rule, type, status] of cases) {
    await sandbox.dials([{ operation: 'GET /v1/payment_intents', ...rule, times: 1 }]);
    const error = await failure(stripe.paymentIntents.list());
    assert.deepEqual([error.type, error.statusCode], [type, status]);
  }
  await sandbox.dials([{ operation: CREATE, action: 'error_500_executed', times: 1 }]);
  const retrying = checkedStripe(sandbox, { maxNetworkRetries: 2 });
  const intent = await retrying.paymentIntents.create({ amount: 1000, currency: 'usd', metadata: { payment_id: 'pay_retry' } });
  assert.equal((await stripe.paymentIntents.search({ query: 'metadata["payment_id"]:"pay_retry"' })).data.length, 1);
  assert.equal(intent.status, 'requires_payment_method');
});

test('chance comes from the seed, so that a run repeats', async () => {
  const run = async (seed) => {
    await sandbox.dials({ rules: [{ operation: '*', action: '429', probability: 40 }], seed });
    const outcomes = [];
    for (let i = 0; i < 24; i++) outcomes.push((await sandbox.stripe('GET', 'balance')).status);
    return outcomes.join();
  };
  const first = await run(11);
  assert.equal(await run(11), first);
  assert.notEqual(await run(12), first);
  assert.match(first, /200/);
  assert.match(first, /429/);
});

test('rules are matched in order by operation, "*" at the end or alone', async () => {
  const customer = await stripe.customers.create({});
  await sandbox.dials({
    'POST /v1/customers/{id}': { action: 'error_500_not_executed', times: 1 },
    'GET /v1/customers*': { action: '429', times: 2 },
  });
  assert.equal((await failure(stripe.customers.update(customer.id, { name: 'a' }))).statusCode, 500);
  assert.equal((await failure(stripe.customers.retrieve(customer.id))).statusCode, 429);
  assert.equal((await failure(stripe.customers.list())).statusCode, 429);
  assert.equal((await stripe.customers.retrieve(customer.id)).id, customer.id);
});

test('dials are set as a whole, added, shown and cleared; nonsense is refused', async () => {
  await sandbox.dials([{ operation: '*', action: 'delay', ms: 1 }]);
  await sandbox.control('POST', '/sandbox/dials', { operation: 'GET /v1/balance', action: 'html_200' });
  assert.deepEqual((await sandbox.control('GET', '/sandbox/dials')).rules.map((rule) => rule.action), ['delay', 'html_200']);
  for (const bad of [
    [{ operation: '*', action: 'explode' }], [{ action: 'reset' }], [{ operation: '*', action: 'reset', times: 'often' }],
    [{ operation: '*', action: 'delay', probability: 101 }], [{ operation: '*', action: 'delay', speed: 1 }], { webhooks: { drop: 101 } }, { colour: 'red' }, 'x',
  ]) {
    const error = await failure(sandbox.dials(bad));
    assert.equal(error.status, 400, JSON.stringify(bad));
    assert.match(JSON.parse(error.text).error, /./);
  }
  assert.equal((await sandbox.control('GET', '/sandbox/dials')).rules.length, 2, 'all or nothing');
  assert.equal((await sandbox.clearDials()).rules.length, 0);
});
