'use strict';

// The Stripe adapter talks to the sandbox: every way a payment goes, and every way an answer gets lost. The sandbox's ledger
// says what money really moved.

const { spawn } = require('node:child_process');
const assert = require('node:assert');
const path = require('node:path');
const readline = require('node:readline');
const { after, before, beforeEach, describe, test } = require('node:test');
const { SECRET_KEY, required } = require('../lib/till.js');
const { startSandbox } = require('../lib/sandbox.js');

let sandbox;
let adapter;
let number = 0;

/** talk_stripe as a function: a command in, what came of it out. */
function startAdapter(url) {
  const child = spawn(path.join(required('TILL_TEST_BUILD'), 'tests/contract/talk_stripe'), {
    env: { STRIPE_API_URL: url, STRIPE_API_VERSION: '2026-08-26.dahlia', STRIPE_SECRET_KEY: SECRET_KEY },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = [];
  const ended = new Promise((resolve) => child.on('close', resolve));
  readline.createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()(JSON.parse(line)));
  return {
    ask: (call, more) => new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(`${JSON.stringify({ call, ...more })}\n`);
    }),
    stop: async () => {
      child.stdin.end();
      assert.strictEqual(await ended, 0);
    },
  };
}

const unique = (prefix) => `${prefix}_${process.pid}_${(number += 1)}`;

async function create(more = {}) {
  const payment_id = unique('pay');
  const made = await adapter.ask('create', { payment_id, key: unique('key'), minor: 1000, ...more });
  assert.strictEqual(made.outcome, 'done', JSON.stringify(made));
  assert.strictEqual(made.payment.state, 'waiting');
  assert.strictEqual(made.payment.payment_id, payment_id);
  return { payment_id, reference: made.payment.reference };
}

const confirm = ({ reference }, method, more = {}) => adapter.ask('confirm', { reference, method, key: unique('key'), ...more });
const fetched = async ({ reference }) => (await adapter.ask('fetch', { reference })).found;

async function paid(more = {}) {
  const payment = await create(more);
  const outcome = await confirm(payment, 'pm_card_visa');
  assert.strictEqual(outcome.outcome, 'done', JSON.stringify(outcome));
  return { ...payment, confirmed: outcome.payment };
}

/** How often money was taken for one of our payments. */
async function taken({ payment_id }) {
  const { charges } = await sandbox.ledger(payment_id);
  return charges.filter((one) => one.amount_captured > 0).length;
}

before(async () => {
  sandbox = await startSandbox();
  adapter = startAdapter(sandbox.url);
});

after(async () => {
  await adapter?.stop();
  await sandbox?.stop();
});

beforeEach(() => sandbox.clearDials());

