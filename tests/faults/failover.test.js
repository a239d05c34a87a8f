'use strict';

// Two PostgreSQL servers, the second of which follows the first synchronously. The first is lost under load, the second is promoted,
// and Till goes on by its connection string, which names both. Nothing that was acknowledged is lost; how long nobody was served
// is said. Then the other way round.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { act, closed, newKey, oracle, pay, usd } = require('../api/books.js');
const { load } = require('../api/wire.js');
const { follow, isFollowed, newServer, startCluster } = require('../lib/postgres.js');
const { sleep, startTill, until } = require('../lib/till.js');

const CLIENTS = 8;
const OUTAGE_MS = 700; // until whoever watches the servers has decided

let till, cluster, other;
before(async () => {
  cluster = await startCluster();
  other = await newServer();
  await follow(other, cluster);
  process.env.TILL_TEST_DATABASE_URL = `host='${cluster.dir},${other.dir}' target_session_attrs=read-write dbname=till_template user=postgres`;
  till = await startTill({
    env: { TILL_WORKERS: '2', TILL_THREADS: '6', DB_POOL_SIZE: '8', PROVIDER_DEADLINE_MS: '5000', BREAKER_THRESHOLD: '1000' },
  });
});
after(async () => {
  try {
    await till?.db.value("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'"); // held by nobody
    await closed(till);
  } finally {
    await other?.stop();
    await cluster?.stop();
  }
});

const isFinal = ({ status, body }) => status > 0 && status < 500 && body?.code !== 'IDEMPOTENCY_IN_PROGRESS';

/** Payments and refunds, each under a key of its own; what was asked and answered, and when. */
function work() {
  const asked = [];
  const say = async (operation) => {
    const answer = await operation.send().catch((error) => ({ status: 0, text: error.message }));
    operation.answers.push({ ...answer, at: Date.now() });
    return answer;
  };
  const ask = (send) => {
    const operation = { send, answers: [] };
    asked.push(operation);
    return say(operation);
  };
  const running = load(CLIENTS, async (n) => {
    const key = newKey();
    const paid = await ask(() => pay(till, { reference: `order-${key}`, ...(n % 3 ? {} : { payment_method_id: 'pm_card_chargeDeclined' }) }, { key }));
    if (paid.status === 201) {
      const second = newKey();
      await ask(() => act(till, paid.body.id, 'refund', { amount: usd('2.50') }, { key: second }));
    }
    await sleep(20);
  });
  return { asked, say, stop: () => running.stop() };
}

/** Each request is sent again under its key until it is answered; whoever held a key is gone. */
async function insist(operation, say) {
  await until(async () => {
    const answer = await say(operation);
    if (answer.body?.code === 'IDEMPOTENCY_IN_PROGRESS') await till.db.value('UPDATE idempotency_keys SET held_until = now() WHERE status IS NULL');
    return isFinal(answer);
  }, 'an answer to every key', 60000);
}

const LOSSES = { 'its machine is lost': (server) => server.kill(), 'it crashes': (server) => server.crash() };

for (const [what, lose] of Object.entries(LOSSES)) {
  test(`the primary is lost under load (${what}): the standby is promoted, and nothing that was acknowledged is lost`, async (t) => {
    const { asked, say, stop } = work();
    const good = () => asked.flatMap(({ answers }) => answers).filter(({ status }) => status === 201).map(({ at }) => at);
    await until(() => good().length > 20, 'payments', 60000);
    await lose(cluster);
    const lost = Date.now();
    await sleep(OUTAGE_MS);
    await other.promote();
    const promoted = Date.now();
    const again = await until(() => good().find((at) => at > promoted), 'service after the promotion', 60000);
    await until(() => good().filter((at) => at > again).length > 20, 'payments again', 60000);
    await stop();
    t.diagnostic(`without service for ${again - lost} ms: ${promoted - lost} ms until the promotion, ${again - promoted} ms until the first payment`);

    const acknowledged = asked.flatMap(({ answers }) => answers).filter(({ status }) => status === 201 || status === 202);
    const known = new Set((await till.db.rows('SELECT id FROM payments UNION ALL SELECT id FROM refunds')).map(({ id }) => id));
    assert.deepEqual(acknowledged.filter(({ body }) => !known.has(body.id)), [], 'acknowledged and lost');
    for (const { status, headers, body, text } of asked.flatMap(({ answers }) => answers))
      if (status >= 500 && body && body.type !== 'about:blank') assert.ok(status === 503 && Number(headers.get('retry-after')) > 0, text);
    const met = asked.filter(({ answers }) => !isFinal(answers[0]));
    assert.ok(met.length > 0, 'some met the loss');
    for (const operation of met) await insist(operation, say);
    for (const { answers } of asked) {
      const texts = new Set(answers.filter(isFinal).map(({ text }) => text));
      assert.equal(texts.size, 1, `two answers to one key: ${[...texts]}`);
    }
    assert.equal(await till.db.value('SELECT count(*) FROM (SELECT FROM payments GROUP BY reference HAVING count(*) > 1) twice'), '0', 'a payment for each order');

    await follow(cluster, other); // what was the primary begins anew
    [cluster, other] = [other, cluster];
  });
}

test('a commit whose wait for the standby is cut short is not acknowledged', async () => {
  const key = newKey();
  await other.crash();
  const asked = pay(till, { reference: key }, { key });
  let done = false;
  asked.finally(() => { done = true; });
  await until(async () => {
    await cluster.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    return done;
  }, 'an answer');
  const first = await asked;
  assert.equal(first.status, 503, first.text);
  assert.ok(Number(first.headers.get('retry-after')) > 0);
  await other.start();
  await isFollowed(cluster);
  let answer;
  await insist({ send: () => pay(till, { reference: key }, { key }), answers: [] }, async (operation) => (answer = await operation.send()));
  assert.equal(answer.status, 201, answer.text);
  assert.equal((await oracle(till, answer.body.id)).executed, 1);
  assert.equal(await till.db.value(`SELECT count(*) FROM payments WHERE reference = '${key}'`), '1');
});
