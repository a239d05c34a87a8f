'use strict';

// Customers' own tokens: signed by the merchant's application, good for that customer's objects and no others.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, test } = require('node:test');
const { startTill } = require('../lib/till.js');

const secret = 'a-secret-of-the-shop-long-enough-to-sign-with';
const older = 'the-secret-that-the-shop-signed-with-before-it';
const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
const rawPublicKey = publicKey.export({ format: 'jwk' }).x;
const usd = (value) => ({ value, currency: 'USD' });
const now = () => Math.floor(Date.now() / 1000);

const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');

/** A token as any JWT library makes it. */
function token(claims = {}, { alg = 'HS256', key = secret, header = {} } = {}) {
  const signed = `${part({ alg, typ: 'JWT', ...header })}.${part({ sub: 'user-1', aud: 'till', exp: now() + 300, ...claims })}`;
  const signature = alg === 'EdDSA' ? crypto.sign(null, Buffer.from(signed), privateKey)
    : alg === 'none' ? Buffer.alloc(0) : crypto.createHmac('sha256', key).update(signed).digest();
  return `${signed}.${signature.toString('base64url')}`;
}

let till, seen;
before(async () => {
  till = await startTill({ env: { JWT_SECRET: `${secret}, ${older}`, JWT_PUBLIC_KEY: rawPublicKey } });
  const make = async (reference) => (await till.api('POST', '/api/v1/customers', { body: { reference, email: `${reference}@example.com` } })).body.id;
  const pay = async (customer_id) => (await till.api('POST', '/api/v1/payments', {
    body: { amount: usd('10.00'), payment_method_id: 'pm_card_visa', customer_id } })).body.id;
  seen = { mine: await make('user-1'), others: await make('user-2') };
  seen.payment = await pay(seen.mine);
  seen.foreign = await pay(seen.others);
  const refund = await till.api('POST', `/api/v1/payments/${seen.foreign}/refund`, { body: { amount: usd('1.00') } });
  seen.refund = refund.body.id;
});
after(() => till && till.stop());

const as = (apiKey, method, address, options = {}) => till.api(method, address, { apiKey, ...options });

test('a token sees its customer and nobody else', async () => {
  const list = await as(token(), 'GET', '/api/v1/payments');
  assert.equal(list.status, 200);
  assert.deepEqual(list.body.data.map((payment) => payment.id), [seen.payment]);
  assert.equal((await as(token(), 'GET', `/api/v1/payments/${seen.payment}`)).body.customer_id, seen.mine);
  assert.deepEqual((await as(token(), 'GET', '/api/v1/customers')).body.data.map((customer) => customer.id), [seen.mine]);
  const history = await as(token(), 'GET', '/api/v1/payments/history');
  assert.equal(history.body.total, 1);

  const missing = await as(token(), 'GET', '/api/v1/payments/pay_00000000000000000000000000');
  for (const address of [`/api/v1/payments/${seen.foreign}`, `/api/v1/payments/${seen.foreign}/refunds`, `/api/v1/refunds/${seen.refund}`,
    `/api/v1/customers/${seen.others}`]) {
    const answer = await as(token(), 'GET', address);
    assert.equal(answer.status, 404, address);
    assert.equal(answer.body.title, missing.body.title, 'as if it did not exist');
  }
  for (const [address, body] of [[`/api/v1/payments/${seen.foreign}/cancel`, {}], [`/api/v1/payments/${seen.foreign}/confirm`, { payment_method_id: 'pm_card_visa' }]]) {
    assert.equal((await as(token(), 'POST', address, { body })).status, 404, address);
  }
  const named = await as(token(), 'POST', '/api/v1/payments', { body: { amount: usd('1.00'), payment_method_id: 'pm_card_visa', customer_id: seen.others } });
  assert.equal(named.status, 400);
  assert.deepEqual(named.body.errors.map((error) => error.pointer), ['#/customer_id']);
});

test('a token pays for its customer, who is made when nobody knows him, once', async () => {
  const paid = await as(token(), 'POST', '/api/v1/payments', { body: { amount: usd('3.00'), payment_method_id: 'pm_card_visa' } });
  assert.equal(paid.status, 201);
  assert.equal(paid.body.customer_id, seen.mine);

  const newcomer = token({ sub: 'user-new' });
  assert.deepEqual((await as(newcomer, 'GET', '/api/v1/payments')).body.data, []);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => as(newcomer, 'POST', '/api/v1/payments', {
    key: `new-${n}`, body: { amount: usd('2.00'), payment_method_id: 'pm_card_visa' } })));
  assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(201));
  assert.equal(new Set(answers.map((answer) => answer.body.customer_id)).size, 1);
  assert.equal(await till.db.value("SELECT count(*) FROM customers WHERE reference = 'user-new'"), '1');
  const again = await as(newcomer, 'POST', '/api/v1/payments', { key: 'new-0', body: { amount: usd('2.00'), payment_method_id: 'pm_card_visa' } });
  assert.equal(again.body.id, answers[0].body.id, 'the key is that of the payment');
});

