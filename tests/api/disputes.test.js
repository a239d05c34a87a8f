'use strict';

// Disputes: seen, answered with words and files, reminded of in time, and no refund meanwhile.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { act, advance, closed, get, isProblem, oracle, paid, pointers } = require('./books.js');

let till;
before(async () => { till = await startTill(); });
after(() => closed(till));

const PDF = Buffer.from('%PDF-1.4\r\n--till\r\n\0\xff a receipt', 'latin1');
const call = (method, address, body, key) => till.api(method, `/api/v1/disputes${address}`, { body, key });
const waiting = (object) => till.db.rows(`SELECT kind, resolution FROM decisions WHERE object = '${object}' ORDER BY id`);

/** A payment that its payer contests: [dispute, payment]. */
async function contested(more = {}) {
  const payment = await paid(till);
  await till.sandbox.dashboard('dispute', { payment_intent: payment.provider_payment_id, ...more });
  const of = () => call('GET', `?payment_id=${payment.id}`);
  await until(async () => (await of()).body.data.length === 1, 'the dispute');
  return [(await of()).body.data[0], payment];
}

const theirs = async (dispute) => (await till.sandbox.stripe('GET', `disputes/${dispute.provider_dispute_id}`)).body;
const evidence = (dispute, body) => call('POST', `/${dispute.id}/evidence`, body);
const file = (dispute, more = {}) =>
  call('POST', `/${dispute.id}/files`, { kind: 'receipt', name: 'receipt.pdf', content_type: 'application/pdf', content: PDF.toString('base64'), ...more });

