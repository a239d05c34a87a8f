'use strict';

// What must hold once the faults are over (RELIABILITY 2.1): everything comes to its end, and our books, what clients were
// answered and the provider's own ledger tell the same story.

const { advance } = require('../api/books.js');
const { sleep, until } = require('../lib/till.js');
const { minorOf } = require('./clients.js');

const PATIENCE = 60000; // without any progress; a busy machine is not a failure
const FACTOR = { ISK: 100, UGX: 100 };
const theirs = (currency, minor) => minor * (FACTOR[currency] ?? 1);
const short = (value) => JSON.stringify(value).slice(0, 600);

// Coming to rest --------------------------------------------------------------------------------------------------------

/** What is not at its end, as rows with a sentence. */
const RESTLESS = `
  SELECT id AS what, 'a payment is ' || status AS why FROM payments WHERE status IN ('unknown', 'processing')
  UNION ALL SELECT payment_id, operation || ' is open in phase ' || phase FROM attempts a JOIN payments p ON p.id = payment_id
             WHERE a.status = 'open' AND NOT (p.status IN ('created', 'requires_action') AND phase IN ('waiting', 'confirming'))
  UNION ALL SELECT id, 'a refund is processing' FROM refunds WHERE status = 'processing'
  UNION ALL SELECT id, 'an event waits' FROM webhook_events WHERE status = 'stored'
  UNION ALL SELECT subject, kind || ' is ' || state || coalesce(': ' || error, '') FROM jobs
             WHERE kind IN ('refund.resolve', 'webhook.process') OR state = 'dead' OR (state = 'running' AND lease_until < now())`;

/** The same when nobody can be waited for any more: payers have had their hour, merchants their day. A reminder of a bank's date may wait. */
const UNENDED = `${RESTLESS}
  UNION ALL SELECT id, 'a payment is ' || status FROM payments WHERE status IN ('created', 'requires_action')
  UNION ALL SELECT payment_id, operation || ' is open in phase ' || phase FROM attempts WHERE status = 'open'
  UNION ALL SELECT id, 'a session is open' FROM checkout_sessions WHERE status = 'open'
  UNION ALL SELECT subject, kind || ' is ' || state FROM jobs
             WHERE subject <> 'periodic' AND NOT (kind IN ('dispute.due', 'payment.expire') AND state = 'available' AND run_at > domain_now())`;

/** What must not wait for its back-off; to ask again and again how a payer gets on would only keep the queue busy. */
const HURRY = `UPDATE jobs SET run_at = domain_now() WHERE state = 'available' AND run_at > domain_now()
                  AND (kind IN ('refund.resolve', 'webhook.process') OR (kind = 'payment.resolve' AND NOT EXISTS (
                       SELECT FROM payments p JOIN attempts a ON a.payment_id = p.id AND a.status = 'open' AND a.phase <> 'creating'
                        WHERE p.id = subject AND p.status IN ('created', 'requires_action'))))`;

/** A process that had not heard of the moved clock may have looked too early, and waits for its next look. */
const HURRY_ALL = "UPDATE jobs SET run_at = domain_now() WHERE state = 'available' AND kind = 'payment.resolve'";
const HURRY_ALL_MS = 5000;

/** Waits as long as there is progress, which a job that is taken again and again is not. */
async function comesToRest(world, restless) {
  const { till } = world;
  let left = [], seen = '', end = Date.now() + PATIENCE, hurried = Date.now();
  do {
    await till.sandbox.settle(); // what the queue began only now, such as a refund that takes its time
    await till.db.value(HURRY);
    if (restless === UNENDED && Date.now() - hurried > HURRY_ALL_MS) {
      await till.db.value(HURRY_ALL);
      hurried = Date.now();
    }
    await sleep(150);
    left = await till.db.rows(restless);
    const now = JSON.stringify(left.map(({ what, why }) => what + why.replace(/ is (available|running)$/, '')).sort());
    if (now !== seen) end = Date.now() + PATIENCE;
    seen = now;
  } while (left.length && Date.now() < end);
  for (const { what, why } of left.slice(0, 20)) world.problem('I13: not at its end', `${what}: ${why}`);
  return left.length === 0;
}

/** Requests that were never answered are sent again under their keys: whoever held one is gone. */
async function askAgain(world) {
  const { till, operations } = world;
  await till.db.value('UPDATE idempotency_keys SET held_until = now() WHERE status IS NULL');
  const open = operations.filter((one) => !one.final);
  world.unanswered = open.length;
  for (let at = 0; at < open.length; at += 8)
    await Promise.all(open.slice(at, at + 8).map((one) => world.clients[0].insist(one, 40, () => 500)));
  for (const one of open.filter((some) => !some.final)) world.problem('I13: a key is never answered', one);
}

