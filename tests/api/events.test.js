'use strict';

// What the merchant's application hears of: every event once it is true, signed, until it was taken, and nobody else's server.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Webhook } = require('standardwebhooks');
const { signIn } = require('../lib/admin.js');
const { startReceiver } = require('../lib/receiver.js');
const { makeDirectory, sleep, startTill, top, until } = require('../lib/till.js');
const { act, closed, get, isProblem, paid, pay, pointers, usd } = require('./books.js');

const DAY = 86400;
const receivers = [];
let till, dir, failpoints;

before(async () => {
  dir = makeDirectory();
  failpoints = path.join(dir, 'failpoints');
  fs.writeFileSync(failpoints, '');
  till = await startTill({ env: { WEBHOOK_ALLOW_LOOPBACK: 'true', WEBHOOK_TIMEOUT_MS: '1500', TILL_FAILPOINTS: failpoints, RATE_LIMIT_REQUESTS: '10000' } });
});
after(async () => {
  for (const receiver of receivers) await receiver.stop();
  await closed(till);
  fs.rmSync(dir, { recursive: true, force: true });
});

/** A server that hears of events; with { endpoint, receiver }. */
async function listening(answer, body = {}) {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  const made = await till.api('POST', '/api/v1/webhook-endpoints', { body: { url: receiver.url, ...body } });
  assert.equal(made.status, 201, made.text);
  return { receiver, endpoint: made.body };
}

const of = (endpoint, more = '') => `/api/v1/webhook-endpoints/${endpoint.id}${more}`;
const post = (address, body) => till.api('POST', address, { body });
const remove = (endpoint) => till.api('DELETE', of(endpoint));
const deliveries = async (query) => (await till.api('GET', `/api/v1/deliveries?limit=100&${query}`)).body.data;

/** Makes retries due. */
const hurry = () => till.db.value(`WITH d AS (UPDATE deliveries SET due_at = domain_now() WHERE status = 'pending' AND lease_until IS NULL)
  UPDATE jobs SET run_at = domain_now() WHERE kind = 'event.deliver' AND state = 'available'`);

/** How many are in somebody's hands. */
const sending = async () => Number(await till.db.value('SELECT count(*) FROM deliveries WHERE lease_until IS NOT NULL'));

/** Verifies as a merchant does, with the official library. */
function verified(secret, one) {
  const { headers } = one;
  return new Webhook(secret).verify(one.raw, {
    'webhook-id': headers['webhook-id'], 'webhook-timestamp': headers['webhook-timestamp'], 'webhook-signature': headers['webhook-signature'],
  });
}

