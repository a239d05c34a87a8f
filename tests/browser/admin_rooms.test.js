'use strict';

// The rooms of the dashboard as people use them: at a desk and on a phone, in light and dark, with and without scripts, by keyboard and
// screen reader; and whatever somebody managed to store shows as text.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { until } = require('../lib/till.js');
const { visit } = require('../lib/admin.js');
const { act, hurry, paid, usd } = require('../api/books.js');
const { assertAccessible, assertFits, assertLooks, launch, lookAtBoth, newPage, resize, shot } = require('./browser.js');
const { startTill } = require('../lib/till.js');

const EVIL = '"><script>window.hacked=1</script><img src=x onerror="window.hacked=1">{{csrf}}';

let till, browser;
const made = {};

before(async () => {
  till = await startTill({ env: { WEBHOOK_ALLOW_LOOPBACK: 'true' } });
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

const addresses = () => ({
  overview: '/admin/overview', analytics: '/admin/analytics', tasks: '/admin/tasks', mine: '/admin/tasks?show=mine', task: `/admin/tasks/${made.task}`,
  customers: '/admin/customers', nobody: '/admin/customers?q=nobody', customer: `/admin/customers/${made.customer}`, erase: `/admin/customers/${made.customer}/erase`, disputes: '/admin/disputes', dispute: `/admin/disputes/${made.dispute}`,
  webhooks: '/admin/webhooks', webhook: `/admin/webhooks/${made.event}`, endpoints: '/admin/webhooks/endpoints', endpoint: `/admin/webhooks/endpoints/${made.endpoint}`, delivery: `/admin/webhooks/deliveries/${made.delivery}`,
  reconciliations: '/admin/reconciliation',
  reconciliation: `/admin/reconciliation/${made.report}`, payouts: '/admin/reconciliation/payouts',
});

/** Nothing sticks out to the side, nothing complains, axe finds nothing. */
async function isSound(page, what) {
  await assertFits(page, what);
  assert.equal(await page.evaluate(() => window.hacked), undefined, `${what} ran what was stored`);
  assert.deepEqual(page.complaints, [], what);
  await assertAccessible(page);
}

describe('empty', () => {
  test('each screen says so, and what comes next', async () => {
    const page = await open('owner', '/admin/overview');
    for (const name of ['overview', 'analytics', 'tasks', 'customers', 'disputes', 'webhooks', 'webhooks/endpoints', 'reconciliation', 'reconciliation/payouts']) {
      await page.goto(`${till.url}/admin/${name}`);
      await lookAtBoth(page, `rooms-${name.replace('/', '-')}-empty`);
    }
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
    // what no way leads to may still stand in a row
    await till.db.value(`INSERT INTO decisions (id, kind, object, known, suggestion, created_at) VALUES
      ('dec_00000000000000000000000001', 'unknown_outcome', '${first.id}', '${EVIL}', '${EVIL}', now() - interval '3 days'),
      ('dec_00000000000000000000000002', 'dead_job', 'nonsense x', 'This work failed 25 times and was given up: ${EVIL}', 'Mend the cause.', now())`);
    await till.db.value("INSERT INTO jobs (kind, subject, state, run_at, attempts) VALUES ('nonsense', 'x', 'dead', now(), 25)");
    made.task = 'dec_00000000000000000000000001';
    made.event = await till.db.value("SELECT id FROM webhook_events WHERE source = 'delivered' ORDER BY id LIMIT 1");
    await till.db.value(`UPDATE webhook_events SET type = '${EVIL.slice(0, 90)}', error = '${EVIL.slice(0, 90)}' WHERE id = '${made.event}'`);
    await till.db.value(`UPDATE disputes SET reason = '${EVIL}' WHERE id = '${made.dispute}'`);
    await till.db.value(`INSERT INTO statistics SELECT date_trunc('hour', now(), 'UTC') - make_interval(days => d), m, 'test', 'USD', 'stripe', 'card', c, 2 + d % 5, 9000 + d * 700 % 3100
      FROM generate_series(1, 20) d, (VALUES ('payment', 'succeeded'), ('captured', ''), ('payment', 'failed'), ('error', 'insufficient_funds'), ('error', 'expired_card'),
      ('error', '<b>odd</b>'), ('refund', 'succeeded')) v (m, c)`);
  });

  test('every screen is sound on a desk and on a phone, in light and dark', async () => {
    const page = await open('owner', '/admin/overview');
    const DARK_PHONE = ['overview', 'tasks', 'task', 'webhook', 'delivery'];
    for (const [name, address] of Object.entries(addresses())) {
      await page.emulateMedia({ colorScheme: 'light' });
      await resize(page, 1280);
      assert.equal((await page.goto(till.url + address)).status(), 200, address);
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

  test('what was stored shows as text', async () => {
    const page = await open('owner', '/admin/tasks');
    await page.getByText(EVIL).first().waitFor();
    for (const [address, words] of [[`/admin/customers/${made.customer}`, EVIL], [`/admin/webhooks/${made.event}`, EVIL.slice(0, 90)], [`/admin/webhooks/endpoints/${made.endpoint}`, EVIL],
      ['/admin/disputes', EVIL.slice(1, 20)], ['/admin/analytics', '<b>odd</b>']]) {
      await page.goto(till.url + address);
      assert.ok((await page.locator('main').innerText()).includes(words), address);
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
    await page.context().close();
  });

  test('who may not is told so, and shown no way there', async () => {
    const page = await open('support', '/admin/webhooks');
    assert.match(await page.locator('main').innerText(), /You may not do this/);
    await isSound(page, 'no permission');
    await shot(page, 'rooms-no-permission');
    await page.goto(`${till.url}/admin/customers/${made.customer}`);
    assert.equal(await page.getByRole('button', { name: 'Show name and e-mail' }).count(), 0);
    await page.goto(`${till.url}/admin/tasks`);
    assert.equal(await page.getByRole('button', { name: 'Assign to me' }).count(), 0);
    await page.context().close();
  });
});
