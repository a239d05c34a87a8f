'use strict';

// Every request that the Stripe adapter sends is one that Stripe's API description allows, in both versions we know, and
// the adapter understands answers of the shapes that the description promises. This test is the Stripe that drive_stripe.c
// talks to.

const { spawn } = require('node:child_process');
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const Ajv = require('ajv');

const top = path.resolve(__dirname, '../..');
const contracts = path.resolve(process.env.TILL_CONTRACTS || path.join(top, '../shared/contracts'), 'stripe');
const program = path.join(process.env.TILL_TEST_BUILD || top, 'tests/contract/drive_stripe');
const read = (name) => JSON.parse(fs.readFileSync(path.join(contracts, name), 'utf8'));

// What the adapter is answered -------------------------------------------------------------------------------------------

const { resources } = read('fixtures-2026-08.json');
const CREATED = 1700000100;

// the example charge is of 2026-08; later versions always say more
const cardDetails = { ...resources.charge.payment_method_details.card, electronic_commerce_indicator: null };

function movement(id, more) {
  return { ...resources.balance_transaction, id, amount: 1000, fee: 59, net: 941, currency: 'usd', ...more };
}

function charge(more) {
  return { ...resources.charge, id: 'ch_1', amount: 1000, amount_captured: 1000, captured: true, payment_intent: 'pi_1', source: null,
    payment_method_details: { type: 'card', card: cardDetails }, ...more };
}

function intent(id, more) {
  return {
    ...resources.payment_intent, id, amount: 1000, last_payment_error: null, next_action: null, processing: null, shipping: null,
    transfer_data: null, managed_payments: null, allowed_payment_method_types: null, payment_record: null, metadata: { payment_id: 'pay_1' }, ...more,
  };
}

const succeeded = { status: 'succeeded', amount_received: 1000, payment_method: { ...resources.payment_method, id: 'pm_1' } };
const failure = { type: 'card_error', code: 'card_declined', decline_code: 'insufficient_funds', message: 'Your card has insufficient funds.',
  payment_method: resources.payment_method };

const intents = {
  pi_created: intent('pi_created', {}),
  pi_succeeded: intent('pi_succeeded', { ...succeeded, latest_charge: charge({ balance_transaction: movement('txn_1') }) }),
  pi_waiting: intent('pi_waiting', {}),
  pi_listed: intent('pi_listed', { ...succeeded, metadata: { payment_id: 'pay_listed' }, latest_charge: 'ch_1' }),
  pi_searched: intent('pi_searched', { ...succeeded, metadata: { payment_id: 'pay_searched' }, latest_charge: charge({}) }),
  pi_given_up: intent('pi_given_up', { status: 'canceled', metadata: { payment_id: 'pay_searched' } }),
  pi_declined: intent('pi_declined', { last_payment_error: failure }),
  pi_action: intent('pi_action', { status: 'requires_action', payment_method: 'pm_1',
    next_action: { type: 'redirect_to_url', redirect_to_url: { url: 'https://bank.example/3ds', return_url: 'https://shop.example/' } } }),
  pi_canceled: intent('pi_canceled', { status: 'canceled', cancellation_reason: 'duplicate' }),
  pi_partial: intent('pi_partial', { ...succeeded, amount_received: 600,
    latest_charge: charge({ amount_captured: 600, amount_refunded: 400 }) }),
  pi_refunded: intent('pi_refunded', { ...succeeded, latest_charge: charge({ amount_refunded: 700 }) }),
  pi_disputed: intent('pi_disputed', { ...succeeded, latest_charge: charge({ disputed: true }) }),
};

function setup(id, more) {
  return { ...resources.setup_intent, id, last_setup_error: null, next_action: null, managed_payments: null,
    allowed_payment_method_types: null, metadata: { payment_method_id: 'pm_any' }, ...more };
}

const setups = {
  seti_created: setup('seti_created', { payment_method: null, status: 'requires_payment_method' }),
  seti_succeeded: setup('seti_succeeded', { status: 'succeeded', payment_method: { ...resources.payment_method, id: 'pm_1' }, mandate: 'mandate_1' }),
  seti_action: setup('seti_action', { status: 'requires_action', payment_method: 'pm_1',
    next_action: { type: 'redirect_to_url', redirect_to_url: { url: 'https://bank.example/3ds', return_url: 'https://shop.example/' } } }),
  seti_declined: setup('seti_declined', { status: 'requires_payment_method', payment_method: null, last_setup_error: failure }),
};

function refund(id, more) {
  return { ...resources.refund, id, currency: 'usd', created: CREATED, payment_intent: 'pi_1', balance_transaction: 'txn_1', ...more };
}

