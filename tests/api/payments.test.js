'use strict';

// A payment by the API: what the caller sees, what our books say, and what the provider's ledger says.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { act, closed, get, isProblem, newKey, oracle, paid, pay, pointers, statusOf, usd } = require('./books.js');

let till;
before(async () => { till = await startTill({ env: { STRIPE_MULTICAPTURE: 'true' } }); });
after(() => closed(till));

const MEMBERS = [
  'id', 'status', 'outcome', 'amount', 'amount_captured', 'amount_capturable', 'amount_refunded', 'refund_state', 'dispute_state', 'capture', 'multicapture',
  'confirmation_method', 'customer_id', 'payment_method', 'description', 'reference', 'checkout_session_id', 'metadata', 'provider',
  'provider_payment_id', 'risk', 'failure', 'next_action', 'cancellation_reason', 'capture_before', 'livemode', 'created_at', 'updated_at',
];

/** A payment that waits for its confirmation. */
async function waiting(body = {}) {
  const answer = await pay(till, { payment_method_id: undefined, ...body });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.body.status, 'pending');
  return answer.body;
}

/** A payment that waits for the payer at his bank. */
async function atTheBank(body = {}) {
  const answer = await pay(till, {
    payment_method_id: 'pm_card_authenticationRequired', return_url: `${till.sandboxUrl}/shop?order=7`, ...body,
  });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.body.status, 'requires_action');
  return answer.body;
}

