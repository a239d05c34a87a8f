'use strict';

// Money that goes back: never more than was taken, whoever asks and however many at once.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { act, advance, closed, get, isProblem, oracle, paid, pay, pointers, usd } = require('./books.js');

let till;
before(async () => { till = await startTill(); });
after(() => closed(till));

const refund = (id, body, options) => act(till, id, 'refund', body, options);
const refundsOf = async (id) => (await till.api('GET', `/api/v1/payments/${id}/refunds`)).body.data;
const refundIs = (id, status) =>
  until(async () => (await till.api('GET', `/api/v1/refunds/${id}`)).body.status === status, `${id} ${status}`);

describe('refunds', { concurrency: 4 }, () => {
  test('all of it', async () => {
    const payment = await paid(till);
    const answer = await refund(payment.id);
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(Object.keys(answer.body).sort(), [
      'amount', 'created_at', 'failure_code', 'id', 'payment_id', 'provider', 'provider_refund_id', 'reason', 'status', 'updated_at',
    ]);
    assert.match(answer.body.id, /^ref_/);
    assert.equal(answer.headers.get('location'), `/api/v1/refunds/${answer.body.id}`);
    assert.equal(answer.body.status, 'succeeded');
    assert.equal(answer.body.reason, 'requested_by_customer');
    assert.deepEqual(answer.body.amount, usd('10.00'));
    const now = await get(till, payment.id);
    assert.equal(now.status, 'refunded');
    assert.equal(now.refund_state, 'full');
    assert.deepEqual(now.amount_refunded, usd('10.00'));
    assert.equal((await oracle(till, payment.id)).refunded, 1000);
    isProblem(await refund(payment.id), 400, 'ALREADY_REFUNDED');
    isProblem(await refund(payment.id, { amount: usd('0.01') }), 400, 'ALREADY_REFUNDED');
  });

  test('in parts, until nothing is left', async () => {
    const payment = await paid(till);
    for (const [value, state, status] of [['2.50', 'partial', 'succeeded'], ['7.00', 'partial', 'succeeded'], ['0.50', 'full', 'refunded']]) {
      assert.equal((await refund(payment.id, { amount: usd(value), reason: `back ${value}` })).status, 201);
      const now = await get(till, payment.id);
      assert.equal(now.refund_state, state);
      assert.equal(now.status, status);
    }
    const list = await refundsOf(payment.id);
    assert.deepEqual(list.map((one) => one.amount.value), ['0.50', '7.00', '2.50']);
    assert.deepEqual(list.map((one) => one.reason), ['back 0.50', 'back 7.00', 'back 2.50']);
    assert.equal((await oracle(till, payment.id)).refunded, 1000);
    assert.equal((await till.api('GET', `/api/v1/refunds/${list[0].id}`)).body.id, list[0].id);
  });

  test('without an amount it is what is left', async () => {
    const payment = await paid(till);
    await refund(payment.id, { amount: usd('3.00') });
    assert.deepEqual((await refund(payment.id)).body.amount, usd('7.00'));
  });

  test('of a part that was captured, that part and no more', async () => {
    const payment = await paid(till, { capture: false });
    await act(till, payment.id, 'capture', { amount: usd('6.00') });
    isProblem(await refund(payment.id, { amount: usd('6.01') }), 400, 'VALIDATION_ERROR');
    assert.deepEqual((await refund(payment.id)).body.amount, usd('6.00'));
    assert.equal((await get(till, payment.id)).status, 'refunded');
  });

  test('too much, another currency or a bad amount is refused, and nothing moves', async () => {
    const payment = await paid(till);
    for (const [amount, pointer] of [
      [usd('10.01'), '#/amount/value'], [{ value: '1.00', currency: 'EUR' }, '#/amount/currency'], [5, '#/amount'], [usd('1.005'), '#/amount'],
      [usd('0.00'), '#/amount'], [usd('-1.00'), '#/amount'],
    ]) {
      const answer = await refund(payment.id, { amount });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.ok(pointers(answer)[0].startsWith(pointer), answer.text);
    }
    isProblem(await refund(payment.id, { why: 'x' }), 400, 'VALIDATION_ERROR');
    assert.deepEqual(await refundsOf(payment.id), []);
    assert.equal((await oracle(till, payment.id)).refunded, 0);
  });

  test('of what was never taken there is nothing to give back', async () => {
    const waits = (await pay(till, { payment_method_id: undefined })).body;
    const held = await paid(till, { capture: false });
    const declined = (await pay(till, { payment_method_id: 'pm_card_chargeDeclined' })).body.payment_id;
    for (const id of [waits.id, held.id, declined]) isProblem(await refund(id), 400, 'INVALID_STATUS');
  });

  test('the caller\'s reason stays his, the provider hears one of its own', async () => {
    const payment = await paid(till);
    const { body } = await refund(payment.id, { reason: 'wrong colour, grüße' });
    assert.equal(body.reason, 'wrong colour, grüße');
    const theirs = (await till.sandbox.stripe('GET', `refunds/${body.provider_refund_id}`)).body;
    assert.equal(theirs.reason, 'requested_by_customer');
    assert.equal(theirs.metadata.reason, 'wrong colour, grüße');
    assert.equal(theirs.metadata.refund_id, body.id);
  });

  test('forty at once: as many as fit, and not one more', async () => {
    const payment = await paid(till);
    const answers = await Promise.all(Array.from({ length: 40 }, () => refund(payment.id, { amount: usd('0.90') })));
    const done = answers.filter((answer) => answer.status === 201 || answer.status === 202);
    for (const answer of answers) assert.ok([201, 202, 400].includes(answer.status), answer.text);
    assert.equal(done.length, 11); // 9.90 of 10.00
    await until(async () => (await get(till, payment.id)).amount_refunded.value === '9.90', 'all of them');
    const truth = await oracle(till, payment.id);
    assert.equal(truth.refunded, 990);
    assert.equal(truth.refunds.length, 11);
    assert.deepEqual((await refund(payment.id)).body.amount, usd('0.10'));
  });
});

