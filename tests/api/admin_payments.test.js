'use strict';

// The dashboard's money: who sees what, what a list and a search find, and that what is sent twenty times happens once.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { decode, signIn } = require('../lib/admin.js');
const { act, closed, get, oracle, paid, pay, usd } = require('./books.js');

let till, finance, support, auditor, developer;
const HOSTILE = '<script>alert(1)</script>"\'&{{id}}';

before(async () => {
  till = await startTill({ env: { TILL_REFUND_APPROVAL_LIMIT: '50.00 USD', STRIPE_MULTICAPTURE: 'true' } });
  [finance, support, auditor, developer] = [
    await signIn(till, 'finance'), await signIn(till, 'support'), await signIn(till, 'auditor'), await signIn(till, 'developer'),
  ];
});
after(async () => {
  // rows that no way led to have no audit and no books
  await till?.db.value("SET session_replication_role = replica; DELETE FROM payments WHERE created_by = 'test'");
  await closed(till);
});

const text = (page) => decode(page.text.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
const ids = (page) => [...page.text.matchAll(/payment (pay_[0-9a-z]{26})</g)].map((match) => match[1]);
const list = async (query, who = finance) => {
  const page = await who.get(`/admin/payments?${new URLSearchParams(query)}`);
  assert.equal(page.status, 200, page.text);
  return page;
};
const once = (page) => page.text.match(/name="once" value="([0-9a-f]+)"/)[1];
const refundOf = async (who, id, form) => {
  const preview = await who.post(`/admin/payments/${id}/refund`, { extent: 'part', reason: 'duplicate', note: '', ...form });
  assert.equal(preview.status, 200, preview.text);
  return { preview, form: { extent: 'part', reason: 'duplicate', note: '', ...form, confirmed: 'yes', once: once(preview) } };
};
const audited = (action, object) =>
  till.db.rows(`SELECT principal, object, details FROM audit_log WHERE action = '${action}'${object ? ` AND object = '${object}'` : ''}`);

describe('the list', () => {
  let customer, one, refunded, failed, held;
  before(async () => {
    customer = (await till.api('POST', '/api/v1/customers', { body: { reference: 'kim-7', email: 'kim@shop.example', name: HOSTILE } })).body;
    one = await paid(till, { amount: usd('20.00'), customer_id: customer.id, reference: 'order-77', description: HOSTILE, metadata: { note: HOSTILE } });
    refunded = await paid(till, { amount: usd('31.00'), reference: '=HYPERLINK("http://x")' });
    await act(till, refunded.id, 'refund', { amount: usd('1.00') });
    failed = (await pay(till, { amount: { value: '12.00', currency: 'EUR' }, payment_method_id: 'pm_card_chargeDeclined' })).body.payment_id;
    held = await paid(till, { amount: { value: '700', currency: 'JPY' }, capture: false });
  });

  test('each filter leaves what fits, and its address shows the same again', async () => {
    const cases = [
      [{}, [held.id, failed, refunded.id, one.id]],
      [{ status: 'failed' }, [failed]],
      [{ status: 'authorized' }, [held.id]],
      [{ status: 'unknown' }, []],
      [{ refunded: 'any' }, [refunded.id]],
      [{ refunded: 'partial', currency: 'usd' }, [refunded.id]],
      [{ refunded: 'full' }, []],
      [{ disputed: 'any' }, []],
      [{ currency: 'EUR' }, [failed]],
      [{ provider: 'stripe', status: 'succeeded' }, [refunded.id, one.id]],
      [{ method: 'visa', last4: '4242', status: 'succeeded' }, [refunded.id, one.id]],
      [{ customer: customer.id }, [one.id]],
      [{ reference: 'order-77' }, [one.id]],
      [{ amount_from: '20', amount_to: '20.00' }, [one.id]],
      [{ amount_from: '700' }, [held.id]],
      [{ from: '2000-01-01', to: '2000-01-02' }, []],
      [{ from: '2020-01-01', mode: 'test' }, [held.id, failed, refunded.id, one.id]],
      [{ mode: 'live' }, []],
      [{ q: 'order-77' }, [one.id]],
      [{ q: 'kim@SHOP.example' }, [one.id]],
      [{ q: 'nobody@shop.example' }, []],
      [{ q: `4242 20.00 ${new Date().toISOString().slice(0, 10)}` }, [one.id]],
      [{ q: '4242 20.00 2001-01-01' }, []],
      [{ q: '31.00 USD' }, [refunded.id]],
      [{ q: customer.id }, [one.id]],
      [{ q: 'no such thing' }, []],
    ];
    for (const [query, expected] of cases) assert.deepEqual(ids(await list(query)), expected, JSON.stringify(query));
  });

  test('an id of ours or of the provider opens its payment', async () => {
    const { provider_payment_id: intent } = await get(till, one.id);
    const { data: [refund] } = (await till.api('GET', `/api/v1/payments/${refunded.id}/refunds`)).body;
    for (const [q, id] of [[one.id, one.id], [` ${intent} `, one.id], [refund.id, refunded.id], [refund.provider_refund_id, refunded.id]]) {
      const answer = await finance.get(`/admin/payments?${new URLSearchParams({ q })}`);
      assert.equal(answer.status, 303, q);
      assert.equal(answer.location, `/admin/payments/${id}`);
    }
    assert.equal((await finance.get(`/admin/payments/${intent}`)).status, 200);
  });

  test('what cannot be a filter is said beside it', async () => {
    const page = await finance.get('/admin/payments?status=nope&amount_from=1e3&currency=XXQ&from=yesterday&last4=12');
    assert.equal(page.status, 400);
    for (const name of ['status', 'amount_from', 'currency', 'from', 'last4']) assert.match(page.text, new RegExp(`href="#f-${name}"`));
  });

  test('what was typed by others shows as text', async () => {
    for (const page of [await list({}), await finance.get(`/admin/payments/${one.id}`), await list({ q: HOSTILE })]) {
      assert.doesNotMatch(page.text, /<script>alert/);
      assert.doesNotMatch(page.text, /"'&pay_/);
    }
    assert.ok(text(await finance.get(`/admin/payments/${one.id}`)).includes(HOSTILE));
  });

  test('pages lead on and back, without one left out', async () => {
    await till.db.value(`INSERT INTO payments (id, mode, status, amount, currency, capture, confirmation, provider, created_by, reference, created_at, updated_at)
      SELECT 'pay_00' || lpad(i::text, 24, '0'), 'test', 'cancelled', 100 + i, 'CHF', 'automatic', 'manual', 'stripe', 'test', 'many', to_timestamp(i), to_timestamp(i)
        FROM generate_series(1, 120) i`);
    const seen = [];
    let address = '/admin/payments?reference=many';
    const pages = [];
    while (address) {
      const page = await finance.get(address);
      pages.push(address);
      seen.push(...ids(page));
      address = decode(page.text.match(/href="([^"]*)" rel="next"/)?.[1] ?? '');
    }
    assert.equal(seen.length, 120);
    assert.deepEqual(seen, [...seen].sort().reverse());
    const last = await finance.get(pages[pages.length - 1]);
    const back = await finance.get(decode(last.text.match(/href="([^"]*)" rel="prev"/)[1]));
    assert.deepEqual(ids(back), seen.slice(50, 100));
    assert.deepEqual(ids(await finance.get(decode(back.text.match(/href="([^"]*)" rel="prev"/)[1]))), seen.slice(0, 50));
  });

  test('CSV is what the filters show, safe in a spreadsheet, and in the audit log', async () => {
    const page = await finance.get('/admin/payments/export?reference=many&amount_from=1.10');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/csv/);
    assert.match(page.headers.get('content-disposition'), /attachment; filename="payments-\d{4}-\d\d-\d\d\.csv"/);
    const lines = page.text.trimEnd().split('\r\n');
    assert.equal(lines.length, 1 + 111);
    assert.match(lines[0], /^id,created_at,status,amount,currency/);
    assert.match((await finance.get('/admin/payments/export?currency=USD')).text, /"'=HYPERLINK\(""http:\/\/x""\)"/);
    const entries = await audited('payments.exported');
    assert.ok(entries.some((entry) => entry.principal === finance.user.id && entry.details.filters.includes('reference')));
    assert.ok((await audited('payments.export_finished')).some((entry) => entry.details.rows === 111));
    assert.equal((await support.get('/admin/payments/export')).status, 403);
  });

  test('many thousand lines leave in bounded memory', async () => {
    await till.db.value(`INSERT INTO payments (id, mode, status, amount, currency, capture, confirmation, provider, created_by, reference, created_at, updated_at)
      SELECT 'pay_01' || lpad(i::text, 24, '0'), 'test', 'cancelled', 100, 'NOK', 'automatic', 'manual', 'stripe', 'test', 'thousands', to_timestamp(i), to_timestamp(i)
        FROM generate_series(1, 20000) i`);
    const page = await finance.get('/admin/payments/export?reference=thousands');
    assert.equal(page.text.trimEnd().split('\r\n').length, 20001);
  });

  test('views are kept for whoever keeps them', async () => {
    const saved = await finance.submit('/admin/payments/views', { name: `Failed ${HOSTILE}`, query: 'status=failed&currency=EUR' });
    assert.deepEqual(ids(saved), [failed]);
    assert.ok(text(saved).includes(`Failed ${HOSTILE}`));
    assert.doesNotMatch((await support.get('/admin/payments')).text, /data-test="views"/);
    const id = saved.text.match(/views\/(view_[0-9a-z]+)\/delete/)[1];
    assert.equal((await support.post(`/admin/payments/views/${id}/delete`)).status, 404);
    assert.equal((await finance.post('/admin/payments/views', { name: '', query: 'status=failed' })).status, 400);
    assert.equal((await finance.post('/admin/payments/views', { name: 'x', query: '"><script>' })).status, 400);
    await finance.submit(`/admin/payments/views/${id}/delete`);
    assert.doesNotMatch((await finance.get('/admin/payments')).text, /data-test="views"/);
  });
});

describe('a payment', () => {
  test('tells its whole story, with what is private taken out', async () => {
    const customer = (await till.api('POST', '/api/v1/customers', { body: { email: 'secret.person@shop.example', name: 'Secret Person' } })).body;
    const payment = await paid(till, { customer_id: customer.id });
    await act(till, payment.id, 'refund', { amount: usd('4.00') });
    await till.sandbox.settle();
    const page = await finance.get(`/admin/payments/${payment.id}`);
    const words = text(page);
    for (const expected of ['Captured $10.00', 'Refunded $4.00', 'A charge was begun', 'Paid', 'A refund went back', 'Debit refunds $4.00, credit stripe:receivable $4.00',
      'The shop is told: payment.succeeded', 'Attempt: Charge. Succeeded', 'Visa •••• 4242', 'Next: Nothing'])
      assert.ok(words.includes(expected), `${expected}: ${words}`);
    assert.match(words, /Charge \$10\.00 Succeeded .*? request req_\w+/, 'what Stripe is asked about');
    assert.doesNotMatch(page.text, /secret\.person|Secret Person|_secret_/);
    assert.ok(words.includes('s•••@s•••.example'));
    const shown = await finance.post(`/admin/payments/${payment.id}/reveal`);
    assert.ok(text(shown).includes('secret.person@shop.example'));
    assert.equal((await audited('customer.revealed', customer.id)).length, 1);
    assert.equal((await support.post(`/admin/payments/${payment.id}/reveal`)).status, 403);
    assert.doesNotMatch((await support.get(`/admin/payments/${payment.id}`)).text, /data-test="reveal"/);
  });

  test('shows what the bank and the provider found out, and is found by its risk', async () => {
    const shown = async (id) => text(await finance.get(`/admin/payments/${id}`));
    const risky = await paid(till, { payment_method_id: 'pm_card_riskLevelElevated' });
    assert.match(await shown(risky.id), /Risk and checks Security code Matches Risk Elevated 70 of 100 Verdict Accepted/);
    assert.deepEqual(ids(await list({ risk: 'elevated' })), [risky.id]);
    assert.match(text(await list({ risk: 'elevated', currency: 'USD' })), /Succeeded Risk elevated/);
    assert.deepEqual(ids(await list({ risk: 'highest' })), []);
    assert.ok(!ids(await list({ risk: 'normal' })).includes(risky.id));
    assert.match((await finance.get('/admin/payments/export?risk=elevated')).text, new RegExp(`${risky.id}.*,"elevated"\r\n$`));
    assert.equal((await finance.get('/admin/payments?risk=low')).status, 400);
    assert.match(await shown(risky.id), /No payout is known to have it yet/);
    await till.db.value(`INSERT INTO movements (provider, reference, kind, source, payment_reference, amount, fee, currency, source_amount, source_currency, payout, composed, created_at, imported_at)
      VALUES ('stripe', 'txn_risky', 'charge', 'ch_risky', '${risky.provider_payment_id}', 1000, 30, 'USD', 1000, 'USD', 'po_risky', false, now(), now())`);
    assert.match(await shown(risky.id), /Went to the bank with po_risky/);
    assert.match((await finance.get(`/admin/payments/${risky.id}`)).text, /href="\/admin\/reconciliation\/payouts\/po_risky"/);
    await till.db.value("DELETE FROM movements WHERE reference = 'txn_risky'"); // the provider has none like this

    const moved = await paid(till, { payment_method_id: 'pm_card_avsFail' });
    assert.match(await shown(moved.id), /Postcode Does not match Street Does not match Risk Normal/);
    const declined = (await pay(till, { payment_method_id: 'pm_card_chargeDeclinedIncorrectCvc' })).body.payment_id;
    await until(async () => /Security code Does not match .*Verdict Declined by the bank/.test(await shown(declined)), 'what the bank said of it, which comes later');

    const asked = (await pay(till, { payment_method_id: 'pm_card_authenticationRequired' })).body;
    assert.equal(asked.status, 'requires_action');
    assert.doesNotMatch(await shown(asked.id), /Risk and checks/, 'nothing was found out yet');
    await till.sandbox.bank(asked.provider_payment_id, 'complete');
    await finance.post(`/admin/payments/${asked.id}/sync`);
    const page = await shown(asked.id);
    assert.match(page, /3-D Secure Confirmed challenge, version 2\.2\.0/);
    assert.match(page, /Attempt: Charge\. Succeeded .*3-D Secure: Confirmed \(challenge, version 2\.2\.0\)/, 'on the time line, too');
    for (const answer of [await get(till, asked.id), await get(till, risky.id)]) assert.doesNotMatch(JSON.stringify(answer), /elevated|authenticated/, 'a payer may read this');
  });

  test('is captured in part, and cancelled, once however often it is sent', async () => {
    const part = await paid(till, { capture: false }), whole = await paid(till, { capture: false });
    const page = await finance.get(`/admin/payments/${part.id}`);
    assert.match(text(page), /Next: Capture it, or cancel it/);
    const refused = await finance.post(`/admin/payments/${part.id}/capture`, { amount: '10.01', once: once(page) });
    assert.equal(refused.status, 400);
    const form = { amount: '6.00', once: once(page) };
    const answers = await Promise.all(Array.from({ length: 5 }, () => finance.post(`/admin/payments/${part.id}/capture`, form)));
    assert.ok(answers.every((answer) => answer.status === 303), answers.map((answer) => answer.status).join());
    assert.equal((await get(till, part.id)).amount_captured.value, '6.00');
    assert.equal((await oracle(till, part.id)).captured, 600);
    const parcels = await paid(till, { capture: false });
    const first = await finance.submit(`/admin/payments/${parcels.id}/capture`, { amount: '4.00', rest: 'hold', once: once(await finance.get(`/admin/payments/${parcels.id}`)) });
    assert.match(text(first), /\$4\.00 was captured; \$6\.00 is still held\..*Partly captured.*Next: Capture more, or release the rest\..*Captured \$4\.00.*Still held \$6\.00/);
    assert.match(text(first), /Release the rest.*The \$6\.00 that are still held are released; what was captured stays/);
    const rest = await finance.submit(`/admin/payments/${parcels.id}/cancel`, { reason: 'abandoned', once: once(first) });
    assert.match(text(rest), /The rest is released; \$4\.00 was captured\./);
    assert.deepEqual([(await get(till, parcels.id)).status, (await oracle(till, parcels.id)).captured], ['succeeded', 400]);
    const other = await finance.get(`/admin/payments/${whole.id}`);
    assert.equal((await finance.post(`/admin/payments/${whole.id}/cancel`, { reason: 'nope', once: once(other) })).status, 400);
    const done = await finance.submit(`/admin/payments/${whole.id}/cancel`, { reason: 'duplicate', once: once(other) });
    assert.match(text(done), /The payment is cancelled; nothing is charged/);
    assert.equal((await get(till, whole.id)).status, 'cancelled');
    assert.equal((await finance.post(`/admin/payments/${whole.id}/cancel`, { reason: 'duplicate' })).status, 400); // no key
  });

  test('is asked about, and what waits for a person is resolved with a reason', async () => {
    const payment = await paid(till);
    assert.match(text(await finance.submit(`/admin/payments/${payment.id}/sync`)), /This is how the provider says it stands/);
    await till.sandbox.dials([{ operation: 'GET /v1/payment_intents/{id}', action: 'error_500_not_executed' }]);
    assert.match(text(await finance.submit(`/admin/payments/${payment.id}/sync`)), /did not answer/);
    await till.sandbox.clearDials();
    await till.db.value(`INSERT INTO decisions (id, kind, object, known, suggestion, created_at)
      VALUES ('dec_1', 'unknown_outcome', '${payment.id}', 'Nobody knows ${HOSTILE.replaceAll("'", "''")}', 'Look it up.', now());
      INSERT INTO jobs (kind, subject, state, run_at, error) VALUES ('payment.resolve', '${payment.id}', 'dead', now(), 'no')`);
    const page = await finance.get(`/admin/payments/${payment.id}`);
    assert.ok(text(page).includes(`Nobody knows ${HOSTILE}`));
    assert.match(page.text, /data-test="resolve"/);
    assert.match(page.text, /data-test="retry"/);
    assert.equal((await finance.post(`/admin/payments/${payment.id}/resolve`, { reason: '  ' })).status, 400);
    await finance.submit(`/admin/payments/${payment.id}/resolve`, { reason: 'Stripe says it is paid.' });
    assert.deepEqual(await till.db.rows(`SELECT done_by, resolution FROM decisions WHERE id = 'dec_1'`),
      [{ done_by: finance.user.id, resolution: 'Stripe says it is paid.' }]);
    assert.equal((await audited('payment.resolved', payment.id)).length, 1);
    await finance.submit(`/admin/payments/${payment.id}/retry`);
    assert.equal(await till.db.value(`SELECT count(*) FROM jobs WHERE subject = '${payment.id}' AND state = 'dead'`), '0');
  });
});

describe('refunds', () => {
  test('show what they do, in money, before they do it', async () => {
    const payment = await paid(till, { amount: usd('40.00') });
    const dialog = await finance.get(`/admin/payments/${payment.id}/refund`);
    assert.match(text(dialog), /Left \$40\.00/);
    const bad = await finance.post(`/admin/payments/${payment.id}/refund`, { extent: 'part', amount: '40.01', reason: '' });
    assert.equal(bad.status, 400);
    const { preview, form } = await refundOf(finance, payment.id, { amount: '15.00', note: 'Broken' });
    assert.match(text(preview), /\$15\.00 goes back to the payer's Visa •••• 4242/);
    assert.match(text(preview), /\$25\.00 of the payment is left/);
    assert.match(text(preview), /No mail goes out: none is set up here/);
    assert.equal((await oracle(till, payment.id)).refunded, 0);
    assert.match(text(await finance.submit(`/admin/payments/${payment.id}/refund`, form)), /\$15\.00 went back to the payer/);
    assert.equal((await oracle(till, payment.id)).refunded, 1500);
  });

  test('are made once when the button is pressed twenty times', async () => {
    const payment = await paid(till, { amount: usd('40.00') });
    const { form } = await refundOf(finance, payment.id, { amount: '1.00' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => finance.post(`/admin/payments/${payment.id}/refund`, form)));
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [303]);
    assert.equal((await till.api('GET', `/api/v1/payments/${payment.id}/refunds`)).body.data.length, 1);
    assert.equal((await oracle(till, payment.id)).refunded, 100);
    // the same form with another amount is no repetition
    assert.equal((await finance.post(`/admin/payments/${payment.id}/refund`, { ...form, amount: '2.00' })).status, 422);
  });

  test('of what came back meanwhile say so', async () => {
    const payment = await paid(till, { amount: usd('40.00') });
    const { form } = await refundOf(finance, payment.id, { amount: '30.00' });
    await act(till, payment.id, 'refund', { amount: usd('20.00') });
    const answer = await finance.post(`/admin/payments/${payment.id}/refund`, form);
    assert.equal(answer.status, 400);
    assert.match(text(answer), /must not be more than the 20\.00 that are left/);
    assert.match(text(answer), /Left \$20\.00/);
  });

  test('of support wait for a second person, who is never the one who asked', async () => {
    const payment = await paid(till, { amount: usd('40.00') });
    const { preview, form } = await refundOf(support, payment.id, { amount: '5.00', note: HOSTILE });
    assert.match(text(preview), /Nothing goes back yet/);
    const asked = await Promise.all(Array.from({ length: 5 }, () => support.post(`/admin/payments/${payment.id}/refund`, form)));
    assert.deepEqual([...new Set(asked.map((answer) => answer.status))], [303]);
    const waiting = await till.db.rows(`SELECT id, status FROM refund_requests WHERE payment_id = '${payment.id}'`);
    assert.equal(waiting.length, 1);
    const [{ id }] = waiting;
    const address = `/admin/refunds/approvals/${id}`;
    assert.ok(text(await finance.get('/admin/refunds/approvals')).includes(HOSTILE));
    assert.match(text(await support.get(address)), /another person has to decide/);
    const page = await finance.get(address);
    assert.equal((await support.post(`${address}/approve`, { once: once(page) })).status, 403);
    assert.equal((await auditor.post(`${address}/approve`, { once: once(page) })).status, 403);
    const approved = await Promise.all(Array.from({ length: 5 }, () => finance.post(`${address}/approve`, { once: once(page) })));
    assert.deepEqual([...new Set(approved.map((answer) => answer.status))], [303]);
    assert.equal((await oracle(till, payment.id)).refunded, 500);
    assert.equal((await audited('refund.approval_approved', id))[0].principal, finance.user.id);
    assert.match(text(await finance.get(address)), /Approved/);
  });

  test('over the limit need another person and a fresh password, and are rejected with words', async () => {
    const payment = await paid(till, { amount: usd('90.00') });
    const { preview, form } = await refundOf(finance, payment.id, { amount: '50.01' });
    assert.match(text(preview), /more than one person may give back/);
    await finance.submit(`/admin/payments/${payment.id}/refund`, form);
    assert.equal((await oracle(till, payment.id)).refunded, 0);
    // nor by the API with the session
    const direct = await finance.send('POST', `/api/v1/payments/${payment.id}/refund`, {
      body: JSON.stringify({ amount: usd('50.01') }), headers: { 'content-type': 'application/json', 'x-csrf-token': finance.csrf },
    });
    assert.equal(direct.status, 403, direct.text);
    const [{ id }] = await till.db.rows(`SELECT id FROM refund_requests WHERE payment_id = '${payment.id}'`);
    const address = `/admin/refunds/approvals/${id}`;
    const own = await finance.post(`${address}/approve`, { once: '0'.repeat(32) });
    assert.notEqual(own.status, 200);
    assert.equal((await oracle(till, payment.id)).refunded, 0);
    const admin = await signIn(till, 'admin');
    const page = await admin.get(address);
    await till.db.value(`UPDATE operator_sessions SET stepped_up_at = NULL`);
    const asked = await admin.post(`${address}/approve`, { once: once(page) });
    assert.equal(asked.status, 303);
    assert.match(asked.location, /^\/admin\/step-up/);
    assert.equal((await oracle(till, payment.id)).refunded, 0);
    assert.equal((await admin.post(`${address}/reject`, { answer: '' })).status, 400);
    assert.match(text(await admin.submit(`${address}/reject`, { answer: 'Ask them for a photo first.' })), /Ask them for a photo first/);
    assert.match(text(await finance.get('/admin/refunds?status=rejected')), /Ask them for a photo first/);
  });

  test('that fail later are a task, and the list shows states as they are', async () => {
    const payment = await paid(till, { payment_method_id: 'pm_card_refundFail' });
    await act(till, payment.id, 'refund');
    await till.sandbox.settle();
    await till.api('POST', '/api/v1/maintenance/resolve');
    await finance.submit(`/admin/payments/${payment.id}/sync`);
    const page = await finance.get(`/admin/payments/${payment.id}`);
    assert.match(page.text, /data-test="tasks"/);
    assert.match(text(await finance.get('/admin/refunds?status=failed')), /Refund failed/);
    assert.equal((await finance.get('/admin/refunds?status=processing')).status, 200);
  });
});

test('who may not, sees no button and gets no further', async () => {
  const payment = await paid(till);
  for (const who of [support, auditor, developer]) {
    const page = await who.get(`/admin/payments/${payment.id}`);
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /data-test="(capture|cancel|sync|resolve|retry)"/);
    for (const verb of ['capture', 'cancel', 'sync', 'retry', 'resolve'])
      assert.equal((await who.post(`/admin/payments/${payment.id}/${verb}`, {})).status, 403, `${who.user.role} ${verb}`);
  }
  for (const who of [auditor, developer]) assert.equal((await who.get(`/admin/payments/${payment.id}/refund`)).status, 403);
  assert.equal((await finance.post(`/admin/payments/${payment.id}/sync`, { csrf: 'wrong' })).status, 403);
  assert.equal((await finance.get('/admin/payments/pay_7zzzzzzzzzzzzzzzzzzzzzzzz9')).status, 404);
  const stranger = await fetch(`${till.url}/admin/payments/${payment.id}`, { redirect: 'manual' });
  assert.equal(stranger.status, 303);
});