/** What was acknowledged is answered again. */
async function replaySome(world) {
  const done = world.operations.filter((one) => one.final && one.final.status < 300).slice(-40);
  for (const one of done) {
    const answer = await world.clients[0].once('POST', one.address, { body: one.body, key: one.key });
    if (answer.body?.id !== one.final.body.id || answer.status >= 300)
      world.problem('I9: an acknowledged request is not answered again', { first: one.final.text, second: `${answer.status} ${answer.text}` });
  }
}

/** Waits until the provider's own lists were read to their end: what no webhook brings is only known from there. */
async function isSwept(world) {
  const { db } = world.till;
  const waits = "kind = 'sweep' AND state = 'available'";
  try {
    const last = await until(() => db.value(`SELECT max(id) FROM jobs WHERE ${waits}`), 'a sweep that waits', 180000);
    await until(async () => {
      await db.value(`UPDATE jobs SET run_at = domain_now() WHERE ${waits} AND (id <= ${last} OR error IS NOT NULL)`);
      await sleep(200);
      return (await db.value(`SELECT id FROM jobs WHERE ${waits} AND id > ${last} AND error IS NULL`)) !== '';
    }, 'a sweep to its end', 180000);
  } catch (error) {
    world.problem('I2: no sweep', error.message);
  }
}

async function settle(world) {
  const { till } = world;
  const at = async (what, done) => {
    world.at = what;
    await done();
  };
  await till.sandbox.dials({ rules: [], webhooks: { drop: 0, duplicate: 0, delay_ms: 0, shuffle: false, off: world.silent } });
  await at('requests without an answer', () => askAgain(world));
  Object.assign(till.env, { PROVIDER_DEADLINE_MS: '10000', PROVIDER_TIMEOUT_MS: '20000' });
  await at('a restart', () => till.restart());
  await till.db.value("UPDATE jobs SET lease_until = now() WHERE state = 'running'");
  await till.sandbox.settle();
  await at('the sweep', () => isSwept(world));
  await at('coming to rest', () => comesToRest(world, RESTLESS));
  await at('answers again', () => replaySome(world));
  await advance(till, 3700);
  await at('coming to rest, an hour later', () => comesToRest(world, RESTLESS));
  await advance(till, 90000);
  await till.sandbox.settle();
  await at('the last sweep', () => isSwept(world));
  await at('coming to rest, a day later', () => comesToRest(world, UNENDED));
}

// Our books alone -------------------------------------------------------------------------------------------------------

const NEVER = {
  'I1: one request, several payments': 'SELECT reference, count(*) FROM payments WHERE reference IS NOT NULL GROUP BY 1 HAVING count(*) > 1',
  'I1: one session, several payments': 'SELECT checkout_id, count(*) FROM payments WHERE checkout_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1',
  'I3: more went back than came': 'SELECT id FROM payments WHERE amount_refunded + amount_refunding > amount_captured',
  'I3: refunds and payment differ': `SELECT p.id, p.amount_refunded, p.amount_refunding FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
     GROUP BY p.id HAVING p.amount_refunded <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'succeeded'), 0)
        OR p.amount_refunding <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'processing'), 0)`,
  'I4: an entry does not balance': 'SELECT entry_id, currency FROM ledger_lines GROUP BY 1, 2 HAVING sum(amount) <> 0',
  'I4: ledger and payment differ': `SELECT p.id, p.amount_captured, p.amount_refunded, coalesce(sum(l.amount), 0) AS booked FROM payments p
      LEFT JOIN ledger_entries e ON e.kind IN ('capture', 'refund', 'refund_failed')
           AND (e.source = p.id OR e.source IN (SELECT id FROM refunds r WHERE r.payment_id = p.id))
      LEFT JOIN ledger_lines l ON l.entry_id = e.id AND l.account = p.provider || ':receivable'
     GROUP BY p.id HAVING coalesce(sum(l.amount), 0) <> p.amount_captured - p.amount_refunded`,
  'I5: something was told twice': `SELECT object_id, type, count(*) FROM events
     WHERE type IN ('payment.created', 'payment.succeeded', 'payment.cancelled', 'refund.succeeded', 'refund.failed') GROUP BY 1, 2 HAVING count(*) > 1`,
  'I6: settled, but not succeeded': `SELECT id, status, amount_captured FROM payments
     WHERE (amount_captured > 0) <> (status = 'succeeded') AND NOT (status = 'authorized' AND multicapture)`,
  'I6: paid, but its session is not complete': `SELECT p.id, s.status FROM payments p JOIN checkout_sessions s ON s.id = p.checkout_id
     WHERE p.status IN ('succeeded', 'authorized') AND s.status <> 'complete'`,
  'I6: complete, but not paid': `SELECT s.id, p.status FROM checkout_sessions s LEFT JOIN payments p ON p.id = s.payment_id
     WHERE s.status = 'complete' AND coalesce(p.status, '') NOT IN ('succeeded', 'authorized', 'cancelled')`,
  'I12: a state without its audit row': `SELECT p.id, p.status FROM payments p WHERE p.status <> 'created' AND NOT EXISTS (SELECT FROM audit_log a
     WHERE a.object = p.id AND a.action IN ('payment.' || p.status, 'payment.refused'))`,
  'I12: a change audited twice': `SELECT object, action, count(*) FROM audit_log
     WHERE action IN ('payment.succeeded', 'payment.cancelled', 'refund.succeeded', 'refund.failed', 'refund.requested', 'checkout.created')
     GROUP BY 1, 2 HAVING count(*) > 1`,
  'I12: a refund without its audit row': `SELECT r.id, r.status FROM refunds r WHERE r.status <> 'processing' AND NOT EXISTS (SELECT FROM audit_log a WHERE a.object = r.id AND a.action = 'refund.' || r.status)`,
  'I12: an event without the audit row of its change': `SELECT e.object_id, e.type FROM events e WHERE e.type IN ('payment.succeeded', 'payment.cancelled', 'refund.succeeded')
        AND NOT EXISTS (SELECT FROM audit_log a WHERE a.object = e.object_id AND a.action = e.type)`,
  'I13: a key is held': 'SELECT operation, resource FROM idempotency_keys WHERE status IS NULL AND held_until > now()',
  'I13: a lease has run out': "SELECT kind, subject FROM jobs WHERE state = 'running' AND lease_until < now()",
  'I13: a job is dead': "SELECT kind, subject, error FROM jobs WHERE state = 'dead'",
  'I13: a person is asked about what settled itself': `SELECT kind, object, known FROM decisions
     WHERE done_at IS NULL AND kind IN ('unknown_outcome', 'dead_job', 'webhook_failed', 'mismatch')`,
  'I14: a periodic task is there twice': "SELECT kind FROM jobs WHERE subject = 'periodic' GROUP BY kind HAVING count(*) > 1",
};

