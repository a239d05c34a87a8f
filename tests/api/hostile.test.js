'use strict';

// Input that nobody honest sends (RELIABILITY.md 2.3), at every door that takes a body: never a failure of ours, always a problem
// that says what is wrong, quickly, and nothing is made of it.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startTill } = require('../lib/till.js');
const { ask, fastcgi, httpRequest, isProblem, raw, variables } = require('./wire.js');

const QUICK = 2000; // ms
const usd = (value) => ({ value, currency: 'USD' });

let till, doors, made;
before(async () => {
  till = await startTill();
  const payment = async (more) => {
    const body = { amount: usd('9.00'), payment_method_id: 'pm_card_visa', ...more };
    return (await till.api('POST', '/api/v1/payments', { body })).body.id;
  };
  made = {
    paid: await payment(), authorized: await payment({ capture: false }), waiting: await payment({ payment_method_id: undefined }),
    session: (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('5.00') } })).body,
  };
  const page = new URL(made.session.url).pathname;
  doors = [
    '/api/v1/payments', `/api/v1/payments/${made.waiting}/confirm`, `/api/v1/payments/${made.authorized}/capture`,
    `/api/v1/payments/${made.waiting}/cancel`, `/api/v1/payments/${made.paid}/refund`, '/api/v1/customers', '/api/v1/checkout/sessions',
    '/api/v1/webhooks/replay', '/api/v1/test/clock', '/api/v1/webhooks/stripe', '/api/v1/payments/webhooks/stripe', '/webhooks/stripe',
    '/api/webhooks/stripe', `${page}/pay`,
  ];
});
after(() => till && till.stop());

const bearer = () => ({ authorization: `Bearer ${till.apiKey}` });

/** What must not change: how many of everything there are, and what moved at the provider. */
async function state() {
  const { charges, refunds } = await till.sandbox.ledger();
  const counts = await till.db.value(
    "SELECT concat_ws(' ', (SELECT count(*) FROM payments), (SELECT count(*) FROM refunds), (SELECT count(*) FROM customers),"
    + ' (SELECT count(*) FROM checkout_sessions), (SELECT count(*) FROM attempts), (SELECT count(*) FROM idempotency_keys),'
    + ' (SELECT count(*) FROM webhook_events), (SELECT string_agg(status, chr(44) ORDER BY id) FROM payments))'
  );
  return `${counts} ${charges.length} ${refunds.length}`;
}

