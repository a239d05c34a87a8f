'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { commandOnly } = require('../lib/command.js');
const { top } = require('../lib/till.js');

let it;
let sql;

before(async () => {
  it = await commandOnly({ empty: true });
  sql = path.join(it.dir, 'sql');
  fs.cpSync(path.join(top, 'sql'), sql, { recursive: true });
});
after(() => it.close());

const files = () => fs.readdirSync(sql).filter((name) => name.endsWith('.sql')).sort();

test('an empty database gets every migration, once, also when several run at once', async () => {
  const runs = await Promise.all([1, 2, 3].map(() => it.till('migrate', { TILL_SQL: sql })));
  assert.deepEqual(runs.map((run) => [run.code, run.stderr]), [[0, ''], [0, ''], [0, '']]);
  const applied = runs.flatMap((run) => run.stdout.split('\n').filter(Boolean));
  assert.deepEqual(applied.sort(), files());
  assert.equal(await it.database.value('SELECT count(*) FROM schema_migrations'), String(files().length));
  const again = await it.till('migrate', { TILL_SQL: sql });
  assert.deepEqual([again.code, again.stdout], [0, '']);
});

test('the application may read which migrations there are, and not change them', async () => {
  const grants = await it.database.rows(
    "SELECT privilege_type p FROM information_schema.role_table_grants WHERE grantee = 'till_app' AND table_name = 'schema_migrations'"
  );
  assert.deepEqual(grants, [{ p: 'SELECT' }]);
});

test('every table and column has a comment', async () => {
  const silent = await it.database.rows(`
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
       AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)`);
  assert.deepEqual(silent, []);
});

test('a migration that fails leaves nothing behind and says which line', async () => {
  const bad = path.join(sql, '9001_bad.sql');
  fs.writeFileSync(bad, 'CREATE TABLE half (a int);\n-- é\nCREATE TABLE other (\n  b intt\n);\n');
  const { code, stderr } = await it.till('migrate', { TILL_SQL: sql });
  fs.rmSync(bad);
  assert.equal(code, 1);
  assert.match(stderr, /9001_bad\.sql, line 4: type "intt" does not exist/);
  assert.equal(await it.database.value("SELECT to_regclass('half') IS NULL"), 't');
});

test('a migration that was changed after it was applied is refused', async () => {
  const first = path.join(sql, files()[0]);
  fs.appendFileSync(first, '\n-- a word more\n');
  const { code, stderr } = await it.till('migrate', { TILL_SQL: sql });
  assert.equal(code, 1);
  assert.match(stderr, /was changed after it was applied/);
});

test('a database that is ahead of the program is left alone', async () => {
  const { code, stderr } = await (async () => {
    await it.database.value("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_later.sql', 'x')");
    return it.till('migrate');
  })();
  assert.equal(code, 1);
  assert.match(stderr, /9999_later\.sql, which this version of Till does not know/);
});

test('the role of the application is one that exists and does not own the schema', async () => {
  const cases = [
    ['till_owner', /must not own the schema/],
    ['nobody_here', /CREATE ROLE nobody_here LOGIN/],
    ['a"; DROP TABLE payments; --', /cannot be the application's role/],
  ];
  for (const [role, words] of cases) {
    const { code, stderr } = await it.till('migrate', '--app-role', role);
    assert.equal(code, 1);
    assert.match(stderr, words);
  }
});

test('a password in an address that cannot be read is not repeated', async () => {
  const { code, stderr } = await it.till('migrate', { DATABASE_URL: 'postgresql://u:hunter2@[broken' });
  assert.equal(code, 1);
  assert.doesNotMatch(stderr, /hunter2/);
});
