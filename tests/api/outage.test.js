'use strict';

// The database goes away and comes back: nothing that was acknowledged is lost, and nobody is told anything but to come again.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startCluster } = require('../lib/postgres.js');
const { sleep, startTill, until } = require('../lib/till.js');
const { act, becomesQuiet, closed, get, hurry, isProblem, newKey, oracle, paid, pay, resolves } = require('./books.js');

describe('the database', () => {
  let till, postgres;
  before(async () => {
    postgres = await startCluster();
    till = await startTill();
  });
  after(async () => {
    await closed(till).finally(() => postgres.stop());
  });

  const isDown = (answer) => {
    isProblem(answer, 503, 'UNAVAILABLE');
    assert.ok(Number(answer.headers.get('retry-after')) > 0, answer.text);
    assert.doesNotMatch(answer.text, /postgres|psql|libpq|SQL|socket|tmp/i);
  };

  /** Started again, it is served within two seconds. */
  async function comesBack() {
    await postgres.start();
    const start = Date.now();
    await until(async () => (await till.api('GET', '/readyz')).status === 200, 'readyz', 5000);
    await until(async () => (await till.api('GET', '/api/v1/payments')).status === 200, 'the list', 5000);
    assert.ok(Date.now() - start < 2000, `after ${Date.now() - start} ms`);
  }

  /** Jobs whose runs ended with the database hold them for two minutes; here they end now. */
  const endLeases = () => till.db.value("UPDATE jobs SET lease_until = now() WHERE state = 'running'");

  test('away: 503, healthz well, readyz not; back: as before', async () => {
    const payment = await paid(till);
    await postgres.close();
    const start = Date.now();
    isDown(await pay(till));
    isDown(await till.api('GET', '/api/v1/payments'));
    isDown(await till.api('GET', `/api/v1/payments/${payment.id}`));
    const hook = await till.api('POST', '/api/v1/webhooks/stripe', { raw: '{}', apiKey: null, headers: { 'stripe-signature': 't=1,v1=0' } });
    assert.ok([400, 503].includes(hook.status), hook.text);
    assert.ok(Date.now() - start < 8000);
    assert.equal((await till.api('GET', '/healthz', { apiKey: null })).status, 200);
    assert.equal((await till.api('GET', '/readyz', { apiKey: null })).status, 503);
    await comesBack();
    assert.equal((await get(till, payment.id)).status, 'succeeded');
    assert.equal((await pay(till)).status, 201);
  });

  test('a crash under load loses nothing that was answered, and charges nothing twice', async () => {
    const seen = [];
    let running = true;
    const clients = Array.from({ length: 6 }, async () => {
      while (running) {
        const key = newKey();
        const answer = await pay(till, {}, { key });
        seen.push({ key, answer });
        if (answer.status >= 500) await sleep(50);
      }
    });
    await sleep(700);
    await postgres.crash();
    await sleep(500);
    await comesBack();
    await sleep(700);
    running = false;
    await Promise.all(clients);
    const good = seen.filter(({ answer }) => answer.status === 201 || answer.status === 202);
    const bad = seen.filter(({ answer }) => answer.status >= 500);
    assert.ok(good.length > 10 && bad.length > 0, `${good.length} good, ${bad.length} bad`);
    for (const { answer } of bad) assert.equal(answer.status, 503, answer.text);
    for (const { answer } of good) assert.equal(await till.db.value(`SELECT count(*) FROM payments WHERE id = '${answer.body.id}'`), '1');
    // whoever was told to come again does, with the same key, and is charged once
    await Promise.all(bad.slice(0, 12).map(async ({ key }) => {
      const again = await until(async () => {
        const answer = await pay(till, {}, { key });
        if (answer.status < 300) return answer;
        assert.ok([409, 503].includes(answer.status), answer.text);
        // the run that died holds its key for a minute
        await till.db.value("UPDATE idempotency_keys SET held_until = now() WHERE status IS NULL AND created_at < domain_now() - interval '2 s'");
        return null;
      }, 'the second try');
      await resolves(till, again.body.id, 'succeeded');
      assert.equal((await oracle(till, again.body.id)).executed, 1);
    }));
    await endLeases();
    await becomesQuiet(till);
    const { charges } = await till.sandbox.ledger();
    const known = new Set((await till.db.rows('SELECT id FROM payments')).map((row) => row.id));
    for (const charge of charges) assert.ok(known.has(charge.metadata.payment_id), 'a charge that nobody knows of');
  });

  test('a refund in a crash is given back once', async () => {
    const payment = await paid(till);
    const key = newKey();
    await till.sandbox.dials([{ operation: 'POST /v1/refunds', action: 'delay', ms: 600, times: 1 }]);
    const asked = act(till, payment.id, 'refund', {}, { key });
    await until(async () => (await till.db.value(`SELECT count(*) FROM refunds WHERE payment_id = '${payment.id}'`)) === '1', 'the refund');
    await postgres.crash();
    const answer = await asked;
    assert.equal(answer.status, 503, answer.text);
    await comesBack();
    await endLeases();
    await until(async () => {
      await hurry(till);
      return (await get(till, payment.id)).status === 'refunded';
    }, 'the refund');
    assert.equal((await oracle(till, payment.id)).refunded, 1000);
    await till.db.value('UPDATE idempotency_keys SET held_until = now() WHERE status IS NULL');
    const again = await act(till, payment.id, 'refund', {}, { key });
    assert.equal(again.status, 201, again.text);
    assert.equal((await oracle(till, payment.id)).refunds.length, 1);
  });
});
