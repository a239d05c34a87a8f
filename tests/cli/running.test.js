'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { startTill, until } = require('../lib/till.js');

let till;
let payment;
before(async () => {
  till = await startTill();
  const answer = await till.api('POST', '/api/v1/payments', {
    key: 'cli-1',
    body: { amount: { value: '12.50', currency: 'USD' }, payment_method_id: 'pm_card_visa' },
  });
  assert.equal(answer.status, 201, answer.text);
  payment = answer.body;
});
after(() => till && till.stop());

test('payment show prints what the API answers, by our id and by the provider\'s', async () => {
  for (const id of [payment.id, payment.provider_payment_id]) {
    const { code, stdout } = await till.command('payment', 'show', id);
    assert.equal(code, 0);
    const shown = JSON.parse(stdout);
    assert.deepEqual([shown.id, shown.status, shown.amount], [payment.id, 'succeeded', { value: '12.50', currency: 'USD' }]);
    assert.ok(!('client_secret' in shown) || shown.client_secret === null);
  }
  assert.equal((await till.command('payment', 'show', 'pay_none')).code, 1);
});

test('payment sync asks the provider and applies what it says', async () => {
  const { code, stdout } = await till.command('payment', 'sync', payment.id);
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).status, 'succeeded');
});

test('payment refund gives money back, once for each key, and says what is wrong', async () => {
  const refund = (...words) => till.command('payment', 'refund', payment.id, ...words);
  const first = await refund('--amount', '2.00', '--reason', 'broken', '--key', 'monday');
  assert.equal(first.code, 0, first.stderr);
  const made = JSON.parse(first.stdout);
  assert.deepEqual([made.payment_id, made.status, made.amount, made.reason], [payment.id, 'succeeded', { value: '2.00', currency: 'USD' }, 'broken']);
  assert.deepEqual(JSON.parse((await refund('--amount', '2.00', '--reason', 'broken', '--key', 'monday')).stdout), made, 'the same one');
  assert.equal((await refund('--amount', '3.00', '--key', 'monday')).code, 1, 'another one under its key');
  for (const [amount, code] of [['0', 2], ['0.001', 2], ['-1', 2], ['11.00', 1]]) {
    const { code: ended, stderr } = await refund('--amount', amount);
    assert.equal(ended, code, `${amount}: ${stderr}`);
    assert.match(stderr, /amount/);
  }
  const rest = await till.command('payment', 'refund', payment.provider_payment_id);
  assert.deepEqual(JSON.parse(rest.stdout).amount, { value: '10.50', currency: 'USD' });
  assert.equal((await refund()).code, 1, 'nothing is left');
  const { refunds } = await till.sandbox.ledger(payment.id);
  assert.deepEqual(refunds.map(({ amount }) => amount), [200, 1050]);
  assert.deepEqual(await till.db.rows(`SELECT principal_kind, count(*) FROM audit_log WHERE action = 'refund.requested' GROUP BY 1`), [{ principal_kind: 'command', count: 2 }]);
});

test('events are listed, and replayed', async () => {
  const events = await until(async () => {
    const { stdout } = await till.command('event', 'list', '--json', '--payment', payment.provider_payment_id);
    const list = JSON.parse(stdout);
    return list.length > 0 && list.every((event) => event.status !== 'stored') && list;
  }, 'the webhooks of the payment');
  assert.ok(events.some((event) => event.type === 'payment_intent.succeeded'));
  const { code, stdout } = await till.command('event', 'replay', events[0].provider_event_id);
  assert.deepEqual([code, stdout], [0, `${events[0].id}\n`]);
  await until(async () => (await till.db.value(`SELECT status <> 'stored' FROM webhook_events WHERE id = '${events[0].id}'`)) === 't',
    'the replayed event');
  assert.equal((await till.command('event', 'replay', 'evt_none')).code, 1);
  assert.equal((await till.command('event', 'list', '--status', 'lost')).code, 2);
});

test('doctor finds a running Till sound: Stripe takes the key, the site answers, webhooks come', async () => {
  const { stdout } = await till.command('doctor', '--json');
  const level = Object.fromEntries(JSON.parse(stdout).map((finding) => [finding.code, finding.level]));
  for (const code of ['STRIPE', 'SITE', 'WEBHOOKS', 'WEBHOOK_SECRET', 'DATABASE', 'JOBS', 'AUDIT', 'STATEMENTS']) assert.equal(level[code], 'ok', code);
});

test('the books of a payment balance', async () => {
  const { code, stdout } = await till.command('ledger', 'check');
  assert.equal(code, 0);
  assert.match(stdout, /stripe:receivable +USD +-?\d+ /);
});

test('doctor says when Stripe refuses the key', async () => {
  till.env.STRIPE_SECRET_KEY = 'sk_test_another';
  const { code, stdout } = await till.command('doctor', '--json');
  assert.equal(code, 1);
  const [finding] = JSON.parse(stdout).filter((one) => one.code === 'STRIPE');
  assert.equal(finding.level, 'FAIL');
  assert.match(finding.mend, /STRIPE_SECRET_KEY/);
});
