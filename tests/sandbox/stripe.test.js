'use strict';

// The official client cannot tell the sandbox from Stripe; every answer fits the published description.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { checkedStripe, describe, failure } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');

let sandbox, stripe;
const CARD = { payment_method_types: ['card'] };

before(async () => {
  sandbox = await startSandbox();
  stripe = checkedStripe(sandbox);
});
after(() => sandbox.stop());

/** A payment intent that was paid at once. */
function paid(amount = 1000, more = {}) {
  return stripe.paymentIntents.create({ amount, currency: 'usd', payment_method: 'pm_card_visa', confirm: true, ...CARD, ...more });
}

test('customers are made, changed, listed, searched and deleted', async () => {
  const address = { line1: 'Hauptstraße 1', city: 'Köln', country: 'DE', postal_code: '50667', state: '', line2: '' };
  const made = await stripe.customers.create({
    email: 'ada+shop@example.com', name: 'Ada Lovelace', description: 'first', metadata: { tier: 'gold', old: 'x' }, address,
  });
  assert.match(made.id, /^cus_[A-Za-z0-9]{24}$/);
  assert.equal(made.email, 'ada+shop@example.com');
  assert.equal(made.address.city, 'Köln');
  assert.equal(made.livemode, false);

  const changed = await stripe.customers.update(made.id, { description: '', name: 'Ada King', metadata: { old: '', new: '1' } });
  assert.equal(changed.description, null);
  assert.equal(changed.name, 'Ada King');
  assert.deepEqual(changed.metadata, { tier: 'gold', new: '1' });
  assert.equal(changed.email, made.email, 'what was left out stays');
  assert.deepEqual((await stripe.customers.update(made.id, { metadata: '' })).metadata, {});

  assert.deepEqual((await stripe.customers.list({ email: 'ada+shop@example.com' })).data.map((one) => one.id), [made.id]);
  assert.equal((await stripe.customers.list({ email: 'nobody@example.com' })).data.length, 0);
  await stripe.customers.update(made.id, { metadata: { order: '17' } });
  const found = await stripe.customers.search({ query: 'metadata["order"]:"17" AND -name:"Nobody"' });
  assert.equal(found.object, 'search_result');
  assert.deepEqual(found.data.map((one) => one.id), [made.id]);

  assert.deepEqual(await stripe.customers.del(made.id).then((one) => ({ ...one })), { id: made.id, object: 'customer', deleted: true });
  assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
  assert.equal((await failure(stripe.customers.update(made.id, { name: 'x' }))).code, 'resource_missing');
  assert.equal((await stripe.customers.list({ email: 'ada+shop@example.com' })).data.length, 0);
});

test('payment methods are attached, listed, changed and detached', async () => {
  const customer = await stripe.customers.create({});
  const method = await stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer.id });
  assert.notEqual(method.id, 'pm_card_mastercard', 'a test name makes a new object');
  assert.equal(method.card.brand, 'mastercard');
  assert.equal(method.card.last4, '4444');
  assert.equal(method.customer, customer.id);

  const sepa = await stripe.paymentMethods.create({
    type: 'sepa_debit', sepa_debit: { iban: 'DE89 3704 0044 0532 0130 00' }, billing_details: { name: 'A', email: 'a@example.com' },
  });
  assert.equal(sepa.sepa_debit.last4, '3000');
  await stripe.paymentMethods.attach(sepa.id, { customer: customer.id });
  assert.deepEqual((await stripe.paymentMethods.list({ customer: customer.id, type: 'card' })).data.map((one) => one.id), [method.id]);
  assert.equal((await stripe.customers.listPaymentMethods(customer.id)).data.length, 2);
  assert.equal((await stripe.customers.retrievePaymentMethod(customer.id, method.id)).id, method.id);

  const changed = await stripe.paymentMethods.update(method.id, { card: { exp_year: 2039 }, metadata: { a: 'b' }, billing_details: { name: 'New' } });
  assert.equal(changed.card.exp_year, 2039);
  assert.equal(changed.billing_details.name, 'New');
  const preferred = await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
  assert.equal(preferred.invoice_settings.default_payment_method, method.id);
  const whole = await stripe.customers.retrieve(customer.id, { expand: ['invoice_settings.default_payment_method'] });
  assert.equal(whole.invoice_settings.default_payment_method.id, method.id);

  const off = await stripe.paymentMethods.detach(method.id);
  assert.equal(off.customer, null);
  assert.match((await failure(stripe.paymentMethods.attach(method.id, { customer: customer.id }))).message, /may not be used again/);
  const refused = await failure(stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer: customer.id }));
  assert.equal(refused.type, 'StripeCardError');
  assert.equal(refused.decline_code, 'generic_decline');
});

