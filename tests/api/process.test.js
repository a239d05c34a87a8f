'use strict';

// The process: workers that die, are replaced, finish; clients that are slow, lie or leave; what it refuses to start with; what it
// writes to its log.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after, afterEach, before, describe, test } = require('node:test');
const harness = require('../lib/till.js');
const { ask, fastcgi, fastcgiRecords, httpRequest, isProblem, load, raw, variables } = require('./wire.js');

const { run, sleep, startProcess, startTill, stopProcess, until } = harness;
const THREADS = 4; // of each of two workers
const server = process.env.TILL_TEST_SERVER || 'lighttpd';

let till, half;
before(async () => {
  // little quarantine: what a sanitizer holds back would look like a leak
  till = await startTill({
    env: {
      TILL_WORKERS: '2', TILL_THREADS: String(THREADS), PROVIDER_DEADLINE_MS: '15000',
      ASAN_OPTIONS: 'quarantine_size_mb=1:malloc_context_size=4',
    },
  });
});
after(() => till && till.stop());
afterEach(() => till.sandbox.clearDials());

const authorization = () => ({ authorization: `Bearer ${till.apiKey}` });
const usd = (value) => ({ value, currency: 'USD' });
const post = (target, body, headers = {}) => ask(till.port, 'POST', target, { headers: { ...authorization(), ...headers }, body });
const get = (target) => ask(till.port, 'GET', target, { headers: authorization() });
const customers = async () => Number(await till.db.value('SELECT count(*) FROM customers'));

/** The workers are these two again, or others. */
async function twoWorkers() {
  return until(() => {
    const workers = till.workers();
    return workers.length === 2 && workers;
  }, 'two workers');
}

// Processes that end -----------------------------------------------------------------------------------------------------

test('kill -9 of workers under load: only what they were at is lost, and no retry charges twice', async () => {
  await till.sandbox.dials([{ operation: 'POST /v1/payment_intents*', action: 'delay', ms: 40 }]);
  const KILLS = 3;
  const body = (n) => ({ amount: usd('10.00'), payment_method_id: 'pm_card_visa', reference: `killed_${n}` });
  const send = (n) => post('/api/v1/payments', body(n), { 'idempotency-key': `killed-${n}` });
  const traffic = load(6, async (n) => (await send(n)).status);
  for (let i = 0; i < KILLS; i++) {
    await sleep(700);
    const [victim] = await twoWorkers();
    till.kill(victim, 'SIGKILL');
    await until(() => !till.workers().includes(victim), 'the end of the worker');
    await twoWorkers();
  }
  await sleep(300);
  const results = await traffic.stop();

  const lost = results.filter((result) => result.value !== 201);
  assert.ok(results.length > 10, `${results.length} requests`);
  assert.ok(lost.length <= KILLS * THREADS, `${lost.length} of ${results.length} were lost by ${KILLS} kills`);
  for (const { value, error } of lost) assert.ok([500, 502, 503, 504].includes(value), `the web server says so: ${value} ${error || ''}`);

  await till.db.value("UPDATE idempotency_keys SET held_until = now() WHERE status IS NULL"); // a minute later
  for (const { n } of lost) {
    const again = await until(async () => {
      const answer = await send(n);
      return answer.status !== 409 && answer;
    }, `the answer to key ${n}`);
    assert.ok([201, 202].includes(again.status), `${again.status} ${again.text}`);
  }
  const open = "SELECT count(*) FROM payments WHERE reference LIKE 'killed%' AND status <> 'succeeded'";
  await until(async () => (await till.db.value(open)) === '0', 'an end of every payment');
  const rows = await till.db.rows("SELECT id, reference FROM payments WHERE reference LIKE 'killed%'");
  assert.equal(rows.length, results.length, 'one payment for each key');
  assert.equal(new Set(rows.map((row) => row.reference)).size, results.length);
  const { charges } = await till.sandbox.ledger();
  for (const { id } of rows) {
    assert.equal(charges.filter((charge) => charge.metadata.payment_id === id && charge.captured).length, 1, `charges of ${id}`);
  }
});

test('a worker that dies of its own is replaced at once, and the log says so', async () => {
  const [victim] = await twoWorkers();
  till.kill(victim, 'SIGKILL');
  const fresh = await until(() => {
    const workers = till.workers();
    return workers.length === 2 && !workers.includes(victim) && workers;
  }, 'a replacement', 5000);
  assert.equal(fresh.length, 2);
  assert.ok(till.logLines().some((line) => line.event === 'worker' && line.message === `worker ${victim} died of signal 9`));
});

