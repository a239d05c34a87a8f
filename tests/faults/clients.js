'use strict';

// Eight merchants and their payers. What they do comes from the seed; every request is sent through the web server, again under
// its key where it was not answered, and every answer is kept to be compared with the books.

const { PUBLISHABLE_KEY, sleep } = require('../lib/till.js');
const { randomOf } = require('./random.js');

const CARDS = {
  pm_card_visa: 30, pm_card_mastercard: 8, pm_card_amex: 4, pm_card_visa_debit: 4, pm_card_chargeDeclined: 5,
  pm_card_chargeDeclinedInsufficientFunds: 5, pm_card_chargeDeclinedExpiredCard: 2, pm_card_chargeDeclinedProcessingError: 2,
  pm_card_chargeDeclinedFraudulent: 2, pm_card_authenticationRequired: 8, pm_card_threeDSecureRequiredChargeDeclined: 3,
  pm_card_pendingRefund: 4, pm_card_refundFail: 3, pm_card_createDispute: 2, pm_card_createDisputeInquiry: 1, pm_card_nosuchcard: 1,
};
const EXPONENTS = { USD: 2, EUR: 2, GBP: 2, JPY: 0, KWD: 3, ISK: 0 };
const STEPS = { KWD: 10 };
const TRIES = 4;

const WEIGHTS = {
  charge: 26, twice: 6, confirm: 8, hold: 10, capture: 8, cancel: 6, refund: 12, checkout: 9, expire: 2, bank: 6, read: 6, list: 4,
  replay: 3, elsewhere: 3,
};

function decimal(minor, currency) {
  const digits = EXPONENTS[currency];
  const text = String(minor).padStart(digits + 1, '0');
  return digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
}

/** Minor units of a decimal string. */
function minorOf({ value, currency }) {
  const [whole, part = ''] = value.split('.');
  return Number(whole + part.padEnd(EXPONENTS[currency], '0'));
}

/** Whether the answer ends the request: nothing is sent again under its key. */
const isFinal = (answer) => answer.status > 0 && answer.status < 500 && answer.status !== 429 && answer.body?.code !== 'IDEMPOTENCY_IN_PROGRESS';

/** Till's own words, not the web server's for a Till that did not answer. */
const isOurs = (answer) => Boolean(answer.body) && answer.body.type !== 'about:blank';
const isFault = (answer) => answer.status >= 500 && answer.status !== 503 && isOurs(answer);

class Client {
  constructor(world, number) {
    Object.assign(this, { world, number, till: world.till, random: randomOf(world.seed, `client ${number}`), count: 0, mine: [], sessions: [] });
  }

  /** Never with the thirteen digits in a row that could be a card number's, which are refused: the seed has letters. */
  next(what) {
    return `${what}-${Number(this.world.seed).toString(36)}-${this.number}-${++this.count}`;
  }

  amount(currency = this.random.of(Object.keys(EXPONENTS))) {
    const step = STEPS[currency] ?? 1;
    const minor = this.random.int(100, 99999);
    return { value: decimal(Math.ceil(minor / step) * step, currency), currency };
  }

  /** One request, once. A connection that breaks is status 0. */
  async once(method, address, options) {
    try {
      return await this.till.api(method, address, { ...options, signal: AbortSignal.timeout(20000) });
    } catch (error) {
      return { status: 0, headers: new Headers(), text: `${error.cause?.code ?? error.name}`, body: undefined };
    }
  }

  /** A request that changes something: under a key, sent again until it is answered, at most a few times while there are faults. */
  async send(kind, address, body, more = {}) {
    const operation = { kind, address, body, key: this.next('key'), answers: [], ...more };
    this.world.operations.push(operation);
    await this.insist(operation, TRIES);
    return operation;
  }

  async insist(operation, tries, pause = () => this.random.int(20, 400)) {
    for (let i = 0; i < tries && !operation.final; i++) {
      if (i) await sleep(pause());
      this.keep(operation, await this.once('POST', operation.address, { body: operation.body, key: operation.key }));
    }
    return operation.final;
  }

