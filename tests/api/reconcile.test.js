'use strict';

// Our books against the provider's: a busy day is clean, every kind of difference is found, named and given something to do, and it
// settles itself when it is gone.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { act, advance, closed, get, hurry, isProblem, paid, pay, usd } = require('./books.js');

const DAY = 86400;
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** The time of Till's clock, and of the sandbox's. */
const nowOf = async (till) => (await till.sandbox.control('GET', '/sandbox/clock')).now * 1000;

/** Reconciles the last day and until now; the report and its differences. */
async function reconcile(till, body) {
  const now = await nowOf(till);
  const answer = await till.api('POST', '/api/v1/maintenance/reconcile', { body: body ?? { from: iso(now - DAY * 1000), to: iso(now + 60000) } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.status, 'done');
  const [id] = answer.body.result.reconciliations;
  const report = (await till.api('GET', `/api/v1/reconciliations/${id}`)).body;
  const differences = (await till.api('GET', `/api/v1/reconciliations/${id}/differences`)).body.data;
  assert.equal(report.differences, differences.length);
  return { report, differences, id };
}

const short = (differences) => differences.map((one) => `${one.kind} ${one.object ?? one.reference}`);
const isClean = ({ report, differences }) => {
  assert.deepEqual(differences.map(({ kind, known }) => `${kind}: ${known}`), []);
  assert.equal(report.totals.balances_compared, true, JSON.stringify(report.totals));
  for (const [currency, balance] of Object.entries(report.totals.balances)) assert.match(balance.off, /^0(\.0+)?$/, currency);
};

/** Decisions about differences that wait. */
const waiting = async (till) =>
  (await till.db.rows("SELECT object, known, suggestion FROM decisions WHERE kind = 'difference' AND done_at IS NULL ORDER BY object"));

/** A charge that somebody else makes on the same account. */
async function strangeCharge(till, form = {}) {
  const { body } = await till.sandbox.stripe('POST', 'payment_intents', {
    amount: '700', currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true', 'automatic_payment_methods[enabled]': 'true',
    'automatic_payment_methods[allow_redirects]': 'never', ...form,
  });
  assert.equal(body.status, 'succeeded', JSON.stringify(body));
  return body;
}

const dispute = (till, payment) => till.sandbox.dashboard('dispute', { payment_intent: payment.provider_payment_id });
const endDispute = (till, payment, status) => till.sandbox.dashboard('dispute_close', { payment_intent: payment.provider_payment_id, status });
const disputeState = (till, id, state) => until(async () => (await hurry(till), (await get(till, id)).dispute_state === state), `${id} ${state}`);

/** SQL as somebody with all power, past every trigger. */
const forge = (till, sql) => till.db.value(`BEGIN; SET LOCAL session_replication_role = replica; ${sql}; COMMIT`);

describe('a busy day', () => {
  let till;
  before(async () => { till = await startTill({ env: { STRIPE_MULTICAPTURE: 'true' } }); });
  after(() => closed(till));

  test('gives no difference', async () => {
    const payments = await Promise.all(Array.from({ length: 8 }, () => paid(till)));
    await paid(till, { amount: { value: '500', currency: 'JPY' } });
    await paid(till, { amount: { value: '5.120', currency: 'KWD' } });
    await paid(till, { amount: { value: '911', currency: 'ISK' } });
    const part = await paid(till, { capture: false });
    assert.equal((await act(till, part.id, 'capture', { amount: usd('7.00') })).status, 200);
    assert.equal((await act(till, payments[0].id, 'refund', { amount: usd('4.00') })).status, 201);
    assert.equal((await act(till, payments[0].id, 'refund')).status, 201);
    await till.sandbox.dashboard('refund', { payment_intent: payments[1].provider_payment_id, amount: 300 });
    const slow = await paid(till, { payment_method_id: 'pm_card_pendingRefund' });
    assert.equal((await act(till, slow.id, 'refund')).status, 202);
    const failing = await paid(till, { payment_method_id: 'pm_card_refundFail' });
    const back = (await act(till, failing.id, 'refund')).body;
    await pay(till, { payment_method_id: 'pm_card_visa_chargeDeclined' });

    await dispute(till, payments[2]);
    await disputeState(till, payments[2].id, 'open');
    await dispute(till, payments[3]);
    await disputeState(till, payments[3].id, 'open');
    await endDispute(till, payments[3], 'won');
    await disputeState(till, payments[3].id, 'won');
    await dispute(till, payments[4]);
    await disputeState(till, payments[4].id, 'open');
    await endDispute(till, payments[4], 'lost');
    await disputeState(till, payments[4].id, 'lost');

    const first = await reconcile(till); // while a refund is on its way
    isClean(first);
    assert.equal(first.report.totals.balances.USD.on_its_way, '-10.00');
    await till.sandbox.settle();
    await until(async () => (await hurry(till), (await till.api('GET', `/api/v1/refunds/${back.id}`)).body.status === 'failed'), 'the refund fails');
    isClean(await reconcile(till));
  });

  test('gives none on an account that is paid in another currency, where a hold is captured in parts', async () => {
    await till.sandbox.dials({ euro_rate: 915 });
    const whole = await paid(till);
    const parts = await paid(till, { capture: false });
    const capture = async (value, final) => assert.equal((await act(till, parts.id, 'capture', { amount: usd(value), final })).status, 200);
    await capture('3.00', false);
    isClean(await reconcile(till));
    await capture('2.50', false);
    await capture('3.33', true);
    assert.equal((await act(till, parts.id, 'refund', { amount: usd('1.00') })).status, 201);
    assert.equal((await act(till, whole.id, 'refund')).status, 201);
    isClean(await reconcile(till));
    const [shares] = await till.db.rows(`SELECT count(*), sum(source_amount), min(currency) AS currency, bool_or(source_amount = 300) AS first
        FROM movements WHERE payment_reference = '${parts.provider_payment_id}' AND kind = 'charge'`);
    assert.deepEqual({ ...shares, count: Number(shares.count), sum: Number(shares.sum) }, { count: 3, sum: 883, currency: 'EUR', first: true });
    await till.sandbox.clearDials();
  });

  test('with its payout, which is posted once and sums up what it is made of', async () => {
    await advance(till, 2 * DAY + 60);
    await paid(till, { payment_method_id: 'pm_card_bypassPending' });
    const payout = await till.sandbox.dashboard('payout', { currency: 'usd' });
    await till.sandbox.stripe('POST', 'payouts', { amount: '400', currency: 'jpy' });
    const failed = await till.sandbox.dashboard('payout', { currency: 'kwd' });
    await till.sandbox.dashboard('payout_fail', { payout: failed.id });
    await till.sandbox.dashboard('movement', { amount: -250, currency: 'usd' }); // Stripe's bill
    isClean(await reconcile(till));
    const again = await reconcile(till);
    isClean(again);
    assert.equal(again.report.totals.moved.USD.payout.count, 1);
    const posted = await till.db.rows(`SELECT e.kind, l.amount FROM ledger_entries e JOIN ledger_lines l ON l.entry_id = e.id AND l.account = 'bank'
      WHERE e.source = '${payout.id}'`);
    assert.deepEqual(posted, [{ kind: 'payout', amount: payout.amount }]);
    const kinds = await till.db.rows(`SELECT kind FROM ledger_entries WHERE source = '${failed.id}' ORDER BY kind`);
    assert.deepEqual(kinds.map(({ kind }) => kind), ['payout', 'payout_failed']);
    const parts = await till.db.value(`SELECT sum(amount - fee) FROM movements WHERE payout = '${payout.id}'`);
    assert.equal(parts, '0');
    const balances = await till.command('ledger', 'balances', '--json');
    assert.equal(balances.code, 0, balances.stderr);
    const bank = JSON.parse(balances.stdout).find((one) => one.account === 'bank' && one.currency === 'USD');
    assert.equal(bank.after, (payout.amount / 100).toFixed(2));
    assert.deepEqual(await waiting(till), []);
  });

  test('runs at once do no harm', async () => {
    const now = await nowOf(till);
    const body = { from: iso(now - 4 * DAY * 1000) };
    const answers = await Promise.all(Array.from({ length: 5 }, () => till.api('POST', '/api/v1/maintenance/reconcile', { body })));
    for (const answer of answers) {
      assert.equal(answer.status, 200, answer.text);
      assert.ok(['done', 'already_running'].includes(answer.body.status));
    }
    assert.ok(answers.some(({ body: { status } }) => status === 'done'));
    isClean(await reconcile(till));
  });

  test('a run of hours keeps others out as long as it goes on; one that died does not', async () => {
    const again = () => till.api('POST', '/api/v1/maintenance/reconcile', { body: {} });
    const age = (minutes) => till.db.value(`UPDATE maintenance_runs SET started_at = now() - interval '5 hours',
        alive_at = now() - interval '${minutes} minutes', finished_at = NULL WHERE kind = 'reconcile'`);
    await till.sandbox.dials([{ operation: 'GET /v1/balance_transactions', action: 'delay', ms: 1500, times: 1 }]);
    const long = again();
    await until(async () => (await till.db.value("SELECT finished_at IS NULL FROM maintenance_runs WHERE kind = 'reconcile'")) === 't', 'the long run');
    await age(20);
    const shown = until(async () => (await till.db.value("SELECT alive_at > now() - interval '1 minute' FROM maintenance_runs WHERE kind = 'reconcile'")) === 't', 'a sign of life');
    assert.equal((await long).status, 200);
    await shown;
    await age(10);
    assert.equal((await again()).body.status, 'already_running');
    await age(20);
    assert.equal((await again()).body.status, 'done');
  });

  test('is compared by the command line, as text, JSON and CSV', async () => {
    const text = await till.command('reconcile', '--from', iso(await nowOf(till) - DAY * 1000));
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /^rec_\w+ stripe: .* matched, 0 mended, 0 differences\n {2}balance /);
    const json = await till.command('reconcile', '--weekly', '--format', 'json');
    assert.equal(json.code, 0, json.stderr);
    const report = JSON.parse(json.stdout);
    assert.equal(Date.parse(report.to_at) - Date.parse(report.from_at), 7 * DAY * 1000);
    assert.ok(report.matched > 10);
    assert.deepEqual(report.list, []);
    const day = await till.command('reconcile', '--format', 'csv');
    assert.equal(day.code, 0, day.stderr);
    assert.match(day.stdout, /^number,kind,object,reference,/);
    for (const wrong of [['--from', 'yesterday'], ['--from', '2026-02-30'], ['--from', '2024-01-01'], ['--from', '2099-01-01']]) {
      assert.equal((await till.command('reconcile', ...wrong)).code, 1, wrong.join(' '));
    }
    assert.equal((await till.command('reconcile', '--format', 'xml')).code, 2);
    assert.match((await till.command('--help')).stdout, /reconcile +Compare the books/);
  });

  test('is over when the last movement of its time is', async () => {
    const { report } = await reconcile(till, {});
    assert.equal(report.to_at.slice(11), '00:00:00Z');
    assert.equal(Date.parse(report.to_at) - Date.parse(report.from_at), DAY * 1000);
    isProblem(await till.api('POST', '/api/v1/maintenance/reconcile', { body: { from: 'x', to: 'y', at: 1 } }), 400, 'VALIDATION_ERROR');
    const listed = await till.api('GET', '/api/v1/reconciliations?limit=2');
    assert.equal(listed.body.data.length, 2);
    assert.equal(listed.body.has_more, true);
    assert.ok(listed.body.data[0].id > listed.body.data[1].id);
    const next = await till.api('GET', `/api/v1/reconciliations?limit=2&cursor=${listed.body.next_cursor}`);
    assert.ok(next.body.data[0].id < listed.body.data[1].id);
  });
});