test('SIGTERM under load: what was taken is answered, and the exit status is 0 within 25 s', async () => {
  const before_ = await customers();
  const traffic = load(8, async (n) => (await post('/api/v1/customers', { reference: `term_${n}` })).status);
  await sleep(800);
  const started = Date.now();
  const ended = await till.stopMaster('SIGTERM');
  const took = Date.now() - started;
  const results = await traffic.stop();
  assert.deepEqual(ended, { code: 0, signal: null });
  assert.ok(took < 25000, `${took} ms`);
  const answered = results.filter((result) => result.value === 201).length;
  assert.ok(answered > 20, `${answered} answers`);
  assert.equal((await customers()) - before_, answered, 'every customer that was made was answered with 201');
  for (const { value } of results.filter((result) => result.value !== 201)) assert.ok([500, 502, 503].includes(value), String(value));
  await till.restart();
});

test('SIGTERM waits for the provider', async () => {
  await till.sandbox.dials([{ operation: 'POST /v1/payment_intents/*', action: 'delay', ms: 2500 }]);
  const running = Array.from({ length: 6 }, (_, n) =>
    post('/api/v1/payments', { amount: usd('3.00'), payment_method_id: 'pm_card_visa', reference: `slow_term_${n}` }));
  const confirming = "SELECT count(*) FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE p.reference LIKE 'slow_term%' AND a.phase = 'confirming'";
  await until(async () => (await till.db.value(confirming)) === '6', 'six payments at the provider');
  const ended = till.stopMaster('SIGTERM');
  for (const answer of await Promise.all(running)) assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(await ended, { code: 0, signal: null });
  await till.restart();
});

test('SIGHUP replaces the workers in turn, and nobody notices', async () => {
  const one = (n) => (n % 2 ? post('/api/v1/customers', { reference: `hup_${n}` }) : get('/api/v1/payments?limit=5'));
  const traffic = load(6, async (n) => (await one(n)).status);
  await sleep(200);
  for (let i = 0; i < 2; i++) {
    const old = await twoWorkers();
    till.kill(till.master.pid, 'SIGHUP');
    await until(() => {
      const workers = till.workers();
      return workers.length === 2 && !workers.some((pid) => old.includes(pid));
    }, 'other workers', 30000);
    await sleep(200);
  }
  const results = await traffic.stop();
  assert.ok(results.length > 10, `${results.length} requests`);
  assert.deepEqual(results.filter((result) => ![200, 201].includes(result.value)), []);
  assert.equal(till.master.ended, null);
});

// Clients ----------------------------------------------------------------------------------------------------------------

