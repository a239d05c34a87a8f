'use strict';

// The dashboard's money in Chromium, on a desk and on a phone, with and without JavaScript: its flows, what axe finds in each state,
// and a screenshot of it.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startTill, until } = require('../lib/till.js');
const { signIn, visit } = require('../lib/admin.js');
const { assertAccessible, assertFits, assertLooks, launch, newPage, shot } = require('./browser.js');

const HOSTILE = `<img src=x onerror="document.title='owned'">{{csrf}}`;
const usd = (value) => ({ value, currency: 'USD' });

let till, browser, customer;
const made = {};

const api = async (address, body) => {
  const answer = await till.api('POST', address, { body, key: `k${Math.random()}` });
  assert.ok(answer.status < 300, answer.text);
  return answer.body;
};
const pay = (body) => api('/api/v1/payments', { amount: usd('10.00'), payment_method_id: 'pm_card_visa', ...body });

before(async () => {
  till = await startTill({
    // nobody listens there: mails wait, and a page is the same
    env: { TILL_REFUND_APPROVAL_LIMIT: '50.00 USD', SMTP_URL: 'smtp://127.0.0.1:9', SMTP_TLS: 'none', MAIL_FROM: 'receipts@shop.example' },
  });
  browser = await launch();
  customer = await api('/api/v1/customers', { reference: HOSTILE, email: 'kim@shop.example', name: HOSTILE });
  for (const value of ['19.90', '250.00', '8.00']) await pay({ amount: usd(value), reference: `order-${value}` });
  await till.api('POST', '/api/v1/payments', { body: { amount: { value: '12.00', currency: 'EUR' }, payment_method_id: 'pm_card_chargeDeclined' }, key: 'declined' });
  made.hostile = await pay({ amount: usd('42.00'), payment_method_id: 'pm_card_avsFail', customer_id: customer.id, reference: HOSTILE, description: HOSTILE, metadata: { note: HOSTILE } });
  await api(`/api/v1/payments/${made.hostile.id}/refund`, { amount: usd('2.00'), reason: HOSTILE });
  await till.sandbox.settle();
});
after(async () => {
  await browser?.close();
  await till?.stop();
});

/** Asks in a page for all of a payment's money, which a second person has to approve. */
async function ask(page, payment) {
  await page.goto(`${till.url}/admin/payments/${payment.id}/refund`);
  await page.getByLabel('Reason').selectOption('not_delivered');
  await page.getByTestId('preview').click();
  await page.getByTestId('confirm').click();
  await page.getByTestId('waiting-request').waitFor();
}

/** The same by somebody else. */
async function askAs(role, payment) {
  const page = await newPage(browser);
  await visit(page, till, role);
  await ask(page, payment);
  await page.context().close();
}

const known = new Set();

/** Nothing strange happened on the page, axe finds nothing, and it does not scroll sideways. */
async function look(page, name) {
  await (known.has(name) ? assertLooks : assertAccessible)(page);
  known.add(name);
  assert.equal(await page.title().then((title) => title.includes('owned')), false);
  await assertFits(page, name);
  await shot(page, `admin-${name}`);
  assert.deepEqual(page.complaints, []);
}