test('an intent is made, changed, confirmed and read with what hangs on it', async () => {
  const customer = await stripe.customers.create({ email: 'b@example.com' });
  const made = await stripe.paymentIntents.create({
    amount: 2000, currency: 'EUR', customer: customer.id, description: 'Two pens', metadata: { payment_id: 'pay_1' },
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' }, receipt_email: 'b@example.com', statement_descriptor_suffix: 'PENS',
  });
  assert.equal(made.status, 'requires_payment_method');
  assert.equal(made.currency, 'eur');
  assert.equal(made.capture_method, 'automatic_async');
  assert.match(made.client_secret, new RegExp(`^${made.id}_secret_[A-Za-z0-9]+$`));

  const changed = await stripe.paymentIntents.update(made.id, { amount: 2500, metadata: { more: 'yes' }, payment_method: 'pm_card_visa' });
  assert.equal(changed.amount, 2500);
  assert.equal(changed.status, 'requires_confirmation');
  assert.deepEqual(changed.metadata, { payment_id: 'pay_1', more: 'yes' });

  const done = await stripe.paymentIntents.confirm(made.id, { expand: ['latest_charge.balance_transaction', 'payment_method', 'customer'] });
  assert.equal(done.status, 'succeeded');
  assert.equal(done.amount_received, 2500);
  assert.equal(done.customer.email, 'b@example.com');
  assert.equal(done.payment_method.card.last4, '4242');
  assert.equal(done.latest_charge.amount_captured, 2500);
  assert.equal(done.latest_charge.balance_transaction.fee, 103, '2.9 % of 25.00 and 30');
  assert.equal(done.latest_charge.balance_transaction.net, 2397);
  assert.deepEqual(done.latest_charge.metadata, done.metadata);
  const deep = await stripe.refunds.create({ payment_intent: made.id, amount: 100, expand: ['charge.payment_intent.latest_charge.balance_transaction'] });
  assert.equal(deep.charge.payment_intent.latest_charge.balance_transaction.object, 'balance_transaction');
  const listed = await stripe.paymentIntents.list({ customer: customer.id, expand: ['data.latest_charge.refunds'] });
  assert.equal(listed.data[0].latest_charge.refunds.data[0].id, deep.id);

  const wrong = await failure(stripe.paymentIntents.retrieve(made.id, { expand: ['nonsense'] }));
  assert.equal(wrong.type, 'StripeInvalidRequestError');
  assert.match((await failure(stripe.paymentIntents.retrieve(made.id, { expand: ['a.b.c.d.e'] }))).message, /more than 4 levels/);
});

test('what one state allows, another refuses', async () => {
  const intent = await paid();
  for (const attempt of [
    () => stripe.paymentIntents.confirm(intent.id),
    () => stripe.paymentIntents.capture(intent.id),
    () => stripe.paymentIntents.cancel(intent.id),
    () => stripe.paymentIntents.update(intent.id, { amount: 500 }),
  ]) {
    const error = await failure(attempt());
    assert.equal(error.code, 'payment_intent_unexpected_state');
    assert.equal(error.statusCode, 400);
    assert.equal(error.payment_intent.id, intent.id);
  }
  assert.equal((await stripe.paymentIntents.update(intent.id, { description: 'afterwards', metadata: { a: '1' } })).description, 'afterwards');
  const bare = await stripe.paymentIntents.create({ amount: 700, currency: 'usd', ...CARD });
  assert.equal((await failure(stripe.paymentIntents.confirm(bare.id))).code, 'payment_intent_unexpected_state');
  const canceled = await stripe.paymentIntents.cancel(bare.id, { cancellation_reason: 'abandoned' });
  assert.equal(canceled.status, 'canceled');
  assert.equal(canceled.cancellation_reason, 'abandoned');
  assert.ok(canceled.canceled_at);
});