test('every event of a payment comes, signed, in order of versions, with what changed', async () => {
  const { receiver, endpoint } = await listening();
  const all = (await till.api('GET', '/api/v1/webhook-endpoints')).body.data;
  assert.match(endpoint.secret, /^whsec_[A-Za-z0-9+/=]{44}$/);
  assert.deepEqual([endpoint.status, endpoint.events, endpoint.livemode], ['enabled', ['*'], false]);
  assert.deepEqual(all.map((one) => [one.id, one.secret]), [[endpoint.id, undefined]]);

  const payment = await paid(till, { capture: false, metadata: { order: '7' } });
  assert.equal((await act(till, payment.id, 'capture')).status, 200);
  const refund = (await act(till, payment.id, 'refund', { amount: usd('4.00') })).body;
  await until(() => receiver.of(payment.id).length >= 3 && receiver.of(refund.id).length >= 1, 'the events come');

  const heard = receiver.of(payment.id).sort((a, b) => a.body.version - b.body.version);
  assert.deepEqual(heard.map(({ body }) => [body.version, body.type]), [
    [1, 'payment.created'], [2, 'payment.authorized'], [3, 'payment.succeeded'],
  ]);
  for (const one of receiver.got) {
    assert.deepEqual(verified(endpoint.secret, one), one.body);
    assert.equal(one.headers['content-type'], 'application/json');
    assert.equal(one.headers['webhook-id'], one.body.id);
    assert.match(one.headers['user-agent'], /^Till\//);
    assert.throws(() => new Webhook(endpoint.secret).verify(`${one.raw} `, one.headers));
    assert.throws(() => new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw').verify(one.raw, one.headers));
  }
  const [made, authorized, captured] = heard.map(({ body }) => body.data);
  assert.equal(made.previous_attributes, null);
  assert.equal(authorized.previous_attributes.status, 'pending');
  assert.deepEqual([captured.previous_attributes.status, captured.previous_attributes.amount_captured], ['authorized', usd('0.00')]);
  assert.deepEqual([captured.object.status, captured.object.amount_captured, captured.object.metadata], ['succeeded', usd('10.00'), { order: '7' }]);
  assert.equal(captured.object.client_secret, undefined);
  assert.ok(!('description' in captured.previous_attributes), 'what stayed the same');

  // the API says the same, byte for byte
  const id = heard[2].body.id;
  const read = await till.api('GET', `/api/v1/events/${id}`);
  assert.equal(read.status, 200);
  assert.deepEqual(read.body, heard[2].body);
  const list = (await till.api('GET', `/api/v1/events?object_id=${payment.id}&limit=2`)).body;
  assert.deepEqual(list.data.map((one) => one.version).sort(), [2, 3]);
  assert.ok(list.has_more);
  assert.equal((await till.api('GET', `/api/v1/events?object_id=${payment.id}&cursor=${list.next_cursor}`)).body.data.length, 1);
  assert.ok((await till.api('GET', '/api/v1/events?type=refund.succeeded')).body.data.some((one) => one.object_id === refund.id));
  isProblem(await till.api('GET', '/api/v1/events/evt_none'), 404, 'NOT_FOUND');

  // and the log
  const delivered = await until(async () => {
    const [one] = await deliveries(`event_id=${id}&endpoint_id=${endpoint.id}`);
    return one.status === 'delivered' && one;
  }, 'the delivery is recorded');
  assert.deepEqual([delivered.attempts, delivered.response_status, delivered.error, delivered.next_attempt_at], [1, 204, null, null]);
  const detail = (await till.api('GET', `/api/v1/deliveries/${delivered.id}`)).body;
  assert.deepEqual(detail.log.map((one) => [one.number, one.response_status, one.error]), [[1, 204, null]]);

  assert.equal((await remove(endpoint)).status, 204);
  isProblem(await till.api('GET', of(endpoint)), 404, 'NOT_FOUND');
});

test('only what it asked for, and at most once an address', async () => {
  const { receiver, endpoint } = await listening(undefined, { events: ['refund.*', 'payment.failed'], description: 'the warehouse' });
  isProblem(await post('/api/v1/webhook-endpoints', { url: receiver.url }), 409, 'CONFLICT');
  const payment = await paid(till);
  const refund = (await act(till, payment.id, 'refund')).body;
  await until(() => receiver.of(refund.id).length, 'the refund is told');
  assert.deepEqual(receiver.of(payment.id), []);

  const changed = await till.api('PATCH', of(endpoint), { body: { events: ['payment.created'] } });
  assert.deepEqual([changed.status, changed.body.events, changed.body.description], [200, ['payment.created'], 'the warehouse']);
  const other = await paid(till);
  await until(() => receiver.of(other.id).length, 'the payment is told');
  assert.deepEqual(receiver.of(other.id).map(({ body }) => body.type), ['payment.created']);
  await remove(endpoint);
});

describe('addresses that are not for us to call', () => {
  for (const [url, why] of [
    ['http://shop.example.com/hooks', /https/], ['https://10.1.2.3/', /public/], ['https://169.254.169.254/latest', /public/],
    ['https://[fd00::1]/', /public/], ['https://shop.example.com:6379/', /port/], ['https://me:pw@shop.example.com/', /user name/],
    ['not an address', /ASCII|complete/], ['https://0xa.1:6432/', /port/], ['https://0xa.1/', /public/],
  ]) {
    test(url, async () => {
      const answer = await post('/api/v1/webhook-endpoints', { url });
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(pointers(answer), ['#/url']);
      assert.match(answer.body.errors[0].detail, why);
    });
  }

  test('every wrong member is named at once', async () => {
    const answer = await post('/api/v1/webhook-endpoints', { url: '', events: ['payment.succeeded', 'payments.*', 7], extra: 1 });
    isProblem(answer, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(answer), ['#/events/1', '#/events/2', '#/extra', '#/url']);
    isProblem(await post('/api/v1/webhook-endpoints', { url: 'https://a.example.com/', events: [] }), 400, 'VALIDATION_ERROR');
  });
});

test('what is not taken comes again, by the schedule, under the same id', async () => {
  const script = [500, { status: 302, headers: { location: 'https://example.com/' } }, { drop: true }, { hang: true },
    { status: 429, headers: { 'retry-after': '7200' } }, { status: 200, body: 'x'.repeat(200000) }];
  const { receiver, endpoint } = await listening((one, n) => script[n] ?? 204, { events: ['payment.created'] });
  const payment = (await pay(till, { confirmation_method: 'manual' })).body;
  const waits = [];
  for (let n = 1; n <= script.length; n++) {
    await until(() => receiver.got.length === n, `try ${n}`);
    const row = await until(async () => {
      if (await sending()) return false;
      const [one] = await deliveries(`endpoint_id=${endpoint.id}`);
      return one.attempts === n && one;
    }, `what came of try ${n}`);
    if (n === script.length) {
      assert.deepEqual([row.status, row.response_status, row.error], ['delivered', 200, null]);
      break;
    }
    waits.push([row.response_status, row.error, Math.round((Date.parse(row.next_attempt_at) - Date.now()) / 10000)]);
    await hurry();
  }
  assert.deepEqual(waits.map(([status]) => status), [500, 302, 0, 0, 429]);
  assert.match(waits[1][1], /redirects are not followed/);
  const within = ([, , tens], low, high) => assert.ok(tens * 10 >= low - 10 && tens * 10 <= high * 1.1 + 10, `${tens * 10} s, not ${low}`);
  within(waits[0], 0, 5);
  within(waits[1], 300, 300);
  within(waits[2], 1800, 1800);
  within(waits[3], 7200, 7200);
  within(waits[4], 18000, 18000); // longer than it was asked to wait
  assert.equal(new Set(receiver.got.map((one) => one.headers['webhook-id'])).size, 1);
  assert.equal(new Set(receiver.got.map((one) => one.raw)).size, 1);
  const [{ id }] = await deliveries(`endpoint_id=${endpoint.id}`);
  assert.equal((await till.api('GET', `/api/v1/deliveries/${id}`)).body.log.length, script.length);

  // again, because somebody asks
  assert.equal((await post(`/api/v1/deliveries/${id}/resend`)).status, 202);
  await until(() => receiver.got.length === script.length + 1, 'it is sent again');
  assert.equal(receiver.got.at(-1).headers['webhook-id'], receiver.got[0].headers['webhook-id']);
  assert.equal(receiver.of(payment.id).length, script.length + 1);

  // Retry-After, where it is longer than the schedule
  receiver.answer = () => ({ status: 503, headers: { 'retry-after': '600' } });
  const next = (await pay(till, { confirmation_method: 'manual' })).body;
  const told = await until(async () => (await deliveries(`endpoint_id=${endpoint.id}&status=pending`)).find((one) => one.error), 'it is told to wait');
  const wait = (Date.parse(told.next_attempt_at) - Date.now()) / 1000;
  assert.ok(wait > 570 && wait < 605, `${wait}`);
  assert.ok(receiver.of(next.id).length === 1);
  // out of tries
  await till.db.value(`UPDATE deliveries SET tries = 9 WHERE id = '${told.id}'`);
  await hurry();
  await until(async () => (await deliveries(`endpoint_id=${endpoint.id}&status=failed`)).length === 1, 'it is given up');
  await remove(endpoint);
});

test('a secret is rotated with an overlap', async () => {
  const { receiver, endpoint } = await listening(undefined, { events: ['payment.created'] });
  isProblem(await post(of(endpoint, '/rotate-secret'), { overlap_hours: 169 }), 400, 'VALIDATION_ERROR');
  const rotated = await post(of(endpoint, '/rotate-secret'), { overlap_hours: 1 });
  assert.equal(rotated.status, 200, rotated.text);
  assert.notEqual(rotated.body.secret, endpoint.secret);
  await pay(till, { confirmation_method: 'manual' });
  await until(() => receiver.got.length === 1, 'it is told');
  for (const secret of [endpoint.secret, rotated.body.secret]) verified(secret, receiver.got[0]);
  assert.equal(receiver.got[0].headers['webhook-signature'].split(' ').length, 2);

  const at_once = (await post(of(endpoint, '/rotate-secret'), { overlap_hours: 0 })).body.secret;
  await pay(till, { confirmation_method: 'manual' });
  await until(() => receiver.got.length === 2, 'it is told');
  verified(at_once, receiver.got[1]);
  for (const secret of [endpoint.secret, rotated.body.secret]) assert.throws(() => verified(secret, receiver.got[1]));
  const dump = await till.db.value("SELECT string_agg(w::text, '') FROM webhook_endpoints w");
  for (const secret of [endpoint.secret, rotated.body.secret, at_once]) {
    assert.ok(!dump.includes(secret) && !dump.includes(Buffer.from(secret).toString('hex')), 'no secret rests in the clear');
    assert.ok(!till.logs().includes(secret));
  }
  await remove(endpoint);
});

test('410 disables, a person is asked, and what was missed can be had', async () => {
  const { receiver, endpoint } = await listening(() => 410, { events: ['payment.created'] });
  const since = new Date().toISOString();
  const first = (await pay(till, { confirmation_method: 'manual' })).body;
  await until(async () => (await till.api('GET', of(endpoint))).body.status === 'disabled', 'it is disabled');
  assert.equal((await till.api('GET', of(endpoint))).body.disabled_reason, 'gone');
  const decisions = async () => (await till.api('GET', '/api/v1/decisions')).body.data.filter((one) => one.object === endpoint.id);
  assert.match((await decisions())[0].known, /410 Gone/);
  const missed = (await pay(till, { confirmation_method: 'manual' })).body;
  await sleep(800);
  assert.equal(receiver.got.length, 1);
  isProblem(await post(of(endpoint, '/resend'), { since }), 400, 'INVALID_STATUS');

  receiver.answer = () => 204;
  assert.equal((await post(of(endpoint, '/enable'))).body.status, 'enabled');
  assert.deepEqual(await decisions(), []);
  const resent = await post(of(endpoint, '/resend'), { since });
  assert.deepEqual([resent.status, resent.body], [202, { events: 2 }]);
  await until(() => receiver.of(first.id).length === 2 && receiver.of(missed.id).length === 1, 'both come');
  await until(async () => (await deliveries(`endpoint_id=${endpoint.id}&status=delivered`)).length === 2, 'both are recorded');
  assert.deepEqual((await post(of(endpoint, '/resend'), { since })).body, { events: 0 });

  // an event that it did not ask for, because somebody wants it there
  const [event] = (await till.api('GET', '/api/v1/events?type=payment.succeeded&limit=1')).body.data;
  assert.equal((await post(`/api/v1/events/${event.id}/resend`, { endpoint_id: endpoint.id })).status, 202);
  await until(() => receiver.of(event.object_id).length === 1, 'it comes');
  await remove(endpoint);
});

test('after days of failing it is disabled, and what waited goes when it is enabled', async () => {
  const { receiver, endpoint } = await listening(() => 500, { events: ['payment.created'] });
  const { id } = (await pay(till, { confirmation_method: 'manual' })).body;
  await until(async () => (await till.api('GET', of(endpoint))).body.failing_since, 'it is seen to fail');
  await hurry();
  await until(() => receiver.of(id).length >= 2, 'it is tried again');
  assert.equal((await till.api('GET', of(endpoint))).body.status, 'enabled');
  await until(async () => !(await sending()), 'it is recorded');
  await till.db.value(`UPDATE webhook_endpoints SET failing_since = domain_now() - interval '5 days 1 minute' WHERE id = '${endpoint.id}'`);
  await hurry();
  await until(async () => (await till.api('GET', of(endpoint))).body.disabled_reason === 'failing', 'it is disabled');
  receiver.answer = () => 204;
  await post(of(endpoint, '/enable'));
  await until(async () => (await deliveries(`endpoint_id=${endpoint.id}&status=delivered`)).length === 1, 'what waited is delivered');
  const audit = await till.db.rows(`SELECT action FROM audit_log WHERE object = '${endpoint.id}' ORDER BY id`);
  assert.deepEqual(audit.map(({ action }) => action), ['endpoint.created', 'endpoint.disabled', 'endpoint.enabled', 'decision.settled']);
  await remove(endpoint);
});

test('a slow endpoint gets two at a time and keeps nobody waiting', async () => {
  const slow = await listening(() => ({ status: 204, ms: 1200 }), { events: ['payment.created'] });
  const quick = await listening(undefined, { events: ['payment.created'] });
  const started = Date.now();
  const made = await Promise.all(Array.from({ length: 8 }, () => pay(till, { confirmation_method: 'manual' })));
  assert.ok(made.every(({ status }) => status === 201));
  await until(() => quick.receiver.got.length === 8, 'the quick one has heard of all');
  const took = Date.now() - started;
  await until(() => slow.receiver.got.length === 8, 'the slow one, too');
  assert.ok(slow.receiver.most <= 2, `${slow.receiver.most} at once`);
  assert.ok(Date.now() - started >= 3500, 'eight of 1.2 s, two at a time');
  assert.ok(took < Date.now() - started, `${took} ms`);
  // and money goes on meanwhile
  await remove(slow.endpoint);
  await remove(quick.endpoint);
});

for (const place of ['before_send', 'after_send']) {
  const skip = /asan/.test(process.env.TILL_TEST_BUILD) ? false : 'this build has no places to be killed at';
  test(`killed ${place.replace('_', ' ')}: it comes all the same, under the same id`, { skip }, async () => {
    const { receiver, endpoint } = await listening(undefined, { events: ['payment.created'] });
    const workers = till.workers();
    fs.writeFileSync(failpoints, `deliver.${place} 0 kill\n`);
    await pay(till, { confirmation_method: 'manual' }); // whose process may be the one that dies
    await until(() => till.workers().some((pid) => !workers.includes(pid)) || till.workers().length < workers.length, 'a process dies');
    fs.writeFileSync(failpoints, '');
    const [delivery] = await until(async () => (await deliveries(`endpoint_id=${endpoint.id}`)), 'the API is there');
    const id = (await till.api('GET', `/api/v1/events/${delivery.event_id}`)).body.object_id;
    assert.equal(receiver.of(id).length, place === 'after_send' ? 1 : 0);
    assert.equal(delivery.status, 'pending');
    await until(async () => { // time passes
      await till.db.value(`WITH d AS (UPDATE deliveries SET lease_until = now() - interval '1 second' WHERE lease_until > now())
        UPDATE jobs SET run_at = domain_now(), lease_until = now() - interval '1 second' WHERE kind = 'event.deliver'`);
      return (await deliveries(`endpoint_id=${endpoint.id}`))[0]?.status === 'delivered';
    }, 'it is delivered');
    assert.ok(receiver.of(id).length >= (place === 'after_send' ? 2 : 1));
    assert.equal(new Set(receiver.of(id).map((one) => one.headers['webhook-id'])).size, 1);
    await remove(endpoint);
  });
}

test('till listen prints what happens, and sends it on', async () => {
  const receiver = await startReceiver();
  receivers.push(receiver);
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const running = till.command('listen', '--limit', '2', '--forward-to', receiver.url, '--secret', secret);
  const before = await till.db.value('SELECT count(*) FROM events');
  await until(async () => { // it has begun once it hears of something
    await pay(till, { confirmation_method: 'manual' });
    return receiver.got.length >= 2;
  }, 'it sends on');
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stderr);
  assert.ok(Number(before) > 0);
  for (const one of receiver.got) {
    verified(secret, one);
    assert.ok(stdout.includes(one.raw) && stdout.includes(one.headers['webhook-signature']));
    assert.match(stderr, new RegExp(`${one.body.id} payment.created: it answered 204`));
  }
  const [{ id }] = await till.db.rows('SELECT id FROM events ORDER BY id LIMIT 1');
  const rest = await till.db.value('SELECT count(*) - 1 FROM events'); // more than one page of them
  const json = await till.command('listen', '--json', '--after', id, '--limit', rest);
  const lines = json.stdout.trim().split('\n').map((line) => JSON.parse(line).id);
  assert.equal(lines.length, Number(rest));
  assert.equal(new Set(lines).size, lines.length);
  assert.equal((await till.command('listen', '--secret', 'nonsense', '--after', id, '--limit', '1')).code, 2);
});

test('the dashboard: a developer adds an endpoint, sees what came of it, sends again, rotates, and gives it up', async () => {
  const receiver = await startReceiver(() => 500);
  receivers.push(receiver);
  const developer = await signIn(till, 'developer');
  const home = '/admin/webhooks/endpoints';
  assert.match((await developer.get('/admin/webhooks')).text, new RegExp(`href="${home}"`));
  const refused = await developer.post(home, { url: 'https://10.0.0.1/', events: 'payment.created nothing.*', description: '<b>shop</b>' });
  assert.equal(refused.status, 400);
  assert.ok(refused.text.includes('value="https://10.0.0.1/"') && refused.text.includes('&lt;b&gt;shop'), 'what was typed stays');
  const made = await developer.post(home, { url: receiver.url, events: 'payment.created', description: '' });
  assert.equal(made.status, 200, made.text);
  const [, secret] = made.text.match(/data-test="secret">(whsec_[^<]+)</);
  const [, id] = made.text.match(/endpoints\/(whep_\w+)"/);
  const payment = (await pay(till, { confirmation_method: 'manual' })).body;
  await until(() => receiver.of(payment.id).length, 'it is told');
  verified(secret, receiver.got[0]);
  const page = await until(async () => {
    const answer = await developer.get(`${home}/${id}`);
    return answer.text.includes('it answered 500') && answer;
  }, 'the try is shown');
  assert.ok(!page.text.includes(secret) && page.text.includes('Takes nothing now'));
  const [, delivery] = page.text.match(/deliveries\/(dlv_\w+)"/);
  receiver.answer = () => 204;
  assert.equal((await developer.submit(`/admin/webhooks/deliveries/${delivery}/resend`)).status, 200);
  const shown = await until(async () => {
    const answer = await developer.get(`/admin/webhooks/deliveries/${delivery}`);
    return answer.text.includes('Delivered') && answer.text;
  }, 'it is delivered');
  assert.ok(shown.includes('500') && shown.includes('204') && shown.includes(payment.id), shown);
  const rotated = await developer.post(`${home}/${id}/rotate`, { overlap_hours: '1' });
  assert.notEqual(rotated.text.match(/data-test="secret">(whsec_[^<]+)</)[1], secret);
  assert.match((await developer.submit(`${home}/${id}/resend`, { hours: '1' })).text, /[1-9][0-9]* events are sent now/);
  assert.match((await developer.submit(`${home}/${id}/state`, { state: 'disabled' })).text, /Nothing is sent there/);
  assert.match((await developer.submit(`${home}/${id}/state`, { state: 'enabled' })).text, /hears of events again/);

  const auditor = await signIn(till, 'auditor');
  const seen = await auditor.get(`${home}/${id}`);
  assert.equal(seen.status, 200);
  assert.ok(!/<form method="post" action="\/admin\/webhooks/.test(seen.text), 'an auditor changes nothing');
  assert.equal((await auditor.post(`${home}/${id}/state`, { state: 'deleted' })).status, 403);
  assert.equal((await (await signIn(till, 'support')).get(home)).status, 403);
  assert.equal((await developer.submit(`${home}/${id}/state`, { state: 'deleted' })).status, 200);
  assert.equal((await developer.get(`${home}/${id}`)).status, 404);
});

test('who may', async () => {
  const reader = await till.makeKey('endpoints:read events:read', 'reader');
  const as = (method, address, body) => till.api(method, address, { body, apiKey: reader });
  assert.equal((await as('GET', '/api/v1/webhook-endpoints')).status, 200);
  assert.equal((await as('GET', '/api/v1/events')).status, 200);
  isProblem(await as('POST', '/api/v1/webhook-endpoints', { url: 'https://a.example.com/' }), 403, 'FORBIDDEN');
  const payer = await till.makeKey('payments:read', 'payer');
  isProblem(await till.api('GET', '/api/v1/events', { apiKey: payer }), 403, 'FORBIDDEN');
});

/** The names of all members, at every depth. */
const shape = (value) => (value && typeof value === 'object' && !Array.isArray(value)
  ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, ['metadata', 'previous_attributes'].includes(name) ? {} : shape(value[name])])) : null);

test('docs/events.md has every type, and examples that are what comes', async () => {
  assert.deepEqual(till.logLines().filter((line) => line.event === 'event.unlisted'), [], 'a type is written that is not listed');
  const payment = await paid(till);
  await till.sandbox.dashboard('dispute', { payment_intent: payment.provider_payment_id });
  const text = fs.readFileSync(path.join(top, 'docs/events.md'), 'utf8');
  const listed = [...fs.readFileSync(path.join(top, 'src/events/event.def'), 'utf8').matchAll(/^EVENT\("([^"]+)", "([^"]+)"\)$/gm)];
  assert.ok(listed.length >= 22);
  for (const [, type, words] of listed) assert.ok(text.includes(`| \`${type}\` | ${words} |`), type);
  const examples = [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, example]) => JSON.parse(example));
  assert.deepEqual(examples.map(({ type }) => type), ['payment.succeeded', 'refund.succeeded', 'dispute.open']);
  for (const example of examples) {
    const [event] = await until(async () => {
      const { data } = (await till.api('GET', `/api/v1/events?type=${example.type}&limit=1`)).body;
      return data.length && data;
    }, example.type);
    if (process.env.TILL_PRINT_EXAMPLES) console.log(JSON.stringify(event, null, 2));
    assert.deepEqual(shape(example), shape(event), example.type);
  }
});
