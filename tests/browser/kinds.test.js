'use strict';

// Paying with what is no card, on the page: the same choice that the API lists.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { assertAccessible, cardFrame, inState, launch, lookAtBoth, newPage, open, shot } = require('./browser.js');
const { until } = require('../lib/till.js');
const { startStack } = require('./stack.js');

let stack, browser;

before(async () => {
  [stack, browser] = await Promise.all([
    startStack({ env: { SEPA_ENABLED: 'true', KLARNA_ENABLED: 'true', ACH_ENABLED: 'true', BANK_TRANSFER_ENABLED: 'true', GOOGLE_PAY_ENABLED: 'false' } }),
    launch(),
  ]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

async function withPage(size, work, { wallets = '' } = {}) {
  const page = await newPage(browser, { size });
  await page.context().addInitScript((names) => globalThis.localStorage.setItem('wallets', names), wallets);
  try {
    await work(page);
    assert.deepEqual(page.complaints, []);
  } catch (error) {
    await shot(page, `failed-${Date.now()}`).catch(() => {});
    throw error;
  } finally {
    await page.context().close();
  }
}

/** What happens at the provider. */
async function control(what, body = {}) {
  const answer = await fetch(`${stack.sandboxUrl}/sandbox/${what}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${what}: ${answer.status}`);
}

/** Opens the page, chooses this kind, fills in what it asks for and pays. */
async function payBy(page, session, kind, values) {
  await open(page, session);
  const email = page.getByTestId('email');
  if (await email.isVisible()) await email.fill('payer@example.com');
  const frame = cardFrame(page);
  await frame.getByTestId(`kind-${kind}`).check();
  for (const [field, value] of Object.entries(values)) await frame.getByTestId(field).fill(value);
  assert.ok(await frame.getByTestId('card-number').isHidden());
  await assertAccessible(page);
  await page.getByTestId('pay').click();
}

test('Apple Pay is offered beside the card on a device that has it, and asks before it pays', () =>
  withPage(390, async (page) => {
    const session = await stack.session();
    await payBy(page, session, 'apple_pay', {});
    assert.equal(await cardFrame(page).getByTestId('kind-google_pay').count(), 0, 'it is switched off');
    await page.getByTestId('wallet-cancel').click();
    await inState(page, 'field_error');
    assert.deepEqual(await stack.paymentsOf(session), [], 'nobody asked for money yet');
    await page.getByTestId('pay').click();
    await shot(page, 'kind-apple-pay');
    await page.getByTestId('wallet-pay').click();
    await inState(page, 'succeeded');
    const [payment] = await stack.paymentsOf(session);
    assert.deepEqual([payment.payment_method.type, payment.payment_method.card.wallet], ['card', 'apple_pay']);
    assert.match(await page.getByTestId('checkout').textContent(), /Apple Pay, Visa ending in 4242/);
    await page.getByTestId('receipt').first().click();
    await page.getByText('Apple Pay, Visa ending in 4242').waitFor();
    const [card] = (await stack.api('GET', '/api/v1/payments/payment-methods?currency=EUR')).body.data;
    assert.deepEqual([card.type, card.wallets], ['card', ['apple_pay']]);
  }, { wallets: 'apple_pay google_pay' }));

test('an account is debited, and the page says that it takes days', () =>
  withPage(390, async (page) => {
    const session = await stack.session();
    await payBy(page, session, 'sepa_debit', { 'iban': 'DE89370400440532013000', 'account-holder': 'Ada', 'payer-email': 'ada@example.org' });
    await inState(page, 'processing');
    assert.match(await page.getByTestId('message').textContent(), /€24\.00.* several working days.* do not pay again/);
    await shot(page, 'kind-sepa-processing');
    await assertAccessible(page);
    const [payment] = await stack.paymentsOf(session);
    assert.deepEqual([payment.status, payment.payment_method.type], ['processing', 'sepa_debit']);
    const offered = (await stack.api('GET', '/api/v1/payments/payment-methods?currency=EUR&amount=24.00&customer=false')).body.data.map((one) => one.type);
    await open(page, await stack.session());
    assert.deepEqual(await cardFrame(page).getByRole('radio').evaluateAll((all) => all.map((one) => one.value)), offered);
  }));

test('a payment that the bank takes back later is not thanked for any more', () =>
  withPage(390, async (page) => {
    const session = await stack.session({ locale: 'de' });
    await payBy(page, session, 'sepa_debit', { 'iban': 'DE89370400440532013000', 'account-holder': 'Ada', 'payer-email': 'ada@example.org' });
    await inState(page, 'processing');
    await control('settle');
    await inState(page, 'succeeded');
    assert.match(await page.getByTestId('facts').textContent(), /SEPA-Lastschrift, endet auf 3000/);
    const [{ provider_payment_id: payment_intent }] = await stack.paymentsOf(session);
    await control('dashboard/late_failure', { payment_intent });
    await until(async () => (await stack.paymentsOf(session))[0].dispute_state === 'lost', 'the bank takes it back');
    await page.goto(session.url);
    await inState(page, 'taken_back');
    await lookAtBoth(page, 'kind-taken-back');
    await page.getByTestId('receipt').first().click();
    await page.getByText('Ihre Bank hat diese Zahlung zurückgebucht.').waitFor();
  }));

test('a debit that no bank gives is said to have failed, in words that fit, and another way is open', () =>
  withPage(1280, async (page) => {
    const session = await stack.session();
    await payBy(page, session, 'sepa_debit', { 'iban': 'DE62370400440532013001', 'account-holder': 'Ada', 'payer-email': 'ada@example.org' });
    await inState(page, 'processing');
    await control('settle');
    await inState(page, 'declined_retry');
    assert.match(await page.getByTestId('errors').textContent(), /^Your bank or the payment service did not accept this payment\./);
    await shot(page, 'kind-sepa-failed');
    await cardFrame(page).getByTestId('kind-card').waitFor();
  }));

test('a payer goes to Klarna and comes back to the receipt', () =>
  withPage(1280, async (page) => {
    const session = await stack.session();
    await payBy(page, session, 'klarna', { 'payer-email': 'ada@example.org' });
    await page.getByTestId('3ds-complete').click();
    await inState(page, 'succeeded');
    assert.equal((await stack.paymentsOf(session))[0].payment_method.type, 'klarna');
  }));

test('an account that must be verified leads to where that is done', () =>
  withPage(390, async (page) => {
    const session = await stack.session({ amount: { value: '24.00', currency: 'USD' } });
    await payBy(page, session, 'us_bank_account', {
      'routing-number': '110000000', 'account-number': '000123456789', 'account-holder': 'Ada', 'payer-email': 'ada@example.org',
    });
    await inState(page, 'requires_action');
    await page.goto(session.url);
    await inState(page, 'requires_action');
    const [payment] = await stack.paymentsOf(session);
    assert.equal(payment.next_action.type, 'verify_bank_account');
    const link = page.locator(`a[href="${payment.next_action.url}"]`);
    assert.equal(await link.textContent(), 'Enter the code');
    assert.equal(await page.getByTestId('heading').textContent(), 'Please verify your bank account');
    await shot(page, 'kind-ach-verify');
    await assertAccessible(page);
  }));

test('who transfers the money is told to where, and that it is paid once it has come', () =>
  withPage(1280, async (page) => {
    const customer = await stack.api('POST', '/api/v1/customers', { body: { email: 'ada@example.org', name: 'Ada' } });
    const session = await stack.session({ customer_id: customer.body.id });
    await payBy(page, session, 'customer_balance', {});
    await inState(page, 'requires_action');
    await page.goto(session.url);
    await inState(page, 'requires_action');
    const [payment] = await stack.paymentsOf(session);
    assert.equal(payment.next_action.type, 'bank_transfer');
    assert.equal(await page.getByTestId('heading').textContent(), 'Please transfer €24.00');
    assert.equal(await page.getByTestId('other-card').locator('summary').textContent(), 'Pay in another way');
    const link = page.getByRole('link', { name: 'Show the bank details' });
    assert.equal(await link.getAttribute('href'), payment.next_action.url);
    assert.equal(await page.getByTestId('expires').count(), 0, 'days pass');
    await shot(page, 'kind-transfer');
    await assertAccessible(page);
  }));
