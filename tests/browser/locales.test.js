'use strict';

// Ten languages: nothing is missing, and each page reads in its direction, with amounts and dates as its readers write
// them.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { CARDS, assertFits, inState, launch, lookAtBoth, newPage, open, pay, shot } = require('./browser.js');
const { startStack } = require('./stack.js');

const folder = path.resolve(__dirname, '../../locales');
const read = (locale) => JSON.parse(fs.readFileSync(path.join(folder, `${locale}.json`), 'utf8'));
const english = read('en');
const AMOUNTS = {
  en: '€24.00',
  de: '24,00 €',
  fr: '24,00 €',
  es: '24,00 €',
  it: '24,00 €',
  nl: '€ 24,00',
  'pt-BR': '€ 24,00',
  pl: '24,00 €',
  ja: '€24.00',
  ar: '24.00',
};

let stack, browser;

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

const placeholders = (text) => [...new Set(String(text).match(/\{\w+\}/g))].sort();
const plain = (text) => text.replace(/[\u00a0\u202f]/g, ' ').replace(/[\u200e\u200f\u061c\u2066-\u2069]/g, '');

for (const locale of Object.keys(AMOUNTS)) {
  test(`${locale}: every text is there, and is a translation`, () => {
    const texts = read(locale);
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(english).sort());
    for (const [name, text] of Object.entries(texts)) {
      assert.ok(text.length > 0, name);
      if (!name.startsWith('date')) assert.deepEqual(placeholders(text), placeholders(english[name]), name);
    }
    const words = (text) =>
      String(text)
        .replace(/\{\w+\}/g, '')
        .match(/\p{L}{3,}/gu) || [];
    const same = Object.keys(texts).filter((name) => texts[name] === english[name] && words(texts[name]).length > 1);
    if (locale !== 'en') assert.deepEqual(same, []);
  });

  test(`${locale}: the page`, async () => {
    const page = await newPage(browser, { size: 390, locale: 'en-GB' });
    const session = await stack.session();
    await open(page, session, `?lang=${locale}`);
    assert.equal(await page.locator('html').getAttribute('lang'), locale);
    assert.equal(await page.locator('html').getAttribute('dir'), locale === 'ar' ? 'rtl' : 'ltr');
    assert.ok(
      plain(await page.getByTestId('total').textContent()).includes(AMOUNTS[locale]),
      await page.getByTestId('total').textContent(),
    );
    await assertFits(page, locale);
    await shot(page, `locale-${locale}`);
    await pay(page, CARDS.insufficientFunds, { postal: '' });
    await page.locator('main[data-state="declined_retry"], main[data-state="field_error"]').waitFor();
    if ((await page.locator('main').getAttribute('data-state')) === 'field_error')
      await pay(page, CARDS.insufficientFunds);
    await inState(page, 'declined_retry');
    assert.ok((await page.getByTestId('errors').textContent()).startsWith(read(locale).decline_insufficient_funds));
    await lookAtBoth(page, `locale-${locale}-declined`);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

test('no text is there for nothing', () => {
  const top = path.resolve(__dirname, '../..');
  const below = (dir, ending) =>
    fs.readdirSync(path.join(top, dir)).filter((name) => name.endsWith(ending)).map((name) => path.join(dir, name));
  const files = [
    'static/checkout.js',
    'src/web/locale.c',
    'templates/error.html',
    ...below('src/pages', '.c'),
    ...below('templates/checkout', '.html'),
    ...below('templates/mail', ''),
    ...below('templates/parts', '.html'),
  ];
  const used = files.map((name) => fs.readFileSync(path.join(top, name), 'utf8')).join('\n');
  const made = [/^decline_/, /_heading$/]; // from a class of decline, from a state
  const unused = Object.keys(english).filter(
    (name) => !made.some((rule) => rule.test(name)) && !new RegExp(`\\b${name}\\b`).test(used),
  );
  assert.deepEqual(unused, []);
});

test("the language is the one that was chosen, then the merchant's, then the browser's", async () => {
  const session = await stack.session();
  const german = await stack.session({ locale: 'de' });
  const lang = async (address, accept) =>
    /<html lang="([^"]+)"/.exec(await (await fetch(address, { headers: { 'accept-language': accept } })).text())[1];
  assert.equal(await lang(session.url, 'fr-CH, fr;q=0.9, en;q=0.8'), 'fr');
  assert.equal(await lang(session.url, 'xx, pt;q=0.2, ja;q=0.7'), 'ja');
  assert.equal(await lang(session.url, 'pt-PT'), 'pt-BR');
  assert.equal(await lang(session.url, 'xx'), 'en');
  assert.equal(await lang(german.url, 'fr'), 'de');
  assert.equal(await lang(`${german.url}?lang=pl`, 'fr'), 'pl');
  assert.equal(await lang(`${german.url}?lang=klingon`, 'fr'), 'de');
});

test('a page is left narrow at 320 without scrolling sideways', async () => {
  const page = await newPage(browser, { viewport: { width: 320, height: 640 } });
  page.size = 390;
  const session = await stack.session({
    description: 'A very long name of an article that nobody would ever want to read in full on a phone',
  });
  await open(page, session);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  await page.context().close();
});
