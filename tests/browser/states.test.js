'use strict';

// Every state that the page can be in, on a desk and on a phone: its words, where the focus is, what axe finds, and a
// screenshot.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const {
  CARDS,
  SIZES,
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
const { until } = require('../lib/till.js');
const { startStack } = require('./stack.js');

const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };

let stack, browser;

before(async () => {
  [stack, browser] = await Promise.all([
    startStack({ env: { BREAKER_SECONDS: '600', BREAKER_THRESHOLD: '3' } }),
    launch(),
  ]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

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

/** A session whose payer has begun: its payment waits for a card. */
async function begun(body) {
  const session = await stack.session(body);
  const answer = await fetch(`${session.url}/pay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(answer.status, 200);
  const { payment_id: id, client_secret: secret } = await answer.json();
  assert.match(secret, /_secret_/);
  return { ...session, payment_id: id };
}

/** A session that was paid with this test method. */
async function paid(body, method = 'pm_card_visa') {
  const session = await begun(body);
  const answer = await stack.api('POST', `/api/v1/payments/${session.payment_id}/confirm`, {
    body: { payment_method_id: method },
  });
  assert.equal(answer.status, 200, answer.text);
  return session;
}

async function refund(session, value) {
  const answer = await stack.api('POST', `/api/v1/payments/${session.payment_id}/refund`, {
    body: { amount: { value, currency: 'EUR' }, reason: 'requested_by_customer' },
  });
  assert.ok(answer.status < 300, answer.text);
}

/** Looks at one state in every way. */
async function look(page, state, words, name = state) {
  await inState(page, state);
  assert.match(await page.getByTestId('heading').textContent(), words);
  assert.equal(await focused(page), 'heading');
  assert.equal(await page.locator('h1').count(), 1);
  await lookAtBoth(page, name);
}

for (const size of Object.keys(SIZES).map(Number)) {
  const either = testAtEither(size);
  either(`loading at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      let go;
      const held = new Promise((resolve) => (go = resolve));
      await page.route(/\/v3\/$/, async (route) => {
        await held;
        await route.continue();
      });
      await page.goto(session.url, { waitUntil: 'domcontentloaded' });
      await inState(page, 'loading');
      assert.equal(await page.getByTestId('progress').textContent(), 'Loading the card form…');
      assert.equal(await page.getByTestId('pay').isDisabled(), true);
      await lookAtBoth(page, 'loading');
      go();
      await inState(page, 'ready');
    }));

  either(`submitting at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      let go;
      const held = new Promise((resolve) => (go = resolve));
      await page.route(/\/confirm$/, async (route) => {
        await held;
        await route.continue();
      });
      await open(page, session);
      await pay(page, CARDS.good);
      await inState(page, 'submitting');
      assert.equal(await page.getByTestId('pay').textContent(), 'Paying…');
      assert.equal(await page.getByTestId('pay').isDisabled(), true);
      await lookAtBoth(page, 'submitting');
      go();
      await inState(page, 'succeeded');
    }));

  either(`processing, until the provider says how it went, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await begun();
      const intent = '/v1/payment_intents/*';
      await stack.dial({
        webhooks: { off: true },
        rules: [
          { operation: `POST ${intent}`, action: 'error_500_executed' },
          { operation: `GET ${intent}`, action: 'error_500_not_executed' },
        ],
      });
      try {
        const answer = await stack.api('POST', `/api/v1/payments/${session.payment_id}/confirm`, {
          body: { payment_method_id: 'pm_card_visa' },
        });
        assert.equal(answer.status, 202, answer.text);
        await page.goto(session.url);
        await look(page, 'processing', /being processed/);
        assert.match(await page.getByTestId('message').textContent(), /do not pay again/);
      } finally {
        await stack.dial({ webhooks: { off: false }, rules: [] });
      }
      await inState(page, 'succeeded', 60000);
    }));

  either(`refunded in part and in full at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await paid();
      await refund(session, '10.00');
      await page.goto(session.url);
      await look(page, 'succeeded', /payment was received/, 'part_refunded');
      assert.match(await page.getByTestId('message').textContent(), /€10.00 of it was given back/);
      await page.getByTestId('receipt').click();
      assert.equal(await page.getByTestId('receipt_kept').textContent(), '€14.00');
      await shot(page, 'receipt-part_refunded');
      await refund(session, '14.00');
      await page.goto(session.url);
      await look(page, 'refunded', /was refunded/);
    }));

  either(`authorized at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await paid({ capture: false });
      await page.goto(session.url);
      await look(page, 'authorized', /payment is confirmed/);
      assert.match(await page.getByTestId('message').textContent(), /€24.00 is reserved\. /);
    }));

  either(`expired at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await stack.api('POST', `/api/v1/checkout/sessions/${session.id}/expire`, { body: {} });
      await page.goto(session.url);
      await look(page, 'expired', /has expired/);
      assert.equal(await page.getByTestId('pay-form').count(), 0);
    }));

  either(`cancelled by the payer at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await begun();
      await open(page, session);
      await page.getByTestId('cancel').click();
      await look(page, 'cancelled', /was cancelled/);
      assert.equal(page.url(), session.url);
      const { body } = await stack.api('GET', `/api/v1/checkout/sessions/${session.id}`);
      assert.equal(body.status, 'cancelled');
      await page.getByTestId('continue').click();
      await page.getByTestId('buy-pen').waitFor();
    }));

  either(`declined for good at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await begun();
      await stack.db.value(
        `UPDATE payments SET status = 'failed', failure_class = 'insufficient_funds'
          WHERE id = '${session.payment_id}'`,
      );
      await page.goto(session.url);
      await look(page, 'declined_final', /did not go through/);
      assert.match(await page.getByTestId('message').textContent(), /not enough money.*not been charged/);
    }));

  either(`refused for its risk, in neutral words, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await page.route(/\/pay$/, (route) =>
        route.fulfill({ status: 403, json: { code: 'FRAUD_BLOCKED', detail: 'score 91' } }),
      );
      await open(page, session);
      await pay(page, CARDS.good);
      await look(page, 'blocked_risk', /could not accept/);
      assert.doesNotMatch(await page.locator('body').textContent(), /score|fraud|risk/i);
    }));

  either(`the card form does not load at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await page.route(/\/v3\/$/, (route) => route.abort());
      await page.goto(session.url);
      await look(page, 'provider_down', /not possible right now/, 'provider_down-script');
      await page.unroute(/\/v3\/$/);
      await page.getByTestId('try-again').click();
      await inState(page, 'ready');
    }));

  either(`the provider is down, and comes back, at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      await open(page, session);
      await stack.dial({ rules: [{ operation: 'POST /v1/payment_intents', action: 'error_500_not_executed' }] });
      try {
        // each process looks at the breaker once a second: until all of them know
        let refused = 0;
        await until(async () => {
          const other = await stack.session();
          const answer = await fetch(`${other.url}/pay`, post);
          refused = answer.status === 503 ? refused + 1 : 0;
          return refused === 6;
        }, 'the open breaker');
        await pay(page, CARDS.good);
        await look(page, 'provider_down', /not possible right now/);
        assert.match(await page.getByTestId('message').textContent(), /not been charged/);
        await page.goto(session.url);
        await look(page, 'provider_down', /not possible right now/, 'provider_down-loaded');
      } finally {
        await stack.dial({ rules: [] });
        await stack.db.value('UPDATE breakers SET opened_until = now()'); // ten minutes have gone by
      }
      await inState(page, 'ready');
    }));

  either(`the time to pay runs out at ${size}`, () =>
    withPage(size, async (page) => {
      await page.clock.install();
      const session = await stack.session({ expires_in: 90 });
      await page.goto(session.url);
      await page.getByTestId('email').fill('payer@example.com');
      await page.clock.runFor(1500);
      assert.match(await page.getByTestId('expires').textContent(), /^(1 min \d+|\d+) s left to pay$/);
      assert.equal(await page.getByTestId('email').inputValue(), 'payer@example.com');
      await shot(page, 'countdown');
      await stack.db.value(
        `UPDATE checkout_sessions SET expires_at = now() - interval '1 second' WHERE id = '${session.id}'`,
      );
      await page.clock.runFor(120000);
      await inState(page, 'expired');
    }));

  either(`without JavaScript: what can be read can be read, at ${size}`, () =>
    withPage(
      size,
      async (page) => {
        const open = await stack.session();
        await page.goto(open.url);
        assert.match(await page.getByTestId('noscript').innerText(), /needs JavaScript/);
        assert.equal(await page.getByTestId('pay-form').isVisible(), false);
        assert.equal(await page.getByTestId('total').isVisible(), true);
        await shot(page, 'noscript-ready');
        const session = await paid();
        await page.goto(session.url);
        await inState(page, 'succeeded');
        assert.equal(await page.getByTestId('heading').innerText(), 'Thank you, your payment was received');
        await page.getByTestId('receipt').click();
        assert.equal(await page.getByTestId('receipt_amount').innerText(), '€24.00');
        await shot(page, 'noscript-receipt');
      },
      { javaScriptEnabled: false },
    ));

  either(`an address that is wrong at ${size}`, () =>
    withPage(size, async (page) => {
      const session = await stack.session();
      const answer = await page.goto(`${session.url}x`);
      assert.equal(answer.status(), 404);
      assert.equal(await page.getByTestId('heading').innerText(), 'There is no such page');
      await lookAtBoth(page, 'not_found');
    }));

  either(`in the dark at ${size}`, () =>
    withPage(
      size,
      async (page) => {
        const session = await stack.session();
        await open(page, session);
        await page.getByTestId('email').fill('nobody');
        await fillCard(page, CARDS.good);
        await page.getByTestId('pay').click();
        await inState(page, 'field_error');
        await lookAtBoth(page, 'dark-field_error');
        await pay(page, CARDS.good);
        await inState(page, 'succeeded');
        await lookAtBoth(page, 'dark-succeeded');
      },
      { colorScheme: 'dark' },
    ));
}

