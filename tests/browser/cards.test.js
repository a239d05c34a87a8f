'use strict';

// The main job: from the shop's shelf to the receipt, with every card that answers in its own way, on a desk and on a
// phone.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const {
  CARDS,
  DECLINES,
  IN_APP,
  SIZES,
  assertAccessible,
  challenge,
  fillCard,
  focused,
  inState,
  launch,
  lookAtBoth,
  newPage,
  open,
  pay,
  shot,
  testAtEither,
} = require('./browser.js');
const { startStack } = require('./stack.js');

let stack, browser;

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

/** One page of this size for one test; no complaint of the browser may be left at its end. */
async function withPage(size, work, options) {
  const page = await newPage(browser, { size, ...options });
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

/** The session has one payment, and this is how it stands. */
async function assertOnePayment(session, status) {
  const payments = await stack.paymentsOf(session);
  assert.deepEqual(
    payments.map((payment) => payment.status),
    [status],
  );
  return payments[0];
}

for (const size of Object.keys(SIZES).map(Number)) {
  const either = testAtEither(size);
  test(`from the shelf to the receipt at ${size}`, () =>
    withPage(size, async (page) => {
      await page.goto(`${stack.sandboxUrl}/shop`);
      await assertAccessible(page);
      await shot(page, 'shop');
      await page.getByTestId('buy-notebook').click();
      await inState(page, 'ready');
      await assertAccessible(page);
      await shot(page, 'ready');
      assert.equal(await page.getByTestId('item').textContent(), '€24.00');
      assert.equal(await page.getByTestId('pay').textContent(), 'Pay €24.00');
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      assert.equal(await focused(page), 'heading');
      assert.match(await page.getByTestId('facts').textContent(), /Visa ending in 4242/);
      await assertAccessible(page);
      await shot(page, 'succeeded');
      await page.getByTestId('receipt').click();
      assert.equal(await page.getByTestId('receipt_amount').textContent(), '€24.00');
      await assertAccessible(page);
      await shot(page, 'receipt');
      await page.getByTestId('back').click();
      await page.getByTestId('continue').click();
      await page.locator('[data-test="order"][data-status="succeeded"]').waitFor();
      await assertAccessible(page);
      await shot(page, 'shop-thanks');
      await page.getByTestId('orders').click();
      assert.equal(await page.getByTestId('order-row').first().getByTestId('status').textContent(), 'succeeded');
      await shot(page, 'shop-orders');
    }));

  for (const [card, sentence] of Object.entries(DECLINES)) {
    either(`${card}: a sentence, and the same page takes another card, at ${size}`, () =>
      withPage(size, async (page) => {
        const session = await stack.session();
        await open(page, session);
        await pay(page, CARDS[card]);
        await inState(page, 'declined_retry');
        const said = await page.getByTestId('errors').textContent();
        assert.ok(said.startsWith(sentence), said);
        assert.match(said, /You have not been charged/);
        assert.equal(await focused(page), 'errors');
        await lookAtBoth(page, `declined-${card}`);
        const first = await assertOnePayment(session, 'pending');
        await page.reload();
        await inState(page, 'declined_retry');
        assert.ok((await page.getByTestId('errors').textContent()).startsWith(sentence));
        await pay(page, CARDS.good);
        await inState(page, 'succeeded');
        const second = await assertOnePayment(session, 'succeeded');
        assert.equal(second.provider_payment_id, first.provider_payment_id);
      }));
  }

  either(`a card is enough, without an e-mail address, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await fillCard(page, CARDS.good);
      await page.getByTestId('pay').click();
      await inState(page, 'succeeded');
      await assertOnePayment(session, 'succeeded');
    }));

  test(`every field that is wrong is named at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await page.getByTestId('email').fill('nobody');
      await fillCard(page, '4242424242424241', { cvc: '12', postal: '' });
      await page.getByTestId('pay').click();
      await inState(page, 'field_error');
      assert.deepEqual(await page.getByTestId('errors').locator('a').allTextContents(), [
        'Enter a whole e-mail address, such as name@example.com.',
        'Your card number is invalid.',
      ]);
      assert.equal(await focused(page), 'errors');
      assert.equal(await page.getByTestId('email').getAttribute('aria-invalid'), 'true');
      await assertAccessible(page);
      await shot(page, 'field_error');
      await page.getByTestId('errors').locator('a').first().click();
      assert.equal(await focused(page), 'email');
      assert.deepEqual(await stack.paymentsOf(session), []);
    }));

  for (const card of ['authenticate', 'authenticateAlways']) {
    either(`3-D Secure in a frame, completed, with ${card} at ${size}`, () =>
      withPage(size, async (page) => {
        const session = await stack.session();
        await open(page, session);
        await pay(page, CARDS[card]);
        await challenge(page).getByTestId('3ds-complete').waitFor();
        assert.match(await page.getByTestId('challenge').locator('iframe').getAttribute('title'), /3D Secure/);
        await inState(page, 'requires_action');
        assert.match(await page.getByTestId('progress').textContent(), /waiting for your bank/);
        await shot(page, `challenge-${card}`);
        await challenge(page).getByTestId('3ds-complete').click();
        await inState(page, 'succeeded');
        await assertOnePayment(session, 'succeeded');
      }));
  }

  either(`3-D Secure in a frame, failed, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await pay(page, CARDS.authenticate);
      await challenge(page).getByTestId('3ds-fail').click();
      await inState(page, 'declined_retry');
      assert.match(
        await page.getByTestId('errors').textContent(),
        /^Your bank did not confirm that it is you who pays/,
      );
      await shot(page, 'challenge-failed');
      await fillCard(page, CARDS.good);
      await page.getByTestId('pay').click();
      await inState(page, 'succeeded');
      await assertOnePayment(session, 'succeeded');
    }));

  either(`3-D Secure in a frame, closed, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await pay(page, CARDS.authenticate);
      await challenge(page).getByTestId('3ds-complete').waitFor();
      await page.getByTestId('challenge-close').click();
      await inState(page, 'declined_retry');
      await assertOnePayment(session, 'pending');
    }));

  either(`3-D Secure in a frame, abandoned, then gone on with, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await pay(page, CARDS.authenticate);
      await challenge(page).getByTestId('3ds-complete').waitFor();
      await page.reload();
      await inState(page, 'requires_action');
      assert.equal(await focused(page), 'heading');
      assert.match(await page.getByTestId('message').textContent(), /with your bank is not complete.*not been charged/);
      await lookAtBoth(page, 'requires_action');
      await page.getByTestId('authenticate').click();
      await challenge(page).getByTestId('3ds-complete').waitFor();
      await shot(page, 'authenticate');
      await challenge(page).getByTestId('3ds-complete').click();
      await inState(page, 'succeeded');
      await assertOnePayment(session, 'succeeded');
    }));

  either(`3-D Secure in a frame, abandoned for another card, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await pay(page, CARDS.authenticate);
      await challenge(page).getByTestId('3ds-complete').waitFor();
      await page.reload();
      await inState(page, 'requires_action');
      await page.getByTestId('other-card').locator('summary').click();
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      await assertOnePayment(session, 'succeeded');
    }));

  for (const [result, state] of [
    ['complete', 'succeeded'],
    ['fail', 'declined_retry'],
  ]) {
    either(`3-D Secure by redirect, ${result}, at ${size}`, () =>
      withPage(
        size,
        async (page) => {
          const session = await stack.session();
          await open(page, session);
          await pay(page, CARDS.authenticate);
          await page.getByTestId('3ds-complete').waitFor();
          await shot(page, 'bank');
          await page.getByTestId(`3ds-${result}`).click();
          await inState(page, state);
          assert.equal(page.url(), session.url);
          await shot(page, `redirect-${result}`);
          await assertOnePayment(session, state === 'succeeded' ? 'succeeded' : 'pending');
        },
        { userAgent: IN_APP },
      ));
  }

  either(`3-D Secure by redirect, abandoned, at ${size}`, () =>
    withPage(
      size,
      async (page) => {
        const session = await stack.session();
        await open(page, session);
        await pay(page, CARDS.authenticate);
        await page.getByTestId('3ds-complete').waitFor();
        await page.goto(session.url);
        await inState(page, 'requires_action');
        await assertOnePayment(session, 'requires_action');
        await page.getByTestId('authenticate').click();
        await page.getByTestId('3ds-complete').click();
        await inState(page, 'succeeded');
        await assertOnePayment(session, 'succeeded');
      },
      { userAgent: IN_APP },
    ));
}
