'use strict';

// How an operator comes in and stays in: both factors, no hint, locks, sessions that end, being asked again, and what each leaves behind.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startTill } = require('../lib/till.js');
const { PASSWORD, Visitor, makeUser, signIn, totp } = require('../lib/admin.js');

let till, clock = 0;
before(async () => {
  till = await startTill({ sandbox: false, env: { TILL_SECOND_FACTOR: 'required', TRUSTED_PROXIES: '127.0.0.1' } });
});
after(() => till && till.stop());

const now = () => Date.now() + clock * 1000;

/** Time goes on by so many seconds, and both workers know. */
async function moveTime(seconds) {
  clock = Number(await till.db.value(`UPDATE clock SET offset_seconds = offset_seconds + ${seconds} RETURNING offset_seconds`));
  for (let seen = 0; seen < 12;) {
    const { body } = await till.api('POST', '/api/v1/customers', { body: {} });
    seen = Date.parse(body.created_at) > now() - 5000 ? seen + 1 : 0;
  }
}

let last = 0;
/** Each caller has an address of its own, so that failures of one test do not lock another out. */
const from = () => ({ 'x-forwarded-for': `198.51.100.${++last}` });

/** The claim of a form, sent by a browser that was never here. */
async function claim(form, headers = from()) {
  const visitor = new Visitor(till, headers);
  return { visitor, answer: await visitor.post('/admin/sign-in', { email: '', password: '', code: '', ...form }) };
}

/** A user with a second factor: { …, secret, codes, visitor }. */
async function enrolled(role, email) {
  const visitor = await signIn(till, role, { email, headers: from() });
  const page = await visitor.get('/admin/second-factor');
  const secret = page.text.match(/data-test="secret">([A-Z2-7 ]+)</)[1].replaceAll(' ', '');
  const done = await visitor.post('/admin/second-factor', { code: totp(secret, now()), next: '' });
  assert.equal(done.status, 200, done.text);
  const codes = [...done.text.matchAll(/<li><code>([a-z2-9]{5}-[a-z2-9]{5})<\/code>/g)].map((match) => match[1]);
  return { ...visitor.user, secret, codes, visitor };
}

/** The next code that was not used: each is good once, so time must go on. */
async function freshCode(user) {
  await till.db.value(`UPDATE users SET totp_step = totp_step - 2 WHERE id = '${user.id}'`);
  return totp(user.secret, now());
}

const audit = (where) => till.db.rows(`SELECT action, principal_kind, principal, address, object, details FROM audit_log WHERE ${where} ORDER BY id`);
const problemOf = (answer) => answer.text.match(/data-test="problem"[^>]*>\s*<p>([^<]*)/)?.[1];

