'use strict';

// ./dev bench: what a server carries, and how little Till adds to what the customer waits for. docs/performance.md explains it.
//
// In one run, by turns: each work in closed loop and at a steady rate, and beside it two ceilings: pgbench with the statements that
// the work runs, and a FastCGI program that answers a constant. Medians over the rounds.

const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { promisify } = require('node:util');
const { WEBHOOK_SECRET, childrenOf, freePort, makeDirectory, startProcess, startTill, startWebServer, stopProcess, top, until } =
  require('../lib/till.js');
const { measureLists, printLists } = require('./lists.js');
const { long } = require('./long.js');
const { logPosition, ofRequest, pgbenchScript, readLog } = require('./statements.js');

const run = promisify(execFile);
const build = process.env.TILL_TEST_BUILD;
const cluster = process.env.TILL_BENCH_CLUSTER; // PostgreSQL's data directory
const tool = (name) => path.join(build, 'tests/bench', name);

// What is measured -----------------------------------------------------------------------------------------------------

const post = (address, headers, body) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `POST ${address} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(text.replaceAll('{number}', '0'.repeat(16)))}\r\n\r\n${text}`;
};
const get = (address, headers = '') => `GET ${address} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;
const bearer = (till) => `Authorization: Bearer ${till.apiKey}\r\n`;

/** An event that nothing need be done about but to keep it, so that what is measured is taking it in. */
const event = {
  id: 'evt_bench{number}', object: 'event', api_version: '2026-08-26.dahlia', created: Math.floor(Date.now() / 1000), livemode: false,
  pending_webhooks: 1, request: { id: null, idempotency_key: null }, type: 'price.updated',
  data: { object: { id: 'price_bench{number}', object: 'price', active: true, currency: 'usd', unit_amount: 1250, livemode: false } },
};

const createRequest = (till) => post('/api/v1/payments', `${bearer(till)}Idempotency-Key: bench-{number}\r\n`, {
  amount: { value: '12.50', currency: 'USD' }, payment_method_id: 'pm_card_visa', description: 'Order {number}', metadata: { order: '{number}' },
});

const works = [
  { name: 'webhook', rate: 1000, request: () => post('/api/v1/webhooks/stripe', 'Stripe-Signature: {signature}\r\n', event), sign: true, last: 'webhook_events' },
  { name: 'create, provider 5 ms', rate: 200, delay: 5, request: createRequest },
  { name: 'create, provider 100 ms', rate: 200, delay: 100, request: createRequest },
  { name: 'create, provider 400 ms', rate: 200, delay: 400, request: createRequest },
  { name: 'get', rate: 500, request: (till) => get('{path}', bearer(till)), paths: 'payments' },
  { name: 'list', rate: 200, request: (till) => get('/api/v1/payments?limit=20', bearer(till)) },
  { name: 'checkout page', rate: 200, request: () => get('{path}', 'Accept: text/html\r\n'), paths: 'pages' },
];

function options() {
  const wanted = { quick: false, rounds: 3, pooler: false, seconds: 8, json: null, statements: false, works: [] };
  const args = process.argv.slice(2);
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--quick') Object.assign(wanted, { quick: true, rounds: 1, seconds: 1 });
    else if (args[i] === '--rounds') wanted.rounds = Number(args[++i]);
    else if (args[i] === '--seconds') wanted.seconds = Number(args[++i]);
    else if (args[i] === '--json') wanted.json = args[++i];
    else if (args[i] === '--statements') wanted.statements = true;
    else if (args[i] === '--pgbouncer') wanted.pooler = true;
    else if (args[i] === '--requests') wanted.requests = Number(args[++i]);
    else if (args[i] === '--events') wanted.events = Number(args[++i]);
    else if (args[i] === '--payments') wanted.payments = Number(args[++i]);
    else if (args[i].startsWith('-')) throw new Error(`unknown: ${args[i]}; known: --quick --rounds N --seconds S --json FILE --statements --pgbouncer --requests N --events N --payments N and names of works`);
    else wanted.works.push(args[i]);
  }
  return wanted;
}

// Processes ------------------------------------------------------------------------------------------------------------

function family(pid) {
  return [pid, ...childrenOf(pid).flatMap(family)];
}

/** CPU seconds of a process, its living children, and those it has buried. */
function cpuOf(pid) {
  const tick = 100; // USER_HZ, the same on every Linux
  return family(pid).reduce((sum, one, place) => {
    try {
      const fields = fs.readFileSync(`/proc/${one}/stat`, 'latin1').replace(/^.*\) /, '').split(' ').map(Number);
      const own = fields[11] + fields[12];
      return sum + (own + (place === 0 ? fields[13] + fields[14] : 0)) / tick;
    } catch {
      return sum;
    }
  }, 0);
}

/** Memory of processes in MB: what each has for itself and its share of what they have together (PSS). */
function memoryOf(pids) {
  return pids.flatMap(family).reduce((sum, pid) => {
    try {
      return sum + Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))[1]) / 1024;
    } catch {
      return sum;
    }
  }, 0);
}

async function startProvider() {
  const child = spawn(tool('provider'), ['--delay', '5'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('data', (data) => resolve(Number(data)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    delay: (ms) => fetch(`http://127.0.0.1:${port}/delay?ms=${ms}`, { method: 'POST' }).then((answer) => answer.text()),
    stop: () => new Promise((resolve) => { child.once('exit', resolve); child.kill(); }),
  };
}

