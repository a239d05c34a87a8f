'use strict';

// The dashboard's frame and what is around the money: coming in, one's own account, users, keys, audit log, settings, doctor. Each
// state on a desk and on a phone, light and dark, with what axe finds and a screenshot.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { SIZES, assertAccessible, assertFits, assertLooks, launch, newPage, shot } = require('./browser.js');
const { startTill } = require('../lib/till.js');
const { PASSWORD, makeUser, totp } = require('../lib/admin.js');

let till, browser;

before(async () => {
  [till, browser] = await Promise.all([
    startTill({
      sandbox: false,
      env: { TILL_SECOND_FACTOR: 'required', MERCHANT_NAME: 'Paper & Ink' },
    }),
    launch(),
  ]);
});
after(async () => {
  await browser?.close();
  await till?.stop();
});

async function withPage(options, work) {
  const page = await newPage(browser, options);
  try {
    await work(page);
    assert.deepEqual(page.complaints, []);
  } catch (error) {
    await shot(page, `failed-admin-${Date.now()}`).catch(() => {});
    throw error;
  } finally {
    await page.context().close();
  }
}

// Every part and every colour is on one of these.
const IN_THE_DARK = ['sign-in-refused', 'audit', 'user', 'user-new-refused', 'settings', 'doctor-checked', 'account'];
const known = new Set();

/** What must hold of every state: axe finds nothing, nothing runs over the edge, one heading; and it is kept as a picture. */
async function seen(page, name) {
  await (known.has(name) ? assertLooks : assertAccessible)(page);
  await assertFits(page, name);
  assert.equal(await page.locator('h1').count(), 1, name);
  assert.match(await page.locator('.ribbon').innerText(), /Test mode/);
  await shot(page, `admin-${name}`);
  if (IN_THE_DARK.includes(name) && !known.has(name)) {
    await page.emulateMedia({ colorScheme: 'dark' });
    await assertLooks(page);
    await shot(page, `admin-${name}-dark`);
    await page.emulateMedia({ colorScheme: 'light' });
  }
  known.add(name);
}

