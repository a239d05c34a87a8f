'use strict';

// How often: requests of a key, guesses from an address, payments and refunds of a customer, webhooks with a bad signature.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, describe, test } = require('node:test');
const { WEBHOOK_SECRET, startTill, until } = require('../lib/till.js');
const { fastcgi, isProblem, variables } = require('./wire.js');

const usd = (value) => ({ value, currency: 'USD' });

/** Time goes on by so many seconds, and both workers know. */
async function moveTime(till, seconds) {
  const offset = Number(await till.db.value(`UPDATE clock SET offset_seconds = offset_seconds + ${seconds} RETURNING offset_seconds`));
  const target = Date.now() + offset * 1000 - 5000;
  for (let seen = 0; seen < 12;) { // requests go to either worker
    const { body } = await till.api('POST', '/api/v1/customers', { body: {}, apiKey: await spare(till) });
    seen = Date.parse(body.created_at) > target ? seen + 1 : 0;
  }
}

/** A key that is used for nothing that is counted. */
async function spare(till) {
  till.spareUsed = (till.spareUsed ?? Infinity) + 1;
  if (till.spareUsed > 5) {
    till.spareUsed = 1;
    till.spareKey = await till.makeKey('*', 'spare');
  }
  return till.spareKey;
}

describe('requests', () => {
  const LIMIT = 8, WINDOW = 3600;
  let till;
  before(async () => {
    const env = { RATE_LIMIT_REQUESTS: String(LIMIT), RATE_LIMIT_WINDOW: String(WINDOW), WEBHOOK_RATE_PER_MINUTE: '3' };
    till = await startTill({ sandbox: false, env });
    const first = await till.api('GET', '/api/v1/payments', { apiKey: await till.makeKey() });
    if (Number(first.headers.get('ratelimit-reset')) < 120) await moveTime(till, 300); // do not begin at the end of a window
  });
  after(() => till && till.stop());

  const list = (apiKey) => till.api('GET', '/api/v1/payments', { apiKey });

  test('each answer says what is left, in both spellings', async () => {
    const key = await till.makeKey();
    for (let n = 1; n <= 3; n++) {
      const { status, headers } = await list(key);
      assert.equal(status, 200);
      assert.equal(headers.get('ratelimit-policy'), `"default";q=${LIMIT};w=${WINDOW}`);
      const [, left, seconds] = headers.get('ratelimit').match(/^"default";r=(\d+);t=(\d+)$/);
      assert.equal(Number(left), LIMIT - n);
      assert.equal(headers.get('ratelimit-limit'), String(LIMIT));
      assert.equal(headers.get('ratelimit-remaining'), left);
      assert.equal(headers.get('ratelimit-reset'), seconds);
      assert.ok(Number(seconds) > 0 && Number(seconds) <= WINDOW);
    }
  });

  test('past the limit it is 429 with Retry-After and nothing is done, another key goes on, and the next window begins anew', async () => {
    const [key, other] = [await till.makeKey(), await till.makeKey()];
    for (let n = 0; n < LIMIT; n++) assert.equal((await list(key)).status, 200);
    const before_ = await till.db.value('SELECT count(*) FROM customers');
    const over = await till.api('POST', '/api/v1/customers', { body: { reference: 'over' }, apiKey: key });
    assert.equal(over.status, 429);
    assert.equal(isProblem(assert, over).code, 'RATE_LIMITED');
    assert.equal(over.headers.get('retry-after'), over.headers.get('ratelimit-reset'));
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    assert.equal(over.headers.get('ratelimit-remaining'), '0');
    assert.equal(await till.db.value('SELECT count(*) FROM customers'), before_);
    assert.equal((await list(other)).status, 200, 'a limit is that of one key');
    await moveTime(till, WINDOW);
    const again = await list(key);
    assert.equal(again.status, 200);
    assert.equal(again.headers.get('ratelimit-remaining'), String(LIMIT - 1));
  });

  test('requests at once count one by one', async () => {
    const key = await till.makeKey();
    const answers = await Promise.all(Array.from({ length: 3 * LIMIT }, () => list(key)));
    assert.equal(answers.filter((answer) => answer.status === 200).length, LIMIT);
    assert.equal(answers.filter((answer) => answer.status === 429).length, 2 * LIMIT);
  });

  test('health, readiness and the description are not counted', async () => {
    for (const target of ['/healthz', '/readyz', '/api/v1/openapi.json']) {
      for (let n = 0; n < LIMIT + 2; n++) assert.equal((await till.api('GET', target, { apiKey: null })).status, 200, target);
    }
  });

  const from = (address, method, target, more, body) => fastcgi(till.socket, variables(method, target, { REMOTE_ADDR: address, ...more }), body);

  test('keys that are wrong are counted by address; a right one from there still opens', async () => {
    const guess = (address, n) =>
      from(address, 'GET', '/api/v1/payments', { HTTP_AUTHORIZATION: `Bearer till_test_${'a'.repeat(12)}_${String(n).padStart(43, '0')}` });
    for (let n = 0; n < LIMIT; n++) assert.equal((await guess('198.51.100.4', n)).status, 401);
    const over = await guess('198.51.100.4', LIMIT);
    assert.equal(over.status, 429);
    assert.ok(Number(over.headers['retry-after']) > 0);
    assert.equal((await from('198.51.100.4', 'GET', '/api/v1/payments')).status, 429, 'no key at all is a guess, too');
    assert.equal((await guess('198.51.100.5', 0)).status, 401, 'elsewhere nothing was guessed');
    const key = await till.makeKey();
    assert.equal((await from('198.51.100.4', 'GET', '/api/v1/payments', { HTTP_AUTHORIZATION: `Bearer ${key}` })).status, 200);
  });

  test('pages that anyone may read are counted by address', async () => {
    for (let n = 0; n < LIMIT; n++) assert.equal((await from('198.51.100.9', 'GET', '/docs/errors')).status, 200);
    assert.equal((await from('198.51.100.9', 'GET', '/docs/errors')).status, 429);
    assert.equal((await from('198.51.100.10', 'GET', '/docs/errors')).status, 200);
  });

  test('webhooks are limited by their bad signatures only: a flood of those keeps no genuine event out', async () => {
    const send = (secret, address = '198.51.100.20') => {
      const body = JSON.stringify({
        id: `evt_${crypto.randomBytes(6).toString('hex')}`, object: 'event', type: 'customer.created', created: 1760000000, livemode: false,
        data: { object: { id: 'cus_1', object: 'customer' } },
      });
      const time = Math.floor(Date.now() / 1000);
      const v1 = crypto.createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
      return from(address, 'POST', '/api/v1/webhooks/stripe', {
        CONTENT_TYPE: 'application/json', CONTENT_LENGTH: String(body.length), HTTP_STRIPE_SIGNATURE: `t=${time},v1=${v1}`,
      }, body);
    };
    await till.db.value('UPDATE clock SET offset_seconds = 0'); // a signature is as old as the clock says
    let good = 0;
    await until(async () => (good = (await send(WEBHOOK_SECRET, '198.51.100.21')).status === 200 ? good + 1 : 0) >= 12, 'genuine events');
    const bad = [];
    for (let n = 0; n < 12; n++) bad.push((await send('whsec_wrong')).status); // 3 a minute, and a minute may end
    assert.ok(bad.includes(400) && bad[0] === 400, bad.join());
    assert.ok(bad.includes(429), bad.join());
    for (let n = 0; n < 20; n++) assert.equal((await send(WEBHOOK_SECRET)).status, 200);
  });
});

