'use strict';

// Checkout sessions: made by the API, paid on the page by its JSON addresses, with one payment each.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { sleep, startTill, until } = require('../lib/till.js');
const { act, advance, closed, get, isProblem, oracle, pointers, usd } = require('./books.js');

let till;
before(async () => { till = await startTill(); });
after(() => closed(till));

async function session(body = {}) {
  const answer = await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('20.00'), ...body } });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

const read = async (id) => (await till.api('GET', `/api/v1/checkout/sessions/${id}`)).body;

/** A request of the page's script; the browser says which site it comes from. */
async function page(url, verb, { method = 'POST', body = {} } = {}) {
  const answer = await fetch(`${url}/${verb}`, {
    method, redirect: 'manual', body: method === 'POST' ? JSON.stringify(body) : undefined,
    headers: { 'content-type': 'application/json', origin: till.url, 'sec-fetch-site': 'same-origin' },
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: /json/.test(answer.headers.get('content-type')) ? JSON.parse(text) : null };
}

const press = (one) => page(one.url, 'pay');
const state = async (one, query = '') => (await page(one.url, `state${query}`, { method: 'GET' })).body;

/** The browser's script confirms with the secret it was given, as Stripe.js does. */
async function confirm(answer, card = 'pm_card_visa') {
  const secret = answer.body.client_secret;
  const intent = secret.split('_secret_')[0];
  return till.sandbox.stripe('POST', `payment_intents/${intent}/confirm`, {
    payment_method: card, return_url: answer.body.return_url,
  });
}

const becomes = (one, status) => until(async () => (await read(one.id)).status === status, `the session is ${status}`);

describe('made by the API', { concurrency: 4 }, () => {
  test('it shows what it is and where to send the payer', async () => {
    const one = await session({
      description: 'A course', reference: 'order-9', success_url: `${till.sandboxUrl}/shop?paid={CHECKOUT_SESSION_ID}`,
      cancel_url: `${till.sandboxUrl}/shop`, locale: 'de', metadata: { a: 'b' }, expires_in: 3600,
    });
    assert.match(one.id, /^cs_/);
    assert.equal(one.status, 'open');
    assert.ok(one.url.startsWith(`${till.url}/checkout/${one.id}/`));
    assert.deepEqual(one.amount, usd('20.00'));
    assert.equal(one.payment_id, null);
    assert.equal(one.locale, 'de');
    assert.equal(one.capture, true);
    assert.equal(Date.parse(one.expires_at) - Date.parse(one.created_at), 3600 * 1000);
    assert.deepEqual(await read(one.id), one);
    assert.equal((await fetch(one.url)).status, 200);
  });

  test('items make the amount', async () => {
    const items = [{ name: 'Pen', quantity: 2, amount: usd('3.00') }, { name: 'Ink', amount: usd('4.50') }];
    const one = await session({ amount: undefined, items });
    assert.deepEqual(one.amount, usd('7.50'));
    assert.deepEqual(one.items.map(({ name, quantity }) => [name, quantity]), [['Pen', 2], ['Ink', 1]]);
    const wrong = await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('7.00'), items } });
    isProblem(wrong, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(wrong), ['#/amount']);
    const mixed = await till.api('POST', '/api/v1/checkout/sessions', {
      body: { items: [items[0], { name: 'Ink', amount: { value: '4.50', currency: 'EUR' } }] },
    });
    isProblem(mixed, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(mixed), ['#/items/1/amount/currency']);
  });

  test('everything that is wrong is said at once', async () => {
    const answer = await till.api('POST', '/api/v1/checkout/sessions', {
      body: { amount: 20, items: 'x', success_url: 'https://evil.example/', locale: 'tlh', expires_in: 5, customer_id: '!', color: 'red' },
    });
    isProblem(answer, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(answer), ['#/amount', '#/color', '#/customer_id', '#/expires_in', '#/items', '#/locale', '#/success_url']);
    isProblem(await till.api('POST', '/api/v1/checkout/sessions', { body: {} }), 400, 'VALIDATION_ERROR');
  });

  test('who has no scope for it, or asks for what is not there', async () => {
    const reader = await till.makeKey('checkout:read');
    isProblem(await till.api('POST', '/api/v1/checkout/sessions', { body: { amount: usd('1.00') }, apiKey: reader }), 403, 'FORBIDDEN');
    isProblem(await till.api('GET', '/api/v1/checkout/sessions/cs_nothing'), 404, 'NOT_FOUND');
    isProblem(await till.api('POST', '/api/v1/checkout/sessions/cs_nothing/expire'), 404, 'NOT_FOUND');
  });
});