test('a server that confirms with the dashboard\'s methods must say where a redirect ends', async () => {
  const base = { amount: 1000, currency: 'usd', payment_method: 'pm_card_visa', confirm: true };
  assert.equal((await failure(stripe.paymentIntents.create(base))).param, 'return_url');
  assert.equal((await stripe.paymentIntents.create({ ...base, return_url: 'https://shop.example/back' })).status, 'succeeded');
  const unconfirmed = await failure(stripe.paymentIntents.create({ amount: 1000, currency: 'usd', return_url: 'https://shop.example/' }));
  assert.match(unconfirmed.message, /unless `confirm` is set to true/);
});

test('an authorization is captured once, in part, and the rest is let go', async () => {
  const held = await paid(5000, { capture_method: 'manual' });
  assert.equal(held.status, 'requires_capture');
  assert.equal(held.amount_capturable, 5000);
  assert.equal((await failure(stripe.paymentIntents.capture(held.id, { amount_to_capture: 5001 }))).code, 'amount_too_large');
  assert.ok(await failure(stripe.paymentIntents.capture(held.id, { amount_to_capture: 10, final_capture: false })));
  const done = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 3000, expand: ['latest_charge'] });
  assert.equal(done.status, 'succeeded');
  assert.equal(done.amount, 5000);
  assert.equal(done.amount_received, 3000);
  assert.equal(done.amount_capturable, 0);
  assert.equal(done.latest_charge.amount_captured, 3000);
  assert.equal(done.latest_charge.amount_refunded, 2000, 'as Stripe counts it');
  assert.equal(done.latest_charge.refunded, false);
  const { charges: [entry] } = await sandbox.ledger().then((ledger) => ({ charges: ledger.charges.filter((one) => one.payment_intent === held.id) }));
  assert.deepEqual([entry.amount_captured, entry.amount_refunded, entry.executed], [3000, 0, 1]);
  assert.match((await failure(stripe.refunds.create({ payment_intent: held.id, amount: 3001 }))).message, /greater than unrefunded amount/);
  assert.equal((await stripe.refunds.create({ payment_intent: held.id })).amount, 3000);
});

test('several captures where the card allows them', async () => {
  const held = await paid(5000, { capture_method: 'manual', payment_method_options: { card: { request_multicapture: 'if_available' } } });
  const first = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1000, final_capture: false });
  assert.deepEqual([first.status, first.amount_capturable, first.amount_received], ['requires_capture', 4000, 1000]);
  const last = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 2000 });
  assert.deepEqual([last.status, last.amount_capturable, last.amount_received], ['succeeded', 0, 3000]);
});

test('lists go forwards and backwards, newest first, and the client pages by itself', async () => {
  const customer = await stripe.customers.create({});
  const ids = [];
  for (let i = 0; i < 7; i++) {
    ids.unshift((await stripe.paymentIntents.create({ amount: 1000 + i, currency: 'usd', customer: customer.id, ...CARD })).id);
  }
  const idsOf = (page) => page.data.map((one) => one.id);
  const first = await stripe.paymentIntents.list({ customer: customer.id, limit: 3 });
  assert.deepEqual([idsOf(first), first.has_more, first.url], [ids.slice(0, 3), true, '/v1/payment_intents']);
  const second = await stripe.paymentIntents.list({ customer: customer.id, limit: 3, starting_after: ids[2] });
  assert.deepEqual([idsOf(second), second.has_more], [ids.slice(3, 6), true]);
  const third = await stripe.paymentIntents.list({ customer: customer.id, limit: 3, starting_after: ids[5] });
  assert.deepEqual([idsOf(third), third.has_more], [ids.slice(6), false]);
  const back = await stripe.paymentIntents.list({ customer: customer.id, limit: 3, ending_before: ids[4] });
  assert.deepEqual([idsOf(back), back.has_more], [ids.slice(1, 4), true]);
  assert.deepEqual(idsOf(await stripe.paymentIntents.list({ customer: customer.id, ending_before: ids[0] })), []);

  const all = [];
  for await (const intent of stripe.paymentIntents.list({ customer: customer.id, limit: 2 })) all.push(intent.id);
  assert.deepEqual(all, ids);
  const backwards = await stripe.paymentIntents.list({ customer: customer.id, limit: 2, ending_before: ids[6] }).autoPagingToArray({ limit: 100 });
  assert.deepEqual(backwards.map((one) => one.id), ids.slice(0, 6).reverse());

  const { created } = first.data[0];
  assert.equal((await stripe.paymentIntents.list({ customer: customer.id, created: { gt: created + 1000 } })).data.length, 0);
  assert.equal((await stripe.paymentIntents.list({ customer: customer.id, created: { gte: created - 1000, lt: created + 1000 } })).data.length, 7);
  assert.equal((await failure(stripe.paymentIntents.list({ starting_after: 'pi_gone' }))).code, 'resource_missing');
  assert.equal((await failure(stripe.paymentIntents.list({ limit: 101 }))).param, 'limit');
});

