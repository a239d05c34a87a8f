'use strict';

// The operator's command beside a program that runs: keys that open and stop opening, what doctor sees, books and audit that hold.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { cleanEnvironment, required, run, startTill, top, until } = require('../lib/till.js');
const { ask } = require('./wire.js');

const usd = (value) => ({ value, currency: 'USD' });

let till;
before(async () => {
  till = await startTill();
});
after(() => till && till.stop());

/** Runs till with other settings: { code, stdout, stderr }. */
async function tillWith(env, ...args) {
  const environment = cleanEnvironment({ ...till.env, MIGRATE_DATABASE_URL: till.db.ownerUrl, ...env });
  return run(path.join(required('TILL_TEST_BUILD'), 'till'), args, { env: environment }).then(
    (said) => ({ code: 0, ...said }), ({ code, stdout, stderr }) => ({ code, stdout, stderr }));
}

async function doctor(env) {
  const { code, stdout } = await tillWith(env, 'doctor', '--json');
  return { code, findings: JSON.parse(stdout) };
}

// API keys ---------------------------------------------------------------------------------------------------------------

test('a key works from the moment it is made until it is revoked, in every process', async () => {
  const made = await till.command('api-key', 'create', '--name', 'shop', '--scopes', 'payments:read');
  assert.equal(made.code, 0);
  const key = made.stdout.trim();
  const [, mode, id, secret] = key.match(/^till_(test|live)_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})$/);
  assert.equal(mode, 'test');
  assert.match(made.stderr, new RegExp(`${id}, shown this once`));
  const headers = { authorization: `Bearer ${key}` };
  const status = async (target = '/api/v1/payments') => (await ask(till.port, 'GET', target, { headers })).status;
  for (let n = 0; n < 8; n++) assert.equal(await status(), 200);
  assert.equal(await status('/api/v1/customers'), 403);

  const [row] = JSON.parse((await till.command('api-key', 'list', '--json')).stdout).filter((one) => one.id === id);
  assert.deepEqual([row.name, row.scopes, row.mode, row.revoked_at], ['shop', 'payments:read', 'test', null]);
  assert.ok(Date.parse(row.last_used_at) > Date.now() - 120000, 'when it was used last is known');
  const everything = JSON.stringify(await till.db.rows('SELECT * FROM api_keys'));
  assert.ok(!everything.includes(secret) && !everything.includes(Buffer.from(secret).toString('hex')), 'the secret is not stored');

  assert.equal((await till.command('api-key', 'revoke', id)).code, 0);
  for (let n = 0; n < 8; n++) assert.equal(await status(), 401, 'at once');
  const twice = await till.command('api-key', 'revoke', id);
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /still good/);
  const audit = await till.db.rows(`SELECT action, principal_kind, principal FROM audit_log WHERE object = '${id}' ORDER BY id`);
  assert.deepEqual(audit.map((entry) => entry.action), ['api_key.created', 'api_key.revoked']);
  for (const entry of audit) assert.ok(entry.principal_kind === 'command' && entry.principal, 'a person is named');
});

test('keys are made for the mode of the installation, and open nothing in the other', async () => {
  const live = {
    STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567', STRIPE_PUBLISHABLE_KEY: 'pk_live_0123456789abcdef01234567',
    TILL_URL: 'https://pay.example.com', STRIPE_API_URL: null, STRIPE_JS_URL: null, RETURN_ORIGINS: null,
    TILL_SECOND_FACTOR: null, // required
  };
  const made = await tillWith(live, 'api-key', 'create', '--name', 'live');
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^till_live_/);
  const answer = await till.api('GET', '/api/v1/payments', { apiKey: made.stdout.trim() });
  assert.equal(answer.status, 401);
});

test('every scope that a route asks for can be given to a key, and the command names what it does not know', async () => {
  const description = (await till.api('GET', '/api/v1/openapi.json')).body;
  const operations = Object.values(description.paths).flatMap((one) => Object.values(one));
  const scopes = new Set(operations.flatMap((one) => one.security.flatMap((need) => need.api_key)));
  assert.ok(scopes.size >= 9);
  for (const scope of [...scopes, 'refunds:bulk', 'maintenance:run']) {
    assert.equal((await till.command('api-key', 'create', '--name', scope, '--scopes', scope)).code, 0, scope);
  }
  for (const wrong of ['payments', 'payments:*', '', 'payments:read,payments:write']) {
    const { code, stdout, stderr } = await till.command('api-key', 'create', '--name', 'x', '--scopes', wrong);
    assert.deepEqual([code, stdout], [1, ''], wrong);
    assert.match(stderr, /scopes/);
  }
});