test('clients with half a body do not keep others waiting', async (t) => {
  // Apache hands a body on as it comes: there a slow client costs a thread until the deadline, so some are left here
  const slow = server === 'apache' ? THREADS : 8;
  const head = httpRequest('POST /api/v1/customers', { ...authorization(), 'Content-Type': 'application/json', 'Content-Length': '1000' }, '{"name": ');
  const sockets = Array.from({ length: slow }, () => {
    const socket = net.connect(till.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(head);
    return socket;
  });
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await sleep(300);
  for (let i = 0; i < 10; i++) {
    const started = Date.now();
    assert.equal((await get('/api/v1/payments?limit=1')).status, 200);
    assert.ok(Date.now() - started < 1000, `${Date.now() - started} ms`);
  }
});

describe('the length of a body', () => {
  const padded = (length) => `{"reference":"padded"${' '.repeat(length - 22)}}`;
  const cases = [
    ['64 KB are read', '/api/v1/customers', padded(65536), 201],
    ['one byte more is too much', '/api/v1/customers', padded(65537), 413],
    ['much more is too much', '/api/v1/customers', padded(600000), 413],
    ['a webhook may have 256 KB', '/api/v1/webhooks/stripe', padded(262144), 400],
    ['and not a byte more', '/api/v1/webhooks/stripe', padded(262145), 413],
    ['an address that does not exist does not make it longer', '/api/v1/nothing', padded(65537), 404],
  ];
  for (const [name, target, body, status] of cases) {
    test(name, async () => {
      const answer = await post(target, body);
      assert.equal(answer.status, status, answer.text);
      if (status >= 400) isProblem(assert, answer);
    });
  }

  test('the same without a Content-Length, in chunks', async () => {
    const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const headers = { ...authorization(), 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' };
    const good = await raw(till.port, httpRequest('POST /api/v1/customers', headers, `${chunk('{"reference":')}${chunk('"chunks"}')}0\r\n\r\n`));
    assert.equal(good.status, 201, good.text);
    const large = await raw(till.port, httpRequest('POST /api/v1/customers', headers, `${chunk(padded(40000))}${chunk(' '.repeat(40000))}0\r\n\r\n`));
    assert.equal(large.status, 413, large.text);
  });

  test('what the web server itself refuses is a problem too', async () => {
    const answer = await post('/api/v1/customers', padded(3 * 1024 * 1024)).catch(() => null);
    if (answer === null) return; // closed while we were still sending
    assert.equal(answer.status, 413);
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    assert.equal(JSON.parse(answer.text).status, 413);
  });

  // Web servers would not pass these on; a program that listens must not rely on it
  const lies = [
    ['longer than the body', { CONTENT_LENGTH: '60' }, 400],
    ['shorter than the body', { CONTENT_LENGTH: '5' }, 400],
    ['negative', { CONTENT_LENGTH: '-1' }, 400],
    ['not a number', { CONTENT_LENGTH: '2e1' }, 400],
    ['larger than any number', { CONTENT_LENGTH: '99999999999999999999999' }, 413],
  ];
  for (const [name, more, status] of lies) {
    test(`a Content-Length that is ${name}: ${status}, and nothing is done`, async () => {
      const before_ = await customers();
      const body = '{"reference": "lie"}';
      const answer = await fastcgi(till.socket, variables('POST', '/api/v1/customers', {
        CONTENT_TYPE: 'application/json', HTTP_AUTHORIZATION: `Bearer ${till.apiKey}`, ...more,
      }), body);
      assert.equal(answer.status, status, answer.text);
      isProblem(assert, answer);
      assert.equal(await customers(), before_);
    });
  }
});

test('a client that leaves in the middle: the payment is made, and the key answers it', async () => {
  await till.sandbox.dials([{ operation: 'POST /v1/payment_intents/*', action: 'delay', ms: 600 }]);
  const body = { amount: usd('4.00'), payment_method_id: 'pm_card_visa', reference: 'left' };
  const headers = { ...authorization(), 'idempotency-key': 'left-1' };
  const leaving = new AbortController();
  const first = ask(till.port, 'POST', '/api/v1/payments', { headers, body, signal: leaving.signal });
  await until(async () => (await till.db.value("SELECT count(*) FROM payments WHERE reference = 'left'")) === '1', 'the payment');
  leaving.abort();
  await assert.rejects(first);
  const again = await until(async () => {
    const answer = await ask(till.port, 'POST', '/api/v1/payments', { headers, body });
    return answer.status !== 409 && answer;
  }, 'the answer');
  assert.equal(again.status, 201, again.text);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.equal(again.body.status, 'succeeded');
  const { charges } = await till.sandbox.ledger(again.body.id);
  assert.equal(charges.length, 1);
});

test('connections that say nothing, or nonsense, cost nobody anything', async () => {
  const silent = Array.from({ length: THREADS }, () => net.connect(till.socket).on('error', () => {}));
  const nonsense = ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(64), Buffer.alloc(4096, 0xff)].map((bytes) => {
    const socket = net.connect(till.socket).on('error', () => {});
    socket.write(bytes);
    return socket;
  });
  const cut = net.connect(till.socket).on('error', () => {});
  cut.end(fastcgiRecords(variables('GET', '/healthz')).subarray(0, 40));
  const started = Date.now();
  assert.equal((await until(async () => (await get('/healthz')).status === 200 && 200, '/healthz', 8000)), 200);
  assert.ok(Date.now() - started < 8000);
  for (const socket of [...silent, ...nonsense, cut]) socket.destroy();
  assert.equal(till.workers().length, 2);
});

// Starting ---------------------------------------------------------------------------------------------------------------

describe('what it refuses to start with', () => {
  let dir;
  before(() => {
    dir = harness.makeDirectory();
  });
  after(() => fs.rmSync(dir, { recursive: true, force: true }));

  /** Starts a program that is expected to end by itself: { code, said }. */
  async function startWith(env, { program = 'till.fcgi', base = till.env } = {}) {
    const name = `start-${Math.random().toString(36).slice(2)}`;
    const log = path.join(dir, `${name}.log`);
    const args = ['--listen', path.join(dir, name)];
    const state = startProcess(path.join(harness.required('TILL_TEST_BUILD'), program), args, { ...base, ...env }, log);
    const timer = setTimeout(() => state.child.kill('SIGKILL'), 15000);
    const ended = await state.exit;
    clearTimeout(timer);
    return { code: ended.code, said: fs.readFileSync(log, 'utf8') };
  }

  test('settings that are wrong, all of them at once', async () => {
    const { code, said } = await startWith({
      RATE_LIMIT_REQUESTS: 'many', TILL_URL: 'http://pay.example.com', DATABASE_URL: null, TILL_KEYS_FILE: '/nonexistent/keys',
      STRIPE_WEBHOOK_SECRET: 'secret', CHECKOUT_TTL: '1',
    });
    assert.equal(code, 78);
    for (const name of ['RATE_LIMIT_REQUESTS', 'TILL_URL', 'DATABASE_URL', 'TILL_KEYS_FILE', 'STRIPE_WEBHOOK_SECRET', 'CHECKOUT_TTL']) {
      assert.match(said, new RegExp(`^${name}: `, 'm'), name);
    }
  });

  const mixes = [
    ['a live secret key with a test publishable key', { STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567' }, /STRIPE_PUBLISHABLE_KEY: is a test key/],
    ['a test secret key with a live publishable key', { STRIPE_PUBLISHABLE_KEY: 'pk_live_0123456789abcdef01234567' }, /STRIPE_PUBLISHABLE_KEY: is a live key/],
    ['live keys with STRIPE_TEST_MODE=true', {
      STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567', STRIPE_PUBLISHABLE_KEY: 'pk_live_0123456789abcdef01234567',
      STRIPE_TEST_MODE: 'true',
    }, /STRIPE_TEST_MODE: is true and the keys are live keys/],
    ['two names of one key with two values', { STRIPE_API_KEY: 'sk_test_another0123456789abcdef' }, /STRIPE_API_KEY/],
    ['live keys and a provider without https', {
      STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567', STRIPE_PUBLISHABLE_KEY: 'pk_live_0123456789abcdef01234567',
    }, /STRIPE_API_URL: must be https/],
  ];
  for (const [name, env, said] of mixes) {
    test(name, async () => {
      const answer = await startWith(env);
      assert.equal(answer.code, 78);
      assert.match(answer.said, said);
      assert.doesNotMatch(answer.said, /0123456789abcdef/, 'a key is not repeated');
    });
  }

  test('a database that lacks migrations', async () => {
    const empty = await harness.createDatabase({ empty: true });
    try {
      const { code, said } = await startWith({ DATABASE_URL: empty.url });
      assert.equal(code, 78);
      assert.match(said, /till migrate/);
    } finally {
      await empty.drop();
    }
  });

  test('a socket that somebody listens on', async () => {
    const program = path.join(harness.required('TILL_TEST_BUILD'), 'till.fcgi');
    const second = startProcess(program, ['--listen', till.socket], till.env, path.join(dir, 'twice.log'));
    assert.equal((await second.exit).code, 78);
    assert.equal((await get('/healthz')).status, 200);
  });

  test('Redis settings are answered with a notice, and do no harm', async () => {
    const env = harness.cleanEnvironment({ ...till.env, REDIS_URL: 'redis://localhost:6379', REDIS_HOST: 'localhost' });
    const { stderr } = await run(path.join(harness.required('TILL_TEST_BUILD'), 'till'), ['config'], { env });
    assert.match(stderr, /^REDIS_URL: is not needed/m);
    assert.match(stderr, /^REDIS_HOST: is not needed/m);
  });

  test('the sandbox with a live key', async () => {
    const { code, said } = await startWith({ STRIPE_SECRET_KEY: 'sk_live_0123456789abcdef01234567' }, { program: 'till-sandbox.fcgi', base: {} });
    assert.notEqual(code, 0);
    assert.match(said, /live key/);
    const answer = await fetch(`${till.sandboxUrl}/v1/customers`, { headers: { authorization: 'Bearer sk_live_0123456789abcdef01234567' } });
    assert.equal(answer.status, 401);
  });
});

test('SIGHUP takes a changed file of settings; one with errors leaves the workers as they are', async (t) => {
  const dir = harness.makeDirectory();
  const socket = path.join(dir, 's'), file = path.join(dir, 'till.conf'), log = path.join(dir, 'till.log');
  const { RATE_LIMIT_REQUESTS, ...env } = till.env;
  const write = (text) => fs.writeFileSync(file, `${text}\n`, { mode: 0o600 });
  write('RATE_LIMIT_REQUESTS=1001');
  const program = path.join(harness.required('TILL_TEST_BUILD'), 'till.fcgi');
  const master = startProcess(program, ['--listen', socket, '--config', file, '--workers', '1'], env, log);
  t.after(async () => {
    await stopProcess(master);
    fs.rmSync(dir, { recursive: true, force: true });
  });
  const limit = async () => {
    const answer = await fastcgi(socket, variables('GET', '/api/v1/payments', { HTTP_AUTHORIZATION: `Bearer ${till.apiKey}` }));
    return answer.headers['ratelimit-limit'];
  };
  await until(() => fs.existsSync(socket), 'the socket');
  await until(async () => (await limit()) === '1001', 'the first setting');
  write('RATE_LIMIT_REQUESTS=1002');
  master.child.kill('SIGHUP');
  await until(async () => (await limit()) === '1002', 'the second setting');
  write('RATE_LIMIT_REQUESTS=lots');
  master.child.kill('SIGHUP');
  await until(() => /the configuration has errors/.test(fs.readFileSync(log, 'utf8')), 'a line that says so');
  assert.match(fs.readFileSync(log, 'utf8'), /^RATE_LIMIT_REQUESTS: /m);
  assert.equal(await limit(), '1002');
});

// Memory, log ------------------------------------------------------------------------------------------------------------

function residentKilobytes(pid) {
  return Number(fs.readFileSync(`/proc/${pid}/status`, 'latin1').match(/^VmRSS:\s+(\d+)/m)[1]);
}

/** Half a body straight to Till, which then waits; `answer` says how that ended. */
function beginHalfABody() {
  const params = variables('POST', '/api/v1/customers', {
    CONTENT_LENGTH: '100', CONTENT_TYPE: 'application/json', HTTP_AUTHORIZATION: `Bearer ${till.apiKey}`,
  });
  const started = Date.now();
  return fastcgi(till.socket, params, '{"reference": "half"}', { finish: false, ms: 25000 }).then((answer) => ({ answer, took: Date.now() - started }));
}

test('memory stays flat over a few thousand requests', async () => {
  const workers = await twoWorkers();
  half = beginHalfABody();
  const session = (await post('/api/v1/checkout/sessions', { amount: usd('9.00') })).body;
  const page = new URL(session.url).pathname;
  const kinds = [
    () => get('/api/v1/payments?limit=5'), () => get('/api/v1/nothing'), () => get('/docs/errors'), () => get(page),
    () => post('/api/v1/customers', { email: `${Math.random()}@example.com` }), () => post('/api/v1/payments', '{"amount": [[[['),
    () => post('/api/v1/payments', { amount: 'x'.repeat(5000), metadata: { a: 'b'.repeat(5000) } }),
  ];
  const many = async (count) => {
    let left = count;
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (left-- > 0) await kinds[Math.max(left, 0) % kinds.length]();
    }));
  };
  await many(900);
  const before_ = workers.map(residentKilobytes);
  await many(2100);
  const grown = workers.map((pid, i) => residentKilobytes(pid) - before_[i]);
  assert.deepEqual(till.workers(), workers);
  for (const kilobytes of grown) assert.ok(kilobytes < 6 * 1024, `the workers grew by ${grown.join(' and ')} KB`);
});

