'use strict';

// The rooms of the dashboard as people use them: at a desk and on a phone, in light and dark, with and without scripts, by keyboard and
// screen reader; and whatever somebody managed to store shows as text.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { until } = require('../lib/till.js');
const { makeUser, signIn, visit } = require('../lib/admin.js');
const { routeTable } = require('../lib/routes.js');
const { act, hurry, paid, usd } = require('../api/books.js');
const { assertAccessible, assertFits, assertLooks, launch, lookAtBoth, newPage, resize, shot } = require('./browser.js');
const { startTill } = require('../lib/till.js');

const EVIL = '"><script>window.hacked=1</script><img src=x onerror="window.hacked=1">{{csrf}}';

let till, browser;
const made = {};

before(async () => {
  till = await startTill({ env: { WEBHOOK_ALLOW_LOOPBACK: 'true', TILL_REFUND_APPROVAL_LIMIT: '50.00 USD' } });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await till?.stop();
});

/** A page of somebody with this role, who is signed in. */
async function open(role, address, options) {
  const page = await newPage(browser, options);
  await visit(page, till, role, address);
  return page;
}

/** Somebody in support asks for what a second person has to approve. */
async function askForRefund(payment) {
  const support = await signIn(till, 'support');
  const form = { extent: 'full', reason: 'goodwill', note: EVIL };
  const preview = await support.post(`/admin/payments/${payment.id}/refund`, { ...form, amount: '' });
  const once = preview.text.match(/name="once" value="([0-9a-f]+)"/)[1];
  const asked = await support.post(`/admin/payments/${payment.id}/refund`, { ...form, extent: 'part', amount: '60.00', confirmed: 'yes', once });
  assert.equal(asked.status, 303, asked.text);
  made.request = await till.db.value('SELECT id FROM refund_requests');
}

// Columns whose words are the program's own: it finds its way by them.
const OWN_WORDS = new RegExp(`^(${[
  'id|mode|status|state|kind|phase|operation|provider|currency|locale|role|scopes|capture|confirmation|screen|query|events|items|object|subject|origin|flash',
  'owner|caller|lane|claim|source|asked_method|next_action|risk_level|principal|principal_kind|action|password_hash',
  '(requested|created|assigned|done|decided|resolved)_(by|to)|.*_(currency|state|type|class)',
  '(payment|customer|provider_customer|object|endpoint|event|user|refund|delivery|reconciliation|checkout|dispute|method)_id',
].join('|')})$`);

const WORDS_OF_OTHERS = ['movements.source', 'webhook_events.type', 'events.type', 'mirrored_subscriptions.status', 'mirrored_invoices.status', 'audit_log.action'];

/** By which one recognises a column's text; words of a name may show with spaces. */
const markOf = (column) => `${column.replaceAll('_', '-')}!`;

/** Puts something hostile, with the column's name, into every text that is stored; answers the columns that took it. */
async function fillEveryText() {
  const columns = await till.db.rows(`SELECT table_name || '.' || column_name AS name, data_type AS type FROM information_schema.columns JOIN information_schema.tables
    USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND data_type IN ('text', 'jsonb')
    AND table_name !~ '^(schema_migrations|transitions|ledger|statistics|idempotency_keys|jobs|maintenance_runs|rate_limits|breakers|sweeps|audit_chain|webhook_secrets|user_passwords)'`);
  const filled = [];
  for (const { name, type } of columns) {
    const [table, column] = name.split('.');
    if ((OWN_WORDS.test(column) && !WORDS_OF_OTHERS.includes(name)) || name === 'customer_accounts.reference') continue;
    const text = `'${EVIL} ${markOf(name)}'`;
    const value = type === 'jsonb' ? `jsonb_build_object('note', ${text})` : `${text} || ctid::text`;
    // no trigger forbids it: the log of what was done cannot be changed otherwise
    await till.db.value(`SET session_replication_role = replica; UPDATE ${table} SET ${column} = ${value}`).then(() => filled.push(name), () => {});
  }
  return filled;
}

