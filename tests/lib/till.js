'use strict';

// A whole Till for one test file: a database of its own, till.fcgi, the sandbox, and a web server in front.
//
//     const till = await startTill({ env: { RATE_LIMIT_REQUESTS: '5' } });
//     after(() => till.stop());
//     const answer = await till.api('POST', '/api/v1/payments', { body: {…}, key: 'k1' });
//
// Set by ./dev test: TILL_TEST_DATABASE_URL (conninfo of a superuser; its database is the migrated template), TILL_TEST_BUILD
// (directory of the programs), TILL_TEST_SERVER (lighttpd or apache), TILL_TEST_POOLER (1: PgBouncer between Till and PostgreSQL),
// TILL_TEST_ARTEFACTS (where logs are kept).

const { spawn, execFile } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { apacheConf, lighttpdConf } = require('./webserver.js');

const run = promisify(execFile);
const top = path.resolve(__dirname, '../..');

const SECRET_KEY = 'sk_test_4eC39HqLyjWDarjtT1zdp7dc';
const PUBLISHABLE_KEY = 'pk_test_TYooMQauvdEDq54NiTphI7jx';
const WEBHOOK_SECRET = 'whsec_dGhpcyBpcyBhIHRlc3Qgc2VjcmV0IG9mIHRpbGw';

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this through ./dev test ${path.relative(top, process.argv[1])}`);
  return value;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `check` answers something true; its last error is told when it never does. */
async function until(check, what, ms = 60000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms${last ? `: ${last.message}` : ''}`);
    await sleep(20);
  }
}

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// The database ---------------------------------------------------------------------------------------------------------

function conninfoOf(options) {
  return Object.entries(options).map(([name, value]) => `${name}='${String(value).replace(/['\\]/g, '\\$&')}'`).join(' ');
}

function parseConninfo(text) {
  const options = {};
  for (const [, name, quoted, bare] of text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))/g)) {
    options[name] = quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1');
  }
  return options;
}

async function psql(conninfo, sql) {
  const { stdout } = await run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', conninfo, '-c', sql], { maxBuffer: 1 << 26 });
  return stdout.replace(/\n$/, '');
}

/** A database of one's own, copied from the template, or empty but for its owner. */
async function createDatabase({ empty = false } = {}) {
  const server = parseConninfo(required('TILL_TEST_DATABASE_URL'));
  const name = `till_test_${process.pid}_${crypto.randomBytes(4).toString('hex')}`;
  const admin = conninfoOf({ ...server, dbname: 'postgres' });
  const all = conninfoOf({ ...server, dbname: name });
  await psql(admin, `CREATE DATABASE ${name} ${empty ? 'OWNER till_owner' : `TEMPLATE ${server.dbname}`}`);
  return {
    name,
    host: server.host,
    /** Conninfo of the application's role, over another host if one is given, and of the schema's owner. */
    url: conninfoOf({ ...server, dbname: name, user: 'till_app' }),
    urlOver: (host) => conninfoOf({ ...server, host, dbname: name, user: 'till_app' }),
    ownerUrl: conninfoOf({ ...server, dbname: name, user: 'till_owner' }),
    superUrl: all,
    /** The rows of a SELECT, as objects. */
    rows: async (sql) => JSON.parse(await psql(all, `SELECT coalesce(json_agg(r), '[]') FROM (${sql}) r`)),
    /** The first value of a statement, as text. */
    value: (sql) => psql(all, sql),
    drop: () => psql(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

// Processes ------------------------------------------------------------------------------------------------------------

const SANITIZERS = {
  ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0:exitcode=99',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};

/** Only what a program is given: no setting of the one who runs the tests leaks in. */
function cleanEnvironment(env) {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  return Object.fromEntries(
    Object.entries({ PATH, HOME, TMPDIR, LANG, ...SANITIZERS, ...env }).filter(([, value]) => value !== undefined && value !== null)
  );
}

/** A child whose output goes to a file. */
function startProcess(command, args, env, log) {
  const out = fs.openSync(log, 'a');
  const child = spawn(command, args, { env: cleanEnvironment(env), stdio: ['ignore', out, out] });
  fs.closeSync(out);
  const state = { child, pid: child.pid, log, ended: null };
  state.exit = new Promise((resolve) => {
    child.once('error', (error) => resolve((state.ended = { error })));
    child.once('exit', (code, signal) => resolve((state.ended = { code, signal })));
  });
  return state;
}

async function stopProcess(state, signal = 'SIGTERM', ms = 30000) {
  if (!state || state.ended) return state && state.ended;
  state.child.kill(signal);
  const timer = setTimeout(() => state.child.kill('SIGKILL'), ms);
  await state.exit;
  clearTimeout(timer);
  return state.ended;
}

/** Processes whose parent is `pid`: the workers of a master. */
function childrenOf(pid) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
    } catch {
      return false;
    }
  }).map(Number).sort((a, b) => a - b);
}

const COMPLAINT = /ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed/;

