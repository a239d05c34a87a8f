'use strict';

// Customers: one for each of the merchant's users, and nothing of the person in the clear.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { run, sleep, startTill, until } = require('../lib/till.js');
const { act, closed, isProblem, paid, pay, pointers, usd } = require('./books.js');

let till;
before(async () => { till = await startTill(); });
after(() => closed(till));

const make = (body, options) => till.api('POST', '/api/v1/customers', { body, ...options });
const list = async (query) => (await till.api('GET', `/api/v1/customers?${query}`)).body;

describe('customers', { concurrency: 4 }, () => {
  test('one is made and comes back', async () => {
    const answer = await make({ reference: 'user-1', email: 'Ada@Example.org', name: 'Ada Lovelace', metadata: { plan: 'gold' } });
    assert.equal(answer.status, 201, answer.text);
    assert.match(answer.body.id, /^cust_/);
    assert.equal(answer.headers.get('location'), `/api/v1/customers/${answer.body.id}`);
    assert.deepEqual(Object.keys(answer.body).sort(), ['created_at', 'email', 'id', 'metadata', 'name', 'reference', 'updated_at']);
    assert.equal(answer.body.email, 'Ada@Example.org');
    assert.deepEqual(answer.body.metadata, { plan: 'gold' });
    assert.deepEqual((await till.api('GET', `/api/v1/customers/${answer.body.id}`)).body, answer.body);
    assert.equal((await make({})).status, 201);
    isProblem(await till.api('GET', '/api/v1/customers/cust_nobody'), 404, 'NOT_FOUND');
  });

  test('a known reference is the same customer, unchanged', async () => {
    const first = (await make({ reference: 'user-2', name: 'First' })).body;
    const second = await make({ reference: 'user-2', name: 'Second' });
    assert.equal(second.status, 200);
    assert.deepEqual(second.body, first);
  });

  test('thirty at once are one', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => make({ reference: 'user-3', email: 'many@example.org' })));
    for (const answer of answers) assert.ok([200, 201].includes(answer.status), answer.text);
    assert.equal(answers.filter((answer) => answer.status === 201).length, 1);
    assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 1);
    assert.equal((await list('reference=user-3')).data.length, 1);
  });

  test('found by reference and by address, in any case, and in pages', async () => {
    for (let i = 0; i < 5; i++) {
      await make({ reference: `page-${i}`, email: 'Grace.Hopper@Example.org' });
      await sleep(3);
    }
    assert.deepEqual((await list('reference=page-3')).data.map((one) => one.reference), ['page-3']);
    assert.equal((await list('email=grace.hopper%40example.ORG')).data.length, 5);
    assert.equal((await list('email=hopper%40example.org')).data.length, 0);
    const seen = [];
    for (let cursor = ''; cursor !== null;) {
      const page = await list(`email=grace.hopper%40example.org&limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.data.map((one) => one.reference));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, ['page-4', 'page-3', 'page-2', 'page-1', 'page-0']);
  });

  test('what is wrong is said at once', async () => {
    const answer = await make({ email: 'nobody', name: 7, reference: 'x'.repeat(201), metadata: { a: {} }, age: 5 });
    isProblem(answer, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(answer), ['#/age', '#/email', '#/metadata/a', '#/name', '#/reference']);
    for (const email of ['a@b', '@example.org', 'a@.org', 'a b@example.org', 'a@example.org\n', 'a@b@example.org']) {
      isProblem(await make({ email }), 400, 'VALIDATION_ERROR');
    }
    isProblem(await make({ name: '4242 4242 4242 4242' }), 400, 'VALIDATION_ERROR');
  });

  test('the provider knows each of them once', async () => {
    const { id } = (await make({ email: 'known+once@example.org', name: 'Zoë & Co' })).body;
    await Promise.all(Array.from({ length: 5 }, () => paid(till, { customer_id: id })));
    const theirs = (await till.sandbox.stripe('GET', 'customers', { limit: 100 })).body.data;
    const mine = theirs.filter((one) => one.email === 'known+once@example.org');
    assert.equal(mine.length, 1);
    assert.equal(mine[0].name, 'Zoë & Co');
    assert.equal((await till.api('GET', `/api/v1/customers/${mine[0].id}`)).body.id, id);
    assert.equal((await till.api('GET', `/api/v1/payments?customer_id=${id}`)).body.data.length, 5);
  });

  test('who has no scope sees and makes none', async () => {
    const apiKey = await till.makeKey('payments:write');
    isProblem(await make({}, { apiKey }), 403, 'FORBIDDEN');
    isProblem(await till.api('GET', '/api/v1/customers', { apiKey }), 403, 'FORBIDDEN');
  });
});

describe('changing one', () => {
  const change = (id, body, options) => till.api('PUT', `/api/v1/customers/${id}`, { body, ...options });

  test('what is given changes, here and at the provider, and can be found', async () => {
    const { id } = (await make({ reference: 'user-20', email: 'before@example.org', name: 'Before' })).body;
    await paid(till, { customer_id: id });
    const answer = await change(id, { email: 'after@example.org', metadata: { tier: 2 } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.email, answer.body.name, answer.body.reference, answer.body.metadata],
      ['after@example.org', 'Before', 'user-20', { tier: 2 }]);
    assert.equal((await list('email=after%40example.org')).data.length, 1);
    assert.equal((await list('email=before%40example.org')).data.length, 0);
    await until(async () => {
      const theirs = (await till.sandbox.stripe('GET', 'customers', { email: 'after@example.org' })).body.data;
      return theirs.length === 1 && theirs[0].name === 'Before';
    }, 'the provider to know');
    await make({ reference: 'user-21' });
    isProblem(await change(id, { reference: 'user-21' }), 409, 'CONFLICT');
    isProblem(await change(id, { email: 'nobody', shoe: 44 }), 400, 'VALIDATION_ERROR');
    isProblem(await change('cust_nobody', { name: 'x' }), 404, 'NOT_FOUND');
  });

  test('a person from before each had a key of his own can be read, and gets one', async () => {
    const { id } = (await make({ email: 'old@example.org', name: 'Old' })).body;
    const seals = await till.db.rows(`SELECT get_byte(email, 1) AS name FROM customer_persons WHERE customer_id = '${id}'`);
    assert.deepEqual(seals, [{ name: 0 }], 'sealed under a key that is in no file');
    assert.equal(await till.db.value(`SELECT count(*) FROM person_keys WHERE customer_id = '${id}'`), '1');
  });
});

describe('erasing one', () => {
  const erase = (id, body = {}, options) => till.api('POST', `/api/v1/customers/${id}/erase`, { body, ...options });

  test('the person is gone everywhere, and the books are as they were', async () => {
    const words = ['erased-mail', 'Erased Bird', 'erased-order', 'erased-note', 'erased-item', 'erased-reason', 'user-erased'];
    const { id } = (await make({ reference: 'user-erased', email: 'erased-mail@example.org', name: 'Erased Bird', metadata: { a: 'erased-note' } }, { key: 'k-erase' })).body;
    const payment = await paid(till, {
      customer_id: id, save_payment_method: true, description: 'erased-item', metadata: { b: 'erased-note' }, reference: 'erased-order',
    });
    await act(till, payment.id, 'refund', { amount: usd('2.00'), reason: 'erased-reason' });
    await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('5.00'), customer_id: id, description: 'erased-item' } });
    const [method] = (await till.api('GET', `/api/v1/payment-methods?customer_id=${id}`)).body.data;
    await until(async () => (await till.db.value("SELECT count(*) FROM webhook_events WHERE status = 'stored'")) === '0', 'the events');
    const sums = () => till.db.rows('SELECT account, currency, sum(amount) FROM ledger_lines GROUP BY 1, 2 ORDER BY 1, 2');
    const before = await sums();

    const all = (await till.api('GET', `/api/v1/customers/${id}/export`)).body;
    assert.equal(all.customer.email, 'erased-mail@example.org');
    assert.deepEqual([all.payments.length, all.refunds.length, all.payment_methods.length, all.checkout_sessions.length], [1, 1, 1, 1]);

    const answer = await erase(id, { basis: 'request' });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.email, answer.body.name, answer.body.reference, answer.body.metadata], [null, null, null, {}]);
    assert.ok(Date.parse(answer.body.erased_at) > 0);
    assert.equal((await erase(id)).status, 200, 'twice is no error');

    const { stdout: dump } = await run('pg_dump', ['--inserts', '-d', till.db.superUrl], { maxBuffer: 1 << 28 });
    assert.ok(dump.includes(payment.id), 'the dump has what it should have');
    for (const word of words) {
      for (const form of [word, Buffer.from(word).toString('hex')]) assert.ok(!dump.toLowerCase().includes(form.toLowerCase()), `${form} is in the database`);
    }
    for (const table of ['person_keys', 'customer_persons']) {
      assert.equal(await till.db.value(`SELECT count(*) FROM ${table} WHERE customer_id = '${id}'`), '0', table);
    }
    assert.equal(await till.db.value(`SELECT count(*) FROM webhook_events WHERE payload IS NOT NULL AND payment_reference = '${payment.provider_payment_id}'`), '0');
    assert.equal((await till.sandbox.stripe('GET', `payment_methods/${method.provider_payment_method_id}`)).body.customer, null);
    assert.deepEqual((await till.sandbox.stripe('GET', 'customers', { email: 'erased-mail@example.org' })).body.data, []);

    assert.deepEqual(await sums(), before);
    const shown = (await till.api('GET', `/api/v1/payments/${payment.id}`)).body;
    assert.deepEqual([shown.status, shown.amount.value, shown.amount_refunded.value, shown.customer_id, shown.description, shown.metadata],
      ['succeeded', '10.00', '2.00', id, null, {}]);
    assert.equal((await till.command('audit', 'verify')).code, 0);
    assert.equal((await till.command('ledger', 'check')).code, 0);
    const [row] = await till.db.rows(`SELECT action, principal_kind, details FROM audit_log WHERE object = '${id}' AND action = 'customer.erased'`);
    assert.deepEqual(row, { action: 'customer.erased', principal_kind: 'api_key', details: { basis: 'request' } });

    isProblem(await pay(till, { customer_id: id }), 400, 'VALIDATION_ERROR');
    isProblem(await pay(till, { payment_method_id: method.id }), 400, 'PAYMENT_METHOD_ERROR');
    isProblem(await till.api('PUT', `/api/v1/customers/${id}`, { body: { name: 'Again' } }), 400, 'INVALID_STATUS');
    assert.equal((await make({ reference: 'user-erased' })).status, 201, 'whoever comes with the reference is somebody new');
  });

  test('not while money is under way; what only waits is given up', async () => {
    const { id } = (await make({})).body;
    const held = await paid(till, { customer_id: id, capture: false });
    const waiting = (await pay(till, { customer_id: id, payment_method_id: undefined })).body;
    isProblem(await erase(id), 409, 'CONFLICT');
    assert.equal((await till.api('GET', `/api/v1/payments/${waiting.id}`)).body.status, 'cancelled');
    await act(till, held.id, 'cancel');
    assert.equal((await erase(id)).status, 200);
  });

  test('a provider that is away forgets later', async () => {
    const { id } = (await make({ email: 'later-gone@example.org' })).body;
    await paid(till, { customer_id: id });
    await till.sandbox.dials([{ operation: 'DELETE /v1/customers/{id}', action: 'reset_not_executed' }]);
    assert.equal((await erase(id)).status, 200);
    await till.sandbox.clearDials();
    await until(async () => {
      await till.db.value("UPDATE jobs SET run_at = domain_now() WHERE kind = 'customer.erase' AND state = 'available'");
      return (await till.sandbox.stripe('GET', 'customers', { email: 'later-gone@example.org' })).body.data.length === 0;
    }, 'the provider to forget him');
    const apiKey = await till.makeKey('customers:write customers:read');
    isProblem(await erase(id, {}, { apiKey }), 403, 'FORBIDDEN');
  });
});

test('no person rests in the clear: not in the database, not in the log', async () => {
  const canaries = ['canary-mail', 'Canary Bird', 'canary-idempotent'];
  const { id } = (await make({ reference: 'user-9', email: 'canary-mail@example.org', name: 'Canary Bird' }, { key: 'k-9' })).body;
  await make({ email: 'canary-idempotent@example.org' }, { key: 'k-10' });
  const payment = await paid(till, { customer_id: id });
  const { stdout: dump } = await run('pg_dump', ['--inserts', '-d', till.db.superUrl], { maxBuffer: 1 << 28 });
  assert.ok(dump.includes(payment.id), 'the dump has what it should have');
  for (const canary of canaries) {
    for (const form of [canary, Buffer.from(canary).toString('hex'), Buffer.from(canary).toString('base64').replace(/=+$/, '')]) {
      assert.ok(!dump.toLowerCase().includes(form.toLowerCase()), `${form} is in the database`);
      assert.ok(!till.logs().toLowerCase().includes(form.toLowerCase()), `${form} is in the log`);
    }
  }
  const secret = till.apiKey.split('_').pop();
  assert.ok(!dump.includes(secret) && !till.logs().includes(secret), 'the API key is somewhere');
});