test('search finds intents by metadata, and only later where the dial says so', async () => {
  const intent = await paid(1234, { metadata: { payment_id: 'pay_search' } });
  const query = 'metadata["payment_id"]:"pay_search"';
  assert.deepEqual((await stripe.paymentIntents.search({ query })).data.map((one) => one.id), [intent.id]);
  assert.equal((await stripe.paymentIntents.search({ query: `${query} AND status:"canceled"` })).data.length, 0);
  assert.equal((await stripe.paymentIntents.search({ query: 'amount>1233 AND amount<1235' })).data.length, 1);
  assert.equal((await failure(stripe.paymentIntents.search({ query: 'this is no query' }))).param, 'query');
  await sandbox.dials({ search_lag: 60 });
  assert.equal((await stripe.paymentIntents.search({ query })).data.length, 0);
  await sandbox.clearDials();
});

test('refunds: in part, the rest, never more, and by charge too', async () => {
  const intent = await paid(1000);
  const part = await stripe.refunds.create({ payment_intent: intent.id, amount: 400, reason: 'requested_by_customer', metadata: { refund: 'ref_1' } });
  assert.deepEqual([part.status, part.amount, part.reason, part.metadata], ['succeeded', 400, 'requested_by_customer', { refund: 'ref_1' }]);
  const over = await failure(stripe.refunds.create({ payment_intent: intent.id, amount: 601 }));
  assert.equal(over.param, 'amount');
  assert.match(over.message, /6\.01 usd.*6\.00 usd/);
  const rest = await stripe.refunds.create({ charge: intent.latest_charge });
  assert.equal(rest.amount, 600);
  assert.equal((await failure(stripe.refunds.create({ payment_intent: intent.id }))).code, 'charge_already_refunded');
  const charge = await stripe.charges.retrieve(intent.latest_charge);
  assert.deepEqual([charge.amount_refunded, charge.refunded], [1000, true]);
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
  assert.deepEqual((await stripe.refunds.list({ payment_intent: intent.id })).data.map((one) => one.id), [rest.id, part.id]);
  assert.deepEqual((await stripe.refunds.update(part.id, { metadata: { a: 'b' } })).metadata, { refund: 'ref_1', a: 'b' });
  assert.ok(await failure(stripe.refunds.cancel(part.id)));
  const movements = await stripe.balanceTransactions.list({ source: part.id });
  assert.deepEqual(movements.data.map((one) => [one.amount, one.fee, one.net, one.type]), [[-400, 0, -400, 'refund']]);
  const unpaid = await stripe.paymentIntents.create({ amount: 700, currency: 'usd', ...CARD });
  assert.match((await failure(stripe.refunds.create({ payment_intent: unpaid.id }))).message, /successful charge/);
});

test('refunds that take time, and one that comes back', async () => {
  const slow = await paid(1000, { payment_method: 'pm_card_pendingRefund' });
  const pending = await stripe.refunds.create({ payment_intent: slow.id });
  assert.equal(pending.status, 'pending');
  const bad = await paid(1000, { payment_method: 'pm_card_refundFail' });
  const failing = await stripe.refunds.create({ payment_intent: bad.id });
  assert.equal(failing.status, 'succeeded');
  await sandbox.settle();
  assert.equal((await stripe.refunds.retrieve(pending.id)).status, 'succeeded');
  const failed = await stripe.refunds.retrieve(failing.id, { expand: ['failure_balance_transaction'] });
  assert.equal(failed.status, 'failed');
  assert.ok(failed.failure_reason);
  assert.equal(failed.failure_balance_transaction.amount, 1000);
  assert.equal((await stripe.charges.retrieve(bad.latest_charge)).amount_refunded, 0);
});

