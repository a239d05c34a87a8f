'use strict';

// Customers: one for each of the merchant's users, and nothing of the person in the clear.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { run, sleep, startTill } = require('../lib/till.js');
const { closed, isProblem, paid, pointers } = require('./books.js');

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
