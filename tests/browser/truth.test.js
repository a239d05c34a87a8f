'use strict';

// Whatever the payer does or the network breaks: one payment, and the page says what is true.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const {
  CARDS,
  SIZES,
  assertAccessible,
  cardFrame,
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

/** A session, and a page of this size that shows it. */
async function withSession(size, work, { body, ...options } = {}) {
  const page = await newPage(browser, { size, ...options });
  try {
    const session = await stack.session(body);
    await open(page, session);
    await work(page, session);
    assert.deepEqual(page.complaints, []);
  } catch (error) {
    await shot(page, `failed-${Date.now()}`).catch(() => {});
    throw error;
  } finally {
    await page.context().close();
  }
}

/** One payment, and the provider's own ledger has taken its money once. */
async function assertPaidOnce(session) {
  const payments = await stack.paymentsOf(session);
  assert.deepEqual(
    payments.map(({ status, amount_captured: captured }) => [status, captured.value]),
    [['succeeded', '24.00']],
  );
  const ledger = await (await fetch(`${stack.sandboxUrl}/sandbox/ledger?payment_id=${payments[0].id}`)).json();
  assert.deepEqual(
    ledger.charges.filter((charge) => charge.amount_captured > 0).map((charge) => charge.amount_captured),
    [2400],
  );
}

