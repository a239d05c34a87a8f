'use strict';

// Who may do what, and what every answer tells browsers, caches and strangers.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const harness = require('../lib/till.js');
const { ask, fastcgi, httpRequest, isProblem, raw, variables } = require('./wire.js');

const { startProcess, startTill, stopProcess, until } = harness;
const usd = (value) => ({ value, currency: 'USD' });

let till, guarded, checkout;
before(async () => {
  till = await startTill();
  const description = (await till.api('GET', '/api/v1/openapi.json', { apiKey: null })).body;
  guarded = Object.entries(description.paths).flatMap(([address, operations]) => Object.entries(operations)
    .filter(([, operation]) => operation.security.length)
    .map(([method, operation]) => ({ method: method.toUpperCase(), target: address.replace(/\{\w+\}/, 'x'), scope: operation.security[0].api_key[0] })));
  checkout = (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('5.00') } })).body;
});
after(() => till && till.stop());

/** A till.fcgi of its own on the same database, without a web server: { socket, log, stop }. */
async function another(env) {
  const dir = harness.makeDirectory();
  const socket = path.join(dir, 's'), log = path.join(dir, 'till.log');
  const program = path.join(harness.required('TILL_TEST_BUILD'), 'till.fcgi');
  const state = startProcess(program, ['--listen', socket, '--workers', '1', '--threads', '2'], { ...till.env, ...env }, log);
  const ask_ = (method, target, more = {}, body = '') => fastcgi(socket, variables(method, target, more), body);
  await until(async () => fs.existsSync(socket) && (await ask_('GET', '/healthz')).status === 200, 'another till.fcgi');
  return {
    ask: ask_,
    lines: () => fs.readFileSync(log, 'utf8').split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)),
    stop: async () => {
      const ended = await stopProcess(state);
      const found = harness.complaints([log]);
      fs.rmSync(dir, { recursive: true, force: true });
      assert.deepEqual(found, []);
      assert.deepEqual(ended, { code: 0, signal: null });
    },
  };
}

// Keys -------------------------------------------------------------------------------------------------------------------