test('disputes are opened, answered, won, lost and closed', async () => {
  const intent = await paid(3000, { payment_method: 'pm_card_createDispute' });
  const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
  assert.deepEqual([dispute.status, dispute.reason, dispute.amount], ['needs_response', 'fraudulent', 3000]);
  assert.equal(dispute.balance_transactions[0].amount, -3000);
  assert.equal((await stripe.charges.retrieve(intent.latest_charge)).disputed, true);
  assert.equal((await failure(stripe.refunds.create({ payment_intent: intent.id }))).code, 'charge_disputed');
  const draft = await stripe.disputes.update(dispute.id, { evidence: { product_description: 'pens' }, submit: false });
  assert.deepEqual([draft.status, draft.evidence_details.has_evidence], ['needs_response', true]);
  const won = await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' }, submit: true });
  assert.equal(won.status, 'won');
  assert.equal((await stripe.disputes.retrieve(dispute.id)).balance_transactions.length, 2);

  const lost = await paid(3000, { payment_method: 'pm_card_createDisputeProductNotReceived' });
  const [other] = (await stripe.disputes.list({ charge: lost.latest_charge })).data;
  assert.equal(other.reason, 'product_not_received');
  assert.equal((await stripe.disputes.close(other.id)).status, 'lost');
  assert.ok(await failure(stripe.disputes.close(other.id)));

  const asked = await paid(3000, { payment_method: 'pm_card_createDisputeInquiry' });
  const [inquiry] = (await stripe.disputes.list({ payment_intent: asked.id })).data;
  assert.deepEqual([inquiry.status, inquiry.is_charge_refundable, inquiry.balance_transactions.length], ['warning_needs_response', true, 0]);
  assert.equal((await stripe.refunds.create({ payment_intent: asked.id })).status, 'succeeded');
});

test('balance, its movements and payouts add up', async () => {
  await sandbox.reset();
  const ready = await paid(10000, { payment_method: 'pm_card_bypassPending' });
  await paid(5000);
  const balance = await stripe.balance.retrieve();
  assert.deepEqual(balance.available.map((one) => [one.amount, one.currency]), [[10000 - 320, 'usd']]);
  assert.deepEqual(balance.pending.map((one) => [one.amount, one.currency]), [[5000 - 175, 'usd']]);
  assert.equal((await failure(stripe.payouts.create({ amount: 10000, currency: 'usd' }))).code, 'balance_insufficient');
  const payout = await stripe.payouts.create({ amount: 9000, currency: 'usd', metadata: { week: '1' } });
  assert.equal(payout.status, 'pending');
  assert.equal((await stripe.balance.retrieve()).available[0].amount, 680);
  await sandbox.advance(3 * 86400);
  assert.equal((await stripe.payouts.retrieve(payout.id)).status, 'paid');
  assert.equal((await stripe.payouts.list({ status: 'paid' })).data.length, 1);
  assert.equal((await stripe.balance.retrieve()).pending[0].amount, 0);
  const types = (await stripe.balanceTransactions.list({ limit: 100 })).data.map((one) => one.type);
  assert.deepEqual(types, ['payout', 'charge', 'charge']);
  const one = (await stripe.balanceTransactions.list({ source: ready.latest_charge })).data[0];
  assert.equal((await stripe.balanceTransactions.retrieve(one.id)).fee_details[0].amount, 320);
  await sandbox.reset();
});

