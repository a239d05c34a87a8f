'use strict';

// What payers are written: receipts, refunds, and what their bank wants of them; once each, in their language, by a real mail server.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { startMailbox } = require('../lib/mailbox.js');
const { makeDirectory, sleep, startTill, until } = require('../lib/till.js');
const { signIn } = require('../lib/admin.js');
const { act, closed, isProblem, newKey, paid, pay, pointers, usd } = require('./books.js');

const MERCHANT = 'Käse & Söhne <b>"Ltd"</b>';
let till, box, dir, failpoints;

const settings = (of) => ({
  SMTP_URL: of.url, MAIL_FROM: 'receipts@shop.example', SUPPORT_EMAIL: 'help@shop.example', MERCHANT_NAME: MERCHANT, TILL_FAILPOINTS: failpoints,
  RATE_LIMIT_REQUESTS: '10000',
});

before(async () => {
  dir = makeDirectory();
  failpoints = path.join(dir, 'failpoints');
  fs.writeFileSync(failpoints, '');
  box = await startMailbox({ tls: true });
  till = await startTill({ env: { ...settings(box), SMTP_USER: 'till', SMTP_PASSWORD: 'pass word', SMTP_CA_FILE: box.ca } });
});
after(async () => {
  try {
    await closed(till);
  } finally {
    await box.stop();
  }
  fs.rmSync(dir, { recursive: true, force: true });
});

const mailsOf = (id) => till.db.rows(`SELECT id, kind, status, tries, error FROM mails WHERE payment_id = '${id}' ORDER BY id`);
const arrives = (address, count = 1) => until(() => { const got = box.to(address); return got.length >= count && got; }, `mail to ${address}`);
const settled = (id, status) => until(async () => (await mailsOf(id)).every((one) => one.status === status) && mailsOf(id), `mail about ${id} ${status}`);
const hurry = () => till.db.value("UPDATE jobs SET run_at = domain_now() WHERE kind = 'mail.send' AND state = 'available'");
const again = (id, body) => till.api('POST', `/api/v1/payments/${id}/receipt`, { body });

test('a receipt, once, over TLS, as HTML and as text', async () => {
  const payment = await paid(till, { receipt_email: 'ada@payer.example', description: '2 <i>pens</i>', reference: 'order {{7}}' });
  assert.ok(!JSON.stringify(payment).includes('ada@'), 'the address is not part of the payment');
  const [mail] = await arrives('ada@payer.example');
  assert.deepEqual([mail.from, mail.to, mail.tls, mail.user], ['receipts@shop.example', ['ada@payer.example'], true, 'till']);
  assert.equal(mail.subject, `Receipt from ${MERCHANT}`);
  assert.equal(mail.headers.to, 'ada@payer.example');
  assert.match(mail.headers.from, /^=\?utf-8\?B\?[A-Za-z0-9+/=]+\?=\s*(=\?utf-8\?B\?[A-Za-z0-9+/=]+\?=\s*)*<receipts@shop\.example>$/);
  assert.equal(mail.headers['reply-to'], 'help@shop.example');
  assert.equal(mail.headers['auto-submitted'], 'auto-generated');
  assert.ok(Math.abs(Date.parse(mail.headers.date) - Date.now()) < 60000, mail.headers.date);
  const [row] = await settled(payment.id, 'sent');
  assert.equal(mail.headers['message-id'], `<${row.id}@127.0.0.1>`);
  for (const line of mail.raw.split('\r\n')) assert.ok(line.length <= 100 && /^[\x20-\x7e\t]*$/.test(line), line);
  for (const part of [mail.text, mail.html]) {
    assert.ok(part.includes(payment.id) && part.includes('$10.00') && part.includes('help@shop.example') && part.includes('Visa ending in 4242'), part);
  }
  assert.ok(mail.text.includes(`${MERCHANT} has received $10.00.`) && mail.text.includes('2 <i>pens</i>') && mail.text.includes('order {{7}}'), mail.text);
  assert.ok(mail.html.includes('2 &lt;i&gt;pens&lt;/i&gt;') && !mail.html.includes('<b>') && mail.html.includes('&amp;'), mail.html);
  const link = mail.text.match(/http:\S+\/receipt/)[0];
  const page = await fetch(link);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /\$10\.00/);
  await sleep(500);
  assert.equal(box.to('ada@payer.example').length, 1);
  const dump = await till.db.value("SELECT string_agg(c::text, '') || string_agg(m::text, '') FROM payment_contacts c, mails m");
  assert.ok(!dump.includes('ada@') && !till.logs().includes('ada@'), 'no address rests in the clear');
});

test('a refund, to the customer of the payment, and nothing where nobody is known', async () => {
  const customer = (await till.api('POST', '/api/v1/customers', { body: { email: 'bob@payer.example', name: 'Bob' }, key: newKey() })).body;
  const payment = await paid(till, { customer_id: customer.id });
  await arrives('bob@payer.example');
  await act(till, payment.id, 'refund', { amount: usd('4.00') });
  const [, refund] = await arrives('bob@payer.example', 2);
  assert.equal(refund.subject, `${MERCHANT} has given $4.00 back to you`);
  assert.match(refund.text, /\$4\.00 was given back/);
  const stranger = await paid(till);
  assert.deepEqual(await mailsOf(stranger.id), []);
  const failed = await pay(till, { payment_method_id: 'pm_card_visa_chargeDeclined', receipt_email: 'none@payer.example' });
  assert.equal(failed.status, 402);
  await sleep(300);
  assert.deepEqual(box.to('none@payer.example'), []);
});