describe('keys', () => {
  test('each scope opens its own routes and no other', async () => {
    assert.ok(guarded.length >= 20);
    for (const scope of new Set([...guarded.map((route) => route.scope), 'refunds:bulk'])) {
      const apiKey = await till.makeKey(scope);
      for (const route of guarded) {
        const answer = await till.api(route.method, route.target, { apiKey });
        const what = `${scope} at ${route.method} ${route.target}: ${answer.status} ${answer.text}`;
        if (scope === route.scope) {
          assert.ok(![401, 403].includes(answer.status), what);
        } else {
          assert.equal(answer.status, 403, what);
          assert.equal(isProblem(assert, answer).code, 'FORBIDDEN');
        }
      }
    }
    const both = await till.makeKey('payments:read customers:read');
    assert.equal((await till.api('GET', '/api/v1/payments', { apiKey: both })).status, 200);
    assert.equal((await till.api('GET', '/api/v1/customers', { apiKey: both })).status, 200);
    assert.equal((await till.api('GET', '/api/v1/webhooks/events', { apiKey: both })).status, 403);
    for (const route of guarded) assert.ok(![401, 403].includes((await till.api(route.method, route.target)).status), `* at ${route.target}`);
  });

  test('without a good key every route is 401, and all bad keys are answered alike', async () => {
    const revoked = await till.makeKey();
    assert.equal((await till.api('GET', '/api/v1/payments', { apiKey: revoked })).status, 200);
    await till.command('api-key', 'revoke', revoked.split('_')[2]);
    const [, , id, secret] = till.apiKey.split('_');
    const bad = {
      revoked, 'of the other mode': `till_live_${id}_${secret}`, 'with another secret': `till_test_${id}_${'A'.repeat(43)}`,
      'with another id': `till_test_${'A'.repeat(12)}_${secret}`, 'cut short': till.apiKey.slice(0, -1), 'with more': `${till.apiKey}x`,
      'a word': 'password', 'of Stripe': harness.SECRET_KEY, 'the id alone': id, long: 'x'.repeat(4000),
      'with a percent': `${till.apiKey}%00`,
      'with a list': `${till.apiKey}, ${till.apiKey}`,
    };
    const details = new Set();
    for (const [name, key] of Object.entries(bad)) {
      const answer = await ask(till.port, 'GET', '/api/v1/payments', { headers: { authorization: `Bearer ${key}` } });
      assert.equal(answer.status, 401, `${name}: ${answer.text}`);
      assert.equal(isProblem(assert, answer).code, 'UNAUTHENTICATED');
      assert.match(answer.headers['www-authenticate'], /^Bearer realm="till"(, error="invalid_token")?$/);
      assert.ok(!answer.text.includes(secret));
      details.add(answer.body.detail);
    }
    assert.equal(details.size, 1, [...details].join(' | '));
    for (const authorization of [undefined, `Basic ${Buffer.from(`${till.apiKey}:`).toString('base64')}`, till.apiKey, 'Bearer', 'Bearer ']) {
      const answer = await ask(till.port, 'GET', '/api/v1/payments', { headers: authorization ? { authorization } : {} });
      assert.equal(answer.status, 401, authorization);
    }
    for (const route of guarded) {
      for (const apiKey of [null, bad.revoked, bad['of the other mode']]) {
        const answer = await till.api(route.method, route.target, { apiKey });
        assert.equal(answer.status, 401, `${route.method} ${route.target}`);
        isProblem(assert, answer);
      }
    }
  });

  test('a key in the address or in a cookie is none', async () => {
    assert.equal((await till.api('GET', `/api/v1/payments?api_key=${till.apiKey}`, { apiKey: null })).status, 401);
    const headers = { cookie: `api_key=${till.apiKey}; authorization=Bearer ${till.apiKey}` };
    assert.equal((await till.api('GET', '/api/v1/payments', { apiKey: null, headers })).status, 401);
  });

  test('the scheme may be written in any case', async () => {
    assert.equal((await ask(till.port, 'GET', '/api/v1/payments', { headers: { authorization: `bearer ${till.apiKey}` } })).status, 200);
  });

  test('a page of the payer opens with its own key only', async () => {
    const target = new URL(checkout.url).pathname;
    const [, , id, key] = target.split('/');
    const other = (await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('6.00') } })).body;
    const otherKey = new URL(other.url).pathname.split('/')[3];
    assert.equal((await ask(till.port, 'GET', target)).status, 200);
    const wrong = [
      [id, otherKey], [id, key.slice(0, -1)], [id, `${key}A`], [id, key.toLowerCase()], [other.id, key],
      ['cs_00000000000000000000000000', key],
      ['x', 'y'],
    ];
    const doors = [
      ['GET', ''], ['GET', '/state'], ['POST', '/pay'], ['GET', '/receipt'], ['GET', '/return'], ['GET', '/authenticate'],
      ['POST', '/cancel'],
    ];
    const said = new Set();
    for (const [session, tried] of wrong) {
      for (const [method, below] of doors) {
        const answer = await ask(till.port, method, `/checkout/${session}/${tried}${below}`, { headers: { accept: 'application/json' } });
        assert.equal(answer.status, 404, `${method} /checkout/${session}/${tried}${below}`);
        if (answer.body) said.add(answer.body.detail);
      }
    }
    assert.equal(said.size, 1, 'a session that exists and one that does not are answered alike');
  });
});

// Headers ----------------------------------------------------------------------------------------------------------------

/** The directives of a Content-Security-Policy as { name: [sources] }. */
function directives(policy) {
  return Object.fromEntries(policy.split(';').map((part) => part.trim().split(/\s+/)).map(([name, ...sources]) => [name, sources]));
}

