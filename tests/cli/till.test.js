'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { commandOnly } = require('../lib/command.js');
const { until } = require('../lib/till.js');

let it;
before(async () => {
  it = await commandOnly();
});
after(() => it.close());

test('help, version and wrong usage have their exit status', async () => {
  const cases = [
    [['--help'], 0, /api-key create/, /^$/],
    [['--version'], 0, /^till \d+\.\d+\.\d+\n$/, /^$/],
    [[], 2, /^$/, /Usage: till/],
    [['nonsense'], 2, /^$/, /no command "nonsense"/],
    [['api-key'], 2, /^$/, /did you mean till api-key create, /],
    [['api-key', 'create', '--colour', 'red'], 2, /^$/, /--colour/],
    [['api-key', 'revoke'], 2, /^$/, /ID is missing/],
    [['api-key', 'revoke', 'a', 'b'], 2, /^$/, /"b" is too much/],
    [['job', 'list', '--limit', '-3'], 2, /^$/, /whole number above zero/],
  ];
  for (const [words, code, out, err] of cases) {
    const answer = await it.till(...words);
    assert.equal(answer.code, code, words.join(' '));
    assert.match(answer.stdout, out);
    assert.match(answer.stderr, err);
  }
});

test('every command explains itself without a configuration', async () => {
  const { stdout } = await it.till('--help');
  const names = [...stdout.matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?) .*[A-Z][a-z]+ .*\.$/gm)].map((match) => match[1].trim());
  assert.ok(names.length >= 13, names.join());
  for (const name of names) {
    const answer = await it.till(...name.split(' '), '--help', { DATABASE_URL: '', TILL_KEYS_FILE: '' });
    assert.deepEqual([answer.code, answer.stderr], [0, ''], name);
    assert.match(answer.stdout, new RegExp(`^Usage: till ${name}`));
  }
});

test('all that is wrong with the configuration is said at once, with status 78', async () => {
  const { code, stderr } = await it.till('api-key', 'list', { RATE_LIMIT_REQUESTS: 'many', CHECKOUT_TTL: '1', DATABASE_URL: '' });
  assert.equal(code, 78);
  for (const name of ['RATE_LIMIT_REQUESTS', 'CHECKOUT_TTL', 'DATABASE_URL']) assert.match(stderr, new RegExp(`^${name}: `, 'm'));
});

test('config prints every setting, and of secrets only whether they are set', async () => {
  const secret = 'sk_test_abcdefghijklmnopqrstuvwx';
  const { code, stdout } = await it.till('config', { STRIPE_SECRET_KEY: secret, RATE_LIMIT_REQUESTS: '7' });
  assert.equal(code, 0);
  assert.match(stdout, /^RATE_LIMIT_REQUESTS=7$/m);
  assert.match(stdout, /^STRIPE_SECRET_KEY=set$/m);
  assert.match(stdout, /^STRIPE_WEBHOOK_SECRET=not set$/m);
  assert.ok(!stdout.includes(secret));
  const names = (await it.till('config', '--names', { RATE_LIMIT_REQUESTS: 'wrong' })).stdout.split('\n');
  for (const name of ['DATABASE_URL', 'STRIPE_API_KEY', 'STRIPE_SECRET_KEY', 'RATE_LIMIT_REQUESTS']) assert.ok(names.includes(name), name);
});

test('a file of settings is read, and the environment wins over it', async () => {
  const file = path.join(it.dir, 'till.conf');
  fs.writeFileSync(file, 'RATE_LIMIT_REQUESTS=3\nRATE_LIMIT_WINDOW=30\n', { mode: 0o600 });
  const { stdout } = await it.till('--config', file, 'config', { RATE_LIMIT_WINDOW: '31' });
  assert.match(stdout, /^RATE_LIMIT_REQUESTS=3$/m);
  assert.match(stdout, /^RATE_LIMIT_WINDOW=31$/m);
});

test('an API key is shown once, listed without its secret, and refused after it was revoked', async () => {
  const made = await it.till('api-key', 'create', '--name', 'web shop', '--scopes', 'payments:write payments:read');
  assert.equal(made.code, 0);
  const [, id, secret] = made.stdout.match(/^till_test_([A-Za-z0-9]{12})_([A-Za-z0-9]{43})\n$/);
  const [row] = JSON.parse((await it.till('api-key', 'list', '--json')).stdout);
  assert.equal(row.name, 'web shop');
  assert.equal(row.id, id);
  const dump = await it.database.value('SELECT string_agg(k::text, $$ $$) FROM api_keys k');
  assert.ok(!dump.includes(secret));
  assert.equal((await it.till('api-key', 'revoke', id)).code, 0);
  assert.notEqual((await it.till('api-key', 'revoke', 'nothere')).code, 0);
  assert.match((await it.till('api-key', 'list')).stdout, new RegExp(`${id} .*\\d{4}-\\d\\d-\\d\\dT.*\\d{4}-\\d\\d-\\d\\dT`));
  const audited = await it.database.rows('SELECT action, principal_kind FROM audit_log ORDER BY id');
  assert.deepEqual(audited.map((entry) => entry.action.split('.')[0]), ['api_key', 'api_key']);
  assert.equal(audited[0].principal_kind, 'command');
});