describe('payments and refunds of one customer, with the limits that are set by default', () => {
  let till;
  before(async () => {
    till = await startTill({ env: { PAYMENT_ATTEMPTS_PER_HOUR: null, REFUNDS_PER_DAY: null } });
    const into = Number(await till.db.value('SELECT extract(epoch FROM now())::bigint % 3600'));
    if (into > 3400) await till.db.value('UPDATE clock SET offset_seconds = 300'); // an hour is about to end
  });
  after(() => till && till.stop());

  const customer = async () => (await till.api('POST', '/api/v1/customers', { body: {} })).body.id;
  const pay = (customer_id, more) =>
    till.api('POST', '/api/v1/payments', { body: { amount: usd('20.00'), payment_method_id: 'pm_card_visa', customer_id, ...more } });

  test('ten attempts to pay an hour, then 429 until the hour is over', async () => {
    const [one, other] = [await customer(), await customer()];
    const waiting = (await pay(other, { payment_method_id: undefined })).body.id;
    for (let n = 0; n < 10; n++) {
      const declined = await pay(one, { payment_method_id: n % 2 ? 'pm_card_visa' : 'pm_card_visa_chargeDeclined' });
      assert.equal(declined.status, n % 2 ? 201 : 402, `attempt ${n + 1}`);
    }
    const over = await pay(one);
    assert.equal(over.status, 429);
    const problem = isProblem(assert, over);
    assert.equal(problem.code, 'RATE_LIMITED');
    assert.match(problem.detail, /^Too many payment attempts/);
    assert.ok(Number(over.headers.get('retry-after')) > 0 && Number(over.headers.get('retry-after')) <= 3600);
    assert.equal((await till.api('GET', `/api/v1/payments?customer_id=${one}&limit=100`)).body.data.length, 10, 'the eleventh left nothing');
    assert.equal((await till.sandbox.ledger()).charges.filter((charge) => charge.captured).length, 5);

    for (let n = 0; n < 9; n++) { // to confirm is to try, too; making it was the first
      const tried = await till.api('POST', `/api/v1/payments/${waiting}/confirm`, { body: { payment_method_id: 'pm_card_visa_chargeDeclined' } });
      assert.equal(tried.status, 402, `confirmation ${n + 1}`);
    }
    assert.equal((await till.api('POST', `/api/v1/payments/${waiting}/confirm`, { body: { payment_method_id: 'pm_card_visa' } })).status, 429);
    assert.equal((await pay(await customer())).status, 201, 'other customers go on');
    assert.equal((await pay(undefined)).status, 201, 'a payment without a customer is not counted');
    await moveTime(till, 3600);
    assert.equal((await pay(one)).status, 201);
  });

  test('five refunds a day, then 429, save for keys that may do it in bulk', async () => {
    const one = await customer();
    const payments = [(await pay(one)).body.id, (await pay(one)).body.id];
    const clerk = await till.makeKey('refunds:write payments:read', 'clerk');
    const bulk = await till.makeKey('refunds:write refunds:bulk', 'bulk');
    const refund = (apiKey, n) => till.api('POST', `/api/v1/payments/${payments[n % 2]}/refund`, { body: { amount: usd('1.00') }, apiKey });
    for (let n = 0; n < 5; n++) assert.equal((await refund(clerk, n)).status, 201, `refund ${n + 1}`);
    const over = await refund(clerk, 5);
    assert.equal(over.status, 429);
    assert.equal(isProblem(assert, over).code, 'RATE_LIMITED');
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    const sum = async () => (await till.sandbox.ledger()).refunds.filter((one_) => one_.status === 'succeeded').length;
    assert.equal(await sum(), 5);
    assert.equal((await refund(bulk, 6)).status, 201);
    assert.equal((await refund(till.apiKey, 7)).status, 201, '* has every scope');
    assert.equal(await sum(), 7);
    const stranger = (await pay(await customer())).body.id;
    assert.equal((await till.api('POST', `/api/v1/payments/${stranger}/refund`, { body: { amount: usd('1.00') }, apiKey: clerk })).status, 201);
    await moveTime(till, 86400);
    assert.equal((await refund(clerk, 8)).status, 201, 'another day');
  });

  test('a hundred requests a minute are the limit when none is set', async () => {
    const { stdout } = await till.command('config');
    assert.match(stdout, /Default: 100\.\nRATE_LIMIT_REQUESTS=/);
    assert.match(stdout, /Default: 60\.\nRATE_LIMIT_WINDOW=/);
  });
});