describe('headers', () => {
  const kinds = {
    'an object': () => ['GET', '/api/v1/payments', true],
    'a problem': () => ['GET', '/api/v1/payments/pay_00000000000000000000000000', true],
    'a refusal': () => ['GET', '/api/v1/payments', false],
    'nothing there': () => ['GET', '/nothing', false],
    'a page': () => ['GET', '/docs/errors', false],
    'a checkout page': () => ['GET', new URL(checkout.url).pathname, false],
    'an error page': () => ['GET', '/checkout/x/y', false],
    'a redirect': () => ['GET', `${new URL(checkout.url).pathname}/return`, false],
    health: () => ['GET', '/healthz', false],
    'the wrong method': () => ['PUT', '/api/v1/payments', false],
  };
  for (const [name, kind] of Object.entries(kinds)) {
    test(`of ${name}`, async () => {
      const [method, target, withKey] = kind();
      const asked = withKey ? { authorization: `Bearer ${till.apiKey}` } : { accept: 'text/html' };
      const { headers } = await ask(till.port, method, target, { headers: asked });
      assert.match(headers['x-request-id'], /^req_/);
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.match(headers['referrer-policy'], /^(no-referrer|strict-origin-when-cross-origin)$/);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['access-control-allow-origin'], undefined);
      assert.equal(headers['set-cookie'], undefined);
      assert.equal(headers['x-powered-by'], undefined);
      assert.ok(!headers.server || /^Apache$/.test(headers.server), headers.server);
      const policy = directives(headers['content-security-policy']);
      assert.deepEqual(policy['default-src'], ["'none'"]);
      assert.deepEqual(policy['frame-ancestors'], ["'none'"]);
      assert.doesNotMatch(headers['content-security-policy'], /unsafe-|\*(?!\.)/);
      if (!/^text\/html/.test(headers['content-type'] || '')) {
        assert.deepEqual(Object.keys(policy), ['default-src', 'frame-ancestors']);
        return;
      }
      assert.deepEqual(policy['base-uri'], ["'none'"]);
      assert.match(headers['cross-origin-opener-policy'], /^same-origin/);
      assert.match(headers['permissions-policy'], /camera=\(\), microphone=\(\), geolocation=\(\)/);
    });
  }

  test('HEAD has the headers of GET and no body', async () => {
    const [get, head] = await Promise.all(['GET', 'HEAD'].map((method) => ask(till.port, method, '/docs/errors')));
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-type'], get.headers['content-type']);
    assert.equal(head.headers['x-frame-options'], get.headers['x-frame-options']);
  });

  test('a checkout page runs the configured provider\'s script and nobody else\'s; each nonce is used once', async () => {
    const target = new URL(checkout.url).pathname;
    const [first, second] = [await ask(till.port, 'GET', target), await ask(till.port, 'GET', target)];
    const policy = directives(first.headers['content-security-policy']);
    const script = policy['script-src'].filter((source) => !source.startsWith("'nonce-"));
    assert.deepEqual(script, ["'self'", till.sandboxUrl]);
    assert.deepEqual(policy['frame-src'], [till.sandboxUrl]);
    assert.deepEqual(policy['connect-src'], ["'self'", till.sandboxUrl]);
    assert.ok(first.headers['permissions-policy'].includes(`payment=(self "${till.sandboxUrl}")`));
    assert.equal(first.headers['cross-origin-opener-policy'], 'same-origin-allow-popups');
    assert.equal(first.headers['referrer-policy'], 'strict-origin-when-cross-origin');
    assert.notEqual(first.headers['content-security-policy'], second.headers['content-security-policy']);
    assert.doesNotMatch(first.text, /\son[a-z]+=|\sstyle=|<script(?![^>]*(nonce|src)=)/i, 'no inline handler, style or script');
    const plain = directives((await ask(till.port, 'GET', '/docs/errors')).headers['content-security-policy']);
    assert.ok(!JSON.stringify(plain).includes(till.sandboxUrl), 'other pages do not');
  });

  test('for real Stripe the hosts are those that Stripe names, and over TLS there is HSTS', async () => {
    const secure = await another({ TILL_URL: 'https://pay.example.com', STRIPE_JS_URL: null });
    try {
      const answer = await secure.ask('GET', new URL(checkout.url).pathname, { HTTP_ACCEPT: 'text/html' });
      assert.equal(answer.status, 200, answer.text);
      const policy = directives(answer.headers['content-security-policy']);
      for (const [name, source] of [
        ['script-src', 'https://js.stripe.com'], ['script-src', 'https://*.js.stripe.com'], ['frame-src', 'https://js.stripe.com'],
        ['frame-src', 'https://*.js.stripe.com'], ['frame-src', 'https://hooks.stripe.com'], ['connect-src', 'https://api.stripe.com'],
        ['img-src', 'https://*.stripe.com'],
      ]) assert.ok(policy[name].includes(source), `${name} ${source}`);
      const others = Object.values(policy).flat()
        .filter((source) => /^https?:/.test(source) && !/^https:\/\/(\*\.)?([a-z]+\.)*(stripe|link)\.com$/.test(source));
      assert.deepEqual(others, []);
      assert.ok(answer.text.includes('"https://js.stripe.com/v3/"'), 'the page loads it from there');
      for (const target of ['/healthz', '/api/v1/payments', '/docs/errors', '/nothing']) {
        assert.equal((await secure.ask('GET', target)).headers['strict-transport-security'], 'max-age=31536000; includeSubDomains', target);
      }
      assert.equal((await ask(till.port, 'GET', '/healthz')).headers['strict-transport-security'], undefined);
    } finally {
      await secure.stop();
    }
  });

  test('static files have theirs', async () => {
    const answer = await ask(till.port, 'GET', '/static/checkout.js');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/javascript/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    for (const target of ['/static/', '/static/../src/main.c', '/static/%2e%2e/configure.ac', '/static/..%2fconfigure.ac']) {
      assert.ok((await raw(till.port, httpRequest(`GET ${target}`))).status >= 400, target);
    }
  });
});

