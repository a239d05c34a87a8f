'use strict';

// Idempotency keys over HTTP: one request, one effect, one answer, however often it comes.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { act, advance, closed, get, isProblem, newKey, oracle, paid, pay, usd } = require('./books.js');

let till;
before(async () => { till = await startTill(); });
after(() => closed(till));

const isReplayed = (answer) => answer.headers.get('idempotent-replayed') === 'true';
const payments = async () => Number(await till.db.value('SELECT count(*) FROM payments'));
const times = (count, work) => Promise.all(Array.from({ length: count }, (_, i) => work(i)));

describe('the same key', { concurrency: 4 }, () => {
  test('and the same body get the same answer', async () => {
    const key = newKey();
    const first = await pay(till, {}, { key });
    assert.equal(first.status, 201);
    assert.equal(first.headers.get('idempotency-key'), key);
    assert.ok(!isReplayed(first));
    const second = await pay(till, {}, { key });
    assert.equal(second.status, 201);
    assert.ok(isReplayed(second));
    assert.equal(second.text, first.text);
    assert.equal((await oracle(till, first.body.id)).captured, 1000);
  });

  test('with other spaces and another order of members is the same body', async () => {
    const key = newKey();
    const headers = { 'content-type': 'application/json' };
    const first = await till.api('POST', '/api/v1/payments', {
      key, headers, raw: '{"amount":{"value":"1.00","currency":"USD"},"description":"a"}',
    });
    const second = await till.api('POST', '/api/v1/payments', {
      key, headers, raw: '{ "description": "a",\n  "amount": { "currency": "USD", "value": "1.00" } }',
    });
    assert.ok(isReplayed(second), second.text);
    assert.equal(second.body.id, first.body.id);
  });

  test('and another body is a mismatch', async () => {
    const key = newKey();
    const first = await pay(till, {}, { key });
    isProblem(await pay(till, { amount: usd('10.01') }, { key }), 422, 'IDEMPOTENCY_MISMATCH');
    isProblem(await pay(till, { description: 'more' }, { key }), 422, 'IDEMPOTENCY_MISMATCH');
    assert.equal((await pay(till, {}, { key })).body.id, first.body.id);
  });

  test('for another payment is a mismatch, for another operation another key', async () => {
    const [one, other] = [await paid(till), await paid(till)];
    const key = newKey();
    assert.equal((await act(till, one.id, 'refund', { amount: usd('1.00') }, { key })).status, 201);
    isProblem(await act(till, other.id, 'refund', { amount: usd('1.00') }, { key }), 422, 'IDEMPOTENCY_MISMATCH');
    assert.equal((await pay(till, {}, { key })).status, 201);
  });

  test('of another caller is another key', async () => {
    const key = newKey();
    const first = await pay(till, {}, { key });
    const second = await pay(till, { amount: usd('3.00') }, { key, apiKey: await till.makeKey() });
    assert.equal(second.status, 201, second.text);
    assert.notEqual(second.body.id, first.body.id);
  });

  test('after a decline replays the decline', async () => {
    const key = newKey();
    const body = { payment_method_id: 'pm_card_chargeDeclined' };
    const first = await pay(till, body, { key });
    isProblem(first, 402, 'CARD_DECLINED');
    const second = await pay(till, body, { key });
    assert.equal(second.text, first.text);
    assert.ok(isReplayed(second));
    assert.match(second.headers.get('content-type'), /^application\/problem\+json/);
    assert.equal((await oracle(till, first.body.payment_id)).tried, 1);
  });

  test('after a bad request is still free', async () => {
    const key = newKey();
    isProblem(await pay(till, { amount: 10 }, { key }), 400, 'VALIDATION_ERROR');
    isProblem(await pay(till, { customer_id: 'cust_nobody' }, { key }), 400, 'VALIDATION_ERROR');
    assert.equal((await pay(till, {}, { key })).status, 201);
  });

  test('replays what was, although the payment moved on', async () => {
    const key = newKey();
    const made = await paid(till, { capture: false });
    const first = await act(till, made.id, 'capture', { amount: usd('5.00') }, { key });
    await act(till, made.id, 'refund');
    const second = await act(till, made.id, 'capture', { amount: usd('5.00') }, { key });
    assert.equal(second.text, first.text);
    assert.equal(second.body.status, 'succeeded');
  });

  for (const [verb, prepare, body] of [
    ['confirm', () => pay(till, { confirm: false }), {}],
    ['capture', () => pay(till, { capture: false }), { amount: usd('4.00') }],
    ['cancel', () => pay(till, { capture: false }), { reason: 'no' }],
    ['refund', () => pay(till), { amount: usd('10.00') }],
  ]) {
    test(`of a ${verb} does it once, also twenty at once`, async () => {
      const { id } = (await prepare()).body;
      const key = newKey();
      const answers = await times(20, () => act(till, id, verb, body, { key }));
      const first = answers.find((answer) => answer.status < 300);
      assert.ok(first, answers.map((answer) => answer.text).join('\n'));
      for (const answer of answers) {
        if (answer.status >= 300) isProblem(answer, 409, 'IDEMPOTENCY_IN_PROGRESS');
        else assert.equal(answer.text, first.text);
      }
      const replay = await act(till, id, verb, body, { key });
      assert.equal(replay.text, first.text);
      assert.ok(isReplayed(replay));
      const truth = await oracle(till, id);
      assert.ok(truth.executed <= 1);
      assert.equal(truth.refunds.length, verb === 'refund' ? 1 : 0);
    });
  }

  test('of a customer and of a checkout session makes one', async () => {
    for (const [address, body] of [
      ['/api/v1/customers', { email: 'twice@example.org' }],
      ['/api/v1/checkout/sessions', { amount: usd('5.00') }],
    ]) {
      const key = newKey();
      const answers = await times(10, () => till.api('POST', address, { body, key }));
      const ids = new Set(answers.filter((answer) => answer.status === 201).map((answer) => answer.body.id));
      assert.equal(ids.size, 1, answers.map((answer) => answer.text).join('\n'));
      for (const answer of answers) assert.ok([201, 409].includes(answer.status), answer.text);
      assert.ok(isReplayed(await till.api('POST', address, { body, key })));
    }
  });
});

