'use strict';

// A payer who comes again: keeping a card on the page, and paying with it without typing it.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { CARDS, assertAccessible, fillCard, inState, launch, lookAtBoth, newPage, open, shot } = require('./browser.js');
const { startStack } = require('./stack.js');

let stack, browser;

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

const customer = async () => (await stack.api('POST', '/api/v1/customers', { body: {} })).body.id;
const saved = async (id) => (await stack.api('GET', `/api/v1/payment-methods?customer_id=${id}`)).body.data;
const keep = async (customer_id, payment_method_id, more = {}) => {
  const answer = await stack.api('POST', '/api/v1/payment-methods', { body: { customer_id, payment_method_id, ...more } });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
};

async function withPage(size, work) {
  const page = await newPage(browser, { size });
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

test('a card is kept where the payer ticks the box, and paid with the next time', () =>
  withPage(390, async (page) => {
    const customer_id = await customer();
    await open(page, await stack.session({ customer_id, save_payment_method: true }));
    assert.equal(await page.getByTestId('saved').count(), 0);
    assert.match(await page.locator('#save-hint').textContent(), /You allow Paper & Ink to charge it/);
    await assertAccessible(page);
    await fillCard(page, CARDS.declined);
    await page.getByTestId('save').check();
    await page.getByTestId('pay').click();
    await inState(page, 'declined_retry');
    assert.deepEqual(await saved(customer_id), [], 'a declined card is not kept');
    await fillCard(page, CARDS.good);
    await page.getByTestId('pay').click();
    await inState(page, 'succeeded');
    const [card] = await saved(customer_id);
    assert.equal(card.card.last4, '4242');

    const again = await stack.session({ customer_id, save_payment_method: true });
    await page.goto(again.url);
    await page.getByTestId('saved-4242').waitFor();
    assert.ok(await page.getByTestId('saved-4242').isChecked());
    assert.ok(!(await page.getByTestId('card').isVisible()), 'no form where none is needed');
    await lookAtBoth(page, 'saved');
    await page.getByTestId('pay').click();
    await inState(page, 'succeeded');
    const [payment] = await stack.paymentsOf(again);
    assert.deepEqual([payment.status, payment.payment_method.card.last4], ['succeeded', '4242']);
    assert.equal((await saved(customer_id)).length, 1);
  }));

test('without the tick nothing is kept, and who changes his mind is heard', () =>
  withPage(1280, async (page) => {
    const customer_id = await customer();
    const session = await stack.session({ customer_id, save_payment_method: true });
    await open(page, session);
    await page.getByTestId('save').check();
    await fillCard(page, CARDS.declined);
    await page.getByTestId('pay').click();
    await inState(page, 'declined_retry');
    await page.getByTestId('save').uncheck();
    await fillCard(page, CARDS.good);
    await page.getByTestId('pay').click();
    await inState(page, 'succeeded');
    assert.deepEqual(await saved(customer_id), []);
  }));

test('the usual one stands first, an expired one cannot be chosen, another card can, in any language', () =>
  withPage(390, async (page) => {
    const customer_id = await customer();
    await keep(customer_id, 'pm_card_visa', { is_default: true });
    const old = await keep(customer_id, 'pm_card_mastercard');
    await keep(customer_id, 'pm_card_amex');
    await stack.api('PUT', `/api/v1/payment-methods/${old.id}`, { body: { exp_month: 1, exp_year: 2020 } });
    const session = await stack.session({ customer_id });
    await page.goto(`${session.url}?lang=de`);
    await page.getByTestId('saved-4242').waitFor();
    const rows = await page.locator('[data-test="saved"] label').allTextContents();
    assert.match(rows[0], /Visa.*4242.*Ihre übliche · Gültig bis/s);
    assert.match(rows[1], /American Express.*0005.*Gültig bis/s);
    assert.match(rows[2], /Mastercard.*4444.*Abgelaufen 01\/2020/s);
    assert.ok(await page.getByTestId('saved-4444').isDisabled());
    assert.equal(await page.getByTestId('save').count(), 0, 'saving is only offered where the merchant asks for it');
    await page.getByTestId('saved-other').check();
    await page.getByTestId('card').locator('iframe').waitFor();
    await assertAccessible(page);
    await fillCard(page, '5200828282828210');
    await page.getByTestId('pay').click();
    await inState(page, 'succeeded');
    assert.equal((await stack.paymentsOf(session))[0].payment_method.card.last4, '8210');
  }));

test('a kept card that is declined, and one whose bank asks', () =>
  withPage(1280, async (page) => {
    const customer_id = await customer();
    await keep(customer_id, 'pm_card_chargeCustomerFail');
    const session = await stack.session({ customer_id });
    await page.goto(session.url);
    await page.getByTestId('pay').click();
    await inState(page, 'declined_retry');
    assert.match(await page.getByTestId('errors').textContent(), /Your bank declined the card/);

    const other = await customer();
    const method = await keep(other, 'pm_card_visa');
    const asked = await stack.session({ customer_id: other });
    await stack.api('DELETE', `/api/v1/payment-methods/${method.id}`);
    const answer = await fetch(`${asked.url}/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payment_method_id: method.id }),
    });
    assert.deepEqual([answer.status, (await answer.json()).code], [400, 'PAYMENT_METHOD_ERROR']);
    const foreign = await keep(await customer(), 'pm_card_visa');
    const wrong = await fetch(`${asked.url}/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payment_method_id: foreign.id }),
    });
    assert.deepEqual([wrong.status, (await wrong.json()).code], [400, 'PAYMENT_METHOD_ERROR']);
    assert.deepEqual(await stack.paymentsOf(asked), [], 'nobody pays with what belongs to another');
  }));
