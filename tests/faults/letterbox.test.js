'use strict';

// Deliveries that come while others are being stored go into the inbox together: who is answered was stored, one that cannot be
// stored keeps nobody out, and a process that dies loses only those it had not answered.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { WEBHOOK_SECRET, sleep, startTill, until } = require('../lib/till.js');

const COUNT = 50;
let till, dir, failpoints;

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'till-fp-'));
  failpoints = path.join(dir, 'failpoints');
  fs.writeFileSync(failpoints, '');
  till = await startTill({ sandbox: false, env: { TILL_FAILPOINTS: failpoints, TILL_WORKERS: '1', TILL_THREADS: '64' } });
});
after(async () => {
  await till?.stop();
  if (dir) fs.rmSync(dir, { recursive: true, force: true });
});

/** Delivers an event of this type and id; { id, status }, status 0 when there is no answer. */
async function deliver(type, id = `evt_${crypto.randomBytes(12).toString('hex')}`) {
  const body = JSON.stringify({ id, object: 'event', api_version: '2026-08-26.dahlia', created: Math.floor(Date.now() / 1000), livemode: false,
    pending_webhooks: 1, request: { id: null, idempotency_key: null }, type, data: { object: { id: 'price_1', object: 'price', note: 'a "b" \\ {c,d}' } } });
  const time = Math.floor(Date.now() / 1000);
  const signature = crypto.createHmac('sha256', WEBHOOK_SECRET).update(`${time}.${body}`).digest('hex');
  const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${signature}` };
  try {
    return { id, status: (await till.api('POST', '/api/v1/webhooks/stripe', { raw: body, headers, apiKey: null })).status };
  } catch {
    return { id, status: 0 };
  }
}

const storedOf = async (type) => till.db.rows(`SELECT provider_event_id AS id,
    EXISTS (SELECT FROM jobs j WHERE j.subject = w.id) OR status <> 'stored' AS worked FROM webhook_events w WHERE type = '${type}'`);
const arm = (text) => {
  fs.rmSync(`${failpoints}.here`, { force: true });
  fs.writeFileSync(failpoints, text);
};

/** Runs `work` while the first delivery stands where it would be stored, so that all others wait for it. */
async function whileOneWaits(type, work) {
  arm('webhook.before_store 0 wait\n');
  const first = deliver(type);
  await until(() => fs.existsSync(`${failpoints}.here`), 'the first delivery is about to be stored');
  const rest = work();
  await sleep(2500); // most have come; one more or less does not matter
  return { first, rest };
}

test('many go together, a bad one among them alone is refused, and each is kept once', async () => {
  const owner = await till.db.value("ALTER TABLE webhook_events ADD CONSTRAINT poisoned CHECK (type <> 'test.poison')");
  assert.equal(owner, '');
  const { first, rest } = await whileOneWaits('test.batch', () => {
    const twice = `evt_${crypto.randomBytes(12).toString('hex')}`;
    const good = Array.from({ length: COUNT - 3 }, () => deliver('test.batch'));
    return [...good, deliver('test.batch', twice), deliver('test.batch', twice), deliver('test.poison')];
  });
  arm('');
  const answers = [await first, ...(await Promise.all(rest))];
  const bad = answers.pop();
  assert.equal(bad.status, 500);
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const stored = await storedOf('test.batch');
  assert.deepEqual(stored.map(({ id }) => id).sort(), [...new Set(answers.map(({ id }) => id))].sort());
  assert.ok(stored.every(({ worked }) => worked), 'each has its job');
  assert.equal((await storedOf('test.poison')).length, 0);
  const payload = await till.api('GET', `/api/v1/webhooks/events/${answers[0].id}`);
  assert.equal(payload.body.type, 'test.batch');
});

test('without a bad one they are stored by one transaction', async () => {
  await till.db.value(`CREATE TABLE landed (transaction xid8);
    CREATE FUNCTION note_landing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
      'BEGIN INSERT INTO landed VALUES (pg_current_xact_id()); RETURN NULL; END';
    CREATE TRIGGER landing AFTER INSERT ON webhook_events FOR EACH ROW EXECUTE FUNCTION note_landing()`);
  const { first, rest } = await whileOneWaits('test.together', () => Array.from({ length: COUNT }, () => deliver('test.together')));
  arm('');
  for (const { status } of [await first, ...(await Promise.all(rest))]) assert.equal(status, 200);
  const stored = await storedOf('test.together');
  assert.equal(stored.length, COUNT + 1);
  const transactions = Number(await till.db.value('SELECT count(DISTINCT transaction) FROM landed'));
  assert.ok(transactions <= COUNT / 3, `${COUNT + 1} events in ${transactions} transactions`);
});

for (const place of ['before_store', 'after_store']) {
  test(`a process that dies ${place.replace('_', ' the ')} loses nothing that it answered, and what comes again is kept once`, async () => {
    const type = `test.${place}`;
    const { first, rest } = await whileOneWaits(type, () => Array.from({ length: COUNT }, () => deliver(type)));
    fs.writeFileSync(failpoints, `webhook.${place} 0 kill\n`);
    fs.rmSync(`${failpoints}.here`, { force: true });
    const answers = [await first, ...(await Promise.all(rest))];
    arm('');
    await until(async () => (await fetch(`${till.url}/readyz`)).status === 200, 'Till is ready again');
    const stored = new Set((await storedOf(type)).map(({ id }) => id));
    const answered = answers.filter(({ status }) => status === 200);
    assert.ok(answered.length < COUNT, `${answered.length} were answered`);
    assert.deepEqual(answered.filter(({ id }) => !stored.has(id)), [], 'answered and lost');
    for (const { id } of answers.filter(({ status }) => status !== 200)) assert.equal((await deliver(type, id)).status, 200);
    const all = await storedOf(type);
    assert.deepEqual(all.map(({ id }) => id).sort(), answers.map(({ id }) => id).sort());
    assert.ok(all.every(({ worked }) => worked), 'each has its job');
  });
}

test('nobody waits for ever: while the table is locked all are told to come again, and then are taken', async () => {
  const locked = till.db.value('BEGIN; LOCK TABLE webhook_events IN EXCLUSIVE MODE; SELECT pg_sleep(7); COMMIT');
  await until(async () => await till.db.value("SELECT count(*) FROM pg_locks WHERE relation = 'webhook_events'::regclass AND mode = 'ExclusiveLock'") === '1', 'the lock');
  const begun = Date.now();
  const answers = await Promise.all(Array.from({ length: 20 }, () => deliver('test.locked')));
  assert.ok(Date.now() - begun < 15000, `answered after ${Date.now() - begun} ms`);
  assert.ok(answers.every(({ status }) => status === 503 || status === 200));
  assert.ok(answers.some(({ status }) => status === 503));
  await locked;
  for (const { id } of answers) assert.equal((await deliver('test.locked', id)).status, 200);
  assert.equal((await storedOf('test.locked')).length, answers.length);
});