async function checkBooks(world) {
  for (const [what, sql] of Object.entries(NEVER)) {
    const rows = await world.till.db.rows(sql);
    for (const row of rows.slice(0, 5)) world.problem(what, row);
  }
  for (const words of [['audit', 'verify'], ['ledger', 'check']]) {
    const { code, stdout, stderr } = await world.till.command(...words);
    if (code !== 0) world.problem(`till ${words.join(' ')}`, stdout + stderr);
  }
}

// The provider's ledger -------------------------------------------------------------------------------------------------

async function everyIntent(sandbox) {
  const all = [];
  for (let after; ;) {
    const { body } = await sandbox.stripe('GET', 'payment_intents', { limit: '100', ...(after ? { starting_after: after } : {}) });
    all.push(...body.data);
    if (!body.has_more) return all;
    after = body.data[body.data.length - 1].id;
  }
}

const STANDS = { succeeded: ['succeeded'], requires_capture: ['authorized'], canceled: ['cancelled', 'failed', 'succeeded'] };

async function checkProvider(world) {
  const { till } = world;
  const { charges, refunds, disputes } = await till.sandbox.ledger();
  const rows = await till.db.rows(`SELECT id, status, amount, currency, amount_captured, amount_refunded, amount_refunding, provider_payment_id, provider_charge_id, multicapture,
      (SELECT count(*) FROM attempts a WHERE a.payment_id = p.id AND operation = 'capture' AND a.amount > 0) AS captures FROM payments p`);
  const ours = new Map(rows.map((row) => [row.id, row]));
  const released = (refund) => refund.reason === 'partial_capture';

  for (const charge of charges.filter((one) => one.amount_captured > 0)) {
    if (!ours.has(charge.metadata.payment_id)) world.problem('I2: a charge that the books do not know', charge);
    const row = ours.get(charge.metadata.payment_id); // in parts: once for each that was asked for here, and one that ended it elsewhere
    if (charge.executed > (row?.multicapture ? Number(row.captures) + 1 : 1)) world.problem('I1: a charge was captured more than once', charge);
  }
  for (const row of rows) {
    const mine = charges.filter((charge) => charge.metadata.payment_id === row.id);
    const captured = mine.filter((charge) => charge.amount_captured > 0);
    if (captured.length > 1) world.problem('I1: charged more than once', { row, captured });
    const [charge] = captured;
    const taken = charge ? charge.amount_captured : 0;
    if (taken !== theirs(row.currency, row.amount_captured)) world.problem('I2: captured differs', { row, charge });
    if (charge && charge.currency.toUpperCase() !== row.currency) world.problem('I11: currency differs', { row, charge });
    for (const one of mine) if (one.amount !== theirs(row.currency, row.amount)) world.problem('I11: amount differs', { row, charge: one });
    const back = refunds.filter((one) => mine.some(({ charge: id }) => id === one.charge) && ['succeeded', 'pending'].includes(one.status) && !released(one));
    const given = back.reduce((sum, one) => sum + one.amount, 0);
    if (given > taken) world.problem('I3: the provider gave back more than it took', { row, given, taken });
    if (given !== theirs(row.currency, row.amount_refunded + row.amount_refunding)) world.problem('I3: refunds differ', { row, back });
  }
  await checkIntents(world, ours);
  await checkReceivable(world, charges, refunds.filter((one) => !released(one)), disputes);
}