async function refused(target, body, headers = {}, what = '') {
  const started = Date.now();
  const answer = await ask(till.port, 'POST', target, { body, headers: { ...bearer(), ...headers } });
  const took = Date.now() - started;
  const said = `${target} ${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
  assert.ok(answer.status >= 400 && answer.status < 500, said);
  isProblem(assert, answer, said);
  assert.ok(took < QUICK, `${took} ms: ${said}`);
  return answer;
}

// Bodies that are no JSON object ------------------------------------------------------------------------------------------

const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const malformed = {
  'no JSON': 'hello', 'JSON cut short': '{"amount": {"value": "1', 'two values': '{} {}', 'a comma too many': '{"a": 1,}',
  'single quotes': "{'a': 1}",
  'a list': '[]', 'a text': '"amount"', 'a number': '1', null: 'null', 'only white space': '   ',
  'a comment': '{} // x', NaN: '{"amount": NaN}', Infinity: '{"amount": Infinity}', 'a huge number': '{"amount": 1e309}',
  'a number past 63 bits': '{"amount": 9223372036854775808}', 'a real number': '{"amount": 10.5}', 'a tiny real': '{"amount": 1e-400}',
  'members twice': '{"metadata": {}, "metadata": {"a": "b"}}', 'members twice, one escaped': '{"reference": "a", "referenc\\u0065": "b"}',
  'depth 40': `{"metadata":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`, 'depth 30000': '['.repeat(30000),
  'depth 5000, closed': `${'['.repeat(5000)}${']'.repeat(5000)}`,
  'invalid UTF-8': bytes('{"reference": "', [0xff, 0xfe], '"}'), 'overlong UTF-8': bytes('{"reference": "', [0xc0, 0xaf], '"}'),
  'UTF-8 of a surrogate': bytes('{"reference": "', [0xed, 0xa0, 0x80], '"}'), 'a lone surrogate': '{"reference": "\\ud800"}',
  'a NUL, escaped': '{"reference": "a\\u0000b"}', 'a NUL': bytes('{"reference": "a', [0], 'b"}'),
  'a NUL in a name': '{"refer\\u0000ence": "x"}',
  'a control byte': bytes('{"reference": "a', [7], '"}'), 'UTF-16': Buffer.from('{"reference": "a"}', 'utf16le'),
  'a byte order mark': bytes([0xef, 0xbb, 0xbf], '{}'),
  'a form': 'amount=10&currency=USD', XML: '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
  binary: Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7919) % 256)),
  'many members': `{${Array.from({ length: 3000 }, (_, i) => `"m${i}":${i}`).join(',')}}`,
  'very many members of nothing': `{"metadata": {${Array.from({ length: 5000 }, (_, i) => `"m${i}":"x"`).join(',')}}}`,
  'names that objects have': '{"__proto__": {"admin": true}, "constructor": 1, "toString": 2}',
  'operators': '{"amount": {"$gt": ""}, "customer_id": {"$ne": null}}',
};

describe('bodies', () => {
  for (const [name, body] of Object.entries(malformed)) {
    test(name, async () => {
      const before_ = await state();
      for (const door of doors) await refused(door, body, {}, name);
      assert.equal(await state(), before_);
    });
  }

  test('where none is taken, a body is passed over', async () => {
    const { id } = (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('5.00') } })).body;
    for (const body of Object.values(malformed)) {
      for (const target of [`/api/v1/checkout/sessions/${id}/expire`, '/api/v1/maintenance/seal']) {
        assert.equal((await ask(till.port, 'POST', target, { body, headers: bearer() })).status, 200, target);
      }
    }
  });

  test('the type of the body counts', async () => {
    const types = [
      'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', 'application/json-patch+json', 'x',
    ];
    const body = JSON.stringify({ amount: usd('1.00') });
    for (const door of doors.filter((one) => !one.includes('webhooks/stripe'))) {
      for (const type of types) {
        assert.equal((await refused(door, body, { 'content-type': type }, type)).status, 415, `${door} ${type}`);
      }
    }
    const headers = { ...bearer(), 'content-type': 'Application/JSON; charset=utf-8' };
    const fine = await ask(till.port, 'POST', '/api/v1/customers', { body: '{}', headers });
    assert.equal(fine.status, 201, fine.text);
  });
});

// Members with hostile values ---------------------------------------------------------------------------------------------

const amounts = {
  'a minus': usd('-1'), zero: usd('0'), 'zero with decimals': usd('0.00'), 'an exponent': usd('1e2'), 'three decimals': usd('10.001'),
  'a blank in front': usd(' 10'),
  'a blank behind': usd('10 '), 'a newline': usd('10\n'), 'a plus': usd('+10'), 'no digit before the point': usd('.5'),
  'none behind': usd('5.'), 'a comma': usd('1,50'),
  'thousands': usd('1,000.00'), 'a leading zero': usd('010'), 'Arabic digits': usd('١٠'), 'full-width digits': usd('１０'), hex: usd('0x10'),
  '400 digits': usd('9'.repeat(400)),
  'thirteen digits': usd('1000000000000'), 'an empty text': usd(''), NaN: usd('NaN'), Infinity: usd('Infinity'), 'a number': usd(10),
  'a bool': usd(true), 'a list': usd(['10']), null: usd(null),
  'a bare number': 500, 'a bare text': '5.00', 'no currency': { value: '5.00' }, 'no value': { currency: 'USD' },
  'another member': { ...usd('5.00'), minor: 1 },
  'yen with decimals': { value: '100.5', currency: 'JPY' }, 'dinars with four decimals': { value: '1.2345', currency: 'KWD' },
  'no such currency': { value: '5.00', currency: 'XXX' },
  'a currency of two letters': { value: '5.00', currency: 'US' }, 'a currency of four': { value: '5.00', currency: 'USDX' },
  'a currency with a quote': { value: '5.00', currency: "U'D" },
  'a currency of other letters': { value: '5.00', currency: 'ＵＳＤ' }, 'an empty object': {}, 'a list of amounts': [usd('5.00')],
};

describe('amounts', () => {
  for (const [name, amount] of Object.entries(amounts)) {
    test(name, async () => {
      const before_ = await state();
      for (const door of ['/api/v1/payments', doors[2], doors[4], '/api/v1/checkout/sessions']) {
        const answer = await refused(door, { amount }, {}, name);
        assert.equal(answer.status, 400);
        assert.ok(answer.body.errors.every((error) => error.pointer.startsWith('#/amount')), answer.text);
      }
      const item = await refused('/api/v1/checkout/sessions', { items: [{ name: 'Pen', amount }] }, {}, name);
      assert.ok(item.body.errors.every((error) => error.pointer.startsWith('#/items/0/amount')), item.text);
      assert.equal(await state(), before_);
    });
  }
});

const texts = [
  "'; DROP TABLE payments; --", "' OR '1'='1", '$1', '%s%n%n%s', '${jndi:ldap://x}', '{{7*7}}', '{{{nonce}}}', '../../../etc/passwd',
  '<script>alert(1)</script>',
  'a\r\nSet-Cookie: x=1', 'a\nb', '\u202eevil', '\u2028', '😀'.repeat(10), 'ﷺ', 'Ω'.normalize('NFD'), '\\', '"', '`id`', '$(id)', '-- ',
  'NULL', 'undefined', '\u200b',
];

describe('texts', () => {
  test('whatever a text says comes back as it was, and is only a text', async () => {
    for (const text of texts) {
      const started = Date.now();
      const answer = await ask(till.port, 'POST', '/api/v1/payments', {
        headers: bearer(), body: { amount: usd('1.00'), description: text, reference: text, metadata: { note: text } },
      });
      assert.ok(Date.now() - started < QUICK);
      if (answer.status === 400) {
        isProblem(assert, answer);
        assert.match(text, /[\u0000-\u001f]/, `only control characters may be refused: ${answer.text}`);
        continue;
      }
      assert.equal(answer.status, 201, answer.text);
      const again = await till.api('GET', `/api/v1/payments/${answer.body.id}`);
      assert.deepEqual([again.body.description, again.body.reference, again.body.metadata.note], [text, text, text]);
      const query = `/api/v1/payments?reference=${encodeURIComponent(text)}`; // some of these no web server would pass on
      const found = await fastcgi(till.socket, variables('GET', query, { HTTP_AUTHORIZATION: `Bearer ${till.apiKey}` }));
      assert.deepEqual(found.body.data.map((payment) => payment.id), [answer.body.id], text);
    }
    assert.ok(Number(await till.db.value('SELECT count(*) FROM payments')) > texts.length / 2);
  });

  test('a text that is too long, or of another kind, is refused by its field', async () => {
    const wrong = {
      description: ['x'.repeat(1001), 1, [], {}, true], reference: ['x'.repeat(201), 5, ['a']],
      metadata: ['x', [], 5, { a: {} }, { a: [] }, { ['x'.repeat(41)]: 'a' }, { a: 'x'.repeat(501) }, { '': 'a' }],
      customer_id: ['x'.repeat(300), 'a b', '../x', "'", {}, 'cust_00000000000000000000000000'],
      payment_method_id: ['x'.repeat(300), 'a/b', 'pm_\n', 7], capture: ['true', 1, {}],
      confirmation_method: ['sometimes', 1],
      return_url: ['javascript:alert(1)', 'http://evil.example/', '//evil.example', 'https://user:pass@evil.example/', 'x'.repeat(3000), 'https://', 'ftp://a', 5],
      off_session: ['yes'], admin: [true], status: ['succeeded'], id: ['pay_1'], amount_captured: [usd('1.00')], livemode: [true],
    };
    const before_ = await state();
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const what = `${name} ${JSON.stringify(value).slice(0, 60)}`;
        const answer = await refused('/api/v1/payments', { amount: usd('1.00'), [name]: value }, {}, what);
        assert.equal(answer.status, 400);
        assert.ok(answer.body.errors.some((error) => error.pointer.startsWith(`#/${name}`)), `${what}: ${answer.text}`);
      }
    }
    assert.equal(await state(), before_);
  });
});