test('setup intents save a card, and one that is set up needs no bank again', async () => {
  const customer = await stripe.customers.create({});
  const setup = await stripe.setupIntents.create({ customer: customer.id, ...CARD, payment_method: 'pm_card_visa' });
  assert.equal(setup.status, 'requires_confirmation');
  const done = await stripe.setupIntents.confirm(setup.id, { expand: ['payment_method', 'latest_attempt'] });
  assert.deepEqual([done.status, done.payment_method.customer, done.latest_attempt.status], ['succeeded', customer.id, 'succeeded']);
  assert.equal((await stripe.setupAttempts.list({ setup_intent: setup.id })).data.length, 1);
  assert.equal((await failure(stripe.setupIntents.cancel(setup.id))).code, 'setup_intent_unexpected_state');

  const declined = await failure(stripe.setupIntents.create({ customer: customer.id, ...CARD, payment_method: 'pm_card_chargeDeclined', confirm: true }));
  assert.equal(declined.code, 'card_declined');
  assert.equal(declined.setup_intent.status, 'requires_payment_method');

  const asked = await stripe.setupIntents.create({ customer: customer.id, ...CARD, payment_method: 'pm_card_authenticationRequiredOnSetup', confirm: true });
  assert.equal(asked.status, 'requires_action');
  await sandbox.bank(asked.id, 'complete');
  const { status, payment_method: method } = await stripe.setupIntents.retrieve(asked.id);
  assert.equal(status, 'succeeded');
  const again = await stripe.paymentIntents.create({
    amount: 1000, currency: 'usd', customer: customer.id, payment_method: method, off_session: true, confirm: true, ...CARD,
  });
  assert.equal(again.status, 'succeeded');
  const dropped = await stripe.setupIntents.create({ ...CARD });
  assert.equal((await stripe.setupIntents.cancel(dropped.id, { cancellation_reason: 'abandoned' })).status, 'canceled');
  assert.ok((await stripe.setupIntents.list({ customer: customer.id })).data.length >= 3);
});

test('a direct debit is processing for days, then succeeds or fails', async () => {
  const debit = (iban) => stripe.paymentIntents.create({
    amount: 1000, currency: 'eur', confirm: true, payment_method_types: ['sepa_debit'],
    payment_method_data: { type: 'sepa_debit', sepa_debit: { iban }, billing_details: { name: 'A', email: 'a@example.com' } },
    mandate_data: { customer_acceptance: { type: 'online', online: { ip_address: '127.0.0.1', user_agent: 'test' } } },
  });
  const good = await debit('DE89370400440532013000');
  const bad = await debit('DE62370400440532013001');
  assert.deepEqual([good.status, bad.status], ['processing', 'processing']);
  const charge = await stripe.charges.retrieve(good.latest_charge);
  assert.equal(charge.status, 'pending');
  assert.equal((await stripe.mandates.retrieve(charge.payment_method_details.sepa_debit.mandate)).status, 'active');
  await sandbox.advance(86400);
  assert.equal((await stripe.paymentIntents.retrieve(good.id)).status, 'processing');
  await sandbox.advance(5 * 86400);
  assert.equal((await stripe.paymentIntents.retrieve(good.id)).status, 'succeeded');
  const failed = await stripe.paymentIntents.retrieve(bad.id);
  assert.equal(failed.status, 'requires_payment_method');
  assert.equal(failed.last_payment_error.code, 'debit_not_authorized');
  const missing = await failure(stripe.paymentIntents.create({
    amount: 1000, currency: 'eur', confirm: true, payment_method_types: ['sepa_debit'],
    payment_method_data: { type: 'sepa_debit', sepa_debit: { iban: 'DE89370400440532013000' } },
  }));
  assert.equal(missing.param, 'mandate_data');
});

test('an authorization that nobody captures runs out after seven days', async () => {
  const held = await paid(1000, { capture_method: 'manual', expand: ['latest_charge'] });
  assert.equal(held.latest_charge.payment_method_details.card.capture_before - held.created, 7 * 86400);
  await sandbox.advance(7 * 86400 + 5);
  const gone = await stripe.paymentIntents.retrieve(held.id, { expand: ['latest_charge'] });
  assert.deepEqual([gone.status, gone.cancellation_reason, gone.latest_charge.refunded], ['canceled', 'automatic', true]);
});

test('confirmation tokens carry what the page collected', async () => {
  const browser = checkedStripe(sandbox, { key: 'pk_test_123' });
  const made = await browser.rawRequest('POST', '/v1/confirmation_tokens', {
    payment_method_data: { type: 'card', card: { number: '4242424242424242', exp_month: 12, exp_year: 2034, cvc: '123' } },
    return_url: 'https://shop.example/back', setup_future_usage: 'off_session',
  });
  const token = await stripe.confirmationTokens.retrieve(made.id);
  assert.equal(token.payment_method_preview.card.last4, '4242');
  const intent = await stripe.paymentIntents.create({ amount: 1000, currency: 'usd', confirm: true, confirmation_token: token.id });
  assert.deepEqual([intent.status, intent.setup_future_usage], ['succeeded', 'off_session']);
  assert.equal((await failure(stripe.paymentIntents.create({ amount: 1000, currency: 'usd', confirm: true, confirmation_token: token.id }))).code,
    'confirmation_token_already_used');
});