describe('creating', { concurrency: 4 }, () => {
  test('a charge with a test method succeeds and shows every member', async () => {
    const answer = await pay(till, {
      amount: { value: '100.00', currency: 'usd' }, description: 'Two books', reference: 'order-1',
      metadata: { course: 'c-1', seats: 2, gift: true },
    });
    assert.equal(answer.status, 201, answer.text);
    const payment = answer.body;
    assert.deepEqual(Object.keys(payment).sort(), [...MEMBERS].sort());
    assert.match(payment.id, /^pay_[0-9a-z]{26}$/);
    assert.equal(answer.headers.get('location'), `/api/v1/payments/${payment.id}`);
    assert.equal(payment.status, 'succeeded');
    assert.equal(payment.outcome, null);
    assert.deepEqual(payment.amount, usd('100.00'));
    assert.deepEqual(payment.amount_captured, usd('100.00'));
    assert.deepEqual(payment.amount_refunded, usd('0.00'));
    assert.equal(payment.refund_state, 'none');
    assert.equal(payment.dispute_state, 'none');
    assert.equal(payment.capture, true);
    assert.equal(payment.confirmation_method, 'automatic');
    assert.equal(payment.payment_method.type, 'card');
    assert.equal(payment.payment_method.card.last4, '4242');
    assert.equal(payment.payment_method.card.brand, 'visa');
    assert.equal(payment.description, 'Two books');
    assert.equal(payment.reference, 'order-1');
    assert.deepEqual(payment.metadata, { course: 'c-1', seats: 2, gift: true });
    assert.equal(payment.provider, 'stripe');
    assert.match(payment.provider_payment_id, /^pi_/);
    assert.equal(payment.livemode, false);
    assert.match(payment.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(payment.failure, null);
    assert.equal(payment.client_secret, undefined);
    assert.deepEqual(await get(till, payment.id), payment);
    const truth = await oracle(till, payment.id);
    assert.equal(truth.charges, 1);
    assert.equal(truth.captured, 10000);
  });

  test('without a method it waits for the payer, and nothing moves', async () => {
    const payment = await waiting();
    assert.match(payment.client_secret, new RegExp(`^${payment.provider_payment_id}_secret_`));
    assert.equal(payment.payment_method, null);
    assert.equal(payment.confirmation_method, 'manual');
    assert.equal((await oracle(till, payment.id)).tried, 0);
    assert.equal((await get(till, payment.id)).client_secret, payment.client_secret);
    const listed = await till.api('GET', `/api/v1/payments?payment_id=${payment.id}`);
    assert.equal(listed.body.data[0].client_secret, undefined);
  });

  for (const body of [{ confirmation_method: 'manual' }, { confirm: false }]) {
    test(`with ${JSON.stringify(body)} it waits for confirm, which charges once`, async () => {
      const made = await pay(till, body);
      assert.equal(made.status, 201, made.text);
      assert.equal(made.body.status, 'pending');
      assert.equal((await oracle(till, made.body.id)).tried, 0);
      const confirmed = await act(till, made.body.id, 'confirm');
      assert.equal(confirmed.status, 200, confirmed.text);
      assert.equal(confirmed.body.status, 'succeeded');
      isProblem(await act(till, made.body.id, 'confirm'), 400, 'INVALID_STATUS');
      assert.equal((await oracle(till, made.body.id)).captured, 1000);
    });
  }

  test('confirm takes another method; without any it says what is missing', async () => {
    const payment = await waiting();
    const none = await act(till, payment.id, 'confirm');
    isProblem(none, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(none), ['#/payment_method_id']);
    isProblem(await act(till, payment.id, 'confirm', { payment_method_id: 'pm_card_chargeDeclined' }), 402, 'CARD_DECLINED');
    assert.equal((await get(till, payment.id)).status, 'pending');
    const good = await act(till, payment.id, 'confirm', { payment_method_id: 'pm_card_mastercard' });
    assert.equal(good.body.status, 'succeeded', good.text);
    assert.equal(good.body.payment_method.card.brand, 'mastercard');
    assert.equal(good.body.failure, null);
    assert.equal((await oracle(till, payment.id)).charges, 1);
  });

  test('a payment may carry a customer, ours or the provider\'s', async () => {
    const customer = (await till.api('POST', '/api/v1/customers', { body: { email: 'kim@example.org', name: 'Kim' } })).body;
    const first = await paid(till, { customer_id: customer.id });
    assert.equal(first.customer_id, customer.id);
    const theirs = await till.db.value(`SELECT reference FROM customer_accounts WHERE customer_id = '${customer.id}'`);
    assert.match(theirs, /^cus_/);
    assert.equal((await paid(till, { customer_id: theirs })).customer_id, customer.id);
    const unknown = await pay(till, { customer_id: 'cust_nobody' });
    isProblem(unknown, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(unknown), ['#/customer_id']);
  });

  test('a method that the provider does not know is the caller\'s mistake', async () => {
    const answer = await pay(till, { payment_method_id: 'pm_does_not_exist' });
    const problem = isProblem(answer, 400, 'PAYMENT_METHOD_ERROR');
    assert.equal((await get(till, problem.payment_id)).status, 'failed');
    assert.equal((await oracle(till, problem.payment_id)).tried, 0);
  });

  test('provider ids work where ours do', async () => {
    const payment = await paid(till, { capture: false });
    const theirs = payment.provider_payment_id;
    assert.equal((await get(till, theirs)).id, payment.id);
    assert.equal((await act(till, theirs, 'capture', { amount: usd('4.00') })).body.id, payment.id);
    const refund = await act(till, theirs, 'refund', { amount: usd('1.00') });
    assert.equal(refund.status, 201, refund.text);
    assert.equal(refund.body.payment_id, payment.id);
    assert.equal((await till.api('GET', `/api/v1/payments/${theirs}/refunds`)).body.data.length, 1);
    assert.equal((await till.api('GET', `/api/v1/refunds/${refund.body.provider_refund_id}`)).body.id, refund.body.id);
    isProblem(await act(till, theirs, 'cancel'), 400, 'INVALID_STATUS');
  });

  test('what is not there is not found', async () => {
    for (const id of ['pay_01m7yme16n8985q14apz9rk58f', 'pi_nothing', 'x']) {
      isProblem(await till.api('GET', `/api/v1/payments/${id}`), 404, 'NOT_FOUND');
      for (const verb of ['confirm', 'capture', 'cancel', 'refund']) isProblem(await act(till, id, verb), 404, 'NOT_FOUND');
      isProblem(await till.api('GET', `/api/v1/payments/${id}/refunds`), 404, 'NOT_FOUND');
      isProblem(await till.api('GET', `/api/v1/refunds/${id}`), 404, 'NOT_FOUND');
    }
  });
});

describe('declines', { concurrency: 4 }, () => {
  const declines = [
    ['chargeDeclined', 'CARD_DECLINED', 'generic_decline', 'generic'],
    ['chargeDeclinedInsufficientFunds', 'INSUFFICIENT_FUNDS', 'insufficient_funds', 'insufficient_funds'],
    ['chargeDeclinedLostCard', 'CARD_DECLINED', 'lost_card', 'fraud'],
    ['chargeDeclinedStolenCard', 'CARD_DECLINED', 'stolen_card', 'fraud'],
    ['chargeDeclinedFraudulent', 'CARD_DECLINED', 'fraudulent', 'fraud'],
    ['chargeDeclinedExpiredCard', 'CARD_DECLINED', 'expired_card', 'expired'],
    ['chargeDeclinedIncorrectCvc', 'CARD_DECLINED', 'incorrect_cvc', 'cvc'],
    ['chargeDeclinedProcessingError', 'CARD_DECLINED', 'processing_error', 'processing'],
    ['chargeDeclinedVelocityLimitExceeded', 'CARD_DECLINED', 'card_velocity_exceeded', 'limit'],
    ['chargeCustomerFail', 'CARD_DECLINED', 'generic_decline', 'generic'],
  ];
  for (const [card, code, decline, failure] of declines) {
    test(`${card} is ${code}`, async () => {
      const answer = await pay(till, { payment_method_id: `pm_card_${card}` });
      const problem = isProblem(answer, 402, code);
      assert.equal(problem.decline_code, decline);
      assert.match(problem.payment_id, /^pay_/);
      if (failure === 'fraud') assert.doesNotMatch(answer.body.detail, /lost|stolen|fraud/i);
      const payment = await get(till, problem.payment_id);
      assert.equal(payment.status, 'failed');
      assert.equal(payment.failure.code, failure);
      assert.equal(payment.failure.decline_code, decline);
      assert.deepEqual(payment.amount_captured, usd('0.00'));
      assert.equal((await oracle(till, payment.id)).captured, 0);
    });
  }

  test('what failed for good is closed at the provider, too', async () => {
    const { payment_id: id } = (await pay(till, { payment_method_id: 'pm_card_chargeDeclined' })).body;
    const { provider_payment_id: theirs } = await get(till, id);
    await until(async () => (await till.sandbox.stripe('GET', `payment_intents/${theirs}`)).body.status === 'canceled', 'the intent is closed');
    assert.equal(await statusOf(till, id), 'failed');
    isProblem(await act(till, id, 'confirm', { payment_method_id: 'pm_card_visa' }), 400, 'INVALID_STATUS');
  });

  test('off session a demand for authentication is a decline', async () => {
    const answer = await pay(till, { payment_method_id: 'pm_card_authenticationRequired', off_session: true });
    const problem = isProblem(answer, 402, 'CARD_DECLINED');
    assert.equal((await get(till, problem.payment_id)).failure.code, 'authentication');
  });
});

describe('authorizing and capturing', { concurrency: 4 }, () => {
  test('capture takes all of it', async () => {
    const payment = await paid(till, { capture: false });
    assert.equal(payment.capture, false);
    assert.deepEqual(payment.amount_captured, usd('0.00'));
    assert.equal((await oracle(till, payment.id)).captured, 0);
    const captured = await act(till, payment.id, 'capture');
    assert.equal(captured.status, 200, captured.text);
    assert.equal(captured.body.status, 'succeeded');
    assert.deepEqual(captured.body.amount_captured, usd('10.00'));
    assert.equal((await oracle(till, payment.id)).captured, 1000);
  });

  test('or a part of it; the rest is released and nothing more can be taken', async () => {
    const payment = await paid(till, { capture: false });
    const captured = await act(till, payment.id, 'capture', { amount: usd('6.50') });
    assert.deepEqual(captured.body.amount_captured, usd('6.50'));
    assert.deepEqual(captured.body.amount, usd('10.00'));
    assert.deepEqual(captured.body.amount_refunded, usd('0.00'));
    isProblem(await act(till, payment.id, 'capture', { amount: usd('3.50') }), 400, 'INVALID_STATUS');
    assert.equal((await oracle(till, payment.id)).captured, 650);
    const later = await get(till, payment.id);
    assert.equal(later.status, 'succeeded');
    assert.equal(later.refund_state, 'none');
  });

  test('too much, another currency or nothing is refused and changes nothing', async () => {
    const payment = await paid(till, { capture: false });
    for (const [amount, pointer] of [
      [usd('10.01'), '#/amount/value'],
      [{ value: '5.00', currency: 'EUR' }, '#/amount/currency'],
      [usd('0.00'), '#/amount/value'],
      [5, '#/amount'],
    ]) {
      const answer = await act(till, payment.id, 'capture', { amount });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.ok(pointers(answer)[0].startsWith(pointer.replace(/\/value$/, '')), answer.text);
    }
    assert.equal((await act(till, payment.id, 'capture')).body.status, 'succeeded');
  });

  test('twenty captures at once take it once', async () => {
    const payment = await paid(till, { capture: false });
    const answers = await Promise.all(Array.from({ length: 20 }, () => act(till, payment.id, 'capture', { amount: usd('9.00') })));
    assert.ok(answers.some((answer) => answer.status === 200));
    for (const answer of answers) assert.ok([200, 400, 409].includes(answer.status), answer.text);
    const truth = await oracle(till, payment.id);
    assert.equal(truth.captured, 900);
    assert.equal(truth.executed, 1);
    assert.deepEqual((await get(till, payment.id)).amount_captured, usd('9.00'));
  });

  const shows = ({ status, amount_captured: captured, amount_capturable: held, multicapture }) => [status, captured.value, held.value, multicapture];
  const part = (id, value, options) => act(till, id, 'capture', { amount: usd(value), final: false }, options);

  test('in parts: each adds what it took, the rest stays held until it is taken or let go', async () => {
    const payment = await paid(till, { capture: false });
    assert.deepEqual(shows(payment), ['authorized', '0.00', '10.00', true]);
    const key = newKey();
    const first = await part(payment.id, '4.00', { key });
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(shows(first.body), ['authorized', '4.00', '6.00', true]);
    assert.equal((await part(payment.id, '4.00', { key })).text, first.text);
    const refund = await act(till, payment.id, 'refund', { amount: usd('1.00') });
    assert.equal(refund.status, 201, refund.text);
    assert.ok(pointers(await act(till, payment.id, 'refund', { amount: usd('3.01') }))[0], 'no more than was captured');
    assert.ok(pointers(await part(payment.id, '6.01'))[0].startsWith('#/amount'), 'no more than is held');
    assert.deepEqual(shows((await part(payment.id, '3.00')).body), ['authorized', '7.00', '3.00', true]);
    const last = await act(till, payment.id, 'capture', { amount: usd('2.50') });
    assert.deepEqual(shows(last.body), ['succeeded', '9.50', '0.00', true]);
    assert.equal(last.body.refund_state, 'partial');
    isProblem(await part(payment.id, '0.50'), 400, 'INVALID_STATUS');
    const truth = await oracle(till, payment.id);
    assert.deepEqual([truth.charges, truth.executed, truth.captured, truth.refunded], [1, 3, 950, 100]);
    const booked = await till.db.rows(`SELECT e.part, l.amount FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id AND l.account = 'stripe:receivable'
        WHERE e.kind = 'capture' AND e.source = '${payment.id}' ORDER BY e.id`);
    assert.deepEqual(booked, [{ part: '0', amount: 400 }, { part: '400', amount: 300 }, { part: '700', amount: 250 }]);
    await until(async () => (await till.db.value(`SELECT count(*) FROM ledger_entries WHERE kind = 'fee' AND source = '${payment.id}'`)) === '3', 'a fee of each');
    const told = async () => (await till.api('GET', `/api/v1/events?object_id=${payment.id}&limit=100`)).body.data.reverse().map(({ type, data }) => [type, data.object.amount_captured.value]);
    assert.deepEqual(await told(), [['payment.created', '0.00'], ['payment.authorized', '0.00'], ['payment.partially_captured', '4.00'],
      ['payment.partially_captured', '7.00'], ['payment.succeeded', '9.50']]);
  });

  test('all that is left is the last part, and cancelling lets the rest go', async () => {
    const whole = await paid(till, { capture: false });
    await part(whole.id, '4.00');
    assert.deepEqual(shows((await part(whole.id, '6.00')).body), ['succeeded', '10.00', '0.00', true]);
    const payment = await paid(till, { capture: false });
    await part(payment.id, '4.00');
    const answer = await act(till, payment.id, 'cancel');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([...shows(answer.body), answer.body.cancellation_reason], ['succeeded', '4.00', '0.00', true, null]);
    const theirs = (await till.sandbox.stripe('GET', `payment_intents/${payment.provider_payment_id}`)).body;
    assert.deepEqual([theirs.status, theirs.amount_received, theirs.amount_capturable], ['succeeded', 400, 0]);
    assert.equal((await act(till, payment.id, 'refund')).body.amount.value, '4.00');
    assert.equal((await get(till, payment.id)).status, 'refunded');
  });

  test('in parts where the card does not allow it: refused, and nothing is done', async () => {
    const payment = await paid(till, { capture: false, payment_method_id: 'pm_card_jcb' });
    assert.deepEqual(shows(payment), ['authorized', '0.00', '10.00', false]);
    isProblem(await part(payment.id, '4.00'), 409, 'CONFLICT');
    assert.equal(await till.db.value(`SELECT count(*) FROM attempts WHERE payment_id = '${payment.id}' AND operation = 'capture'`), '0');
    assert.equal((await oracle(till, payment.id)).executed, 0);
    assert.deepEqual(shows((await act(till, payment.id, 'capture', { amount: usd('4.00'), final: true })).body), ['succeeded', '4.00', '0.00', false]);
    assert.deepEqual(pointers(await act(till, payment.id, 'capture', { final: 'no' })), ['#/final']);
  });

  test('twenty second captures at once, with keys of their own: never more than is held, and each that was answered is there', async () => {
    const payment = await paid(till, { capture: false });
    await part(payment.id, '3.00');
    const answers = await Promise.all(Array.from({ length: 20 }, () => part(payment.id, '2.00')));
    for (const answer of answers) assert.ok([200, 400, 409].includes(answer.status), answer.text);
    const done = answers.filter((answer) => answer.status === 200).length;
    assert.ok(done >= 1 && done <= 3, `${done} were taken`);
    const truth = await oracle(till, payment.id);
    assert.deepEqual([truth.captured, truth.executed], [300 + done * 200, 1 + done]);
    assert.equal((await get(till, payment.id)).amount_captured.value, `${3 + done * 2}.00`);
  });

  test('a second capture and a cancellation at once: one after the other or one alone, the books agree', async () => {
    await Promise.all(Array.from({ length: 6 }, async () => {
      const payment = await paid(till, { capture: false });
      await part(payment.id, '3.00');
      const [captured, cancelled] = await Promise.all([part(payment.id, '2.00'), act(till, payment.id, 'cancel')]);
      for (const answer of [captured, cancelled]) assert.ok([200, 400, 409].includes(answer.status), answer.text);
      const now = await get(till, payment.id), truth = await oracle(till, payment.id);
      assert.equal(now.status, cancelled.status === 200 ? 'succeeded' : 'authorized');
      assert.equal(truth.captured, captured.status === 200 ? 500 : 300);
      assert.equal(now.amount_captured.value, captured.status === 200 ? '5.00' : '3.00');
    }));
  });

  test('in parts in the provider\'s dashboard, and cancelled there: what was taken was taken', async () => {
    const payment = await paid(till, { capture: false });
    await till.sandbox.dashboard('capture', { payment_intent: payment.provider_payment_id, amount: 250, final: false });
    await until(async () => (await till.db.value(`SELECT amount_captured FROM payments WHERE id = '${payment.id}'`)) === '250', 'the part is booked');
    assert.deepEqual(shows((await part(payment.id, '1.00')).body), ['authorized', '3.50', '6.50', true]);
    await till.sandbox.dashboard('cancel', { payment_intent: payment.provider_payment_id });
    await until(async () => (await statusOf(till, payment.id)) === 'succeeded', 'the rest is let go');
    assert.deepEqual(shows(await get(till, payment.id)), ['succeeded', '3.50', '0.00', true]);
  });

  test('only what is authorized can be captured', async () => {
    for (const { id } of [await waiting(), await paid(till), await atTheBank()]) {
      isProblem(await act(till, id, 'capture'), 400, 'INVALID_STATUS');
    }
  });
});

describe('cancelling', { concurrency: 4 }, () => {
  test('what waits is cancelled here and there', async () => {
    for (const make of [waiting, atTheBank, () => paid(till, { capture: false })]) {
      const payment = await make();
      const answer = await act(till, payment.id, 'cancel', { reason: 'out of stock' });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.status, 'cancelled');
      assert.equal(answer.body.cancellation_reason, 'out of stock');
      assert.equal(answer.body.next_action, null);
      assert.equal(answer.body.client_secret, undefined);
      const theirs = await till.sandbox.stripe('GET', `payment_intents/${payment.provider_payment_id}`);
      assert.equal(theirs.body.status, 'canceled');
      isProblem(await act(till, payment.id, 'cancel'), 400, 'INVALID_STATUS');
      isProblem(await act(till, payment.id, 'confirm', { payment_method_id: 'pm_card_visa' }), 400, 'INVALID_STATUS');
      assert.equal((await oracle(till, payment.id)).captured, 0);
    }
  });

  test('what came to its end is not', async () => {
    const succeeded = await paid(till);
    isProblem(await act(till, succeeded.id, 'cancel'), 400, 'INVALID_STATUS');
    assert.equal((await get(till, succeeded.id)).status, 'succeeded');
    const { payment_id: failed } = (await pay(till, { payment_method_id: 'pm_card_chargeDeclined' })).body;
    isProblem(await act(till, failed, 'cancel'), 400, 'INVALID_STATUS');
  });

  test('confirm and cancel at once: one of them wins, the books agree', async () => {
    await Promise.all(Array.from({ length: 6 }, async () => {
      const payment = await waiting({ payment_method_id: 'pm_card_visa', confirm: false });
      const answers = await Promise.all([act(till, payment.id, 'confirm'), act(till, payment.id, 'cancel')]);
      for (const answer of answers) assert.ok([200, 400, 409].includes(answer.status), answer.text);
      const { status } = await get(till, payment.id);
      assert.ok(['succeeded', 'cancelled'].includes(status), status);
      assert.equal((await oracle(till, payment.id)).captured, status === 'succeeded' ? 1000 : 0);
    }));
  });
});