test('half a body that never goes on is given up, and nothing is done with it', async () => {
  const { answer, took } = await half;
  assert.equal(answer.status, 400, answer.text);
  isProblem(assert, answer);
  assert.ok(took > 3000 && took < 20000, `${took} ms`);
  assert.equal(await till.db.value("SELECT count(*) FROM customers WHERE reference = 'half'"), '0');
});

describe('the log', () => {
  test('has one JSON line for each request, with the id that the client got', async () => {
    const answers = await Promise.all([
      get('/api/v1/payments?limit=1'), get('/api/v1/nothing'), post('/api/v1/payments', {}), get('/healthz'),
      ask(till.port, 'GET', '/api/v1/payments'), ask(till.port, 'DELETE', '/api/v1/payments', { headers: authorization() }),
    ]);
    const lines = till.logLines();
    for (const answer of answers) {
      const id = answer.headers['x-request-id'];
      assert.match(id, /^req_[0-9a-z]{26}$/);
      const [line, ...others] = lines.filter((one) => one.event === 'request' && one.request_id === id);
      assert.deepEqual(others, []);
      assert.equal(line.status, answer.status);
      assert.ok(Number.isInteger(line.ms) && line.route && line.method && line.address === '127.0.0.1');
      assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const [paid] = answers;
    const line = lines.find((one) => one.request_id === paid.headers['x-request-id']);
    assert.equal(line.principal, `api_key:${till.apiKey.split('_')[2]}`);
    assert.equal(line.route, '/api/v1/payments');
  });

  test('is JSON line by line, whatever clients send', async () => {
    const odd = ['a\tb', '"\\u0000', '\u2028', 'é', 'x'.repeat(3000)];
    for (const text of odd) await get(`/api/v1/payments/${encodeURIComponent(text)}`);
    for (const line of till.logs().split('\n').filter(Boolean)) {
      if (/^[A-Z_]+: /.test(line)) continue; // a setting that was refused
      assert.doesNotThrow(() => JSON.parse(line), line.slice(0, 200));
    }
  });
});

test('no secret, card number or address of a person rests in the database or in a log', async () => {
  const CARD = '4000056655665556', EMAIL = 'canary.person@example.org', NAME = 'Canarya Birdsong';
  const customer = await post('/api/v1/customers', { email: EMAIL, name: NAME });
  assert.equal(customer.status, 201);
  const payment = await post('/api/v1/payments', { amount: usd('8.00'), customer_id: customer.body.id, payment_method_id: 'pm_card_visa' });
  assert.equal(payment.status, 201, payment.text);
  const pending = await post('/api/v1/payments', { amount: usd('8.00'), customer_id: customer.body.id });
  const session = await post('/api/v1/checkout/sessions', { amount: usd('9.00'), customer_id: customer.body.id });
  const page = new URL(session.body.url).pathname;
  const paying = await ask(till.port, 'POST', `${page}/pay`, { body: {}, headers: { origin: till.url, 'sec-fetch-site': 'same-origin' } });
  assert.equal(paying.status, 200, paying.text);
  const secrets = [pending.body.client_secret, paying.body.client_secret];
  for (const secret of secrets) assert.match(secret, /_secret_/);

  const spaced = CARD.replace(/(\d{4})(?=\d)/g, '$1 ');
  for (const body of [
    { amount: usd('1.00'), description: `card ${CARD}` }, { amount: usd('1.00'), metadata: { note: spaced } },
    { amount: usd('1.00'), metadata: { [CARD]: 'x' } }, { amount: usd('1.00'), reference: CARD }, { amount: usd('1.00'), [CARD]: 1 },
    { amount: { value: CARD, currency: 'USD' } }, { amount: usd('1.00'), payment_method_id: CARD },
  ]) {
    const answer = await post('/api/v1/payments', body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.ok(!answer.text.includes(CARD) && !answer.text.includes(spaced), `${answer.text} repeats the card`);
  }
  for (const target of [`/api/v1/payments/${CARD}`, `/api/v1/payments?reference=${CARD}`, `/api/v1/payments?${CARD}=1`, `/${CARD}`]) {
    const answer = await get(target);
    assert.ok(answer.status >= 400 || answer.body.data.length === 0, `${target}: ${answer.status}`);
    assert.ok(!answer.text.includes(CARD), answer.text);
  }
  await post('/api/v1/customers', { name: CARD });
  await ask(till.port, 'GET', '/api/v1/payments', { headers: { authorization: `Bearer ${till.apiKey}x` } });

  const secretPart = till.apiKey.split('_')[3];
  const fieldKey = fs.readFileSync(till.env.TILL_KEYS_FILE, 'utf8').trim().split(':')[1];
  const canaries = [
    CARD, spaced, EMAIL, NAME, secretPart, ...secrets.map((secret) => secret.split('_secret_')[1]), harness.SECRET_KEY,
    harness.WEBHOOK_SECRET, fieldKey,
  ];
  const { stdout: dump } = await run('pg_dump', ['--inserts', '-d', till.db.superUrl], { maxBuffer: 1 << 28 });
  assert.match(dump, /cust_[0-9a-z]{26}/);
  const places = { database: dump, 'till.log': till.logs(), 'the web server': fs.readFileSync(till.front.log, 'utf8') };
  for (const [place, text] of Object.entries(places)) {
    for (const canary of canaries) {
      assert.ok(!text.includes(canary), `${place} has ${canary}`);
      assert.ok(!text.includes(Buffer.from(canary).toString('hex')), `${place} has ${canary} in hex`);
    }
  }
  for (const pid of [till.master.pid, ...till.workers()]) {
    const seen = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') + fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
    for (const secret of [harness.SECRET_KEY, harness.WEBHOOK_SECRET]) assert.ok(!seen.includes(secret), `process ${pid} shows a secret`);
  }
});