async function checkIntents(world, ours) {
  for (const intent of await everyIntent(world.till.sandbox)) {
    const row = ours.get(intent.metadata.payment_id);
    if (!row) world.problem('I2: an intent of a payment that the books do not know', intent.id);
    else if (row.provider_payment_id !== intent.id && intent.status !== 'canceled') world.problem('I2: an orphan is open', { row, intent: intent.id, status: intent.status });
    else if (row.provider_payment_id === intent.id && (!(STANDS[intent.status] ?? []).includes(row.status) || (intent.status === 'canceled' && (row.status === 'succeeded') !== intent.amount_received > 0)))
      world.problem('I2: state differs', { row, intent: intent.id, status: intent.status });
  }
}

/** What the provider holds for us, by both books. */
async function checkReceivable(world, charges, refunds, disputes) {
  const held = {};
  const add = (currency, amount) => { held[currency.toUpperCase()] = (held[currency.toUpperCase()] ?? 0) + amount; };
  for (const one of charges) add(one.currency, one.amount_captured);
  for (const one of refunds) if (one.status === 'succeeded') add(one.currency, -one.amount);
  for (const one of disputes) if (!one.status.startsWith('warning') && one.status !== 'won') add(one.currency, -one.amount);
  const rows = await world.till.db.rows("SELECT currency, sum(amount) AS amount FROM ledger_lines WHERE account IN ('stripe:receivable', 'fees') GROUP BY 1");
  const booked = Object.fromEntries(rows.map(({ currency, amount }) => [currency, theirs(currency, Number(amount))]));
  for (const currency of new Set([...Object.keys(held), ...Object.keys(booked)])) {
    if ((held[currency] ?? 0) !== (booked[currency] ?? 0)) world.problem('I4: the receivable differs', { currency, there: held[currency] ?? 0, here: booked[currency] ?? 0 });
  }
}

// What clients were told ------------------------------------------------------------------------------------------------

const LATER = {
  succeeded: ['succeeded'], refunded: ['succeeded'], cancelled: ['cancelled'], failed: ['failed'], authorized: ['authorized', 'succeeded', 'cancelled'],
};

async function checkAnswers(world) {
  const { till, operations } = world;
  const by = async (table, columns) => new Map((await till.db.rows(`SELECT ${columns} FROM ${table}`)).map((row) => [row.id, row]));
  const payments = await by('payments', 'id, status, amount, currency, reference');
  const refunds = await by('refunds', 'id, status, amount, currency, payment_id');
  const sessions = await by('checkout_sessions', 'id, status, amount, currency');

  for (const one of operations) {
    const { kind, body, final } = one;
    if (!final || final.status >= 300) continue;
    const row = { refund: refunds, session: sessions, expire: sessions }[kind]?.get(final.body.id) ?? payments.get(final.body.id);
    if (!row) {
      world.problem('I9: acknowledged and lost', { kind, answer: final.text });
      continue;
    }
    const asked = ['charge', 'session', 'refund'].includes(kind) && body.amount;
    if (asked && (row.currency !== asked.currency || Number(row.amount) !== minorOf(asked))) world.problem('I11: not the amount that was asked for', { body, row });
    if (kind !== 'capture' && final.body.amount && Number(row.amount) !== minorOf(final.body.amount)) world.problem('I11: not the amount that was answered', { answer: final.text, row });
    const later = ['refund', 'session', 'expire'].includes(kind) ? null : LATER[final.body.status];
    if (later && !later.includes(row.status)) world.problem('I9: not what was answered', { answer: final.text, row });
  }
  for (const { session, ids } of world.tabs)
    if (new Set(ids).size > 1) world.problem('I1: one session, several payments', { session, ids });
}

// What the log says that nobody should see ------------------------------------------------------------------------------

function checkLog(world) {
  for (const line of world.till.logs().split('\n')) {
    if (/no way from|does not balance|payments_refunded|payments_captured|payment\.mismatch|job\.dead|"webhook\.failed|"code": ?"(DB_ERROR|INTERNAL_ERROR)"/.test(line))
      world.problem('the log tells of it', line.slice(0, 500));
  }
}

async function check(world) {
  await checkBooks(world);
  await checkProvider(world);
  await checkAnswers(world);
  checkLog(world);
}

module.exports = { check, settle, short };
