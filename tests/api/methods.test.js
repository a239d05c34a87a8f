'use strict';

// Payment methods that are kept: how they come in, what they can do, and that they go when they should.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { PUBLISHABLE_KEY, startTill, until } = require('../lib/till.js');
const { act, advance, closed, get, isProblem, newKey, pay, paid, pointers } = require('./books.js');

let till;
before(async () => { till = await startTill(); });
after(() => closed(till));

const customer = async (body = {}) => (await till.api('POST', '/api/v1/customers', { body })).body.id;
const keep = (body, options = {}) => till.api('POST', '/api/v1/payment-methods', { body, key: newKey(), ...options });
const show = async (id) => (await till.api('GET', `/api/v1/payment-methods/${id}`)).body;
const change = (id, body, options) => till.api('PUT', `/api/v1/payment-methods/${id}`, { body, ...options });
const remove = (id, options) => till.api('DELETE', `/api/v1/payment-methods/${id}`, options);
const list = async (query) => (await till.api('GET', `/api/v1/payment-methods?${query}`)).body;
const theirs = async (id) => (await till.sandbox.stripe('GET', `payment_methods/${id}`)).body;

/** One that is kept; its members. */
async function kept(customer_id, payment_method_id = 'pm_card_visa', more = {}) {
  const answer = await keep({ customer_id, payment_method_id, ...more });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.body.status, 'active');
  return answer.body;
}

const charge = (customer_id, body = {}) => pay(till, { customer_id, payment_method_id: undefined, off_session: true, ...body });