// 101 refunds: a second page. One of them failed, one was made elsewhere.
const refunds = {
  pi_refunded: Array.from({ length: 101 }, (_, i) =>
    refund(`re_${i}`, { amount: i === 0 ? 200 : 5, status: i === 1 ? 'failed' : 'succeeded', metadata: i === 2 ? {} : { refund_id: `ref_${i}` } })),
  pi_partial: [refund('re_release', { amount: 400, balance_transaction: null })],
};

const disputes = ['won', 'needs_response', 'lost'].map((status, i) =>
  ({ ...resources.dispute, id: `dp_${i}`, status, payment_intent: 'pi_disputed', intended_submission_method: null,
    evidence_details: { ...resources.dispute.evidence_details, due_by: CREATED + i, submission_method: 'manual' },
    balance_transactions: [movement(`txn_dp_${i}`, { amount: -1000, fee: 1500, net: -2500, type: 'adjustment' })] }));

// newest first, as Stripe lists them: evt_200 … evt_1
const events = Array.from({ length: 200 }, (_, i) => ({
  ...resources.event, id: `evt_${200 - i}`, type: 'charge.succeeded', created: CREATED + 200 - i,
  data: { object: charge({ id: `ch_${200 - i}`, payment_intent: `pi_${200 - i}` }) },
}));

// One of each kind that we tell apart, and enough others for a second page.
const payout = { ...resources.payout, id: 'po_1', automatic: true, currency: 'usd', amount: 941 };
const movements = [
  movement('txn_charge', { type: 'charge', reporting_category: 'charge', source: charge({ currency: 'usd', metadata: { payment_id: 'pay_1' } }) }),
  movement('txn_abroad', { type: 'charge', reporting_category: 'charge', amount: 1085, fee: 61, net: 1024,
    source: charge({ id: 'ch_2', currency: 'eur', amount: 1200, amount_captured: 1000 }) }),
  movement('txn_refund', { type: 'refund', reporting_category: 'refund', amount: -400, fee: 0, net: -400,
    source: { ...resources.refund, id: 're_1', currency: 'usd', amount: 400, payment_intent: 'pi_1', metadata: { refund_id: 'ref_1' } } }),
  movement('txn_refund_abroad', { type: 'refund', reporting_category: 'refund', amount: -435, fee: 0, net: -435,
    source: { ...resources.refund, id: 're_2', currency: 'eur', amount: 400, payment_intent: 'pi_2', metadata: {} } }),
  movement('txn_refund_failed', { type: 'refund_failure', reporting_category: 'refund_failure', amount: 400, fee: 0, net: 400,
    source: { ...resources.refund, id: 're_1', currency: 'usd', amount: 400, payment_intent: 'pi_1', metadata: { refund_id: 'ref_1' } } }),
  movement('txn_dispute', { type: 'adjustment', reporting_category: 'dispute', amount: -1000, fee: 1500, net: -2500, source: 'dp_1' }),
  movement('txn_won', { type: 'adjustment', reporting_category: 'dispute_reversal', amount: 1000, fee: -1500, net: 2500, source: 'dp_1' }),
  movement('txn_payout', { type: 'payout', reporting_category: 'payout', amount: -941, fee: 0, net: -941, source: payout }),
  movement('txn_payout_failed', { type: 'payout_failure', reporting_category: 'payout_reversal', amount: 941, fee: 0, net: 941, source: 'po_1' }),
  movement('txn_bill', { type: 'stripe_fee', reporting_category: 'fee', amount: -250, fee: 0, net: -250, source: null }),
  movement('txn_reserve', { type: 'reserve_transaction', reporting_category: 'risk_reserved_funds', amount: -100, fee: 0, net: -100, source: null }),
  movement('txn_island', { type: 'charge', reporting_category: 'charge', amount: 500, fee: 100, net: 400, currency: 'isk', source: 'ch_3' }),
  ...Array.from({ length: 50 }, (_, i) => movement(`txn_${i}`, { type: 'charge', reporting_category: 'charge', source: `ch_1${i}` })),
];
const balance = { object: 'balance', livemode: false, available: [{ amount: -500, currency: 'usd', source_types: { card: -500 } }],
  pending: [{ amount: 1200, currency: 'usd', source_types: { card: 1200 } }, { amount: 7, currency: 'jpy', source_types: { card: 7 } }] };

function page(items, query, url) {
  const limit = Number(query.limit || 10);
  const at = (id) => items.findIndex((item) => item.id === id);
  let from = 0;
  let to = limit;
  if (query.starting_after) {
    from = at(query.starting_after) + 1;
    to = from + limit;
  } else if (query.ending_before) {
    to = at(query.ending_before);
    from = Math.max(0, to - limit);
  }
  const has_more = query.ending_before ? from > 0 : to < items.length;
  return { object: 'list', data: items.slice(from, to), has_more, url };
}

