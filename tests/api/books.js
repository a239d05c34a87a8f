'use strict';

// What the tests of the API share: short ways to say what they do, and the check of the books that ends each file.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { sleep, until } = require('../lib/till.js');

const usd = (value) => ({ value, currency: 'USD' });
const newKey = () => crypto.randomUUID();

/** POST /payments: 10.00 USD with a good card, unless the body says otherwise; undefined takes a member away. */
function pay(till, body = {}, options = {}) {
  return till.api('POST', '/api/v1/payments', {
    body: { amount: usd('10.00'), payment_method_id: 'pm_card_visa', ...body }, key: newKey(), ...options,
  });
}

/** Something done to a payment: confirm, capture, cancel, refund. */
function act(till, id, verb, body = {}, options = {}) {
  return till.api('POST', `/api/v1/payments/${id}/${verb}`, { body, key: newKey(), ...options });
}

const get = async (till, id) => (await till.api('GET', `/api/v1/payments/${id}`)).body;

/** A payment that succeeded; its members. */
async function paid(till, body) {
  const answer = await pay(till, body);
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.body.status, body?.capture === false ? 'authorized' : 'succeeded');
  return answer.body;
}

/** The answer is a problem of this status and code, in the form that every problem has. */
function isProblem(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers.get('content-type'), /^application\/problem\+json/);
  assert.equal(answer.body.code, code, answer.text);
  assert.equal(answer.body.status, status);
  for (const name of ['type', 'title', 'detail', 'request_id']) assert.equal(typeof answer.body[name], 'string', name);
  assert.equal(answer.headers.get('x-request-id') ?? answer.body.request_id, answer.body.request_id);
  return answer.body;
}

/** The pointers of the bad fields, sorted. */
const pointers = (answer) => (answer.body.errors ?? []).map((error) => error.pointer).sort();

// Time -----------------------------------------------------------------------------------------------------------------

/** Moves the clocks of Till and the sandbox. */
async function advance(till, seconds) {
  const { offset } = await till.sandbox.advance(seconds);
  const answer = await till.api('POST', '/api/v1/test/clock', { body: { offset } });
  assert.equal(answer.status, 200, answer.text);
  await sleep(1100); // the other processes follow within a second
}

/** The row's status in our own books, without asking anybody. */
const statusOf = (till, id) => till.db.value(`SELECT status FROM payments WHERE id = '${id}'`);

/** Waits until our own books say so; nobody asks meanwhile. */
function comesTo(till, id, status, ms = 20000) {
  return until(async () => (await statusOf(till, id)) === status, `${id} ${status}`, ms);
}

/** Makes what waits in the queue due, of all or of one payment and its refunds, so that no test waits for a back-off. */
const hurry = (till, id) =>
  till.db.value(
    `UPDATE jobs SET run_at = domain_now() WHERE state = 'available' AND run_at > domain_now()
        AND kind IN ('payment.resolve', 'refund.resolve', 'webhook.process')
        ${id ? `AND (subject = '${id}' OR subject IN (SELECT id FROM refunds WHERE payment_id = '${id}'))` : ''}`
  );

/** Has the resolver look, as often as it takes, until our own books say so. */
function resolves(till, id, status, ms = 20000) {
  return until(async () => {
    if ((await statusOf(till, id)) === status) return true;
    await hurry(till, id);
    await sleep(100);
    return false;
  }, `${id} ${status}`, ms);
}

// Books ------------------------------------------------------------------------------------------------------------------

/** What the sandbox's ledger says was captured and given back of a payment, in the provider's units. */
async function oracle(till, id) {
  const { charges, refunds } = await till.sandbox.ledger(id);
  const sum = (list, name) => list.reduce((all, one) => all + one[name], 0);
  return {
    charges: charges.filter((charge) => charge.amount_captured > 0).length,
    executed: sum(charges, 'executed'),
    captured: sum(charges, 'amount_captured'),
    refunded: sum(charges, 'amount_refunded'),
    refunds: refunds.filter((refund) => refund.reason !== 'partial_capture'),
    tried: charges.length,
  };
}

// Units of the provider for one of ours; every other currency has the same.
const FACTOR = { ISK: 100, UGX: 100 };

/** Our books and the provider's ledger are equal, payment by payment, refunds included. */
async function checkAgainstLedger(till) {
  const { charges, refunds } = await till.sandbox.ledger();
  const rows = await till.db.rows('SELECT id, currency, amount_captured, amount_refunded, amount_refunding, multicapture FROM payments');
  for (const row of rows) {
    const factor = FACTOR[row.currency] ?? 1;
    const mine = charges.filter((charge) => charge.metadata.payment_id === row.id);
    const captured = mine.filter((charge) => charge.amount_captured > 0);
    assert.ok(captured.length <= 1, `${row.id} was charged ${captured.length} times`);
    for (const charge of captured) if (!row.multicapture) assert.equal(charge.executed, 1, `${row.id} was captured ${charge.executed} times`);
    assert.equal(row.amount_captured * factor, captured.reduce((sum, charge) => sum + charge.amount_captured, 0), `captured of ${row.id}`);
    const back = refunds.filter((refund) => mine.some((charge) => charge.charge === refund.charge))
      .filter((refund) => ['succeeded', 'pending'].includes(refund.status) && refund.metadata?.released !== 'true');
    const given = back.reduce((sum, refund) => sum + refund.amount, 0);
    assert.equal((row.amount_refunded + row.amount_refunding) * factor, given, `given back of ${row.id}`);
  }
}