// Addresses and methods --------------------------------------------------------------------------------------------------

describe('addresses', () => {
  test('what does not exist is 404, what takes other methods is 405 with Allow', async () => {
    for (const target of [
      '/', '/api', '/api/v1', '/api/v1/', '/api/v1/payments/', '/API/v1/payments', '/api/v2/payments', '/admin.php', '/.env',
      '/.git/config',
      '/api/v1/payments/x/y/z',
    ]) {
      const answer = await till.api('GET', target);
      assert.equal(answer.status, 404, target);
      isProblem(assert, answer, target);
    }
    for (const [method, target, allow] of [
      ['DELETE', '/api/v1/payments', 'GET, HEAD, POST'], ['PUT', '/api/v1/payments/x', 'GET, HEAD'],
      ['GET', '/api/v1/payments/x/refund', 'POST'],
      ['GET', '/api/v1/webhooks/stripe', 'POST'], ['POST', '/healthz', 'GET, HEAD'], ['PATCH', '/api/v1/customers', 'GET, HEAD, POST'],
      ['OPTIONS', '/api/v1/payments', 'GET, HEAD, POST'],
    ]) {
      const answer = await till.api(method, target);
      if (method === 'OPTIONS' && answer.status < 300) continue; // lighttpd answers these itself
      assert.equal(answer.status, 405, `${method} ${target}`);
      assert.equal(answer.headers.get('allow').split(', ').sort().join(', '), allow);
      isProblem(assert, answer);
    }
  });

  const tricks = [
    '/api/v1/payments%2f', '/api/v1%2fpayments', '/api/v1/customers/..%2fpayments', '/api/v1/../v1/payments',
    '/api/v1/customers/../payments',
    '/api/v1/./payments', '//api/v1/payments', '/api//v1/payments', '/api/v1//payments', '/api/v1/payments%00', '/api/v1/payments/%00',
    '/api/v1/payments/%0a', '/api/v1/payments%5c', '/api/v1\\payments', '/api/v1/%2e%2e/v1/payments', '/api/v1/payments;x=1',
    '/%61pi/v1/payments%00', '/api/v1/payments/%ff', '/api/v1/payments/%c0%af', '/api/v1/payments/%', '/api/v1/payments/%zz',
    '/healthz/../api/v1/payments', '/static/../api/v1/payments', '/api/v1/payments%23',
  ];

  test('an address that could be read in two ways leads nowhere, before the web server and behind it', async () => {
    const authorization = `Bearer ${till.apiKey}`;
    for (const target of tricks) {
      const straight = await fastcgi(till.socket, variables('GET', target, { HTTP_AUTHORIZATION: authorization }));
      assert.equal(straight.status, 404, `${target}: ${straight.text}`);
      isProblem(assert, straight, target);
      const through = await raw(till.port, httpRequest(`GET ${target}`, { Authorization: authorization }));
      assert.ok(through.status >= 400 && through.status < 500, `${target}: ${through.status} ${through.text}`);
    }
  });

  test('the path is that of the request line, whatever the web server makes of it', async () => {
    const elsewhere = '/api/v1/payments';
    const more = { HTTP_AUTHORIZATION: `Bearer ${till.apiKey}`, SCRIPT_NAME: elsewhere, PATH_INFO: elsewhere, DOCUMENT_URI: elsewhere };
    assert.equal((await fastcgi(till.socket, variables('GET', '/nothing', more))).status, 404);
    assert.equal((await fastcgi(till.socket, variables('GET', 'http://elsewhere.example/api/v1/payments', more))).status, 200, 'a target in absolute form');
  });

  test('a method is not overridden', async () => {
    const { body } = await till.api('POST', '/api/v1/payments', { body: { amount: usd('3.00') } });
    const sneaky = { 'x-http-method-override': 'POST', 'x-http-method': 'POST', 'x-method-override': 'POST' };
    assert.equal((await till.api('GET', `/api/v1/payments/${body.id}/cancel`, { headers: sneaky })).status, 405);
    assert.equal((await till.api('GET', `/api/v1/payments/${body.id}/cancel?_method=POST`)).status, 405);
    assert.equal((await till.api('GET', `/api/v1/payments/${body.id}`)).body.status, 'pending');
  });

  test('rewriting headers of proxies change nothing', async () => {
    const headers = {
      'x-original-url': '/api/v1/payments', 'x-rewrite-url': '/api/v1/payments', 'x-forwarded-prefix': '/api', 'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
    };
    assert.equal((await till.api('GET', '/nothing', { headers })).status, 404);
    const session = await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('5.00') }, headers });
    assert.ok(session.body.url.startsWith(`${till.url}/checkout/`), session.body.url);
    assert.ok(!JSON.stringify([...session.headers]).includes('evil'));
  });
});