describe('3-D Secure', { concurrency: 4 }, () => {
  test('the payer is sent to the bank, and back to where the caller said', async () => {
    const payment = await atTheBank();
    assert.equal(payment.next_action.type, 'redirect_to_url');
    assert.ok(payment.next_action.url.startsWith(till.sandboxUrl));
    assert.equal((await fetch(payment.next_action.url)).status, 200);
    const back = await till.sandbox.bank(payment.provider_payment_id, 'complete');
    assert.equal(back.status, 303);
    assert.ok(back.headers.get('location').startsWith(`${till.sandboxUrl}/shop?order=7&payment_intent=`));
    await until(async () => (await get(till, payment.id)).status === 'succeeded', 'the payment');
    const done = await get(till, payment.id);
    assert.equal(done.next_action, null);
    assert.equal(done.client_secret, undefined);
    assert.equal((await oracle(till, payment.id)).captured, 1000);
  });

  test('failed at the bank is failed here', async () => {
    const payment = await atTheBank();
    await till.sandbox.bank(payment.provider_payment_id, 'fail');
    await until(async () => (await get(till, payment.id)).status === 'failed', 'the payment');
    assert.equal((await get(till, payment.id)).failure.code, 'authentication');
    assert.equal((await oracle(till, payment.id)).captured, 0);
  });

  test('failed at the bank, a manual payment waits for another card', async () => {
    const payment = await waiting();
    const first = await act(till, payment.id, 'confirm', {
      payment_method_id: 'pm_card_authenticationRequired', return_url: `${till.sandboxUrl}/shop`,
    });
    assert.equal(first.body.status, 'requires_action', first.text);
    await till.sandbox.bank(payment.provider_payment_id, 'fail');
    await until(async () => (await get(till, payment.id)).status === 'pending', 'the payment');
    const second = await act(till, payment.id, 'confirm', { payment_method_id: 'pm_card_visa' });
    assert.equal(second.body.status, 'succeeded', second.text);
    assert.equal((await oracle(till, payment.id)).charges, 1);
  });

  test('whoever leaves the bank\'s page has not paid, and may come back', async () => {
    const payment = await atTheBank();
    await till.sandbox.bank(payment.provider_payment_id, 'abandon');
    assert.equal((await get(till, payment.id)).status, 'requires_action');
    await till.sandbox.bank(payment.provider_payment_id, 'complete');
    await until(async () => (await get(till, payment.id)).status === 'succeeded', 'the payment');
  });

  test('authenticated and then declined is failed', async () => {
    const payment = await atTheBank({ payment_method_id: 'pm_card_threeDSecureRequiredChargeDeclined' });
    await till.sandbox.bank(payment.provider_payment_id, 'complete');
    await until(async () => (await get(till, payment.id)).status === 'failed', 'the payment');
    assert.equal((await get(till, payment.id)).failure.code, 'generic');
  });

  test('an authorization waits at the bank, too', async () => {
    const payment = await atTheBank({ capture: false });
    await till.sandbox.bank(payment.provider_payment_id, 'complete');
    await until(async () => (await get(till, payment.id)).status === 'authorized', 'the payment');
    assert.equal((await act(till, payment.id, 'capture')).body.status, 'succeeded');
  });

  test('without a return_url the payer comes back to a page of ours', async () => {
    const payment = await atTheBank({ return_url: undefined });
    const back = await till.sandbox.bank(payment.provider_payment_id, 'complete');
    assert.ok(back.headers.get('location').startsWith(`${till.url}/checkout/${payment.id}/`));
    const page = await fetch(back.headers.get('location'), { redirect: 'follow' });
    assert.equal(page.status, 200);
    assert.equal((await get(till, payment.id)).status, 'succeeded');
  });
});

