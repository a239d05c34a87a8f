'use strict';

// Whether a process answers, and whether it can do its work: for load balancers and for whoever is on call.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { run, startTill, until } = require('../lib/till.js');
const { ask, isProblem } = require('./wire.js');

let till;
before(async () => {
  till = await startTill({ sandbox: false });
});
after(() => till && till.stop());

const get = (target) => ask(till.port, 'GET', target);

test('/healthz and /readyz say name, version and mode, without a key', async () => {
  const { stdout } = await till.command('--version');
  const version = stdout.trim().split(' ')[1];
  for (const target of ['/healthz', '/readyz']) {
    const { status, body, headers } = await get(target);
    assert.equal(status, 200);
    assert.deepEqual(body, { status: 'ok', version, mode: 'test' });
    assert.match(headers['content-type'], /^application\/json/);
    assert.equal(headers['cache-control'], 'no-store');
  }
});

test('the version is that of the API\'s description', async () => {
  assert.equal((await get('/api/v1/openapi.json')).body.info.version, (await get('/healthz')).body.version);
});

test('without its database a process is alive but not ready, and is ready again by itself', async () => {
  const elsewhere = till.db.superUrl.replace(`dbname='${till.db.name}'`, "dbname='postgres'");
  const admin = (sql) => run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', elsewhere, '-c', sql]);
  await admin(`ALTER DATABASE ${till.db.name} ALLOW_CONNECTIONS false`);
  try {
    await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${till.db.name}'`);
    const down = await until(async () => {
      const one = await get('/readyz');
      return one.status !== 200 && one;
    }, '/readyz to notice');
    assert.equal(down.status, 503);
    assert.ok(Number(down.headers['retry-after']) > 0);
    isProblem(assert, down);
    for (let n = 0; n < 4; n++) {
      assert.equal((await get('/healthz')).status, 200);
      const started = Date.now();
      const list = await till.api('GET', '/api/v1/payments');
      assert.equal(list.status, 503);
      assert.ok(Date.now() - started < 3000, 'it is said quickly');
    }
  } finally {
    await admin(`ALTER DATABASE ${till.db.name} ALLOW_CONNECTIONS true`);
  }
  const started = Date.now();
  await until(async () => (await get('/readyz')).status === 200 && (await till.api('GET', '/api/v1/payments')).status === 200, 'it to be ready');
  assert.ok(Date.now() - started < 4000, `${Date.now() - started} ms`);
});

test('a schema that is older than the program is not ready, and says what to do', async () => {
  const rows = await till.db.rows('SELECT * FROM schema_migrations ORDER BY version');
  await till.db.value('DELETE FROM schema_migrations');
  try {
    const answer = await until(async () => {
      const one = await get('/readyz');
      return one.status === 503 && one;
    }, '/readyz to say 503');
    const problem = isProblem(assert, answer);
    assert.equal(problem.code, 'UNAVAILABLE');
    assert.match(problem.detail, /till migrate/);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    assert.equal((await get('/healthz')).status, 200);
  } finally {
    for (const row of rows) {
      await till.db.value(`INSERT INTO schema_migrations VALUES (${row.version}, '${row.name}', '${row.checksum}', '${row.applied_at}')`);
    }
  }
  assert.equal((await until(async () => (await get('/readyz')).status === 200 && 200, '/readyz')), 200);
});