/** Every complaint of a sanitizer or an assert in these logs. */
function complaints(logs) {
  return logs.filter((log) => fs.existsSync(log)).flatMap((log) => {
    const text = fs.readFileSync(log, 'utf8');
    const at = text.search(COMPLAINT);
    return at < 0 ? [] : [`${path.basename(log)}: ${text.slice(at, at + 3000)}`];
  });
}

// The web server -------------------------------------------------------------------------------------------------------

async function answers(url) {
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5000) });
  await answer.arrayBuffer();
  return answer;
}

/**
 * lighttpd or Apache on a loopback port before a FastCGI socket, with the rules that a user installs.
 * @param {{ server?: string, dir: string, port: number, socket: string, share?: string, plain?: boolean }} options
 *   plain: without Till's rules, everything goes to the socket
 */
function startWebServer({ server = 'lighttpd', dir, port, socket, share = top, plain = false }) {
  const conf = path.join(dir, `${server}-${port}.conf`);
  const log = path.join(dir, `${server}-${port}.log`);
  if (server === 'apache') {
    // www-data may not be able to read this checkout
    fs.cpSync(path.join(share, 'static'), path.join(dir, 'share', 'static'), { recursive: true });
    fs.writeFileSync(conf, apacheConf({ top, dir, port, socket, share: path.join(dir, 'share'), log }));
    return startProcess('/usr/sbin/apache2', ['-f', conf, '-D', 'FOREGROUND'], {}, log);
  }
  fs.writeFileSync(conf, lighttpdConf({ top, dir, port, socket, share, log, plain }));
  return startProcess('/usr/sbin/lighttpd', ['-D', '-f', conf], {}, log);
}

/** Apache gives up root: let its group reach the socket. */
function openSocketTo(server, socket) {
  if (server === 'apache' && process.getuid() === 0) fs.chmodSync(socket, 0o666);
}

// Till -----------------------------------------------------------------------------------------------------------------

function tillEnvironment({ database, url, sandboxUrl, keys, env }) {
  return {
    DATABASE_URL: database.url,
    TILL_URL: url,
    TILL_KEYS_FILE: keys,
    TILL_TEMPLATES: path.join(top, 'templates'),
    TILL_LOCALES: path.join(top, 'locales'),
    TILL_SQL: path.join(top, 'sql'),
    TILL_WORKERS: '2',
    TILL_THREADS: '4',
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_PUBLISHABLE_KEY: PUBLISHABLE_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_URL: sandboxUrl,
    STRIPE_JS_URL: `${sandboxUrl}/v3/`,
    RETURN_ORIGINS: sandboxUrl,
    RATE_LIMIT_REQUESTS: '100000',
    PAYMENT_ATTEMPTS_PER_HOUR: '100000',
    REFUNDS_PER_DAY: '100000',
    TILL_SECOND_FACTOR: 'optional',
    ...env,
  };
}