// Every page that the route table has, so that none is forgotten: files and what only leads on are none.
const PAGES = routeTable()
  .filter((row) => row.method === 'GET' && row.isPage && /^\/admin\/(?!sign-in)/.test(row.path) && !/\/(csv|export)$/.test(row.path));

/** What stands in a path for {id}, by the path; several where pages of a kind differ. */
const ids = () => ({
  '/admin/tasks/{id}': made.task, '/admin/customers/{id}': made.customer, '/admin/customers/{id}/erase': made.customer,
  '/admin/disputes/{id}': made.dispute, '/admin/webhooks/{id}': made.event, '/admin/webhooks/endpoints/{id}': made.endpoint,
  '/admin/webhooks/deliveries/{id}': made.delivery, '/admin/reconciliation/{id}': made.report, '/admin/reconciliation/payouts/{id}': made.payout,
  '/admin/payments/{id}': made.payment, '/admin/payments/{id}/refund': made.payment, '/admin/refunds/approvals/{id}': made.request,
  '/admin/users/{id}': made.user,
});

/** A page's name, and where it is with what was made. */
function placeOf(row) {
  const id = row.path.includes('{') ? ids()[row.path] : '';
  assert.notEqual(id, undefined, `${row.path}: say in ids() what is looked at there`);
  return { name: row.path.slice('/admin/'.length).replace('/{id}', '-one').replaceAll('/', '-'), address: row.path.replace('{id}', id) };
}

/** Nothing of what was stored became a part of the page, nor ran. */
async function isText(page, what) {
  assert.equal(await page.evaluate(() => window.hacked), undefined, `${what} ran what was stored`);
  assert.equal(await page.locator('script:not([src]), img[src="x"], [onerror]').count(), 0, `${what} took what was stored for its own`);
  assert.deepEqual(page.complaints, [], what);
}

/** Nothing sticks out to the side, nothing complains, axe finds nothing. */
async function isSound(page, what) {
  await assertFits(page, what);
  await isText(page, what);
  await assertAccessible(page);
}