describe('a dispute', { concurrency: 3 }, () => {
  test('is won with words and files, and the money comes back', async () => {
    const [dispute, payment] = await contested();
    assert.deepEqual([dispute.status, dispute.amount.value, dispute.evidence_sent_at], ['open', '10.00', null]);
    assert.deepEqual((await call('GET', `/${dispute.id}`)).body, dispute);
    assert.deepEqual((await call('GET', `/${dispute.provider_dispute_id}`)).body, dispute);
    isProblem(await act(till, payment.id, 'refund'), 400, 'INVALID_STATUS');

    const [first, again] = [await file(dispute), await file(dispute)];
    assert.equal(first.status, 201, first.text);
    assert.deepEqual([again.body.id, first.body.size], [first.body.id, PDF.length], 'the same file is one');
    await file(dispute, { kind: 'other', name: 'a.png', content_type: 'image/png' });
    assert.deepEqual((await call('GET', `/${dispute.id}/files`)).body.data.map((one) => one.kind), ['receipt', 'other']);

    const kept = await evidence(dispute, { product_description: 'A notebook', submit: false });
    assert.deepEqual([kept.status, kept.body.evidence_sent_at], [200, null], kept.text);
    assert.deepEqual([(await theirs(dispute)).status, (await theirs(dispute)).evidence.product_description], ['needs_response', 'A notebook']);
    const sent = await evidence(dispute, { customer_email: 'canary-dispute@example.org', customer_ip: '192.0.2.1', text: 'winning_evidence' });
    assert.equal(sent.status, 200, sent.text);
    assert.equal(sent.body.status, 'won');
    assert.ok(sent.body.evidence_sent_at);
    const { evidence: said } = await theirs(dispute);
    assert.deepEqual([said.customer_email_address, said.customer_purchase_ip, said.uncategorized_text], ['canary-dispute@example.org', '192.0.2.1', 'winning_evidence']);
    const given = (await till.sandbox.stripe('GET', `files/${said.receipt}`)).body;
    assert.deepEqual([given.purpose, given.size, given.filename, given.type], ['dispute_evidence', PDF.length, 'receipt.pdf', 'pdf']);
    assert.match(said.uncategorized_file, /^file_/);

    assert.equal((await get(till, payment.id)).dispute_state, 'won');
    assert.deepEqual(await waiting(dispute.id), [{ kind: 'dispute', resolution: 'evidence sent' }]);
    const told = await till.db.rows(`SELECT type FROM events WHERE object_id = '${dispute.id}' ORDER BY id`);
    assert.deepEqual(told.map((one) => one.type), ['dispute.open', 'dispute.evidence_sent', 'dispute.won']);
    const [{ held }] = await till.db.rows(`SELECT sum(l.amount) AS held FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id WHERE e.source = '${dispute.id}' AND l.account = 'disputes'`);
    assert.equal(held, 0);
    assert.equal((await act(till, payment.id, 'refund')).status, 201, 'what was won can be given back');
    assert.deepEqual(await till.db.rows("SELECT id FROM audit_log WHERE details::text LIKE '%canary-dispute%'"), []);
    isProblem(await evidence(dispute, { text: 'more' }), 400, 'INVALID_STATUS');
    isProblem(await file(dispute), 400, 'INVALID_STATUS');
  });

  test('is lost with the wrong words, and the loss is in the books', async () => {
    const [dispute, payment] = await contested({ reason: 'product_not_received' });
    assert.equal((await evidence(dispute, { text: 'losing_evidence' })).body.status, 'lost');
    const [{ lost }] = await till.db.rows(`SELECT sum(l.amount) AS lost FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id WHERE e.source = '${dispute.id}' AND l.account = 'dispute_losses'`);
    assert.equal(lost, 1000);
    isProblem(await act(till, payment.id, 'refund'), 400, 'INVALID_STATUS');
    assert.equal((await oracle(till, payment.id)).refunded, 0);
  });

  test('is accepted: the payer keeps the money, once', async () => {
    const [dispute, payment] = await contested();
    const auditor = await till.makeKey('disputes:read');
    isProblem(await till.api('POST', `/api/v1/disputes/${dispute.id}/accept`, { apiKey: auditor }), 403, 'FORBIDDEN');
    await till.sandbox.dials({ rules: [{ operation: 'POST /v1/disputes/{id}/close', action: 'error_500_executed', times: 1 }] });
    const answer = await call('POST', `/${dispute.id}/accept`);
    assert.deepEqual([answer.status, answer.body.status], [200, 'lost'], answer.text);
    assert.equal((await theirs(dispute)).status, 'lost');
    assert.equal((await get(till, payment.id)).dispute_state, 'lost');
    assert.deepEqual(await waiting(dispute.id), [{ kind: 'dispute', resolution: 'lost' }]);
    const booked = await till.db.rows(`SELECT l.account, sum(l.amount)::int AS sum FROM ledger_lines l JOIN ledger_entries e ON e.id = l.entry_id
        WHERE e.source = '${dispute.id}' AND l.account IN ('disputes', 'dispute_losses') GROUP BY 1 ORDER BY 1`);
    assert.deepEqual(booked.map(({ account, sum }) => [account, Number(sum)]), [['dispute_losses', 1000], ['disputes', 0]]);
    isProblem(await call('POST', `/${dispute.id}/accept`), 400, 'INVALID_STATUS');
    assert.equal(await till.db.value(`SELECT count(*) FROM audit_log WHERE object = '${dispute.id}' AND action = 'dispute.accept_requested'`), '1');
    const [inquiry] = await contested({ inquiry: true });
    isProblem(await call('POST', `/${inquiry.id}/accept`), 400, 'INVALID_STATUS');
    isProblem(await call('POST', '/dsp_00000000000000000000000000/accept'), 404, 'NOT_FOUND');
  });

  test('that the bank has the evidence for is not answered twice, wherever it was answered', async () => {
    const [dispute] = await contested();
    const [other] = await contested();
    assert.equal((await evidence(dispute, { text: 'It came.' })).body.status, 'open', 'the bank decides');
    isProblem(await evidence(dispute, { text: 'It did come.' }), 400, 'INVALID_STATUS');
    await till.sandbox.stripe('POST', `disputes/${other.provider_dispute_id}`, { 'evidence[uncategorized_text]': 'In the dashboard', submit: 'true' });
    await until(async () => (await call('GET', `/${other.id}`)).body.evidence_sent_at, 'the answer of the dashboard');
    assert.deepEqual(await waiting(other.id), [{ kind: 'dispute', resolution: 'evidence sent' }]);
  });

  test('takes files as large as the bank does, all together, of each kind the last one', async () => {
    const [dispute] = await contested();
    const large = (size, letter) => ({ content: Buffer.concat([PDF, Buffer.alloc(size - PDF.length, letter)]).toString('base64') });
    await till.sandbox.dials([{ operation: 'POST /v1/files', action: 'delay', ms: 3000, times: 1 }]); // more than a payment may take
    const first = await file(dispute, large(4400000, 'a'));
    assert.equal(first.status, 201, first.text.slice(0, 300));
    assert.equal(first.body.size, 4400000);
    const more = await file(dispute, { kind: 'other', ...large(200000, 'b') });
    isProblem(more, 400, 'VALIDATION_ERROR');
    assert.match(more.body.errors[0].detail ?? more.text, /4600 KB of files with the others; the bank takes 4500 KB/);
    assert.equal((await file(dispute, large(300000, 'c'))).status, 201, 'in the place of the first');
    assert.equal((await file(dispute, { kind: 'other', ...large(200000, 'b') })).status, 201);
    assert.equal((await file(dispute, large(4500001, 'd'))).status, 400);
    assert.equal((await file(dispute, large(6000000, 'e'))).status, 413);
  });

  test('is listed, and what is wrong is said at once', async () => {
    const [dispute] = await contested();
    const page = await call('GET', '?limit=1&status=open');
    assert.equal(page.body.data.length, 1);
    assert.ok((await call('GET', `?limit=100&status=open&cursor=${page.body.data[0].id}`)).body.data.every((one) => one.id < page.body.data[0].id));
    isProblem(await call('GET', '?status=angry'), 400, 'VALIDATION_ERROR');
    isProblem(await call('GET', '/dsp_00000000000000000000000000'), 404, 'NOT_FOUND');
    isProblem(await evidence(dispute, {}), 400, 'VALIDATION_ERROR');
    const wrong = await file(dispute, { kind: 'photo', content_type: 'text/html', name: 'a"b' });
    assert.deepEqual([wrong.status, pointers(wrong)], [400, ['#/content_type', '#/kind', '#/name']]);
    assert.deepEqual(pointers(await file(dispute, { content: '%%%' })), ['#/content']);
    const reader = await till.makeKey('payments:read');
    isProblem(await till.api('GET', '/api/v1/disputes', { apiKey: reader }), 403, 'FORBIDDEN');
  });
});

test('one that nobody answers asks for a person before it is too late, and then it is', async () => {
  const [dispute] = await contested();
  const [answered] = await contested();
  await evidence(answered, { text: 'It came.' });
  await advance(till, 4 * 86400 + 600);
  await until(async () => (await waiting(dispute.id)).some((one) => one.kind === 'dispute_due'), 'the reminder');
  assert.ok(!(await waiting(answered.id)).some((one) => one.kind === 'dispute_due'));
  await advance(till, 3 * 86400);
  isProblem(await evidence(dispute, { text: 'Late.' }), 400, 'INVALID_STATUS');
});