let first = 1; // number of the next request: none comes twice

async function load(port, file, { connections, seconds, rate, sign, paths, spawn, pause }) {
  const args = ['--port', port, '--connections', connections, '--seconds', seconds, '--request', file, '--first', first,
    '--warm-up', spawn ? 0 : Math.min(1, seconds / 2), ...(rate ? ['--rate', rate] : []), ...(spawn ? ['--spawn', spawn, '--pause', pause] : []), ...(sign ? ['--sign', WEBHOOK_SECRET] : []),
    ...(paths ? ['--paths', paths] : [])].map(String);
  const { stdout, stderr } = await run(tool('load'), args, { maxBuffer: 1 << 24 });
  if (stderr) process.stderr.write(stderr);
  const figures = JSON.parse(stdout);
  first = figures.next;
  return figures;
}

// Ceilings -------------------------------------------------------------------------------------------------------------

async function idleStatements(database) {
  const from = logPosition(path.join(cluster, 'log'));
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return readLog(from.file, from.length, 'till_app', database);
}

/** Past a pooler: ceilings are PostgreSQL's. */
const direct = (till) => till.db.urlOver(till.db.host);

async function typesOf(till, sql) {
  const { stdout } = await run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', direct(till), '-c', `PREPARE s AS ${sql}`,
    '-c', "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 's'"]);
  return stdout.split('\n').filter(Boolean);
}

/** Has Till do the work twice with every statement logged, and makes pgbench's script of that. */
async function recordStatements(till, work, files, idle) {
  const seen = [];
  for (let i = 0; i < 3; i++) { // the first one warms up: what is asked once is not a part of every request
    const from = logPosition(path.join(cluster, 'log'));
    await load(till.port, files.request, { connections: 1, seconds: 0.2, sign: work.sign, paths: files.paths, rate: 1 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    seen.push(ofRequest(readLog(from.file, from.length, 'till_app', till.db.name), idle, work.last));
  }
  if (!seen[1].length) throw new Error(`${work.name}: no statement was seen`);
  const script = path.join(files.dir, `${work.name.replace(/\W+/g, '-')}.sql`);
  fs.writeFileSync(script, await pgbenchScript(seen[1], seen[2], (sql) => typesOf(till, sql)));
  return { script, statements: seen[1].length };
}

async function pgbench(till, script, clients, seconds) {
  const { stdout } = await run('pgbench', ['-n', '-M', 'prepared', '-j', '2', '-c', String(clients), '-T', String(Math.max(1, Math.round(seconds))),
    '-f', script, direct(till)], { maxBuffer: 1 << 24 });
  return Number(/tps = ([\d.]+)/.exec(stdout)[1]);
}

async function startConstant(dir) {
  const socket = path.join(dir, 'constant.sock');
  const program = startProcess(tool('constant'), [socket, '16'], {}, path.join(dir, 'constant.log'));
  await until(() => fs.existsSync(socket), 'the constant program');
  const port = await freePort();
  const front = startWebServer({ server: 'lighttpd', dir, port, socket, plain: true });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).ok, 'its web server');
  return { port, stop: async () => { await stopProcess(front); await stopProcess(program); } };
}

