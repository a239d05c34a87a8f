'use strict';

// People of the dashboard: made with the till command, signed in as a browser would be.
//
//     const { makeUser, signIn, visit } = require('../lib/admin.js');
//     const finance = await signIn(till, 'finance');           // over HTTP
//     const answer = await finance.get('/admin/payments');
//     await finance.post('/admin/payments/pay_…/refund', { amount: '10.00' });   // with the token of its session
//     await visit(page, till, 'finance', '/admin/payments');   // the same in Chromium

const crypto = require('node:crypto');

const PASSWORD = 'seven green lamps 41';

/** A user of this role: { id, email, name, password, role }. The same one each time unless `email` says another. */
async function makeUser(till, role = 'owner', { email = `${role}@people.example`, name = `Kim ${role}`, password = PASSWORD } = {}) {
  till.people ??= new Map();
  if (till.people.has(email)) return till.people.get(email);
  const made = await till.command('user', 'add', '--email', email, '--name', name, '--role', role, '--password-stdin', { input: `${password}\n` });
  if (made.code !== 0) throw new Error(`till user add: ${made.code}: ${made.stderr}`);
  const [{ id }] = JSON.parse((await till.command('user', 'list', '--json')).stdout).filter((one) => one.email === email);
  const user = { id, email, name, password, role };
  till.people.set(email, user);
  return user;
}

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const decode = (text) => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ENTITIES[name]);

/** A browser without a window: it keeps cookies and follows nothing. */
class Visitor {
  constructor(till, headers = {}) {
    this.till = till;
    this.headers = headers;
    this.cookies = new Map();
    this.csrf = undefined;
  }

  async send(method, address, { headers = {}, form, body } = {}) {
    const all = { accept: 'text/html', 'sec-fetch-site': 'same-origin', ...this.headers, ...headers };
    if (this.cookies.size) all.cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(new URL(address, this.till.url), {
      method, headers: all, redirect: 'manual', body: form ? new URLSearchParams(form) : body,
    });
    for (const line of answer.headers.getSetCookie?.() ?? [answer.headers.get('set-cookie')].filter(Boolean)) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (value) this.cookies.set(name, value);
      else this.cookies.delete(name);
    }
    const text = await answer.text();
    const token = text.match(/name="csrf" value="([^"]*)"/);
    if (token) this.csrf = decode(token[1]);
    return { status: answer.status, headers: answer.headers, text, location: answer.headers.get('location') };
  }

  get(address, options) {
    return this.send('GET', address, options);
  }

  /** A form of ours; `form` may have a csrf of its own, null takes it away. */
  async post(address, form = {}, options = {}) {
    if (this.csrf === undefined && this.cookies.size) await this.get('/admin/account');
    const members = { csrf: this.csrf ?? '', ...form };
    for (const [name, value] of Object.entries(members)) if (value === null) delete members[name];
    return this.send('POST', address, { form: members, ...options });
  }

  /** Posts, and loads the page that it leads to. */
  async submit(address, form, options) {
    const answer = await this.post(address, form, options);
    return answer.status === 303 ? this.get(answer.location) : answer;
  }
}

/** Signs a user of this role in over HTTP; answers a Visitor with `user`. */
async function signIn(till, role = 'owner', options = {}) {
  const user = await makeUser(till, role, options);
  const visitor = new Visitor(till, options.headers);
  const answer = await visitor.post('/admin/sign-in', { email: user.email, password: user.password, code: options.code ?? '' });
  if (answer.status !== 303) throw new Error(`signing in: ${answer.status} ${answer.text}`);
  visitor.user = user;
  return visitor;
}

/** Signs in with a form in a browser's page, and opens a page of the dashboard. */
async function visit(page, till, role = 'owner', address = '/admin', options = {}) {
  const user = await makeUser(till, role, options);
  await page.goto(`${till.url}/admin/sign-in`);
  await page.getByLabel('E-mail address').fill(user.email);
  await page.getByLabel('Password').fill(user.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.endsWith('/sign-in'));
  await page.goto(till.url + address);
  return user;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What an authenticator app shows for this secret at a time (RFC 6238). */
function totp(secret, at = Date.now()) {
  let bits = '';
  for (const letter of secret.replace(/\s/g, '')) bits += BASE32.indexOf(letter).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const hash = crypto.createHmac('sha1', key).update(counter).digest();
  const offset = hash[19] & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1000000).padStart(6, '0');
}

module.exports = { PASSWORD, Visitor, decode, makeUser, signIn, totp, visit };