const missing = (param) => [404, { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such object', param } }];
const found = (id) => (intents[id] ? [200, intents[id]] : missing('intent'));

const inactive = { status: 'inactive', status_details: { error_message: 'No file was found' } };
const domain = (id, more) => ({ ...resources.payment_method_domain, id, domain_name: `${id.slice(4)}.example.com`, ...more });
const domains = { pmd_new: domain('pmd_new'), pmd_known: domain('pmd_known'), pmd_off: domain('pmd_off', { enabled: false, apple_pay: inactive }) };
const endpoint = (more) => ({ ...resources.webhook_endpoint, id: 'we_1', url: 'https://pay.example.com/', ...more });

const answers = {
  'POST /v1/payment_intents': () => [200, intents.pi_created],
  'POST /v1/payment_intents/{id}/confirm': (id) => {
    if (id === 'pi_no_method') return missing('payment_method');
    if (id === 'pi_declined') return [402, { error: { ...failure, payment_intent: intents.pi_declined } }];
    return found(id);
  },
  'POST /v1/payment_intents/{id}/capture': (id) => found(id),
  'POST /v1/payment_intents/{id}/cancel': (id) => found(id),
  'GET /v1/payment_intents/{id}': (id) => found(id),
  'GET /v1/payment_intents': (_, query) => [200, page(Object.values(intents), query, '/v1/payment_intents')],
  'GET /v1/payment_intents/search': (_, query) => {
    const id = /^metadata\['payment_id'\]:'(\w+)'$/.exec(query.query)?.[1];
    const data = Object.values(intents).filter((one) => one.metadata.payment_id === id && id !== 'pay_listed');
    return [200, { object: 'search_result', data: data.reverse(), has_more: false, url: '/v1/payment_intents/search', next_page: null }];
  },
  'POST /v1/refunds': (_, form) => {
    if (form.payment_intent === 'pi_refunded') {
      return [400, { error: { type: 'invalid_request_error', code: 'charge_already_refunded', message: 'Already refunded' } }];
    }
    return [200, refund('re_1', { amount: Number(form.amount), status: 'pending', reason: form.reason, metadata: form.metadata })];
  },
  'GET /v1/refunds': (_, query) => [200, page(refunds[query.payment_intent] || [], query, '/v1/refunds')],
  'GET /v1/refunds/{id}': (id) => [200, refund(id, { amount: 70, metadata: { refund_id: 'ref_70' } })],
  'GET /v1/disputes': (_, query) => [200, page(disputes, query, '/v1/disputes')],
  'GET /v1/balance': () => [200, balance],
  'GET /v1/balance_transactions': (_, query) => {
    if (query.payout === 'po_manual') return [400, { error: { type: 'invalid_request_error', message: 'Only automatic payouts', param: 'payout' } }];
    const asked = movements.filter(({ source }) => !query.source || source?.id === query.source)
      .filter(({ id }) => !query.payout || ['txn_payout', 'txn_charge'].includes(id));
    return [200, page(asked, query, '/v1/balance_transactions')];
  },
  'POST /v1/payment_intents/{id}': (id) => found(id),
  'POST /v1/setup_intents': () => [200, setups.seti_created],
  'GET /v1/setup_intents/{id}': (id) => (setups[id] ? [200, setups[id]] : missing('intent')),
  'POST /v1/setup_intents/{id}/confirm': (id) => {
    if (id === 'seti_no_method') return missing('payment_method');
    if (id === 'seti_declined') return [402, { error: { ...failure, setup_intent: setups.seti_declined } }];
    return [200, setups[id]];
  },
  'POST /v1/setup_intents/{id}/cancel': (id) => (id === 'seti_succeeded'
    ? [400, { error: { type: 'invalid_request_error', code: 'setup_intent_unexpected_state', message: 'It succeeded' } }]
    : [200, { ...setups[id], status: 'canceled', next_action: null }]),
  'POST /v1/payment_methods/{id}': (id) => [200, { ...resources.payment_method, id }],
  'POST /v1/payment_methods/{id}/detach': (id) => (id === 'pm_gone'
    ? [400, { error: { type: 'invalid_request_error', message: 'It is not attached to a customer' } }]
    : [200, { ...resources.payment_method, id, customer: null }]),
  'GET /v1/mandates/{id}': (id) => [200, { ...resources.mandate, id, status: 'inactive' }],
  'GET /v1/payment_methods/{id}': (id) => [200, { ...resources.payment_method, id }],
  'POST /v1/customers': (_, form) => [200, { ...resources.customer, id: 'cus_1', discount: null, shipping: null, ...form }],
  'POST /v1/customers/{id}': (id) => [200, { ...resources.customer, id, discount: null, shipping: null }],
  'DELETE /v1/customers/{id}': (id) => [200, { ...resources.deleted_customer, id }],
  'POST /v1/disputes/{id}': (id) => [200, { ...disputes[0], id }],
  'POST /v1/disputes/{id}/close': (id) => [200, { ...disputes[0], id, status: 'lost' }],
  'POST /v1/files': () => [200, { ...resources.file, id: 'file_1' }],
  'GET /v1/subscriptions/{id}': (id) => [200, { ...resources.subscription, id, status: 'active' }],
  'GET /v1/invoices/{id}': (id) => [200, { ...resources.invoice, id, status: 'open', parent: { subscription_details: { subscription: 'sub_1' } } }],
  'GET /v1/webhook_endpoints': (_, query) => [200, page([endpoint()], query, '/v1/webhook_endpoints')],
  'POST /v1/webhook_endpoints': (_, form) => [200, endpoint({ enabled_events: form.enabled_events, secret: 'whsec_1' })],
  'POST /v1/webhook_endpoints/{id}': (_, form) => [200, endpoint({ enabled_events: form.enabled_events })],
  'DELETE /v1/webhook_endpoints/{id}': (id) => [200, { ...resources.deleted_webhook_endpoint, id }],
  'GET /v1/payment_method_domains': (_, query) => [200, page(Object.values(domains)
    .filter(({ id, domain_name }) => id !== 'pmd_new' && domain_name === query.domain_name), query, '/v1/payment_method_domains')],
  'POST /v1/payment_method_domains': () => [200, domains.pmd_new],
  'POST /v1/payment_method_domains/{id}': (id) => [200, { ...domains[id], enabled: true }],
  'POST /v1/payment_method_domains/{id}/validate': (id) => [200, { ...domains[id], enabled: true }],
  'GET /v1/events': (_, query) => {
    if (query.ending_before === 'evt_forgotten') return missing('ending_before');
    const before = Number(query.created.lt ?? Infinity);
    return [200, page(events.filter(({ created }) => created < before), query, '/v1/events')];
  },
};

// Forms ------------------------------------------------------------------------------------------------------------------

/** a[b][0]=x as {a: {b: ['x']}}. */
function decodeForm(text) {
  const form = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const keys = name.split(/\]\[|\[|\]$/).filter((key, i, all) => key !== '' || i < all.length - 1);
    const last = keys.pop();
    let at = form;
    for (const key of keys) at = at[key] ??= {};
    assert.ok(!(last in at), `${name} is there twice`);
    at[last] = value;
  }
  return arrays(form);
}

function arrays(value) {
  if (typeof value !== 'object') return value;
  const keys = Object.keys(value);
  if (keys.length && keys.every((key, i) => key === String(i))) return keys.map((key) => arrays(value[key]));
  return Object.fromEntries(keys.map((key) => [key, arrays(value[key])]));
}

/** The parts of a body with files, by name. */
function decodeParts(type, text) {
  const [, boundary] = /^multipart\/form-data; boundary=(\S+)$/.exec(type);
  assert.ok(text.endsWith(`\r\n--${boundary}--\r\n`));
  return Object.fromEntries(text.slice(0, -boundary.length - 8).split(`--${boundary}\r\n`).slice(1).map((part) => {
    const [, name, value] = /^Content-Disposition: form-data; name="(\w+)"(?:; filename="[^"\r\n]+"\r\nContent-Type: \S+)?\r\n\r\n([^]*?)(?:\r\n)?$/.exec(part);
    return [name, value];
  }));
}

// Of these only an older description tells.
const { paths } = read('openapi-2023-08-16.full.json');
const query = (operation) => ({ type: 'object', additionalProperties: false, properties: Object.fromEntries(
  operation.parameters.filter((one) => one.in === 'query').map(({ name, schema }) => [name, schema])) });
const older = {
  'GET /v1/subscriptions/{id}': query(paths['/v1/subscriptions/{subscription_exposed_id}'].get),
  'GET /v1/invoices/{id}': query(paths['/v1/invoices/{invoice}'].get),
  'POST /v1/files': paths['/v1/files'].post.requestBody.content['multipart/form-data'].schema,
};

function operationOf(method, pathname, operations) {
  const literal = `${method} ${pathname}`;
  if (operations[literal]) return [literal, undefined];
  for (const operation of Object.keys(operations)) {
    const pattern = new RegExp(`^${operation.replace(/\{\w+\}/g, '([^/]+)')}$`);
    const match = pattern.exec(literal);
    if (match) return [operation, match[1]];
  }
  return [undefined, undefined];
}

/** Form fields are text, so the types that a schema asks for are made of them; in JSON they must be there. */
function compiler(document, coerceTypes) {
  const ajv = new (Ajv.default || Ajv)({ coerceTypes, strict: false, allErrors: coerceTypes });
  ajv.addSchema({ ...document, $id: 'stripe' }); // once, so that what operations share is compiled once
  return (operation) => {
    const pointer = operation.replace(/\//g, '~1');
    return ajv.getSchema(`stripe#/operations/${encodeURIComponent(pointer)}`);
  };
}

const complaints = (check) => (check.errors || []).map((error) => `${error.dataPath ?? error.instancePath} ${error.message}`).join('; ');

// The test ---------------------------------------------------------------------------------------------------------------

for (const version of ['2026-08-26.dahlia', '2026-10-28.endive']) {
  describe(`Stripe ${version}`, () => {
    const requests = read(`sdk-${version}.requests.json`);
    Object.assign(requests.operations, older);
    const requestSchema = compiler(requests, true);
    const answerSchema = compiler(read(`sdk-${version}.responses.json`), false);
    const seen = [];
    const results = {};
    let server;

    function answer(request, response, body) {
      const url = new URL(request.url, 'http://stripe');
      const [operation, id] = operationOf(request.method, url.pathname, requests.operations);
      const text = request.method === 'GET' ? url.search.slice(1) : body;
      const type = request.headers['content-type'];
      const form = /^multipart/.test(type) ? decodeParts(type, text) : decodeForm(text);
      seen.push({ request, url, operation, id, text, form, body });
      const [status, json] = answers[operation] ? answers[operation](id, form) : [404, {}];
      seen.at(-1).answer = { status, json };
      response.writeHead(status, { 'Content-Type': 'application/json', 'Request-Id': `req_${seen.length}` });
      response.end(JSON.stringify(json));
    }

    before(async () => {
      server = http.createServer((request, response) => {
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => answer(request, response, Buffer.concat(chunks).toString('utf8')));
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

      const child = spawn(program, {
        env: { STRIPE_API_URL: `http://127.0.0.1:${server.address().port}`, STRIPE_API_VERSION: version },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (chunk) => (out += chunk));
      const status = await new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', resolve);
      });
      assert.strictEqual(status, 0);
      for (const line of out.trim().split('\n').map(JSON.parse)) results[line.call] = line;
    });

    after(() => server.close());

    const sent = (operation) => seen.filter((one) => one.operation === operation);
    const created = (payment) => sent('POST /v1/payment_intents').find((one) => one.form.metadata.payment_id === payment).form;

    test('every request is one that Stripe knows', () => {
      assert.ok(seen.length > 50);
      for (const { request, operation, form } of seen) {
        assert.ok(operation, `${request.method} ${request.url}`);
        const check = requestSchema(operation);
        assert.ok(check(structuredClone(form)), `${operation} ${JSON.stringify(form)}: ${complaints(check)}`);
      }
      assert.deepStrictEqual(new Set(seen.map((one) => one.operation)), new Set(Object.keys(answers)));
    });

    test('every answer here is one that Stripe could give', () => {
      for (const { operation, answer: { status, json } } of seen) {
        if (status !== 200 || operation in older) continue;
        const check = answerSchema(operation);
        assert.ok(check(json), `${operation}: ${complaints(check)}`);
      }
    });

    test('every request says who asks, in which version, and POSTs under which key', () => {
      for (const { request, operation, body } of seen) {
        const { headers } = request;
        assert.strictEqual(headers.authorization, 'Bearer sk_test_contract');
        assert.strictEqual(headers['stripe-version'], version);
        assert.match(headers['user-agent'], /^Till\//);
        if (request.method === 'POST') {
          assert.match(headers['idempotency-key'], /^[!-~]{1,255}$/);
          assert.ok(operation === 'POST /v1/files' || headers['content-type'] === 'application/x-www-form-urlencoded', headers['content-type']);
        } else {
          assert.strictEqual(headers['idempotency-key'], undefined);
          assert.strictEqual(body, '');
        }
      }
      assert.strictEqual(seen[0].request.headers['idempotency-key'], 'pay:att_1:create');
    });

    test('evidence has the words of Stripe for ours, and a file goes as one', () => {
      const [{ form: { evidence, submit } }] = sent('POST /v1/disputes/{id}');
      assert.ok(Object.keys(evidence).length >= 27 && submit === 'true', Object.keys(evidence).join(' '));
      assert.deepStrictEqual(sent('POST /v1/files')[0].form, { purpose: 'dispute_evidence', file: '%PDF-1.4 \r\n--till' });
      assert.strictEqual(results['dispute.file'].found, 'file_1');
    });

    test('what Stripe bills is read', () => {
      assert.deepStrictEqual([results.subscription.found, results.invoice.found], ['active', ['open', 'sub_1']]);
    });

    test('a domain for wallets is registered, or switched on and looked at once more', () => {
      assert.deepStrictEqual(sent('POST /v1/payment_method_domains').map(({ form }) => form), [{ domain_name: 'new.example.com' }]);
      assert.deepStrictEqual(sent('POST /v1/payment_method_domains/{id}').map(({ id, form }) => [id, form]), [['pmd_off', { enabled: 'true' }]]);
      assert.deepStrictEqual(sent('POST /v1/payment_method_domains/{id}/validate').map(({ id }) => id), ['pmd_off']);
      const domainOf = (name) => results[`domain.${name}.example.com`].found;
      assert.deepStrictEqual(domainOf('new'), { reference: 'pmd_new', is_new: true, apple_pay: true, google_pay: true, why: null });
      assert.deepStrictEqual(domainOf('off'), { reference: 'pmd_off', is_new: false, apple_pay: false, google_pay: true, why: 'No file was found' });
    });

    test('an intent is made unconfirmed, with our ids and what the merchant wants to see', () => {
      const { metadata, ...form } = created('pay_1');
      assert.deepStrictEqual(form, {
        amount: '1099', currency: 'usd', capture_method: 'automatic', allowed_payment_method_types: ['card', 'sepa_debit'], customer: 'cus_1',
        description: 'Two tickets, row "7" & drinks', statement_descriptor_suffix: 'SHOPTICKETS 2026 vip', setup_future_usage: 'off_session',
      });
      assert.strictEqual(metadata.payment_id, 'pay_1');
      assert.strictEqual(metadata.attempt_id, 'att_1');
      assert.strictEqual(metadata.reference, 'order-17');
      assert.strictEqual(metadata.order, 'A-1 & "B" + ü 100%');
      assert.strictEqual(metadata.count, '3');
      assert.strictEqual(metadata.gift, 'true');
      assert.ok(Object.keys(metadata).length <= 50);
      for (const [key, value] of Object.entries(metadata)) {
        assert.ok(key.length <= 40 && !/[[\]]/.test(key) && value.length <= 500 && value !== '', key);
      }
      assert.strictEqual(results['create.full'].payment.reference, 'pi_created');
    });

    test('amounts are in Stripe\'s units', () => {
      assert.deepStrictEqual([created('pay_2').amount, created('pay_2').currency], ['50', 'eur']);
      assert.strictEqual(created('pay_2').capture_method, 'manual');
      assert.deepStrictEqual([created('pay_2').payment_method_options, created('pay_1').payment_method_options], [{ card: { request_multicapture: 'if_available' } }, undefined]);
      assert.deepStrictEqual([created('pay_3').amount, created('pay_3').currency], ['500', 'jpy']);
      assert.deepStrictEqual([created('pay_4').amount, created('pay_4').currency], ['500', 'isk']);
      assert.strictEqual(created('pay_4').statement_descriptor_suffix, undefined);
      assert.strictEqual(created('pay_5').amount, '5120');
      assert.strictEqual(created('pay_7').amount, '5000');
      assert.deepStrictEqual([results['create.inexact'].outcome, results['create.inexact'].code], ['refused', 'VALIDATION_ERROR']);
      assert.strictEqual(sent('POST /v1/payment_intents').length, 6);
      const captures = sent('POST /v1/payment_intents/{id}/capture').map((one) => [one.form.amount_to_capture, one.form.final_capture]);
      assert.deepStrictEqual(captures, [['1000', undefined], ['600', undefined], ['600', 'false'], ['0', 'true'], ['700', undefined]]);
    });

    test('a confirmation', () => {
      const [card, kept, offSession, secure] = sent('POST /v1/payment_intents/{id}/confirm').map((one) => one.form);
      const always = { return_url: 'https://shop.example/back?order=17&x=ü', expand: ['latest_charge.balance_transaction', 'payment_method'] };
      assert.deepStrictEqual(card, { ...always, payment_method: 'pm_card_visa' });
      assert.deepStrictEqual(kept, always);
      assert.deepStrictEqual(offSession, { ...always, payment_method: 'pm_1', off_session: 'true' });
      assert.deepStrictEqual(secure,
        { ...always, payment_method: 'pm_1', payment_method_options: { card: { request_three_d_secure: 'any' } } });
      assert.deepStrictEqual([results['confirm.card'].outcome, results['confirm.card'].payment.state], ['done', 'succeeded']);
      assert.strictEqual(results['confirm.card'].payment.last4, '4242');
      assert.strictEqual(results['confirm.3ds'].payment.next_action_url, 'https://bank.example/3ds');
      assert.deepStrictEqual([results['confirm.no_method'].outcome, results['confirm.no_method'].code], ['refused', 'PAYMENT_METHOD_ERROR']);
      const declined = results['confirm.declined'];
      assert.deepStrictEqual([declined.outcome, declined.code, declined.payment.decline], ['declined', 'INSUFFICIENT_FUNDS', 'insufficient_funds']);
      assert.strictEqual(declined.payment.state, 'waiting');
    });

    test('cancelling and refunding name Stripe\'s reasons only', () => {
      assert.deepStrictEqual(sent('POST /v1/payment_intents/{id}/cancel').map((one) => one.form.cancellation_reason),
        [undefined, 'duplicate', 'fraudulent', 'requested_by_customer', 'abandoned', undefined]);
      assert.deepStrictEqual(sent('POST /v1/refunds').map((one) => one.form), [
        { payment_intent: 'pi_succeeded', amount: '1000', reason: 'duplicate', metadata: { refund_id: 'ref_1' } },
        { payment_intent: 'pi_succeeded', amount: '1', reason: 'requested_by_customer',
          metadata: { reason: 'The concert was called off + sorry', refund_id: 'ref_2' } },
        { payment_intent: 'pi_succeeded', amount: '500', reason: 'requested_by_customer', metadata: { refund_id: 'ref_3' } },
        { payment_intent: 'pi_refunded', amount: '500', reason: 'requested_by_customer', metadata: { refund_id: 'ref_4' } },
      ]);
      assert.deepStrictEqual([results['refund.known'].outcome, results['refund.known'].refund.status], ['done', 'pending']);
      assert.deepStrictEqual([results['refund.again'].outcome, results['refund.again'].code], ['refused', 'ALREADY_REFUNDED']);
    });

    test('a payment is fetched with its refunds and its dispute', () => {
      const refunded = results['fetch.pi_refunded'].found;
      assert.strictEqual(refunded.refunds.length, 101);
      assert.strictEqual(refunded.refunded, 200 + 99 * 5);
      assert.ok(refunded.refunds_listed);
      assert.strictEqual(refunded.refunds[1].status, 'failed');
      assert.strictEqual(refunded.refunds[2].refund_id, null);
      const { found: partial } = results['fetch.pi_partial'];
      assert.deepStrictEqual([partial.captured, partial.refunded, partial.refunds.length], [600, 0, 0]);
      const disputed = results['fetch.pi_disputed'].found;
      assert.deepStrictEqual([disputed.dispute, disputed.disputes.length], ['open', 3]);
      assert.deepStrictEqual(disputed.disputes[1],
        { reference: 'dp_1', standing: 'open', amount: 1000, fee: 1500, reason: 'general', due_by: CREATED + 1 });
      assert.strictEqual(results['fetch.pi_succeeded'].found.fee, 59);
      assert.strictEqual(results['fetch.pi_declined'].found.decline, 'insufficient_funds');
      assert.strictEqual(results['fetch.pi_waiting'].found.refunds_listed, true);
      assert.strictEqual(results['fetch.pi_missing'].code, 'NOT_FOUND');
      const refundLists = sent('GET /v1/refunds').map((one) => one.form.payment_intent);
      assert.ok(!refundLists.includes('pi_waiting'), 'nothing can have gone back where nothing was taken');
    });

    test('a payment is found by our id, the one that went furthest', () => {
      assert.strictEqual(results['find.pay_searched'].found.reference, 'pi_searched');
      assert.strictEqual(results['find.pay_listed'].found.reference, 'pi_listed');
      assert.strictEqual(results['find.pay_nowhere'].code, 'NOT_FOUND');
      assert.strictEqual(sent('GET /v1/payment_intents').length, 2, 'the list is for what search does not have');
    });

    test('others are read', () => {
      assert.deepStrictEqual(results.fetch_refund.found,
        { reference: 're_1', refund_id: 'ref_70', amount: 70, currency: 'USD', status: 'succeeded', reason: null, created: CREATED });
      assert.deepStrictEqual(results.fetch_method.found, { type: 'card', last4: '4242' });
      assert.deepStrictEqual(sent('POST /v1/customers').map((one) => one.form), [
        { email: 'ann+test@example.com', name: 'Änne O\'Neill', metadata: { customer_id: 'cust_1' } },
        { metadata: { customer_id: 'cust_2' } },
      ]);
      assert.strictEqual(results['customer.full'].found, 'cus_1');
    });

    test('methods are kept, changed and forgotten', () => {
      const [any, sepa] = sent('POST /v1/setup_intents').map((one) => one.form);
      assert.deepStrictEqual(any, { customer: 'cus_1', usage: 'off_session', automatic_payment_methods: { enabled: 'true' }, metadata: { payment_method_id: 'pm_any' } });
      assert.deepStrictEqual(sepa.allowed_payment_method_types, ['sepa_debit']);
      assert.deepStrictEqual([results['setup.create.pm_any'].found.state, results['setup.create.pm_any'].found.reference], ['waiting', 'seti_created']);
      const { setup: kept } = results['setup.confirm'];
      assert.deepStrictEqual([kept.state, kept.method, kept.mandate, kept.method_id], ['succeeded', 'pm_1', 'mandate_1', 'pm_any']);
      assert.deepStrictEqual(results['setup.fetch'].found, kept);
      assert.strictEqual(results['setup.action'].setup.next_action_url, 'https://bank.example/3ds');
      assert.deepStrictEqual([results['setup.declined'].outcome, results['setup.declined'].setup.decline], ['declined', 'insufficient_funds']);
      assert.deepStrictEqual([results['setup.no_method'].outcome, results['setup.no_method'].code], ['refused', 'PAYMENT_METHOD_ERROR']);
      assert.ok(!results['setup.cancel'].code && !results['setup.cancel_done'].code, 'one that has ended need not be cancelled');
      assert.deepStrictEqual(sent('POST /v1/payment_methods/{id}')[0].form.card, { exp_month: '7', exp_year: '2031' });
      assert.strictEqual(sent('POST /v1/payment_methods/{id}')[0].form.billing_details.email, 'ann+1@example.org');
      assert.ok(!results['method.detach'].code);
      assert.deepStrictEqual(sent('POST /v1/payment_intents/{id}').map((one) => one.form.setup_future_usage), ['off_session', '']);
      assert.strictEqual(results.mandate.found, false);
    });

    test('movements are read, each of its kind, in the currency of the account and as their source says', () => {
      const { list, next } = results['movements.time'].found;
      const row = (one) => [one.kind, one.source, one.payment, one.own, one.amount, one.fee, `${one.source_amount} ${one.source_currency}`];
      assert.deepStrictEqual(list.slice(0, 12).map(row), [
        ['charge', 'ch_1', 'pi_1', 'pay_1', 1000, 59, '1000 USD'],
        ['charge', 'ch_2', 'pi_1', null, 1085, 61, '1000 EUR'],
        ['refund', 're_1', 'pi_1', 'ref_1', -400, 0, '-400 USD'],
        ['refund', 're_2', 'pi_2', null, -435, 0, '-400 EUR'],
        ['refund_failed', 're_1', 'pi_1', 'ref_1', 400, 0, '400 USD'],
        ['dispute', 'dp_1', null, null, -1000, 1500, '-1000 USD'],
        ['dispute_reversed', 'dp_1', null, null, 1000, -1500, '1000 USD'],
        ['payout', 'po_1', null, null, -941, 0, '-941 USD'],
        ['payout_failed', 'po_1', null, null, 941, 0, '941 USD'],
        ['fee', null, null, null, -250, 0, '-250 USD'],
        ['other', null, null, null, -100, 0, '-100 USD'],
        ['charge', 'ch_3', null, null, 5, 1, '5 ISK'],
      ]);
      assert.deepStrictEqual(list.map((one) => one.composed).slice(6, 9), [false, true, false]);
      assert.deepStrictEqual([list.length, next], [50, 'txn_37']);
      assert.deepStrictEqual([results['movements.next'].found.list, results['movements.next'].found.next], [[], null]);
      assert.deepStrictEqual(results['movements.source'].found.list.map((one) => one.reference), ['txn_refund', 'txn_refund_failed']);
      assert.deepStrictEqual(results['movements.payout'].found.list.map((one) => one.payout), ['po_1', 'po_1']);
      assert.strictEqual(results['movements.missing'].code, 'PROVIDER_ERROR');
      assert.deepStrictEqual(sent('GET /v1/balance_transactions')[0].form,
        { created: { gte: '1700000000', lt: '1700086400' }, limit: '50', expand: ['data.source'] });
      assert.deepStrictEqual(results.balance.found, { JPY: 7, USD: 700 });
    });

    test('events come oldest first', () => {
      const ids = (call) => results[call].found.map(([id]) => id);
      const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => `evt_${from + i}`);
      assert.deepStrictEqual(ids('events.since'), range(1, 100));
      assert.deepStrictEqual(ids('events.first'), ['evt_1', 'evt_2']);
      assert.deepStrictEqual(ids('events.after'), range(2, 151));
      assert.deepStrictEqual(ids('events.after_forgotten'), range(1, 100));
      assert.deepStrictEqual(results['events.first'].found[0], ['evt_1', 'pi_1']);
    });
  });
}