test('a scope that does not exist makes no key', async () => {
  const before = await it.database.value('SELECT count(*) FROM api_keys');
  const { code, stdout, stderr } = await it.till('api-key', 'create', '--name', 'x', '--scopes', 'payments:everything');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /scopes/);
  assert.equal(await it.database.value('SELECT count(*) FROM api_keys'), before);
});

test('keys are made in a file that only its owner can read; older ones stay', async () => {
  const file = path.join(it.dir, 'made');
  const first = await it.till('key', 'create', file);
  const second = await it.till('key', 'create', file);
  assert.deepEqual([first.code, second.code], [0, 0]);
  assert.equal(fs.statSync(file).mode & 0o777, 0o400);
  const lines = fs.readFileSync(file, 'utf8').trim().split('\n');
  assert.deepEqual(lines.map((line) => line.split(':')[0]), [first.stdout.trim(), second.stdout.trim()]);
  for (const line of lines) assert.equal(Buffer.from(line.split(':')[1], 'base64').length, 32);
  const listed = (await it.till('key', 'list', file)).stdout;
  assert.equal(listed, `${first.stdout.trim()}\n${second.stdout.trim()}  (encrypts)\n`);
});

test('a job that is out of tries is listed, and runs again after job retry', async () => {
  const id = await it.database.value(
    "INSERT INTO jobs (kind, subject, state, run_at, attempts, error) VALUES ('no.such', 'pay_1', 'dead', now(), 25, 'why') RETURNING id"
  );
  const listed = JSON.parse((await it.till('job', 'list', '--state', 'dead', '--json')).stdout);
  assert.deepEqual(listed.map((job) => [job.id, job.kind, job.error]), [[Number(id), 'no.such', 'why']]);
  assert.equal((await it.till('job', 'list', '--state', 'asleep')).code, 1);
  assert.equal((await it.till('job', 'retry', id)).stdout, '1\n');
  assert.equal((await it.till('job', 'retry', id)).code, 1);
  const [job] = await it.database.rows("SELECT state, attempts, run_at <= domain_now() AS due FROM jobs WHERE kind = 'no.such'");
  assert.deepEqual(job, { state: 'available', attempts: 0, due: true });
  assert.equal(await it.database.value("SELECT count(*) FROM audit_log WHERE action = 'job.retried'"), '1');
  assert.equal((await it.till('job', 'run')).code, 0);
  assert.equal(await it.database.value("SELECT state FROM jobs WHERE kind = 'no.such'"), 'dead');
});

test('job run knows the periodic jobs', async () => {
  const { code, stderr } = await it.till('job', 'run', 'no.such');
  assert.equal(code, 2);
  const kinds = [...stderr.matchAll(/^ {2}(\S+)/gm)].map((match) => match[1]);
  assert.ok(kinds.includes('audit.seal'));
  assert.equal((await it.till('job', 'run', 'audit.seal')).code, 0);
});

test('audit verify finds that the end of the chain was cut off, by a link that was noted before', async () => {
  for (const name of ['one', 'two']) assert.equal((await it.till('api-key', 'create', '--name', name)).code, 0);
  let link;
  await until(async () => { // what another test has open anywhere in the cluster holds links up
    const { code, stdout } = await it.till('audit', 'verify');
    assert.equal(code, 0);
    link = /^the last link is (\d+:[0-9a-f]{64})$/m.exec(stdout)?.[1];
    return (await it.database.value('SELECT count(*) = (SELECT count(*) FROM audit_chain) FROM audit_log')) === 't';
  }, 'every entry has its link');
  const known = () => it.till('audit', 'verify', '--known', link);
  assert.equal((await known()).code, 0);
  const force = (sql) => it.database.value(`BEGIN; SET LOCAL session_replication_role = replica; ${sql}; COMMIT`);
  await force('DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log); DELETE FROM audit_chain WHERE seq = (SELECT max(seq) FROM audit_chain)');
  const { code, stderr } = await known();
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`has not the link ${link}`));
});

test('audit verify finds an entry that was changed', async () => {
  assert.equal((await it.till('audit', 'verify')).code, 0);
  await it.database.value("ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET action = 'nothing' WHERE id = (SELECT min(id) FROM audit_log); ALTER TABLE audit_log ENABLE TRIGGER ALL");
  const { code, stderr } = await it.till('audit', 'verify');
  assert.equal(code, 1);
  assert.match(stderr, /chang/);
});

test('ledger check prints balances and finds an entry that does not balance', async () => {
  const post = (amount) => `
    ALTER TABLE ledger_lines DISABLE TRIGGER ALL; ALTER TABLE ledger_entries DISABLE TRIGGER ALL;
    WITH e AS (INSERT INTO ledger_entries (kind, source, posted_at) VALUES ('opening', 'opening_${amount}', now()) RETURNING id)
    INSERT INTO ledger_lines SELECT id, account, 'USD', a FROM e, (VALUES ('stripe:receivable', 1000), ('sales', ${amount})) v(account, a);
    ALTER TABLE ledger_lines ENABLE TRIGGER ALL; ALTER TABLE ledger_entries ENABLE TRIGGER ALL`;
  await it.database.value(post(-1000));
  const good = await it.till('ledger', 'check');
  assert.equal(good.code, 0);
  assert.match(good.stdout, /stripe:receivable +USD +1000 /);
  assert.match(good.stdout, /1 entries, 0 out of balance/);
  await it.database.value(post(-999));
  const bad = await it.till('ledger', 'check');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /entries_balance: \d+ opening opening_-999: 0\.00 USD expected, 0\.01 found/);
});