describe('amounts', { concurrency: 4 }, () => {
  const exact = [
    ['JPY', '500', 500], ['KWD', '5.120', 5120], ['ISK', '500', 50000], ['HUF', '500.00', 50000], ['UGX', '5000', 500000],
    ['BHD', '1.230', 1230], ['EUR', '0.50', 50], ['USD', '999999.99', 99999999], ['KRW', '1000', 1000], ['GBP', '19.99', 1999],
  ];
  for (const [currency, value, units] of exact) {
    test(`${value} ${currency} is ${units} of the provider's units`, async () => {
      const payment = await paid(till, { amount: { value, currency } });
      assert.deepEqual(payment.amount, { value, currency });
      assert.deepEqual(payment.amount_captured, { value, currency });
      assert.equal((await oracle(till, payment.id)).captured, units);
      const refund = await act(till, payment.id, 'refund');
      assert.deepEqual(refund.body.amount, { value, currency });
      assert.equal((await oracle(till, payment.id)).refunded, units);
    });
  }

  const bad = [
    ['a bare number', 10], ['a text', '10.00'], ['a list', [10]], ['null', null],
    ['a number in it', { value: 10, currency: 'USD' }],
    ['too many decimals', usd('10.001')], ['decimals of a currency without', { value: '500.5', currency: 'JPY' }],
    ['a fourth decimal', { value: '5.1234', currency: 'KWD' }], ['a digit that the provider refuses', { value: '5.125', currency: 'KWD' }],
    ['a sign', usd('-10.00')], ['a plus', usd('+10.00')], ['an exponent', usd('1e2')], ['nothing', usd('')], ['spaces', usd(' 10.00')],
    ['a comma', usd('10,00')], ['zero', usd('0.00')], ['too little', usd('0.49')], ['too much', usd('10000000000.00')],
    ['an overflow', usd('99999999999999999999999.00')], ['not a number', usd('NaN')], ['hexadecimal', usd('0x10')],
    ['an unknown currency', { value: '10.00', currency: 'XXX' }], ['no currency', { value: '10.00' }], ['no value', { currency: 'USD' }],
    ['other digits', usd('１０.00')], ['more than it should hold', { value: '10.00', currency: 'USD', minor: 1000 }],
  ];
  for (const [what, amount] of bad) {
    test(`${what} is refused`, async () => {
      const answer = await pay(till, { amount });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.ok(pointers(answer).every((pointer) => pointer.startsWith('#/amount')), answer.text);
      assert.ok(pointers(answer).length > 0, answer.text);
    });
  }

  test('a bare number is answered with the form that is meant', async () => {
    const [error] = (await pay(till, { amount: 10 })).body.errors;
    assert.match(error.detail, /\{"value": "100\.00", "currency": "USD"\}/);
  });

  test('a number of whatever size never becomes a payment', async () => {
    const raw = '{"amount": 1e400, "payment_method_id": "pm_card_visa"}';
    const answer = await till.api('POST', '/api/v1/payments', { raw, headers: { 'content-type': 'application/json' } });
    assert.equal(answer.status, 400, answer.text);
  });
});

