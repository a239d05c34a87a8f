'use strict';

// 3-D Secure: when it is asked for, and what the bank's page does about it.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { checkedStripe, failure } = require('./checked.js');
const { startSandbox } = require('../lib/sandbox.js');

let sandbox, stripe, browser;
const BACK = 'https://shop.example/return?order=1';

before(async () => {
  sandbox = await startSandbox();
  stripe = checkedStripe(sandbox);
  browser = checkedStripe(sandbox, { key: 'pk_test_123' });
});
after(() => sandbox.stop());

function start(payment_method, more = {}) {
  return stripe.paymentIntents.create({ amount: 1000, currency: 'usd', payment_method_types: ['card'], confirm: true, payment_method, ...more });
}

test('by redirect: the page, and each way back', async () => {
  for (const [result, status, redirect, code] of [
    ['complete', 'succeeded', 'succeeded', undefined],
    ['fail', 'requires_payment_method', 'failed', 'payment_intent_authentication_failure'],
  ]) {
    const intent = await start('pm_card_authenticationRequired', { return_url: BACK });
    assert.equal(intent.status, 'requires_action');
    assert.deepEqual({ ...intent.next_action.redirect_to_url }, { return_url: BACK, url: `${sandbox.url}/sandbox/3ds/${intent.id}` });
    const page = await fetch(intent.next_action.redirect_to_url.url);
    const html = await page.text();
    assert.equal(page.status, 200);
    for (const hook of ['3ds-complete', '3ds-fail', '3ds-abandon']) assert.match(html, new RegExp(`data-test="${hook}"`));
    assert.match(html, /10\.00 usd/);
    assert.doesNotMatch(html, /<style|style=|onclick/);

    const answer = await sandbox.bank(intent.id, result);
    assert.equal(answer.status, 303);
    const back = new URL(answer.headers.get('location'));
    assert.equal(back.origin + back.pathname, 'https://shop.example/return');
    assert.deepEqual(Object.fromEntries(back.searchParams), {
      order: '1', payment_intent: intent.id, payment_intent_client_secret: intent.client_secret, redirect_status: redirect,
    });
    const after = await stripe.paymentIntents.retrieve(intent.id, { expand: ['latest_charge'] });
    assert.deepEqual([after.status, after.next_action, after.last_payment_error?.code], [status, null, code]);
    if (result === 'complete') assert.equal(after.latest_charge.payment_method_details.card.three_d_secure.result, 'authenticated');
    else assert.equal(after.latest_charge, null, 'the bank was never asked for money');
    assert.match(await (await fetch(`${sandbox.url}/sandbox/3ds/${intent.id}`)).text(), /does not wait/);
  }
});

test('in a frame: the answer tells the page around it', async () => {
  const intent = await start('pm_card_authenticationRequired', { return_url: BACK, use_stripe_sdk: true });
  assert.equal(intent.next_action.type, 'use_stripe_sdk');
  const url = new URL(intent.next_action.use_stripe_sdk.stripe_js);
  assert.equal(url.pathname, `/sandbox/3ds/${intent.id}`);
  assert.equal(url.search, '?frame=1');
  const page = await fetch(url);
  assert.match(page.headers.get('content-security-policy'), /frame-ancestors \*/);
  assert.match(await page.text(), /action="[^"]*\?frame=1"/);
  const answer = await sandbox.bank(intent.id, 'complete', '?frame=1');
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /<script src="\/sandbox\/3ds\.js">/);
  assert.match(await (await fetch(`${sandbox.url}/sandbox/3ds.js`)).text(), /parent\.postMessage/);
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
});

test('left without deciding it still waits, and can be confirmed with another card', async () => {
  const intent = await start('pm_card_authenticationRequired', { return_url: BACK });
  assert.equal((await sandbox.bank(intent.id, 'abandon')).status, 200);
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'requires_action');
  assert.equal((await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })).status, 'succeeded');
  assert.equal((await sandbox.bank(intent.id, 'nonsense')).status, 400);
  assert.equal((await sandbox.bank('pi_unknown', 'complete')).status, 404);
});

test('a card may decline after its owner was authenticated', async () => {
  const intent = await start('pm_card_threeDSecureRequiredChargeDeclined', { return_url: BACK });
  const answer = await sandbox.bank(intent.id, 'complete');
  assert.match(answer.headers.get('location'), /redirect_status=failed/);
  const after = await stripe.paymentIntents.retrieve(intent.id);
  assert.deepEqual([after.status, after.last_payment_error.code], ['requires_payment_method', 'card_declined']);
});