for (const size of Object.keys(SIZES).map(Number)) {
  const either = testAtEither(size);
  either(`a reload after paying shows that it is paid at ${size}`, () =>
    withSession(size, async (page, session) => {
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      await page.reload();
      await inState(page, 'succeeded');
      await assertPaidOnce(session);
    }));

  either(`a reload in the middle of paying shows that it is paid at ${size}`, () =>
    withSession(size, async (page, session) => {
      const confirmed = page.waitForResponse(/\/confirm$/);
      await pay(page, CARDS.good);
      await confirmed;
      await page.reload().catch((error) => assert.match(error.message, /ERR_ABORTED|interrupted/)); // the page was already on its way
      await inState(page, 'succeeded');
      await assertPaidOnce(session);
    }));

  either(`the back button shows that it is paid at ${size}`, () =>
    withSession(size, async (page, session) => {
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      await page.getByTestId('continue').click();
      await page.getByTestId('order').or(page.getByTestId('problem')).first().waitFor();
      await page.goBack();
      await inState(page, 'succeeded');
      await assertPaidOnce(session);
    }));

  either(`a double click pays once at ${size}`, () =>
    withSession(size, async (page, session) => {
      let asked = 0;
      page.on('request', (request) => (asked += /\/pay$/.test(request.url()) ? 1 : 0));
      await page.getByTestId('email').fill('payer@example.com');
      await fillCard(page, CARDS.good);
      await page.getByTestId('pay').dblclick();
      await inState(page, 'succeeded');
      assert.equal(asked, 1);
      await assertPaidOnce(session);
    }));

  either(`a second tab that pays later is told that it is paid at ${size}`, () =>
    withSession(size, async (page, session) => {
      const second = await page.context().newPage();
      second.size = size;
      await open(second, session);
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      await pay(second, CARDS.good);
      await inState(second, 'already_paid');
      assert.match(await second.getByTestId('message').textContent(), /not been charged again/);
      assert.equal(await focused(second), 'heading');
      await lookAtBoth(second, 'already_paid');
      await second.getByTestId('receipt').click();
      assert.equal(await second.getByTestId('receipt_amount').textContent(), '€24.00');
      await assertPaidOnce(session);
    }));

  either(`two tabs that pay at once pay once at ${size}`, () =>
    withSession(size, async (page, session) => {
      const second = await page.context().newPage();
      second.size = size;
      await open(second, session);
      for (const tab of [page, second]) {
        await tab.getByTestId('email').fill('payer@example.com');
        await fillCard(tab, CARDS.good);
      }
      await Promise.all([page, second].map((tab) => tab.getByTestId('pay').click()));
      for (const tab of [page, second])
        await tab.locator('main[data-state="succeeded"], main[data-state="already_paid"]').waitFor();
      await assertPaidOnce(session);
    }));

  either(`the network breaks before the card gets through at ${size}`, () =>
    withSession(size, async (page, session) => {
      await page.route(/\/confirm$/, (route) => route.abort());
      await pay(page, CARDS.good);
      await inState(page, 'network_lost');
      assert.match(
        await page.getByTestId('progress').textContent(),
        /checking whether the payment went through.*do not pay again/,
      );
      assert.equal(await page.getByTestId('pay').isVisible(), false);
      assert.equal(await focused(page), 'heading');
      await lookAtBoth(page, 'network_lost');
      await inState(page, 'ready');
      assert.match(await page.getByTestId('errors').textContent(), /did not go through.*not been charged/);
      await shot(page, 'not_through');
      await page.unroute(/\/confirm$/);
      await page.getByTestId('pay').click();
      await inState(page, 'succeeded');
      await assertPaidOnce(session);
    }));

  either(`the network breaks after the card got through at ${size}`, () =>
    withSession(size, async (page, session) => {
      await page.route(/\/confirm$/, async (route) => {
        await route.fetch();
        await route.abort();
      });
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      await assertPaidOnce(session);
    }));

  either(`the network is gone altogether, and comes back, at ${size}`, () =>
    withSession(size, async (page, session) => {
      await page.getByTestId('email').fill('payer@example.com');
      await fillCard(page, CARDS.good);
      await page.route(/\/confirm$/, async (route) => {
        await page.context().setOffline(true);
        await route.continue();
      });
      await page.getByTestId('pay').click();
      await inState(page, 'network_lost');
      await page.unroute(/\/confirm$/);
      await page.waitForTimeout(1500);
      await inState(page, 'network_lost');
      await page.context().setOffline(false);
      await page.locator('main[data-state="ready"], main[data-state="succeeded"]').waitFor({ timeout: 60000 });
      if (await page.getByTestId('pay').isVisible()) {
        await page.getByTestId('pay').click();
        await inState(page, 'succeeded');
      }
      await assertPaidOnce(session);
    }));

  either(`the provider took the card and does not say so at ${size}`, () =>
    withSession(size, async (page, session) => {
      await page.route(/\/confirm$/, async (route) => {
        await route.fetch();
        await route.fulfill({ status: 500, json: { error: { type: 'api_error', message: 'internal' } } });
      });
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
      await assertPaidOnce(session);
    }));

  test(`with the keyboard alone at ${size}`, () =>
    withSession(size, async (page, session) => {
      const frame = cardFrame(page);
      await page.keyboard.press('Tab');
      assert.match(await page.evaluate(() => document.activeElement.className), /skip/);
      while ((await focused(page)) !== 'email') await page.keyboard.press('Tab');
      await page.keyboard.type('payer@example.com');
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'IFRAME');
      await page.keyboard.type(CARDS.authenticate);
      await page.keyboard.press('Tab');
      await page.keyboard.type('1234');
      await page.keyboard.press('Tab');
      await page.keyboard.type('123');
      await page.keyboard.press('Tab');
      if (await frame.getByTestId('card-postal').isVisible()) {
        await page.keyboard.press('Tab');
        await page.keyboard.type('12345');
      }
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'pay');
      await page.keyboard.press('Enter');
      await challenge(page).getByTestId('3ds-complete').waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await inState(page, 'succeeded');
      assert.equal(await focused(page), 'heading');
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'continue');
      await assertPaidOnce(session);
    }));
}

test("the page and the provider's form may not be put in another site's frame, nor kept", async () => {
  const session = await stack.session();
  const answer = await fetch(session.url);
  assert.match(answer.headers.get('content-security-policy'), /frame-ancestors 'none'/);
  assert.doesNotMatch(answer.headers.get('content-security-policy'), /unsafe-inline|unsafe-eval/);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const page = await answer.text();
  assert.doesNotMatch(page, /client_secret|_secret_|style="|\son[a-z]+="/);
});

test("the page weighs less than 60 KB without the provider's script", async () => {
  const session = await stack.session();
  let bytes = 0;
  for (const address of [
    session.url,
    `${stack.url}/static/checkout.css`,
    `${stack.url}/static/checkout.js`,
    `${stack.url}/static/till.svg`,
  ]) {
    bytes += (await (await fetch(address)).arrayBuffer()).byteLength;
  }
  assert.ok(bytes < 60 * 1024, `${bytes} bytes`);
});