describe('what is known here is mended, not reported', () => {
  let till;
  before(async () => { till = await startTill(); });
  after(() => closed(till));

  test('a payment, a refund, a dispute and a fee that no webhook told of', async () => {
    await till.sandbox.dials({ webhooks: { off: true }, rules: [{ operation: 'GET /v1/events', action: 'error_500_not_executed' }] });
    const { body: left } = await pay(till, { payment_method_id: undefined });
    const intent = (await get(till, left.id)).provider_payment_id;
    await till.sandbox.stripe('POST', `payment_intents/${intent}/confirm`, { payment_method: 'pm_card_visa', return_url: 'https://shop.example/' });
    const refunded = await paid(till);
    await till.sandbox.dashboard('refund', { payment_intent: refunded.provider_payment_id, amount: 300 });
    const disputed = await paid(till);
    await dispute(till, disputed);
    const { report, differences } = await reconcile(till);
    assert.deepEqual(short(differences), []);
    assert.ok(report.totals.mended >= 3, JSON.stringify(report.totals));
    assert.equal((await get(till, left.id)).status, 'succeeded');
    assert.deepEqual((await get(till, refunded.id)).amount_refunded, usd('3.00'));
    assert.equal((await get(till, disputed.id)).dispute_state, 'open');
    await till.sandbox.clearDials();
  });
});