describe('empty', () => {
  test('each page says so, and what comes next', async () => {
    const page = await open('owner', '/admin/overview');
    let empty = 0;
    for (const row of PAGES.filter(({ path }) => !path.includes('{'))) {
      const { name, address } = placeOf(row);
      assert.equal((await page.goto(till.url + address)).status(), 200, address);
      if (await page.locator('.empty').count()) {
        empty++;
        await lookAtBoth(page, `rooms-${name}-empty`);
      } else {
        await assertFits(page, name);
      }
    }
    assert.ok(empty >= 12, `${empty} pages are empty`);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
});

describe('filled', () => {
  before(async () => {
    const customer = await till.api('POST', '/api/v1/customers', {
      body: { email: 'canary.bird@example.org', name: `Canary ${EVIL}`, reference: EVIL.slice(0, 60), metadata: { note: EVIL } },
    });
    assert.equal(customer.status, 201, customer.text);
    made.customer = customer.body.id;
    const endpoint = await till.api('POST', '/api/v1/webhook-endpoints', { body: { url: 'http://127.0.0.1:9/%22%3E%3Cscript%3E', description: EVIL } });
    assert.equal(endpoint.status, 201, endpoint.text);
    made.endpoint = endpoint.body.id;
    const first = await paid(till, { customer_id: made.customer, description: EVIL });
    for (let i = 0; i < 4; i++) await paid(till, { amount: usd(`${20 + i * 7}.00`) });
    await paid(till, { amount: { value: '31.00', currency: 'EUR' } });
    await till.api('POST', '/api/v1/payments', { body: { amount: usd('12.00'), payment_method_id: 'pm_card_visa_chargeDeclined' } });
    await act(till, first.id, 'refund', { amount: usd('2.00') });
    for (let i = 0; i < 3; i++) {
      const contested = await paid(till, { reference: `contested-${i}` });
      await till.sandbox.dashboard('dispute', { payment_intent: contested.provider_payment_id });
    }
    await till.sandbox.stripe('POST', 'payment_intents', {
      amount: '700', currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true', 'automatic_payment_methods[enabled]': 'true',
      'automatic_payment_methods[allow_redirects]': 'never', description: EVIL,
    });
    await until(async () => (await hurry(till), (await till.db.value('SELECT count(*) FROM disputes')) === '3'), 'the disputes');
    [made.answered, made.accepted, made.dispute] = (await till.db.rows('SELECT id FROM disputes ORDER BY id')).map(({ id }) => id);
    made.delivery = await until(() => till.db.value('SELECT id FROM deliveries ORDER BY id LIMIT 1'), 'a delivery');
    const answer = await till.api('POST', '/api/v1/maintenance/reconcile', { body: { from: new Date().toISOString().slice(0, 10) } });
    [made.report] = answer.body.result.reconciliations;
    made.payment = first.id;
    made.user = (await makeUser(till, 'finance')).id;
    await makeUser(till, 'admin', { name: EVIL });
    await till.makeKey('payments:read', EVIL);
    await till.api('POST', '/api/v1/payment-methods', { body: { customer_id: made.customer, payment_method_id: 'pm_card_visa' } });
    await askForRefund(await paid(till, { amount: usd('60.00') }));
    // what the provider bills, and a payout of all but the dispute
    const account = await till.db.value(`SELECT reference FROM customer_accounts WHERE customer_id = '${made.customer}'`);
    await till.db.value(`INSERT INTO mirrored_subscriptions VALUES ('sub_1', 'stripe', 'sub_x', '${account}', 'past_due', '[]', true, now(), now(), NULL, NULL,
        NULL, NULL, now(), now());
      INSERT INTO mirrored_invoices VALUES ('inv_1', 'stripe', 'in_x', 'sub_x', '${account}', 'R-1', 'open', 'subscription_cycle', 1900, 0, 1900, 'USD',
        NULL, NULL, NULL, now(), now());
      UPDATE movements SET payout = 'po_x' WHERE currency = 'USD' AND kind IN ('charge', 'refund', 'dispute');
      INSERT INTO movements SELECT 'stripe', 'txn_po_x', 'payout', 'po_x', NULL, NULL, -sum(amount - fee), 0, 'USD', -sum(amount - fee), 'USD', 'po_x', true,
        now(), now() FROM movements WHERE payout = 'po_x'`);
    made.payout = 'po_x';
    // what no way leads to may still stand in a row
    await till.db.value(`INSERT INTO decisions (id, kind, object, known, suggestion, created_at) VALUES
      ('dec_00000000000000000000000001', 'unknown_outcome', '${first.id}', '${EVIL}', '${EVIL}', now() - interval '3 days'),
      ('dec_00000000000000000000000002', 'dead_job', 'nonsense x', 'This work failed 25 times and was given up: ${EVIL}', 'Mend the cause.', now())`);
    await till.db.value("INSERT INTO jobs (kind, subject, state, run_at, attempts) VALUES ('nonsense', 'x', 'dead', now(), 25)");
    made.task = 'dec_00000000000000000000000001';
    made.event = await till.db.value("SELECT id FROM webhook_events WHERE source = 'delivered' AND type LIKE 'payment_intent.%' ORDER BY id LIMIT 1");
    await till.db.value(`INSERT INTO statistics SELECT date_trunc('hour', now(), 'UTC') - make_interval(days => d), m, 'test', 'USD', 'stripe', 'card', c, 2 + d % 5, 9000 + d * 700 % 3100
      FROM generate_series(1, 20) d, (VALUES ('payment', 'succeeded'), ('captured', ''), ('payment', 'failed'), ('error', 'insufficient_funds'), ('error', 'expired_card'),
      ('error', '<b>odd</b>'), ('refund', 'succeeded')) v (m, c)`);
  });

  test('every page is sound on a desk and on a phone, in light and dark', async () => {
    const page = await open('owner', '/admin/overview');
    const DARK_PHONE = ['overview', 'tasks', 'tasks-one', 'payments-one', 'payments-one-refund', 'refunds-approvals-one'];
    for (const row of PAGES) {
      const { name, address } = placeOf(row);
      await page.emulateMedia({ colorScheme: 'light' });
      await resize(page, 1280);
      assert.equal((await page.goto(till.url + address)).status(), 200, address);
      assert.equal(await page.locator('h1').count(), 1, name);
      await isSound(page, name);
      await shot(page, `rooms-${name}-light`);
      for (const [size, colorScheme] of [[390, 'light'], [1280, 'dark'], [390, 'dark']]) {
        if (size === 390 && colorScheme === 'dark' && !DARK_PHONE.includes(name)) continue;
        await page.emulateMedia({ colorScheme });
        await resize(page, size);
        await assertLooks(page);
        await assertFits(page, name);
        await shot(page, `rooms-${name}-${colorScheme}`);
      }
    }
    await page.context().close();
  });

  test('charts are pictures with words, and their numbers are a table', async () => {
    const page = await open('owner', '/admin/overview');
    for (const name of ['Volume in USD', 'Success rate', 'Refunds in USD', 'Failed attempts by reason']) {
      const picture = page.getByRole('img', { name });
      assert.equal(await picture.count(), 1, name);
    }
    const chart = page.getByTestId('chart-errors');
    assert.match(await chart.locator('desc').textContent(), /^From .* Insufficient funds: at most \d+/);
    assert.ok((await chart.locator('svg[role=img] rect[fill^="url(#errors-p"]').count()) > 5, 'series differ by pattern');
    await chart.getByText('Numbers').click();
    const table = chart.getByRole('table');
    assert.equal(await table.getByRole('row').count(), 15);
    await assertAccessible(page);
    await page.getByRole('link', { name: '30 days' }).click();
    await page.waitForURL(/days=30/);
    await page.getByRole('link', { name: 'EUR' }).click();
    await page.getByRole('img', { name: 'Volume in EUR' }).waitFor();
    await page.context().close();
  });

  test('a payout is followed to its payments, and what an application asked for to what came of it', async () => {
    const page = await open('finance', '/admin/reconciliation/payouts');
    await page.getByRole('link', { name: made.payout }).click();
    assert.match(await page.getByTestId('sums').innerText(), /Charge\s+\d+\s+\$/);
    const part = page.getByTestId('parts').getByRole('row').filter({ hasText: made.payment });
    assert.match(await part.innerText(), /In both books/);
    await part.getByRole('link', { name: made.payment }).click();
    await page.getByRole('link', { name: made.payout }).waitFor();
    await page.context().close();

    const developer = await open('developer', '/admin/developers');
    assert.match(await developer.getByTestId('test-mode').innerText(), /The sandbox: its dials, clock/);
    await developer.getByRole('link', { name: 'Requests' }).click();
    await developer.getByLabel('Answer').selectOption('Errors');
    await developer.getByRole('button', { name: 'Show' }).click();
    await developer.waitForURL(/refused=true/);
    assert.match(await developer.getByTestId('requests').getByRole('row').nth(1).innerText(), /test\s+POST \/api\/v1\/payments\s+402\s+pay_/);
    await developer.getByTestId('requests').getByRole('link').first().click();
    await developer.getByRole('heading', { name: /Failed/ }).waitFor();
    await developer.context().close();
  });

  test('a task is taken on and settled on a phone, by its own words', async () => {
    const page = await open('finance', '/admin/tasks', { size: 390 });
    await page.getByRole('link', { name: /^Outcome unknown/ }).click();
    await page.waitForURL(/kind=unknown_outcome/);
    assert.equal(await page.getByTestId('task').count(), 1);
    await page.getByRole('button', { name: 'Assign to me' }).click();
    await page.getByText('You look after this task now.').waitFor();
    await page.getByRole('link', { name: /^Outcome unknown/ }).click();
    await page.getByText('you on it').waitFor();
    await page.getByRole('link', { name: 'Settle…' }).click();
    await page.getByRole('button', { name: 'Leave it to others' }).click();
    await page.getByText('nobody yet').waitFor();
    await page.getByLabel('What did you find, and what was done?').fill('  x ');
    await page.locator('textarea').evaluate((area) => area.removeAttribute('required'));
    await page.getByRole('button', { name: 'Mark as settled' }).click();
    await page.getByTestId('problem').waitFor();
    assert.match(await page.getByTestId('problem').innerText(), /Reason/);
    await isSound(page, 'a task refused');
    await shot(page, 'rooms-task-refused');
    await page.getByLabel('What did you find, and what was done?').fill('It had gone through; checked at the provider.');
    await page.getByRole('button', { name: 'Mark as settled' }).click();
    await page.waitForURL(/\/admin\/tasks$/);
    await page.getByTestId('flash').waitFor();
    await page.getByRole('link', { name: 'Settled' }).click();
    await page.getByTestId('task').first().waitFor();
    await page.context().close();
  });

  test('a dispute is answered with a file and words, and another accepted on a phone, after saying that one is sure', async () => {
    const page = await open('risk', '/admin/disputes');
    await page.getByLabel('State').selectOption('open');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/status=open/);
    assert.equal(await page.getByTestId('disputes').getByRole('row').count(), 4);
    await page.getByRole('link', { name: made.answered }).click();
    assert.match(await page.getByTestId('next').innerText(), /Send evidence in time, or accept the dispute/);
    assert.match(await page.getByTestId('checklist').innerText(), /No file yet\s+Messages from the customer/);
    const give = async (name, mimeType, kind) => {
      await page.getByLabel('What it shows').selectOption(kind);
      await page.getByLabel(/^File /).setInputFiles({ name, mimeType, buffer: Buffer.from('%PDF-1.4 x') });
      await page.getByRole('button', { name: 'Add the file' }).click();
    };
    await give('chat.html', 'text/html', 'customer_communication');
    await page.getByTestId('problem').waitFor();
    assert.match(await page.getByTestId('problem').innerText(), /File must be a PDF, JPEG or PNG/);
    await isSound(page, 'a file refused');
    await shot(page, 'rooms-dispute-refused');
    await give('chat.pdf', 'application/pdf', 'customer_communication');
    await page.getByText('The file goes along when the evidence is sent.').waitFor();
    assert.match(await page.getByTestId('checklist').innerText(), /File added\s+Messages from the customer/);
    assert.match(await page.getByTestId('files').innerText(), /Customer communication\s+1 KB[\s\S]*by Kim risk/);
    await page.getByLabel(/^What happened/).fill('Bought on the 3rd, downloaded on the 4th.');
    await page.getByTestId('keep').click();
    await page.getByText('The provider keeps it; the bank has not got it yet.').waitFor();
    await isSound(page, 'evidence kept');
    await shot(page, 'rooms-dispute-kept');
    await page.getByLabel(/^What happened/).fill('winning_evidence');
    await page.getByTestId('send').click();
    await page.getByText('The bank has the evidence.').waitFor();
    await until(async () => (await hurry(till), await page.reload(), /Dispute won/.test(await page.locator('h1').innerText())), 'the bank decides');
    assert.equal(await page.getByTestId('evidence').count(), 0, 'there is nothing more to say');
    await isSound(page, 'a dispute won');
    await shot(page, 'rooms-dispute-won');

    await resize(page, 390);
    await page.goto(`${till.url}/admin/disputes/${made.accepted}`);
    await page.getByTestId('accept').locator('summary').click();
    await page.getByRole('button', { name: 'Accept the dispute of $10.00' }).click();
    assert.equal(await page.getByTestId('flash').count(), 0, 'not without the tick');
    await isSound(page, 'a dispute to accept');
    await shot(page, 'rooms-dispute-accept');
    await page.getByLabel('The payer is right, or it is not worth the work').check();
    await page.getByRole('button', { name: 'Accept the dispute of $10.00' }).click();
    await page.getByText('The dispute is accepted; the payer keeps the money.').waitFor();
    assert.match(await page.locator('h1').innerText(), /Dispute lost/);
    await isSound(page, 'a dispute accepted');
    await shot(page, 'rooms-dispute-accepted');
    await page.context().close();
  });

  test('events are processed again, endpoints made, changed and given up', async () => {
    const page = await open('developer', `/admin/webhooks/${made.event}`);
    await page.getByRole('button', { name: 'Process again' }).click();
    await page.getByTestId('flash').waitFor();
    await page.goto(`${till.url}/admin/webhooks?status=ignored`);
    await page.getByTestId('replay-all').getByRole('button').click();
    assert.match(await page.getByTestId('flash').innerText(), /processed again now/);

    await page.goto(`${till.url}/admin/webhooks/endpoints`);
    await page.getByLabel('Address').fill('ftp://127.0.0.1:9/hooks');
    await page.getByLabel('What it is for').fill('The books');
    await page.getByRole('button', { name: 'Add the endpoint' }).click();
    await page.locator('#w-url').waitFor();
    await isSound(page, 'an endpoint refused');
    await shot(page, 'rooms-endpoint-refused');
    await page.getByLabel('Address').fill('http://127.0.0.1:9/hooks');
    await page.getByRole('button', { name: 'Add the endpoint' }).click();
    const secret = await page.getByTestId('secret').innerText();
    await isSound(page, 'an endpoint with its secret');
    await shot(page, 'rooms-endpoint-secret');
    await page.getByRole('link', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Rotate the secret' }).click();
    assert.notEqual(await page.getByTestId('secret').innerText(), secret);
    await page.getByRole('link', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Send what it has not taken' }).click();
    await page.getByTestId('flash').waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('button', { name: 'Enable' }).waitFor();
    await page.getByTestId('delete').locator('summary').click();
    await page.getByRole('button', { name: 'Delete it for good' }).click();
    await page.getByTestId('endpoints').waitFor();
    assert.equal(await page.getByText('http://127.0.0.1:9/hooks').count(), 0);

    await page.goto(`${till.url}/admin/webhooks/deliveries/${made.delivery}`);
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByTestId('flash').waitFor();
    await page.goto(`${till.url}/admin/tasks?kind=dead_job`);
    await page.getByRole('button', { name: 'Try again now' }).click();
    await page.getByTestId('flash').waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test('a person is forgotten, after saying that one is sure', async () => {
    const customer = await till.api('POST', '/api/v1/customers', { body: { email: 'gone@example.org', name: 'Gone Soon' } });
    const page = await open('owner', `/admin/customers/${customer.body.id}`);
    await page.getByRole('link', { name: 'Forget…' }).click();
    await page.getByRole('button', { name: 'Forget this customer' }).click();
    await page.locator('#w-sure').waitFor();
    await isSound(page, 'a customer not forgotten yet');
    await page.getByLabel('I know that this cannot be undone').check();
    await page.getByRole('button', { name: 'Forget this customer' }).click();
    await page.getByText('This person was forgotten').waitFor();
    await page.context().close();
  });

  test('everything works without scripts', async () => {
    const page = await open('finance', '/admin/reconciliation', { javaScriptEnabled: false });
    await page.getByLabel('From').fill(new Date().toISOString().slice(0, 10));
    await page.getByRole('button', { name: 'Compare now' }).click();
    await page.waitForURL(/\/admin\/reconciliation\/rec_/);
    await page.getByText(/The books were compared/).waitFor();
    assert.doesNotMatch(await page.locator('h1').innerText(), /UTC UTC/);
    const difference = page.getByTestId('difference').first();
    await difference.getByText('Settle it').click();
    await difference.getByLabel('What did you find, and what was done?').fill('The old shop on the same account.');
    await difference.getByRole('button', { name: 'Mark as settled' }).click();
    await page.getByText(/Difference 1 is settled/).waitFor();
    await page.getByText('Kim finance').first().waitFor();
    await page.goto(`${till.url}/admin/customers/${made.customer}`);
    await page.getByRole('button', { name: 'Show name and e-mail' }).click();
    await page.getByText('canary.bird@example.org').waitFor();
    assert.match(await page.locator('main').innerText(), /That you looked is on record/);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export as JSON' }).click()]);
    assert.equal(file.suggestedFilename(), `${made.customer}.json`);
    await page.context().close();
  });

  test('who may not is told so on every page, and shown no way there', async () => {
    const page = await open('support', '/admin/webhooks');
    await isSound(page, 'no permission');
    await shot(page, 'rooms-no-permission');
    const closed = { support: [], auditor: [] };
    for (const [role, denied] of Object.entries(closed)) {
      await page.context().clearCookies();
      await visit(page, till, role);
      for (const row of PAGES.filter(({ scope }) => scope)) {
        const { name, address } = placeOf(row);
        if ((await page.goto(till.url + address)).status() !== 403) continue;
        denied.push(row.path);
        assert.equal(await page.locator('h1').innerText(), 'You may not do this', name);
        await assertFits(page, name);
      }
      if (role !== 'support') continue;
      await page.goto(`${till.url}/admin/customers/${made.customer}`);
      assert.equal(await page.getByRole('button', { name: 'Show name and e-mail' }).count(), 0);
      await page.goto(`${till.url}/admin/tasks`);
      assert.equal(await page.getByRole('button', { name: 'Assign to me' }).count(), 0);
    }
    assert.ok(closed.support.length > 15 && closed.auditor.length >= 3, JSON.stringify(closed)); // who exactly: tests/api/roles
    await page.context().close();
  });

  test('whatever was stored shows as text, on every page', async () => {
    await (await open('owner', '/admin/overview')).context().close(); // a session that stays
    await till.db.value(`INSERT INTO saved_views (id, owner, screen, name, query, created_at) SELECT 'view_' || id, id, 'payments', 'x', 'status=failed', now() FROM users`);
    const stored = await fillEveryText();
    await till.db.value(`SET session_replication_role = replica; UPDATE movements SET source = '${made.payout}' WHERE kind = 'payout';
      UPDATE movements SET payout = '${made.payout}'; UPDATE webhook_events SET status = 'failed';
      UPDATE decisions SET done_at = now(), done_by = 'system' WHERE id = '${made.task}';
      UPDATE reconciliation_differences SET resolved_at = now(), resolved_by = 'system' WHERE number = 1`);
    const page = await open('owner', '/admin/overview');
    const seen = new Set();
    for (const row of PAGES) {
      const { name, address } = placeOf(row);
      assert.equal((await page.goto(till.url + address)).status(), 200, address);
      await isText(page, name);
      const words = await page.evaluate(() => document.body.textContent + [...document.querySelectorAll('[title]')].map((one) => one.getAttribute('title')));
      for (const column of stored) for (const text of [EVIL, JSON.stringify(EVIL).slice(1, -1)]) if (words.includes(`${text} ${markOf(column)}`)) seen.add(column);
      if (words.includes(EVIL)) seen.add(name);
      if (name === 'webhooks-one') assert.match(await page.getByTestId('payload').innerText(), /<img src=x/);
    }
    // what comes from outside, and where it is looked at
    const outside = ['payments.description', 'payments.reference', 'payments.metadata', 'payments.failure_message', 'payments.provider_payment_id', 'attempts.failure_code',
      'customers.reference', 'customers.metadata', 'disputes.reason', 'webhook_events.type', 'webhook_events.error', 'webhook_endpoints.url',
      'webhook_endpoints.description', 'deliveries.error', 'delivery_attempts.error', 'decisions.known', 'decisions.suggestion', 'decisions.resolution',
      'refunds.note', 'refund_requests.note', 'refund_requests.answer', 'reconciliation_differences.known', 'reconciliation_differences.resolution', 'movements.source',
      'mirrored_subscriptions.status', 'mirrored_invoices.number', 'mirrored_invoices.status', 'payment_methods.brand', 'saved_views.name', 'api_keys.name', 'audit_log.details',
      'operator_sessions.user_agent', 'events.payload', 'users'];
    assert.deepEqual(outside.filter((one) => !seen.has(one)), [], `seen: ${[...seen].join(' ')}`);
    await page.context().close();
  });
});