describe('bad requests', { concurrency: 4 }, () => {
  test('everything that is wrong is said at once', async () => {
    const answer = await till.api('POST', '/api/v1/payments', {
      body: {
        amount: usd('1.234'), payment_method_id: 'no id!', description: 7, capture: 'yes', confirmation_method: 'perhaps',
        metadata: { nested: { a: 1 } }, return_url: 'javascript:alert(1)', who: 'me', 'a/b~c': 1,
      },
    });
    isProblem(answer, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(answer).map((pointer) => pointer.replace('#/amount/value', '#/amount')), [
      '#/amount', '#/a~1b~0c', '#/capture', '#/confirmation_method', '#/description', '#/metadata/nested', '#/payment_method_id',
      '#/return_url', '#/who',
    ]);
  });

  test('what is missing is named', async () => {
    assert.deepEqual(pointers(await till.api('POST', '/api/v1/payments', { body: {} })), ['#/amount']);
  });

  for (const [what, raw, code] of [
    ['no JSON', 'amount=10', 'INVALID_JSON'], ['half of it', '{"amount": {"value"', 'INVALID_JSON'], ['a list', '[]', 'VALIDATION_ERROR'],
    ['a member twice', '{"amount": {"value": "1.00", "currency": "USD"}, "amount": {"value": "2.00", "currency": "USD"}}', 'INVALID_JSON'],
    ['bytes that are no text', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'INVALID_JSON'],
    ['a NUL in a text', '{"description": "a\\u0000b"}', 'INVALID_JSON'],
  ]) {
    test(`${what} is not taken`, async () => {
      const answer = await till.api('POST', '/api/v1/payments', { raw, headers: { 'content-type': 'application/json' } });
      assert.equal(answer.status, 400, answer.text);
      assert.ok([code, 'INVALID_JSON', 'VALIDATION_ERROR'].includes(answer.body.code), answer.text);
    });
  }

  for (const [member, value] of [
    ['description', 'card 4242 4242 4242 4242 please'], ['reference', '4242424242424242'], ['metadata', { note: '4000-0025-0000-3155' }],
    ['metadata', { 4242424242424242: 'x' }],
  ]) {
    test(`a card number in ${member} is refused and rests nowhere`, async () => {
      const answer = await pay(till, { [member]: value });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.doesNotMatch(answer.text, /4242.?4242.?4242|4000.0025.0000/);
      assert.doesNotMatch(till.logs(), /4242.?4242.?4242.?4242|4000.0025.0000.3155/);
    });
  }

  test('metadata has limits', async () => {
    for (const metadata of [
      { ['k'.repeat(41)]: 'x' }, { k: 'x'.repeat(501) }, { 'a[b]': 'x' }, { payment_id: 'x' }, { list: [1] }, { nothing: null },
      Object.fromEntries(Array.from({ length: 48 }, (_, i) => [`k${i}`, 'x'])), 'text', [],
    ]) {
      const answer = await pay(till, { metadata });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.ok(pointers(answer)[0].startsWith('#/metadata'), answer.text);
    }
    const most = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, `é ${i} + & =`]));
    const payment = await paid(till, { metadata: most });
    assert.deepEqual(payment.metadata, most);
    const theirs = (await till.sandbox.stripe('GET', `payment_intents/${payment.provider_payment_id}`)).body;
    assert.equal(theirs.metadata.k7, 'é 7 + & =');
    assert.equal(theirs.metadata.payment_id, payment.id);
  });

  test('a return_url leads only where the operator allows', async () => {
    for (const return_url of ['http://evil.example/', 'https://evil.example/', `${till.sandboxUrl}@evil.example/`, '//evil.example', '/shop']) {
      const answer = await pay(till, { return_url });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(pointers(answer), ['#/return_url']);
    }
  });

  test('a body without its type, with another one, or too large', async () => {
    const body = JSON.stringify({ amount: usd('10.00') });
    isProblem(await till.api('POST', '/api/v1/payments', { raw: body, headers: { 'content-type': 'text/plain' } }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    const large = JSON.stringify({ amount: usd('10.00'), description: 'x'.repeat(70000) });
    isProblem(await till.api('POST', '/api/v1/payments', { raw: large, headers: { 'content-type': 'application/json' } }), 413, 'TOO_LARGE');
  });
});

