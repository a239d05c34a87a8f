'use strict';

// Lists of payments: every filter, pages that stay right while payments come in, and the history with its total.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { sleep, startTill, until } = require('../lib/till.js');
const { act, closed, isProblem, paid, pay, pointers, usd } = require('./books.js');

let till, customer;
const all = []; // ids, newest first
const ids = {};
before(async () => {
  till = await startTill();
  customer = (await till.api('POST', '/api/v1/customers', { body: { reference: 'lister' } })).body.id;
  const add = async (name, answer) => {
    const id = answer.body?.payment_id ?? answer.body?.id ?? answer.id;
    ids[name] = id;
    all.unshift(id);
    await sleep(3); // ids of one millisecond have no order of their own
  };
  await add('plain', await paid(till, { reference: 'r-1' }));
  await add('customer', await paid(till, { customer_id: customer, reference: 'r-1' }));
  await add('euro', await paid(till, { amount: { value: '7.00', currency: 'EUR' } }));
  await add('pending', await pay(till, { payment_method_id: undefined }));
  await add('held', await paid(till, { capture: false }));
  await add('declined', await pay(till, { payment_method_id: 'pm_card_chargeDeclined' }));
  await add('bank', await pay(till, { payment_method_id: 'pm_card_authenticationRequired' }));
  await add('cancelled', await act(till, (await pay(till, { payment_method_id: undefined })).body.id, 'cancel'));
  await add('partly', await paid(till));
  await act(till, ids.partly, 'refund', { amount: usd('1.00') });
  await add('refunded', await paid(till));
  await act(till, ids.refunded, 'refund');
});
after(() => closed(till));