test('a token may not do what is the merchant\'s', async () => {
  for (const [method, address, body] of [['POST', `/api/v1/payments/${seen.payment}/capture`, {}], ['POST', `/api/v1/payments/${seen.payment}/refund`, { amount: usd('1.00') }], ['POST', '/api/v1/customers', { reference: 'x' }],
    ['GET', '/api/v1/webhooks/events'], ['POST', '/api/v1/maintenance/sweep', {}], ['GET', '/api/v1/decisions?limit=1'], ['POST', '/api/v1/test/clock', { advance: 1 }]]) {
    const answer = await as(token(), method, address, { body });
    assert.equal(answer.status, 403, `${method} ${address}: ${answer.text}`);
  }
  const reader = token({ scope: 'payments:read refunds:write' });
  assert.equal((await as(reader, 'GET', '/api/v1/payments')).status, 200);
  assert.equal((await as(reader, 'POST', '/api/v1/payments', { body: { amount: usd('1.00'), payment_method_id: 'pm_card_visa' } })).status, 403);
  assert.equal((await as(reader, 'POST', `/api/v1/payments/${seen.payment}/refund`, { body: {} })).status, 403, 'a token cannot give itself more');
});

test('keys are rolled, and either algorithm will do', async () => {
  assert.equal((await as(token({}, { key: older }), 'GET', '/api/v1/payments')).status, 200);
  assert.equal((await as(token({}, { alg: 'EdDSA' }), 'GET', '/api/v1/payments')).status, 200);
  assert.equal((await as(token({ aud: ['shop', 'till'], nbf: now() - 5, exp: now() + 60.5 }), 'GET', '/api/v1/payments')).status, 200);
});

test('what is wrong with a token is not told', async () => {
  const good = token();
  const [header, claims, signature] = good.split('.');
  const wrong = {
    'another secret': token({}, { key: 'some other secret that is long enough' }),
    'no signature': token({}, { alg: 'none' }),
    'none, with the dot': `${part({ alg: 'none' })}.${claims}.`,
    'the public key as a secret': token({}, { key: rawPublicKey }),
    'an algorithm that was not agreed': `${part({ alg: 'HS512' })}.${claims}.${signature}`,
    'claims exchanged': `${header}.${part({ sub: 'user-2', aud: 'till', exp: now() + 300 })}.${signature}`,
    'expired': token({ exp: now() - 60 }),
    'without an end': token({ exp: undefined }),
    'an end that is text': token({ exp: '9999999999' }),
    'not yet': token({ nbf: now() + 120 }),
    'for another audience': token({ aud: 'shop' }),
    'without audience': token({ aud: undefined }),
    'without subject': token({ sub: '' }),
    'a subject that is a number': token({ sub: 7 }),
    'critical extension': token({}, { header: { crit: ['b64'], b64: false } }),
    'padding': `${good}=`,
    'another alphabet': good.replace(/-|_/g, '+'),
    'not JSON': `eyJ.eyJ.${signature}`,
  };
  for (const [what, one] of Object.entries(wrong)) {
    if (what === 'another alphabet' && one === good) continue;
    const answer = await as(one, 'GET', '/api/v1/payments');
    assert.equal(answer.status, 401, what);
    assert.equal(answer.body.detail, 'This token is not valid.', what);
  }
  assert.equal((await as(`${header}.${claims}`, 'GET', '/api/v1/payments')).status, 401);
});

test('settings that would sign weakly keep Till from starting', async () => {
  const { cleanEnvironment, required, run } = require('../lib/till.js');
  const path = require('node:path');
  const said = await run(path.join(required('TILL_TEST_BUILD'), 'till'), ['api-key', 'list'], {
    env: cleanEnvironment({ ...till.env, JWT_SECRET: 'short', JWT_PUBLIC_KEY: 'AAAA' }) }).catch((error) => error);
  assert.notEqual(said.code, 0);
  assert.match(said.stderr, /JWT_SECRET: must have 32 characters/);
  assert.match(said.stderr, /JWT_PUBLIC_KEY: must be base64url of 32 bytes/);
});
