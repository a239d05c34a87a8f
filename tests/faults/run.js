'use strict';

// The fault runner: node tests/faults/run.js --seed N --seconds S, started by ./dev faults. Eight clients work through the web
// server while processes die, PostgreSQL goes away and the provider misbehaves, all as the seed says. Then the faults stop,
// everything comes to rest, and the invariants are checked. Ends with 1 and what broke when one does not hold.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { startCluster } = require('../lib/postgres.js');
const { sleep, startTill } = require('../lib/till.js');
const { Client } = require('./clients.js');
const { Events } = require('./events.js');
const { randomOf } = require('./random.js');
const { check, settle, short } = require('./truth.js');

const CLIENTS = 8;
// What takes so long after the faults does not come to its end, on the slowest machine.
const END_MS = 15 * 60000;

function options() {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string', default: '30' } } });
  const seed = Number(values.seed ?? crypto.randomInt(1, 1e9));
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seed) || !(seconds > 0)) throw new Error('--seed N --seconds S: whole numbers');
  return { seed, seconds };
}

class World {
  constructor(till, seed) {
    Object.assign(this, { till, seed, over: false, operations: [], problems: [], counts: {}, tabs: [], unanswered: 0 });
    this.clients = Array.from({ length: CLIENTS }, (_, number) => new Client(this, number));
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  problem(what, detail) {
    this.problems.push({ what, detail });
  }

  noteTabs(session, ids) {
    this.tabs.push({ session, ids });
  }
}

/** What this seed's Till is like. */
function settings(seed, failpoints) {
  const random = randomOf(seed, 'settings');
  return {
    TILL_FAILPOINTS: failpoints, TILL_WORKERS: String(random.int(1, 3)), TILL_THREADS: random.of(['2', '4', '8']),
    DB_POOL_SIZE: random.of(['2', '2', '10']), PROVIDER_DEADLINE_MS: '800', PROVIDER_TIMEOUT_MS: '2000', BREAKER_SECONDS: '1',
    BREAKER_THRESHOLD: random.of(['5', '1000']), STRIPE_MULTICAPTURE: 'true',
  };
}

async function work(world, events, seconds) {
  const timer = sleep(seconds * 1000).then(() => { world.over = true; });
  await Promise.all([timer, events.work(), ...world.clients.map((client) => client.work())]);
}

function tell(world, events, { seed, seconds }, ms) {
  const answered = (digit) => Object.entries(world.counts).filter(([name]) => new RegExp(` ${digit}\\d*$`).test(name)).reduce((sum, [, n]) => sum + n, 0);
  const { kill, reload, stop, database, 'died at a failpoint': died } = events.counts;
  const hits = Object.entries(events.hits).map(([name, n]) => `${name} ${n}`).join(', ');
  console.log(`seed ${seed}, ${seconds} s (${Math.round(ms / 1000)} in all): ${world.operations.length} operations, ${answered(2)} × 2xx, ${answered(4)} × 4xx, ${answered(5)} × 5xx, ${answered(0)} broken, ${world.unanswered} unanswered at the end`);
  console.log(`  ${kill} workers killed, ${died} died between two phases, ${reload} reloads, ${stop} stops, ${database} crashes of PostgreSQL; of the provider: ${hits || 'none'}`);
  const kinds = new Map();
  for (const problem of world.problems) kinds.set(problem.what, [...(kinds.get(problem.what) ?? []), problem.detail]);
  for (const [what, details] of kinds) {
    console.log(`  BROKEN ${what} (${details.length})`);
    for (const detail of details.slice(0, 3)) console.log(`    ${typeof detail === 'string' ? detail.slice(0, 600) : short(detail)}`);
  }
  console.log(world.problems.length ? `  replay: ./dev faults --seed ${seed} --seconds ${seconds}` : '  every invariant holds');
}

/** For whoever looks for the reason: the log, the answers, both books. */
async function keep(world, events, seed) {
  const to = path.join(process.env.TILL_TEST_ARTEFACTS || world.till.dir, `faults-${seed}`);
  fs.mkdirSync(to, { recursive: true });
  const write = (name, value) => fs.writeFileSync(path.join(to, name), typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  write('till.log', world.till.logs());
  write('problems.json', world.problems);
  write('operations.json', world.operations);
  write('ledger.json', await world.till.sandbox.ledger());
  for (const table of ['payments', 'attempts', 'refunds', 'audit_log', 'jobs', 'webhook_events', 'checkout_sessions', 'idempotency_keys', 'decisions'])
    write(`${table}.json`, (await world.till.db.rows(`SELECT * FROM ${table} ORDER BY 1`)).map((row) => JSON.stringify(row)).join('\n'));
  if (process.env.TILL_TEST_ARTEFACTS) console.log(`  kept in ${to}`);
}

/** The whole of it, unless it takes longer than any machine would need: then that is the finding, with what it was at. */
async function inTime(ms, world, whole) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => {
      world.over = true;
      world.problem('the run does not end', `after ${Math.round(ms / 1000)} s it is still at ${world.at}`);
      resolve();
    }, ms);
  });
  await Promise.race([whole, late]);
  clearTimeout(timer);
}

async function play(world, events, seconds) {
  world.at = 'the work';
  await work(world, events, seconds);
  await settle(world);
  world.at = 'the invariants';
  await check(world);
}

async function main() {
  const { seed, seconds } = options();
  const begun = Date.now();
  const cluster = await startCluster();
  let till, world, events;
  try {
    const failpoints = path.join(cluster.dir, 'failpoints');
    fs.writeFileSync(failpoints, '', { mode: 0o644 });
    till = await startTill({ env: settings(seed, failpoints) });
    world = new World(till, seed);
    world.silent = randomOf(seed, 'silent').chance(50);
    events = new Events(world, { cluster, failpoints });
    await inTime(seconds * 1000 + END_MS, world, play(world, events, seconds));
    if (world.problems.length) await keep(world, events, seed);
  } finally {
    if (world) await till.stop().catch((error) => world.problem('the programs complain', error.message));
    else if (till) await till.stop();
    await cluster.stop();
  }
  tell(world, events, { seed, seconds }, Date.now() - begun);
  process.exit(world.problems.length ? 1 : 0); // also where something still waits
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
