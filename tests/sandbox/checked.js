'use strict';

// The official client, with every answer checked against the published description of Stripe's API.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const Ajv = require('ajv');
const Stripe = require('stripe');
const harness = require('../lib/till.js');

const contracts = process.env.TILL_CONTRACTS || path.resolve(harness.top, '../shared/contracts');
const FILES = {
  '2026-08-26.dahlia': 'sdk-2026-08-26.dahlia',
  '2026-10-28.endive': 'sdk-2026-10-28.endive',
};
const NEWEST = '2026-08-26.dahlia';

function load(name) {
  return JSON.parse(fs.readFileSync(path.join(contracts, 'stripe', name), 'utf8'));
}

/** Objects that the sandbox has. All others are left out of the description, where they would only cost seconds: an answer
 * that held one would be refused. */
const OWN = new Set(['Address', 'Balance', 'BalanceTransaction', 'Charge', 'ConfirmationToken', 'Customer', 'DeletedCustomer',
  'DeletedWebhookEndpoint', 'Dispute', 'Event', 'Mandate', 'Metadata', 'PaymentIntent', 'PaymentMethod', 'PaymentMethodDomain', 'Payout', 'Refund',
  'SetupAttempt', 'SetupIntent', 'WebhookEndpoint']);

/** Ways to pay that it does not have. */
const FOREIGN_WAY = new RegExp('^(PaymentMethod|(Charge|Mandate|SetupAttempt)\\.PaymentMethodDetails|Refund\\.DestinationDetails'
  + '|(PaymentIntent|SetupIntent)\\.(PaymentMethodOptions|NextAction)|ConfirmationToken\\.PaymentMethod(Preview|Options))'
  + '\\.(?!(Card|SepaDebit|BillingDetails|RedirectToUrl|UseStripeSdk)(\\.|$))');

function withoutForeign(document) {
  const definitions = Object.entries(document.definitions).map(([name, schema]) => {
    const own = OWN.has(name.split('.')[0]) || name.startsWith('Partial') || /Event(\.|$)/.test(name);
    return [name, own && !FOREIGN_WAY.test(name) ? schema : false];
  });
  return { ...document, definitions: Object.fromEntries(definitions), event: undefined };
}

/** What the description of one API version says about answers and events. */
class Description {
  constructor(version) {
    this.document = withoutForeign(load(`${FILES[version]}.responses.json`));
    this.ajv = new Ajv({ strict: false, validateFormats: false, validateSchema: false, inlineRefs: false, meta: false });
    delete this.document.$schema;
    this.ajv.addSchema(this.document, 'api');
    this.compiled = new Map();
    this.operations = Object.keys(this.document.operations).map((name) => {
      const [method, template] = name.split(' ');
      const pattern = new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`);
      return { name, method, pattern, names: (template.match(/\{/g) || []).length };
    }).sort((a, b) => a.names - b.names);
  }

  /** Prepares the large ones: seconds in which an idle connection would run out. */
  warm() {
    for (const name of ['Customer', 'PaymentIntent', 'Charge']) this.compile(`/definitions/${name}`);
    return this;
  }

  compile(pointer) {
    if (!this.compiled.has(pointer)) this.compiled.set(pointer, this.ajv.compile({ $ref: `api#${pointer}` }));
    return this.compiled.get(pointer);
  }

  check(pointer, value, what) {
    const validate = this.compile(pointer);
    assert.ok(validate(value), `${what}: ${this.ajv.errorsText(validate.errors).slice(0, 600)}\n${JSON.stringify(value).slice(0, 1500)}`);
  }

  operation(method, address) {
    return this.operations.find((operation) => operation.method === method && operation.pattern.test(address));
  }

  answer(method, address, value) {
    const operation = this.operation(method, address);
    if (!operation) return null;
    this.check(`/operations/${encodeURIComponent(operation.name.replaceAll('~', '~0').replaceAll('/', '~1'))}`, value, operation.name);
    return operation.name;
  }

  /** An event by its own type: anyOf over all of them would say nothing useful. */
  event(value) {
    const previous = value.data.previous_attributes?.metadata;
    for (const key of Object.keys(previous || {})) {
      if (previous[key] === null) delete previous[key]; // a key that is new; the types only know texts
    }
    const name = `${value.type.split(/[._]/).map((part) => part[0].toUpperCase() + part.slice(1)).join('')}Event`;
    assert.ok(this.document.definitions[name], `there is no event ${value.type}`);
    this.check(`/definitions/${name}`, value, value.type);
  }
}

const descriptions = new Map();

function describe(version = NEWEST) {
  if (!descriptions.has(version)) descriptions.set(version, new Description(version).warm());
  return descriptions.get(version);
}

describe();

const ERROR_TYPES = ['api_error', 'card_error', 'idempotency_error', 'invalid_request_error'];

/** Checks one exchange; answers the operation it was. */
function checkAnswer(method, url, status, body, version) {
  const address = new URL(url).pathname;
  if (status === 200) return address.startsWith('/v1/events') ? null : describe(version).answer(method, address, body);
  assert.ok(ERROR_TYPES.includes(body.error.type), `${method} ${address}: ${JSON.stringify(body)}`);
  assert.equal(typeof body.error.message, 'string');
  if (body.error.payment_intent) describe(version).check('/definitions/PaymentIntent', body.error.payment_intent, 'error.payment_intent');
  if (body.error.payment_method) describe(version).check('/definitions/PaymentMethod', body.error.payment_method, 'error.payment_method');
  return null;
}

/**
 * The official client against a sandbox. client.seen has the operations whose answers were checked, client.last the last answer
 * { status, headers, body }.
 */
function checkedStripe(sandbox, { apiVersion = NEWEST, key = harness.SECRET_KEY, ...options } = {}) {
  const { hostname, port } = new URL(sandbox.url);
  const seen = new Set();
  let last;
  const httpClient = Stripe.createFetchHttpClient(async (url, init) => {
    const answer = await fetch(url, init);
    const text = await answer.clone().text();
    last = { status: answer.status, headers: answer.headers, body: JSON.parse(text) };
    const operation = checkAnswer(init.method, url, answer.status, last.body, apiVersion);
    if (operation) seen.add(operation);
    return answer;
  });
  const client = new Stripe(key, { host: hostname, port, protocol: 'http', httpClient, apiVersion, maxNetworkRetries: 0, telemetry: false, ...options });
  return Object.assign(client, { seen, lastAnswer: () => last });
}

/** What a call fails with; fails when it does not. */
async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return assert.fail(`this should have failed, but answered ${JSON.stringify(value).slice(0, 300)}`);
}

module.exports = { NEWEST, checkAnswer, checkedStripe, contracts, describe, failure, load };