const INVENTED = `pay_${'0'.repeat(26)}`;

describe('by itself', () => {
  let till;
  before(async () => { till = await startTill(); });
  after(() => closed(till));
  const reports = () => till.db.rows('SELECT from_at, to_at, differences, created_by FROM reconciliations ORDER BY id');
  const due = (kind) => till.db.value(`UPDATE jobs SET run_at = domain_now() WHERE kind = '${kind}' AND state = 'available'`);
  const hours = ({ from_at, to_at }) => (Date.parse(to_at) - Date.parse(from_at)) / 3600000;

  test('it compares the day before, makes up for days it missed, and each week for seven', async () => {
    await until(async () => (await till.db.value("SELECT count(*) FROM jobs WHERE kind LIKE 'reconcile%'")) === '2', 'the periodic jobs');
    await paid(till);
    const done = (number, by = 'reconcile') => until(async () => (await reports()).filter(({ created_by }) => created_by === by)[number], `report ${number} of ${by}`);
    await advance(till, DAY); // that is when it is due
    const first = await done(0);
    assert.deepEqual([hours(first), first.differences], [24, 0]);
    await advance(till, 3 * DAY);
    const second = await done(1);
    assert.deepEqual([second.from_at, hours(second), second.differences], [first.to_at, 72, 0]);
    await due('reconcile.week');
    const week = await done(0, 'reconcile.week');
    assert.deepEqual([hours(week), week.differences], [168, 0]);
    const { body } = await till.api('GET', '/api/v1/maintenance');
    assert.equal(body.data.find(({ kind }) => kind === 'reconcile').result.differences, 0);
  });

  test('it waits for a provider that is down', async () => {
    await till.sandbox.dials([{ operation: 'GET /v1/balance_transactions', action: 'error_500_not_executed' }]);
    await till.db.value("UPDATE reconciliations SET to_at = to_at - interval '1 day', from_at = from_at - interval '1 day'");
    await due('reconcile');
    await until(async () => (await till.db.value(`SELECT count(*) FROM jobs WHERE kind = 'reconcile' AND state = 'available'
      AND run_at BETWEEN domain_now() + interval '20 minutes' AND domain_now() + interval '30 minutes'`)) === '1', 'it is put off');
    const answer = await till.api('POST', '/api/v1/maintenance/reconcile', { body: {} });
    isProblem(answer, 503, 'PROVIDER_UNAVAILABLE');
    await till.sandbox.clearDials();
  });
});