async function fillSignIn(page, email, password = PASSWORD, code = '') {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Code', { exact: false }).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in for the first time and sets the second factor up; answers its secret. */
async function enrol(page, email) {
  await fillSignIn(page, email);
  await page.getByRole('heading', { name: 'Set up your second factor' }).waitFor();
  const secret = (await page.getByTestId('secret').innerText()).replaceAll(' ', '');
  await page.getByLabel('The six digits').fill(totp(secret));
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
  return secret;
}

/** A code that was not used yet. */
async function fresh(email, secret) {
  const { id } = await makeUser(till, 'owner', { email });
  await till.db.value(`UPDATE users SET totp_step = totp_step - 2 WHERE id = '${id}'`);
  return totp(secret);
}

/** By the menu, as it is at this width. */
async function go(page, word) {
  if (page.size === 390) await page.locator('.narrow > summary').click();
  await page.locator('nav:visible').getByRole('link', { name: word, exact: true }).click();
  await page.locator(`nav a[aria-current="page"]:has-text("${word}")`).first().waitFor({ state: 'attached' });
}

for (const size of [1280, 390]) {
  test(`an owner comes in, and looks after users, keys and the log at ${size}`, async () => {
    const email = `owner-${size}@people.example`;
    await makeUser(till, 'owner', { email, name: 'Robin <img src=x onerror=alert(1)>' });
    await withPage({ size }, async (page) => {
      await page.goto(`${till.url}/admin/audit`);
      await page.getByRole('heading', { name: 'Sign in to Paper & Ink' }).waitFor();
      await seen(page, 'sign-in');
      await fillSignIn(page, email, 'not the password');
      assert.match(await page.getByRole('alert').innerText(), /That is not right/);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'problem', 'what went wrong has the focus');
      assert.equal(await page.getByLabel('E-mail address').inputValue(), email, 'what was typed is there');
      assert.equal(await page.getByLabel('Password').inputValue(), '');
      await seen(page, 'sign-in-refused');

      await fillSignIn(page, email);
      await page.getByTestId('qr').waitFor();
      await seen(page, 'second-factor');
      const secret = (await page.getByTestId('secret').innerText()).replaceAll(' ', '');
      await page.getByLabel('The six digits').fill('000000');
      await page.getByRole('button', { name: 'Turn it on' }).click();
      await page.locator('#w-code').waitFor();
      await seen(page, 'second-factor-refused');
      await page.getByLabel('The six digits').fill(totp(secret));
      await page.getByRole('button', { name: 'Turn it on' }).click();
      assert.equal(await page.getByTestId('codes').getByRole('listitem').count(), 10);
      await seen(page, 'recovery-codes');
      await page.getByRole('link', { name: 'I have kept them' }).click();
      await page.getByRole('heading', { name: 'Audit log' }).waitFor(); // where they wanted to go
      await page.getByTestId('entries').getByText('user.second_factor_set').first().waitFor();
      assert.match(await page.locator('.side').innerText(), size === 390 ? /Menu/ : /Robin <img src=x onerror=alert\(1\)>/);
      await seen(page, 'audit');

      await page.getByLabel('Who:').fill('nobody@people.example');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByText('Nothing was found').waitFor();
      await seen(page, 'audit-empty');
      await page.goto(`${till.url}/admin/audit?from=never`);
      await page.getByRole('alert').waitFor();
      await seen(page, 'audit-refused');
      await page.goto(`${till.url}/admin/audit`);
      await page.getByRole('button', { name: 'Verify the chain' }).click();
      assert.match(await page.getByTestId('flash').innerText(), /^\d+ entries, all as they were written/);

      await go(page, 'Users');
      await seen(page, 'users');
      await page.getByRole('link', { name: 'Add a user' }).click();
      await seen(page, 'user-new');
      await page.getByLabel('Name').fill('Kim');
      await page.getByLabel('E-mail address').fill(email);
      await page.getByRole('radio', { name: 'finance' }).check();
      await page.getByRole('button', { name: 'Add them' }).click();
      await page.locator('#w-email').waitFor();
      assert.equal(await page.getByLabel('Name').inputValue(), 'Kim');
      assert.ok(await page.getByRole('radio', { name: 'finance' }).isChecked());
      await seen(page, 'user-new-refused');
      await page.getByLabel('E-mail address').fill(`kim-${size}@people.example`);
      await page.getByRole('button', { name: 'Add them' }).click();
      assert.match(await page.getByTestId('password').innerText(), /^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
      await seen(page, 'user-password');
      await page.getByRole('link', { name: 'Done' }).click();
      await page.getByLabel('Role').selectOption('risk');
      await page.getByRole('button', { name: 'Give this role' }).click();
      assert.match(await page.getByTestId('flash').innerText(), /The role is changed/);
      assert.match(await page.getByTestId('role').innerText(), /^Risk/);
      await seen(page, 'user');

      await till.db.value(`UPDATE operator_sessions SET stepped_up_at = stepped_up_at - interval '5 minutes'`);
      const disable = async (reason) => {
        await page.getByTestId('disable').locator('summary').click();
        await page.getByLabel('Why?').fill(reason);
        await page.getByRole('button', { name: 'Disable Kim' }).click();
      };
      await disable('Left the shop.');
      await page.getByRole('heading', { name: 'Confirm that it is you' }).waitFor();
      await page.getByText('What you sent was not done').waitFor();
      await seen(page, 'step-up');
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByLabel('Code').fill(await fresh(email, secret));
      await page.getByRole('button', { name: 'Confirm' }).click();
      await page.getByText('please send it again now').waitFor();
      await disable('  x');
      assert.match(await page.getByRole('alert').innerText(), /Reason/);
      await seen(page, 'user-disable-refused');
      await page.getByLabel('Why?').fill('Left the shop <b>.');
      await page.getByRole('button', { name: 'Disable Kim' }).click();
      await page.getByRole('button', { name: 'Enable' }).click();
      await page.getByTestId('disable').waitFor();
      await page.getByRole('button', { name: 'New password' }).click();
      await page.getByTestId('password').waitFor();
      await page.getByRole('link', { name: 'Done' }).click();
      await page.getByRole('button', { name: 'Forget second factor' }).click();
      assert.match(await page.getByTestId('flash').innerText(), /app and recovery codes are forgotten/);
      await page.getByRole('link', { name: 'What was done to them' }).click();
      await page.getByTestId('entries').getByText('reason Left the shop <b>.').waitFor();

      await go(page, 'Developers');
      await seen(page, 'developers');
      await page.getByRole('link', { name: 'Make an API key' }).click();
      await seen(page, 'key-new');
      await page.getByRole('button', { name: 'Make it' }).click(); // the browser itself asks for a name
      await page.getByLabel('What it is for').fill('"><script>alert(1)</script>');
      await page.getByRole('button', { name: 'Make it' }).click();
      await page.getByRole('alert').waitFor();
      await page.getByLabel('payments:read').check();
      await page.getByRole('button', { name: 'Make it' }).click();
      assert.match(await page.getByTestId('key').innerText(), /^till_test_/);
      await seen(page, 'key-made');
      await page.getByRole('link', { name: 'Done' }).click();
      const row = page.getByTestId('keys').getByRole('row').filter({ hasText: '"><script>alert(1)</script>' }).first();
      await row.getByRole('button', { name: 'Revoke' }).click();
      await page.getByText('opens nothing any more').waitFor();

      await go(page, 'Settings');
      assert.doesNotMatch(await page.content(), /sk_test_|whsec_/);
      await seen(page, 'settings');
      await go(page, 'Doctor');
      await seen(page, 'doctor');
      await page.getByRole('button', { name: 'Check now' }).click();
      await page.getByTestId('findings').waitFor({ timeout: 40000 });
      const signs = page.getByTestId('findings').locator('.badge svg');
      assert.equal(await signs.locator('path').count(), await signs.count(), 'one sign for each state');
      await seen(page, 'doctor-checked');

      await page.goto(`${till.url}/admin/account`);
      await page.getByTestId('sessions').getByText('this one').waitFor();
      await seen(page, 'account');
      await page.getByLabel('Password now').fill(PASSWORD);
      await page.getByLabel('Code of your app').fill(await fresh(email, secret));
      await page.getByLabel('New password').fill('password12345');
      await page.getByRole('button', { name: 'Change it' }).click();
      assert.match(await page.getByRole('alert').innerText(), /Password is one that many people have/);
      await seen(page, 'account-refused');
      // elsewhere, and again elsewhere: one is ended alone, then all
      const elsewhere = async () => {
        const other = await newPage(browser, { size });
        await other.goto(`${till.url}/admin/sign-in`);
        await fillSignIn(other, email, PASSWORD, await fresh(email, secret));
        await other.locator('.side').waitFor();
        return other;
      };
      const others = [await elsewhere(), await elsewhere(), await elsewhere()];
      await page.goto(`${till.url}/admin/account`);
      await page.getByTestId('sessions').getByRole('button', { name: 'End it' }).first().click();
      assert.match(await page.getByTestId('flash').innerText(), /That session has ended/);
      await page.getByRole('button', { name: 'End all others' }).click();
      assert.equal(await page.getByTestId('sessions').getByRole('row').count(), 2);
      for (const other of others) {
        await other.goto(`${till.url}/admin/account`);
        await other.getByRole('heading', { name: 'Sign in' }).waitFor();
        await other.context().close();
      }
      await page.getByRole('button', { name: 'Make new recovery codes' }).click();
      assert.equal(await page.getByTestId('codes').getByRole('listitem').count(), 10);
      await page.getByRole('link', { name: 'I have kept them' }).click();
      await page.goto(`${till.url}/admin/account`);
      await page.getByLabel('Password now').fill(PASSWORD);
      await page.getByLabel('Code of your app').fill(await fresh(email, secret));
      await page.getByLabel('New password').fill('another seven green lamps');
      await page.getByRole('button', { name: 'Change it' }).click();
      assert.match(await page.getByTestId('flash').innerText(), /Your password is changed/);
      await page.goto(`${till.url}/admin/users/usr_00000000000000000000000000`);
      await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
      await seen(page, 'nothing-here');

      if (page.size === 390) await page.locator('.narrow > summary').click();
      await page.getByRole('button', { name: 'Sign out' }).locator('visible=true').click();
      await page.getByText('You are signed out').waitFor();
      await page.goBack();
      await page.goto(`${till.url}/admin/users`);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    });
  });
}

test('without scripts everything works: signing in, the menu, forms', async () => {
  for (const size of Object.keys(SIZES).map(Number)) {
    const email = `plain-${size}@people.example`;
    await makeUser(till, 'admin', { email, name: 'Plain' });
    await withPage({ size, javaScriptEnabled: false }, async (page) => {
      await page.goto(`${till.url}/admin/users`);
      await enrol(page, email);
      await page.getByRole('link', { name: 'I have kept them' }).click();
      await go(page, 'Audit log');
      assert.match(await page.locator('time').first().innerText(), /UTC$/, 'times say their zone');
      await go(page, 'Users');
      await page.getByRole('link', { name: 'Add a user' }).click();
      await page.getByLabel('Name').fill('Someone');
      await page.getByLabel('E-mail address').fill(`someone-${size}@people.example`);
      await page.getByRole('button', { name: 'Add them' }).click();
      await page.getByTestId('password').waitFor();
    });
  }
});

test('a role sees its own menu, and a page it may not open says so', async () => {
  const email = 'support-menu@people.example';
  await makeUser(till, 'support', { email });
  await withPage({ size: 390 }, async (page) => {
    await page.goto(`${till.url}/admin/users`);
    await enrol(page, email);
    await page.getByRole('link', { name: 'I have kept them' }).click();
    await page.getByRole('heading', { name: 'You may not do this' }).waitFor();
    await seen(page, 'no-permission');
    await page.locator('.narrow > summary').click();
    const menu = page.locator('nav:visible');
    assert.equal(await menu.getByRole('link', { name: 'Users', exact: true }).count(), 0);
    assert.equal(await menu.getByRole('link', { name: 'Developers', exact: true }).count(), 0);
    await seen(page, 'menu-open');
    for (const link of await menu.getByRole('link').all()) assert.ok((await link.boundingBox()).height >= (await link.locator('xpath=ancestor::li').count() ? 44 : 0), 'big enough for a finger');
  });
});

test('times are in the zone of whoever looks, and UTC is a hover away; the keyboard goes everywhere', async () => {
  const email = 'zone@people.example';
  await makeUser(till, 'auditor', { email });
  await withPage({ timezoneId: 'Asia/Tokyo' }, async (page) => {
    await page.goto(`${till.url}/admin/audit`);
    await enrol(page, email);
    await page.getByRole('link', { name: 'I have kept them' }).click();
    const time = page.locator('time').first();
    const utc = await time.getAttribute('datetime');
    const local = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'Asia/Tokyo' }).format(new Date(utc));
    assert.ok((await time.innerText()).endsWith(local), `${await time.innerText()} is ${local}`);
    assert.equal(await time.getAttribute('title'), utc);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', 'one sees where one is');
  });
});