for (const size of [1280, 390]) {
  describe(`at ${size}`, () => {
    test('a payment is found, understood, and given back in part', async () => {
      const page = await newPage(browser, { size });
      await visit(page, till, 'finance', '/admin/payments');
      await look(page, 'payments');
      await page.getByLabel('Status').selectOption('failed');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByText('Take').or(page.getByRole('link', { name: 'Show all payments' })).first().waitFor();
      assert.match(page.url(), /status=failed/);
      assert.equal(await page.getByTestId('payments').getByRole('row').count(), 2);
      await page.getByLabel('Save these filters as').fill(`Failed ${size}`);
      await page.getByRole('button', { name: 'Save view' }).click();
      await page.getByTestId('views').getByRole('link', { name: `Failed ${size}` }).waitFor();
      await look(page, 'payments-filtered');
      await page.getByRole('button', { name: `Delete the view Failed ${size}` }).click();
      await page.getByTestId('flash').waitFor();
      await page.goto(`${till.url}/admin/payments?status=failed`);
      assert.equal(await page.getByTestId('views').getByText(`Failed ${size}`).count(), 0);
      await page.getByLabel('Search').fill('nothing like this');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByTestId('empty').waitFor();
      await look(page, 'payments-empty');
      await page.goto(`${till.url}/admin/payments?amount_from=many&from=2026-13-01`);
      await page.getByTestId('problem').waitFor();
      await look(page, 'payments-wrong');

      const payment = await pay({ amount: usd('30.00'), reference: `refund-at-${size}`, customer_id: customer.id });
      await page.goto(`${till.url}/admin/payments`);
      await page.getByLabel('Search').fill(payment.id);
      await page.getByLabel('Search').press('Enter');
      await page.getByTestId('next').waitFor();
      assert.equal(new URL(page.url()).pathname, `/admin/payments/${payment.id}`);
      await page.getByTestId('refund').click();
      await look(page, 'refund');
      await page.getByLabel('A part of it').check();
      await page.getByLabel('Part, in USD').fill('31');
      await page.getByLabel('Reason').selectOption('goodwill');
      await page.getByTestId('preview').click();
      await page.getByTestId('problem').waitFor();
      await look(page, 'refund-too-much');
      await page.getByLabel('Part, in USD').fill('12.50');
      await page.getByLabel('Note').fill(HOSTILE);
      await page.getByTestId('preview').click();
      await page.getByTestId('effect').waitFor();
      assert.match(await page.getByTestId('effect').innerText(), /\$12\.50 goes back[\s\S]*\$17\.50 of the payment is left/);
      await look(page, 'refund-effect');
      await page.getByTestId('confirm').click();
      await page.getByTestId('flash').waitFor();
      assert.match(await page.getByTestId('flash').innerText(), /\$12\.50 (went back|is on its way)/);
      assert.match(await page.getByTestId('refunds').innerText(), /\$12\.50/);
      await until(async () => (await page.reload(), /Succeeded\s+Partly refunded/.test(await page.locator('h1').innerText())), 'the badge of the refund');
      assert.match(await page.getByTestId('next').innerText(), /a part of it went back/);
      assert.equal((await till.sandbox.ledger(payment.id)).refunds.length, 1);
      assert.match(await page.getByTestId('attempts').innerText(), /request req_\w+/, 'what Stripe asks for when one asks Stripe');
      await look(page, 'payment');
      await page.getByTestId('reveal').click();
      await page.getByText('kim@shop.example').waitFor();
      await page.getByRole('link', { name: `refund-at-${size}` }).click(); // what else this order asked for
      await page.getByTestId('payments').getByText('Partly refunded').waitFor();
      assert.equal(await page.getByTestId('payments').getByRole('row').count(), 2);
      await page.goto(`${till.url}/admin/payments/${made.hostile.id}`);
      for (const text of [HOSTILE]) assert.ok((await page.locator('main').innerText()).includes(text));
      await look(page, 'payment-hostile');
      await page.goto(`${till.url}/admin/refunds`);
      await look(page, 'refunds');
      await page.goto(`${till.url}/admin/refunds?status=withdrawn`);
      await look(page, 'refunds-empty');
      await page.context().close();
    });

    test('a held payment is captured in part, another cancelled', async () => {
      const page = await newPage(browser, { size });
      const [part, whole] = [await pay({ capture: false }), await pay({ capture: false })];
      await visit(page, till, 'finance', `/admin/payments/${part.id}`);
      await page.getByTestId('capture').locator('summary').click();
      await page.getByTestId('cancel').locator('summary').click();
      await look(page, 'payment-held');
      await page.getByLabel('Amount in USD').fill('4.00');
      await page.getByRole('button', { name: 'Capture this amount' }).click();
      await page.getByTestId('flash').waitFor();
      assert.match(await page.getByTestId('money').innerText(), /Captured\s+\$4\.00/);
      await page.goto(`${till.url}/admin/payments/${whole.id}`);
      await page.getByTestId('cancel').locator('summary').click();
      await page.getByRole('button', { name: 'Cancel the payment of $10.00' }).click();
      await page.getByTestId('flash').waitFor();
      assert.match(await page.locator('h1').innerText(), /Cancelled/);
      await page.context().close();
    });

    test('a large refund is asked for by one and decided by another', async () => {
      const page = await newPage(browser, { size });
      const payment = await pay({ amount: usd('90.00') });
      await visit(page, till, 'support', `/admin/payments/${payment.id}/refund`);
      await page.getByLabel('Reason').selectOption('not_delivered');
      await page.getByTestId('preview').click();
      assert.match(await page.getByTestId('effect').innerText(), /Nothing goes back yet/);
      await look(page, 'refund-asked');
      await page.getByTestId('confirm').click();
      await page.getByTestId('waiting-request').waitFor();
      await look(page, 'payment-waiting');
      await page.goto(`${till.url}/admin/refunds/approvals`);
      await page.getByRole('link', { name: /Look at it/ }).first().click();
      await page.getByTestId('withdraw').waitFor();
      await look(page, 'approval-own');
      await page.getByTestId('withdraw').click();
      await page.getByTestId('flash').waitFor();
      await ask(page, payment);
      await page.context().close();

      const other = await newPage(browser, { size });
      await visit(other, till, 'finance', '/admin/refunds/approvals');
      await look(other, 'approvals');
      await other.getByRole('link', { name: /Decide/ }).first().click();
      await other.getByTestId('reject').waitFor();
      await look(other, 'approval');
      await other.getByLabel('Why not?').fill('Wait for the parcel first.');
      await other.getByTestId('reject').click();
      await other.getByText('Wait for the parcel first.').waitFor();
      await look(other, 'approval-rejected');
      await other.goto(`${till.url}/admin/refunds/approvals`);
      await look(other, 'approvals-empty');
      await askAs('support', payment);
      await other.goto(`${till.url}/admin/refunds/approvals`);
      await other.getByRole('link', { name: /Decide/ }).first().click();
      await other.getByTestId('approve').click();
      assert.match(await other.getByTestId('flash').innerText(), /\$90\.00 (went back|is on its way)/);
      assert.equal((await till.sandbox.ledger(payment.id)).refunds.length, 1);
      await other.context().close();
    });
  });
}