describe('differences', () => {
  let till, seeded;
  before(async () => {
    till = await startTill();
    seeded = await seed();
  });
  after(() => till?.stop()); // its books are forged

  const latestCharge = async (payment) =>
    (await till.sandbox.stripe('GET', `payment_intents/${payment.provider_payment_id}`)).body.latest_charge;
  const entry = (id, kind) => `(SELECT id FROM ledger_entries WHERE source = '${id}' AND kind = '${kind}')`;

  /** One of each kind. */
  async function seed() {
    await till.sandbox.dials({ webhooks: { off: true } });
    const [twice, amount, currency, fee, state] = await Promise.all(Array.from({ length: 5 }, () => paid(till)));
    const stranger = await strangeCharge(till);
    const second = await strangeCharge(till, { amount: '1000', 'metadata[payment_id]': twice.id });
    await till.sandbox.dashboard('movement', {
      type: 'charge', reporting_category: 'charge', source: await latestCharge(amount), amount: 500, currency: 'usd',
    });
    await forge(till, `UPDATE ledger_lines SET currency = 'EUR' WHERE entry_id = ${entry(currency.id, 'capture')}`);
    await forge(till, `UPDATE ledger_lines SET amount = sign(amount) * 12 WHERE entry_id = ${entry(fee.id, 'fee')}`);
    const { body: refund } = await act(till, state.id, 'refund');
    await forge(till, `UPDATE refunds SET status = 'failed' WHERE id = '${refund.id}';
      UPDATE payments SET amount_refunded = 0 WHERE id = '${state.id}';
      DELETE FROM ledger_lines WHERE entry_id = ${entry(refund.id, 'refund')};
      DELETE FROM ledger_entries WHERE source = '${refund.id}'`);
    await forge(till, `INSERT INTO payments (id, mode, status, amount, currency, amount_captured, capture, confirmation, provider,
        provider_payment_id, provider_charge_id, created_by, created_at, updated_at) VALUES ('${INVENTED}', 'test', 'succeeded', 4200,
        'USD', 4200, 'automatic', 'automatic', 'stripe', 'pi_invented', 'ch_invented', 'nobody', now(), now());
      INSERT INTO ledger_entries (kind, source, part, posted_at) VALUES ('capture', '${INVENTED}', '0', now());
      INSERT INTO ledger_lines SELECT ${entry(INVENTED, 'capture')}, account, 'USD', amount
        FROM (VALUES ('stripe:receivable', 4200), ('sales', -4200)) AS side (account, amount)`);
    await paid(till, { payment_method_id: 'pm_card_bypassPending', amount: { value: '50.00', currency: 'USD' } });
    const payout = await till.sandbox.dashboard('payout', { currency: 'usd', amount: 1111 });
    return { twice, amount, currency, fee, state, stranger, second, refund, payout };
  }

  let first;
  test('of every kind are found and named, each with something to do', async () => {
    first = await reconcile(till);
    const find = (object) => first.differences.find((one) => (one.object ?? one.reference) === object);
    const { twice, amount, currency, fee, refund, second, payout, stranger } = seeded;
    assert.deepEqual(short(first.differences).sort(), [
      `missing_here ${stranger.latest_charge}`, `missing_there ${INVENTED}`, `amount ${amount.id}`, `currency ${currency.id}`, `fee ${fee.id}`,
      `state ${refund.id}`, `duplicate ${twice.id}`, `payout_mismatch ${payout.id}`,
    ].sort());
    assert.equal(first.differences.length, 8, 'the balances differ by nothing that these do not explain');
    assert.deepEqual(find(stranger.latest_charge).theirs, usd('7.00'));
    assert.equal(find(stranger.latest_charge).ours, null);
    assert.deepEqual([find(INVENTED).ours, find(INVENTED).theirs], [usd('42.00'), null]);
    assert.deepEqual([find(amount.id).ours, find(amount.id).theirs], [usd('10.00'), usd('15.00')]);
    assert.deepEqual([find(currency.id).ours, find(currency.id).theirs], [{ value: '10.00', currency: 'EUR' }, usd('10.00')]);
    assert.deepEqual([find(fee.id).ours, find(fee.id).theirs], [usd('0.12'), usd('0.59')]);
    assert.deepEqual([find(refund.id).ours, find(refund.id).theirs], [usd('0.00'), usd('-10.00')]);
    assert.equal(find(twice.id).reference, second.latest_charge);
    assert.equal(find(payout.id).theirs.value, '-11.11');
    for (const { kind, known, suggestion } of first.differences) {
      assert.match(known, /^[A-Zs].{30,}\.$/, kind);
      assert.match(suggestion, /^[A-Z].{20,}\.$/, kind);
      assert.doesNotMatch(known + suggestion, /[{}]|nothing \(/, kind);
    }
    assert.equal(new Set(first.differences.map(({ suggestion }) => suggestion)).size, 8);
  });

  test('each becomes a decision, once', async () => {
    const asked = await waiting(till);
    assert.deepEqual(asked.map(({ known }) => known).sort(), first.differences.map(({ known }) => known).sort());
    assert.deepEqual(short((await reconcile(till)).differences).sort(), short(first.differences).sort());
    assert.equal((await waiting(till)).length, 8);
    assert.equal((await till.command('reconcile', '--from', iso(await nowOf(till) - DAY * 1000))).code, 1);
  });

  test('one that is gone is settled, also when another time is compared', async () => {
    const { currency, fee, payout } = seeded;
    await forge(till, `UPDATE ledger_lines SET currency = 'USD' WHERE entry_id = ${entry(currency.id, 'capture')}`);
    await forge(till, `UPDATE ledger_lines SET amount = sign(amount) * 59 WHERE entry_id = ${entry(fee.id, 'fee')}`);
    await forge(till, `DELETE FROM ledger_lines WHERE entry_id = ${entry(INVENTED, 'capture')};
      DELETE FROM ledger_entries WHERE source = '${INVENTED}'; DELETE FROM payments WHERE id = '${INVENTED}'`);
    const now = await nowOf(till);
    await reconcile(till, { from: iso(now - 30 * DAY * 1000), to: iso(now - 29 * DAY * 1000) });
    const left = (await waiting(till)).map(({ object }) => object);
    for (const gone of [currency.id, fee.id, INVENTED]) assert.ok(!left.includes(gone), gone);
    assert.equal(left.length, 5);
    assert.ok(left.includes(payout.id));
    const { data } = (await till.api('GET', `/api/v1/reconciliations/${first.id}/differences?limit=1000`)).body;
    const row = data.find(({ object }) => object === currency.id);
    assert.deepEqual([row.resolved_by, row.resolution], ['system', 'gone']);
    assert.ok(row.resolved_at);
  });

  test('what a person settled is not asked again, until it changes', async () => {
    await till.db.value(`UPDATE decisions SET done_at = now(), done_by = 'ada', resolution = '=1+1, the other "shop"'
      WHERE kind = 'difference' AND object = '${seeded.stranger.latest_charge}'`);
    const { differences, id } = await reconcile(till);
    const accepted = differences.find(({ reference }) => reference === seeded.stranger.latest_charge);
    assert.equal(accepted.resolved_by, 'ada');
    assert.equal((await waiting(till)).length, 4);
    const csv = await till.api('GET', `/api/v1/reconciliations/${id}/differences`, { headers: { accept: 'text/csv' } });
    assert.match(csv.headers.get('content-type'), /^text\/csv/);
    assert.match(csv.headers.get('content-disposition'), new RegExp(`^attachment; filename="${id}.csv"$`));
    const lines = csv.text.split('\r\n');
    assert.equal(lines[0], 'number,kind,object,reference,ours,ours_currency,theirs,theirs_currency,known,suggestion,resolved_at,resolution');
    assert.equal(lines.length, differences.length + 2);
    assert.ok(csv.text.includes(`,"'=1+1, the other ""shop"""\r\n`), 'no formula, and quotes doubled');
    assert.ok(csv.text.includes('"-11.11"'), 'an amount below zero stays a number');
    const same = await till.api('GET', `/api/v1/reconciliations/${id}/differences?format=csv`);
    assert.equal(same.text, csv.text);
    const page = await till.api('GET', `/api/v1/reconciliations/${id}/differences?limit=2`);
    assert.deepEqual([page.body.data.length, page.body.has_more, page.body.next_cursor], [2, true, '2']);
    const next = await till.api('GET', `/api/v1/reconciliations/${id}/differences?limit=2&cursor=2`);
    assert.equal(next.body.data[0].number, 3);
  });

  test('a balance that nothing explains is a difference, until it is written down', async () => {
    const { charge } = await balanceOff(till);
    const { differences } = await reconcile(till);
    const off = differences.find(({ object }) => object === 'stripe:receivable');
    assert.equal(off?.kind, 'amount');
    assert.match(off.suggestion, /till ledger opening/);
    assert.equal((await till.command('ledger', 'opening', '-3.21', 'USD')).code, 2);
    assert.equal((await till.command('ledger', 'opening', charge, 'USD')).code, 0);
    assert.equal((await till.command('ledger', 'opening', charge, 'USD')).code, 1, 'once');
    const then = await reconcile(till);
    assert.ok(!then.differences.some(({ object }) => object === 'stripe:receivable'), JSON.stringify(then.report.totals));
    assert.ok(!(await waiting(till)).some(({ object }) => object.startsWith('stripe:receivable')));
  });

  /** Money that came long before these books began. */
  async function balanceOff() {
    await till.sandbox.dashboard('movement', { type: 'topup', reporting_category: 'topup', amount: 321, currency: 'usd' });
    await forge(till, `DELETE FROM movements WHERE kind = 'other'`);
    const id = (await till.sandbox.stripe('GET', 'balance_transactions', { type: 'topup' })).body.data[0].id;
    await till.db.value(`INSERT INTO movements SELECT 'stripe', '${id}', 'other', NULL, NULL, NULL, 321, 0, 'USD', 321, 'USD', NULL, false,
      now() - interval '100 days', now()`);
    return { charge: '3.21' };
  }

  test('a key needs reports:read', async () => {
    const poor = await till.makeKey('payments:read');
    for (const address of ['', `/${first.id}`, `/${first.id}/differences`]) {
      isProblem(await till.api('GET', `/api/v1/reconciliations${address}`, { apiKey: poor }), 403, 'FORBIDDEN');
      assert.equal((await till.api('GET', `/api/v1/reconciliations${address}`, { apiKey: await till.makeKey('reports:read') })).status, 200);
    }
    isProblem(await till.api('GET', `/api/v1/reconciliations/rec_${'0'.repeat(26)}`), 404, 'NOT_FOUND');
  });
});

describe('till ledger check', () => {
  let till, payment, refund, contested;
  before(async () => {
    till = await startTill();
    payment = await paid(till);
    refund = (await act(till, payment.id, 'refund', { amount: usd('4.00') })).body;
    contested = await paid(till);
    await dispute(till, contested);
    await disputeState(till, contested.id, 'open');
    contested.dispute = await till.db.value('SELECT id FROM disputes');
  });
  after(() => closed(till));

  const lines = (source, kind) => `entry_id = (SELECT id FROM ledger_entries WHERE source = '${source}' AND kind = '${kind}')`;

  // What somebody with all power does, how it is undone, and the rules that are broken meanwhile.
  const breaches = {
    'an entry that does not balance': () => [
      `UPDATE ledger_lines SET amount = amount - 1 WHERE account = 'sales' AND ${lines(payment.id, 'capture')}`,
      `UPDATE ledger_lines SET amount = amount + 1 WHERE account = 'sales' AND ${lines(payment.id, 'capture')}`,
      ['entries_balance', 'payments_equal_ledger']],
    'more given back than was taken': () => [
      `UPDATE refunds SET amount = 1001 WHERE id = '${refund.id}'`, `UPDATE refunds SET amount = 400 WHERE id = '${refund.id}'`,
      ['refunds_equal_ledger', 'refunds_equal_payments', 'refunds_within_captured']],
    'a payment that says it has more': () => [
      `UPDATE payments SET amount = 2000, amount_captured = 2000 WHERE id = '${payment.id}'`,
      `UPDATE payments SET amount = 1000, amount_captured = 1000 WHERE id = '${payment.id}'`, ['payments_equal_ledger']],
    'a refund that was never booked': () => [
      `UPDATE ledger_entries SET source = 'x${refund.id}' WHERE source = '${refund.id}'`,
      `UPDATE ledger_entries SET source = '${refund.id}' WHERE source = 'x${refund.id}'`, ['receivable_has_reasons', 'refunds_equal_ledger']],
    'a dispute that holds nothing back': () => [
      `UPDATE disputes SET status = 'won' WHERE id = '${contested.dispute}'`, `UPDATE disputes SET status = 'open' WHERE id = '${contested.dispute}'`,
      ['disputes_equal_ledger']],
  };

  for (const [name, forged] of Object.entries(breaches)) {
    test(`names ${name}`, async () => {
      const [broken, mended, rules] = forged();
      await forge(till, broken);
      const { code, stderr } = await till.command('ledger', 'check');
      await forge(till, mended);
      assert.equal(code, 1);
      assert.deepEqual([...new Set([...stderr.matchAll(/^till ledger check: (\w+): /gm)].map(([, rule]) => rule))].sort(), rules, stderr);
      const good = await till.command('ledger', 'check');
      assert.equal(good.code, 0, good.stderr);
      assert.match(good.stdout, /\d+ entries, 0 out of balance, 0 breaches\n$/);
    });
  }

  test('balances of a day are what it moved and what was there before', async () => {
    const today = iso(await nowOf(till)).slice(0, 10);
    const before = JSON.parse((await till.command('ledger', 'balances', '--day', '2020-01-01', '--json')).stdout);
    assert.deepEqual(before, []);
    const rows = JSON.parse((await till.command('ledger', 'balances', '--day', today, '--json')).stdout);
    const refunds = rows.find(({ account }) => account === 'refunds');
    assert.deepEqual(refunds, { account: 'refunds', currency: 'USD', before: '0.00', debits: '4.00', credits: '0.00', after: '4.00' });
    assert.equal((await till.command('ledger', 'balances', '--day', 'today')).code, 2);
  });
});