test('a single-use method cannot pay twice, an attached one only for its customer', async () => {
  const intent = await paid();
  assert.match((await failure(paid(1000, { payment_method: intent.payment_method }))).message, /may not be used again/);
  const [one, two] = [await stripe.customers.create({}), await stripe.customers.create({})];
  const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: one.id });
  assert.match((await failure(paid(1000, { payment_method: method.id }))).message, /must provide the customer/);
  assert.equal((await failure(paid(1000, { payment_method: method.id, customer: two.id }))).code, 'resource_missing');
  assert.equal((await paid(1000, { payment_method: method.id, customer: one.id })).status, 'succeeded');
  const saved = await paid(1000, { customer: two.id, setup_future_usage: 'off_session' });
  assert.equal((await stripe.paymentMethods.retrieve(saved.payment_method)).customer, two.id);
});

test('what is left: charges, and what can be taken back', async () => {
  const intent = await paid(1000, { payment_method: 'pm_card_pendingRefund', metadata: { order: 'o-1' } });
  assert.equal((await stripe.charges.list({ payment_intent: intent.id })).data[0].id, intent.latest_charge);
  assert.equal((await stripe.charges.search({ query: 'metadata["order"]:"o-1"' })).data[0].id, intent.latest_charge);
  const changed = await stripe.charges.update(intent.latest_charge, { description: 'changed', metadata: { more: '1' } });
  assert.deepEqual([changed.description, changed.metadata], ['changed', { order: 'o-1', more: '1' }]);
  const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 300 });
  assert.equal((await stripe.refunds.cancel(refund.id)).status, 'canceled');
  assert.equal((await stripe.charges.retrieve(intent.latest_charge)).amount_refunded, 0);
  await paid(20000, { payment_method: 'pm_card_bypassPending' });
  const payout = await stripe.payouts.create({ amount: 1000, currency: 'usd' });
  assert.deepEqual((await stripe.payouts.update(payout.id, { metadata: { a: 'b' } })).metadata, { a: 'b' });
  assert.equal((await stripe.payouts.cancel(payout.id)).status, 'canceled');
  const setup = await stripe.setupIntents.create({ ...CARD });
  assert.equal((await stripe.setupIntents.update(setup.id, { description: 'later' })).description, 'later');
});

test('the account, and what does not exist', async () => {
  assert.equal((await stripe.accounts.retrieveCurrent?.() ?? await stripe.rawRequest('GET', '/v1/account')).object, 'account');
  for (const attempt of [
    () => stripe.paymentIntents.retrieve('pi_none'), () => stripe.charges.retrieve('ch_none'), () => stripe.refunds.retrieve('re_none'),
    () => stripe.customers.retrieve('cus_none'), () => stripe.paymentMethods.retrieve('pm_none'), () => stripe.events.retrieve('evt_none'),
    () => stripe.disputes.retrieve('du_none'), () => stripe.payouts.retrieve('po_none'), () => stripe.setupIntents.retrieve('seti_none'),
  ]) {
    const error = await failure(attempt());
    assert.equal(error.type, 'StripeInvalidRequestError');
    assert.deepEqual([error.statusCode, error.code], [404, 'resource_missing']);
    assert.match(error.requestId, /^req_/);
  }
  const url = await failure(stripe.rawRequest('GET', '/v1/nothing'));
  assert.equal(url.statusCode, 404);
  assert.match(url.message, /Unrecognized request URL \(GET: \/v1\/nothing\)/);
});

test('every event of all this fits the description', async () => {
  const types = new Set();
  for await (const event of stripe.events.list({ limit: 100 })) {
    describe().event(event);
    types.add(event.type);
  }
  for (const type of ['payment_intent.created', 'payment_intent.succeeded', 'payment_intent.canceled', 'charge.succeeded', 'customer.created',
    'payment_method.attached', 'charge.expired', 'payment_intent.processing', 'charge.pending', 'payment_intent.payment_failed', 'charge.failed']) {
    assert.ok(types.has(type), type);
  }
});

test('these operations were checked against the description', () => {
  assert.ok(stripe.seen.size >= 50, `only ${[...stripe.seen].sort().join(', ')}`);
});