describe('where a key comes from', { concurrency: 4 }, () => {
  test('one in the body counts like one in the header', async () => {
    const key = newKey();
    const first = await pay(till, { idempotency_key: key }, { key: undefined });
    assert.equal(first.headers.get('idempotency-key'), key);
    const second = await pay(till, { idempotency_key: key }, { key: undefined });
    assert.equal(second.text, first.text);
    assert.equal((await pay(till, {}, { key })).text, first.text);
    assert.equal((await pay(till, { idempotency_key: key }, { key })).text, first.text);
  });

  test('both, and not the same, is an error', async () => {
    const before = await payments();
    isProblem(await pay(till, { idempotency_key: newKey() }, { key: newKey() }), 400, 'VALIDATION_ERROR');
    assert.ok((await payments()) >= before);
  });

  test('without one a key is made and told', async () => {
    const first = await pay(till, {}, { key: undefined });
    const key = first.headers.get('idempotency-key');
    assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const second = await pay(till, {}, { key });
    assert.equal(second.text, first.text);
    assert.ok(isReplayed(second));
    assert.notEqual((await pay(till, {}, { key: undefined })).body.id, first.body.id);
  });

  for (const [what, key] of [['too long', 'k'.repeat(256)], ['with a space', 'a b'], ['with a comma', 'a,b'], ['with other letters', 'schlüssel']]) {
    test(`one ${what} is refused`, async () => {
      isProblem(await pay(till, { idempotency_key: key }, { key: undefined }), 400, 'VALIDATION_ERROR');
    });
  }

  test('one that is no text is refused; the longest is not', async () => {
    isProblem(await pay(till, { idempotency_key: 7 }, { key: undefined }), 400, 'VALIDATION_ERROR');
    isProblem(await pay(till, { idempotency_key: '' }, { key: undefined }), 400, 'VALIDATION_ERROR');
    assert.equal((await pay(till, {}, { key: 'k'.repeat(255) })).status, 201);
  });

  test('what is sent twice in the header is refused', async () => {
    isProblem(await pay(till, {}, { key: `${newKey()}, ${newKey()}` }), 400, 'VALIDATION_ERROR');
  });
});

describe('many at once', () => {
  test('fifty with one key: one payment, one charge', async () => {
    const key = newKey();
    const before = await payments();
    const answers = await times(50, () => pay(till, { reference: 'fifty' }, { key }));
    assert.equal(await payments(), before + 1);
    const [{ id }] = (await till.api('GET', '/api/v1/payments?reference=fifty')).body.data;
    const good = answers.filter((answer) => answer.status === 201);
    assert.ok(good.length >= 1);
    for (const answer of good) assert.equal(answer.body.id, id);
    for (const answer of answers.filter((one) => one.status !== 201)) {
      isProblem(answer, 409, 'IDEMPOTENCY_IN_PROGRESS');
      assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    }
    const truth = await oracle(till, id);
    assert.equal(truth.tried, 1);
    assert.equal(truth.captured, 1000);
    await until(async () => isReplayed(await pay(till, { reference: 'fifty' }, { key })), 'a replay');
  });

  test('while the first still runs the second is told to wait', async () => {
    await till.sandbox.dials([{ operation: 'POST /v1/payment_intents*', action: 'delay', ms: 700 }]);
    const key = newKey();
    const running = pay(till, { reference: 'slow' }, { key });
    await until(async () => (await till.db.value("SELECT count(*) FROM payments WHERE reference = 'slow'")) === '1', 'the first');
    const second = await pay(till, { reference: 'slow' }, { key });
    isProblem(second, 409, 'IDEMPOTENCY_IN_PROGRESS');
    assert.ok(Number(second.headers.get('retry-after')) >= 1);
    isProblem(await pay(till, { reference: 'other' }, { key }), 422, 'IDEMPOTENCY_MISMATCH');
    await till.sandbox.clearDials();
    const first = await running;
    assert.ok([201, 202].includes(first.status), first.text);
    assert.equal((await pay(till, { reference: 'slow' }, { key })).text, first.text);
  });
});

describe('time', () => {
  test('after a day a key is new, and its answer is forgotten', async () => {
    const key = newKey();
    const first = await pay(till, {}, { key });
    await advance(till, 86400 - 60);
    assert.equal((await pay(till, {}, { key })).body.id, first.body.id);
    await advance(till, 120);
    const later = await pay(till, { amount: usd('2.00') }, { key });
    assert.equal(later.status, 201, later.text);
    assert.notEqual(later.body.id, first.body.id);
    assert.ok(!isReplayed(later));
    await advance(till, 2 * 86400);
    assert.equal((await till.command('job', 'run', 'retention')).code, 0);
    const left = await till.db.value("SELECT count(*) FROM idempotency_keys WHERE expires_at < domain_now() - interval '1 hour'");
    assert.equal(left, '0');
    assert.equal((await get(till, first.body.id)).status, 'succeeded');
  });
});
