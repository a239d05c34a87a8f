'use strict';

// A whole Till with the sandbox and its demo shop, for the browser tests.

const path = require('node:path');
const till = require('../lib/till.js');

/** The sandbox with its shop, which holds one of Till's API keys. */
async function startShop(url, port, env) {
  const dir = till.makeDirectory();
  const socket = path.join(dir, 'sandbox.sock');
  const log = path.join(dir, 'sandbox.log');
  const args = ['--listen', socket, '--files', path.join(till.top, 'src/sandbox')];
  const program = till.startProcess(
    path.join(till.required('TILL_TEST_BUILD'), 'till-sandbox.fcgi'),
    args,
    { SANDBOX_URL: url, ...env },
    log,
  );
  await till.until(() => require('node:fs').existsSync(socket), 'the socket of till-sandbox.fcgi');
  till.openSocketTo('lighttpd', socket);
  const front = till.startWebServer({ server: 'lighttpd', dir, port, socket, plain: true });
  await till.until(async () => (await fetch(`${url}/shop`)).status === 200, `${url}/shop`);
  return {
    async stop() {
      await till.stopProcess(front);
      await till.stopProcess(program);
      const found = till.complaints([log]);
      require('node:fs').rmSync(dir, { recursive: true, force: true });
      if (found.length) throw new Error(`till-sandbox.fcgi complained:\n${found.join('\n')}`);
    },
  };
}

/**
 * Starts everything; `sandboxUrl` is where the shop and the provider are.
 * @param {{ env?: Record<string, string> }} [options]
 */
async function startStack({ env = {} } = {}) {
  const port = await till.freePort();
  const sandboxUrl = `http://127.0.0.1:${port}`;
  const stack = await till.startTill({
    sandbox: false,
    env: {
      STRIPE_API_URL: sandboxUrl,
      STRIPE_JS_URL: `${sandboxUrl}/v3/`,
      RETURN_ORIGINS: sandboxUrl,
      MERCHANT_NAME: 'Paper & Ink',
      SUPPORT_EMAIL: 'help@paper.example',
      STATEMENT_DESCRIPTOR: 'PAPER INK',
      ...env,
    },
  });
  const shop = await startShop(sandboxUrl, port, {
    TILL_URL: stack.url,
    SHOP_API_KEY: stack.apiKey,
    SANDBOX_WEBHOOK_URL: `${stack.url}/api/v1/webhooks/stripe`,
    STRIPE_SECRET_KEY: till.SECRET_KEY,
    STRIPE_WEBHOOK_SECRET: till.WEBHOOK_SECRET,
  }).catch(async (error) => {
    await stack.stop().catch(() => {});
    throw error;
  });
  stack.sandboxUrl = sandboxUrl;

  /** A checkout session made as a merchant makes it; answers it with its `url`. */
  stack.session = async (body = {}) => {
    const answer = await stack.api('POST', '/api/v1/checkout/sessions', {
      body: {
        amount: { value: '24.00', currency: 'EUR' },
        description: 'Notebook, dotted, A5',
        reference: 'PI-1042',
        success_url: `${sandboxUrl}/shop/thanks?order=PI-1042`,
        cancel_url: `${sandboxUrl}/shop`,
        ...body,
      },
    });
    if (answer.status !== 201) throw new Error(`POST /checkout/sessions: ${answer.status} ${answer.text}`);
    return answer.body;
  };

  /** Every payment of a session that there is, as the API shows it. */
  stack.paymentsOf = async (session) => {
    const answer = await stack.api('GET', `/api/v1/payments?checkout_session_id=${session.id}&limit=100`);
    return answer.body.data;
  };

  /** Sets a dial of the sandbox. */
  stack.dial = async (dials) => {
    const answer = await fetch(`${sandboxUrl}/sandbox/dials`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(dials),
    });
    if (!answer.ok) throw new Error(`PUT /sandbox/dials: ${answer.status} ${await answer.text()}`);
  };

  const stopTill = stack.stop;
  stack.stop = async () => {
    const ended = await Promise.allSettled([stopTill(), shop.stop()]);
    const failed = ended.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
  };
  return stack;
}

module.exports = { startStack };
