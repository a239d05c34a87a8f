'use strict';

// The rooms of the dashboard: figures that are true, an inbox that what needs a person really gets to, people seen only on record,
// webhooks and reconciliation worked from pages; and who may do what.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { WEBHOOK_SECRET, startTill, until } = require('../lib/till.js');
const { decode, signIn } = require('../lib/admin.js');
const { act, advance, closed, comesTo, get, hurry, paid, pay, statusOf, usd } = require('./books.js');

const eur = (value) => ({ value, currency: 'EUR' });
const text = (html) => decode(html.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();

/** The pieces of a page that carry this test hook, as text. */
function pieces(page, hook) {
  return page.split(new RegExp(`data-test="${hook}"`)).slice(1).map((piece) => text(piece.slice(piece.indexOf('>') + 1)));
}

/** {"Payments": "5 was 0", …} */
function tiles(page) {
  const all = page.split('data-test="tile"').slice(1);
  return Object.fromEntries(all.map((piece) => {
    const [, label, value, was] = piece.match(/<p>(.*?)<\/p>\s*<strong>(.*?)<\/strong>\s*<p class="was">(.*?)<\/p>/s);
    return [text(label), { value: text(value), was: text(was) }];
  }));
}

/** The tasks of a page: {id, kind, text}. */
function tasks(page) {
  return page.split('data-test="task" data-kind="').slice(1).map((piece) => ({
    kind: piece.slice(0, piece.indexOf('"')), id: piece.match(/\/admin\/tasks\/(dec_\w+)"/)[1], text: text(piece.slice(piece.indexOf('>') + 1)),
    html: piece,
  }));
}

let till, owner;
before(async () => {
  till = await startTill({ env: { BREAKER_THRESHOLD: '1000' } });
  owner = await signIn(till, 'owner');
});
after(() => closed(till));

const page = async (address, who = owner) => {
  const answer = await who.get(address);
  assert.equal(answer.status, 200, `${address}: ${answer.status} ${answer.text.slice(0, 500)}`);
  return answer.text;
};
const audited = (action, object) =>
  till.db.rows(`SELECT principal, details FROM audit_log WHERE action = '${action}' AND object = '${object}' ORDER BY id`);
const decisions = (kind) => till.db.rows(`SELECT id, object FROM decisions WHERE kind = '${kind}' AND done_at IS NULL`);

/** A job of this subject is at its last try but one. */
const nearlyDone = (subject, attempts) =>
  till.db.value(`UPDATE jobs SET attempts = ${attempts}, run_at = domain_now() WHERE subject = '${subject}' AND state = 'available'`);

test('the overview of a new Till says that there is nothing, and what comes next', async () => {
  const html = await page('/admin/overview');
  assert.match(text(html), /Nothing waits for a person/);
  assert.match(text(html), /No payments in these days/);
  assert.equal(tiles(html).Payments.value, '0');
  assert.match(text(html), /At risk now – no dispute is open, every outcome is known/);
  assert.equal(tiles(html)['Success rate'].value, '–');
  for (const [address, words] of Object.entries({
    '/admin/tasks': /Nothing waits for a person/, '/admin/customers': /There are no customers yet/, '/admin/webhooks': /No event has come yet/,
    '/admin/reconciliation': /have not been compared yet/, '/admin/reconciliation/payouts': /No payout is known yet/,
    '/admin/disputes': /No payer has contested/, '/admin/analytics': /No attempt failed/,
  })) assert.match(text(await page(address)), words, address);
});

describe('figures', () => {
  test('are those of the payments that were made, also of what changed since', async () => {
    const first = await paid(till);
    await paid(till);
    await paid(till, { amount: eur('24.00') });
    assert.equal((await pay(till, { payment_method_id: 'pm_card_visa_chargeDeclinedInsufficientFunds' })).status, 402);
    const later = await paid(till, { capture: false });
    assert.equal((await act(till, first.id, 'refund', { amount: usd('4.00') })).status, 201);
    let now = tiles(await page('/admin/overview'));
    assert.equal(now['Volume USD'].value, '$20.00');
    assert.equal(now['Volume EUR'].value, '€24.00');
    assert.equal(now.Payments.value, '5');
    assert.equal(now['Success rate'].value, '80.0 %');
    assert.equal(now.Refunds.value, '1 $4.00');
    assert.equal(now.Disputes.value, '0');

    assert.equal((await act(till, later.id, 'capture')).status, 200);
    now = tiles(await page('/admin/overview'));
    assert.equal(now['Volume USD'].value, '$30.00');
  });

  test('stand beside those of the same day last week until the same hour', async () => {
    await till.db.value(`INSERT INTO payments (id, mode, status, amount, currency, amount_captured, capture, confirmation, provider, method_type,
        created_by, created_at, updated_at) VALUES
        ('pay_lastweek', 'test', 'succeeded', 6000, 'USD', 6000, 'automatic', 'automatic', 'stripe', 'card', 'test',
          date_trunc('day', now(), 'UTC') - interval '7 days', now()),
        ('pay_laterthatday', 'test', 'succeeded', 9000, 'USD', 9000, 'automatic', 'automatic', 'stripe', 'card', 'test',
          date_trunc('hour', now(), 'UTC') - interval '7 days' + interval '1 hour', now())`);
    const html = await page('/admin/overview');
    const day = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'][new Date().getUTCDay()];
    assert.match(text(html), new RegExp(`last ${day} until \\d\\d:00 UTC`));
    assert.match(tiles(html)['Volume USD'].was, /down 50 % was \$60\.00/);
    await till.db.value(`DELETE FROM payments WHERE id IN ('pay_lastweek', 'pay_laterthatday');
      DELETE FROM statistics_changes WHERE hour < now() - interval '2 days'; DELETE FROM statistics WHERE hour < now() - interval '2 days'`);
  });

  test('are drawn with their numbers, and the same after they were folded', async () => {
    const numbers = (html, chart) => pieces(html, `chart-${chart}`)[0];
    const before_ = await page('/admin/overview?currency=USD&days=7');
    assert.match(before_, /<svg class="plot" viewBox="[^"]+" role="img" aria-labelledby="volume-t volume-d"><title id="volume-t">Volume in USD<\/title><desc/);
    assert.match(numbers(before_, 'volume'), /\$30\.00/);
    await till.db.value("UPDATE jobs SET run_at = domain_now() WHERE kind = 'statistics'");
    await until(async () => (await till.db.value('SELECT count(*) FROM statistics_changes')) === '0', 'the figures are folded');
    assert.equal(numbers(await page('/admin/overview?currency=USD&days=7'), 'volume'), numbers(before_, 'volume'));
    const analytics = await page('/admin/analytics?currency=USD');
    assert.match(pieces(analytics, 'failures')[0], /Insufficient funds 1 100\.0 %/);
    assert.match(pieces(analytics, 'providers')[0], /Stripe 5 80\.0 % 1 under \S+ m?s \$\d+\.\d\d, \d+\.\d %/);
    const kept = await till.db.value("SELECT sum(amount) FROM ledger_lines WHERE account = 'fees' AND currency = 'USD'");
    assert.ok(pieces(analytics, 'providers')[0].includes(`$${(kept / 100).toFixed(2)}, `), 'the cost is what the ledger has of fees');
    assert.match(pieces(analytics, 'ledger')[0], /sales USD \$0\.00 \$30\.00 -\$30\.00/);
    for (const wrong of ['?days=0', '?currency=XXX', '?colour=red']) assert.equal((await owner.get(`/admin/overview${wrong}`)).status, 400, wrong);
  });
});

describe('the inbox', () => {
  test('gets a payment whose outcome nobody knows, and loses it when it is known', async () => {
    await till.sandbox.dials({ rules: [
      { operation: 'POST /v1/payment_intents/{id}/confirm', action: 'error_500_executed' },
      { operation: 'GET /v1/payment_intents/{id}', action: 'error_500_not_executed' },
    ] });
    const answer = await pay(till);
    assert.equal(answer.status, 202, answer.text);
    const { id } = answer.body;
    await until(async () => {
      await nearlyDone(id, 30);
      return (await decisions('unknown_outcome')).some(({ object }) => object === id);
    }, 'the decision');
    const [task] = tasks(await page('/admin/tasks?kind=unknown_outcome'));
    assert.match(task.text, /Outcome unknown/);
    assert.match(task.text, /\$10\.00/);
    assert.ok(task.html.includes(`href="/admin/payments/${id}"`), task.html);
    assert.match(text(await page('/admin/overview')), /Outcome unknown/);
    await till.sandbox.dials({ rules: [] });
    await until(async () => (await hurry(till, id), (await statusOf(till, id)) === 'succeeded'), 'it is known');
    await until(async () => (await decisions('unknown_outcome')).length === 0, 'the task is gone');
    assert.match(text(await page('/admin/tasks?kind=unknown_outcome')), /Nothing of this kind waits/);
  });

  test('gets a refund that failed', async () => {
    const payment = await paid(till, { payment_method_id: 'pm_card_refundFail' });
    const refund = (await act(till, payment.id, 'refund')).body;
    await till.sandbox.settle();
    await until(async () => (await hurry(till), (await decisions('refund_failed')).length), 'the refund fails');
    const [task] = tasks(await page('/admin/tasks?kind=refund_failed'));
    assert.ok(task.html.includes(`href="/admin/payments/${payment.id}"`), 'it leads to the payment');
    assert.match(await page(`/admin/tasks/${task.id}`), new RegExp(refund.id));
  });

  test('gets a dispute with its deadline', async () => {
    const payment = await paid(till);
    await till.sandbox.dashboard('dispute', { payment_intent: payment.provider_payment_id });
    await until(async () => (await hurry(till), (await get(till, payment.id)).dispute_state === 'open'), 'the dispute');
    const [task] = tasks(await page('/admin/tasks?kind=dispute'));
    assert.match(task.text, /Due in \d+ days/);
    assert.match(text(await page('/admin/overview')), /At risk now \$\d+\.\d\d \d+ in dispute/);
    const list = text(await page('/admin/disputes'));
    const [dispute] = (await till.api('GET', `/api/v1/disputes?payment_id=${payment.id}`)).body.data;
    assert.match(list, new RegExp(`${dispute.id} \\$10\\.00 Disputed`));
    assert.ok(task.html.includes(`href="/admin/disputes/${dispute.id}"`), 'it leads to the dispute');
    assert.match(text(await page('/admin/disputes?status=won')), /No dispute stands like this/);
  });

  test('answers a dispute with words and a file, accepts another, and nobody else may', async () => {
    const contested = async () => {
      const payment = await paid(till);
      await till.sandbox.dashboard('dispute', { payment_intent: payment.provider_payment_id });
      return until(async () => (await hurry(till), (await till.api('GET', `/api/v1/disputes?payment_id=${payment.id}`)).body.data[0]), 'the dispute');
    };
    const [answered, given] = [await contested(), await contested()];
    const risk = await signIn(till, 'risk');
    const at = (dispute, verb = '') => `/admin/disputes/${dispute.id}${verb}`;
    const upload = (content, type, kind = 'receipt') => {
      const body = new FormData();
      for (const [name, value] of Object.entries({ csrf: risk.csrf, kind })) body.append(name, value);
      body.append('file', new Blob([content], { type }), 'Beleg "1"\u00fc.pdf');
      return risk.send('POST', at(answered, '/files'), { body });
    };
    assert.match(text(await page(at(answered), risk)), /Send evidence in time, or accept the dispute/);
    const pdf = Buffer.from('%PDF-1.4\r\n--x\r\n\r\n\0\xff', 'latin1');
    assert.equal((await upload(pdf, 'application/pdf')).status, 303);
    const refused = await upload(pdf, 'text/html', 'nonsense');
    assert.equal(refused.status, 400);
    assert.match(text(refused.text), /Kind must be chosen .*File must be a PDF, JPEG or PNG/);
    const [file] = (await till.api('GET', `/api/v1/disputes/${answered.id}/files`)).body.data;
    assert.deepEqual([file.kind, file.size], ['receipt', pdf.length], 'byte for byte');
    assert.equal((await risk.post(at(answered, '/evidence'), { text: '4242 4242 4242 4242', submit: 'true' })).status, 400, 'no card number');
    assert.equal((await risk.post(at(answered, '/evidence'), { text: 'winning_evidence', customer_name: '', submit: 'true' })).status, 303);
    assert.match(text(await page(at(answered), risk)), /The bank has the evidence\. .*decided for you/);
    assert.equal((await risk.post(at(given, '/accept'))).status, 400, 'without the tick');
    assert.equal((await risk.post(at(given, '/accept'), { sure: 'yes' })).status, 303);
    assert.match(text(await page(at(given), risk)), /decided for the payer/);
    assert.equal((await till.api('GET', `/api/v1/disputes/${given.id}`)).body.status, 'lost');
    const support = await signIn(till, 'support');
    assert.ok(!(await page(at(given), support)).includes('data-test="accept"'));
    assert.equal((await support.post(at(given, '/accept'), { sure: 'yes' })).status, 403);
    assert.equal((await risk.send('POST', at(given, '/files'), { body: new FormData() })).status, 403, 'no token');
  });

  test('gets work that was given up, tries it again, and is rid of it', async () => {
    await till.db.value("INSERT INTO jobs (kind, subject, run_at) VALUES ('nonsense', 'x_1', now())");
    await until(async () => (await decisions('dead_job')).length, 'it is given up');
    const [task] = tasks(await page('/admin/tasks?kind=dead_job'));
    assert.match(task.text, /Work given up.*no task of this kind/);
    assert.match(pieces(await page('/admin/overview'), 'health')[0], /1 given up/);
    assert.equal((await (await signIn(till, 'finance')).post(`/admin/tasks/${task.id}/retry`)).status, 403);
    const done = await (await signIn(till, 'developer')).submit(`/admin/tasks/${task.id}/retry`);
    assert.match(text(done.text), /It is tried again now/);
    assert.equal((await audited('job.retried', await till.db.value("SELECT object FROM audit_log WHERE action = 'job.retried'"))).length, 1);
    await until(async () => (await decisions('dead_job')).length === 1, 'it fails again, as another task');
    assert.notEqual((await decisions('dead_job'))[0].id, task.id);
    await till.db.value("DELETE FROM jobs WHERE kind = 'nonsense'");
    const gone = await owner.post(`/admin/tasks/${(await decisions('dead_job'))[0].id}/retry`);
    assert.equal(gone.status, 400);
    assert.match(text(gone.text), /not given up any more/);
  });

  test('gets an event that could not be processed, and is rid of it when it could', async () => {
    const payment = await paid(till);
    await till.sandbox.dials({ rules: [{ operation: 'GET /v1/payment_intents/{id}', action: 'error_500_not_executed' }] });
    assert.equal((await deliver('payment_intent.succeeded', payment.provider_payment_id)).status, 200);
    const id = await till.db.value('SELECT id FROM webhook_events ORDER BY id DESC LIMIT 1');
    await until(async () => {
      await nearlyDone(id, 24);
      return (await decisions('webhook_failed')).some(({ object }) => object === id);
    }, 'the event fails');
    const [task] = tasks(await page('/admin/tasks?kind=webhook_failed'));
    assert.ok(task.html.includes(`href="/admin/webhooks/${id}"`));
    assert.match(text(await page('/admin/webhooks?status=failed')), /payment_intent\.succeeded Failed/);
    await till.sandbox.dials({ rules: [] });
    assert.equal((await owner.post(`/admin/webhooks/${id}/replay`)).status, 303);
    await until(async () => (await decisions('webhook_failed')).length === 0, 'the task is gone');
    assert.equal((await audited('webhook.replayed', id))[0].principal, owner.user.id);
  });

  test('is told when events have to be fetched, because no webhook brings them', async () => {
    const sweep = () => till.api('POST', '/api/v1/maintenance/sweep', {});
    assert.equal((await sweep()).status, 200);
    await till.sandbox.dials({ webhooks: { off: true }, rules: [] });
    await paid(till);
    await sweep();
    assert.deepEqual(await decisions('webhooks_missing'), [], 'they may still come');
    const quiet = await paid(till);
    await till.db.value("UPDATE jobs SET run_at = domain_now() + interval '2 hours' WHERE kind = 'sweep'");
    await advance(till, 3600);
    owner = await signIn(till, 'owner'); // the session has ended meanwhile
    await sweep();
    const [task] = tasks(await page('/admin/tasks?kind=webhooks_missing'));
    assert.match(task.text, /events of stripe had to be fetched/);
    const gap = await page('/admin/webhooks?source=swept');
    assert.match(text(gap), /What no webhook brought/);
    assert.ok(gap.includes(quiet.provider_payment_id), 'the gap report names it');
    const event = await page(`/admin/webhooks/${await till.db.value("SELECT id FROM webhook_events WHERE source = 'swept' ORDER BY id DESC LIMIT 1")}`);
    assert.match(text(event), /Till found this event in the provider's list/);
    await till.sandbox.dials({ webhooks: { off: false }, rules: [] });
    await paid(till);
    await until(async () => (await till.db.value("SELECT max(received_at) > (SELECT created_at FROM decisions WHERE kind = 'webhooks_missing') FROM webhook_events WHERE source = 'delivered'")) === 't', 'one is delivered');
    await sweep();
    assert.deepEqual(await decisions('webhooks_missing'), [], 'it has settled itself');
  });

  test('is worked by people: taken on, left, settled with a reason, once', async () => {
    const [{ id, object }] = await decisions('refund_failed');
    const finance = await signIn(till, 'finance');
    assert.match(text((await finance.submit(`/admin/tasks/${id}/assign`, { mine: 'true' })).text), /You look after this task now.*Looked after by you/);
    assert.match(text(await page('/admin/tasks?kind=refund_failed')), /Kim finance on it/);
    assert.equal(tasks(await page('/admin/tasks?show=mine', finance)).length, 1);
    assert.equal(tasks(await page('/admin/tasks?show=mine')).length, 0);
    assert.equal((await finance.post(`/admin/tasks/${id}/assign`, { mine: 'false', back: 'https://elsewhere.example/' })).location, `/admin/tasks/${id}`);

    const refused = await finance.post(`/admin/tasks/${id}/resolve`, { reason: ' x' });
    assert.equal(refused.status, 400);
    assert.match(text(refused.text), /Reason is needed/i);
    assert.equal((await finance.post(`/admin/tasks/${id}/resolve`, { reason: 'Paid back by hand; bank reference 77 <b>' })).status, 303);
    const [row] = await till.db.rows(`SELECT done_by, resolution, done_at IS NOT NULL AS done FROM decisions WHERE id = '${id}'`);
    assert.deepEqual(row, { done_by: finance.user.id, resolution: 'Paid back by hand; bank reference 77 <b>', done: true });
    const [entry] = await audited('decision.resolved', id);
    assert.deepEqual(entry, { principal: finance.user.id, details: { kind: 'refund_failed', object } });
    assert.match(text(await page('/admin/tasks?show=settled')), /Refund failed/);
    assert.match(text(await page(`/admin/tasks/${id}`)), /Settled by Kim finance.*How Paid back by hand; bank reference 77 <b>/);
    const again = await finance.post(`/admin/tasks/${id}/resolve`, { reason: 'once more' });
    assert.equal(again.status, 400);
    assert.match(text(again.text), /settled meanwhile/);
    assert.equal((await owner.get('/admin/tasks/dec_00000000000000000000000000')).status, 404);
  });
});

/** An event of the provider, delivered by hand. */
async function deliver(type, intent, { secret = WEBHOOK_SECRET, object = {} } = {}) {
  const time = Math.floor(Date.now() / 1000) + Number(await till.db.value('SELECT offset_seconds FROM clock'));
  const body = JSON.stringify({
    id: `evt_${crypto.randomBytes(12).toString('hex')}`, object: 'event', api_version: '2026-08-26.dahlia', created: time, livemode: false, type,
    data: { object: { id: intent, object: 'payment_intent', ...object } },
  });
  const signature = crypto.createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex');
  return till.api('POST', '/api/v1/webhooks/stripe', { raw: body, apiKey: null, headers: { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${signature}` } });
}

describe('customers', () => {
  let customer;
  before(async () => {
    const made = await till.api('POST', '/api/v1/customers', { body: { email: 'Canary.Bird@example.org', name: 'Canary Bird', reference: 'user-77', metadata: { plan: 'gold' } } });
    customer = made.body.id;
    const kept = await till.api('POST', '/api/v1/payment-methods', { body: { customer_id: customer, payment_method_id: 'pm_card_visa' } });
    assert.equal(kept.status, 201, kept.text);
    await paid(till, { customer_id: customer, description: 'A cage' });
  });

  test('are found by address, reference and id, and masked', async () => {
    for (const q of ['canary.bird@EXAMPLE.org', 'user-77', customer]) {
      const html = await page(`/admin/customers?q=${encodeURIComponent(q)}`);
      assert.ok(html.includes(`/admin/customers/${customer}`), q);
      assert.match(text(html), /C••• B•••/);
      assert.doesNotMatch(text(html).replaceAll(q, ''), /Canary|canary/);
    }
    assert.match(text(await page('/admin/customers?q=bird%40example.org')), /Nobody was found/);
    const html = await page(`/admin/customers/${customer}`);
    assert.doesNotMatch(html, /anary/);
    assert.match(text(html), /C•••@e•••\.org/);
    assert.match(text(html), /plan gold/);
    assert.match(text(html), /\$10\.00 Succeeded A cage/);
    assert.match(text(html), /Payment methods Method State Valid until .* Visa •••• 4242 Kept (Default )?\d\d\/20\d\d Stripe pm_/);
  });

  test('are seen by who may, and that is on record', async () => {
    const support = await signIn(till, 'support');
    assert.doesNotMatch(await page(`/admin/customers/${customer}`, support), /Show name and e-mail/);
    const [{ id: payment }] = await till.db.rows(`SELECT id FROM payments WHERE customer_id = '${customer}'`);
    await page(`/admin/payments/${payment}`, support);
    const looked = (await audited('customer.viewed', customer)).filter(({ principal }) => principal === support.user.id);
    assert.deepEqual(looked.map(({ details }) => details?.payment), [undefined, payment], 'that the masked pages were looked at, too');
    assert.equal((await support.post(`/admin/customers/${customer}/reveal`)).status, 403);
    assert.equal((await support.post(`/admin/customers/${customer}/export`)).status, 403);
    assert.deepEqual(await audited('customer.revealed', customer), []);
    const finance = await signIn(till, 'finance');
    const seen = await finance.post(`/admin/customers/${customer}/reveal`);
    assert.equal(seen.status, 200);
    assert.match(text(seen.text), /Canary Bird.*Canary\.Bird@example\.org/);
    assert.deepEqual((await audited('customer.revealed', customer)).map(({ principal }) => principal), [finance.user.id]);
    const file = await finance.post(`/admin/customers/${customer}/export`);
    assert.equal(file.headers.get('content-disposition'), `attachment; filename="${customer}.json"`);
    const held = JSON.parse(file.text);
    assert.equal(held.customer.email, 'Canary.Bird@example.org');
    assert.equal(held.payments.length, 1);
    assert.equal((await audited('customer.exported', customer)).length, 1);
    assert.equal((await owner.get('/admin/customers/cust_00000000000000000000000000')).status, 404);
  });

  test('are forgotten by who may and is sure', async () => {
    const address = `/admin/customers/${customer}/erase`;
    const finance = await signIn(till, 'finance');
    assert.equal((await finance.get(address)).status, 403);
    assert.equal((await finance.post(address, { basis: 'request', sure: 'true' })).status, 403);
    assert.match(text(await page(address)), /gone for good/);
    const unsure = await owner.post(address, { basis: 'retention' });
    assert.equal(unsure.status, 400);
    assert.match(text(unsure.text), /Sure must be ticked/);
    assert.match(unsure.text, /value="retention" selected/, 'what was chosen is still chosen');
    const done = await owner.submit(address, { basis: 'request', sure: 'true' });
    assert.match(text(done.text), /The person is forgotten.*This person was forgotten/);
    assert.match(text(await page('/admin/customers?q=canary.bird%40example.org')), /Nobody was found/);
    assert.match(text(await page(`/admin/customers/${customer}`)), /\$10\.00 Succeeded/, 'what was paid stays');
  });
});

describe('webhooks', () => {
  test('bad signatures are counted, payloads shown without persons', async () => {
    const before_ = pieces(await page('/admin/webhooks'), 'endpoint')[0].match(/(\d+) turned away/)[1];
    assert.equal((await deliver('payment_intent.succeeded', 'pi_x', { secret: 'whsec_wrong' })).status, 400);
    assert.equal((await deliver('payment_intent.created', 'pi_elsewhere', { object: { client_secret: 'pi_canary_secret', receipt_email: 'canary@example.org', description: 'for canary@example.org' } })).status, 200);
    assert.equal(pieces(await page('/admin/webhooks'), 'endpoint')[0].match(/(\d+) turned away/)[1], String(Number(before_) + 1));
    const id = await till.db.value("SELECT id FROM webhook_events WHERE type = 'payment_intent.created' ORDER BY id DESC LIMIT 1");
    await until(async () => (await till.db.value(`SELECT status FROM webhook_events WHERE id = '${id}'`)) === 'ignored', 'it is dealt with');
    const html = await page(`/admin/webhooks/${id}`);
    assert.match(text(html), /pi_elsewhere/);
    assert.doesNotMatch(html, /canary/);
    assert.match(html, /redacted/);
  });

  test('what a filter finds is processed again, in one go, on record', async () => {
    const developer = await signIn(till, 'developer');
    const ids = (await till.db.rows("SELECT id FROM webhook_events WHERE status = 'ignored'")).map(({ id }) => id);
    assert.ok(ids.length);
    const done = await developer.submit('/admin/webhooks/replay', { status: 'ignored', source: '', type: '', payment: '' });
    assert.match(text(done.text), new RegExp(`${ids.length} events? (is|are) processed again now`));
    for (const id of ids) assert.ok((await audited('webhook.replayed', id)).length >= 1);
    await until(async () => (await till.db.value("SELECT count(*) FROM webhook_events WHERE status = 'stored'")) === '0', 'all are dealt with');
    assert.equal((await developer.post('/admin/webhooks/replay', { status: 'bought' })).status, 400);
  });
});

describe('reconciliation', () => {
  let report, number;

  test('is started for some days, and what differs becomes a task', async () => {
    const { body } = await till.sandbox.stripe('POST', 'payment_intents', {
      amount: '700', currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true', 'automatic_payment_methods[enabled]': 'true',
      'automatic_payment_methods[allow_redirects]': 'never', description: '<img src=x onerror=alert(1)>',
    });
    assert.equal(body.status, 'succeeded');
    const finance = await signIn(till, 'finance');
    const wrong = await finance.post('/admin/reconciliation', { from: '2026-02-30', to: '' });
    assert.equal(wrong.status, 400);
    assert.match(text(wrong.text), /From must be a date/);
    assert.match(wrong.text, /value="2026-02-30"/, 'what was typed is still there');
    const day = new Date(Date.now() + 1000 * Number(await till.db.value('SELECT offset_seconds FROM clock'))).toISOString().slice(0, 10);
    const done = await finance.post('/admin/reconciliation', { from: day, to: day });
    assert.equal(done.status, 303, text(done.text));
    [, report] = done.location.match(/\/admin\/reconciliation\/(rec_\w+)$/);
    const html = await page(done.location, finance);
    assert.match(text(html), /The books were compared: \d+ matched, 1 differ/);
    assert.match(pieces(html, 'difference')[0], /Missing here/);
    assert.match(text(html), /Missing here 1 1 open/);
    number = html.match(/id="d-(\d+)"/)[1];
    const [task] = tasks(await page('/admin/tasks?kind=difference'));
    assert.ok(task.html.includes(`/admin/reconciliation/${report}?after=${number - 1}#d-${number}`), 'the task leads there');
    assert.match(text(await page('/admin/reconciliation')), /1 differs.*Kim finance/);
  });

  test('a difference is settled with a reason, and so is its task', async () => {
    const finance = await signIn(till, 'finance');
    const resolve = `/admin/reconciliation/${report}/differences/${number}/resolve`;
    assert.equal((await finance.post(resolve, { reason: '' })).status, 400);
    assert.equal((await (await signIn(till, 'auditor')).post(resolve, { reason: 'not mine' })).status, 403);
    assert.equal((await finance.post(`/admin/reconciliation/${report}/differences/99/resolve`, { reason: 'nothing' })).status, 404);
    const done = await finance.submit(resolve, { reason: 'The old shop on the same account; kept.' });
    assert.match(text(done.text), /Kim finance, .*: The old shop on the same account; kept\./);
    assert.deepEqual(await decisions('difference'), []);
    assert.equal((await audited('difference.resolved', report))[0].principal, finance.user.id);
    assert.equal((await finance.post(resolve, { reason: 'once more' })).status, 400);
    const csv = await finance.get(`/admin/reconciliation/${report}/csv`);
    assert.match(csv.headers.get('content-type'), /^text\/csv/);
    assert.match(csv.text, /^number,kind,.*\r\n\d+,"missing_here".*"The old shop on the same account; kept\."\r\n$/s);
    const next = await finance.post('/admin/reconciliation', { from: '', to: '' });
    assert.equal(next.status, 303, 'yesterday, where no days are given');
  });

  test('a payout is shown with what it is made of', async () => {
    await advance(till, 3 * 86400);
    owner = await signIn(till, 'owner');
    const payout = await till.sandbox.dashboard('payout', { currency: 'eur' });
    const day = new Date(Date.now() + 1000 * Number(await till.db.value('SELECT offset_seconds FROM clock'))).toISOString().slice(0, 10);
    assert.equal((await owner.post('/admin/reconciliation', { from: day, to: day })).status, 303);
    const html = text(await page('/admin/reconciliation/payouts'));
    assert.ok(html.includes(payout.id), html);
    assert.match(html, /Adds up/);
    const one = await page(`/admin/reconciliation/payouts/${payout.id}`);
    const charge = await till.db.rows(`SELECT p.id, m.amount - m.fee AS net FROM movements m JOIN payments p ON p.provider_payment_id = m.payment_reference
      WHERE m.payout = '${payout.id}' AND m.kind = 'charge' LIMIT 1`);
    assert.match(pieces(one, 'payout')[0], /Made of €\d+\.\d\d in \d+ parts?/);
    assert.match(pieces(one, 'sums')[0], /Charge \d+ €/);
    assert.match(pieces(one, 'parts')[0], new RegExp(`Charge ${charge[0].id} In both books .* €${(charge[0].net / 100).toFixed(2)} `));
    assert.equal((await owner.get('/admin/reconciliation/payouts/po_none')).status, 404);
  });
});

test('what applications asked for is listed with its answer, and how often the same was asked again', async () => {
  const developer = await signIn(till, 'developer');
  const key = await till.makeKey('*', 'The shop');
  const ask = () => till.api('POST', '/api/v1/payments', { body: { amount: usd('3.00'), payment_method_id: 'pm_card_visa' }, key: 'twice-and-again', apiKey: key });
  const first = await ask();
  for (let i = 0; i < 2; i++) assert.equal((await ask()).headers.get('idempotent-replayed'), 'true');
  const caller = key.split('_')[2];
  const list = pieces(await page(`/admin/developers/requests?caller=${caller}`, developer), 'requests')[0];
  assert.match(list, new RegExp(`The shop POST /api/v1/payments 201 ${first.body.id} 2$`));
  assert.match(text(await page(`/admin/developers/requests?caller=${caller}&refused=true`, developer)), /Nothing fits/);
  assert.equal((await developer.get('/admin/developers/requests?after=x')).status, 400);
});

// Who may -----------------------------------------------------------------------------------------------------------------

const ALL = ['owner', 'admin', 'finance', 'support', 'risk', 'developer', 'auditor'];
const may = {
  '/admin/overview': ALL,
  '/admin/tasks': ALL,
  '/admin/customers': ALL,
  '/admin/disputes': ALL,
  '/admin/webhooks': ['owner', 'admin', 'finance', 'developer', 'auditor'],
  '/admin/reconciliation': ['owner', 'admin', 'finance', 'risk', 'auditor'],
  '/admin/analytics': ['owner', 'admin', 'finance', 'risk', 'auditor'],
};

test('each page opens for the roles that may see it, and only they see it in the menu', async () => {
  for (const role of ALL) {
    const visitor = await signIn(till, role);
    const menu = (await visitor.get('/admin/tasks')).text;
    for (const [address, roles] of Object.entries(may)) {
      const answer = await visitor.get(address);
      assert.equal(answer.status, roles.includes(role) ? 200 : 403, `${role} ${address}`);
      assert.equal(menu.includes(`<a href="${address}"`), roles.includes(role), `${role}: ${address} in the menu`);
      if (!roles.includes(role)) assert.match(text(answer.text), /You may not do this/);
    }
    const decides = ['owner', 'admin', 'finance', 'risk'].includes(role);
    assert.equal((await visitor.post('/admin/tasks/dec_00000000000000000000000000/resolve', { reason: 'nothing' })).status, decides ? 404 : 403, role);
  }
});
