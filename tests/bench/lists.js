'use strict';

// The dashboard's lists at a thousand payments and at three million: the same question to both by turns, so that what else the machine
// does meets both alike, and with as many lines in both answers: what is rare is a handful in a thousand and the same handful in three
// million. A ratio near one says that the cost does not grow with the table.

const fs = require('node:fs');
const { startTill } = require('../lib/till.js');
const { signIn } = require('../lib/admin.js');

const FEW = 1000;
const ROUNDS = 15;
const RARE = 60; // payments of each rare kind, however many there are in all
const STEP = 86; // seconds between two payments: about a thousand a day
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

/** An id whose first ten letters are the time, so long after that of the payment before. */
const idOf = (i) => `pay_${Array.from({ length: 10 }, (_, n) => DIGITS[Number((BigInt(i * STEP * 1000) >> BigInt(45 - 5 * n)) & 31n)]).join('')}${String(i).padStart(16, '0')}`;
const idSql = `'pay_' || ${Array.from({ length: 10 }, (_, n) => `substr('${DIGITS}', (((i::bigint * ${STEP * 1000}) >> ${45 - 5 * n}) & 31)::int + 1, 1)`).join(' || ')} || lpad(i::text, 16, '0')`;

/** So many payments as if they had come there: mostly cards in dollars that succeeded, some of everything else, and the rare ones
 *  spread evenly from the first to the last. */
async function fill(till, count) {
  const rare = (which) => `i % ${Math.floor(count / RARE)} = ${which}`;
  const indexes = (await till.db.rows(`SELECT indexname AS name, indexdef AS made FROM pg_indexes WHERE tablename = 'payments'
    AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = 'payments'::regclass)`));
  await till.db.value(`${indexes.map(({ name }) => `DROP INDEX ${name};`).join('')}
    SET session_replication_role = replica; SET maintenance_work_mem = '256MB';
    INSERT INTO customers (id, mode, created_at, updated_at) SELECT 'cust_' || i, 'test', now(), now() FROM generate_series(0, 9999) i;
    INSERT INTO payments (id, mode, status, amount, currency, amount_captured, amount_refunded, amount_refunding, dispute_state, capture,
      confirmation, customer_id, reference, provider, provider_payment_id, provider_charge_id, method_type, method_brand, method_last4,
      created_by, created_at, updated_at)
    SELECT ${idSql}, CASE WHEN i % 1000 = 3 THEN 'live' ELSE 'test' END,
      status,
      CASE WHEN ${rare(5)} THEN 2000 ELSE 500 + (i * 7919::bigint) % 20000 END, CASE WHEN ${rare(4)} OR i % 20 = 8 THEN 'EUR' WHEN i % 2000 = 5 THEN 'JPY' ELSE 'USD' END,
      CASE status WHEN 'succeeded' THEN 500 ELSE 0 END,
      CASE WHEN status <> 'succeeded' THEN 0 WHEN ${rare(1)} THEN 100 WHEN i % 50 = 6 THEN 500 ELSE 0 END,
      CASE WHEN status = 'succeeded' AND i % 3000 = 8 THEN 50 ELSE 0 END,
      CASE WHEN ${rare(2)} THEN 'open' ELSE 'none' END, 'automatic', 'automatic',
      CASE WHEN ${rare(3)} THEN 'cust_77' ELSE 'cust_' || (100 + i % 9900) END,
      'order-' || i, CASE WHEN ${rare(6)} THEN 'paypal' ELSE 'stripe' END, 'pi_' || i, 'ch_' || i,
      CASE WHEN ${rare(6)} THEN 'paypal' ELSE 'card' END,
      CASE WHEN ${rare(6)} THEN NULL WHEN i % 9 = 0 THEN 'amex' ELSE 'visa' END,
      CASE WHEN ${rare(5)} THEN '0042' ELSE lpad((100 + i % 9800)::text, 4, '0') END, 'bench',
      to_timestamp(i * ${STEP}::bigint), to_timestamp(i * ${STEP}::bigint)
      FROM (SELECT i, CASE WHEN ${rare(0)} THEN 'unknown' WHEN ${rare(4)} THEN 'failed' WHEN ${rare(1)} OR ${rare(2)} THEN 'succeeded' WHEN i % 10 = 1 THEN 'failed' WHEN i % 100 = 2 THEN 'authorized' ELSE 'succeeded' END AS status
        FROM generate_series(1, ${count}) i) s;
    ${indexes.map(({ made }) => `${made};`).join('')}`);
  await till.db.value('VACUUM ANALYZE payments');
  await till.db.value('ANALYZE customers');
}

const day = (i) => new Date(i * STEP * 1000).toISOString().slice(0, 10);

