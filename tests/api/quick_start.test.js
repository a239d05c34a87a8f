'use strict';

// docs/quick-start.md: the programs of the shop, in each language, taken from there and run against a whole Till.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { cleanEnvironment, freePort, makeDirectory, run, startProcess, startTill, stopProcess, top, until } = require('../lib/till.js');
const { closed, get, statusOf } = require('./books.js');

const LANGUAGES = {
  php: { file: 'php', shop: ['php', 'shop.php'], hooks: (port) => ['php', '-S', `127.0.0.1:${port}`, 'hooks.php'] },
  python: { file: 'py', shop: ['/usr/bin/python3', 'shop.py'], hooks: (port) => ['/usr/bin/python3', 'hooks.py', `${port}`] },
  js: { file: 'mjs', shop: [process.execPath, 'shop.mjs'], hooks: (port) => [process.execPath, 'hooks.mjs', `${port}`] },
};

const text = fs.readFileSync(path.join(top, 'docs/quick-start.md'), 'utf8');
let till, dir;

before(async () => {
  till = await startTill({ env: { WEBHOOK_ALLOW_LOOPBACK: 'true', RATE_LIMIT_REQUESTS: '10000' } });
  dir = makeDirectory();
  for (const [, language, program] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const [, name] = program.match(/^(?:<\?php )?(?:\/\/|#) (\w+\.\w+)$/m);
    assert.ok(name.endsWith(`.${LANGUAGES[language].file}`), name);
    fs.writeFileSync(path.join(dir, name), program);
  }
});
after(async () => {
  await closed(till);
  fs.rmSync(dir, { recursive: true, force: true });
});

for (const [language, { shop, hooks, file }] of Object.entries(LANGUAGES)) {
  describe(language, () => {
    const env = () => cleanEnvironment({ TILL_URL: till.url, TILL_API_KEY: till.apiKey });
    const sell = async (...args) => (await run(shop[0], [shop[1], ...args], { cwd: dir, env: env() })).stdout.trim();

    test('sells, looks, charges and gives back', async () => {
      const [session, address] = (await sell('checkout', `${language}-1`)).split(' ');
      const page = await fetch(address);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /A fountain pen/);
      assert.equal((await sell('checkout', `${language}-1`)).split(' ')[0], session, 'pressed twice');
      assert.equal(await sell('status', session), 'open');
      const [payment, status] = (await sell('charge', `${language}-2`)).split(' ');
      assert.equal(status, 'succeeded');
      assert.equal((await sell('charge', `${language}-2`)).split(' ')[0], payment, 'pressed twice');
      assert.equal(await sell('refund', payment), 'succeeded');
      assert.equal((await get(till, payment)).status, 'refunded');
      await assert.rejects(sell('refund', 'pay_00000000000000000000000000'), /NOT_FOUND/);
    });

    test('hears what happened, and nothing that somebody else says', async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}/`;
      const { id, secret } = (await till.api('POST', '/api/v1/webhook-endpoints', { body: { url } })).body;
      const log = path.join(dir, `${file}.log`);
      const [command, ...args] = hooks(port);
      const before = process.cwd();
      process.chdir(dir);
      const server = startProcess(command, args, { TILL_SECRET: secret }, log);
      process.chdir(before);
      try {
        await until(async () => (await fetch(url, { method: 'POST', body: '{}' })).status === 400, 'it listens, and refuses what is not signed');
        const payment = (await sell('charge', `${language}-3`)).split(' ')[0];
        await until(() => fs.readFileSync(log, 'utf8').includes(`deliver ${language}-3`), `the goods are delivered: ${fs.readFileSync(log, 'utf8')}`);
        assert.equal(await statusOf(till, payment), 'succeeded');
        const delivered = async () => (await till.api('GET', `/api/v1/deliveries?endpoint_id=${id}&status=delivered`)).body.data.length;
        await until(async () => (await delivered()) >= 2, 'it took them');
      } finally {
        await stopProcess(server);
        await till.api('DELETE', `/api/v1/webhook-endpoints/${id}`);
      }
    });
  });
}