test('a page that takes its time says that it is on its way', async () => {
  const page = await newPage(browser);
  await visit(page, till, 'finance', '/admin/payments');
  await page.route(/status=failed/, (route) => route.fulfill({ status: 204 })); // no page comes
  await page.getByLabel('Status').selectOption('failed');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('status').filter({ hasText: 'Loading…' }).waitFor();
  assert.equal(await page.locator('#main').getAttribute('aria-busy'), 'true');
  await look(page, 'payments-loading');
  await page.unroute(/status=failed/);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL(/status=failed/);
  assert.equal(await page.locator('#main').getAttribute('aria-busy'), null);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId('export').click()]);
  assert.match(file.suggestedFilename(), /^payments-.*\.csv$/);
  await new Promise((resolve) => setTimeout(resolve, 600)); // longer than the word waits
  assert.equal(await page.getByText('Loading…').count(), 0, 'a file leaves the page as it is');
  await page.context().close();
});

test('a payment that nobody knows about is asked about, tried again, settled, and its receipt sent', async () => {
  const payment = await pay({ reference: 'stuck' });
  await till.db.value(`INSERT INTO decisions (id, kind, object, known, suggestion, created_at) VALUES
      ('dec_00000000000000000000000009', 'unknown_outcome', '${payment.id}', 'Nobody knows about ${payment.id}.', 'Ask Stripe.', now());
    INSERT INTO jobs (kind, subject, state, run_at, error) VALUES ('payment.resolve', '${payment.id}', 'dead', now(), 'no')`);
  const page = await newPage(browser);
  await visit(page, till, 'finance', '/admin/tasks/dec_00000000000000000000000009');
  await page.getByTestId('task').locator('.lead').getByRole('link', { name: payment.id }).click(); // the sentence leads there, too
  await page.getByTestId('sync').click();
  assert.match(await page.getByTestId('flash').innerText(), /This is how the provider says it stands/);
  await page.getByTestId('retry').click();
  assert.match(await page.getByTestId('flash').innerText(), /It is tried again now/);
  await page.getByTestId('receipt').locator('summary').click();
  await page.getByLabel(/^To /).fill('kim@shop.example');
  await page.getByRole('button', { name: 'Send the receipt' }).click();
  assert.match(await page.getByTestId('flash').innerText(), /The receipt is on its way/);
  await page.getByTestId('resolve').locator('summary').click();
  await page.getByLabel('What did you find out, and what was done?').fill('It went through.');
  await page.getByRole('button', { name: 'Mark as resolved' }).click();
  assert.match(await page.getByTestId('flash').innerText(), /Marked as resolved/);
  await page.context().close();
});

test('without JavaScript one signs in, finds a payment, gives it back, agrees to another, and works off a task', async () => {
  const page = await newPage(browser, { javaScriptEnabled: false });
  const [payment, large] = [await pay({ amount: usd('20.00') }), await pay({ amount: usd('70.00') })];
  await till.db.value(`INSERT INTO decisions (id, kind, object, known, suggestion, created_at) VALUES
    ('dec_00000000000000000000000008', 'unknown_outcome', '${payment.id}', 'Nobody knows.', 'Ask Stripe.', now())`);
  await visit(page, till, 'finance', '/admin/payments');
  await page.getByLabel('Search').fill(payment.id);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByTestId('refund').click();
  await page.getByLabel('Reason').selectOption('duplicate');
  await page.getByTestId('preview').click();
  await page.getByTestId('confirm').click();
  await page.getByTestId('flash').waitFor();
  assert.equal((await till.sandbox.ledger(payment.id)).refunds.length, 1);

  await askAs('support', large);
  await page.locator('nav:visible').getByRole('link', { name: /^Approvals/ }).click();
  await page.getByRole('link', { name: 'Decide about the refund of $70.00' }).click();
  await page.getByTestId('approve').click();
  await page.getByTestId('flash').waitFor();
  assert.equal((await till.sandbox.ledger(large.id)).refunds.length, 1);

  await page.locator('nav:visible').getByRole('link', { name: /^Task inbox/ }).click();
  await page.getByRole('link', { name: 'Nobody knows.' }).click();
  await page.getByLabel('What did you find, and what was done?').fill('Looked at Stripe: it went back.');
  await page.getByRole('button', { name: 'Mark as settled' }).click();
  await page.getByTestId('flash').waitFor();
  assert.equal(await page.getByText('Nobody knows.').count(), 0);
  await page.context().close();
});