test('when the bank wants the payer, who is reminded while it does', async () => {
  const [waiting, gone] = await Promise.all(['carl@payer.example', 'gone@payer.example'].map(async (receipt_email) =>
    (await pay(till, { payment_method_id: 'pm_card_threeDSecure2Required', receipt_email })).body));
  assert.equal(waiting.status, 'requires_action');
  assert.equal((await act(till, gone.id, 'cancel')).status, 200);
  assert.deepEqual(box.to('carl@payer.example'), [], 'not at once');
  await hurry();
  const [mail] = await arrives('carl@payer.example');
  assert.equal(mail.subject, `${MERCHANT}: please confirm your payment`);
  assert.equal((await fetch(mail.text.match(/http:\S+\/checkout\/\S+/)[0])).status, 200);
  assert.equal((await settled(gone.id, 'dropped'))[0].kind, 'action');
  assert.deepEqual(box.to('gone@payer.example'), []);
});

test('the receipt again, from the dashboard', async () => {
  const payment = await paid(till, { receipt_email: 'emil@payer.example' });
  const [finance, support] = [await signIn(till, 'finance'), await signIn(till, 'support')];
  await arrives('emil@payer.example');
  const address = `/admin/payments/${payment.id}/receipt`;
  assert.match((await finance.get(`/admin/payments/${payment.id}`)).text, /data-test="receipt"/);
  assert.doesNotMatch((await support.get(`/admin/payments/${payment.id}`)).text, /data-test="receipt"/);
  assert.equal((await support.post(address)).status, 403);
  const refused = await finance.post(address, { email: 'not an address' });
  assert.deepEqual([refused.status, /id="w-email"/.test(refused.text)], [400, true]);
  assert.match((await finance.submit(address, { email: '' })).text, /The receipt is on its way/);
  await arrives('emil@payer.example', 2);
  await finance.submit(address, { email: 'fritz@payer.example' });
  await arrives('fritz@payer.example');
  const audit = await till.db.rows(`SELECT principal FROM audit_log WHERE action = 'receipt.asked' AND object = '${payment.id}'`);
  assert.deepEqual(audit.map((entry) => entry.principal), [finance.user.id, finance.user.id]);
  const never = (await pay(till, { confirmation_method: 'manual' })).body;
  assert.doesNotMatch((await finance.get(`/admin/payments/${never.id}`)).text, /data-test="receipt"/);
});

test('the receipt again, in a language, to another address', async () => {
  const payment = await paid(till, { receipt_email: 'dora@payer.example' });
  await arrives('dora@payer.example');
  for (const [locale, subject] of [['de-AT', 'Beleg'], ['fr', 'Reçu'], ['es', 'Recibo'], ['ja', '領収']]) {
    const answer = await again(payment.id, { email: `${locale}@payer.example`, locale });
    assert.equal(answer.status, 202, answer.text);
    assert.equal(answer.body.status, 'pending');
    const [mail] = await arrives(`${locale}@payer.example`);
    assert.ok(mail.subject.includes(subject), mail.subject);
    assert.equal(mail.headers['content-language'], locale.slice(0, 2));
    if (locale === 'de-AT') assert.ok(mail.html.includes('10,00') && mail.html.includes('lang="de"'), mail.html);
  }
  assert.equal((await again(payment.id)).status, 202);
  await arrives('dora@payer.example', 2);
  isProblem(await again(payment.id), 429, 'RATE_LIMITED');
  const unknown = await paid(till);
  const nobody = await again(unknown.id);
  isProblem(nobody, 400, 'VALIDATION_ERROR');
  assert.deepEqual(pointers(nobody), ['#/email']);
  const open = (await pay(till, { confirmation_method: 'manual' })).body;
  isProblem(await again(open.id, { email: 'a@payer.example' }), 400, 'INVALID_STATUS');
  isProblem(await again('pay_00000000000000000000000000', { email: 'a@payer.example' }), 404, 'NOT_FOUND');
  const [audit] = await till.db.rows(`SELECT count(*) AS n FROM audit_log WHERE action = 'receipt.asked' AND object = '${payment.id}'`);
  assert.equal(audit.n, 5);
});

for (const [what, address] of Object.entries({
  'a line break': 'a@payer.example\r\nBcc: all@payer.example', 'a second recipient': 'a@payer.example,b@payer.example', 'a name': 'A <a@payer.example>',
  'quotes': '"a b"@payer.example', 'no host': 'a@', 'a bare name': 'a@localhost', 'a space': 'a b@payer.example', 'an option': '-f@pay er.example',
  'a zero': 'a\u0000@payer.example', 'a local part of another script': 'ä@payer.example', 'two dots': 'a..b@payer.example', 'a percent': 'a@%0d%0a.example',
})) {
  test(`an address with ${what} is refused`, async () => {
    const answer = await pay(till, { receipt_email: address });
    assert.equal(answer.status, 400, answer.text);
    if (answer.body.code === 'VALIDATION_ERROR') assert.deepEqual(pointers(answer), ['#/receipt_email']);
  });
}

