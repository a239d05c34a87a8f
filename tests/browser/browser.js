'use strict';

// What the browser tests share: Debian's Chromium, pages of two sizes, the card form, screenshots, and axe.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const axe = require('axe-core');
const { chromium, selectors } = require('playwright-core');

selectors.setTestIdAttribute('data-test');

const SIZES = { 1280: { width: 1280, height: 900 }, 390: { width: 390, height: 844 } };
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const CARDS = {
  good: '4242424242424242',
  declined: '4000000000000002',
  insufficientFunds: '4000000000009995',
  expired: '4000000000000069',
  wrongCvc: '4000000000000127',
  processingError: '4000000000000119',
  authenticate: '4000002500003155',
  authenticateAlways: '4000002760003184',
};

/** An app's own browser: it cannot be trusted with a frame for the bank. */
const IN_APP =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Instagram 350.0';

/** A sentence for a person, and never the provider's words. */
const DECLINES = {
  declined: 'Your bank declined the card without giving a reason.',
  insufficientFunds: 'There is not enough money available on this card.',
  expired: 'This card has expired.',
  wrongCvc: 'The security code of the card is wrong.',
  processingError: 'Something went wrong at the bank while it worked on the card.',
};

function launch() {
  const executablePath = process.env.TILL_TEST_CHROMIUM || '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A page in a profile of its own; what it complains about is in page.complaints. */
async function newPage(browser, { size = 1280, locale = 'en-GB', ...options } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], locale, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.size = size;
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused|Uncaught/.test(message.text()))
      page.complaints.push(message.text());
  });
  return page;
}

function screenshotDirectory() {
  const top = process.env.TILL_TEST_ARTEFACTS || path.resolve(__dirname, '../../var/test');
  const directory = path.join(top, 'screenshots');
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

/** Makes the same page as wide as another device. */
async function resize(page, size) {
  await page.setViewportSize(SIZES[size]);
  page.size = size;
}

/** Keeps what the whole page looks like: the window grows for it, so that nothing sticks in the middle. */
async function shot(page, name) {
  const size = SIZES[page.size];
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: size.width, height: Math.max(height, size.height) });
  await page.screenshot({
    path: path.join(screenshotDirectory(), `${name}-${page.size}.png`),
    fullPage: true,
    animations: 'disabled',
  });
  await page.setViewportSize(size);
}

const main = (page) => page.getByTestId('checkout');

/** Waits until the page is in this state. */
async function inState(page, state, timeout = 60000) {
  await page
    .locator(`main[data-state="${state}"]`)
    .waitFor({ timeout })
    .catch(async (error) => {
      const now = await page
        .locator('main')
        .first()
        .getAttribute('data-state')
        .catch(() => 'no page');
      throw new Error(`the page is "${now}", not "${state}": ${error.message}`);
    });
}

function cardFrame(page) {
  return page.getByTestId('card').frameLocator('iframe');
}

async function fillCard(page, number, { expiry = '1234', cvc = '123', postal = '12345' } = {}) {
  const frame = cardFrame(page);
  await frame.getByTestId('card-number').fill('');
  await frame.getByTestId('card-number').pressSequentially(number);
  await frame.getByTestId('card-expiry').fill('');
  await frame.getByTestId('card-expiry').pressSequentially(expiry);
  await frame.getByTestId('card-cvc').fill(cvc);
  if (await frame.getByTestId('card-postal').isVisible()) await frame.getByTestId('card-postal').fill(postal);
}

/** Fills in everything and presses the button once. */
async function pay(page, number, options) {
  const email = page.getByTestId('email');
  if (await email.isVisible()) await email.fill('payer@example.com');
  await fillCard(page, number, options);
  await page.getByTestId('pay').click();
}

/** Opens the page of a session and waits for the card form. */
async function open(page, session, query = '') {
  await page.goto(session.url + query);
  await inState(page, 'ready');
}

/** The element that has the focus, by its id or test hook. */
function focused(page) {
  return page.evaluate(
    () =>
      document.activeElement?.id ||
      document.activeElement?.getAttribute('data-test') ||
      document.activeElement?.tagName,
  );
}

/** The bank's page in its frame over ours. */
function challenge(page) {
  return page.getByTestId('challenge').frameLocator('iframe');
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
// What another width or other colours can change, where the document is the same.
const LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'link-in-text-block'];

async function violations(frame, runOnly) {
  if (!(await frame.evaluate(() => 'axe' in globalThis))) await frame.evaluate(axe.source);
  const options = { runOnly, iframes: false, resultTypes: ['violations'] };
  const result = await frame.evaluate((rules) => globalThis.axe.run(document, rules), options);
  return result.violations.map(
    (violation) => `${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.html).join(' | ')}`,
  );
}

/** Nothing that axe finds, on the page and in the frames it has. */
async function assertAccessible(page, rules = RULES) {
  assert.deepEqual(await violations(page.mainFrame(), rules), [], `${page.url()} (${page.size})`);
  for (const frame of page.frames()) {
    if (/\/v3\/elements/.test(frame.url())) {
      const found = (await violations(frame, rules)).filter(
        (line) => !/^(landmark-one-main|page-has-heading-one|region):/.test(line),
      );
      assert.deepEqual(found, [], 'the card form');
    }
  }
}

/** The same for a document that was looked at whole before, now at another width or in other colours. */
const assertLooks = (page) => assertAccessible(page, LOOKS);

/** Nothing sticks out to the side. */
async function assertFits(page, what) {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(over <= 0, `${what} is ${over} px too wide at ${page.size}`);
}

/** One state as it is on a desk and on a phone: axe finds nothing, nothing sticks out, and both are kept as pictures. */
async function lookAtBoth(page, name) {
  const { size } = page;
  await assertAccessible(page);
  await assertFits(page, name);
  await shot(page, name);
  await resize(page, size === 390 ? 1280 : 390);
  await assertLooks(page);
  await assertFits(page, name);
  await shot(page, name);
  await resize(page, size);
}

/** `test` for what no width changes: every second one runs on a desk, the others on a phone. */
function testAtEither(size) {
  let count = 0;
  return (name, work) => {
    if (count++ % 2 === (size === 390 ? 1 : 0)) test(name, work);
  };
}

module.exports = {
  CARDS,
  DECLINES,
  IN_APP,
  SIZES,
  assertAccessible,
  assertFits,
  assertLooks,
  cardFrame,
  challenge,
  fillCard,
  focused,
  inState,
  launch,
  lookAtBoth,
  main,
  newPage,
  open,
  pay,
  resize,
  screenshotDirectory,
  shot,
  testAtEither,
};