describe('keeping one', { concurrency: 4 }, () => {
  test('that the caller has', async () => {
    const owner = await customer({ email: 'ada@example.org' });
    const answer = await keep({ customer_id: owner, payment_method_id: 'pm_card_mastercard', is_default: true, metadata: { from: 'app' } });
    assert.equal(answer.status, 201, answer.text);
    const method = answer.body;
    assert.match(method.id, /^pm_/);
    assert.equal(answer.headers.get('location'), `/api/v1/payment-methods/${method.id}`);
    assert.deepEqual(Object.keys(method).sort(), [
      'card', 'created_at', 'customer_id', 'failure', 'id', 'is_default', 'livemode', 'mandate', 'metadata', 'next_action', 'provider',
      'provider_payment_method_id', 'remembered_until', 'status', 'type', 'updated_at',
    ]);
    assert.deepEqual([method.status, method.type, method.card.brand, method.card.last4, method.card.expired, method.is_default],
      ['active', 'card', 'mastercard', '4444', false, true]);
    assert.deepEqual(method.metadata, { from: 'app' });
    assert.equal((await till.api('GET', `/api/v1/customers/${(await theirs(method.provider_payment_method_id)).customer}`)).body.id, owner);
    assert.deepEqual(await show(method.id), method);
    assert.deepEqual(await show(method.provider_payment_method_id), method);
    const again = await keep({ customer_id: owner, payment_method_id: method.provider_payment_method_id });
    assert.deepEqual([again.status, again.body.id], [200, method.id]);
  });

  test('that the browser of the payer gives', async () => {
    const owner = await customer();
    const answer = await keep({ customer_id: owner });
    assert.deepEqual([answer.status, answer.body.status], [201, 'pending'], answer.text);
    const secret = answer.body.client_secret;
    const [setup] = secret.split('_secret_');
    assert.deepEqual((await list(`customer_id=${owner}`)).data, [], 'not kept yet');
    await till.sandbox.stripe('POST', `setup_intents/${setup}/confirm`,
      { client_secret: secret, payment_method: 'pm_card_visa', return_url: 'https://shop.example/' }, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
    await until(async () => (await show(answer.body.id)).status === 'active', 'it to be kept');
    const [found] = (await list(`customer_id=${owner}`)).data;
    assert.deepEqual([found.id, found.card.last4, found.client_secret], [answer.body.id, '4242', undefined]);
  });

  test('that the bank asks the payer about', async () => {
    for (const [result, status] of [['complete', 'active'], ['fail', 'failed']]) {
      const answer = await keep({ customer_id: await customer(), payment_method_id: 'pm_card_authenticationRequired', return_url: till.sandbox.url });
      assert.deepEqual([answer.status, answer.body.status, answer.body.next_action.type], [201, 'requires_action', 'redirect_to_url'], answer.text);
      await till.sandbox.bank(answer.body.next_action.url.split('/').pop(), result);
      await until(async () => (await till.db.value(`SELECT status FROM payment_methods WHERE id = '${answer.body.id}'`)) === status, status);
      const now = await show(answer.body.id);
      assert.equal(now.next_action, null);
      assert.equal(now.failure?.code ?? null, status === 'failed' ? 'authentication' : null);
    }
  });

  test('that the bank declines, or nobody knows', async () => {
    const owner = await customer();
    isProblem(await keep({ customer_id: owner, payment_method_id: 'pm_card_chargeDeclined' }), 402, 'CARD_DECLINED');
    isProblem(await keep({ customer_id: owner, payment_method_id: 'pm_nobody' }), 400, 'PAYMENT_METHOD_ERROR');
    assert.deepEqual((await list(`customer_id=${owner}`)).data, []);
    const failed = (await list(`customer_id=${owner}&status=failed`)).data;
    assert.deepEqual(failed.map((one) => one.failure.code), ['refused', 'generic']);
  });

  test('for nobody, of no type, with a wrong address', async () => {
    const answer = await keep({ customer_id: 'cust_nobody', payment_method_id: 'pm_card_visa' });
    isProblem(answer, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(answer), ['#/customer_id']);
    const wrong = await keep({ type: 'Card 7', return_url: 'javascript:1', metadata: 3, colour: 'red' });
    assert.deepEqual(pointers(wrong), ['#/colour', '#/customer_id', '#/metadata', '#/return_url', '#/type']);
    const apiKey = await till.makeKey('payments:write');
    isProblem(await keep({ customer_id: await customer() }, { apiKey }), 403, 'FORBIDDEN');
    isProblem(await till.api('GET', '/api/v1/payment-methods/pm_nobody'), 404, 'NOT_FOUND');
  });
});

describe('what nobody answered', () => {
  test('is found out, and kept once', async () => {
    const owner = await customer();
    await till.sandbox.dials([{ operation: 'POST /v1/setup_intents/{id}/confirm', action: 'reset', times: 1 }]);
    const key = newKey();
    const first = await keep({ customer_id: owner, payment_method_id: 'pm_card_visa' }, { key });
    await till.sandbox.clearDials();
    assert.equal(first.status, 201, first.text);
    assert.match(first.body.status, /^(pending|active)$/, 'a webhook may be faster');
    await until(async () => (await show(first.body.id)).status === 'active', 'it to be kept');
    const again = await keep({ customer_id: owner, payment_method_id: 'pm_card_visa' }, { key });
    assert.equal(again.body.id, first.body.id);
    assert.equal((await list(`customer_id=${owner}`)).data.length, 1);
  });

  test('while the provider is away it is neither kept nor lost', async () => {
    const owner = await customer();
    const body = { customer_id: owner, payment_method_id: 'pm_card_visa' };
    const key = newKey();
    await till.sandbox.dials([{ operation: 'POST /v1/setup_intents', action: 'reset_not_executed' }]);
    isProblem(await keep(body, { key }), 503, 'PROVIDER_UNAVAILABLE');
    await till.sandbox.clearDials();
    const again = await keep(body, { key });
    assert.deepEqual([again.status, again.body?.status], [201, 'active'], again.text);
    assert.equal((await list(`customer_id=${owner}`)).data.length, 1);
    assert.equal((await till.sandbox.stripe('GET', 'setup_intents', { customer: (await theirs(again.body.provider_payment_method_id)).customer })).body.data.length, 1);
  });
});

describe('paying with one', { concurrency: 4 }, () => {
  test('by its id, ours or the provider\'s, without saying whose it is', async () => {
    const owner = await customer();
    const method = await kept(owner);
    for (const payment_method_id of [method.id, method.provider_payment_method_id]) {
      const payment = await paid(till, { payment_method_id });
      assert.equal(payment.customer_id, owner);
      assert.equal(payment.payment_method.id, method.provider_payment_method_id);
    }
    isProblem(await pay(till, { payment_method_id: method.id, customer_id: await customer() }), 400, 'PAYMENT_METHOD_ERROR');
    isProblem(await pay(till, { payment_method_id: 'pm_' + '0'.repeat(26) }), 400, 'PAYMENT_METHOD_ERROR');
  });

  test('the default is used where none is named', async () => {
    const owner = await customer();
    const refused = await charge(owner);
    isProblem(refused, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(refused), ['#/payment_method_id']);
    await kept(owner, 'pm_card_visa');
    isProblem(await charge(owner), 400, 'VALIDATION_ERROR');
    await kept(owner, 'pm_card_mastercard', { is_default: true });
    const payment = (await charge(owner)).body;
    assert.deepEqual([payment.status, payment.payment_method.card.last4], ['succeeded', '4444']);
    assert.equal((await pay(till, { customer_id: owner, payment_method_id: undefined, confirm: true })).body.status, 'succeeded');
    const waiting = (await pay(till, { customer_id: owner, payment_method_id: undefined })).body;
    assert.equal(waiting.status, 'pending');
    const confirmed = await act(till, waiting.id, 'confirm');
    assert.deepEqual([confirmed.body.status, confirmed.body.payment_method.card.last4], ['succeeded', '4444']);
  });

  test('there is one default, however many are made it at once', async () => {
    const owner = await customer();
    const methods = [];
    for (const name of ['visa', 'mastercard', 'amex', 'discover']) methods.push(await kept(owner, `pm_card_${name}`));
    const answers = await Promise.all(methods.map((method) => change(method.id, { is_default: true })));
    for (const answer of answers) assert.equal(answer.status, 200, answer.text);
    assert.equal((await list(`customer_id=${owner}`)).data.filter((one) => one.is_default).length, 1);
  });

  test('who pays and allows it is remembered, and who does not is not', async () => {
    const owner = await customer(), other = await customer();
    await paid(till, { customer_id: owner, payment_method_id: 'pm_card_visa_debit', save_payment_method: true });
    await paid(till, { customer_id: other });
    const [method] = (await list(`customer_id=${owner}`)).data;
    assert.deepEqual([method.card.last4, method.is_default], ['5556', false]);
    const days = (Date.parse(method.remembered_until) - Date.now()) / 86400000;
    assert.ok(days > 29 && days < 31, String(days));
    assert.deepEqual((await list(`customer_id=${other}`)).data, []);
    assert.equal((await charge(owner)).body.payment_method.card.last4, '5556');
    isProblem(await charge(other), 400, 'VALIDATION_ERROR');
  });
});

describe('changing one', { concurrency: 4 }, () => {
  test('its expiry and billing details at the provider, its notes here', async () => {
    const method = await kept(await customer());
    const year = new Date().getUTCFullYear() + 5;
    const answer = await change(method.id, {
      exp_month: 7, exp_year: year, metadata: { a: 1 },
      billing_details: { name: 'Canary Jones', email: 'canary-billing@example.org', address: { line1: '1 Main St', country: 'DE', postal_code: '10115' } },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.card.exp_month, answer.body.card.exp_year, answer.body.metadata], [7, year, { a: 1 }]);
    const { card, billing_details } = await theirs(method.provider_payment_method_id);
    assert.deepEqual([card.exp_month, billing_details.name, billing_details.address.postal_code], [7, 'Canary Jones', '10115']);
    assert.equal(await till.db.value("SELECT count(*) FROM payment_methods p WHERE p::text LIKE '%Canary%'"), '0');
    const wrong = await change(method.id, { exp_month: 13, exp_year: 1999, is_default: 'yes', last4: '1111', billing_details: { shoe: 44 } });
    assert.deepEqual(pointers(wrong), ['#/billing_details/shoe', '#/exp_month', '#/exp_year', '#/is_default', '#/last4']);
  });

  test('the card\'s network does it by itself', async () => {
    const method = await kept(await customer());
    const year = new Date().getUTCFullYear() + 4;
    await till.sandbox.dashboard('card_update', {
      payment_method: method.provider_payment_method_id, card: { exp_month: 3, exp_year: year, last4: '1881' },
    });
    await until(async () => (await show(method.id)).card.last4 === '1881', 'the new card');
    assert.equal((await show(method.id)).card.exp_year, year);
  });

  test('one that was removed cannot be changed or paid with, and the provider forgot it', async () => {
    const owner = await customer();
    const method = await kept(owner, 'pm_card_visa', { is_default: true });
    const gone = await remove(method.id);
    assert.deepEqual([gone.status, gone.body.status, gone.body.is_default], [200, 'detached', false], gone.text);
    assert.equal((await theirs(method.provider_payment_method_id)).customer, null);
    assert.equal((await remove(method.id)).status, 200);
    isProblem(await change(method.id, { is_default: true }), 400, 'INVALID_STATUS');
    isProblem(await pay(till, { payment_method_id: method.id }), 400, 'PAYMENT_METHOD_ERROR');
    isProblem(await charge(owner), 400, 'VALIDATION_ERROR');
    assert.deepEqual((await list(`customer_id=${owner}`)).data, []);
  });

  test('one that was removed at the provider is gone here as well', async () => {
    const method = await kept(await customer());
    await till.sandbox.stripe('POST', `payment_methods/${method.provider_payment_method_id}/detach`);
    await until(async () => (await show(method.id)).status === 'detached', 'it to go');
  });
});

test('a provider that is away when one is removed forgets it later', async () => {
  const method = await kept(await customer());
  await till.sandbox.dials([{ operation: 'POST /v1/payment_methods/{id}/detach', action: 'reset_not_executed' }]);
  assert.equal((await remove(method.id)).body.status, 'detached');
  assert.notEqual((await theirs(method.provider_payment_method_id)).customer, null);
  await till.sandbox.clearDials();
  await until(async () => {
    await till.db.value("UPDATE jobs SET run_at = domain_now() WHERE kind = 'method.detach' AND state = 'available'");
    return (await theirs(method.provider_payment_method_id)).customer === null;
  }, 'the provider to forget it');
});

test('each change is in the audit log, in its own words', async () => {
  const method = await kept(await customer());
  await change(method.id, { is_default: true });
  await remove(method.id);
  const rows = await till.db.rows(`SELECT action, principal_kind FROM audit_log WHERE object = '${method.id}' ORDER BY id`);
  assert.deepEqual(rows.map((row) => row.action),
    ['payment_method.requested', 'payment_method.active', 'payment_method.updated', 'payment_method.detached']);
  assert.ok(rows.every((row) => row.principal_kind === 'api_key' || row.action === 'payment_method.active'), 'a webhook may be faster');
  const told = await till.db.rows(`SELECT type, payload FROM events WHERE object_id = '${method.id}' ORDER BY id`);
  assert.deepEqual(told.map((one) => one.type), ['payment_method.active', 'payment_method.updated', 'payment_method.detached']);
  assert.equal(told[1].payload.is_default, true);
});

test('after a month nothing is remembered any more, and a default stays', async () => {
  const forgotten = await customer(), known = await customer();
  await paid(till, { customer_id: forgotten, save_payment_method: true });
  await paid(till, { customer_id: known, save_payment_method: true });
  const [method] = (await list(`customer_id=${known}`)).data;
  await change(method.id, { is_default: true });
  await advance(till, 31 * 86400);
  isProblem(await charge(forgotten), 400, 'VALIDATION_ERROR');
  assert.equal((await charge(known)).body.status, 'succeeded');
  assert.equal((await get(till, (await charge(known)).body.id)).status, 'succeeded');
  await advance(till, 4 * 366 * 86400);
  assert.equal((await show(method.id)).card.expired, true);
});