test('a payment that was made by API is confirmed with the bank on our page', () =>
  withPage(1280, async (page) => {
    const made = await stack.api('POST', '/api/v1/payments', {
      body: { amount: { value: '24.00', currency: 'EUR' }, payment_method_id: 'pm_card_authenticationRequired' },
    });
    assert.equal(made.body.status, 'requires_action', made.text);
    assert.ok(made.body.next_action.url, made.text);
    await page.goto(made.body.next_action.url);
    await page.getByTestId('3ds-complete').click();
    await inState(page, 'succeeded');
    assert.match(page.url(), /\/checkout\/pay_/);
    const { body } = await stack.api('GET', `/api/v1/payments/${made.body.id}`);
    assert.equal(body.status, 'succeeded');
  }));

test('the receipt prints on paper without buttons', () =>
  withPage(1280, async (page) => {
    const session = await paid();
    await page.goto(`${session.url}/receipt`);
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.getByTestId('print').isVisible(), false);
    assert.equal(await page.getByTestId('receipt_amount').isVisible(), true);
    await shot(page, 'receipt-print');
  }));

test('there is no receipt for what is not paid', () =>
  withPage(1280, async (page) => {
    const session = await stack.session();
    await page.goto(`${session.url}/receipt`);
    assert.equal(await page.getByTestId('heading').innerText(), 'There is no receipt yet');
    assert.equal(await page.getByTestId('facts').count(), 0);
  }));

test('an amount is what the provider is told, whatever the currency', () =>
  withPage(1280, async (page) => {
    for (const [value, currency, shown] of [
      ['1200', 'JPY', '¥1,200'],
      ['5', 'ISK', null],
      ['5.120', 'KWD', null],
    ]) {
      const session = await stack.session({ amount: { value: currency === 'ISK' ? '500' : value, currency } });
      await open(page, session);
      if (shown) assert.equal(await page.getByTestId('total').textContent(), shown);
      await pay(page, CARDS.good);
      await inState(page, 'succeeded');
    }
  }));