test('a held authorization after 3-D Secure', async () => {
  const intent = await start('pm_card_authenticationRequired', { return_url: BACK, capture_method: 'manual' });
  await sandbox.bank(intent.id, 'complete');
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'requires_capture');
});

const ASKED = [
  ['pm_card_visa', {}, 'succeeded'],
  ['pm_card_authenticationRequiredOnSetup', {}, 'requires_action'],
  ['pm_card_authenticationRequiredSetupForOffSession', {}, 'requires_action'],
  ['pm_card_authenticationRequiredSetupForOffSession', { off_session: true }, 'succeeded'],
  ['pm_card_threeDSecureOptional', {}, 'succeeded'],
  ['pm_card_threeDSecureOptional', { payment_method_options: { card: { request_three_d_secure: 'any' } } }, 'requires_action'],
];
for (const [id, more, status] of ASKED) {
  test(`${id} ${JSON.stringify(more)} ends as ${status}`, async () => {
    assert.equal((await start(id, more)).status, status);
  });
}

test('off session, and where an action is an error, nobody can be asked', async () => {
  const away = await failure(start('pm_card_authenticationRequired', { off_session: true }));
  assert.deepEqual([away.statusCode, away.code, away.payment_intent.status], [402, 'authentication_required', 'requires_payment_method']);
  const refused = await failure(start('pm_card_authenticationRequired', { error_on_requires_action: true }));
  assert.deepEqual([refused.code, refused.decline_code], ['authentication_required', 'authentication_not_handled']);
});

test('a card that was set up for use off session needs no bank again', async () => {
  const customer = await stripe.customers.create({});
  const first = await start('pm_card_authenticationRequiredOnSetup', { customer: customer.id, setup_future_usage: 'off_session', return_url: BACK });
  await sandbox.bank(first.id, 'complete');
  const { payment_method: method } = await stripe.paymentIntents.retrieve(first.id);
  assert.equal((await start(method, { customer: customer.id, off_session: true })).status, 'succeeded');
});

test('a browser confirms with the client secret and sees no more than it should', async () => {
  const intent = await stripe.paymentIntents.create({ amount: 1000, currency: 'usd', metadata: { secret: 'of the shop' } });
  const form = {
    client_secret: intent.client_secret, return_url: BACK, use_stripe_sdk: 'true', key: 'pk_test_123',
    'payment_method_data[type]': 'card', 'payment_method_data[card][number]': '4000002500003155', 'payment_method_data[card][exp_month]': '4',
    'payment_method_data[card][exp_year]': '34', 'payment_method_data[card][cvc]': '123', 'payment_method_data[guid]': 'NA',
    'payment_method_data[payment_user_agent]': 'stripe.js/1', expected_payment_method_type: 'card',
  };
  const post = (body) => fetch(`${sandbox.url}/v1/payment_intents/${intent.id}/confirm`, { method: 'POST', body: new URLSearchParams(body) });
  const answer = await post(form);
  const shown = await answer.json();
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  assert.deepEqual([answer.status, shown.status, shown.next_action.type], [200, 'requires_action', 'use_stripe_sdk']);
  for (const hidden of ['metadata', 'customer', 'latest_charge', 'amount_received', 'transfer_data']) assert.ok(!(hidden in shown), hidden);
  await sandbox.bank(intent.id, 'complete', '?frame=1');
  const read = await fetch(`${sandbox.url}/v1/payment_intents/${intent.id}?key=pk_test_123&client_secret=${intent.client_secret}`);
  assert.equal((await read.json()).status, 'succeeded');

  const wrong = await post({ ...form, client_secret: `${intent.id}_secret_guess` });
  assert.deepEqual([wrong.status, (await wrong.json()).error.param], [400, 'client_secret']);
  assert.equal((await failure(browser.paymentIntents.retrieve(intent.id))).param, 'client_secret');
  for (const attempt of [() => browser.paymentIntents.create({ amount: 1000, currency: 'usd' }), () => browser.refunds.create({ payment_intent: intent.id }),
    () => browser.customers.list()]) {
    const error = await failure(attempt());
    assert.deepEqual([error.type, error.statusCode], ['StripePermissionError', 403]);
  }
  const flight = await fetch(`${sandbox.url}/v1/payment_methods`, {
    method: 'OPTIONS', headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });
  assert.equal(flight.status, 204);
  assert.match(flight.headers.get('access-control-allow-headers'), /Authorization/);
});
