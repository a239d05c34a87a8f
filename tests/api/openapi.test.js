'use strict';

// The API's description is valid, whole, and true: every route gets good and bad requests, and what comes back is held against it.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { default: Ajv } = require('ajv/dist/2020.js');
const addFormats = require('ajv-formats');
const { WEBHOOK_SECRET, run, startTill, top, until } = require('../lib/till.js');

let till, description, ajv;
const made = {}; // what requests need to stand on

before(async () => {
  till = await startTill({ env: { WEBHOOK_ALLOW_LOOPBACK: 'true', SMTP_URL: 'smtp://localhost:9', SMTP_TLS: 'none', MAIL_FROM: 'a@shop.example' } });
  description = (await till.api('GET', '/api/v1/openapi.json', { apiKey: null })).body;
  ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ $id: 'till', ...closed(description) });
  made.customer = (await good('POST', '/api/v1/customers', { email: 'known@example.com', reference: 'user_1' })).id;
  made.payment = (await good('POST', '/api/v1/payments', pay())).id;
  made.refund = (await good('POST', `/api/v1/payments/${made.payment}/refund`, { amount: usd('1.00') })).id;
  made.session = (await good('POST', '/api/v1/checkout/sessions', { amount: usd('5.00') })).id;
  made.reconciliation = (await good('POST', '/api/v1/maintenance/reconcile', {})).result.reconciliations[0];
  made.endpoint = (await good('POST', '/api/v1/webhook-endpoints', { url: 'http://127.0.0.1:9/hooks', events: ['dispute.won'] })).id;
  made.news = (await good('GET', '/api/v1/events?limit=1')).data[0].id;
  made.delivery = (await good('POST', `/api/v1/events/${made.news}/resend`, { endpoint_id: made.endpoint })).id;
  assert.equal((await webhook('/api/v1/webhooks/stripe', { id: 'evt_openapi_1' })).status, 200);
  made.event = (await till.api('GET', '/api/v1/webhooks/events')).body.data.find((event) => event.provider_event_id === 'evt_openapi_1').id;
});
after(() => till && till.stop());

async function good(method, address, body) {
  const answer = await till.api(method, address, { body });
  assert.ok(answer.status < 300, `${method} ${address}: ${answer.status} ${answer.text}`);
  return answer.body;
}

const usd = (value) => ({ value, currency: 'USD' });
const pay = (more) => ({ amount: usd('12.34'), payment_method_id: 'pm_card_visa', ...more });
const waiting = async () => (await good('POST', '/api/v1/payments', { amount: usd('7.00') })).id;
const authorized = async () => (await good('POST', '/api/v1/payments', pay({ capture: false }))).id;

const enabled = async () => (await good('POST', `/api/v1/webhook-endpoints/${made.endpoint}/enable`)).id;