describe('the address', { concurrency: 4 }, () => {
  test('only the right key opens it', async () => {
    const [one, other] = [await session(), await session()];
    const key = one.url.split('/').pop();
    const wrong = [
      one.url.slice(0, -1) + (one.url.endsWith('A') ? 'B' : 'A'), one.url.slice(0, -1), `${one.url}A`, `${till.url}/checkout/${other.id}/${key}`,
      `${till.url}/checkout/cs_nothing/${key}`,
    ];
    for (const url of wrong) {
      assert.equal((await fetch(url)).status, 404, url);
      assert.equal((await page(url, 'pay')).status, 404, url);
      assert.equal((await page(url, 'state', { method: 'GET' })).status, 404, url);
    }
    assert.equal((await read(one.id)).payment_id, null);
  });
});

describe('paying', { concurrency: 4 }, () => {
  test('the payer presses the button, the card is charged, the session is complete', async () => {
    const one = await session({ reference: 'o-1', metadata: { a: 'b' } });
    assert.equal((await state(one)).state, 'ready');
    const answer = await press(one);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.body.client_secret, /^pi_.+_secret_/);
    assert.match(answer.body.payment_id, /^pay_/);
    const waiting = await get(till, answer.body.payment_id);
    assert.equal(waiting.status, 'pending');
    assert.equal(waiting.checkout_session_id, one.id);
    assert.equal(waiting.reference, 'o-1');
    assert.deepEqual(waiting.metadata, { a: 'b' });
    assert.equal((await confirm(answer)).body.status, 'succeeded');
    await until(async () => (await state(one, '?settle=1')).state === 'succeeded', 'the page');
    const done = await read(one.id);
    assert.equal(done.status, 'complete');
    assert.equal(done.payment_id, answer.body.payment_id);
    assert.equal((await oracle(till, done.payment_id)).captured, 2000);
    const again = await press(one);
    assert.equal(again.body.client_secret, undefined);
    assert.equal(again.body.state, 'already_paid');
    isProblem(await till.api('POST', `/api/v1/checkout/sessions/${one.id}/expire`), 400, 'INVALID_STATUS');
  });

  test('twenty presses at once are one payment', async () => {
    await Promise.all([1, 2, 3].map(async () => {
      const one = await session();
      const answers = await Promise.all(Array.from({ length: 20 }, () => press(one)));
      for (const answer of answers) assert.ok([200, 409].includes(answer.status), answer.text);
      const good = answers.filter((answer) => answer.body.client_secret);
      assert.ok(good.length > 0);
      assert.equal(new Set(good.map((answer) => answer.body.client_secret)).size, 1);
      assert.equal(await till.db.value(`SELECT count(*) FROM payments WHERE checkout_id = '${one.id}'`), '1');
      const { id } = (await till.api('GET', `/api/v1/payments?checkout_session_id=${one.id}`)).body.data[0];
      const intents = (await till.sandbox.stripe('GET', 'payment_intents', { limit: 100 })).body.data;
      assert.equal(intents.filter((intent) => intent.metadata.payment_id === id).length, 1);
      await Promise.all(good.slice(0, 5).map((answer) => confirm(answer)));
      await becomes(one, 'complete');
      assert.equal((await oracle(till, id)).executed, 1);
    }));
  });

  test('a declined card leaves the door open for another', async () => {
    const one = await session();
    const first = await press(one);
    assert.equal((await confirm(first, 'pm_card_chargeDeclined')).status, 402);
    await until(async () => (await state(one, '?settle=1')).state === 'declined_retry', 'the decline');
    assert.ok((await state(one)).message);
    const second = await press(one);
    assert.equal(second.body.payment_id, first.body.payment_id);
    assert.equal((await confirm(second)).body.status, 'succeeded');
    await becomes(one, 'complete');
    assert.equal((await oracle(till, first.body.payment_id)).charges, 1);
  });

  test('3-D Secure on the way is shown, and back from the bank it is paid', async () => {
    const one = await session();
    const pressed = await press(one);
    assert.equal((await confirm(pressed, 'pm_card_authenticationRequired')).body.status, 'requires_action');
    await until(async () => (await state(one, '?settle=1')).state === 'requires_action', 'the bank');
    const { provider_payment_id: intent } = await get(till, pressed.body.payment_id);
    const back = await till.sandbox.bank(intent, 'complete');
    const there = back.headers.get('location');
    assert.ok(there.startsWith(`${one.url}/return?`), there);
    const home = await fetch(there, { redirect: 'manual' });
    assert.equal(home.status, 303);
    assert.equal(new URL(home.headers.get('location'), till.url).href, one.url);
    assert.equal((await state(one)).state, 'succeeded');
    assert.equal((await read(one.id)).status, 'complete');
  });

  test('authorized only, it is complete, and captured by the API', async () => {
    const one = await session({ capture: false });
    const pressed = await press(one);
    await confirm(pressed);
    await becomes(one, 'complete');
    assert.equal((await get(till, pressed.body.payment_id)).status, 'authorized');
    assert.equal((await act(till, pressed.body.payment_id, 'capture', { amount: usd('15.00') })).body.status, 'succeeded');
    assert.equal((await oracle(till, pressed.body.payment_id)).captured, 1500);
  });

  test('the API may not confirm what the payer is about to pay twice', async () => {
    const one = await session();
    const pressed = await press(one);
    const [byPayer, byApi] = await Promise.all([
      confirm(pressed), act(till, pressed.body.payment_id, 'confirm', { payment_method_id: 'pm_card_mastercard' }),
    ]);
    assert.ok(byPayer.body.status === 'succeeded' || byApi.body.status === 'succeeded' || byApi.status === 409, byApi.text);
    await becomes(one, 'complete');
    assert.equal((await oracle(till, pressed.body.payment_id)).executed, 1);
  });
});