// Headers of requests ----------------------------------------------------------------------------------------------------

describe('headers that come twice', () => {
  test('a repeated Idempotency-Key is refused, and nothing is made', async () => {
    const body = JSON.stringify({ reference: 'twice' });
    const headers = { Authorization: `Bearer ${till.apiKey}`, 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
    const answer = await raw(till.port, httpRequest('POST /api/v1/customers', { ...headers, 'Idempotency-Key': ['one', 'two'] }, body));
    assert.equal(answer.status, 400, answer.text);
    isProblem(assert, answer);
    const params = Object.entries(variables('POST', '/api/v1/customers', {
      CONTENT_TYPE: 'application/json', CONTENT_LENGTH: String(body.length), HTTP_AUTHORIZATION: `Bearer ${till.apiKey}`,
    }));
    for (const extra of [
      [['HTTP_IDEMPOTENCY_KEY', 'one'], ['HTTP_IDEMPOTENCY_KEY', 'two']], [['HTTP_AUTHORIZATION', 'Bearer other']],
      [['CONTENT_LENGTH', '3']],
      [['REQUEST_METHOD', 'GET']], [['REMOTE_ADDR', '10.0.0.1']],
      [['HTTP_X_FORWARDED_FOR', '1.2.3.4'], ['HTTP_X_FORWARDED_FOR', '5.6.7.8']],
    ]) {
      const straight = await fastcgi(till.socket, [...params, ...extra], body);
      assert.equal(straight.status, 400, `${extra}: ${straight.text}`);
      isProblem(assert, straight);
    }
    assert.equal(await till.db.value("SELECT count(*) FROM customers WHERE reference = 'twice'"), '0');
  });

  test('two addresses that a proxy might have set are refused', async () => {
    const answer = await raw(till.port, httpRequest('GET /healthz', { 'X-Forwarded-For': '203.0.113.1', X_Forwarded_For: '203.0.113.2' }));
    assert.ok([200, 400].includes(answer.status), String(answer.status)); // a web server may drop the second
    assert.ok(!till.logLines().some((line) => /^203\.0\.113\./.test(line.address || '')), 'neither is believed');
  });
});

describe('who asks', () => {
  const forwarded = (address) => ({ HTTP_X_FORWARDED_FOR: address });
  const addressOf = (lines, answer) => lines.find((line) => line.request_id === answer.headers['x-request-id']).address;

  test('X-Forwarded-For is not believed unless a proxy is trusted', async () => {
    for (const address of ['203.0.113.9', '127.0.0.1', 'unknown', "1'; DROP TABLE payments; --", '::1, 10.0.0.1']) {
      const answer = await fastcgi(till.socket, variables('GET', '/healthz', forwarded(address)));
      assert.equal(addressOf(till.logLines(), answer), '192.0.2.7', address);
    }
  });

  test('behind a trusted proxy it is the last address that is not one', async () => {
    const behind = await another({ TRUSTED_PROXIES: '192.0.2.0/24 2001:db8::/32' });
    try {
      for (const [list, expected, peer = '192.0.2.7'] of [
        ['203.0.113.9', '203.0.113.9'], ['198.51.100.1, 203.0.113.9', '203.0.113.9'], ['203.0.113.9, 192.0.2.99', '203.0.113.9'],
        ['6.6.6.6, 203.0.113.9, 192.0.2.99', '203.0.113.9'], ['192.0.2.55', '192.0.2.55'], ['nonsense', '192.0.2.7'], ['', '192.0.2.7'],
        ['2001:db8::5, 203.0.113.9', '203.0.113.9'], ['203.0.113.9, 2001:db8::5', '203.0.113.9'],
        ['203.0.113.9', '203.0.113.66', '203.0.113.66'],
      ]) {
        const answer = await behind.ask('GET', '/healthz', { ...forwarded(list), REMOTE_ADDR: peer });
        assert.equal(addressOf(behind.lines(), answer), expected, `"${list}" from ${peer}`);
      }
    } finally {
      await behind.stop();
    }
  });
});

// What goes wrong inside -------------------------------------------------------------------------------------------------

test('a database that cannot be reached is a 503 that says to come again, and nothing of the inside', async () => {
  const broken = await another({ DATABASE_URL: 'host=/nonexistent/directory dbname=secretname user=till_app' });
  try {
    for (const [method, target, more] of [
      ['GET', '/api/v1/payments', { HTTP_AUTHORIZATION: `Bearer ${till.apiKey}` }], ['GET', '/readyz', {}],
      ['GET', new URL(checkout.url).pathname, { HTTP_ACCEPT: 'text/html' }],
    ]) {
      const answer = await broken.ask(method, target, more);
      assert.equal(answer.status, 503, `${target}: ${answer.text}`);
      assert.ok(Number(answer.headers['retry-after']) > 0);
      assert.doesNotMatch(answer.text, /nonexistent|secretname|till_app|postgres|socket|connection to/i);
      if (answer.body) isProblem(assert, answer);
    }
    assert.ok(broken.lines().some((line) => line.event === 'request' && line.status === 503 && line.code === 'UNAVAILABLE'));
    assert.ok(broken.lines().some((line) => line.event === 'db.connect' && line.message.includes('nonexistent')), 'the log says why');
  } finally {
    await broken.stop();
  }
});

test('failures of ours have codes of their own, are safe to repeat, and say nothing of the inside', async () => {
  const make = (key) => till.api('POST', '/api/v1/customers', { body: { reference: 'failed' }, key });
  for (const [table, code] of [['customers', 'DB_ERROR'], ['idempotency_keys', 'IDEMPOTENCY_ERROR']]) {
    await till.db.value(`REVOKE INSERT ON ${table} FROM till_app`);
    const answer = await make('broken-1');
    await till.db.value(`GRANT INSERT ON ${table} TO till_app`);
    assert.equal(answer.status, 500, answer.text);
    assert.equal(isProblem(assert, answer).code, code);
    assert.doesNotMatch(answer.text, /permission|relation|denied/i);
  }
  assert.equal((await make('broken-1')).status, 201, 'the key is free');
  assert.ok(till.logLines().some((line) => line.code === 'DB_ERROR' && /permission denied/.test(line.cause)), 'the log says why');

  const stranger = await another({ STRIPE_SECRET_KEY: 'sk_test_notaccepted0000000000000' });
  try {
    const body = JSON.stringify({ amount: usd('5.00'), payment_method_id: 'pm_card_visa' });
    const answer = await stranger.ask('POST', '/api/v1/payments', {
      HTTP_AUTHORIZATION: `Bearer ${till.apiKey}`, CONTENT_TYPE: 'application/json', CONTENT_LENGTH: String(body.length),
    }, body);
    assert.equal(answer.status, 500, answer.text);
    const problem = isProblem(assert, answer);
    assert.equal(problem.code, 'STRIPE_ERROR');
    assert.equal(problem.outcome, 'not_attempted');
  } finally {
    await stranger.stop();
  }
});

test('what a caller sent is not markup in what it gets back', async () => {
  const evil = '"><script>alert(1)</script>';
  const session = (await till.api('POST', '/api/v1/checkout/sessions', {
    body: {
      items: [{ name: evil, amount: usd('5.00') }], description: `</title>${evil}`,
      cancel_url: `${till.sandboxUrl}/shop?x=%22%3E%3Cscript%3E`,
    },
  })).body;
  const page = await ask(till.port, 'GET', `${new URL(session.url).pathname}?lang=${encodeURIComponent(evil)}`);
  assert.equal(page.status, 200, page.text);
  assert.ok(!page.text.includes('<script>alert'), 'it is escaped');
  assert.ok(page.text.includes('&lt;script&gt;alert(1)'), 'and shown');
  const missing = await ask(till.port, 'GET', `/${encodeURIComponent(evil)}`, { headers: { accept: 'text/html' } });
  assert.equal(missing.status, 404);
  assert.ok(!missing.text.includes('alert(1)'));
});
