'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, test } = require('node:test');
const { commandOnly } = require('../lib/command.js');

let it;
before(async () => {
  it = await commandOnly();
});
after(() => it.close());

async function doctor(env = {}) {
  const { code, stdout, stderr } = await it.till('doctor', '--json', env);
  assert.equal(stderr, '');
  const findings = JSON.parse(stdout);
  return { code, of: (name) => findings.filter((finding) => finding.code === name), findings };
}

test('a sound installation has no FAIL, and every statement fits the schema', async () => {
  const { code, findings, of } = await doctor();
  assert.deepEqual(findings.filter((finding) => finding.level === 'FAIL'), []);
  assert.equal(code, 0);
  assert.match(of('STATEMENTS')[0].what, /^\d+ statements fit/);
  assert.ok(findings.every((finding) => (finding.level === 'ok') === (finding.mend === null)), 'what is not fine says how to mend it');
});

test('for a person, one line for each finding', async () => {
  const { stdout } = await it.till('doctor');
  for (const line of stdout.trimEnd().split('\n')) assert.match(line, /^(ok {4}|warn {2}|FAIL {2})[A-Z_]+ {2,}\S/);
});

test('a configuration that is not valid: every error, status 78', async () => {
  const { code, of } = await doctor({ RATE_LIMIT_REQUESTS: 'x', TILL_URL: 'ftp://x' });
  assert.equal(code, 78);
  assert.deepEqual(of('CONFIG').map((finding) => finding.what.split(':')[0]).sort(), ['RATE_LIMIT_REQUESTS', 'TILL_URL']);
});

test('a database that is down', async () => {
  const { code, of } = await doctor({ DATABASE_URL: 'host=/nonexistent dbname=x user=till_app' });
  assert.equal(code, 1);
  assert.equal(of('DATABASE')[0].level, 'FAIL');
});

test('a role that could change the books', async () => {
  const superuser = await doctor({ DATABASE_URL: it.database.superUrl });
  assert.match(superuser.of('ROLE')[0].what, /superuser/);
  await it.database.value('GRANT UPDATE ON ledger_lines TO till_app');
  const able = await doctor();
  await it.database.value('REVOKE UPDATE ON ledger_lines FROM till_app');
  assert.equal(able.code, 1);
  assert.match(able.of('ROLE')[0].what, /ledger_lines UPDATE/);
});

test('a schema that is behind, and one that was changed by hand', async () => {
  await it.database.value('ALTER TABLE jobs RENAME COLUMN subject TO topic');
  const changed = await doctor();
  await it.database.value('ALTER TABLE jobs RENAME COLUMN topic TO subject');
  assert.equal(changed.code, 1);
  assert.ok(changed.of('STATEMENTS').some(({ what }) => /\/jobs\/.*column "subject"/.test(what)), 'the statement, its file and what it lacks');
  const rows = await it.database.rows('SELECT * FROM schema_migrations ORDER BY version');
  await it.database.value('DELETE FROM schema_migrations');
  const behind = await doctor();
  for (const row of rows)
    await it.database.value(`INSERT INTO schema_migrations VALUES (${row.version}, '${row.name}', '${row.checksum}', '${row.applied_at}')`);
  assert.match(behind.of('MIGRATIONS')[0].mend, /till migrate/);
});

test('jobs that are out of tries, and jobs that nobody runs', async () => {
  await it.database.value("INSERT INTO jobs (kind, subject, state, run_at) VALUES ('a', 'b', 'dead', now()), ('a', 'c', 'available', now() - interval '1 hour')");
  const { code, of } = await doctor();
  await it.database.value('DELETE FROM jobs');
  assert.equal(code, 1);
  assert.equal(of('JOBS_DEAD')[0].level, 'warn');
  assert.match(of('JOBS_LATE')[0].what, /1 jobs should have run, the oldest 36\d\d s ago/);
});

test('periodic work and maintenance: when each last ran, what failed, and what is long overdue', async () => {
  await it.database.value(`INSERT INTO jobs (kind, subject, run_at, attempts, created_at, error) VALUES
    ('sweep', 'periodic', now() + interval '1 minute', 3, now() - interval '40 s', NULL),
    ('retention', 'periodic', now() + interval '1 minute', 3, now() - interval '50 s', 'no space left'),
    ('reconcile', 'periodic', now() - interval '1 hour', 2, now() - interval '25 hours', NULL)`);
  await it.database.value(`INSERT INTO maintenance_runs (kind, started_at, finished_at, result) VALUES
    ('resolve', now() - interval '70 s', now(), '{"looked_at": 7}'), ('seal', now() - interval '80 s', now(), '{"error": "DB_ERROR"}')`);
  const { of } = await doctor();
  await it.database.value('DELETE FROM jobs; DELETE FROM maintenance_runs');
  assert.match(of('PERIODIC')[0].what, /^sweep ran 4\d s ago$/);
  assert.match(of('PERIODIC_FAILED')[0].what, /^retention ran 5\d s ago, and failed: no space left$/);
  assert.equal(of('PERIODIC_LATE')[0].level, 'warn');
  assert.match(of('PERIODIC_LATE')[0].what, /^reconcile ran 90\d\d\d s ago, and should have run 36\d\d s ago$/);
  assert.match(of('MAINTENANCE')[0].what, /^resolve was run 7\d s ago: .*"looked_at": ?7/);
  assert.match(of('MAINTENANCE_FAILED')[0].what, /^seal was run 8\d s ago, and failed: DB_ERROR$/);
  assert.match((await doctor()).of('PERIODIC')[0].what, /no periodic work yet/);
});

test('keys that others can read', async () => {
  fs.chmodSync(it.keys, 0o444);
  const { code, findings } = await doctor();
  fs.chmodSync(it.keys, 0o400);
  assert.notEqual(code, 0);
  assert.ok(findings.some((finding) => finding.level === 'FAIL' && /key/i.test(finding.what)));
});

test('a broken audit chain', async () => {
  await it.till('api-key', 'create', '--name', 'x');
  await it.till('audit', 'verify');
  await it.database.value("ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET object = 'other'; ALTER TABLE audit_log ENABLE TRIGGER ALL");
  const { of } = await doctor();
  assert.equal(of('AUDIT')[0].level, 'FAIL');
});