describe('a payment', () => {
  test('is made, confirmed, asked for, and given back in two parts', async () => {
    const customer = await adapter.ask('create_customer', { customer_id: unique('cust'), key: unique('key'), email: 'ann+a@example.com' });
    const payment = await paid({ customer: customer.found });
    assert.deepStrictEqual([payment.confirmed.state, payment.confirmed.captured, payment.confirmed.last4], ['succeeded', 1000, '4242']);

    const part = { reference: payment.reference, minor: 400, refund_id: unique('ref'), key: unique('key') };
    const first = await adapter.ask('refund', part);
    assert.deepStrictEqual([first.outcome, first.refund.status, first.refund.amount], ['done', 'succeeded', 400]);
    const again = await adapter.ask('refund', part);
    assert.strictEqual(again.refund.reference, first.refund.reference, 'the same key gives the same refund');
    const tooMuch = await adapter.ask('refund', { ...part, minor: 601, key: unique('key') });
    assert.deepStrictEqual([tooMuch.outcome, tooMuch.code], ['refused', 'VALIDATION_ERROR']);
    const rest = await adapter.ask('refund', { ...part, minor: 600, refund_id: unique('ref'), key: unique('key'), reason: 'Rain' });
    assert.strictEqual(rest.outcome, 'done');
    const none = await adapter.ask('refund', { ...part, minor: 1, key: unique('key') });
    assert.deepStrictEqual([none.outcome, none.code], ['refused', 'ALREADY_REFUNDED']);

    const now = await fetched(payment);
    assert.deepStrictEqual([now.state, now.refunded, now.refunds.length, now.refunds_listed], ['succeeded', 1000, 2, true]);
    assert.deepStrictEqual(new Set(now.refunds.map((one) => one.refund_id)), new Set([part.refund_id, rest.refund.refund_id]));
    const one = await adapter.ask('fetch_refund', { reference: first.refund.reference });
    assert.strictEqual(one.found.refund_id, part.refund_id);
  });

  test('is authorised, then captured in part', async () => {
    const payment = await paid({ manual: true });
    assert.deepStrictEqual([payment.confirmed.state, payment.confirmed.authorized, payment.confirmed.captured], ['authorized', 1000, 0]);
    const some = await adapter.ask('capture', { reference: payment.reference, minor: 600, key: unique('key') });
    assert.deepStrictEqual([some.outcome, some.payment.state, some.payment.captured, some.payment.refunded], ['done', 'succeeded', 600, 0]);
    const now = await fetched(payment);
    assert.deepStrictEqual([now.captured, now.refunded, now.refunds], [600, 0, []]);
    const twice = await adapter.ask('capture', { reference: payment.reference, minor: 400, key: unique('key') });
    assert.deepStrictEqual([twice.outcome, twice.code], ['refused', 'INVALID_STATUS']);
  });

  test('in other currencies comes back as it went', async () => {
    for (const [currency, minor] of [['JPY', 5000], ['ISK', 900], ['KWD', 5120], ['MGA', 500000], ['UGX', 9000]]) {
      const payment = await paid({ currency, minor });
      assert.deepStrictEqual([payment.confirmed.amount, payment.confirmed.captured, payment.confirmed.currency], [minor, minor, currency]);
    }
  });

  test('is cancelled, and then cannot be confirmed', async () => {
    const payment = await create();
    const gone = await adapter.ask('cancel', { reference: payment.reference, key: unique('key'), reason: 'abandoned' });
    assert.deepStrictEqual([gone.outcome, gone.payment.state], ['done', 'cancelled']);
    const late = await confirm(payment, 'pm_card_visa');
    assert.deepStrictEqual([late.outcome, late.code], ['refused', 'INVALID_STATUS']);
    const { reference } = await paid();
    const tooLate = await adapter.ask('cancel', { reference, key: unique('key') });
    assert.deepStrictEqual([tooLate.outcome, tooLate.code], ['refused', 'INVALID_STATUS']);
  });

  test('that Stripe does not know, and a method it does not know', async () => {
    assert.strictEqual((await adapter.ask('fetch', { reference: 'pi_nobody' })).code, 'NOT_FOUND');
    assert.strictEqual((await confirm({ reference: 'pi_nobody' }, 'pm_card_visa')).code, 'NOT_FOUND');
    const wrong = await confirm(await create(), 'pm_nobody');
    assert.deepStrictEqual([wrong.outcome, wrong.code], ['refused', 'PAYMENT_METHOD_ERROR']);
  });
});