// Measuring ------------------------------------------------------------------------------------------------------------

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** One work under one load, once. */
async function measure(till, provider, work, files, shape, seconds) {
  const postmaster = Number(fs.readFileSync(path.join(cluster, 'postmaster.pid'), 'latin1').split('\n')[0]);
  const before = { till: cpuOf(till.master.pid), pg: cpuOf(postmaster) };
  if (work.delay !== undefined) await provider.delay(work.delay);
  let memory = 0;
  const look = () => { memory = Math.max(memory, memoryOf([till.master.pid])); };
  const watch = setInterval(look, shape.rate ? 1 << 30 : 500); // the kernel walks all pages for it, while requests wait
  const figures = await load(till.port, files.request, { ...shape, seconds, sign: work.sign, paths: files.paths });
  clearInterval(watch);
  look();
  const thousands = Math.max(figures.answers, 1) / 1000;
  return {
    ...figures, memory_mb: memory,
    till_cpu: (cpuOf(till.master.pid) - before.till) / thousands,
    pg_cpu: (cpuOf(postmaster) - before.pg) / thousands,
  };
}

/** What each statement cost PostgreSQL while a work was done, the dearest first; how often it ran for one request. */
async function printStatements(till, work, files, provider) {
  if (work.delay !== undefined) await provider.delay(work.delay);
  await till.db.value('SELECT pg_stat_statements_reset()');
  const { answers } = await load(till.port, files.request, { connections: 64, seconds: 2, sign: work.sign, paths: files.paths });
  const rows = await till.db.rows(`SELECT calls, total_exec_time + total_plan_time AS ms, regexp_replace(query, '[[:space:]]+', ' ', 'g') AS query
    FROM pg_stat_statements WHERE userid = 'till_app'::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = '${till.db.name}')
    ORDER BY 2 DESC`);
  const per = (number) => (Number(number) / Math.max(answers, 1)).toFixed(2).padStart(7);
  console.log(`${work.name}: ${answers} answers; for one of them`);
  console.log('  calls      ms  statement');
  for (const row of rows) if (Number(row.calls) * 50 > answers) console.log(`${per(row.calls)} ${per(row.ms)}  ${row.query.trim().slice(0, 110)}`);
}

const shapesOf = (work) => [{ connections: 64 }, { connections: 256 }, { connections: 64, rate: work.rate }];

async function round(context, result) {
  const { till, provider, constant, wanted } = context;
  for (const one of result) {
    for (const shape of one.shapes) {
      shape.rounds.push(await measure(till, provider, one.work, one.files, shape.load, wanted.seconds));
    }
    if (one.script) one.pgbench.push(Math.max(await pgbench(till, one.script, 20, wanted.seconds), await pgbench(till, one.script, 64, wanted.seconds)));
    one.constant.push((await load(constant.port, one.files.constant, { connections: 64, seconds: wanted.seconds })).per_second);
    one.steady.push(await load(constant.port, one.files.constant, { connections: 64, seconds: wanted.seconds, rate: one.work.rate }));
  }
}

const medians = (rounds) => Object.fromEntries(Object.keys(rounds[0]).map((name) => [name, median(rounds.map((one) => one[name]))]));

function summary(one) {
  const ceiling = one.pgbench.length ? median(one.pgbench) : null;
  const constant = median(one.constant), steady = medians(one.steady);
  return {
    work: one.work.name, statements: one.statements, pgbench_per_second: ceiling, constant_per_second: constant,
    constant_steady: { rate: one.work.rate, p50_us: steady.p50_us, p99_us: steady.p99_us },
    loads: one.shapes.map((shape) => {
      const figures = medians(shape.rounds);
      return {
        ...shape.load, ...figures, to_pgbench: ceiling && figures.per_second / ceiling, to_constant: figures.per_second / constant,
        added_p50_ms: one.work.delay === undefined ? null : figures.p50_us / 1000 - 2 * one.work.delay,
        added_p99_ms: one.work.delay === undefined ? null : figures.p99_us / 1000 - 2 * one.work.delay,
      };
    }),
  };
}