describe('refunds that take their time', () => {
  test('a pending one holds its amount and succeeds later', async () => {
    const payment = await paid(till, { payment_method_id: 'pm_card_pendingRefund' });
    const answer = await refund(payment.id, { amount: usd('8.00') });
    assert.equal(answer.status, 202, answer.text);
    assert.equal(answer.body.status, 'processing');
    const before = await get(till, payment.id);
    assert.equal(before.refund_state, 'none');
    isProblem(await refund(payment.id, { amount: usd('2.01') }), 400, 'VALIDATION_ERROR');
    await till.sandbox.settle();
    await refundIs(answer.body.id, 'succeeded');
    assert.deepEqual((await get(till, payment.id)).amount_refunded, usd('8.00'));
  });

  test('one that fails after it had succeeded comes back, once', async () => {
    const payment = await paid(till, { payment_method_id: 'pm_card_refundFail' });
    const { body } = await refund(payment.id, { amount: usd('4.00') });
    assert.match(body.status, /^(succeeded|processing)$/);
    await till.sandbox.settle();
    await refundIs(body.id, 'failed');
    const now = await get(till, payment.id);
    assert.deepEqual(now.amount_refunded, usd('0.00'));
    assert.equal(now.refund_state, 'none');
    assert.equal((await oracle(till, payment.id)).refunded, 0);
    const booked = await till.db.value(
      `SELECT coalesce(sum(amount), 0) FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id WHERE e.source = '${body.id}' AND l.account = 'refunds'`
    );
    assert.equal(booked, '0');
    const again = await refund(payment.id, { amount: usd('10.00') });
    assert.ok([201, 202].includes(again.status), again.text);
    await till.sandbox.settle();
    await refundIs(again.body.id, 'failed');
  });

  test('with no webhook at all a pending one is found out by asking', async () => {
    await till.sandbox.dials({ webhooks: { off: true } });
    const payment = await paid(till, { payment_method_id: 'pm_card_pendingRefund' });
    const { body } = await refund(payment.id);
    assert.equal(body.status, 'processing');
    await advance(till, 6 * 86400);
    await refundIs(body.id, 'succeeded');
    assert.equal((await get(till, payment.id)).status, 'refunded');
    await till.sandbox.clearDials();
  });
});

describe('refunds made elsewhere', () => {
  test('one made in the provider\'s dashboard is in our books, too', async () => {
    const payment = await paid(till);
    await till.sandbox.dashboard('refund', { payment_intent: payment.provider_payment_id, amount: 300 });
    await until(async () => (await get(till, payment.id)).amount_refunded.value === '3.00', 'the refund');
    const [adopted] = await refundsOf(payment.id);
    assert.match(adopted.id, /^ref_/);
    assert.equal(adopted.status, 'succeeded');
    isProblem(await refund(payment.id, { amount: usd('7.01') }), 400, 'VALIDATION_ERROR');
    assert.equal((await refund(payment.id)).status, 201);
    assert.equal((await oracle(till, payment.id)).refunded, 1000);
  });

  test('one that we had not heard of when ours was asked for', async () => {
    await till.sandbox.dials({ webhooks: { off: true } });
    const payment = await paid(till);
    await till.sandbox.dashboard('refund', { payment_intent: payment.provider_payment_id, amount: 800 });
    const answer = await refund(payment.id, { amount: usd('5.00') });
    assert.ok(answer.status >= 400 && answer.status <= 500, answer.text);
    await till.sandbox.clearDials();
    assert.equal((await oracle(till, payment.id)).refunded, 800);
    const { amount_refunding: held } = (await till.db.rows(`SELECT amount_refunding FROM payments WHERE id = '${payment.id}'`))[0];
    assert.equal(held, 0);
    await till.sandbox.dashboard('refund', { payment_intent: payment.provider_payment_id, amount: 200 });
    await until(async () => (await get(till, payment.id)).status === 'refunded', 'both of them');
  });

  test('what is disputed is not given back as well', async () => {
    const payment = await paid(till, { payment_method_id: 'pm_card_createDispute' });
    await until(async () => (await get(till, payment.id)).dispute_state === 'open', 'the dispute');
    isProblem(await refund(payment.id), 400, 'INVALID_STATUS');
    await till.sandbox.dashboard('dispute_close', { payment_intent: payment.provider_payment_id, status: 'won' });
    await until(async () => (await get(till, payment.id)).dispute_state === 'won', 'its end');
  });
});

describe('how many refunds a customer gets in a day', () => {
  test('a sixth waits, unless the key may refund in bulk', async () => {
    const other = await startTill({ env: { REFUNDS_PER_DAY: '5' } });
    try {
      const customer = (await other.api('POST', '/api/v1/customers', { body: { reference: 'u1' } })).body.id;
      const payment = await paid(other, { customer_id: customer });
      const key = await other.makeKey('payments:read refunds:write');
      const small = { amount: usd('0.50') };
      for (let i = 0; i < 5; i++) assert.equal((await act(other, payment.id, 'refund', small, { apiKey: key })).status, 201);
      const answer = await act(other, payment.id, 'refund', small, { apiKey: key });
      isProblem(answer, 429, 'RATE_LIMITED');
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
      assert.equal((await act(other, payment.id, 'refund', small)).status, 201);
      await advance(other, 86401);
      assert.equal((await act(other, payment.id, 'refund', small, { apiKey: key })).status, 201);
    } finally {
      await closed(other);
    }
  });
});