/** What must hold of every database, whatever was done to it. */
async function checkBooks(till, { quiet = true, ledger = true } = {}) {
  if (quiet) await becomesQuiet(till);
  if (ledger) await checkAgainstLedger(till);
  const parts = await till.db.rows(`SELECT p.id, sum(a.amount) AS asked, p.amount_captured FROM attempts a JOIN payments p ON p.id = a.payment_id
      WHERE a.operation = 'capture' AND a.status = 'succeeded' AND NOT a.final GROUP BY p.id HAVING sum(a.amount) > p.amount_captured`);
  assert.deepEqual(parts, [], 'captures that are said to be done, and are not');
  const wrong = async (sql, what) => assert.deepEqual(await till.db.rows(sql), [], what);
  await wrong('SELECT entry_id, currency FROM ledger_lines GROUP BY 1, 2 HAVING sum(amount) <> 0', 'entries that do not balance');
  await wrong(
    `SELECT p.id, p.amount_captured, p.amount_refunded, coalesce(sum(l.amount), 0) AS booked
       FROM payments p
       LEFT JOIN ledger_entries e ON e.kind IN ('capture', 'refund', 'refund_failed')
            AND (e.source = p.id OR e.source IN (SELECT id FROM refunds r WHERE r.payment_id = p.id))
       LEFT JOIN ledger_lines l ON l.entry_id = e.id AND l.account = p.provider || ':receivable'
      GROUP BY p.id HAVING coalesce(sum(l.amount), 0) <> p.amount_captured - p.amount_refunded`,
    'payments whose ledger says something else'
  );
  await wrong(
    `SELECT p.id FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
      GROUP BY p.id HAVING p.amount_refunded <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'succeeded'), 0)
          OR p.amount_refunding <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'processing'), 0)`,
    'payments whose refunds say something else'
  );
  await wrong(
    `SELECT p.id, p.status FROM payments p WHERE p.status IN ('succeeded', 'failed', 'cancelled', 'authorized', 'requires_action')
        AND NOT EXISTS (SELECT FROM audit_log a WHERE a.object = p.id AND a.action IN ('payment.' || p.status, 'payment.refused'))`,
    'payments whose last change was not audited'
  );
  const audit = await till.command('audit', 'verify');
  assert.equal(audit.code, 0, audit.stderr + audit.stdout);
  const balances = await till.command('ledger', 'check');
  assert.equal(balances.code, 0, balances.stderr + balances.stdout);
}

/** Ends a file: what must hold, then everything stops, also when something did not hold. */
async function closed(till, options) {
  try {
    if (till) await checkBooks(till, options);
  } finally {
    await till?.stop();
  }
}

/** Nothing is open, unknown or left to do but what waits for a payer, a refund of the bank or a date. */
async function becomesQuiet(till) {
  await until(async () => {
    await hurry(till);
    const open = await till.db.rows(
      `SELECT p.id, p.status, a.operation, a.phase FROM payments p LEFT JOIN attempts a ON a.payment_id = p.id AND a.status = 'open'
        WHERE p.status IN ('unknown', 'processing') OR (a.id IS NOT NULL AND a.phase <> 'waiting' AND p.status <> 'requires_action')`
    );
    if (open.length) throw new Error(`still open: ${JSON.stringify(open.slice(0, 5))}`);
    const events = await till.db.rows("SELECT subject, attempts, error FROM jobs WHERE kind = 'webhook.process'");
    if (events.length) throw new Error(`not worked: ${JSON.stringify(events.slice(0, 5))}`);
    return true;
  }, 'the payments come to their end, and the events are worked', 150000); // what a dead process had in hand is held for a minute
  assert.deepEqual(await till.db.rows("SELECT kind, subject, error FROM jobs WHERE state = 'dead'"), [], 'dead jobs');
  const left = "SELECT count(*) FROM jobs WHERE state = 'running' AND lease_until < now()";
  await until(async () => (await till.db.value(left)) === '0', 'what a dead process was at is taken up by another');
}

module.exports = {
  act, advance, becomesQuiet, checkAgainstLedger, checkBooks, closed, comesTo, get, hurry, isProblem, newKey, oracle, paid, pay, pointers,
  resolves, statusOf, usd,
};