  keep(operation, answer) {
    operation.answers.push({ status: answer.status, text: answer.text, replayed: answer.headers.get('idempotent-replayed') === 'true' });
    this.world.count(`${operation.kind} ${answer.status}`);
    if (isFault(answer)) this.world.problem(`${operation.kind} was answered ${answer.status}`, answer.text);
    if (answer.status === 503 && isOurs(answer) && !answer.headers.get('retry-after')) this.world.problem('503 without Retry-After', answer.text);
    if (!isFinal(answer)) return;
    if (operation.final && operation.final.text !== answer.text)
      this.world.problem(`two answers to one key of ${operation.kind}`, { key: operation.key, first: operation.final.text, second: answer.text });
    operation.final ??= { status: answer.status, text: answer.text, body: answer.body };
    this.learn(operation);
  }

  /** What an answer says of a payment is where the next operations begin. */
  learn({ kind, final }) {
    const id = final.body?.id ?? final.body?.payment_id;
    if (kind === 'session' && final.status === 201) this.sessions.push(final.body);
    if (id?.startsWith('pay_') && !this.mine.includes(id)) this.mine.push(id);
    if (this.mine.length > 40) this.mine.shift();
  }

  /** Any payment, rather a new one of one's own. */
  any() {
    const list = this.random.chance(80) ? this.mine : this.world.clients[this.random.int(0, this.world.clients.length - 1)].mine;
    return list.length ? list[Math.max(0, list.length - 1 - Math.floor(this.random() ** 2 * list.length))] : null;
  }

  async look(id) {
    const answer = await this.once('GET', `/api/v1/payments/${id}`, {});
    return [200, 202].includes(answer.status) ? answer.body : null;
  }

  create(more = {}) {
    const amount = this.amount();
    return { amount, payment_method_id: this.random.weighted(CARDS), reference: this.next('order'), ...more };
  }

  // What they do ---------------------------------------------------------------------------------------------------------

  charge() {
    return this.send('charge', '/api/v1/payments', this.create());
  }

  hold() {
    return this.send('charge', '/api/v1/payments', this.create({ capture: false }));
  }

  async twice() {
    const operation = { kind: 'charge', address: '/api/v1/payments', body: this.create(), key: this.next('key'), answers: [] };
    this.world.operations.push(operation);
    await Promise.all([this.insist(operation, TRIES), this.insist(operation, TRIES)]);
  }

  async confirm() {
    const { final } = await this.send('charge', '/api/v1/payments', this.create({ confirmation_method: 'manual' }));
    if (final?.status !== 201) return;
    for (let i = 0; i < 2; i++) {
      const { final: confirmed } = await this.send('confirm', `/api/v1/payments/${final.body.id}/confirm`, { payment_method_id: this.random.weighted(CARDS) });
      if (confirmed?.status !== 402) return;
    }
  }

  async capture() {
    const id = this.any();
    const payment = id && (await this.look(id));
    if (payment?.status !== 'authorized') return;
    const whole = this.random.chance(50);
    const step = STEPS[payment.amount.currency] ?? 1;
    const part = { value: decimal(Math.max(step, Math.floor((minorOf(payment.amount) * this.random.int(10, 100)) / 100 / step) * step), payment.amount.currency), currency: payment.amount.currency };
    const inPart = payment.multicapture && minorOf(part) % 3 !== 0; // asks nothing of the seed, so that older ones play as they did
    const asked = [this.send('capture', `/api/v1/payments/${id}/capture`, whole ? {} : { amount: part, ...(inPart ? { final: false } : {}) })];
    if (this.random.chance(25)) asked.push(this.send('cancel', `/api/v1/payments/${id}/cancel`, {}));
    await Promise.all(asked);
  }

  async cancel() {
    const id = this.any();
    if (id) await this.send('cancel', `/api/v1/payments/${id}/cancel`, {});
  }

  async refund() {
    const id = this.any();
    const payment = id && (await this.look(id));
    if (!payment || minorOf(payment.amount_captured) === 0) return;
    const { currency } = payment.amount;
    const step = STEPS[currency] ?? 1;
    const part = () => ({ value: decimal(Math.max(step, Math.floor((minorOf(payment.amount_captured) * this.random.int(5, 60)) / 100 / step) * step), currency), currency });
    const bodies = Array.from({ length: this.random.chance(30) ? 3 : 1 }, () => (this.random.chance(30) ? {} : { amount: part() }));
    await Promise.all(bodies.map((body) => this.send('refund', `/api/v1/payments/${id}/refund`, body)));
  }

