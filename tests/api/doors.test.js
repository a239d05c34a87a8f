'use strict';

// The other doors, which older integrations know: their own words and amounts before the same rules.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { startTill } = require('../lib/till.js');

let till;
before(async () => {
  till = await startTill();
});
after(() => till && till.stop());

const post = (address, body, options = {}) => till.api('POST', address, { body, ...options });
const pointers = (answer) => answer.body.errors.map((error) => error.pointer).sort();

test('/payments/*: an intent is prepared, confirmed, seen and given back, in minor units', async () => {
  const made = await post('/payments/create-intent', { amount: 1250, currency: 'usd', user_id: 42, description: 'Order', metadata: { audit_id: '7' } });
  assert.equal(made.status, 201, made.text);
  const { success, payment_id: id, payment_intent_id: intent, client_secret: secret, status, amount, currency } = made.body;
  assert.deepEqual([success, status, amount, currency], [true, 'pending', 1250, 'USD']);
  assert.match(id, /^pay_/);
  assert.match(intent, /^pi_/);
  assert.ok(secret.startsWith(`${intent}_secret_`));

  const confirmed = await post('/payments/confirm', { payment_intent_id: intent, payment_method_id: 'pm_card_visa' });
  assert.equal(confirmed.status, 200, confirmed.text);
  assert.deepEqual([confirmed.body.success, confirmed.body.status, confirmed.body.client_secret], [true, 'succeeded', null]);
  const canonical = (await till.api('GET', `/api/v1/payments/${id}`)).body;
  assert.deepEqual(canonical.amount, { value: '12.50', currency: 'USD' }, 'it is the same payment');

  const history = (await till.api('GET', '/payments/history?limit=1')).body;
  assert.deepEqual([history.limit, history.offset, history.payments.length], [1, 0, 1]);
  assert.deepEqual([history.payments[0].id, history.payments[0].user_id, history.payments[0].amount], [id, '42', 1250]);

  const part = await post('/payments/refund', { payment_intent_id: intent, amount: 250, reason: 'partial_refund' });
  assert.equal(part.status, 200, part.text);
  assert.deepEqual([part.body.success, part.body.payment_id, part.body.amount, part.body.status], [true, id, 250, 'succeeded']);
  const rest = await post('/payments/refund', { payment_id: id });
  assert.equal(rest.body.amount, 1000);
  const nothing = await post('/payments/refund', { payment_id: id });
  assert.equal(nothing.status, 400);
  assert.deepEqual([nothing.body.success, nothing.body.code, nothing.body.error.code], [false, 'ALREADY_REFUNDED', 'ALREADY_REFUNDED']);
});

test('/charge insists on a key, charges once, and succeeds only when the money is safe', async () => {
  const order = { amount: 900, currency: 'USD', payment_method_id: 'pm_card_visa' };
  const without = await post('/charge', order);
  assert.equal(without.status, 400);
  assert.deepEqual(pointers(without), ['header:Idempotency-Key']);
  const answers = await Promise.all(Array.from({ length: 10 }, () => post('/charge', order, { key: 'charge-1' })));
  const good = answers.filter((answer) => answer.status === 200);
  assert.ok(good.length >= 1);
  for (const answer of answers) assert.ok([200, 409].includes(answer.status), answer.text);
  assert.equal(new Set(good.map((answer) => answer.body.payment_id)).size, 1);
  assert.equal(good[0].body.success, true);

  const asks = await post('/charge', { ...order, payment_method_id: 'pm_card_authenticationRequired' }, { key: 'charge-2' });
  assert.equal(asks.body.status, 'requires_action');
  assert.equal(asks.body.success, false, 'nobody delivers for this');
  const declined = await post('/charge', { ...order, payment_method_id: 'pm_card_chargeDeclined' }, { key: 'charge-3' });
  assert.equal(declined.status, 402);
  assert.deepEqual([declined.body.success, declined.body.error.code], [false, 'CARD_DECLINED']);
  assert.equal(declined.body.error.message, declined.body.detail);
});

test('/api/payments/*: the same in camelCase', async () => {
  const made = await post('/api/payments/process', { amount: 4999, currency: 'usd', paymentMethodId: 'pm_card_visa', courseId: 'course-9', userId: 'user-9',
    metadata: { courseTitle: 'C' } });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(Object.keys(made.body), ['success', 'paymentId', 'stripePaymentIntentId', 'status', 'clientSecret']);
  assert.deepEqual([made.body.success, made.body.status], [true, 'pending']);
  const shown = (await till.api('GET', `/api/payments/${made.body.paymentId}`)).body;
  assert.deepEqual([shown.id, shown.userId, shown.courseId, shown.amount, shown.currency, shown.status],
    [made.body.paymentId, 'user-9', 'course-9', 4999, 'usd', 'pending']);
  assert.ok(Date.parse(shown.createdAt));

  const charged = await post('/api/payments/process', { amount: 4999, paymentMethodId: 'pm_card_visa', courseId: 9, confirm: true });
  assert.deepEqual([charged.status, charged.body.success, charged.body.status], [200, true, 'succeeded']);
  const history = (await till.api('GET', '/api/payments/history?limit=20&offset=1')).body;
  assert.deepEqual([history.limit, history.offset], [20, 1]);
  assert.equal(history.payments[0].id, made.body.paymentId, 'the newest was passed over');
  assert.equal(history.total, Number(await till.db.value('SELECT count(*) FROM payments')));

  const refunded = await post('/api/payments/refund', { paymentId: charged.body.paymentId, amount: 999, reason: 'requested_by_customer' });
  assert.deepEqual([refunded.status, refunded.body.success, refunded.body.paymentId], [200, true, charged.body.paymentId]);
  const missing = await till.api('GET', '/api/payments/pay_00000000000000000000000000');
  assert.deepEqual([missing.status, missing.body.code, missing.body.error.code], [404, 'NOT_FOUND', 'NOT_FOUND']);
  const early = await post('/api/payments/refund', { paymentId: made.body.paymentId });
  assert.deepEqual([early.status, early.body.error.code], [400, 'INVALID_STATUS']);
});