// Addresses, queries, headers ---------------------------------------------------------------------------------------------

const ids = [
  "' OR 1=1 --", 'pay_', 'pay_zzzz', 'pay_01%20', '%E2%80%AE', 'x'.repeat(2000), '0', '-1', 'null', 'undefined', '*',
  'pay_00000000000000000000000000%27', '😀',
];

test('an id that is none is not found, in every address that has one', async () => {
  for (const id of ids) {
    const part = encodeURIComponent(decodeURIComponent(id));
    for (const [method, target] of [
      ['GET', `/api/v1/payments/${part}`], ['POST', `/api/v1/payments/${part}/confirm`], ['POST', `/api/v1/payments/${part}/capture`],
      ['POST', `/api/v1/payments/${part}/cancel`],
      ['POST', `/api/v1/payments/${part}/refund`], ['GET', `/api/v1/payments/${part}/refunds`], ['GET', `/api/v1/refunds/${part}`],
      ['GET', `/api/v1/customers/${part}`],
      ['GET', `/api/v1/checkout/sessions/${part}`], ['POST', `/api/v1/checkout/sessions/${part}/expire`],
      ['GET', `/api/v1/webhooks/events/${part}`],
    ]) {
      const started = Date.now();
      const answer = await ask(till.port, method, target, { headers: bearer() });
      assert.equal(answer.status, 404, `${method} ${target.slice(0, 80)}: ${answer.text}`);
      isProblem(assert, answer);
      assert.ok(Date.now() - started < QUICK);
    }
  }
});