/** What is asked of a table with so many payments: the first page, filters alone and in pairs, searches, a page from the middle. */
const questions = (count) => ({
  'the newest': '/admin/payments',
  'failed': '/admin/payments?status=failed',
  'outcome unknown': '/admin/payments?status=unknown',
  'in euros': '/admin/payments?currency=EUR',
  'of one day': `/admin/payments?from=${day(count)}&to=${day(count)}`,
  'by PayPal': '/admin/payments?provider=paypal',
  'refunded in part': '/admin/payments?refunded=partial',
  'disputed': '/admin/payments?disputed=open',
  'of a customer': '/admin/payments?customer=cust_77',
  'amount from 190': '/admin/payments?amount_from=190',
  'failed, in euros': '/admin/payments?status=failed&currency=EUR',
  'from the middle': `/admin/payments?after=${idOf(Math.floor(count / 2))}`,
  'search: reference': `/admin/payments?q=order-${count - 5}`,
  'search: provider\'s id': `/admin/payments?q=pi_${count - 7}`,
  'search: card, amount': '/admin/payments?q=0042+20.00',
  'overview': '/admin/overview',
  'customers': '/admin/customers',
  'API: list': '/api/v1/payments?limit=20',
  'export of 1,000 lines': `/admin/payments/export?to=${day(1000)}`,
});

async function timeOf(who, address) {
  const start = process.hrtime.bigint();
  const answer = await who.get(address, { headers: address.startsWith('/api') ? { accept: 'application/json' } : {} });
  if (![200, 303].includes(answer.status)) throw new Error(`${address}: ${answer.status} ${answer.text.slice(0, 300)}`);
  return { ms: Number(process.hrtime.bigint() - start) / 1e6, lines: answer.text.match(/<tr[ >]|\r\n|"payment_method"/g)?.length ?? 0 };
}

const peakOf = (pid) => Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024;

/** All of it as CSV, thrown away as it comes: lines a second, and how far the memory of a worker went. */
async function exportAll(till, who, count) {
  const start = Date.now();
  const answer = await fetch(`${till.url}/admin/payments/export`, { headers: { cookie: [...who.cookies].map((pair) => pair.join('=')).join('; ') } });
  let lines = -1;
  for await (const chunk of answer.body) for (const byte of chunk) lines += byte === 10;
  if (lines !== count) throw new Error(`the export of ${count} payments has ${lines} lines`);
  return { lines_per_second: lines / ((Date.now() - start) / 1000), peak_mb: Math.max(...till.workers().map(peakOf)) };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** { sizes, lists: [{ name, lines: [few, many], ms: [few, many], ratio }], export: … } */
async function measureLists({ build, quick, payments }) {
  const sizes = [FEW, payments ?? (quick ? 100000 : 3000000)];
  const stacks = [];
  try {
    for (const count of sizes) {
      const till = await startTill({ build, sandbox: false, env: { TILL_WORKERS: '1', RATE_LIMIT_REQUESTS: '1000000000' } });
      stacks.push({ till, count });
      await fill(till, count);
      Object.assign(stacks[stacks.length - 1], { who: await signIn(till, 'finance'), asked: questions(count) });
    }
    const lists = [];
    for (const name of Object.keys(stacks[0].asked)) {
      const times = stacks.map(() => []);
      const lines = [];
      for (let i = 0; i < (quick ? 5 : ROUNDS); i++) {
        for (const [place, one] of stacks.entries()) {
          const answer = await timeOf(one.who, one.asked[name]);
          times[place].push(answer.ms);
          lines[place] = answer.lines;
        }
      }
      const ms = times.map(median);
      lists.push({ name, lines, ms, ratio: ms[1] / ms[0] });
    }
    return { sizes, lists, export: await exportAll(stacks[1].till, stacks[1].who, sizes[1]) };
  } finally {
    for (const { till } of stacks) await till.stop();
  }
}

function printLists({ sizes, lists, export: whole }) {
  const number = (value) => value.toLocaleString('en-US');
  console.log(`\nlists of the dashboard   ${sizes.map((size) => `${number(size)} payments, ms`.padStart(24)).join('')}   ratio   lines`);
  for (const { name, lines, ms, ratio } of lists) console.log(`${name.padEnd(24)} ${ms.map((one) => one.toFixed(1).padStart(24)).join('')}${ratio.toFixed(2).padStart(8)}${[...new Set(lines)].join(' and ').padStart(8)}`);
  console.log(`export of all ${number(sizes[1])}: ${number(Math.round(whole.lines_per_second))} lines a second, a worker's memory at most ${whole.peak_mb.toFixed(0)} MB`);
}

module.exports = { measureLists, printLists };
