'use strict';

// Who may do what: every row of the route table with every role, against what stands here. A new route has to be named here, too.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { routeTable } = require('../lib/routes.js');
const { startTill } = require('../lib/till.js');
const { Visitor, signIn } = require('../lib/admin.js');

const ROLES = { O: 'owner', A: 'admin', F: 'finance', S: 'support', R: 'risk', D: 'developer', U: 'auditor' };
const ALL = Object.keys(ROLES).join('');

// Method, path, and whom it lets in; the first that fits. Written from SCREENS, not from the program's scopes.
const WHO = [
  ['*', /^\/admin(\/(account|step-up|second-factor|sign-out)(\/.*)?)?$/, ALL],
  ['GET', /^\/admin\/users\/new$/, 'OA'],
  ['GET', /^\/admin\/users(\/\{id\})?$/, 'OAU'],
  ['POST', /^\/admin\/users/, 'OA'],
  ['GET', /^\/admin\/developers$/, 'OADU'],
  ['GET', /^\/admin\/developers\/requests$/, 'OADU'],
  ['*', /^\/admin\/developers(\/.*)?$/, 'OAD'],
  ['*', /^\/admin\/audit(\/(export|verify))?$/, 'OAU'],
  ['*', /^\/admin\/(settings|doctor)$/, 'OADU'],

  ['GET', /^\/admin\/overview$/, ALL],
  ['GET', /^\/admin\/analytics/, 'OAFRU'],
  ['GET', /^\/admin\/tasks(\/\{id\})?$/, ALL],
  ['POST', /^\/admin\/tasks\/\{id\}\/(assign|resolve)$/, 'OAFR'],
  ['POST', /^\/admin\/tasks\/\{id\}\/retry$/, 'OAD'],
  ['GET', /^\/admin\/customers(\/\{id\})?$/, ALL],
  ['POST', /^\/admin\/customers\/\{id\}\/(reveal|export)$/, 'OAFR'],
  ['*', /^\/admin\/customers\/\{id\}\/erase$/, 'O'],
  ['GET', /^\/admin\/disputes(\/\{id\})?$/, ALL],
  ['POST', /^\/admin\/disputes\/\{id\}\/(evidence|files|accept)$/, 'OAFR'],
  ['GET', /^\/admin\/webhooks(\/\{id\})?$/, 'OAFDU'],
  ['POST', /^\/admin\/webhooks\/(\{id\}\/)?replay$/, 'OAD'],
  ['GET', /^\/admin\/webhooks\/(endpoints|deliveries)/, 'OADU'],
  ['POST', /^\/admin\/webhooks\/(endpoints|deliveries)/, 'OAD'],
  ['GET', /^\/admin\/reconciliation/, 'OAFRU'],
  ['POST', /^\/admin\/reconciliation/, 'OAF'],

  ['GET', /^\/admin\/refunds/, ALL],
  ['POST', /^\/admin\/refunds\/approvals\/\{id\}\/(approve|reject)$/, 'OAF'],
  ['POST', /^\/admin\/refunds\/approvals\/\{id\}\/withdraw$/, 'OAFS'],
  ['GET', /^\/admin\/payments\/export$/, 'OAFRU'],
  ['GET', /^\/admin\/payments\/\{id\}\/refund$/, 'OAFS'],
  ['POST', /^\/admin\/payments\/\{id\}\/refund$/, 'OAFS'],
  ['GET', /^\/admin\/payments/, ALL],
  ['POST', /^\/admin\/payments\/views/, ALL],
  ['POST', /^\/admin\/payments\/\{id\}\/(capture|cancel|sync|receipt)$/, 'OAF'],
  ['POST', /^\/admin\/payments\/\{id\}\/(retry|resolve|reveal)$/, 'OAFR'],

  ['GET', /^\/api\/v1\/(payments|payment-methods|refunds|checkout|decisions|disputes|subscriptions|invoices)/, ALL],
  ['POST', /^\/api\/v1\/disputes\/\{id\}\/(evidence|files|accept)$/, 'OAFR'],
  ['GET', /^\/api\/v1\/customers\/\{id\}\/export$/, 'OAFR'],
  ['GET', /^\/api\/v1\/customers/, ALL],
  ['POST', /^\/api\/v1\/customers\/\{id\}\/erase$/, 'O'],
  ['POST', /^\/api\/v1\/payments\/\{id\}\/refund$/, 'OAF'],
  ['POST', /^\/api\/v1\/payments/, 'OAF'],
  ['*', /^\/api\/v1\/(customers|payment-methods|checkout)/, 'OA'],
  ['GET', /^(\/api)?\/payments\//, ALL],
  ['POST', /^((\/api)?\/payments\/|\/charge$)/, 'OAF'],
  ['GET', /^\/api\/v1\/webhooks/, 'OAFDU'],
  ['POST', /^\/api\/v1\/webhooks/, 'OAD'],
  ['GET', /^\/api\/v1\/(webhook-endpoints|events|deliveries)/, 'OADU'],
  ['*', /^\/api\/v1\/(webhook-endpoints|events|deliveries)/, 'OAD'],
  ['*', /^\/api\/v1\/maintenance/, 'OAD'],
  ['GET', /^\/api\/v1\/reconciliations/, 'OAFRU'],
  ['POST', /^\/api\/v1\/test\/clock$/, 'O'],
];

const rows = routeTable().filter((row) => ['OPERATOR', 'API_KEY'].includes(row.access));
const nameOf = (row) => `${row.method} ${row.path}`;
const whoOf = (row) => WHO.find(([method, pattern]) => (method === '*' || method === row.method) && pattern.test(row.path))?.[2];
const address = (row) => row.path.replace('{kind}', 'nothing').replace('{number}', '1').replace(/\{\w+\}/g, 'none_here');
const isChange = (row) => row.method !== 'GET';
const isSignOut = (row) => row.path === '/admin/sign-out';

let till;
const people = {};
before(async () => {
  till = await startTill({ sandbox: false });
  for (const [letter, role] of Object.entries(ROLES)) {
    people[letter] = await signIn(till, role);
    await people[letter].get('/admin/account');
  }
});
after(() => till && till.stop());

/** The row's address, as a browser with a session sends it. */
function ask(visitor, row, { headers = {}, csrf = visitor.csrf } = {}) {
  if (row.access === 'OPERATOR') return visitor.send(row.method, address(row), { form: isChange(row) ? { csrf: csrf ?? '' } : undefined, headers });
  const json = isChange(row) ? { 'content-type': 'application/json', ...(csrf ? { 'x-csrf-token': csrf } : {}) } : {};
  return visitor.send(row.method, address(row), { body: isChange(row) ? '{}' : undefined, headers: { accept: 'application/json', ...json, ...headers } });
}

const isDenied = (answer) => answer.status === 403 && /Your role, \w+, does not include this/.test(answer.text);

test('every route says here whom it lets in', () => {
  assert.ok(rows.length > 60);
  assert.deepEqual(rows.filter((row) => !whoOf(row)).map(nameOf), []);
});

for (const [letter, role] of Object.entries(ROLES)) {
  test(`${role}: every route lets in whom it should, and nobody else`, async () => {
    const wrong = [];
    for (const row of rows.filter((one) => !isSignOut(one))) {
      const answer = await ask(people[letter], row);
      if (answer.status >= 500 && answer.status !== 503) wrong.push(`${nameOf(row)} answers ${answer.status}`);
      if (isDenied(answer) === (whoOf(row) ?? '').includes(letter)) wrong.push(`${nameOf(row)} ${isDenied(answer) ? 'refuses' : 'lets in'} (${answer.status})`);
    }
    assert.deepEqual(wrong, []);
  });
}

test('without a session pages lead to where one signs in, and the API says 401', async () => {
  for (const row of rows) {
    const answer = await ask(new Visitor(till), row, { csrf: 'x' });
    if (row.access === 'API_KEY' || !row.isPage) assert.equal(answer.status, 401, nameOf(row));
    else assert.deepEqual([answer.status, answer.location], [303, isChange(row) ? '/admin/sign-in?again=1' : `/admin/sign-in?next=${address(row)}`], nameOf(row));
  }
});

test('no change is taken without the token of the session, or from another site', async () => {
  for (const row of rows.filter(isChange)) {
    const without = await ask(people.O, row, { csrf: null });
    assert.deepEqual([without.status, /Load it again and send it once more/.test(without.text)], [403, true], nameOf(row));
    const foreign = await ask(people.O, row, { headers: { 'sec-fetch-site': 'cross-site' } });
    assert.deepEqual([foreign.status, /came from another site/.test(foreign.text)], [403, true], nameOf(row));
    const origin = await ask(people.O, row, { headers: { 'sec-fetch-site': '', origin: 'https://evil.example' } });
    assert.equal(origin.status, 403, nameOf(row));
  }
});

describe('the menu', () => {
  test('has what the role may open, and each of its pages opens', async () => {
    for (const [letter, visitor] of Object.entries(people)) {
      const page = await visitor.get('/admin/account');
      const places = new Set([...page.text.matchAll(/<li><a href="(\/admin\/[^"]+)"/g)].map((match) => match[1]));
      assert.ok(places.size >= 4, ROLES[letter]);
      assert.equal(places.has('/admin/users'), 'OAU'.includes(letter));
      assert.equal(places.has('/admin/developers'), 'OADU'.includes(letter));
      for (const place of places) assert.equal((await visitor.get(place)).status, 200, `${ROLES[letter]} ${place}`);
      assert.equal((await visitor.get('/admin')).status, 303);
    }
  });

  test('what a role may not open says so in the dashboard, with a way back', async () => {
    const answer = await people.S.get('/admin/users');
    assert.equal(answer.status, 403);
    assert.match(answer.text, /You may not do this[\s\S]*Your role, support, does not include this[\s\S]*href="\/admin"/);
    assert.match(answer.text, /Kim support/);
    assert.equal((await people.S.get('/admin/users/usr_00000000000000000000000000')).status, 403);
    assert.equal((await people.O.get('/admin/users/usr_00000000000000000000000000')).status, 404);
  });
});