test('queries that are wrong are named, and never answered with everything', async () => {
  const lists = ['/api/v1/payments', '/api/v1/payments/history', '/api/v1/customers', '/api/v1/checkout/sessions', '/api/v1/webhooks/events'];
  const wrong = [
    'limit=0', 'limit=-1', 'limit=101', 'limit=1e2', 'limit=5&limit=6', 'limit=%35%20', 'limit=99999999999999999999', 'limit=NaN',
    'limit[]=5', 'colour=red', '%ff=1',
    'limit=%', 'limit=%zz', 'limit=5%00', `${'a'.repeat(3000)}=1`, '__proto__[x]=1', 'order=id;DROP', 'limit=5;reference=x',
  ];
  for (const list of lists) {
    for (const query of wrong) {
      const started = Date.now();
      const answer = await raw(till.port, httpRequest(`GET ${list}?${query}`, { Authorization: `Bearer ${till.apiKey}` }));
      assert.ok(answer.status >= 400 && answer.status < 500, `${list}?${query}: ${answer.status} ${answer.text}`);
      assert.ok(Date.now() - started < QUICK);
      const straight = await fastcgi(till.socket, variables('GET', `${list}?${query}`, { HTTP_AUTHORIZATION: `Bearer ${till.apiKey}` }));
      assert.equal(straight.status, 400, `${list}?${query}: ${straight.text}`);
      isProblem(assert, straight);
      assert.ok(straight.body.errors.every((error) => error.pointer.startsWith('query:')), straight.text);
    }
  }
  for (const query of [
    'cursor=pay_%27', 'status=succeeded%27', 'currency=usdd', 'created_after=yesterday', 'created_before=2026-02-30T00:00:00Z', 'customer_id=%20',
    'refund_state=half', 'offset=1',
  ]) {
    const answer = await till.api('GET', `/api/v1/payments?${query}`);
    assert.equal(answer.status, 400, query);
    isProblem(assert, answer);
  }
});