// Doctor -----------------------------------------------------------------------------------------------------------------

describe('till doctor', () => {
  test('finds nothing wrong here, and asks the provider and the site', async () => {
    const { code, findings } = await doctor({});
    assert.deepEqual(findings.filter((finding) => finding.level === 'FAIL'), []);
    assert.equal(code, 0);
    for (const name of ['CONFIG', 'KEYS_FILE', 'DATABASE', 'ROLE', 'MIGRATIONS', 'STATEMENTS', 'AUDIT', 'STRIPE', 'WEBHOOK_SECRET', 'SITE']) {
      assert.ok(findings.some((finding) => finding.code === name && finding.level === 'ok'), name);
    }
  });

  const seeds = [
    ['a secret key that the provider does not take', { STRIPE_SECRET_KEY: 'sk_test_notaccepted0000000000000' }, 'STRIPE', 'FAIL', 1],
    ['a provider that does not answer', { STRIPE_API_URL: 'http://127.0.0.1:1' }, 'STRIPE', 'FAIL', 1],
    ['no keys of a provider', { STRIPE_SECRET_KEY: null, STRIPE_PUBLISHABLE_KEY: null }, 'STRIPE', 'warn', 0],
    ['no publishable key', { STRIPE_PUBLISHABLE_KEY: null }, 'STRIPE_PUBLISHABLE', 'FAIL', 1],
    ['no webhook secret', { STRIPE_WEBHOOK_SECRET: null }, 'WEBHOOK_SECRET', 'warn', 0],
    ['a site that does not answer', { TILL_URL: 'http://127.0.0.1:1' }, 'SITE', 'warn', 0],
    ['a site without TLS', {}, 'TLS', 'warn', 0],
    ['a database that is not there', { DATABASE_URL: 'host=/nonexistent dbname=till user=till_app' }, 'DATABASE', 'FAIL', 1],
    ['a file of keys that is not there', { TILL_KEYS_FILE: '/nonexistent/keys' }, 'CONFIG', 'FAIL', 78],
    ['keys of two modes', { STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567' }, 'CONFIG', 'FAIL', 78],
  ];
  for (const [name, env, code, level, status] of seeds) {
    test(`says how to mend ${name}`, async () => {
      const answer = await doctor(env);
      const found = answer.findings.filter((finding) => finding.code === code && finding.level === level);
      assert.ok(found.length > 0, JSON.stringify(answer.findings));
      for (const finding of found) {
        assert.ok(finding.what.length > 10 && finding.mend.length > 10, JSON.stringify(finding));
        assert.doesNotMatch(finding.what + finding.mend, /notaccepted|0123456789abcdef/, 'no key is shown');
      }
      assert.equal(answer.code, status);
    });
  }
});

// Books, audit, jobs -----------------------------------------------------------------------------------------------------

test('after payments and refunds the audit chain and the ledger hold, and say so', async () => {
  for (let n = 0; n < 3; n++) {
    const { body } = await till.api('POST', '/api/v1/payments', { body: { amount: usd('10.00'), payment_method_id: 'pm_card_visa' } });
    await till.api('POST', `/api/v1/payments/${body.id}/refund`, { body: { amount: usd('4.00') } });
  }
  const audit = await until(async () => { // a transaction that is open anywhere on the server has the entries since wait for their links
    const { code, stdout, stderr } = await till.command('audit', 'verify');
    assert.equal(code, 0, stderr);
    return stdout.match(/^(\d+) entries, all as they were written\nthe last link is \d+:[0-9a-f]{64}\n$/);
  }, 'the chain has links');
  assert.ok(Number(audit[1]) >= 12, audit[0]);
  const ledger = await till.command('ledger', 'check', '--json');
  assert.equal(ledger.code, 0, ledger.stderr);
  const sums = {};
  for (const row of JSON.parse(ledger.stdout)) sums[row.currency] = (sums[row.currency] || 0) + Number(row.amount);
  assert.deepEqual(sums, { USD: 0 });
});

test('a payment whose outcome is not known is settled by cron alone', async () => {
  await till.sandbox.dials({
    webhooks: { off: true }, rules: [{ operation: 'POST /v1/payment_intents/{id}/confirm', action: 'timeout_after_execute', ms: 6000, times: 1 }],
  });
  const { status, body } = await till.api('POST', '/api/v1/payments', { body: { amount: usd('6.00'), payment_method_id: 'pm_card_visa' } });
  assert.equal(status, 202);
  assert.deepEqual([body.status, body.outcome], ['processing', 'unknown']);
  await till.stopMaster('SIGTERM');
  await till.db.value("UPDATE jobs SET run_at = now() WHERE kind = 'payment.resolve'"); // a minute later
  assert.equal(await till.db.value(`SELECT status FROM payments WHERE id = '${body.id}'`), 'unknown');
  const { code, stderr } = await till.command('job', 'run');
  assert.equal(code, 0, stderr);
  assert.equal(await till.db.value(`SELECT status FROM payments WHERE id = '${body.id}'`), 'succeeded');
  assert.equal((await till.sandbox.ledger(body.id)).charges.length, 1);
  await till.restart();
  assert.equal((await till.api('GET', `/api/v1/payments/${body.id}`)).body.status, 'succeeded');
});

test('payments and events can be looked at and asked about again', async () => {
  await till.sandbox.dials({ webhooks: { off: false }, rules: [] });
  const { body } = await till.api('POST', '/api/v1/payments', { body: { amount: usd('7.00'), payment_method_id: 'pm_card_visa' } });
  const shown = await till.command('payment', 'show', body.id);
  assert.equal(shown.code, 0, shown.stderr);
  const payment = JSON.parse(shown.stdout);
  assert.deepEqual([payment.id, payment.status, payment.amount], [body.id, 'succeeded', usd('7.00')]);
  assert.equal(payment.client_secret, undefined);
  assert.equal((await till.command('payment', 'show', 'pay_00000000000000000000000000')).code, 1);

  await till.sandbox.dials({ webhooks: { off: true } });
  await till.sandbox.dashboard('refund', { payment_intent: body.provider_payment_id, amount: 700 });
  assert.equal(JSON.parse((await till.command('payment', 'show', body.id)).stdout).status, 'succeeded', 'nobody told us');
  const synced = await till.command('payment', 'sync', body.id);
  assert.equal(synced.code, 0, synced.stderr);
  assert.equal(JSON.parse(synced.stdout).status, 'refunded');

  const event = await until(async () => {
    const { stdout } = await till.command('event', 'list', '--payment', body.provider_payment_id, '--json');
    return JSON.parse(stdout).find((one) => one.type === 'payment_intent.succeeded' && one.status === 'processed');
  }, 'the event of the payment');
  const replayed = await till.command('event', 'replay', event.id);
  assert.deepEqual([replayed.code, replayed.stdout], [0, `${event.id}\n`]);
  await until(async () => (await till.db.value(`SELECT status FROM webhook_events WHERE id = '${event.id}'`)) === 'processed', 'it to be processed again');
  assert.equal(await till.db.value(`SELECT count(*) FROM audit_log WHERE action = 'webhook.replayed' AND object = '${event.id}'`), '1');
  assert.equal((await till.command('event', 'replay', 'evt_never_seen')).code, 1);
  assert.equal((await till.command('event', 'list', '--status', 'lost')).code, 2);
});

// Documents --------------------------------------------------------------------------------------------------------------

describe('docs/', () => {
  const read = (name) => fs.readFileSync(path.join(top, 'docs', name), 'utf8');

  test('configuration.md has every setting with its sentence and default, and no other', async () => {
    const text = read('configuration.md');
    const { stdout } = await tillWith({}, 'config');
    const settings = [...stdout.matchAll(/^# (.*)\n([A-Z_]+)=/gm)];
    assert.ok(settings.length > 25);
    for (const [, sentence, name] of settings) {
      const [, words, fallback, alias] = sentence.match(/^(.*?)(?: Default: (.*?)\.)?(?: Also called ([A-Z_]+)\.)?$/);
      const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
      assert.ok(row, `${name} is missing`);
      assert.ok(row.includes(words.replaceAll('|', '\\|')), `${name}: ${words}`);
      if (fallback && !fallback.startsWith('/')) assert.ok(row.includes(`\`${fallback}\``), `${name}: ${fallback}`);
      if (alias) assert.ok(row.includes(`\`${alias}\``), `${name}: ${alias}`);
    }
    const documented = [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]);
    assert.deepEqual(documented.sort(), settings.map((setting) => setting[2]).sort());
  });

  test('api.md has every route and every code of a problem', async () => {
    const text = read('api.md');
    const description = (await till.api('GET', '/api/v1/openapi.json')).body;
    for (const [address, operations] of Object.entries(description.paths)) {
      for (const method of Object.keys(operations)) assert.ok(text.includes(`\`${method.toUpperCase()} ${address}\``), `${method} ${address}`);
    }
    for (const code of description.components.schemas.Problem.properties.code.enum) assert.ok(text.includes(`\`${code}\``), code);
  });
});