test('by keyboard alone a payment is found and given back, and one always sees where one is', async () => {
  const page = await newPage(browser);
  const payment = await pay({ amount: usd('20.00') });
  await visit(page, till, 'finance', '/admin/payments');
  const here = () =>
    page.evaluate(() => {
      const one = document.activeElement ?? document.body;
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      const box = one.getBoundingClientRect();
      return {
        at: one.getAttribute('data-test') || one.id || one.textContent?.trim(), seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
        inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
      };
    });
  /** Tab until there; every step is seen, in the window, and none is a trap. */
  const tabTo = async (wanted) => {
    const steps = [];
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      const { at, seen, inside } = await here();
      assert.ok(seen && inside, `nobody sees where one is: ${at}, after ${steps.join(' > ')}`);
      if (at === wanted) return;
      steps.push(at);
    }
    assert.fail(`${wanted} is not reached: ${steps.join(' > ')}`);
  };
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter'); // past the menu
  await tabTo('f-q');
  await page.keyboard.type(payment.id);
  await page.keyboard.press('Enter');
  await page.getByTestId('next').waitFor();
  await tabTo('refund');
  await page.keyboard.press('Enter');
  await page.getByTestId('dialog').waitFor();
  await tabTo('f-reason');
  await page.keyboard.type('Dupl');
  await tabTo('preview');
  await page.keyboard.press('Enter');
  await page.getByTestId('effect').waitFor();
  await tabTo('confirm');
  await page.keyboard.press('Enter');
  await page.getByTestId('flash').waitFor();
  assert.equal((await till.sandbox.ledger(payment.id)).refunds.length, 1);
  // what unfolds is closed by Escape, and the focus is where it was
  await tabTo('Send the receipt again');
  await page.keyboard.press('Enter');
  await tabTo('f-email');
  await page.keyboard.press('Escape');
  assert.equal(await page.getByLabel(/^To /).isVisible(), false);
  assert.equal((await here()).at, 'Send the receipt again');
  await page.context().close();
});

test('on paper a payment is what it says, without menu and buttons', async () => {
  const page = await newPage(browser);
  await visit(page, till, 'finance', `/admin/payments/${made.hostile.id}`);
  await page.emulateMedia({ media: 'print' });
  for (const address of [`/admin/payments/${made.hostile.id}`, '/admin/overview', '/admin/reconciliation']) {
    await page.goto(till.url + address);
    for (const one of await page.locator('.side, .button, button, .skip, form.filters').all()) assert.equal(await one.isVisible(), false, `${address}: ${await one.innerText()}`);
    assert.ok((await page.locator('main').boundingBox()).width > 1200, 'the sheet is used');
    await assertFits(page, address);
    await shot(page, `admin-print${address.replace(/pay_\w+/, 'one').replaceAll('/', '-')}`);
  }
  await page.context().close();
});

test('in the dark, for one who may only look, and with the provider down', async () => {
  const page = await newPage(browser, { colorScheme: 'dark' });
  await visit(page, till, 'auditor', '/admin/payments');
  await look(page, 'payments-dark');
  await till.db.value(`INSERT INTO breakers (provider, failures, opened_until, updated_at) VALUES ('stripe', 9, now() + interval '1 hour', now())
    ON CONFLICT (provider) DO UPDATE SET failures = 9, opened_until = excluded.opened_until`);
  await new Promise((resolve) => setTimeout(resolve, 1200)); // a process remembers it for a second
  await page.goto(`${till.url}/admin/payments/${made.hostile.id}`);
  await page.getByTestId('provider-down').waitFor();
  await look(page, 'payment-provider-down-dark');
  await page.goto(`${till.url}/admin/payments/${made.hostile.id}/refund`);
  await look(page, 'refund-forbidden');
  assert.match(await page.locator('main').innerText(), /You may not do this/);
  await till.db.value(`UPDATE breakers SET failures = 0, opened_until = NULL`);
  const visitor = await signIn(till, 'auditor');
  assert.equal((await visitor.get(`/admin/payments/${made.hostile.id}`)).status, 200);
  await page.context().close();
});
