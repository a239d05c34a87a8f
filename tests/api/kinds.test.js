'use strict';

// Methods beyond cards: which are open for what, and money that takes days, may not come, or is taken back.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { PUBLISHABLE_KEY, startTill, until } = require('../lib/till.js');
const { act, advance, closed, comesTo, get, hurry, isProblem, newKey, oracle, pay, pointers, resolves } = require('./books.js');

let till;
const DOMAIN_FILE = path.join(os.tmpdir(), `till-apple-${process.pid}`);
before(async () => {
  fs.writeFileSync(DOMAIN_FILE, '7B227073704964223A\n');
  till = await startTill({ env: {
    SEPA_ENABLED: 'true', ACH_ENABLED: 'true', KLARNA_ENABLED: 'true', AFTERPAY_ENABLED: 'true', BANK_TRANSFER_ENABLED: 'true', APPLE_PAY_DOMAIN_FILE: DOMAIN_FILE,
  } });
});
after(() => { fs.rmSync(DOMAIN_FILE, { force: true }); return closed(till); });

const eur = (value) => ({ value, currency: 'EUR' });
const GOOD = 'DE89370400440532013000', BROKE = 'DE62370400440532013001';

const open = async (query, on = till) => {
  const answer = await on.api('GET', `/api/v1/payments/payment-methods?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.data.map((one) => one.type);
};

/** A waiting payment that the payer's browser confirms with this method; answers it and the provider's intent. */
async function given(type, details, body = {}, status = 'requires_action') {
  const waiting = (await pay(till, { amount: eur('20.00'), payment_method_id: undefined, ...body })).body;
  assert.equal(waiting.status, 'pending');
  const answer = await till.sandbox.stripe('POST', `payment_intents/${waiting.provider_payment_id}/confirm`, {
    client_secret: waiting.client_secret, return_url: 'https://shop.example/', 'payment_method_data[type]': type,
    'payment_method_data[billing_details][name]': 'Ada', 'payment_method_data[billing_details][email]': 'ada@example.org', ...details,
  }, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
  assert.equal(answer.body.status, status, JSON.stringify(answer.body));
  await comesTo(till, waiting.id, status);
  return [waiting.id, waiting.provider_payment_id];
}

const debited = async (iban) => (await given('sepa_debit', { 'payment_method_data[sepa_debit][iban]': iban }, {}, 'processing'))[0];
const account = (number) => ({ 'payment_method_data[us_bank_account][routing_number]': '110000000', 'payment_method_data[us_bank_account][account_number]': number });

describe('what is open', { concurrency: 4 }, () => {
  test('depends on currency, country, amount and capture', async () => {
    for (const [query, kinds] of [
      ['currency=EUR', 'card sepa_debit klarna customer_balance'], ['currency=eur&country=de&amount=20.00', 'card sepa_debit klarna customer_balance'],
      ['currency=USD', 'card us_bank_account klarna afterpay_clearpay customer_balance'], ['currency=USD&country=US&amount=0.99&customer=false', 'card us_bank_account klarna'],
      ['currency=EUR&country=BR&customer=false', 'card'], ['currency=EUR&amount=10000.01&customer=false', 'card klarna'],
      ['currency=USD&capture=false', 'card klarna afterpay_clearpay'], ['currency=JPY&customer=false', 'card'],
    ]) assert.deepEqual((await open(query)).join(' '), kinds, query);
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
      [{ amount: eur('20.00') }, ['card', 'sepa_debit', 'klarna']], [{ amount: eur('20.00'), capture: false }, ['card', 'klarna']], [{ amount: { value: '500', currency: 'JPY' } }, ['card']],
    ]) {
      const waiting = (await pay(till, { payment_method_id: undefined, ...body })).body;
      const theirs = (await till.sandbox.stripe('GET', `payment_intents/${waiting.provider_payment_id}`)).body;
      assert.deepEqual(theirs.payment_method_types, types);
    }
  });

  test('the one door for all offers what is named there, in the words that others use', async () => {
    const process = (payment_method, currency, n) => till.api('POST', '/api/v1/payments/process',
      { body: { invoice_id: n, user_id: `user-${payment_method}`, payment_method, amount: 12, currency } });
    for (const [word, currency, ...types] of [
      ['CREDIT_CARD', 'EUR', 'card'], ['DEBIT_CARD', 'EUR', 'card'], ['STRIPE', 'EUR', 'card', 'sepa_debit', 'klarna', 'customer_balance'], ['APPLE_PAY', 'EUR', 'card'],
      ['google_pay', 'USD', 'card'], ['SEPA_DEBIT', 'EUR', 'sepa_debit'], ['ACH_DEBIT', 'USD', 'us_bank_account'], ['KLARNA', 'EUR', 'klarna'],
      ['AFTERPAY', 'USD', 'afterpay_clearpay'], ['BANK_TRANSFER', 'EUR', 'customer_balance'],
    ]) {
      const made = await process(word, currency, 1);
      assert.equal(made.status, 201, `${word}: ${made.text}`);
      const theirs = (await till.sandbox.stripe('GET', `payment_intents/${made.body.payment_intent_id}`)).body;
      assert.deepEqual(theirs.payment_method_types, types, word);
    }
    for (const [word, currency] of [['SEPA_DEBIT', 'USD'], ['AFTERPAY', 'EUR'], ['PAYPAL', 'EUR'], ['WIRE_TRANSFER', 'EUR'], ['', 'EUR']]) {
      const refused = await process(word, currency, 2);
      isProblem(refused, 400, 'VALIDATION_ERROR');
      assert.deepEqual(pointers(refused), ['#/payment_method'], word);
    }
    assert.match((await process('SEPA_DEBIT', 'USD', 3)).body.errors[0].detail, /not open for this payment: card, us_bank_account, klarna, afterpay_clearpay/);
  });

  test('cards of the big brands, of credit and of debit', async () => {
    for (const [card, brand, funding] of [
      ['visa', 'visa', 'credit'], ['visa_debit', 'visa', 'debit'], ['mastercard', 'mastercard', 'credit'], ['mastercard_debit', 'mastercard', 'debit'], ['amex', 'amex', 'credit'],
    ]) {
      const { body } = await pay(till, { payment_method_id: `pm_card_${card}` });
      assert.deepEqual([body.status, body.payment_method.card.brand, body.payment_method.card.funding], ['succeeded', brand, funding], card);
    }
  });

  test('and on what the operator switched on', async () => {
    const other = await startTill({ env: { APPLE_PAY_ENABLED: 'false' } });
    try {
      assert.deepEqual(await open('currency=EUR', other), ['card']);
      const wallet = await other.api('POST', '/api/v1/payments/process', { body: { invoice_id: 1, payment_method: 'APPLE_PAY', amount: 12, currency: 'EUR' } });
      isProblem(wallet, 400, 'VALIDATION_ERROR');
      assert.deepEqual((await other.api('GET', '/api/v1/payments/payment-methods?currency=EUR')).body.data[0].wallets, ['google_pay']);
      const waiting = (await pay(other, { amount: eur('20.00'), payment_method_id: undefined })).body;
      const theirs = (await other.sandbox.stripe('GET', `payment_intents/${waiting.provider_payment_id}`)).body;
      assert.deepEqual(theirs.payment_method_types, ['card']);
      assert.equal((await fetch(`${other.url}/.well-known/apple-developer-merchantid-domain-association`)).status, 404);
    } finally {
      await closed(other);
    }
  });
});

test('the one kind that was asked for is still the only one when Stripe is asked again', async () => {
  await till.sandbox.dials([{ operation: 'POST /v1/payment_intents', action: 'timeout_before_execute', ms: 4000, times: 1 }]);
  const made = await till.api('POST', '/api/v1/payments/process', { body: { invoice_id: 9, user_id: 'user-again', payment_method: 'SEPA_DEBIT', amount: 12, currency: 'EUR' } });
  assert.ok([201, 202].includes(made.status), made.text);
  await till.sandbox.clearDials();
  await until(async () => (await hurry(till, made.body.payment_id), (await get(till, made.body.payment_id)).provider_payment_id), 'the intent', 60000);
  const theirs = (await till.sandbox.stripe('GET', `payment_intents/${(await get(till, made.body.payment_id)).provider_payment_id}`)).body;
  assert.deepEqual(theirs.payment_method_types, ['sepa_debit']);
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

  test('that the bank takes back days after it succeeded is owed again, and nobody can refund it as well', async () => {
    const id = await debited('DE84370400440532013002');
    await till.sandbox.settle();
    await comesTo(till, id, 'succeeded');
    await advance(till, 5 * 86400 + 60); // what the sandbox's bank takes for it
    await until(async () => (await get(till, id)).dispute_state === 'lost', 'the money to go');
    isProblem(await act(till, id, 'refund'), 400, 'INVALID_STATUS');
    const [{ lost }] = await till.db.rows(`SELECT sum(l.amount) AS lost FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id
      JOIN disputes d ON d.id = e.source WHERE d.payment_id = '${id}' AND l.account = 'dispute_losses'`);
    assert.equal(lost, 2000);
    const told = await till.db.rows(`SELECT type FROM events WHERE object_id = '${id}' ORDER BY id`);
    assert.ok(told.some((one) => one.type === 'payment.dispute_lost'));
    const [{ known }] = await till.db.rows(`SELECT known FROM decisions WHERE kind = 'late_failure' AND object = '${id}'`);
    assert.match(known, /has taken .* back/);
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

describe('an account in the United States', () => {
  const usd = { amount: { value: '20.00', currency: 'USD' } };
  const verify = (reference, form) => till.sandbox.stripe('POST', `payment_intents/${reference}/verify_microdeposits`, form);

  test('is verified by small deposits, which may take its owner days', async () => {
    const [id, reference] = await given('us_bank_account', account('000123456789'), usd);
    const { next_action } = await get(till, id);
    assert.equal(next_action.type, 'verify_bank_account');
    assert.match(next_action.url, /^http/);
    await advance(till, 3 * 86400);
    await resolves(till, id, 'requires_action');
    assert.equal((await verify(reference, { 'amounts[0]': '1', 'amounts[1]': '2' })).status, 400);
    assert.equal((await verify(reference, { 'amounts[0]': '32', 'amounts[1]': '45' })).body.status, 'processing');
    await comesTo(till, id, 'processing');
    await till.sandbox.settle();
    await comesTo(till, id, 'succeeded');
    assert.equal((await oracle(till, id)).captured, 2000);
  });

  test('that was linked at its bank needs none; one that is closed pays nothing', async () => {
    const [good] = await given('us_bank_account', { 'payment_method_data[us_bank_account][financial_connections_account]': 'fca_1' }, usd, 'processing');
    const [bad, reference] = await given('us_bank_account', account('000111111113'), usd);
    await verify(reference, { descriptor_code: 'SM11AA' });
    await comesTo(till, bad, 'processing');
    await till.sandbox.settle();
    await comesTo(till, good, 'succeeded');
    await comesTo(till, bad, 'created');
    assert.equal((await get(till, bad)).failure.decline_code, 'account_closed');
  });

  test('that nobody verifies is given up after two weeks', async () => {
    const [id] = await given('us_bank_account', account('000123456789'), usd);
    await advance(till, 15 * 86400);
    await resolves(till, id, 'cancelled');
  });

  test('is kept when its owner has verified it', async () => {
    const customer_id = (await till.api('POST', '/api/v1/customers', { body: {} })).body.id;
    const theirs = (await till.sandbox.stripe('POST', 'payment_methods', {
      type: 'us_bank_account', 'us_bank_account[routing_number]': '110000000', 'us_bank_account[account_number]': '000123456789', 'us_bank_account[account_holder_type]': 'individual',
    })).body;
    const kept = (await till.api('POST', '/api/v1/payment-methods', { body: { customer_id, payment_method_id: theirs.id }, key: newKey() })).body;
    assert.deepEqual([kept.status, kept.next_action.type], ['requires_action', 'verify_bank_account'], JSON.stringify(kept));
    const [setup] = (await till.sandbox.stripe('GET', 'setup_intents', { payment_method: theirs.id })).body.data;
    await till.sandbox.stripe('POST', `setup_intents/${setup.id}/verify_microdeposits`, { descriptor_code: 'SM11AA' });
    await until(async () => (await till.api('GET', `/api/v1/payment-methods/${kept.id}`)).body.status === 'active', 'the account');
    const charged = await pay(till, { ...usd, customer_id, payment_method_id: kept.id, off_session: true });
    assert.deepEqual([charged.status, charged.body.status], [202, 'processing'], charged.text);
    await till.sandbox.settle();
    await comesTo(till, charged.body.id, 'succeeded');
  });
});

describe('elsewhere', () => {
  let klarna;

  test('a payer agrees at Klarna or Afterpay and comes back, or does not', async () => {
    const [id, reference] = await given('klarna', {});
    assert.equal((await get(till, id)).next_action.type, 'redirect_to_url');
    assert.match((await till.sandbox.bank(reference, 'complete')).headers.get('location'), /^https:\/\/shop\.example\/\?.*redirect_status=succeeded/);
    await comesTo(till, id, 'succeeded');
    assert.equal((await act(till, id, 'refund', { amount: eur('5.00') })).status, 202);
    await till.sandbox.settle();
    await until(async () => (await get(till, id)).amount_refunded.value === '5.00', 'the refund');
    klarna = id;
    const [held, theirs] = await given('afterpay_clearpay', {}, { amount: { value: '20.00', currency: 'USD' }, capture: false });
    await till.sandbox.bank(theirs, 'complete');
    await comesTo(till, held, 'authorized');
    assert.equal((await act(till, held, 'capture', { amount: { value: '15.00', currency: 'USD' } })).body.amount_captured.value, '15.00');
    const [left, other] = await given('klarna', {});
    await till.sandbox.bank(other, 'fail');
    await comesTo(till, left, 'created');
    assert.ok((await get(till, left)).failure.code);
  });

  test('money is sent by bank transfer, in one or in parts, and a checkout session waits for it', async () => {
    const customer_id = (await till.api('POST', '/api/v1/customers', { body: {} })).body.id;
    const made = (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: eur('20.00'), customer_id, success_url: `${till.sandboxUrl}/shop`, expires_in: 1800 }, key: newKey() }));
    assert.equal(made.status, 201, made.text);
    const session = made.body;
    const begun = await fetch(new URL(`${new URL(session.url).pathname}/pay`, till.url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    const { client_secret } = await begun.json();
    const reference = client_secret.split('_secret_')[0];
    const answer = await till.sandbox.stripe('POST', `payment_intents/${reference}/confirm`, {
      client_secret, return_url: 'https://shop.example/', 'payment_method_data[type]': 'customer_balance',
    }, { authorization: `Bearer ${PUBLISHABLE_KEY}` });
    assert.equal(answer.body.next_action?.type, 'display_bank_transfer_instructions', JSON.stringify(answer.body));
    const { id } = (await till.api('GET', `/api/v1/payments/${reference}`)).body;
    await comesTo(till, id, 'requires_action');
    assert.equal((await get(till, id)).next_action.type, 'bank_transfer');
    await advance(till, 86400);
    await till.sandbox.dashboard('fund', { payment_intent: reference, amount: 500 });
    await resolves(till, id, 'requires_action');
    assert.equal((await till.api('GET', `/api/v1/checkout/sessions/${session.id}`)).body.status, 'open');
    await till.sandbox.dashboard('fund', { payment_intent: reference });
    await comesTo(till, id, 'succeeded');
    assert.equal((await till.api('GET', `/api/v1/checkout/sessions/${session.id}`)).body.status, 'complete');
  });

  test('a refund comes too late after the days that the method gives it', async () => {
    await advance(till, 181 * 86400);
    assert.match(isProblem(await act(till, klarna, 'refund'), 400, 'INVALID_STATUS').detail, /Klarna can be refunded for 180 days/);
  });

  test('Apple finds its file', async () => {
    const answer = await fetch(`${till.url}/.well-known/apple-developer-merchantid-domain-association`);
    assert.deepEqual([answer.status, await answer.text()], [200, '7B227073704964223A\n']);
  });
});