describe('who may', () => {
  test('no key, a wrong key, a key without the scope', async () => {
    isProblem(await pay(till, {}, { apiKey: null }), 401, 'UNAUTHENTICATED');
    isProblem(await pay(till, {}, { apiKey: 'till_test_000000000000_0000000000000000000000000000000000000000000' }), 401, 'UNAUTHENTICATED');
    const reader = await till.makeKey('payments:read');
    isProblem(await pay(till, {}, { apiKey: reader }), 403, 'FORBIDDEN');
    const payment = await paid(till);
    assert.equal((await till.api('GET', `/api/v1/payments/${payment.id}`, { apiKey: reader })).status, 200);
    for (const verb of ['confirm', 'capture', 'cancel', 'refund']) {
      isProblem(await act(till, payment.id, verb, {}, { apiKey: reader }), 403, 'FORBIDDEN');
    }
    const writer = await till.makeKey('payments:write');
    isProblem(await till.api('GET', `/api/v1/payments/${payment.id}`, { apiKey: writer }), 403, 'FORBIDDEN');
    isProblem(await act(till, payment.id, 'refund', {}, { apiKey: writer }), 403, 'FORBIDDEN');
  });

  test('a revoked key is over at once', async () => {
    const key = await till.makeKey('payments:read');
    assert.equal((await till.api('GET', '/api/v1/payments', { apiKey: key })).status, 200);
    assert.equal((await till.command('api-key', 'revoke', key.split('_')[2])).code, 0);
    isProblem(await till.api('GET', '/api/v1/payments', { apiKey: key }), 401, 'UNAUTHENTICATED');
  });
});