describe('ending', { concurrency: 4 }, () => {
  test('ended by the merchant it cannot be paid any more', async () => {
    for (const begun of [false, true]) {
      const one = await session();
      const pressed = begun ? await press(one) : null;
      const answer = await till.api('POST', `/api/v1/checkout/sessions/${one.id}/expire`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.status, 'expired');
      assert.equal((await till.api('POST', `/api/v1/checkout/sessions/${one.id}/expire`)).status, 200);
      assert.equal((await state(one)).state, 'expired');
      assert.equal((await press(one)).body.client_secret, undefined);
      if (begun) {
        assert.equal((await confirm(pressed)).status, 400);
        assert.equal((await get(till, pressed.body.payment_id)).status, 'cancelled');
        assert.equal((await oracle(till, pressed.body.payment_id)).charges, 0);
      }
    }
  });

  test('the payer gives up', async () => {
    const one = await session();
    const pressed = await press(one);
    const answer = await page(one.url, 'cancel');
    assert.ok([200, 303].includes(answer.status), answer.text);
    assert.equal((await read(one.id)).status, 'cancelled');
    assert.equal((await get(till, pressed.body.payment_id)).status, 'cancelled');
    assert.equal((await press(one)).body.client_secret, undefined);
  });

  test('what is being paid is not ended', async () => {
    const one = await session();
    const pressed = await press(one);
    await confirm(pressed);
    const answer = await till.api('POST', `/api/v1/checkout/sessions/${one.id}/expire`);
    isProblem(answer, 400, 'INVALID_STATUS');
    assert.equal((await read(one.id)).status, 'complete');
    assert.equal((await oracle(till, pressed.body.payment_id)).captured, 2000);
  });
});

describe('lists', () => {
  test('newest first, in pages', async () => {
    const made = [];
    for (let i = 0; i < 5; i++) {
      made.unshift((await session({ reference: `page-${i}` })).id);
      await sleep(3);
    }
    const seen = [];
    for (let cursor = ''; seen.length < 5;) {
      const { body } = await till.api('GET', `/api/v1/checkout/sessions?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.data.map((one) => one.id));
      cursor = body.next_cursor;
    }
    assert.deepEqual(seen.slice(0, 5), made);
  });
});

describe('time', () => {
  test('past its time an open session is over, whether somebody looks or not', async () => {
    const [looked, unseen, begun, paidLate] = [
      await session({ expires_in: 600 }), await session({ expires_in: 600 }), await session({ expires_in: 600 }), await session({ expires_in: 600 }),
    ];
    const pressed = await press(begun);
    const late = await press(paidLate);
    await till.sandbox.dials({ webhooks: { off: true } });
    await confirm(late);
    await advance(till, 700);
    assert.equal((await state(looked)).state, 'expired');
    assert.equal((await press(looked)).body.client_secret, undefined);
    await until(async () => (await till.db.value(`SELECT status FROM checkout_sessions WHERE id = '${unseen.id}'`)) === 'expired', 'the job');
    await until(async () => (await till.db.value(`SELECT status FROM checkout_sessions WHERE id = '${begun.id}'`)) === 'expired', 'the job');
    assert.equal((await confirm(pressed)).status, 400);
    assert.equal((await get(till, pressed.body.payment_id)).status, 'cancelled');
    // what was paid in time is complete, although nobody told us
    await until(async () => (await till.db.value(`SELECT status FROM checkout_sessions WHERE id = '${paidLate.id}'`)) === 'complete', 'the one that was paid');
    assert.equal((await oracle(till, late.body.payment_id)).captured, 2000);
    await till.sandbox.clearDials();
  });
});