function webhook(address, event = {}, secret = WEBHOOK_SECRET) {
  const raw = JSON.stringify({
    id: `evt_${crypto.randomBytes(8).toString('hex')}`, object: 'event', type: 'customer.created', api_version: '2026-08-26.dahlia',
    created: 1760000000, livemode: false, pending_webhooks: 1, request: null, data: { object: { id: 'cus_1', object: 'customer' } },
    ...event,
  });
  const time = Math.floor(Date.now() / 1000);
  const v1 = crypto.createHmac('sha256', secret).update(`${time}.${raw}`).digest('hex');
  return till.api('POST', address, { raw, apiKey: null, headers: { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${v1}` } });
}

/** An answer has the members that the description names, and no others. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (!schema || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  if (copy.properties && [copy.type].flat().includes('object') && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

const escaped = (text) => text.replace(/~/g, '~0').replace(/\//g, '~1');

/** What is wrong with a value by the schema at this place of the description; '' when nothing is. */
function faults(pointer, value) {
  const validate = ajv.getSchema(`till#${encodeURI(pointer)}`) || ajv.compile({ $ref: `till#${encodeURI(pointer)}` });
  return validate(value) ? '' : ajv.errorsText(validate.errors, { separator: '\n' });
}

function checkRequest(route, body) {
  const place = `/paths/${escaped(route.path)}/${route.method}/requestBody`;
  return body === undefined ? '' : faults(`${place}/content/application~1json/schema`, body);
}

/** The status is one that the operation names, and the body fits the schema given for it. */
function checkAnswer(route, answer) {
  const responses = description.paths[route.path][route.method].responses;
  const what = `${route.name}: ${answer.status} ${answer.text}`;
  const status = answer.status >= 400 && !responses[answer.status] ? 'default' : answer.status; // of good answers each is named
  let response = responses[status];
  let place = `/paths/${escaped(route.path)}/${route.method}/responses/${status}`;
  assert.ok(response, `the description knows no ${answer.status} of ${what}`);
  if (response.$ref) {
    place = response.$ref.slice(1);
    response = description.components.responses[response.$ref.split('/').pop()];
  }
  if (answer.status === 204) {
    assert.deepEqual([response.content, answer.text], [undefined, ''], what);
    return;
  }
  const type = answer.headers.get('content-type');
  assert.deepEqual(Object.keys(response.content), [type.split(';')[0]], what);
  assert.equal(faults(`${place}/content/${escaped(type.split(';')[0])}/schema`, answer.body), '', what);
  for (const header of Object.keys(response.headers)) assert.ok(answer.headers.get(header), `${header} of ${what}`);
  if (answer.status >= 400) {
    assert.equal(answer.body.status, answer.status);
    assert.equal(answer.body.request_id, answer.headers.get('x-request-id'));
    assert.equal(answer.body.type, `${till.url}/docs/errors#${answer.body.code}`);
  }
}

// The requests -----------------------------------------------------------------------------------------------------------
// Each is [status, address, body] or [status, address, body, options], made when it is its turn. An address without a body that
// takes one gets none.

const keep = async () => (await good('POST', '/api/v1/payment-methods', { customer_id: made.customer, payment_method_id: 'pm_card_visa' })).id;

/** One that is open; the sandbox's payer contests a payment when it is first asked for. */
async function dispute(name = 'dispute') {
  if (made[name]) return made[name];
  const payment = await good('POST', '/api/v1/payments', pay());
  await till.sandbox.dashboard('dispute', { payment_intent: payment.provider_payment_id });
  await until(async () => (made[name] = (await till.api('GET', `/api/v1/disputes?payment_id=${payment.id}`)).body.data[0]?.id), 'the dispute');
  return made[name];
}

/** One that the provider bills by, once it is known here. */
async function mirrored(what) {
  made[what] ??= await till.sandbox.dashboard(what, {}).then(({ id }) =>
    until(async () => (await till.api('GET', `/api/v1/${what}s/${id}`)).body.id, `the ${what}`));
  return made[what];
}

const examples = {
  'POST /api/v1/payments': {
    good: [
      () => [201, '/api/v1/payments', pay({ customer_id: made.customer, reference: 'order_1', metadata: { course: 'c1', seats: 2, gift: true } })],
      () => [201, '/api/v1/payments', { amount: { value: '500', currency: 'jpy' }, idempotency_key: crypto.randomUUID() }],
      () => [201, '/api/v1/payments', pay({ payment_method_id: 'pm_card_threeDSecure2Required' })],
    ],
    bad: [
      () => [400, '/api/v1/payments', { amount: 500, colour: 'red' }],
      () => [402, '/api/v1/payments', pay({ payment_method_id: 'pm_card_visa_chargeDeclined' })],
      () => [402, '/api/v1/payments', pay({ payment_method_id: 'pm_card_visa_chargeDeclinedInsufficientFunds' })],
      () => [415, '/api/v1/payments', pay(), { headers: { 'content-type': 'text/plain' } }],
    ],
  },
  'GET /api/v1/payments': {
    good: [() => [200, '/api/v1/payments?limit=2'], () => [200, `/api/v1/payments?customer_id=${made.customer}&status=succeeded&currency=USD`]],
    bad: [() => [400, '/api/v1/payments?limit=0&status=bought&colour=red']],
  },
  'GET /api/v1/payments/history': {
    good: [() => [200, '/api/v1/payments/history?limit=2&offset=1']],
    bad: [() => [400, '/api/v1/payments/history?offset=-1']],
  },
  'GET /api/v1/payments/payment-methods': {
    good: [() => [200, '/api/v1/payments/payment-methods?currency=eur&amount=10.00&country=DE']],
    bad: [() => [400, '/api/v1/payments/payment-methods?currency=XXZ&amount=ten&country=D']],
  },
  'POST /api/v1/payments/stripe-intent': {
    good: [() => [201, '/api/v1/payments/stripe-intent', { invoice_id: 1, amount: 12.5, currency: 'USD' }]],
    bad: [() => [400, '/api/v1/payments/stripe-intent', { invoice_id: [], amount: 12.505, currency: 'USD' }]],
  },
  'POST /api/v1/payments/process': {
    good: [() => [201, '/api/v1/payments/process', { invoice_id: 'inv-1', user_id: 7, payment_method: 'card', amount: usd('3.00') }]],
    bad: [() => [400, '/api/v1/payments/process', { invoice_id: 1, payment_method: 'barter', amount: 1, currency: 'USD' }]],
  },
  'GET /api/v1/payments/{id}': {
    good: [() => [200, `/api/v1/payments/${made.payment}`]],
    bad: [() => [404, '/api/v1/payments/pay_00000000000000000000000000']],
  },
  'POST /api/v1/payments/{id}/confirm': {
    good: [async () => [200, `/api/v1/payments/${await waiting()}/confirm`, { payment_method_id: 'pm_card_visa' }]],
    bad: [
      async () => [400, `/api/v1/payments/${await waiting()}/confirm`, {}],
      async () => [402, `/api/v1/payments/${await waiting()}/confirm`, { payment_method_id: 'pm_card_visa_chargeDeclined' }],
      () => [404, '/api/v1/payments/pay_00000000000000000000000000/confirm', { payment_method_id: 'pm_card_visa' }],
    ],
  },
  'POST /api/v1/payments/{id}/capture': {
    good: [
      async () => [200, `/api/v1/payments/${await authorized()}/capture`],
      async () => [200, `/api/v1/payments/${await authorized()}/capture`, { amount: usd('2.00') }],
    ],
    bad: [
      () => [400, `/api/v1/payments/${made.payment}/capture`],
      async () => [400, `/api/v1/payments/${await authorized()}/capture`, { amount: { value: '2.00', currency: 'EUR' } }],
    ],
  },
  'POST /api/v1/payments/{id}/cancel': {
    good: [async () => [200, `/api/v1/payments/${await waiting()}/cancel`, { reason: 'out of stock' }]],
    bad: [() => [400, `/api/v1/payments/${made.payment}/cancel`]],
  },
  'POST /api/v1/payments/{id}/refund': {
    good: [() => [201, `/api/v1/payments/${made.payment}/refund`, { amount: usd('0.50'), reason: 'a stain' }]],
    bad: [
      () => [400, `/api/v1/payments/${made.payment}/refund`, { amount: usd('100.00') }],
      () => [404, '/api/v1/payments/pay_00000000000000000000000000/refund', {}],
    ],
  },
  'POST /api/v1/payments/{id}/receipt': {
    good: [() => [202, `/api/v1/payments/${made.payment}/receipt`, { email: 'b@example.com', locale: 'fr' }]],
    bad: [
      () => [400, `/api/v1/payments/${made.payment}/receipt`, { email: 'nobody', locale: 'tlh' }],
      () => [404, '/api/v1/payments/pay_00000000000000000000000000/receipt', {}],
    ],
  },
  'GET /api/v1/payments/{id}/refunds': {
    good: [() => [200, `/api/v1/payments/${made.payment}/refunds`]],
    bad: [() => [404, '/api/v1/payments/pay_00000000000000000000000000/refunds']],
  },
  'GET /api/v1/refunds/{id}': {
    good: [() => [200, `/api/v1/refunds/${made.refund}`]],
    bad: [() => [404, '/api/v1/refunds/ref_00000000000000000000000000']],
  },
  'GET /api/v1/subscriptions': {
    good: [async () => (await mirrored('subscription')) && [200, '/api/v1/subscriptions?status=active']],
    bad: [() => [400, '/api/v1/subscriptions?limit=0']],
  },
  'GET /api/v1/subscriptions/{id}': {
    good: [async () => [200, `/api/v1/subscriptions/${await mirrored('subscription')}`]],
    bad: [() => [404, '/api/v1/subscriptions/sub_00000000000000000000000000']],
  },
  'GET /api/v1/invoices': {
    good: [() => [200, '/api/v1/invoices?status=draft']],
    bad: [() => [400, '/api/v1/invoices?colour=red']],
  },
  'GET /api/v1/invoices/{id}': {
    good: [async () => [200, `/api/v1/invoices/${await mirrored('invoice')}`]],
    bad: [() => [404, '/api/v1/invoices/inv_00000000000000000000000000']],
  },
  'GET /api/v1/disputes': {
    good: [() => [200, `/api/v1/disputes?payment_id=${made.payment}`]],
    bad: [() => [400, '/api/v1/disputes?status=angry']],
  },
  'GET /api/v1/disputes/{id}': {
    good: [async () => [200, `/api/v1/disputes/${await dispute()}`]],
    bad: [() => [404, '/api/v1/disputes/dsp_00000000000000000000000000']],
  },
  'POST /api/v1/disputes/{id}/evidence': {
    good: [async () => [200, `/api/v1/disputes/${await dispute()}/evidence`, { text: 'It came.', submit: false }]],
    bad: [() => [404, '/api/v1/disputes/dsp_00000000000000000000000000/evidence', { text: 'It came.' }], () => [400, '/api/v1/disputes/dsp_00000000000000000000000000/evidence', { colour: 'red' }]],
  },
  'POST /api/v1/disputes/{id}/accept': {
    good: [async () => [200, `/api/v1/disputes/${await dispute('accepted')}/accept`]],
    bad: [() => [404, '/api/v1/disputes/dsp_00000000000000000000000000/accept']],
  },
  'POST /api/v1/disputes/{id}/files': {
    good: [async () => [201, `/api/v1/disputes/${await dispute()}/files`, { kind: 'receipt', name: 'a.pdf', content_type: 'application/pdf', content: 'JVBERi0=' }]],
    bad: [() => [400, '/api/v1/disputes/dsp_00000000000000000000000000/files', { kind: 'photo' }]],
  },
  'GET /api/v1/disputes/{id}/files': {
    good: [async () => [200, `/api/v1/disputes/${await dispute()}/files`]],
    bad: [() => [404, '/api/v1/disputes/dsp_00000000000000000000000000/files']],
  },
  'POST /api/v1/customers': {
    good: [
      () => [201, '/api/v1/customers', { email: 'a@example.com', name: 'Ada' }],
      () => [200, '/api/v1/customers', { reference: 'user_1' }],
    ],
    bad: [() => [400, '/api/v1/customers', { email: 'nobody' }]],
  },
  'GET /api/v1/customers': {
    good: [() => [200, '/api/v1/customers?email=known%40example.com']],
    bad: [() => [400, '/api/v1/customers?limit=1000']],
  },
  'GET /api/v1/customers/{id}': {
    good: [() => [200, `/api/v1/customers/${made.customer}`]],
    bad: [() => [404, '/api/v1/customers/cust_00000000000000000000000000']],
  },
  'PUT /api/v1/customers/{id}': {
    good: [() => [200, `/api/v1/customers/${made.customer}`, { name: 'Ada L.' }]],
    bad: [() => [400, `/api/v1/customers/${made.customer}`, { email: 'nobody' }]],
  },
  'GET /api/v1/customers/{id}/export': {
    good: [() => [200, `/api/v1/customers/${made.customer}/export`]],
    bad: [() => [404, '/api/v1/customers/cust_00000000000000000000000000/export']],
  },
  'POST /api/v1/customers/{id}/erase': {
    good: [async () => [200, `/api/v1/customers/${(await good('POST', '/api/v1/customers', {})).id}/erase`, { basis: 'retention' }]],
    bad: [() => [400, `/api/v1/customers/${made.customer}/erase`, { basis: 'whim' }]],
  },
  'POST /api/v1/payment-methods': {
    good: [
      () => [201, '/api/v1/payment-methods', { customer_id: made.customer, payment_method_id: 'pm_card_visa' }],
      () => [201, '/api/v1/payment-methods', { customer_id: made.customer }],
      () => [201, '/api/v1/payment-methods', { customer_id: made.customer, payment_method_id: 'pm_card_threeDSecure2Required' }],
    ],
    bad: [
      () => [400, '/api/v1/payment-methods', { payment_method_id: 'pm_card_visa' }],
      () => [402, '/api/v1/payment-methods', { customer_id: made.customer, payment_method_id: 'pm_card_visa_chargeDeclined' }],
    ],
  },
  'GET /api/v1/payment-methods': {
    good: [() => [200, `/api/v1/payment-methods?customer_id=${made.customer}&status=active`]],
    bad: [() => [400, '/api/v1/payment-methods?status=lost']],
  },
  'GET /api/v1/payment-methods/{id}': {
    good: [async () => [200, `/api/v1/payment-methods/${await keep()}`]],
    bad: [() => [404, '/api/v1/payment-methods/pm_00000000000000000000000000']],
  },
  'PUT /api/v1/payment-methods/{id}': {
    good: [async () => [200, `/api/v1/payment-methods/${await keep()}`, { is_default: true, billing_details: { name: 'Ada' } }]],
    bad: [() => [400, '/api/v1/payment-methods/pm_00000000000000000000000000', { exp_month: 13 }]],
  },
  'DELETE /api/v1/payment-methods/{id}': {
    good: [async () => [200, `/api/v1/payment-methods/${await keep()}`]],
    bad: [() => [404, '/api/v1/payment-methods/pm_00000000000000000000000000']],
  },
  'POST /api/v1/checkout/sessions': {
    good: [
      () => [201, '/api/v1/checkout/sessions', {
        items: [{ name: 'Pen', quantity: 2, amount: usd('4.00') }, { name: 'Ink', amount: usd('1.00') }], customer_id: made.customer,
        success_url: `${till.sandboxUrl}/shop/thanks?session={CHECKOUT_SESSION_ID}`, locale: 'de', expires_in: 600,
      }],
    ],
    bad: [() => [400, '/api/v1/checkout/sessions', { success_url: 'https://elsewhere.example/', items: [{}] }]],
  },
  'GET /api/v1/checkout/sessions': {
    good: [() => [200, '/api/v1/checkout/sessions']],
    bad: [() => [400, '/api/v1/checkout/sessions?cursor=*']],
  },
  'GET /api/v1/checkout/sessions/{id}': {
    good: [() => [200, `/api/v1/checkout/sessions/${made.session}`]],
    bad: [() => [404, '/api/v1/checkout/sessions/cs_00000000000000000000000000']],
  },
  'POST /api/v1/checkout/sessions/{id}/expire': {
    good: [async () => [200, `/api/v1/checkout/sessions/${(await good('POST', '/api/v1/checkout/sessions', { amount: usd('5.00') })).id}/expire`]],
    bad: [() => [404, '/api/v1/checkout/sessions/cs_00000000000000000000000000/expire']],
  },
  'POST /api/v1/webhooks/stripe': {
    good: [() => webhook('/api/v1/webhooks/stripe')],
    bad: [() => webhook('/api/v1/webhooks/stripe', {}, 'whsec_another')],
  },
  'POST /api/v1/payments/webhooks/stripe': {
    good: [() => webhook('/api/v1/payments/webhooks/stripe')],
    bad: [() => webhook('/api/v1/payments/webhooks/stripe', {}, 'whsec_another')],
  },
  'GET /api/v1/webhooks/events': {
    good: [() => [200, '/api/v1/webhooks/events?type=customer.created']],
    bad: [() => [400, '/api/v1/webhooks/events?status=lost']],
  },
  'GET /api/v1/webhooks/events/{id}': {
    good: [() => [200, `/api/v1/webhooks/events/${made.event}`], () => [200, '/api/v1/webhooks/events/evt_openapi_1']],
    bad: [() => [404, '/api/v1/webhooks/events/whe_00000000000000000000000000']],
  },
  'POST /api/v1/webhooks/replay': {
    good: [() => [202, '/api/v1/webhooks/replay', { event_id: made.event }]],
    bad: [() => [400, '/api/v1/webhooks/replay', {}], () => [404, '/api/v1/webhooks/replay', { event_id: 'evt_never_seen' }]],
  },
  'POST /api/v1/webhook-endpoints': {
    good: [() => [201, '/api/v1/webhook-endpoints', {
      url: 'https://shop.example.com/hooks', description: 'the shop', events: ['payment.*', 'dispute.won'],
    }]],
    bad: [
      () => [400, '/api/v1/webhook-endpoints', { url: 'https://10.0.0.1/', events: ['nothing'] }],
      () => [409, '/api/v1/webhook-endpoints', { url: 'https://shop.example.com/hooks' }],
    ],
  },
  'GET /api/v1/webhook-endpoints': {
    good: [() => [200, '/api/v1/webhook-endpoints?limit=5']],
    bad: [() => [400, '/api/v1/webhook-endpoints?limit=0']],
  },
  'GET /api/v1/webhook-endpoints/{id}': {
    good: [() => [200, `/api/v1/webhook-endpoints/${made.endpoint}`]],
    bad: [() => [404, '/api/v1/webhook-endpoints/whep_00000000000000000000000000']],
  },
  'PATCH /api/v1/webhook-endpoints/{id}': {
    good: [() => [200, `/api/v1/webhook-endpoints/${made.endpoint}`, { description: 'the warehouse' }]],
    bad: [() => [400, `/api/v1/webhook-endpoints/${made.endpoint}`, { url: 'ftp://shop.example.com/' }]],
  },
  'POST /api/v1/webhook-endpoints/{id}/disable': {
    good: [() => [200, `/api/v1/webhook-endpoints/${made.endpoint}/disable`]],
    bad: [() => [404, '/api/v1/webhook-endpoints/whep_00000000000000000000000000/disable']],
  },
  'POST /api/v1/webhook-endpoints/{id}/enable': {
    good: [() => [200, `/api/v1/webhook-endpoints/${made.endpoint}/enable`]],
    bad: [() => [404, '/api/v1/webhook-endpoints/whep_00000000000000000000000000/enable']],
  },
  'POST /api/v1/webhook-endpoints/{id}/rotate-secret': {
    good: [
      () => [200, `/api/v1/webhook-endpoints/${made.endpoint}/rotate-secret`],
      () => [200, `/api/v1/webhook-endpoints/${made.endpoint}/rotate-secret`, { overlap_hours: 1 }],
    ],
    bad: [() => [400, `/api/v1/webhook-endpoints/${made.endpoint}/rotate-secret`, { overlap_hours: -1 }]],
  },
  'POST /api/v1/webhook-endpoints/{id}/resend': {
    good: [async () => [202, `/api/v1/webhook-endpoints/${await enabled()}/resend`, { since: '2026-01-01T00:00:00Z' }]],
    bad: [() => [400, `/api/v1/webhook-endpoints/${made.endpoint}/resend`, { since: 'then' }]],
  },
  'DELETE /api/v1/webhook-endpoints/{id}': {
    good: [async () => [204, `/api/v1/webhook-endpoints/${(await good('POST', '/api/v1/webhook-endpoints', { url: 'https://old.example.com/' })).id}`]],
    bad: [() => [404, '/api/v1/webhook-endpoints/whep_00000000000000000000000000']],
  },
  'GET /api/v1/events': {
    good: [() => [200, '/api/v1/events?type=payment.succeeded'], () => [200, `/api/v1/events?object_id=${made.payment}`]],
    bad: [() => [400, '/api/v1/events?object_id=*']],
  },
  'GET /api/v1/events/{id}': {
    good: [() => [200, `/api/v1/events/${made.news}`]],
    bad: [() => [404, '/api/v1/events/evt_00000000000000000000000000']],
  },
  'POST /api/v1/events/{id}/resend': {
    good: [async () => [202, `/api/v1/events/${made.news}/resend`, { endpoint_id: await enabled() }]],
    bad: [
      () => [400, `/api/v1/events/${made.news}/resend`, {}],
      () => [404, '/api/v1/events/evt_00000000000000000000000000/resend', { endpoint_id: made.endpoint }],
    ],
  },
  'GET /api/v1/deliveries': {
    good: [() => [200, `/api/v1/deliveries?endpoint_id=${made.endpoint}&event_id=${made.news}&status=pending`]],
    bad: [() => [400, '/api/v1/deliveries?status=lost']],
  },
  'GET /api/v1/deliveries/{id}': {
    good: [() => [200, `/api/v1/deliveries/${made.delivery}`]],
    bad: [() => [404, '/api/v1/deliveries/dlv_00000000000000000000000000']],
  },
  'POST /api/v1/deliveries/{id}/resend': {
    good: [async () => [202, `/api/v1/deliveries/${(await enabled(), made.delivery)}/resend`]],
    bad: [() => [404, '/api/v1/deliveries/dlv_00000000000000000000000000/resend']],
  },
  'POST /api/v1/maintenance/{kind}': {
    good: ['resolve', 'sweep', 'jobs', 'retention', 'seal'].map((kind) => () => [200, `/api/v1/maintenance/${kind}`]),
    bad: [() => [404, '/api/v1/maintenance/dusting']],
  },
  'POST /api/v1/maintenance/reconcile': {
    good: [() => [200, '/api/v1/maintenance/reconcile'], () => [200, '/api/v1/maintenance/reconcile', { from: '2026-01-01', to: '2026-01-02' }]],
    bad: [() => [400, '/api/v1/maintenance/reconcile', { from: 'once', at: 1 }]],
  },
  'GET /api/v1/reconciliations': {
    good: [() => [200, '/api/v1/reconciliations?limit=5']],
    bad: [() => [400, '/api/v1/reconciliations?limit=0']],
  },
  'GET /api/v1/reconciliations/{id}': {
    good: [() => [200, `/api/v1/reconciliations/${made.reconciliation}`]],
    bad: [() => [404, '/api/v1/reconciliations/rec_00000000000000000000000000']],
  },
  'GET /api/v1/reconciliations/{id}/differences': {
    good: [() => [200, `/api/v1/reconciliations/${made.reconciliation}/differences`]],
    bad: [
      () => [400, `/api/v1/reconciliations/${made.reconciliation}/differences?format=xml`],
      () => [404, '/api/v1/reconciliations/rec_00000000000000000000000000/differences'],
    ],
  },
  'GET /api/v1/maintenance': {
    good: [() => [200, '/api/v1/maintenance']],
    bad: [],
  },
  'GET /api/v1/decisions': {
    good: [() => [200, '/api/v1/decisions?limit=5']],
    bad: [() => [400, '/api/v1/decisions?limit=none']],
  },
  'GET /api/v1/openapi.json': {
    good: [() => [200, '/api/v1/openapi.json']],
    bad: [],
  },
  'POST /api/v1/test/clock': {
    good: [() => [200, '/api/v1/test/clock', { offset: 0 }]],
    bad: [() => [400, '/api/v1/test/clock', { offset: 'tomorrow' }]],
  },
};

/** The rows of the program's table that belong to the API. */
function tableRows() {
  const table = fs.readFileSync(path.join(top, 'src/routes.c'), 'utf8');
  return [...table.matchAll(/\{ "([A-Z]+)", "(\/api\/v1\/[^"]*)"/g)].map(([, method, address]) => `${method} ${address}`);
}

const rows = tableRows();

async function send(route, made_) {
  const example = await made_;
  if (!Array.isArray(example)) return { answer: example };
  const [status, address, body, options = {}] = example;
  const answer = await till.api(route.method.toUpperCase(), address, { body, ...options });
  assert.equal(answer.status, status, `${route.name}: ${answer.text}`);
  return { answer, body };
}

// Tests ------------------------------------------------------------------------------------------------------------------

test('the description is valid OpenAPI 3.1', async () => {
  const { Validator } = await import('@seriousme/openapi-schema-validator');
  const validator = new Validator();
  const result = await validator.validate(structuredClone(description));
  assert.deepEqual(result.errors ?? [], []);
  assert.equal(result.valid, true);
  assert.equal(validator.version, '3.1');
  assert.equal(description.servers[0].url, till.url);
});

test('every route of the API is described, nothing else is, and each has examples here', () => {
  const described = Object.entries(description.paths).flatMap(([address, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${address}`));
  assert.ok(rows.length >= 24);
  assert.deepEqual(described.sort(), [...rows].sort());
  assert.deepEqual(Object.keys(examples).sort(), [...rows].sort());
});

test('what an integrator must expect of a route that moves money is named', () => {
  const moving = rows.filter((name) => /^POST \/api\/v1\/payments(\/\{id\}\/(confirm|capture|cancel|refund))?$/.test(name));
  assert.equal(moving.length, 5);
  for (const name of moving) {
    const [, address] = name.split(' ');
    for (const status of [202, 400, 401, 402, 403, 409, 413, 415, 422, 429, 500, 503]) {
      assert.ok(description.paths[address].post.responses[status], `${name} may answer ${status}`);
    }
    const parameters = description.paths[address].post.parameters.map((one) => one.$ref);
    assert.ok(parameters.includes('#/components/parameters/IdempotencyKey'), name);
  }
});

test('operations have names of their own, and say which scope a key needs', () => {
  const operations = Object.values(description.paths).flatMap((one) => Object.values(one));
  assert.equal(new Set(operations.map((operation) => operation.operationId)).size, operations.length);
  for (const operation of operations) {
    assert.ok(operation.summary && operation.tags.length === 1, operation.operationId);
    for (const need of operation.security) assert.match(need.api_key[0], /^[a-z]+:[a-z]+$/, operation.operationId);
  }
});

describe('a good request is answered as described', () => {
  for (const name of rows) {
    const [method, address] = name.split(' ');
    const route = { name, method: method.toLowerCase(), path: address };
    test(name, async () => {
      for (const example of examples[name].good) {
        const { answer, body } = await send(route, example());
        assert.ok(answer.status < 300, `${name}: ${answer.status} ${answer.text}`);
        assert.equal(checkRequest(route, body), '', `${name} is described as taking something else`);
        checkAnswer(route, answer);
      }
    });
  }
});

describe('a bad request is answered with a problem, as described', () => {
  for (const name of rows.filter((one) => examples[one] && examples[one].bad.length > 0)) {
    const [method, address] = name.split(' ');
    const route = { name, method: method.toLowerCase(), path: address };
    test(name, async () => {
      for (const example of examples[name].bad) {
        const { answer } = await send(route, example());
        assert.ok(answer.status >= 400 && answer.status < 500, `${name}: ${answer.status} ${answer.text}`);
        checkAnswer(route, answer);
      }
    });
  }
});

describe('without a key, or with one that may not, a route is answered as described', () => {
  for (const name of rows) {
    const [method, address] = name.split(' ');
    const route = { name, method: method.toLowerCase(), path: address };
    test(name, async () => {
      const operation = description.paths[address][route.method];
      const without = await till.api(method, address.replace(/\{\w+\}/, 'x'), { apiKey: null });
      checkAnswer(route, without);
      if (operation.security.length === 0) return assert.notEqual(without.status, 401);
      assert.equal(without.status, 401);
      assert.equal(without.headers.get('www-authenticate'), 'Bearer realm="till"');
      const poor = await till.makeKey(operation.security[0].api_key[0] === 'maintenance:run' ? 'payments:read' : 'maintenance:run');
      const with_ = await till.api(method, address.replace(/\{\w+\}/, 'x'), { apiKey: poor });
      assert.equal(with_.status, 403);
      checkAnswer(route, with_);
    });
  }
});

test('every field that is wrong is named, by a pointer into the body or the name of the parameter', async () => {
  const body = await till.api('POST', '/api/v1/payments', { body: { amount: { value: '1.001', currency: 'USD' }, capture: 'yes', colour: 'red' } });
  assert.deepEqual(body.body.errors.map((error) => error.pointer).sort(), ['#/amount/value', '#/capture', '#/colour']);
  const number = await till.api('POST', '/api/v1/payments', { body: { amount: 500 } });
  assert.equal(number.body.errors[0].pointer, '#/amount');
  assert.match(number.body.errors[0].detail, /\{"value": ?"\d+\.\d\d", ?"currency": ?"[A-Z]{3}"\}/, 'a bare number is told the right form');
  const query = await till.api('GET', '/api/v1/payments?limit=x&status=bought');
  assert.deepEqual(query.body.errors.map((error) => error.pointer).sort(), ['query:limit', 'query:status']);
});

test('every code of a problem is explained on the page that its type names', async () => {
  const page = await (await fetch(`${till.url}/docs/errors`)).text();
  for (const code of description.components.schemas.Problem.properties.code.enum) assert.match(page, new RegExp(`id="${code}"`), code);
});

test('the page for people has every operation under its own address, with a line that works', async () => {
  const answer = await fetch(`${till.url}/docs`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /^text\/html/);
  const page = await answer.text();
  const plain = (text) => text.replace(/&quot;/g, '"').replace(/&#39;|&#x27;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
  for (const [address, operations] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const [, article] = page.match(new RegExp(`<article id="${operation.operationId}">([\\s\\S]*?)</article>`));
      assert.ok(page.includes(`href="#${operation.operationId}"`), `${operation.operationId} is linked`);
      assert.ok(article.includes(`<code>${address}</code>`) && article.includes(`>${method.toUpperCase()}<`), operation.operationId);
      assert.ok(plain(article).includes(operation.summary), operation.operationId);
      for (const status of Object.keys(operation.responses).filter((one) => one !== 'default')) assert.ok(article.includes(`<code>${status}</code>`), status);
      const schema = operation.requestBody?.content['application/json'].schema;
      for (const name of Object.keys(schema?.properties ?? {})) assert.ok(article.includes(`<code>${name}</code>`), `${operation.operationId} ${name}`);
      const body = plain(article.match(/<pre[^>]*><code>([\s\S]*?)<\/code>/)[1]).match(/-d '(.*)'/)?.[1];
      assert.equal(body === undefined, !schema, operation.operationId);
      for (const name of schema?.required ?? []) assert.ok(name in JSON.parse(body), `${operation.operationId}: ${body}`);
    }
  }
  // the line, as it stands there, in a shell
  const [, line] = page.match(/<article id="post_customers">[\s\S]*?<pre[^>]*><code>([\s\S]*?)<\/code>/);
  const { stdout } = await run('sh', ['-c', plain(line)], { env: { ...process.env, TILL_API_KEY: till.apiKey } });
  assert.match(JSON.parse(stdout).id, /^cust_/);
  for (const file of ['/docs', '/docs/errors']) assert.ok(page.includes(`href="${file === '/docs' ? '#main' : file}"`));
  assert.equal((await fetch(`${till.url}/static/docs.css`)).status, 200);
});