describe('the second factor', () => {
  test('is set up at the first sign-in, before which nothing else opens, and gives ten recovery codes once', async () => {
    const user = await makeUser(till, 'owner', { email: 'first@people.example' });
    const { visitor, answer } = await claim({ email: user.email, password: PASSWORD });
    assert.deepEqual([answer.status, answer.location], [303, '/admin/second-factor']);
    for (const page of ['/admin', '/admin/users', '/admin/account', '/admin/step-up', '/admin/audit/export']) {
      const refused = await visitor.get(page);
      assert.deepEqual([refused.status, refused.location], [303, `/admin/second-factor?next=${page}`]);
    }
    assert.equal((await visitor.get('/api/v1/payments')).status, 401, 'the API neither');
    const page = await visitor.get('/admin/second-factor');
    assert.equal(page.status, 200);
    assert.match(page.text, /<svg class="qr"[^>]*><path d="M\d/);
    assert.doesNotMatch(page.text, /Later/);
    const secret = page.text.match(/data-test="secret">([A-Z2-7 ]+)</)[1].replaceAll(' ', '');
    assert.equal(secret.length, 32);
    assert.equal((await visitor.get('/admin/second-factor')).text.includes(page.text.match(/data-test="secret">([^<]*)/)[1]), true, 'the same when loaded again');

    const posted = await visitor.post('/admin/users', { email: 'x@people.example', name: 'X', role: 'owner' });
    assert.deepEqual([posted.status, posted.location], [303, '/admin/second-factor?again=1'], 'a change neither');
    const wrong = await visitor.post('/admin/second-factor', { code: String((Number(totp(secret, now())) + 1) % 1000000).padStart(6, '0') });
    assert.equal(wrong.status, 400);
    assert.match(wrong.text, /is not the code that the app shows now/);

    const before = new Map(visitor.cookies);
    const done = await visitor.post('/admin/second-factor', { code: ` ${totp(secret, now()).slice(0, 3)} ${totp(secret, now()).slice(3)} ` });
    assert.equal(done.status, 200);
    const codes = [...done.text.matchAll(/<li><code>([a-z2-9]{5}-[a-z2-9]{5})<\/code>/g)].map((match) => match[1]);
    assert.equal(new Set(codes).size, 10);
    assert.equal((await visitor.get('/admin/users')).status, 200);
    const stolen = new Visitor(till);
    stolen.cookies = before;
    assert.equal((await stolen.get('/admin/users')).status, 303, 'the token from before is over');
    assert.equal((await visitor.get('/admin/second-factor')).status, 303, 'it is set up once');

    const dump = JSON.stringify(await till.db.rows('SELECT * FROM users')) + JSON.stringify(await till.db.rows('SELECT * FROM recovery_codes'))
      + JSON.stringify(await till.db.rows('SELECT * FROM operator_sessions')) + JSON.stringify(await till.db.rows('SELECT * FROM audit_log'));
    const token = visitor.cookies.get('sid');
    for (const [what, text] of Object.entries({ secret, code: codes[0], bare: codes[0].replace('-', ''), token, email: user.email, name: user.name, password: PASSWORD })) {
      assert.ok(!dump.includes(text) && !dump.includes(Buffer.from(text).toString('hex')), `${what} is in the database`);
      assert.ok(!till.logs().includes(text), `${what} is in the log`);
    }
    const hash = require('node:crypto').createHash('sha256').update(token).digest('hex');
    assert.equal(await till.db.value(`SELECT count(*) FROM operator_sessions WHERE token_hash = '\\x${hash}'`), '1');
    assert.match(await till.db.value(`SELECT password_hash FROM users WHERE id = '${user.id}'`), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test('a code is good once, and a recovery code, too', async () => {
    const user = await enrolled('finance', 'once@people.example');
    const code = await freshCode(user);
    assert.equal((await claim({ email: user.email, password: PASSWORD, code })).answer.status, 303);
    assert.equal((await claim({ email: user.email, password: PASSWORD, code })).answer.status, 401, 'the same code');
    const together = await Promise.all(Array.from({ length: 6 }, () => claim({ email: user.email, password: PASSWORD, code: user.codes[0] })));
    assert.equal(together.filter(({ answer }) => answer.status === 303).length, 1, 'six at once with one recovery code');
    assert.equal((await claim({ email: user.email, password: PASSWORD, code: user.codes[1].toUpperCase().replace('-', ' ') })).answer.status, 303, 'as people type it');
    const { visitor } = await claim({ email: user.email, password: PASSWORD, code: await freshCode(user) });
    assert.match((await visitor.get('/admin/account')).text, /8 of 10 left/);
    assert.deepEqual((await audit(`object = '${user.id}' AND action = 'user.recovery_code_used'`)).length, 2);
  });
});

describe('no', () => {
  test('says the same and takes as long, whichever factor was wrong and whether the user exists', async () => {
    const user = await enrolled('support', 'hint@people.example');
    const disabled = await enrolled('support', 'gone@people.example');
    assert.equal((await till.command('user', 'disable', disabled.email)).code, 0);
    const cases = {
      password: { email: user.email, password: 'not the password', code: await freshCode(user) },
      code: { email: user.email, password: PASSWORD, code: '000000' },
      'no code': { email: user.email, password: PASSWORD },
      both: { email: user.email, password: 'not the password', code: '000000' },
      user: { email: 'nobody@people.example', password: PASSWORD, code: '000000' },
      disabled: { email: disabled.email, password: PASSWORD, code: await freshCode(disabled) },
      nothing: { email: 'nobody@people.example' },
    };
    const seen = new Set(), fastest = {};
    for (let n = 0; n < 4; n++) { // by turns: what else the machine does meets all of them
      for (const [name, form] of Object.entries(cases)) {
        const start = performance.now();
        const { answer, visitor } = await claim({ ...form });
        fastest[name] = Math.min(fastest[name] ?? Infinity, performance.now() - start);
        assert.equal(answer.status, 401, name);
        assert.equal(visitor.cookies.size, 0, name);
        seen.add(answer.text.replaceAll(form.email, ''));
        await till.db.value('DELETE FROM sign_in_failures');
      }
    }
    assert.equal(seen.size, 1, 'one page for all');
    for (const name of Object.keys(cases)) assert.ok(fastest[name] > fastest.password / 3, `${name}: ${JSON.stringify(fastest)}`);
    const entries = await audit(`action = 'user.sign_in_failed'`);
    assert.ok(entries.some((entry) => entry.object === user.id) && entries.some((entry) => entry.object === null));
    for (const entry of entries) assert.match(entry.address, /^198\.51\.100\./);
  });

  test('ten failures lock a user out for half an hour, one who does not exist as well, however many come at once', async () => {
    const user = await makeUser(till, 'support', { email: 'locked@people.example' });
    for (const email of [user.email, 'ghost@people.example']) {
      const wrong = await Promise.all(Array.from({ length: 16 }, () => claim({ email, password: 'not the password' })));
      const statuses = wrong.map(({ answer }) => answer.status);
      assert.equal(statuses.filter((status) => status === 401).length, 10, `${email}: ${statuses}`);
      assert.equal(statuses.filter((status) => status === 429).length, 6);
    }
    const { answer } = await claim({ email: user.email, password: PASSWORD });
    assert.equal(answer.status, 429, 'the right password neither');
    assert.ok(Number(answer.headers.get('retry-after')) > 1500 && Number(answer.headers.get('retry-after')) <= 1800);
    assert.match(problemOf(answer), /^Too many tries have failed. Please wait (29|30) minutes/);
    const ghost = await claim({ email: 'ghost@people.example', password: PASSWORD });
    assert.equal(problemOf(ghost.answer), problemOf(answer));
    assert.equal((await audit(`action = 'user.locked_out'`)).length, 2);
    await moveTime(1801);
    assert.equal((await claim({ email: user.email, password: 'not the password' })).answer.status, 401);
    assert.equal((await claim({ email: user.email, password: PASSWORD })).answer.status, 303);
    assert.equal(await till.db.value(`SELECT count(*) FROM sign_in_failures WHERE subject LIKE 'user:%' AND failures < 10`), '0', 'a success forgets');
  });

  test('thirty failures lock an address out, whoever it tries', async () => {
    const headers = from();
    for (let n = 0; n < 30; n++) assert.equal((await claim({ email: `guess${n}@people.example`, password: 'not the password' }, headers)).answer.status, 401, `${n}`);
    assert.equal((await claim({ email: 'other@people.example', password: 'not the password' }, headers)).answer.status, 429);
    assert.equal((await claim({ email: 'other@people.example', password: 'not the password' })).answer.status, 401, 'from elsewhere');
  });
});

describe('a session', () => {
  test('has a cookie that scripts and other sites do not get, and is told apart from one without', async () => {
    const { visitor, answer } = await claim({ email: (await makeUser(till, 'owner', { email: 'cookie@people.example' })).email, password: PASSWORD });
    const cookie = answer.headers.get('set-cookie');
    assert.match(cookie, /^sid=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const { headers } = await visitor.get('/admin/second-factor');
    assert.match(headers.get('content-security-policy'), /^default-src 'none'; script-src 'self'( 'nonce-[^']+')?; style-src 'self'; img-src 'self'; /);
    assert.equal(headers.get('x-frame-options'), 'DENY');
    const again = await visitor.post('/admin/sign-in', { email: 'cookie@people.example', password: PASSWORD, code: '' });
    assert.equal(again.status, 303);
    const old = new Visitor(till);
    old.cookies.set('sid', cookie.match(/sid=([^;]*)/)[1]);
    assert.equal((await old.get('/admin/second-factor')).status, 303, 'a new sign-in ends what this browser had');
  });

  test('ends after a quarter of an hour unused, after twelve hours, when it is signed out, and when its user is disabled', async () => {
    const user = await enrolled('auditor', 'ends@people.example');
    const signedIn = async () => {
      const { visitor, answer } = await claim({ email: user.email, password: PASSWORD, code: await freshCode(user) });
      assert.equal(answer.status, 303);
      return visitor;
    };
    const is = async (visitor, status) => assert.equal((await visitor.get('/admin/audit')).status, status);
    let visitor = await signedIn();
    await is(visitor, 200);
    await moveTime(14 * 60);
    await is(visitor, 200);
    await moveTime(14 * 60);
    await is(visitor, 200);
    await moveTime(15 * 60 + 1);
    await is(visitor, 303);
    assert.equal((await visitor.get('/admin/audit')).location, '/admin/sign-in?next=/admin/audit');

    visitor = await signedIn();
    await till.db.value(`UPDATE operator_sessions SET created_at = created_at - interval '11 hours 59 minutes' WHERE user_id = '${user.id}' AND ended_at IS NULL`);
    await is(visitor, 200);
    await till.db.value(`UPDATE operator_sessions SET created_at = created_at - interval '1 minute' WHERE user_id = '${user.id}' AND ended_at IS NULL`);
    await is(visitor, 303);

    visitor = await signedIn();
    const copy = new Visitor(till);
    copy.cookies = new Map(visitor.cookies);
    await is(visitor, 200);
    const out = await visitor.post('/admin/sign-out');
    assert.deepEqual([out.status, out.location, visitor.cookies.size], [303, '/admin/sign-in?out=1', 0]);
    await is(copy, 303);

    visitor = await signedIn();
    const other = await signedIn();
    const page = await visitor.get('/admin/account');
    const id = page.text.match(/sessions\/(ses_[0-9a-z]+)\/revoke/)[1];
    assert.equal((await visitor.submit(`/admin/account/sessions/${id}/revoke`)).status, 200);
    await is(other, 303);
    await is(visitor, 200);
    assert.equal((await visitor.post('/admin/account/sessions/ses_00000000000000000000000000/revoke')).status, 404);
    assert.equal((await till.command('user', 'disable', user.email)).code, 0);
    await is(visitor, 303);
  });

  test('takes changes with its own token alone, from our own pages', async () => {
    const user = await enrolled('owner', 'token@people.example');
    const { visitor } = user;
    await visitor.get('/admin/account');
    const other = await enrolled('owner', 'token2@people.example');
    await other.visitor.get('/admin/account');
    const path = '/admin/account/recovery-codes';
    for (const csrf of [null, '', 'x', other.visitor.csrf]) {
      const answer = await visitor.post(path, { csrf });
      assert.equal(answer.status, 403, String(csrf));
      assert.match(answer.text, /Load it again and send it once more/);
    }
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'cross-site', 'x-csrf-token': visitor.csrf }]) {
      assert.equal((await visitor.post(path, {}, { headers })).status, 403, JSON.stringify(headers));
    }
    const elsewhere = await visitor.send('POST', path, { form: { csrf: visitor.csrf }, headers: { 'sec-fetch-site': '', origin: 'https://evil.example' } });
    assert.equal(elsewhere.status, 403);
    assert.equal((await visitor.post(path)).status, 200, 'a right one');
    const signingIn = await new Visitor(till).post('/admin/sign-in', { email: user.email, password: PASSWORD, code: '1' }, { headers: { 'sec-fetch-site': 'cross-site' } });
    assert.equal(signingIn.status, 403, 'nobody is signed in by another site');
  });

  test('leads back to where one wanted to go, and nowhere else', async () => {
    const user = await enrolled('auditor', 'next@people.example');
    const next = async (value) => (await claim({ email: user.email, password: PASSWORD, code: await freshCode(user), next: value })).answer.location;
    assert.equal(await next('/admin/audit'), '/admin/audit');
    for (const bad of ['https://evil.example', '//evil.example', '/\\evil.example', '/admin//evil.example', '/admin/../x', '/administrator', 'javascript:alert(1)', '/admin\t', '/api/v1/payments'])
      assert.equal(await next(bad), '/admin', bad);
  });
});

describe('what is grave', () => {
  let user, visitor;
  before(async () => {
    user = await enrolled('owner', 'grave@people.example');
    visitor = user.visitor;
  });
  const age = () => till.db.value(`UPDATE operator_sessions SET stepped_up_at = stepped_up_at - interval '5 minutes' WHERE user_id = '${user.id}'`);

  test('asks for password and code again, and does nothing half', async () => {
    const other = await makeUser(till, 'support', { email: 'promoted@people.example' });
    const role = () => till.db.value(`SELECT role FROM users WHERE id = '${other.id}'`);
    assert.equal((await visitor.get('/admin/users/new')).status, 200, 'just signed in');
    await age();
    const asked = await visitor.post(`/admin/users/${other.id}/role`, { role: 'admin' });
    assert.deepEqual([asked.status, asked.location], [303, `/admin/step-up?next=/admin/users/${other.id}&again=1`]);
    assert.equal(await role(), 'support');
    assert.equal((await visitor.get('/admin/developers/new')).location, '/admin/step-up?next=/admin/developers/new');
    assert.match((await visitor.get(asked.location)).text, /What you sent was not done/);
    const confirm = (form) => visitor.post('/admin/step-up', { next: `/admin/users/${other.id}`, again: '1', ...form });
    assert.equal((await confirm({ password: PASSWORD, code: '000000' })).status, 401);
    assert.equal((await confirm({ password: 'not the password', code: await freshCode(user) })).status, 401);
    assert.equal((await visitor.get('/admin/users/new')).status, 303, 'still');
    const confirmed = await confirm({ password: PASSWORD, code: await freshCode(user) });
    assert.deepEqual([confirmed.status, confirmed.location], [303, `/admin/users/${other.id}`]);
    assert.match((await visitor.get(confirmed.location)).text, /data-test="flash">[^<]*please send it again now/);
    assert.doesNotMatch((await visitor.get(confirmed.location)).text, /data-test="flash"/, 'said once');
    assert.equal((await visitor.submit(`/admin/users/${other.id}/role`, { role: 'admin' })).status, 200);
    assert.equal(await role(), 'admin');
    const [entry] = await audit(`object = '${other.id}' AND action = 'user.role_changed'`);
    assert.deepEqual([entry.principal_kind, entry.principal, entry.details], ['operator', user.id, { from: 'support', to: 'admin' }]);
    assert.match(entry.address, /^198\.51\.100\./);
  });

  test('who changes roles: never their own, an owner only by an owner, and one owner stays', async () => {
    const admin = await enrolled('admin', 'boss@people.example');
    const change = async (who, id, form, what = 'role') => (await who.visitor.post(`/admin/users/${id}/${what}`, form)).status;
    assert.equal(await change(user, user.id, { role: 'admin' }), 403);
    assert.equal(await change(admin, user.id, { role: 'support' }), 403);
    assert.equal(await change(admin, user.id, { state: 'disabled', reason: 'left the shop' }, 'state'), 403);
    assert.equal(await change(admin, user.id, {}, 'password'), 403);
    assert.equal((await admin.visitor.post('/admin/users', { email: 'new-owner@people.example', name: 'New', role: 'owner' })).status, 403);
    const support = await signIn(till, 'support', { email: 'watched@people.example', headers: from() });
    assert.equal(await change(admin, support.user.id, { role: 'finance' }), 303);
    assert.equal((await support.get('/admin/second-factor')).status, 303, 'what they had open has ended');
    assert.equal(await till.db.value(`SELECT role FROM users WHERE id = '${user.id}'`), 'owner');

    const owners = JSON.parse((await till.command('user', 'list', '--json')).stdout).filter((one) => one.role === 'owner' && one.state === 'active');
    const results = [];
    for (const owner of owners) results.push((await till.command('user', 'disable', owner.id)).code);
    assert.deepEqual(results, [...owners.slice(1).map(() => 0), 1], 'all but the last');
    for (const owner of owners) await till.command('user', 'enable', owner.id);
    user = { ...user, ...(await refreshed(user)) };
    visitor = user.visitor;
  });

  async function refreshed(who) {
    const { visitor: fresh, answer } = await claim({ email: who.email, password: PASSWORD, code: await freshCode(who) });
    assert.equal(answer.status, 303);
    return { visitor: fresh };
  }

  test('a user is made with a password that is shown once, and signs in with it', async () => {
    const bad = await visitor.post('/admin/users', { email: 'nonsense', name: '', role: 'king' });
    assert.equal(bad.status, 400);
    for (const name of ['email', 'name', 'role']) assert.match(bad.text, new RegExp(`href="#f-${name}"`), 'all that is wrong');
    const twice = await visitor.post('/admin/users', { email: user.email.toUpperCase(), name: 'Again', role: 'support' });
    assert.match(twice.text, /belongs to a user already/);
    const name = '<script>alert(1)</script>';
    const made = await visitor.post('/admin/users', { email: 'made@people.example', name, role: 'developer' });
    assert.equal(made.status, 200);
    assert.ok(!made.text.includes(name) && made.text.includes('&lt;script&gt;'));
    const password = made.text.match(/data-test="password">([^<]*)/)[1];
    const { answer } = await claim({ email: 'made@people.example', password });
    assert.equal(answer.status, 303);
    const list = await visitor.get('/admin/users');
    assert.ok(!list.text.includes(name) && !list.text.includes(password));
  });

  test('a key made here is shown once and works; a developer gives no key what they may not do themselves', async () => {
    const none = await visitor.post('/admin/developers', { name: '' });
    assert.equal(none.status, 400);
    const made = await visitor.post('/admin/developers', { name: 'shop', 'scope:payments:read': '1', 'scope:refunds:write': '1' });
    assert.equal(made.status, 200, made.text);
    const key = made.text.match(/data-test="key">([^<]*)/)[1];
    assert.equal((await till.api('GET', '/api/v1/payments', { apiKey: key })).status, 200);
    assert.equal((await till.api('GET', '/api/v1/customers', { apiKey: key })).status, 403);
    const id = key.split('_')[2];
    const list = await visitor.get('/admin/developers');
    assert.ok(list.text.includes(`till_test_${id}_…`) && !list.text.includes(key.split('_')[3]));

    const developer = await enrolled('developer', 'dev@people.example');
    const form = await developer.visitor.get('/admin/developers/new');
    assert.ok(form.text.includes('scope:payments:write') && !form.text.includes('scope:refunds:write') && !form.text.includes('scope:*'));
    for (const grave of ['refunds:write', 'refunds:bulk', '*', 'clock:write']) {
      const answer = await developer.visitor.post('/admin/developers', { name: 'more', [`scope:${grave}`]: '1' });
      assert.equal(answer.status, 400, grave);
    }
    assert.equal((await developer.visitor.submit(`/admin/developers/${id}/revoke`)).status, 200);
    assert.equal((await till.api('GET', '/api/v1/payments', { apiKey: key })).status, 401);
    const entries = await audit(`object = '${id}'`);
    assert.deepEqual(entries.map((entry) => [entry.action, entry.principal]), [['api_key.created', user.id], ['api_key.revoked', developer.id]]);
  });

  test('a password is changed with the old one and a code; weak and former ones are refused; other sessions end', async () => {
    const person = await enrolled('risk', 'changes@people.example');
    const other = (await claim({ email: person.email, password: PASSWORD, code: await freshCode(person) })).visitor;
    const change = async (password, current = PASSWORD) => person.visitor.post('/admin/account/password', { current, code: await freshCode(person), password });
    for (const [weak, why] of Object.entries({
      'short one': 'at least 12', 'password12345': 'many people', abcabcabcabc: 'over and over', '1234567890123': 'many people|row of the alphabet',
      'changes@people': 'your own', 'till-admin-1': 'tries first', [PASSWORD]: 'last four', ['x'.repeat(129)]: 'at most 128',
    })) {
      const answer = await change(weak);
      assert.equal(answer.status, 400, weak);
      assert.match(answer.text, new RegExp(why), weak);
    }
    assert.equal((await change('quiet orange boats 7', 'not the password')).status, 401);
    assert.equal((await change('quiet orange boats 7')).status, 303);
    assert.equal((await other.get('/admin/account')).status, 303);
    assert.equal((await person.visitor.get('/admin/account')).status, 200);
    assert.equal((await claim({ email: person.email, password: PASSWORD, code: await freshCode(person) })).answer.status, 401);
    assert.equal((await claim({ email: person.email, password: 'quiet orange boats 7', code: await freshCode(person) })).answer.status, 303);
  });
});

describe('what is left behind', () => {
  test('the audit log is found by person, object, action and day, by pages and as CSV, and its chain holds', async () => {
    const auditor = (await enrolled('auditor', 'reads@people.example'));
    const { visitor } = auditor;
    const rows = (page) => [...page.text.matchAll(/<tr><td data-label="When">[\s\S]*?<\/tr>/g)].map((match) => match[0]);
    const all = await visitor.get('/admin/audit');
    assert.equal(rows(all).length, 50);
    const older = await visitor.get(all.text.match(/href="([^"]*before=\d+)"/)[1].replaceAll('&amp;', '&'));
    assert.ok(rows(older).length > 0 && !rows(older).some((row) => rows(all).includes(row)));
    const mine = await visitor.get('/admin/audit?who=reads@people.example');
    assert.ok(rows(mine).length >= 2 && rows(mine).every((row) => row.includes('Kim auditor')));
    const keys = await visitor.get('/admin/audit?action=api_key.');
    assert.ok(rows(keys).length >= 3 && rows(keys).every((row) => /api_key\.(created|revoked)/.test(row)));
    assert.equal(rows(await visitor.get(`/admin/audit?object=${auditor.id}&action=user.signed_in`)).length, 1);
    assert.match((await visitor.get('/admin/audit?to=2020-01-01')).text, /Nothing was found/);
    const bad = await visitor.get('/admin/audit?from=yesterday&to=never');
    assert.equal(bad.status, 400);
    assert.match(bad.text, /#f-from[\s\S]*#f-to/);
    const verified = await visitor.submit('/admin/audit/verify');
    assert.match(verified.text, /data-test="flash">\d+ entries, all as they were written/);
    const csv = await visitor.get('/admin/audit/export?action=user.');
    assert.equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8');
    const lines = csv.text.trim().split('\r\n');
    assert.equal(lines[0], 'number,at,kind,who,address,action,object,details,request');
    assert.equal(lines.length - 1, Number(await till.db.value("SELECT count(*) FROM audit_log WHERE action LIKE 'user.%'")));
    assert.equal((await audit("action = 'audit.exported'")).length, 1);
    assert.equal((await till.command('audit', 'verify')).code, 0);
  });

  test('behind TLS the cookie is for this host and for TLS alone; optional is refused with live keys', async () => {
    const user = await enrolled('owner', 'tls@people.example');
    till.env.TILL_URL = 'https://pay.example.com';
    await till.restart();
    const { answer } = await claim({ email: user.email, password: PASSWORD, code: await freshCode(user) });
    assert.match(answer.headers.get('set-cookie'), /^__Host-sid=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
    till.env.TILL_URL = till.url;
    await till.restart();
    const live = { ...till.env, TILL_SECOND_FACTOR: 'optional', STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567', STRIPE_PUBLISHABLE_KEY: 'pk_live_0123456789abcdef01234567' };
    const before = till.env;
    till.env = { ...live, TILL_URL: 'https://pay.example.com', STRIPE_API_URL: undefined, STRIPE_JS_URL: undefined };
    const refused = await till.command('doctor');
    till.env = before;
    assert.equal(refused.code, 78);
    assert.match(refused.stdout + refused.stderr, /TILL_SECOND_FACTOR: must be required with live keys/);
  });
});