function print(results) {
  const pad = (value, width) => String(value).padStart(width);
  const ms = (us) => (us / 1000).toFixed(us < 10000 ? 2 : 1);
  const added = (value) => (value === null ? '' : value.toFixed(value < 10 ? 2 : 1));
  console.log('work                     load          req/s    p50 ms    p99 ms   added: p50       p99  errors  till cpu  pg cpu     MB  pgbench  constant');
  for (const one of results) {
    for (const load of one.loads) {
      console.log(`${one.work.padEnd(24)} ${(load.rate ? `${load.rate}/s` : `${load.connections} conn.`).padEnd(10)}` +
        `${pad(load.per_second.toFixed(0), 9)}${pad(ms(load.p50_us), 10)}${pad(ms(load.p99_us), 10)}` +
        `${pad(added(load.added_p50_ms), 13)}${pad(added(load.added_p99_ms), 10)}${pad(load.errors, 8)}` +
        `${pad(load.till_cpu.toFixed(3), 10)}${pad(load.pg_cpu.toFixed(3), 8)}${pad(load.memory_mb.toFixed(1), 7)}` +
        `${pad(load.rate || !load.to_pgbench ? '' : load.to_pgbench.toFixed(2), 9)}${pad(load.rate ? '' : load.to_constant.toFixed(2), 10)}`);
    }
    console.log(`${''.padEnd(24)} ceilings: pgbench ${one.pgbench_per_second ? one.pgbench_per_second.toFixed(0) : '-'} a second (${one.statements} statements), ` +
      `constant answer ${one.constant_per_second.toFixed(0)} a second; at ${one.constant_steady.rate}/s it takes ` +
      `${ms(one.constant_steady.p50_us)}, p99 ${ms(one.constant_steady.p99_us)} ms`);
  }
  console.log('added: beyond what the provider took for its two answers; cpu: seconds for 1,000 requests; MB: memory of all till.fcgi processes; pgbench, constant: ratio to that ceiling');
}

// The whole ------------------------------------------------------------------------------------------------------------

/** Payments and checkout pages to look at. */
async function fill(till, provider, dir, count) {
  await provider.delay(0);
  const payments = [], pages = [];
  for (let i = 0; i < count; i += 20) {
    const some = await Promise.all(Array.from({ length: 20 }, (_, k) => till.api('POST', '/api/v1/payments', {
      key: `fill-${i + k}`, body: { amount: { value: '10.00', currency: 'USD' }, payment_method_id: 'pm_card_visa' } })));
    payments.push(...some.map((answer) => `/api/v1/payments/${answer.body.id}`));
    const sessions = await Promise.all(Array.from({ length: 4 }, (_, k) => till.api('POST', '/api/v1/checkout/sessions', {
      key: `page-${i + k}`, body: { amount: { value: '10.00', currency: 'USD' }, description: 'Course' } })));
    pages.push(...sessions.map((answer) => new URL(answer.body.url).pathname));
  }
  fs.writeFileSync(path.join(dir, 'payments'), payments.join('\n'));
  fs.writeFileSync(path.join(dir, 'pages'), pages.join('\n'));
}

function filesOf(till, dir, work) {
  const name = work.name.replace(/\W+/g, '-');
  const files = { dir, request: path.join(dir, `${name}.request`), constant: path.join(dir, 'constant.request') };
  if (work.paths) files.paths = path.join(dir, work.paths);
  fs.writeFileSync(files.request, work.request(till));
  fs.writeFileSync(files.constant, get('/'));
  return files;
}

