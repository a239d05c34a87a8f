'use strict';

// Keys, versions, parameters and idempotency: what a request must be, and what it is told when it is not.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { checkedStripe, failure, load } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');
const { SECRET_KEY } = require('../lib/till.js');

let sandbox, stripe;

before(async () => {
  sandbox = await startSandbox();
  stripe = checkedStripe(sandbox);
});
after(() => sandbox.stop());

async function post(path, body, headers = {}) {
  const answer = await fetch(`${sandbox.url}/v1/${path}`, {
    method: 'POST', body, headers: { authorization: `Bearer ${SECRET_KEY}`, 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

const KEYS = [
  [{}, 401], [{ authorization: 'Bearer sk_live_abcdefghijkl' }, 401], [{ authorization: 'Bearer pk_live_abcdefghijkl' }, 401],
  [{ authorization: 'Bearer rk_live_abcdefghijkl' }, 401], [{ authorization: 'Bearer nonsense' }, 401], [{ authorization: `Bearer ${SECRET_KEY}` }, 200],
  [{ authorization: `Basic ${Buffer.from(`${SECRET_KEY}:`).toString('base64')}` }, 200], [{ authorization: 'Bearer rk_test_123456789' }, 200],
];
for (const [headers, status] of KEYS) {
  test(`a key ${JSON.stringify(headers).replace(SECRET_KEY, 'of the test mode')} gets ${status}`, async () => {
    const answer = await fetch(`${sandbox.url}/v1/balance`, { headers });
    const text = await answer.text();
    assert.equal(answer.status, status);
    assert.doesNotMatch(text, /abcdefghijkl/, 'a key is not repeated whole');
  });
}

test('with a key of its own it takes no other', async () => {
  const strict = await startSandbox({ env: { STRIPE_SECRET_KEY: 'sk_test_only_this_one' } });
  try {
    assert.equal((await strict.stripe('GET', 'balance')).status, 200);
    assert.equal((await strict.stripe('GET', 'balance', null, { authorization: 'Bearer sk_test_another_one' })).status, 401);
  } finally {
    await strict.stop();
  }
});

test('versions are echoed, checked, and decide about parameters and members', async () => {
  const old = await sandbox.stripe('POST', 'payment_intents', { amount: '1000', currency: 'usd', 'payment_method_types[]': 'card' });
  assert.equal(old.headers.get('stripe-version'), '2026-08-26.dahlia');
  assert.ok(!('payment_record' in old.body));
  const endive = { 'stripe-version': '2026-10-28.endive' };
  const refused = await sandbox.stripe('POST', 'payment_intents', { amount: '1000', currency: 'usd', 'payment_method_types[]': 'card' }, endive);
  assert.deepEqual([refused.status, refused.body.error.code, refused.body.error.param], [400, 'parameter_unknown', 'payment_method_types']);
  const taken = await sandbox.stripe('POST', 'payment_intents', { amount: '1000', currency: 'usd', 'allowed_payment_method_types[]': 'card' }, endive);
  assert.deepEqual([taken.status, taken.body.payment_record, taken.headers.get('stripe-version')], [200, null, '2026-10-28.endive']);
  assert.equal((await sandbox.stripe('GET', 'balance', null, { 'stripe-version': 'yesterday' })).status, 400);
  const earlier = await sandbox.stripe('POST', 'payment_intents', { amount: '1000', currency: 'usd' }, { 'stripe-version': '2022-11-15' });
  assert.equal(earlier.body.automatic_payment_methods, null);
});

test('the newest client gets answers of the newest version', async () => {
  const newest = checkedStripe(sandbox, { apiVersion: '2026-10-28.endive' });
  const intent = await newest.paymentIntents.create({
    amount: 1000, currency: 'usd', allowed_payment_method_types: ['card'], confirm: true, payment_method: 'pm_card_createDispute', expand: ['latest_charge'],
  });
  assert.equal(intent.latest_charge.payment_method_details.card.electronic_commerce_indicator, null);
  const [dispute] = (await newest.disputes.list({ payment_intent: intent.id })).data;
  assert.equal(dispute.intended_submission_method, null);
  await newest.refunds.list({ payment_intent: intent.id });
  assert.ok(newest.seen.has('POST /v1/payment_intents') && newest.seen.has('GET /v1/disputes'));
});

const PARAMETERS = [
  ['payment_intents', 'currency=usd', 'parameter_missing', 'amount'],
  ['payment_intents', 'amount=1000', 'parameter_missing', 'currency'],
  ['payment_intents', 'amount=ten&currency=usd', 'parameter_invalid_integer', 'amount'],
  ['payment_intents', 'amount=10.00&currency=usd', 'parameter_invalid_integer', 'amount'],
  ['payment_intents', 'amount=-5&currency=usd', 'parameter_invalid_integer', 'amount'],
  ['payment_intents', 'amount=99999999999999999999&currency=usd', 'parameter_invalid_integer', 'amount'],
  ['payment_intents', 'amount=&currency=usd', 'parameter_invalid_empty', 'amount'],
  ['payment_intents', 'amount=1000&currency=usd&amuont=1', 'parameter_unknown', 'amuont'],
  ['payment_intents', 'amount=1000&currency=usd&shipping[name]=a&shipping[adress][line1]=x', 'parameter_unknown', 'shipping[adress]'],
  ['payment_intents', 'amount=1000&currency=usd&shipping[name]=a', 'parameter_missing', 'shipping[address]'],
  ['payment_intents', 'amount=1000&currency=usd&confirm=yes', undefined, 'confirm'],
  ['payment_intents', 'amount=1000&currency=usd&capture_method=later', undefined, 'capture_method'],
  ['payment_intents', 'amount=1000&currency=usd&customer=cus_none', 'resource_missing', 'customer'],
  ['payment_intents', 'amount=1000&currency=usd&payment_method=pm_none', 'resource_missing', 'payment_method'],
  ['payment_intents', 'amount=1000&currency=usd&statement_descriptor_suffix=%3Cbad%3E', undefined, 'statement_descriptor_suffix'],
  ['payment_intents', 'amount=1000&currency=usd&payment_method_types[]=card&statement_descriptor=SHOP', undefined, 'statement_descriptor'],
  ['payment_intents', `amount=1000&currency=usd&metadata[${'k'.repeat(41)}]=v`, undefined, 'metadata'],
  ['payment_intents', `amount=1000&currency=usd&metadata[k]=${'v'.repeat(501)}`, undefined, 'metadata[k]'],
  ['payment_intents', `amount=1000&currency=usd&${Array.from({ length: 51 }, (_, i) => `metadata[k${i}]=v`).join('&')}`, undefined, 'metadata'],
  ['refunds', 'amount=100', 'parameter_missing', undefined],
  ['refunds', 'payment_intent=pi_none', 'resource_missing', 'payment_intent'],
  ['refunds', 'payment_intent=pi_none&reason=just_so', undefined, 'reason'],
  ['customers', 'email=nonsense', 'email_invalid', 'email'],
  ['webhook_endpoints', 'url=ftp://x&enabled_events[]=*', 'url_invalid', 'url'],
];
for (const [path, body, code, param] of PARAMETERS) {
  test(`${path} ${body.slice(0, 70)}: ${code || 'refused'}`, async () => {
    const answer = await post(path, body);
    assert.ok(answer.status === 400 || answer.status === 404, `${answer.status} ${JSON.stringify(answer.body)}`);
    assert.deepEqual([answer.body.error.type, answer.body.error.code, answer.body.error.param], ['invalid_request_error', code, param]);
    assert.match(answer.headers.get('request-id'), /^req_/);
    assert.ok(answer.body.error.request_log_url.includes(answer.headers.get('request-id')));
  });
}

test('forms are read as Stripe reads them', async () => {
  const plus = await post('customers', 'email=a%2Bb@example.com&name=Ada+K%C3%B6nig&preferred_locales[0]=de&preferred_locales[1]=en&metadata%5Bx%5D=1');
  assert.deepEqual([plus.body.email, plus.body.name, plus.body.preferred_locales, plus.body.metadata],
    ['a+b@example.com', 'Ada König', ['de', 'en'], { x: '1' }]);
  assert.deepEqual((await post('customers', 'preferred_locales[]=fr&preferred_locales[]=de')).body.preferred_locales, ['fr', 'de']);
  for (const bad of ['name=%zz', 'name=%ff', 'a[b=1', 'name=a&name[b]=c', 'metadata[a][b]=c', `${'a[b]'.padEnd(40, '[c]')}=1`]) {
    assert.equal((await post('customers', bad)).status, 400, bad);
  }
  assert.equal((await post('customers', '{"name":"json"}', { 'content-type': 'application/json' })).status, 400);
  assert.equal((await post('customers', `description=${'x'.repeat(200000)}`)).status, 400, 'a long body is read and judged');
});

test('every parameter of the published description is known', async () => {
  const { operations, definitions } = load('sdk-2026-08-26.dahlia.requests.json');
  const served = ['customers', 'payment_methods', 'payment_intents', 'setup_intents', 'refunds', 'disputes', 'payouts', 'webhook_endpoints', 'charges',
    'events', 'balance_transactions', 'payment_method_domains'];
  let checked = 0;
  for (const [name, schema] of Object.entries(operations)) {
    const [method, path] = name.split(' ');
    const parts = path.split('/').slice(2);
    if (!served.includes(parts[0]) || /^POST .v1.charges($|.*capture$)|microdeposits|apply_customer|cash_balance|funding|reverse/.test(name)) continue;
    const { properties } = schema.$ref ? definitions[schema.$ref.split('/').pop()] : schema;
    const target = `${sandbox.url}${path.replace(/\{[^}]+\}/g, 'x_none')}`;
    for (const param of [...Object.keys(properties || {}), 'this_is_unknown']) {
      const query = new URLSearchParams({ [param]: 'x' });
      const answer = await fetch(method === 'POST' ? target : `${target}?${query}`, {
        method, headers: { authorization: `Bearer ${SECRET_KEY}` }, body: method === 'POST' ? query : undefined,
      });
      const { error } = await answer.json();
      const unknown = error?.code === 'parameter_unknown';
      assert.equal(unknown, param === 'this_is_unknown', `${name} ${param}: ${JSON.stringify(error)}`);
      checked++;
    }
  }
  assert.ok(checked > 480, `${checked}`);
});

// Idempotency ----------------------------------------------------------------------------------------------------------

const KEYED = (key) => ({ 'idempotency-key': key });
const GOOD = 'amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true&payment_method_types[]=card';

test('the same key: the same answer, once executed', async () => {
  const first = await post('payment_intents', GOOD, KEYED('same'));
  const again = await post('payment_intents', GOOD, KEYED('same'));
  assert.deepEqual(again.body, first.body);
  assert.equal(first.headers.get('idempotency-key'), 'same');
  assert.equal(first.headers.get('idempotent-replayed'), null);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  assert.equal(again.headers.get('original-request'), first.headers.get('request-id'));
  assert.notEqual(again.headers.get('request-id'), first.headers.get('request-id'));
  const shuffled = await post('payment_intents', GOOD.split('&').reverse().join('&'), KEYED('same'));
  assert.equal(shuffled.body.id, first.body.id, 'the order of parameters does not matter');
});

test('a decline is replayed too', async () => {
  const declined = GOOD.replace('visa', 'chargeDeclined');
  const first = await post('payment_intents', declined, KEYED('declined'));
  const again = await post('payment_intents', declined, KEYED('declined'));
  assert.deepEqual([first.status, again.status], [402, 402]);
  assert.deepEqual(again.body, first.body);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  assert.equal(again.headers.get('stripe-should-retry'), 'false');
});

test('another body or another address under the same key is an error', async () => {
  await post('payment_intents', GOOD, KEYED('mixed'));
  for (const [path, body] of [['payment_intents', GOOD.replace('1000', '1001')], ['customers', 'name=a']]) {
    const answer = await post(path, body, KEYED('mixed'));
    assert.deepEqual([answer.status, answer.body.error.type], [400, 'idempotency_error']);
  }
  const error = await failure(stripe.customers.create({ name: 'a' }, { idempotencyKey: 'mixed' }));
  assert.equal(error.type, 'StripeIdempotencyError');
});

test('what failed before execution is not stored', async () => {
  assert.equal((await post('payment_intents', 'amount=x&currency=usd', KEYED('early'))).status, 400);
  const mended = await post('payment_intents', GOOD, KEYED('early'));
  assert.deepEqual([mended.status, mended.headers.get('idempotent-replayed')], [200, null]);
  assert.equal((await post('payment_intents', 'amount=1&currency=usd', KEYED('small'))).body.error.code, 'amount_too_small');
  assert.equal((await post('payment_intents', GOOD, KEYED('small'))).status, 200);
});

test('while the first still runs the second is told so', async () => {
  await sandbox.dials([{ operation: 'POST /v1/payment_intents', action: 'delay', ms: 800, times: 1 }]);
  const first = post('payment_intents', GOOD, KEYED('running'));
  await new Promise((resolve) => setTimeout(resolve, 250));
  const second = await post('payment_intents', GOOD, KEYED('running'));
  assert.deepEqual([second.status, second.body.error.code, second.headers.get('stripe-should-retry')], [409, 'idempotency_key_in_use', 'true']);
  const done = await first;
  assert.equal((await post('payment_intents', GOOD, KEYED('running'))).body.id, done.body.id);
  await sandbox.clearDials();
});

test('thirty at once with one key charge once', async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => post('payment_intents', `${GOOD}&metadata[payment_id]=pay_race`, KEYED('race'))));
  assert.deepEqual(new Set(answers.filter((one) => one.status === 200).map((one) => one.body.id)).size, 1);
  assert.ok(answers.every((one) => one.status === 200 || one.status === 409));
  assert.equal((await sandbox.ledger('pay_race')).totals.usd.charges, 1);
});

test('after a day by the sandbox\'s clock a key is new again', async () => {
  const first = await post('payment_intents', GOOD, KEYED('old'));
  await sandbox.advance(86400 - 60);
  assert.equal((await post('payment_intents', GOOD, KEYED('old'))).body.id, first.body.id);
  await sandbox.advance(120);
  assert.notEqual((await post('payment_intents', GOOD, KEYED('old'))).body.id, first.body.id);
});

test('keys have at most 255 characters; GET has none', async () => {
  assert.equal((await post('customers', 'name=a', KEYED('k'.repeat(255)))).status, 200);
  assert.equal((await post('customers', 'name=a', KEYED('k'.repeat(256)))).status, 400);
  const read = await sandbox.stripe('GET', 'balance', null, KEYED('same'));
  assert.deepEqual([read.status, read.headers.get('idempotency-key')], [200, null]);
});
