'use strict';

// Somebody who tries too often is told when to come again.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { CARDS, SIZES, assertAccessible, focused, inState, launch, newPage, open, pay, shot } = require('./browser.js');
const { startStack } = require('./stack.js');

let stack, browser;

before(async () => {
  [stack, browser] = await Promise.all([startStack({ env: { PAYMENT_ATTEMPTS_PER_HOUR: '1' } }), launch()]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

for (const size of Object.keys(SIZES).map(Number)) {
  test(`too many tries at ${size}`, async () => {
    const page = await newPage(browser, { size });
    const session = await stack.session();
    await open(page, session);
    await pay(page, CARDS.declined);
    await inState(page, 'declined_retry');
    await pay(page, CARDS.good);
    await inState(page, 'rate_limited');
    assert.equal(await focused(page), 'heading');
    assert.match(
      await page.getByTestId('message').textContent(),
      /not been charged\. You can try again in \d+ min \d+ s\.$/,
    );
    assert.equal(await page.getByTestId('pay').isDisabled(), true);
    await assertAccessible(page);
    await shot(page, 'rate_limited');
    await page.context().close();
  });
}
