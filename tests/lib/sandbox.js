'use strict';

// A sandbox of one's own: till-sandbox.fcgi behind lighttpd behind its own relay, on free ports, in a directory of its own.
//
//     const sandbox = await startSandbox({ env: { SANDBOX_WEBHOOK_URL: '…' } });
//     after(() => sandbox.stop());
//     await sandbox.dials([{ operation: 'POST /v1/refunds', action: 'reset', times: 1 }]);

const fs = require('node:fs');
const path = require('node:path');
const harness = require('./till.js');

const SETTINGS = {
  STRIPE_WEBHOOK_SECRET: harness.WEBHOOK_SECRET,
};

/** lighttpd takes a port that was free a moment ago; another test may be faster. */
async function withPorts(start, tries = 5) {
  for (let i = 1; ; i++) {
    try {
      return await start(await harness.freePort(), await harness.freePort());
    } catch (error) {
      if (i === tries) throw error;
    }
  }
}

/**
 * @param {{ build?: string, env?: Record<string, string>, args?: string[], wire?: boolean }} [options]
 *   build: directory of the programs; wire: false leaves the relay out; args: more options of till-sandbox.fcgi
 */
async function startSandbox({ build = harness.required('TILL_TEST_BUILD'), env = {}, args = [], wire = true } = {}) {
  const dir = harness.makeDirectory();
  const socket = path.join(dir, 'sandbox.sock');
  const log = path.join(dir, 'sandbox.log');
  const sandbox = { dir, log };

  /** One attempt on two ports. */
  async function start(port, inner) {
    const url = `http://127.0.0.1:${port}`;
    const relay = wire ? ['--wire', `127.0.0.1:${port}`, '--upstream', `127.0.0.1:${inner}`] : [];
    fs.rmSync(socket, { force: true });
    const program = harness.startProcess(
      path.join(build, 'till-sandbox.fcgi'),
      ['--listen', socket, '--threads', '32', '--files', path.join(harness.top, 'src/sandbox'), ...relay, ...args],
      { ...SETTINGS, SANDBOX_URL: url, ...env },
      log
    );
    let front;
    try {
      await harness.until(() => {
        if (program.ended) throw Object.assign(new Error(`till-sandbox.fcgi ended: ${sandbox.logs().slice(-2000)}`), { ended: true });
        return sandbox.logs().includes(`serves ${url} `); // on that port another's may answer where ours could not listen
      }, 'the start of till-sandbox.fcgi', 10000);
      harness.openSocketTo('lighttpd', socket);
      front = harness.startWebServer({ dir, port: wire ? inner : port, socket, plain: true });
      await harness.until(async () => {
        if (front.ended) throw new Error(`lighttpd ended: ${fs.readFileSync(front.log, 'utf8').slice(-2000)}`);
        return (await fetch(`${url}/sandbox/clock`)).ok;
      }, `${url}/sandbox/clock`, 10000);
    } catch (error) {
      await harness.stopProcess(front);
      await harness.stopProcess(program);
      throw error;
    }
    Object.assign(sandbox, { url, program, front, pid: program.pid });
  }

  sandbox.logs = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '');

  /** A request to the sandbox's own addresses with a JSON body; answers the parsed JSON, throws on an error. */
  sandbox.control = async (method, address, body) => {
    const answer = await fetch(sandbox.url + address, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    });
    const text = await answer.text();
    if (!answer.ok) throw Object.assign(new Error(`${method} ${address}: ${answer.status} ${text}`), { status: answer.status, text });
    return JSON.parse(text);
  };

  sandbox.dials = (value) => sandbox.control('PUT', '/sandbox/dials', value);
  sandbox.clearDials = () => sandbox.control('DELETE', '/sandbox/dials');
  sandbox.ledger = (paymentId) => sandbox.control('GET', `/sandbox/ledger${paymentId ? `?payment_id=${encodeURIComponent(paymentId)}` : ''}`);
  sandbox.advance = (seconds) => sandbox.control('POST', '/sandbox/clock', { advance: seconds });
  sandbox.settle = () => sandbox.control('POST', '/sandbox/settle', {});
  sandbox.reset = () => sandbox.control('POST', '/sandbox/reset', {});
  sandbox.dashboard = (action, body) => sandbox.control('POST', `/sandbox/dashboard/${action}`, body);
  sandbox.deliveries = () => sandbox.control('GET', '/sandbox/deliveries');

  /** What a payer does on the bank's page: complete, fail or abandon. Answers the response, redirects not followed. */
  sandbox.bank = (intent, result, query = '') =>
    fetch(`${sandbox.url}/sandbox/3ds/${intent}${query}`, {
      method: 'POST', body: new URLSearchParams({ result }), redirect: 'manual',
    });

  /** A call of Stripe's API; answers { status, headers, body }. */
  sandbox.stripe = async (method, address, form, headers = {}) => {
    const query = method === 'POST' || !form ? '' : `?${new URLSearchParams(form)}`;
    const answer = await fetch(`${sandbox.url}/v1/${address}${query}`, {
      method,
      headers: { authorization: `Bearer ${env.STRIPE_SECRET_KEY || harness.SECRET_KEY}`, ...headers },
      body: method === 'POST' ? new URLSearchParams(form || {}) : undefined,
    });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };

  /** Ends everything; throws when a sanitizer or an assert complained. */
  sandbox.stop = async () => {
    const running = sandbox.program && !sandbox.program.ended;
    await harness.stopProcess(sandbox.front);
    const ended = await harness.stopProcess(sandbox.program);
    const found = harness.complaints([log]);
    const text = sandbox.logs();
    fs.rmSync(dir, { recursive: true, force: true });
    if (found.length) throw new Error(`till-sandbox.fcgi complained:\n${found.join('\n')}`);
    if (running && ended.code !== 0) throw new Error(`till-sandbox.fcgi ended with ${JSON.stringify(ended)}\n${text.slice(-2000)}`);
  };

  try {
    await withPorts(start);
    return sandbox;
  } catch (error) {
    fs.rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

module.exports = { startSandbox };