test('idempotency keys that are none are refused', async () => {
  const before_ = await state();
  for (const key of ['', 'x'.repeat(256), 'a b', 'a,b', 'schlüssel', '\t', 'a\u007fb']) {
    const straight = await fastcgi(till.socket, variables('POST', '/api/v1/customers', {
      HTTP_AUTHORIZATION: `Bearer ${till.apiKey}`, HTTP_IDEMPOTENCY_KEY: key, CONTENT_TYPE: 'application/json', CONTENT_LENGTH: '2',
    }), '{}');
    assert.equal(straight.status, 400, JSON.stringify(key));
    isProblem(assert, straight);
  }
  for (const idempotency_key of ['x'.repeat(256), 'a b', 'a,b', 5, {}, [], true, '']) {
    const answer = await refused('/api/v1/customers', { idempotency_key }, {}, JSON.stringify(idempotency_key));
    assert.equal(answer.status, 400);
  }
  await refused('/api/v1/customers', { idempotency_key: 'one' }, { 'idempotency-key': 'other' }, 'two keys');
  assert.equal(await state(), before_);
});

test('headers that are too large, too many or malformed harm nobody', async () => {
  const requests = [
    httpRequest('GET /healthz', { 'X-Large': 'x'.repeat(100000) }),
    httpRequest('GET /healthz', Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`X-${i}`, 'x'.repeat(50)]))),
    httpRequest('GET /healthz', { Cookie: 'a=b; '.repeat(1000) }),
    httpRequest('GET /healthz', { 'X-Control': 'a\u0001b' }),
    httpRequest('GET /healthz', { 'Content-Length': ['5', '6'] }, 'hello'),
    httpRequest('POST /api/v1/customers', { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }, '0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n'),
    httpRequest(`GET /${'x'.repeat(20000)}`), Buffer.from('GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n'),
    Buffer.from('\u0016\u0003\u0001\u0002\u0000', 'latin1'), Buffer.from('GET\r\n\r\n'),
  ];
  for (const [i, request] of requests.entries()) {
    const answer = await raw(till.port, request, { ms: 3000 });
    assert.ok(answer.status < 500 || answer.status === 505, `request ${i}: ${answer.status}`);
  }
  const lines = till.logLines();
  assert.ok(!lines.some((line) => line.status >= 500), JSON.stringify(lines.find((line) => line.status >= 500)));
  const straight = await fastcgi(till.socket, variables('GET', '/healthz', { HTTP_X_CONTROL: 'a\u0001b' }));
  assert.equal(straight.status, 400);
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`HTTP_X_${i}`, 'y'.repeat(400)]));
  assert.equal((await fastcgi(till.socket, variables('GET', '/healthz', many))).status, 400);
});

test('parameters of FastCGI that no web server leaves out may be missing', async () => {
  for (const missing of ['REQUEST_URI', 'REQUEST_METHOD', 'REMOTE_ADDR', 'HTTP_HOST']) {
    const answer = await fastcgi(till.socket, variables('GET', '/healthz', { [missing]: undefined }));
    assert.ok([200, 400].includes(answer.status), `${missing}: ${answer.status}`);
    assert.equal(answer.status, missing.startsWith('REQUEST') ? 400 : 200, missing);
  }
  for (const method of ['BREW', 'get', 'GET ', 'x'.repeat(2000), 'ÿ', '']) {
    const { status } = await fastcgi(till.socket, variables(method, '/healthz'));
    assert.ok([400, 405].includes(status), `"${method.slice(0, 10)}": ${status}`);
  }
});

test('after all this nothing failed, and the same processes still run', async () => {
  const lines = till.logLines();
  assert.deepEqual(lines.filter((line) => line.event === 'request' && line.status >= 500), []);
  assert.deepEqual(lines.filter((line) => line.event === 'worker'), []);
  assert.ok(lines.filter((line) => line.event === 'request').length > 1000);
  for (const line of till.logs().split('\n').filter(Boolean)) assert.doesNotThrow(() => JSON.parse(line), line.slice(0, 300));
});
