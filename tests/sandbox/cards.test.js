'use strict';

// Each test card does what Stripe says of it, by its name and by its number.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { checkedStripe, failure } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');

let sandbox, stripe, browser;

before(async () => {
  sandbox = await startSandbox();
  stripe = checkedStripe(sandbox);
  browser = checkedStripe(sandbox, { key: 'pk_test_123' });
});
after(() => sandbox.stop());

function numbered(number, more = {}) {
  return { type: 'card', card: { number, exp_month: 12, exp_year: 2034, cvc: '123', ...more } };
}

function charge(method, more = {}) {
  return stripe.paymentIntents.create({ amount: 1000, currency: 'usd', payment_method_types: ['card'], confirm: true, ...method, ...more });
}

const GOOD = [
  ['pm_card_visa', '4242 4242 4242 4242', 'visa', '4242'],
  ['pm_card_mastercard', '5555555555554444', 'mastercard', '4444'],
  ['pm_card_amex', '378282246310005', 'amex', '0005'],
  ['pm_card_discover', '6011111111111117', 'discover', '1117'],
  ['pm_card_bypassPending', '4000000000000077', 'visa', '0077'],
];
for (const [id, number, brand, last4] of GOOD) {
  test(`${id} succeeds`, async () => {
    for (const method of [{ payment_method: id }, { payment_method_data: numbered(number) }]) {
      const intent = await charge(method, { expand: ['latest_charge'] });
      const { card } = intent.latest_charge.payment_method_details;
      assert.deepEqual([intent.status, card.brand, card.last4], ['succeeded', brand, last4]);
      assert.equal(intent.last_payment_error, null);
    }
  });
}

const DECLINED = [
  ['pm_card_chargeDeclined', '4000000000000002', 'card_declined', 'generic_decline'],
  ['pm_card_chargeDeclinedInsufficientFunds', '4000000000009995', 'card_declined', 'insufficient_funds'],
  ['pm_card_chargeDeclinedLostCard', '4000000000009987', 'card_declined', 'lost_card'],
  ['pm_card_chargeDeclinedStolenCard', '4000000000009979', 'card_declined', 'stolen_card'],
  ['pm_card_chargeDeclinedExpiredCard', '4000000000000069', 'expired_card', undefined],
  ['pm_card_chargeDeclinedIncorrectCvc', '4000000000000127', 'incorrect_cvc', undefined],
  ['pm_card_chargeDeclinedProcessingError', '4000000000000119', 'processing_error', undefined],
  ['pm_card_chargeDeclinedFraudulent', '4100000000000019', 'card_declined', 'fraudulent'],
  ['pm_card_chargeDeclinedVelocityLimitExceeded', '4000000000006975', 'card_declined', 'card_velocity_exceeded'],
  ['pm_card_chargeCustomerFail', '4000000000000341', 'card_declined', 'generic_decline'],
];
for (const [id, number, code, decline] of DECLINED) {
  test(`${id} is declined with ${decline || code}`, async () => {
    for (const method of [{ payment_method: id }, { payment_method_data: numbered(number) }]) {
      const error = await failure(charge(method));
      assert.equal(error.type, 'StripeCardError');
      assert.deepEqual([error.statusCode, error.code, error.decline_code || undefined], [402, code, decline]);
      const { payment_intent: intent } = error;
      assert.deepEqual([intent.status, intent.payment_method, intent.last_payment_error.code], ['requires_payment_method', null, code]);
      assert.equal(intent.last_payment_error.payment_method.card.last4, number.slice(-4));
      assert.equal(error.charge, intent.latest_charge);
      const failed = await stripe.charges.retrieve(error.charge);
      assert.deepEqual([failed.status, failed.failure_code, failed.paid], ['failed', code, false]);
    }
  });
}

test('a declined intent takes another card', async () => {
  const { payment_intent: intent } = await failure(charge({ payment_method: 'pm_card_chargeDeclined' }));
  const paid = await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
  assert.deepEqual([paid.id, paid.status, paid.last_payment_error], [intent.id, 'succeeded', null]);
  assert.deepEqual((await stripe.charges.list({ payment_intent: intent.id })).data.map((one) => one.status), ['succeeded', 'failed']);
});

test('a card that attaches and then declines', async () => {
  const customer = await stripe.customers.create({ payment_method: 'pm_card_chargeCustomerFail' });
  const [method] = (await stripe.paymentMethods.list({ customer: customer.id })).data;
  assert.equal((await failure(charge({ payment_method: method.id, customer: customer.id }))).code, 'card_declined');
});

const WRONG = [
  ['4242424242424241', {}, 'incorrect_number'],
  ['4242424242424242', { exp_month: 13 }, 'invalid_expiry_month'],
  ['4242424242424242', { exp_year: 2001 }, 'invalid_expiry_year'],
  ['4242424242424242', { cvc: '12' }, 'invalid_cvc'],
  ['4012888888881881', {}, 'card_declined'],
];
for (const [number, more, code] of WRONG) {
  test(`a form with ${number} ${JSON.stringify(more)} is told ${code}`, async () => {
    const error = await failure(browser.paymentMethods.create(numbered(number, more)));
    assert.deepEqual([error.statusCode, error.code], [402, code]);
  });
}

test('no card number is kept or shown', async () => {
  const method = await browser.paymentMethods.create(numbered('4242424242424242'));
  assert.doesNotMatch(JSON.stringify(method), /4242424242424242/);
  assert.equal(method.card.fingerprint, (await browser.paymentMethods.create(numbered('4242424242424242'))).card.fingerprint);
});

const CURRENCIES = [
  ['usd', 49, 'amount_too_small'], ['usd', 50, null], ['gbp', 29, 'amount_too_small'], ['gbp', 30, null], ['jpy', 49, 'amount_too_small'],
  ['jpy', 50, null], ['huf', 17499, 'amount_too_small'], ['usd', 100000000, 'amount_too_large'], ['isk', 550, 'parameter_invalid_integer'],
  ['isk', 500, null], ['ugx', 150, 'parameter_invalid_integer'], ['kwd', 5124, 'parameter_invalid_integer'], ['kwd', 5120, null],
];
for (const [currency, amount, code] of CURRENCIES) {
  test(`${amount} ${currency} is ${code || 'charged'}`, async () => {
    if (!code) {
      assert.equal((await charge({ payment_method: 'pm_card_visa' }, { amount, currency })).amount_received, amount);
      return;
    }
    const error = await failure(charge({ payment_method: 'pm_card_visa' }, { amount, currency }));
    assert.deepEqual([error.code, error.param], [code, 'amount']);
  });
}

test('a currency that is none', async () => {
  assert.equal((await failure(charge({ payment_method: 'pm_card_visa' }, { currency: 'xxx' }))).param, 'currency');
});