  /** A payer at the bank's page. */
  async bank() {
    const id = this.any();
    const payment = id && (await this.look(id));
    if (payment?.status !== 'requires_action' || !payment.provider_payment_id) return;
    await this.till.sandbox.bank(payment.provider_payment_id, this.random.weighted({ complete: 6, fail: 2, abandon: 2 })).catch(() => {});
  }

  async checkout() {
    const { final } = await this.send('session', '/api/v1/checkout/sessions', { amount: this.amount(), reference: this.next('order'), capture: !this.random.chance(25) });
    if (final?.status !== 201) return;
    const tabs = this.random.chance(35) ? 2 : 1;
    const card = () => this.random.weighted(CARDS);
    const cards = Array.from({ length: tabs }, card);
    const seen = await Promise.all(cards.map((one) => this.payOnPage(final.body, one)));
    this.world.noteTabs(final.body.id, seen.filter(Boolean));
  }

  /** The page's button, then Stripe.js in the payer's browser. Answers the payment's id. */
  async payOnPage(session, card) {
    const page = session.url.slice(this.till.url.length);
    let answer;
    for (let i = 0; i < TRIES; i++) {
      answer = await this.once('POST', `${page}/pay`, { body: {}, apiKey: null });
      this.world.count(`pay ${answer.status}`);
      if (answer.status === 200) break;
      await sleep(this.random.int(20, 300));
    }
    if (answer.status !== 200) return null;
    const { client_secret: secret, payment_id: id, return_url: back } = answer.body;
    if (id && !this.mine.includes(id)) this.mine.push(id);
    if (!secret) return id;
    const intent = secret.split('_secret_')[0];
    const form = { client_secret: secret, payment_method: card, return_url: back };
    for (let i = 0; i < 2; i++) {
      const done = await this.till.sandbox.stripe('POST', `payment_intents/${intent}/confirm`, form, { authorization: `Bearer ${PUBLISHABLE_KEY}` }).catch(() => null);
      if (done?.body?.status === 'requires_action' && this.random.chance(60)) await this.till.sandbox.bank(intent, this.random.chance(75) ? 'complete' : 'fail').catch(() => {});
      if (done) break;
    }
    if (this.random.chance(70)) await this.once('GET', `${page}/${this.random.of(['state', 'state?settle=1', 'return'])}`, { apiKey: null });
    return id;
  }

  async expire() {
    const session = this.sessions.length && this.random.of(this.sessions);
    if (session) await this.send('expire', `/api/v1/checkout/sessions/${session.id}/expire`, {});
  }

  async read() {
    const id = this.any();
    if (id) await this.look(id);
  }

  async list() {
    const address = this.random.of(['/api/v1/payments?limit=20', '/api/v1/payments/history?limit=10', '/api/v1/checkout/sessions?limit=10', '/api/v1/webhooks/events?limit=10', '/readyz']);
    const answer = await this.once('GET', address, {});
    this.world.count(`list ${answer.status}`);
    if (isFault(answer)) this.world.problem(`GET ${address} was answered ${answer.status}`, answer.text);
  }

  /** An event that was worked is worked again. */
  async replay() {
    const listed = await this.once('GET', '/api/v1/webhooks/events?limit=50', {});
    if (listed.status !== 200 || !listed.body.data.length) return;
    const event = this.random.of(listed.body.data);
    await this.once('POST', '/api/v1/webhooks/replay', { body: { event_id: event.id } });
  }

  /** Somebody does it in the provider's own dashboard. */
  async elsewhere() {
    const id = this.any();
    const payment = id && (await this.look(id));
    if (!payment?.provider_payment_id) return;
    const after = { refund: { amount: 1000 }, dispute: {}, dispute_close: { status: this.random.of(['won', 'lost']) } };
    const settled = this.random.weighted({ refund: 4, dispute: 2, dispute_close: 2 });
    const what = { authorized: this.random.of(['cancel', 'capture']), succeeded: settled, requires_action: 'cancel' }[payment.status];
    if (!what) return;
    await this.till.sandbox.dashboard(what, { payment_intent: payment.provider_payment_id, ...after[what] }).catch(() => {});
    this.world.count(`dashboard ${what}`);
  }

  async work() {
    while (!this.world.over) {
      const what = this.random.weighted(WEIGHTS);
      await this[what]();
      await sleep(this.random.int(0, 60));
    }
  }
}

module.exports = { Client, EXPONENTS, isFinal, minorOf };