function writeKeys(file) {
  fs.writeFileSync(file, `k1:${crypto.randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
}

function makeDirectory() {
  // short: a unix socket's path has 107 bytes
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'till-'));
  fs.chmodSync(dir, 0o711);
  return dir;
}

function keepLogs(dir, name) {
  const artefacts = process.env.TILL_TEST_ARTEFACTS;
  if (!artefacts) return;
  const to = path.join(artefacts, 'logs', `${name}-${path.basename(dir)}`);
  fs.mkdirSync(to, { recursive: true });
  for (const file of fs.readdirSync(dir)) {
    if (file.endsWith('.log')) fs.copyFileSync(path.join(dir, file), path.join(to, file));
  }
}

/**
 * Starts everything and waits until it is ready.
 * @param {{ env?: Record<string, string>, sandboxEnv?: Record<string, string>, server?: string, build?: string,
 *   sandbox?: boolean, scopes?: string }} [options]
 *   env: settings of till.fcgi; null takes one away.  sandbox: false for none.  scopes: of the API key.
 */
async function startTill(options = {}) {
  const { env = {}, sandboxEnv = {}, sandbox: wanted = true, scopes = '*' } = options;
  const server = options.server || process.env.TILL_TEST_SERVER || 'lighttpd';
  const build = options.build || required('TILL_TEST_BUILD');
  const database = await createDatabase();
  const dir = makeDirectory();
  const socket = path.join(dir, 'till.sock');
  const log = path.join(dir, 'till.log');
  const keys = path.join(dir, 'keys');
  const name = path.basename(process.argv[1] || 'test').replace(/\W+/g, '-');
  const till = { dir, server, socket, db: database, logFile: log };
  let master, front, sandbox, pooler;
  writeKeys(keys);

  /** Runs the till command; answers { code, stdout, stderr }. The last argument may be an object: { input }. */
  till.command = async (...args) => {
    const { input = '' } = typeof args[args.length - 1] === 'object' ? args.pop() : {};
    try {
      const environment = { ...till.env, MIGRATE_DATABASE_URL: database.ownerUrl };
      const child = run(path.join(build, 'till'), args, { env: cleanEnvironment(environment) });
      child.child.stdin.on('error', () => {}); // one that reads nothing may have ended before
      child.child.stdin.end(input);
      const { stdout, stderr } = await child;
      return { code: 0, stdout, stderr };
    } catch (error) {
      if (typeof error.code !== 'number') throw error;
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  };

  /** A new API key with these scopes. */
  till.makeKey = async (some = '*', label = 'test') => {
    const { code, stdout, stderr } = await till.command('api-key', 'create', '--name', label, '--scopes', some);
    if (code !== 0) throw new Error(`till api-key create: ${code}: ${stderr}`);
    return stdout.trim().split(/\s+/).pop();
  };

  till.startMaster = async () => {
    fs.rmSync(socket, { force: true });
    master = startProcess(path.join(build, 'till.fcgi'), ['--listen', socket], till.env, log);
    till.master = master;
    await until(() => {
      if (master.ended) throw new Error(`till.fcgi ended: ${JSON.stringify(master.ended)}\n${till.logs().slice(-3000)}`);
      return fs.existsSync(socket) && (fs.statSync(socket).mode & 0o777) === 0o660; // after that it is left alone
    }, 'the socket of till.fcgi');
    openSocketTo(server, socket);
  };

  till.startFront = async () => {
    front = startWebServer({ server, dir, port: till.port, socket });
    till.front = front;
    await until(async () => {
      if (front.ended) throw Object.assign(new Error(`${server} ended: ${fs.readFileSync(front.log, 'utf8').slice(-2000)}`), { port: true });
      const answer = await answers(`${till.url}/readyz`);
      return answer.status === 200 && till.logs().includes(answer.headers.get('x-request-id')); // and not another's Till on that port
    }, `${till.url}/readyz`);
  };

  till.logs = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '');
  till.logLines = () => till.logs().split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  till.workers = () => childrenOf(master.pid);
  till.kill = (pid, signal = 'SIGKILL') => process.kill(pid, signal);

  /** Stops till.fcgi alone; answers how it ended. */
  till.stopMaster = (signal) => stopProcess(master, signal);
  till.restart = async () => {
    await stopProcess(master);
    await till.startMaster();
    await until(async () => (await answers(`${till.url}/readyz`)).status === 200, 'till.fcgi after its restart');
  };

  /**
   * A request to the API; answers { status, headers, body, text }. `body` is sent as JSON, `key` as Idempotency-Key; apiKey null
   * sends none.
   */
  till.api = async (method, address, { body, key, headers = {}, apiKey = till.apiKey, raw, base = till.url, signal } = {}) => {
    const all = { ...headers };
    if (apiKey) all.authorization ??= `Bearer ${apiKey}`;
    if (key) all['idempotency-key'] = key;
    if (body !== undefined) all['content-type'] ??= 'application/json';
    const answer = await fetch(base + address, {
      method, headers: all, redirect: 'manual', signal, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
    const text = await answer.text();
    let parsed;
    if (/json/.test(answer.headers.get('content-type') || '')) parsed = JSON.parse(text);
    return { status: answer.status, headers: answer.headers, body: parsed, text };
  };

  /** Ends everything; throws when a sanitizer or an assert complained, or till.fcgi did not end cleanly. */
  till.stop = async () => {
    const running = master && !master.ended;
    await stopProcess(front);
    const ended = await stopProcess(master);
    if (sandbox) await sandbox.stop();
    if (pooler) await pooler.stop();
    await database.drop();
    const found = complaints([log]);
    keepLogs(dir, name);
    fs.rmSync(dir, { recursive: true, force: true });
    if (found.length) throw new Error(`till.fcgi complained:\n${found.join('\n')}`);
    if (running && ended.code !== 0) throw new Error(`till.fcgi ended with ${JSON.stringify(ended)}`);
  };

  try {
    till.port = await freePort();
    till.url = `http://127.0.0.1:${till.port}`;
    if (wanted) {
      const { startSandbox } = require('./sandbox.js');
      sandbox = await startSandbox({
        build,
        env: {
          SANDBOX_WEBHOOK_URL: `${till.url}/api/v1/webhooks/stripe`,
          STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
          STRIPE_SECRET_KEY: SECRET_KEY,
          TILL_URL: till.url,
          ...sandboxEnv,
        },
      });
      till.sandbox = sandbox;
    }
    till.sandboxUrl = sandbox ? sandbox.url : 'http://127.0.0.1:9';
    if (process.env.TILL_TEST_POOLER === '1') {
      const { startPooler } = require('./pooler.js');
      pooler = await startPooler(database.host);
      database.url = database.urlOver(pooler.dir);
    }
    till.env = tillEnvironment({ database, url: till.url, sandboxUrl: till.sandboxUrl, keys, env });
    till.apiKey = await till.makeKey(scopes);
    await till.startMaster();
    await till.startFront();
    return till;
  } catch (error) {
    error.message += `\n${till.logs().slice(-3000)}`;
    await till.stop().catch(() => {});
    throw error;
  }
}

module.exports = {
  PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, childrenOf, cleanEnvironment, complaints, createDatabase, freePort, makeDirectory,
  openSocketTo, required, run, sleep, startProcess, startTill, startWebServer, stopProcess, top, until,
};