const list = async (query = '') => {
  const answer = await till.api('GET', `/api/v1/payments?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
};
const found = async (query) => (await list(query)).data.map((one) => one.id);
const named = (...names) => all.filter((id) => names.some((name) => ids[name] === id));

describe('filters', { concurrency: 4 }, () => {
  const cases = () => [
    ['', all],
    ['status=succeeded', named('plain', 'customer', 'euro', 'partly')],
    ['status=refunded', named('refunded')],
    ['status=pending', named('pending')],
    ['status=authorized', named('held')],
    ['status=failed', named('declined')],
    ['status=requires_action', named('bank')],
    ['status=cancelled', named('cancelled')],
    ['status=processing', []],
    [`customer_id=${customer}`, named('customer')],
    ['reference=r-1', named('plain', 'customer')],
    [`reference=r-1&customer_id=${customer}`, named('customer')],
    ['currency=EUR', named('euro')],
    ['currency=eur', named('euro')],
    ['provider=stripe', all],
    ['provider=paypal', []],
    [`payment_id=${ids.held}`, named('held')],
    ['refund_state=partial', named('partly')],
    ['refund_state=full', named('refunded')],
    ['created_after=2020-01-01T00:00:00Z&created_before=2100-01-01T00:00:00Z', all],
    ['created_before=2020-01-01T00:00:00Z', []],
    ['created_after=2100-01-01T00:00:00Z', []],
    ['checkout_session_id=cs_none', []],
  ];
  test('each of them', async () => {
    for (const [query, expected] of cases()) assert.deepEqual(await found(query), expected, query);
  });

  test('a provider\'s id finds its payment', async () => {
    const { provider_payment_id: theirs } = (await list(`payment_id=${ids.euro}`)).data[0];
    assert.deepEqual(await found(`payment_id=${theirs}`), [ids.euro]);
  });

  test('a bound of time is exact', async () => {
    const at = await till.db.value(`SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM payments WHERE id = '${ids.held}'`);
    const place = all.indexOf(ids.held);
    assert.deepEqual(await found(`created_after=${at}`), all.slice(0, place + 1));
    assert.deepEqual(await found(`created_before=${at}`), all.slice(place + 1));
  });

  test('what is no filter, or no value of one, is named', async () => {
    const answer = await till.api('GET', '/api/v1/payments?status=paid&limit=101&currency=XX&created_after=yesterday&colour=red&refund_state=some&cursor=%20');
    isProblem(answer, 400, 'VALIDATION_ERROR');
    assert.deepEqual(pointers(answer), [
      'query:colour', 'query:created_after', 'query:currency', 'query:cursor', 'query:limit', 'query:refund_state', 'query:status',
    ]);
    for (const limit of ['0', '-1', '1.5', 'x', '99999999999999999999']) {
      isProblem(await till.api('GET', `/api/v1/payments?limit=${limit}`), 400, 'VALIDATION_ERROR');
    }
  });

  test('an id that is no cursor of the list is refused by every list', async () => {
    const { body: described } = await till.api('GET', '/api/v1/openapi.json');
    const lists = Object.entries(described.paths).filter(([path, { get }]) => !path.includes('{') && get?.parameters?.some(({ name }) => name === 'cursor'));
    assert.ok(lists.length >= 12, String(lists.map(([path]) => path)));
    for (const [path] of lists) {
      const answer = await till.api('GET', `${path}?cursor=none_01m80cya5saqcwhkg4rxj8drmf`);
      isProblem(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(answer.body.errors, [{ pointer: 'query:cursor', detail: 'is no cursor of this list' }], path);
    }
  });

  test('letters that mean something elsewhere mean nothing here', async () => {
    for (const reference of ["' OR '1'='1", '%', '_', '\\', 'r-1; DROP TABLE payments', 'r%2D1%00'.replace('%00', ''), '💶']) {
      const expected = reference === 'r%2D1' ? named('plain', 'customer') : [];
      assert.deepEqual(await found(`reference=${reference === 'r%2D1' ? reference : encodeURIComponent(reference)}`), expected, reference);
    }
  });
});

describe('pages', () => {
  test('together they are the whole, once each', async () => {
    for (const limit of [1, 3, all.length]) {
      const seen = [];
      let page;
      do {
        page = await list(`limit=${limit}${page ? `&cursor=${page.next_cursor}` : ''}`);
        assert.ok(page.data.length <= limit);
        assert.equal(page.has_more, page.next_cursor !== null);
        seen.push(...page.data.map((one) => one.id));
      } while (page.has_more);
      assert.deepEqual(seen, all);
    }
  });

  test('what comes in meanwhile moves no page', async () => {
    const first = await list('limit=4');
    const more = [];
    for (let i = 0; i < 3; i++) more.unshift((await paid(till)).id);
    const second = await list(`limit=4&cursor=${first.next_cursor}`);
    assert.deepEqual([...first.data, ...second.data].map((one) => one.id), all.slice(0, 8));
    all.unshift(...(await found('limit=3')));
    assert.deepEqual([...all.slice(0, 3)].sort(), more.sort());
  });

  test('twenty without a limit, and none shows a secret', async () => {
    await Promise.all(Array.from({ length: 12 }, () => pay(till, { payment_method_id: undefined, reference: 'many' })));
    const page = await list();
    assert.equal(page.data.length, 20);
    assert.ok(page.has_more);
    for (const one of page.data) assert.equal(one.client_secret, undefined);
    assert.equal((await list('reference=many&limit=100')).data.length, 12);
  });

  test('of one customer a hundred, and of the last thirty days where that is asked for', async () => {
    const { id } = (await till.api('POST', '/api/v1/customers', { body: { reference: 'regular' } })).body;
    await till.db.value(`INSERT INTO payments (id, mode, status, amount, currency, capture, confirmation, customer_id, provider, created_by, created_at, updated_at)
      SELECT 'pay_000000000000000000000' || lpad(i::text, 5, '0'), 'test', 'cancelled', 100, 'CHF', 'automatic', 'manual', '${id}', 'stripe', 'test', at, at
      FROM generate_series(1, 103) i, LATERAL (SELECT now() - make_interval(days => i - 1) - interval '1 minute' AS at) AS days`);
    const newest = await list(`customer_id=${id}`);
    assert.deepEqual([newest.data.length, newest.has_more], [100, true]);
    assert.equal((await list(`customer_id=${id}&cursor=${newest.next_cursor}`)).data.length, 3, 'none is lost');
    const recent = (await list(`customer_id=${id}&recent=true`)).data;
    assert.equal(recent.length, 30);
    assert.ok(recent.every((one) => Date.parse(one.created_at) > Date.now() - 30 * 86400000));
    for (const member of ['customer_id', 'amount', 'status', 'created_at', 'payment_method']) assert.ok(member in recent[0], member);
    const later = encodeURIComponent(new Date(Date.now() - 86400000).toISOString());
    assert.equal((await list(`customer_id=${id}&recent=true&created_after=${later}`)).data.length, 1);
    await till.db.value(`DELETE FROM payments WHERE customer_id = '${id}'`); // nobody asked for them: no audit entry tells of them
  });
});

describe('history', () => {
  test('by offset, with the total', async () => {
    const history = async (query) => {
      const answer = await till.api('GET', `/api/v1/payments/history?${query}`);
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };
    const total = Number(await till.db.value('SELECT count(*) FROM payments'));
    const first = await history('limit=5&offset=0');
    assert.deepEqual(Object.keys(first).sort(), ['limit', 'offset', 'payments', 'total']);
    assert.equal(first.total, total);
    assert.equal(first.limit, 5);
    assert.equal(first.payments.length, 5);
    const second = await history('limit=5&offset=5');
    assert.equal(second.offset, 5);
    const seen = [...first.payments, ...second.payments].map((one) => one.id);
    assert.deepEqual(seen, (await found('limit=10')));
    assert.equal((await history('limit=5&offset=1000')).payments.length, 0);
    const narrowed = await history('reference=r-1&limit=1');
    assert.equal(narrowed.total, 2);
    assert.equal(narrowed.payments.length, 1);
    isProblem(await till.api('GET', '/api/v1/payments/history?offset=-1&cursor=x'), 400, 'VALIDATION_ERROR');
  });
});

describe('disputes', () => {
  test('a disputed payment is found by its state', async () => {
    const disputed = await paid(till, { payment_method_id: 'pm_card_createDispute' });
    await until(async () => (await till.api('GET', `/api/v1/payments/${disputed.id}`)).body.dispute_state === 'open', 'the dispute');
  });
});
