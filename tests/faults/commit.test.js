'use strict';

// What was acknowledged is there: PostgreSQL crashes while many commits are half way, and the numbers of the transactions that it
// lost go to others at once.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { closed, newKey } = require('../api/books.js');
const { load } = require('../api/wire.js');
const { startCluster } = require('../lib/postgres.js');
const { sleep, startTill } = require('../lib/till.js');

const CLIENTS = 16;
const CRASHES = 6;

let till, cluster;
before(async () => {
  cluster = await startCluster();
  till = await startTill({ sandbox: false, env: { TILL_WORKERS: '2', TILL_THREADS: '8', DB_POOL_SIZE: '12' } });
  await till.db.value('ALTER SYSTEM SET commit_delay = 100000'); // 100 ms between the request to commit and the disk
  await till.db.value('SELECT pg_reload_conf()');
});
after(async () => {
  await closed(till, { ledger: false });
  await cluster?.stop();
});

test('an acknowledged request survives a crash in the middle of commits', async () => {
  const clients = load(CLIENTS, async () => {
    const answer = await till.api('POST', '/api/v1/customers', { body: { reference: newKey() }, key: newKey() });
    if (answer.status >= 500) assert.ok(answer.body.type === 'about:blank' || answer.headers.get('retry-after'), answer.text);
    return answer;
  });
  for (let i = 0; i < CRASHES; i++) {
    await sleep(700);
    await cluster.crash();
    await cluster.start();
  }
  await sleep(500);
  const answers = (await clients.stop()).map(({ value }) => value).filter(Boolean);
  const acknowledged = answers.filter(({ status }) => status === 201).map(({ body }) => body.id);
  const known = new Set((await till.db.rows('SELECT id FROM customers')).map(({ id }) => id));
  assert.ok(acknowledged.length > CLIENTS, `${acknowledged.length} were acknowledged`);
  assert.ok(answers.some(({ status }) => status === 503), 'some met the crash');
  assert.deepEqual(acknowledged.filter((id) => !known.has(id)), [], 'acknowledged and lost');
});