/** A stack as for the works, with as many threads as payments are in flight. */
async function benchLong(wanted, scenario) {
  const dir = makeDirectory();
  const provider = await startProvider();
  let till;
  try {
    till = await startTill({ ...stack(provider), env: { ...stack(provider).env, TILL_THREADS: '256', PROVIDER_DEADLINE_MS: '30000' } });
    const files = { create: filesOf(till, dir, works.find((work) => work.delay === 5)) };
    if (scenario === 'soak' || scenario === 'users') {
      await fill(till, provider, dir, 200);
      for (const work of works.filter((one) => one.delay === undefined)) files[work.name] = { ...filesOf(till, dir, work), sign: work.sign };
    }
    return await long[scenario]({ till, provider, load, memoryOf, files, wanted });
  } finally {
    if (till) await till.stop();
    await provider.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const stack = (provider) => ({
  build, sandbox: false, server: 'lighttpd',
  env: { STRIPE_API_URL: provider.url, TILL_WORKERS: '2', TILL_THREADS: '128', TILL_LOG_LEVEL: 'info',
    RATE_LIMIT_REQUESTS: '1000000000', PAYMENT_ATTEMPTS_PER_HOUR: '1000000000' },
});

/** New connections, which have the settings that their role has by now; a pooler keeps its own longer than Till does. */
async function renew(till) {
  await till.db.value(`SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
    WHERE usename = 'till_app' AND datname = '${till.db.name}'`);
  await till.restart();
}

/** Webhooks, payments, pages: what is carried. */
async function benchWorks(wanted) {
  const dir = makeDirectory();
  const provider = await startProvider();
  let till, constant;
  try {
    if (wanted.pooler) process.env.TILL_TEST_POOLER = '1'; // for startTill()
    till = await startTill(stack(provider));
    await fill(till, provider, dir, wanted.quick ? 200 : 1000);
    constant = await startConstant(dir);
    const chosen = works.filter((work) => !wanted.works.length || wanted.works.some((name) => work.name.includes(name)));
    if (!chosen.length) throw new Error(`no work has such a name; there are: ${works.map((work) => work.name).join('; ')}; lists`);
    const result = chosen.map((work) => ({
      work, files: filesOf(till, dir, work), pgbench: [], constant: [], steady: [], shapes: shapesOf(work).map((shape) => ({ load: shape, rounds: [] })),
    }));
    await till.db.value(`ALTER ROLE till_app IN DATABASE ${till.db.name} SET log_statement = 'all'`);
    await renew(till);
    if (wanted.statements) {
      await till.db.value('CREATE EXTENSION pg_stat_statements');
      await till.db.value(`ALTER ROLE till_app IN DATABASE ${till.db.name} RESET log_statement`);
      await till.db.value(`ALTER ROLE till_app IN DATABASE ${till.db.name} SET pg_stat_statements.track = 'top'`);
      await till.db.value(`ALTER ROLE till_app IN DATABASE ${till.db.name} SET pg_stat_statements.track_planning = 'on'`);
      await renew(till);
      for (const one of result) await printStatements(till, one.work, one.files, provider);
      return;
    }
    const idle = await idleStatements(till.db.name);
    for (const one of result) Object.assign(one, await recordStatements(till, one.work, one.files, idle));
    await till.db.value(`ALTER ROLE till_app IN DATABASE ${till.db.name} RESET log_statement`);
    await renew(till);
    for (let i = 0; i < wanted.rounds; i++) await round({ till, provider, constant, wanted }, result);
    return result.map(summary);
  } finally {
    if (constant) await constant.stop();
    if (till) await till.stop();
    await provider.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const wanted = options();
  const scenarios = wanted.works.filter((name) => long[name]);
  const others = wanted.works.filter((name) => !long[name]);
  const works = scenarios.length && !others.length || others.join() === 'lists' ? [] : await benchWorks({ ...wanted, works: others });
  if (wanted.statements) return;
  if (works.length) print(works);
  const result = { at: new Date().toISOString(), rounds: wanted.rounds, seconds: wanted.seconds, works };
  if (!wanted.works.length || others.includes('lists')) printLists(result.lists = await measureLists({ build, quick: wanted.quick, payments: wanted.payments }));
  for (const name of scenarios) result[name] = await benchLong(wanted, name);
  if (wanted.json) fs.writeFileSync(wanted.json, JSON.stringify(result, null, 1));
}

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