describe('a decline', () => {
  const declines = {
    pm_card_chargeDeclined: ['CARD_DECLINED', 'generic'],
    pm_card_chargeDeclinedInsufficientFunds: ['INSUFFICIENT_FUNDS', 'insufficient_funds'],
    pm_card_chargeDeclinedLostCard: ['CARD_DECLINED', 'fraud'],
    pm_card_chargeDeclinedStolenCard: ['CARD_DECLINED', 'fraud'],
    pm_card_chargeDeclinedFraudulent: ['CARD_DECLINED', 'fraud'],
    pm_card_chargeDeclinedExpiredCard: ['CARD_DECLINED', 'expired'],
    pm_card_chargeDeclinedIncorrectCvc: ['CARD_DECLINED', 'cvc'],
    pm_card_chargeDeclinedProcessingError: ['CARD_DECLINED', 'processing'],
  };

  for (const [method, [code, kind]] of Object.entries(declines)) {
    test(`of ${method}, and the next card pays`, async () => {
      const payment = await create();
      const no = await confirm(payment, method);
      assert.deepStrictEqual([no.outcome, no.code, no.payment.state, no.payment.decline], ['declined', code, 'waiting', kind]);
      assert.strictEqual((await fetched(payment)).decline, kind);
      assert.strictEqual((await confirm(payment, 'pm_card_visa')).payment.state, 'succeeded');
      assert.strictEqual((await fetched(payment)).decline, 'none');
    });
  }

  test('repeated under its key is the same decline', async () => {
    const payment = await create();
    const key = unique('key');
    assert.strictEqual((await confirm(payment, 'pm_card_chargeDeclined', { key })).outcome, 'declined');
    assert.strictEqual((await confirm(payment, 'pm_card_chargeDeclined', { key })).outcome, 'declined');
    const other = await confirm(payment, 'pm_card_visa', { key });
    assert.strictEqual(other.outcome, 'unknown', 'another request under a used key proves nothing');
  });
});

describe('3-D Secure', () => {
  test('done', async () => {
    const payment = await create();
    const asked = await confirm(payment, 'pm_card_authenticationRequired');
    assert.deepStrictEqual([asked.outcome, asked.payment.state, asked.payment.next_action], ['done', 'action', 'redirect_to_url']);
    assert.match(asked.payment.next_action_url, /^http/);
    await sandbox.bank(payment.reference, 'complete');
    assert.strictEqual((await fetched(payment)).state, 'succeeded');
  });

  test('failed', async () => {
    const payment = await create();
    await confirm(payment, 'pm_card_authenticationRequired');
    await sandbox.bank(payment.reference, 'fail');
    const now = await fetched(payment);
    assert.deepStrictEqual([now.state, now.decline], ['waiting', 'authentication']);
  });

  test('not possible without the payer', async () => {
    const no = await confirm(await create(), 'pm_card_authenticationRequired', { off_session: true });
    assert.deepStrictEqual([no.outcome, no.code, no.payment.decline], ['declined', 'CARD_DECLINED', 'authentication']);
  });

  test('asked for by us', async () => {
    const asked = await confirm(await create(), 'pm_card_visa', { force_3ds: true });
    assert.ok(['action', 'succeeded'].includes(asked.payment.state), 'a bank may wave it through');
  });
});

// What goes wrong with a confirmation, what we make of it, and what the payment then is.
const faults = [
  ['timeout_after_execute', {}, 'unknown', 'succeeded'],
  ['timeout_before_execute', {}, 'unknown', 'waiting'],
  ['error_500_executed', {}, 'unknown', 'succeeded'],
  ['error_500_not_executed', {}, 'unknown', 'waiting'],
  ['error_500_executed', { should_retry: 'true' }, 'unknown', 'succeeded'],
  ['reset', {}, 'unknown', 'succeeded'],
  ['reset_not_executed', {}, 'unknown', 'waiting'],
  ['truncate', {}, 'unknown', 'succeeded'],
  ['html_200', {}, 'unknown', 'succeeded'],
  ['big_body', {}, 'unknown', 'succeeded'],
  ['trickle', {}, 'unknown', 'succeeded'],
  ['429', { retry_after: 60 }, 'not_executed', 'waiting'],
];

