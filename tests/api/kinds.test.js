'use strict';

// Methods beyond cards: which are open for what, and money that takes days, may not come, or is taken back.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { PUBLISHABLE_KEY, startTill, until } = require('../lib/till.js');
const { act, advance, closed, comesTo, get, isProblem, newKey, oracle, pay, pointers, resolves } = require('./books.js');

let till;
before(async () => { till = await startTill({ env: { SEPA_ENABLED: 'true' } }); });
after(() => closed(till));

const eur = (value) => ({ value, currency: 'EUR' });
const GOOD = 'DE89370400440532013000', BROKE = 'DE62370400440532013001';

const open = async (query, on = till) => {
  const answer = await on.api('GET', `/api/v1/payments/payment-methods?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.data.map((one) => one.type);
};

/** A waiting payment of 20.00 EUR that the payer's browser confirms with his account. */
async function debited(iban, body = {}) {
  const waiting = (await pay(till, { amount: eur('20.00'), payment_method_id: undefined, ...body })).body;
  assert.equal(waiting.status, 'pending');
  const answer = await till.sandbox.stripe('POST', `payment_intents/${waiting.provider_payment_id}/confirm`, {
    client_secret: waiting.client_secret, return_url: 'https://shop.example/', 'payment_method_data[type]': 'sepa_debit',
    'payment_method_data[sepa_debit][iban]': iban, 'payment_method_data[billing_details][name]': 'Ada', 'payment_method_data[billing_details][email]': 'ada@example.org',
  }, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
  assert.equal(answer.body.status, 'processing', JSON.stringify(answer.body));
  await comesTo(till, waiting.id, 'processing');
  return waiting.id;
}

describe('what is open', { concurrency: 4 }, () => {
  test('depends on currency, country, amount and capture', async () => {
    assert.deepEqual(await open('currency=EUR'), ['card', 'sepa_debit']);
    assert.deepEqual(await open('currency=eur&country=de&amount=20.00'), ['card', 'sepa_debit']);
    for (const query of ['currency=USD', 'currency=EUR&country=US', 'currency=EUR&amount=10000.01', 'currency=EUR&capture=false']) {
      assert.deepEqual(await open(query), ['card'], query);
    }
    assert.deepEqual(await open('currency=EUR&amount=0.10'), [], 'less than the provider takes');
    const [card, debit] = (await till.api('GET', '/api/v1/payments/payment-methods?currency=EUR')).body.data;
    assert.deepEqual(card.wallets, ['apple_pay', 'google_pay']);
    assert.deepEqual([card.delayed, debit.delayed, debit.needs_mandate, debit.contested_late], [false, true, true, true]);
    const wrong = await till.api('GET', '/api/v1/payments/payment-methods?currency=ABC&country=Germany&amount=ten');
    isProblem(wrong, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(wrong), ['query:country', 'query:currency']);
    isProblem(await till.api('GET', '/api/v1/payments/payment-methods?currency=EUR&amount=1.005'), 400, 'VALIDATION_ERROR');
  });

  test('a payment is made with the same', async () => {
    for (const [body, types] of [
      [{ amount: eur('20.00') }, ['card', 'sepa_debit']], [{ amount: eur('20.00'), capture: false }, ['card']], [{}, ['card']],
    ]) {
      const waiting = (await pay(till, { payment_method_id: undefined, ...body })).body;
      const theirs = (await till.sandbox.stripe('GET', `payment_intents/${waiting.provider_payment_id}`)).body;
      assert.deepEqual(theirs.payment_method_types, types);
    }
  });

  test('and on what the operator switched on', async () => {
    const other = await startTill();
    try {
      assert.deepEqual(await open('currency=EUR', other), ['card']);
      const waiting = (await pay(other, { amount: eur('20.00'), payment_method_id: undefined })).body;
      const theirs = (await other.sandbox.stripe('GET', `payment_intents/${waiting.provider_payment_id}`)).body;
      assert.deepEqual(theirs.payment_method_types, ['card']);
    } finally {
      await closed(other);
    }
  });
});

describe('a direct debit', () => {
  test('that no bank gives is failed when the days are over, and another method may follow', async () => {
    const id = await debited(BROKE);
    await till.sandbox.settle();
    await comesTo(till, id, 'created');
    const now = await get(till, id);
    assert.deepEqual([now.status, now.amount_captured.value], ['pending', '0.00']);
    assert.ok(now.failure.code, 'the caller hears why');
    assert.equal((await act(till, id, 'confirm', { payment_method_id: 'pm_card_visa' })).body.status, 'succeeded');
    assert.equal((await oracle(till, id)).captured, 2000);
  });

  test('that the bank takes back after it succeeded is a dispute, and cannot be refunded as well', async () => {
    const id = await debited(GOOD);
    await till.sandbox.settle();
    await comesTo(till, id, 'succeeded');
    const { provider_payment_id } = await get(till, id);
    await till.sandbox.dashboard('dispute', { payment_intent: provider_payment_id, reason: 'insufficient_funds' });
    await until(async () => (await get(till, id)).dispute_state === 'open', 'the dispute');
    isProblem(await act(till, id, 'refund'), 400, 'INVALID_STATUS');
    await till.sandbox.dashboard('dispute_close', { payment_intent: provider_payment_id, status: 'lost' });
    await until(async () => (await get(till, id)).dispute_state === 'lost', 'its end');
    const [{ lost }] = await till.db.rows(`SELECT sum(l.amount) AS lost FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id
      JOIN disputes d ON d.id = e.source WHERE d.payment_id = '${id}' AND l.account = 'dispute_losses'`);
    assert.equal(lost, 2000);
    const told = await till.db.rows(`SELECT type FROM events WHERE object_id = '${id}' ORDER BY id`);
    assert.ok(told.some((one) => one.type === 'payment.dispute_open') && told.some((one) => one.type === 'payment.dispute_lost'));
  });

  test('that is kept is charged by its mandate, until its owner takes that back', async () => {
    const customer_id = (await till.api('POST', '/api/v1/customers', { body: {} })).body.id;
    const account = (await till.sandbox.stripe('POST', 'payment_methods', {
      type: 'sepa_debit', 'sepa_debit[iban]': GOOD, 'billing_details[name]': 'Ada', 'billing_details[email]': 'ada@example.org',
    })).body;
    const kept = await till.api('POST', '/api/v1/payment-methods', { body: { customer_id, payment_method_id: account.id, is_default: true }, key: newKey() });
    assert.deepEqual([kept.status, kept.body.status, kept.body.type, kept.body.card.last4], [201, 'active', 'sepa_debit', '3000'], kept.text);
    assert.match(kept.body.mandate, /^mandate_/);
    const answer = await pay(till, { amount: eur('20.00'), customer_id, payment_method_id: undefined, off_session: true });
    assert.deepEqual([answer.status, answer.body.status], [202, 'processing'], answer.text);
    await till.sandbox.settle();
    await comesTo(till, answer.body.id, 'succeeded');
    await till.sandbox.dashboard('mandate_end', { mandate: kept.body.mandate });
    await until(async () => (await till.api('GET', `/api/v1/payment-methods/${kept.body.id}`)).body.status === 'failed', 'the mandate to end');
    isProblem(await pay(till, { amount: eur('20.00'), payment_method_id: kept.body.id }), 400, 'PAYMENT_METHOD_ERROR');
  });

  test('takes days, and nobody is alarmed meanwhile', async () => {
    await till.sandbox.dials({ webhooks: { off: true } });
    const waiting = (await pay(till, { amount: eur('20.00'), payment_method_id: undefined })).body;
    await till.sandbox.stripe('POST', `payment_intents/${waiting.provider_payment_id}/confirm`, {
      client_secret: waiting.client_secret, return_url: 'https://shop.example/', 'payment_method_data[type]': 'sepa_debit',
      'payment_method_data[sepa_debit][iban]': GOOD,
    }, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
    await resolves(till, waiting.id, 'processing');
    await advance(till, 2 * 86400);
    assert.equal((await till.api('GET', `/api/v1/payments/${waiting.id}`)).status, 202);
    assert.deepEqual(await till.db.rows(`SELECT kind FROM decisions WHERE object = '${waiting.id}'`), []);
    await till.sandbox.settle();
    await resolves(till, waiting.id, 'succeeded');
    assert.equal((await oracle(till, waiting.id)).captured, 2000);
    await till.sandbox.clearDials();
  });
});