test('hosts of any script are asked for as DNS has them', async () => {
  const payment = await paid(till, { receipt_email: 'erna@käse.example' });
  const [mail] = await arrives('erna@xn--kse-qla.example');
  assert.equal(mail.headers.to, 'erna@xn--kse-qla.example');
  await settled(payment.id, 'sent');
});

test('what is refused for good is given up, what is not is tried again; a person is asked', async () => {
  const refused = await paid(till, { receipt_email: 'x@refuse.example' });
  const [mail] = await settled(refused.id, 'failed');
  assert.match(mail.error, /550/);
  assert.ok(!mail.error.includes('x@'));
  const decisions = async () => (await till.api('GET', '/api/v1/decisions')).body.data.filter((one) => one.kind === 'mail_failed');
  assert.deepEqual((await decisions()).map((one) => one.object), [mail.id]);
  const later = await paid(till, { receipt_email: 'x@later.example' });
  for (let tries = 1; tries <= 8; tries++) {
    await until(async () => (await mailsOf(later.id))[0].tries >= tries, `try ${tries}`);
    if (tries < 8) {
      const due = Number(await till.db.value(`SELECT extract(epoch FROM run_at - domain_now())::int FROM jobs j JOIN mails m ON m.id = j.subject
        WHERE m.payment_id = '${later.id}' AND j.state = 'available'`));
      assert.ok(due >= 50, `${due} s after try ${tries}`);
    }
    await hurry();
  }
  await settled(later.id, 'failed');
  assert.equal((await decisions()).length, 2);
});

test('who erases a person erases the addresses, too', async () => {
  const customer = (await till.api('POST', '/api/v1/customers', { body: { email: 'fay@payer.example' }, key: newKey() })).body;
  const payment = await paid(till, { customer_id: customer.id, receipt_email: 'fay2@payer.example' });
  await arrives('fay2@payer.example');
  await again(payment.id, { email: 'fay3@payer.example' });
  await arrives('fay3@payer.example');
  await till.db.value(`DELETE FROM customer_persons WHERE customer_id = '${customer.id}'`);
  assert.equal(await till.db.value(`SELECT (SELECT count(*) FROM payment_contacts WHERE payment_id = '${payment.id}')
    + (SELECT count(*) FROM mails WHERE payment_id = '${payment.id}' AND recipient IS NOT NULL)`), '0');
  isProblem(await again(payment.id), 400, 'VALIDATION_ERROR');
});

test('killed after sending: it comes once more, and can be told for the same', {
  skip: /asan/.test(process.env.TILL_TEST_BUILD) ? false : 'this build has no places to be killed at',
}, async () => {
  const workers = till.workers();
  fs.writeFileSync(failpoints, 'mail.after_send 0 kill\n');
  await pay(till, { receipt_email: 'gus@payer.example' });
  await until(() => till.workers().join() !== workers.join(), 'a process dies');
  fs.writeFileSync(failpoints, '');
  await arrives('gus@payer.example');
  // What the dead process was at is anybody's from now on, once.
  await till.db.value("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'");
  await until(() => box.to('gus@payer.example').length === 2, 'it is sent again');
  assert.equal(new Set(box.to('gus@payer.example').map((mail) => mail.headers['message-id'])).size, 1);
});

test('without a mail server there is no mail, and a wrong one is said at the start', async () => {
  const config = async (env) => {
    const before = till.env;
    till.env = { ...before, ...env };
    const answer = await till.command('doctor', '--json');
    till.env = before;
    return answer.stderr + answer.stdout;
  };
  assert.match(await config({ SMTP_URL: 'smtp://mail.example.com', SMTP_TLS: 'none' }), /SMTP_TLS: may be none only/);
  assert.match(await config({ MAIL_FROM: null }), /MAIL_FROM: is missing/);
  assert.match(await config({ SMTP_URL: 'http://mail.example.com' }), /SMTP_URL: must be like/);

  const plain = await startMailbox();
  const other = await startTill({ env: { ...settings(plain), SMTP_TLS: 'none', MAIL_LOCALE: 'de' } });
  try {
    const payment = await paid(other, { receipt_email: 'hal@payer.example' });
    await until(() => plain.to('hal@payer.example').length, 'it comes');
    assert.ok(plain.to('hal@payer.example')[0].subject.includes('Beleg'));
    assert.equal(plain.to('hal@payer.example')[0].tls, false);
    other.env = { ...other.env, SMTP_URL: null };
    await other.restart();
    isProblem(await other.api('POST', `/api/v1/payments/${payment.id}/receipt`, { body: {} }), 400, 'INVALID_STATUS');
    await paid(other, { receipt_email: 'ida@payer.example' });
    assert.equal(await other.db.value('SELECT count(*) FROM mails'), '1');
  } finally {
    await other.stop();
    await plain.stop();
  }
});