describe('a confirmation', () => {
  for (const [action, more, outcome, state] of faults) {
    test(`that meets ${action} ${JSON.stringify(more)} is ${outcome}; asking tells`, async () => {
      const payment = await create();
      await sandbox.dials([{ operation: 'POST /v1/payment_intents/{id}/confirm', action, ...more }]);
      const said = await confirm(payment, 'pm_card_visa', { within: 900 });
      await sandbox.clearDials();
      assert.strictEqual(said.outcome, outcome, JSON.stringify(said));
      assert.strictEqual((await fetched(payment)).state, state);
      if (state === 'waiting') assert.strictEqual((await confirm(payment, 'pm_card_visa')).payment.state, 'succeeded');
      assert.strictEqual((await fetched(payment)).captured, 1000);
      assert.strictEqual(await taken(payment), 1);
    });
  }

  test('on a kept connection that dies is executed once', async () => {
    const payment = await create();
    await sandbox.dials([{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'close_reused', times: 1 }]);
    const said = await confirm(payment, 'pm_card_visa');
    assert.strictEqual(said.outcome, 'done', 'the library repeats it, and the key makes that harmless');
    assert.strictEqual((await fetched(payment)).captured, 1000);
    assert.strictEqual(await taken(payment), 1);
  });
});

describe('what moves no money is tried again', () => {
  for (const action of ['reset', 'reset_not_executed', 'truncate', 'error_500_not_executed', '429']) {
    test(`creating, after ${action}`, async () => {
      await sandbox.dials([{ operation: 'POST /v1/payment_intents', action, times: 1 }]);
      const payment = await create();
      assert.strictEqual((await confirm(payment, 'pm_card_visa')).payment.state, 'succeeded');
    });

    test(`asking, after ${action}`, async () => {
      const payment = await paid();
      await sandbox.dials([{ operation: 'GET /v1/payment_intents/{id}', action, times: 1 }]);
      assert.strictEqual((await fetched(payment)).state, 'succeeded');
    });
  }
});

describe('what others did', () => {
  test('a payment is found by our id though its own never reached us', async () => {
    const since = Math.floor(Date.now() / 1000) - 60;
    const payment = await paid();
    const found = await adapter.ask('find', { payment_id: payment.payment_id, since });
    assert.strictEqual(found.found.reference, payment.reference);
    assert.strictEqual((await adapter.ask('find', { payment_id: unique('pay'), since })).code, 'NOT_FOUND');
  });

  test('a refund that is pending, and one that fails later', async () => {
    for (const [method, first, later] of [['pm_card_pendingRefund', 'pending', 'succeeded'], ['pm_card_refundFail', 'succeeded', 'failed']]) {
      const payment = await create();
      assert.strictEqual((await confirm(payment, method)).payment.state, 'succeeded');
      const back = await adapter.ask('refund', { reference: payment.reference, minor: 300, refund_id: unique('ref'), key: unique('key') });
      assert.deepStrictEqual([back.outcome, back.refund.status], ['done', first]);
      assert.strictEqual((await fetched(payment)).refunded, 300);
      await sandbox.settle();
      const now = await fetched(payment);
      assert.strictEqual(now.refunds[0].status, later);
      assert.strictEqual(now.refunded, later === 'failed' ? 0 : 300);
    }
  });

  test('a dispute', async () => {
    const payment = await create();
    await confirm(payment, 'pm_card_createDispute');
    await sandbox.settle();
    assert.strictEqual((await fetched(payment)).dispute, 'open');
  });

  test('events, oldest first, from where we were', async () => {
    const payment = await paid();
    const since = Math.floor(Date.now() / 1000) - 3600;
    const { found: all } = await adapter.ask('list_events', { since, limit: 1000 });
    const types = all.filter((one) => one.payment === payment.reference).map((one) => one.type);
    assert.ok(types.indexOf('payment_intent.created') < types.indexOf('payment_intent.succeeded'), types.join());
    const { found: rest } = await adapter.ask('list_events', { since, after: all.at(2).id, limit: 5 });
    assert.deepStrictEqual(rest.map((one) => one.id), all.slice(3, 8).map((one) => one.id));
    const { found: nothing } = await adapter.ask('list_events', { since, after: all.at(-1).id, limit: 5 });
    assert.deepStrictEqual(nothing, []);
    await sandbox.advance(7200);
    const later = await paid();
    const { found: late } = await adapter.ask('list_events', { since: since + 7200, limit: 1000 });
    assert.deepStrictEqual([...new Set(late.map((one) => one.payment))], [later.reference], 'of what was before none is read');
  });
});