test('/api/v1/payments/stripe-intent and process take major units, exactly as written', async () => {
  const raw = (address, text) => till.api('POST', address, { raw: text, headers: { 'content-type': 'application/json' } });
  for (const [text, minor, currency] of [
    ['{"invoice_id": 1, "amount": 99.99, "currency": "USD"}', 9999, 'USD'],
    ['{"invoice_id": "inv-2", "amount": 500, "currency": "eur"}', 50000, 'EUR'],
    ['{"invoice_id": 3, "amount": "0.57", "currency": "USD"}', 57, 'USD'],
    ['{"invoice_id": 4, "amount": 1.05, "currency": "KWD"}', 1050, 'KWD'],
    ['{"invoice_id": 5, "amount": 250, "currency": "JPY"}', 250, 'JPY'],
    ['{"invoice_id": 6, "amount": {"value": "10.10", "currency": "USD"}}', 1010, 'USD'],
    ['{"invoice_id": 7, "amount": 9999999999.99, "currency": "USD"}', 999999999999, 'USD'],
  ]) {
    const made = await raw('/api/v1/payments/stripe-intent', text);
    assert.ok(made.status === 201 || minor > 99999999, `${text}: ${made.text}`);
    if (made.status !== 201) continue; // more than the provider takes, and said so
    assert.deepEqual([made.body.amount, made.body.currency, made.body.status, made.body.success], [minor, currency, 'pending', true], text);
    assert.match(made.body.client_secret, /_secret_/);
    assert.equal(made.body.invoice_id, String(JSON.parse(text).invoice_id));
  }
  for (const [text, wrong] of [
    ['{"invoice_id": 1, "amount": 99.999, "currency": "USD"}', ['#/amount']],
    ['{"invoice_id": 1, "amount": 1e2, "currency": "USD"}', ['#/amount']],
    ['{"invoice_id": 1, "amount": -5, "currency": "USD"}', ['#/amount']],
    ['{"invoice_id": 1, "amount": 0, "currency": "USD"}', ['#/amount']],
    ['{"invoice_id": 1, "amount": true, "currency": "USD"}', ['#/amount']],
    ['{"invoice_id": 1.5, "amount": 0.5, "currency": "JPY"}', ['#/amount']],
    ['{"invoice_id": [], "amount": 5}', ['#/currency', '#/invoice_id']],
    ['{"invoice_id": 1, "amount": 5, "currency": "XQX"}', ['#/currency']],
    ['{}', ['#/amount', '#/invoice_id']],
  ]) {
    const refused = await raw('/api/v1/payments/stripe-intent', text);
    assert.equal(refused.status, 400, text);
    assert.deepEqual(pointers(refused), wrong, text);
  }
  const made = await post('/api/v1/payments/process', { invoice_id: 8, user_id: 'user-8', payment_method: 'card', amount: 12, currency: 'USD' });
  assert.deepEqual([made.status, made.body.status, made.body.amount], [201, 'pending', 1200], made.text);
  const closed = await post('/api/v1/payments/process', { invoice_id: 8, user_id: 'user-8', payment_method: 'barter', amount: 12, currency: 'USD' });
  assert.deepEqual([closed.status, pointers(closed)], [400, ['#/payment_method']]);
});

test('every wrong member is named, and a float stays an error at the canonical door', async () => {
  const wrong = await post('/payments/create-intent', { amount: '12.50', currency: 'XQX', user_id: {}, colour: 'red' });
  assert.equal(wrong.status, 400);
  assert.deepEqual(pointers(wrong), ['#/amount', '#/colour', '#/currency']);
  assert.equal(wrong.body.success, false);
  assert.deepEqual(pointers(await post('/payments/create-intent', { amount: 5, user_id: {} })), ['#/user_id']);
  assert.deepEqual(pointers(await post('/payments/confirm', {})), ['#/payment_intent_id']);
  assert.deepEqual(pointers(await post('/api/payments/process', { amount: 5, confirm: true })), ['#/paymentMethodId']);
  const float = await till.api('POST', '/payments/create-intent', { raw: '{"amount": 12.5}', headers: { 'content-type': 'application/json' } });
  assert.equal(float.status, 400);
  const keyless = await till.api('POST', '/charge', { body: {}, apiKey: null });
  assert.equal(keyless.status, 401);
  const known = await till.db.value("SELECT count(*) FROM customers WHERE reference = '42'");
  assert.equal(known, '1', 'a user is one customer');
});
