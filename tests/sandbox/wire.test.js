'use strict';

// The relay in front of the sandbox's web server changes nothing that it is not asked to change.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');
const { after, before, test } = require('node:test');
const { startSandbox } = require('../lib/sandbox.js');
const { SECRET_KEY } = require('../lib/till.js');

let sandbox;

before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** Sends bytes on a connection of its own; answers all that came until it closed. */
function raw(...pieces) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(sandbox.url);
    const socket = net.connect(Number(port), hostname);
    const parts = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(parts).toString()));
    (async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((next) => setTimeout(next, 20));
      }
    })();
  });
}

function request(options, body) {
  return new Promise((resolve, reject) => {
    const made = http.request(`${sandbox.url}${options.path}`, options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString(), socket: made.socket }));
    });
    made.on('error', reject);
    made.end(body);
  });
}

const AUTH = { authorization: `Bearer ${SECRET_KEY}` };

test('a connection is kept, and its requests are counted for close_reused', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set();
  for (let i = 0; i < 5; i++) sockets.add((await request({ path: '/v1/balance', headers: AUTH, agent })).socket);
  assert.equal(sockets.size, 1);
  await sandbox.dials([{ operation: 'GET /v1/balance', action: 'close_reused', times: 1 }]);
  await assert.rejects(request({ path: '/v1/balance', headers: AUTH, agent }), /socket hang up|ECONNRESET/);
  await sandbox.clearDials();
  agent.destroy();
});

test('a client cannot say itself how often its connection was used', async () => {
  await sandbox.dials([{ operation: 'GET /v1/balance', action: 'close_reused' }]);
  assert.equal((await request({ path: '/v1/balance', headers: { ...AUTH, 'Sandbox-Connection-Requests': '9', connection: 'close' } })).status, 200);
  await sandbox.clearDials();
});

test('HEAD has a length and no body, and the connection goes on', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const head = await request({ path: '/sandbox/clock', method: 'HEAD', agent });
  assert.deepEqual([head.status, head.body], [200, '']);
  assert.equal((await request({ path: '/sandbox/clock', agent })).status, 200);
  agent.destroy();
});

test('chunked bodies, in pieces, on a connection that is used again', async () => {
  const form = 'name=Chunked&description=' + 'x'.repeat(3000);
  const half = form.length >> 1;
  const head = `POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SECRET_KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
  const chunk = (text) => `${text.length.toString(16)};note=1\r\n${text}\r\n`;
  const answer = await raw(
    `${head}Transfer-Encoding: chunked\r\n\r\n`, chunk(form.slice(0, half)).slice(0, 100), chunk(form.slice(0, half)).slice(100),
    `${chunk(form.slice(half))}0\r\n\r\n`, `GET /sandbox/clock HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  );
  assert.equal(answer.match(/HTTP\/1\.1 200 OK/g).length, 2);
  assert.match(answer, /"name": "Chunked"/);
  assert.match(answer, /"offset":/);
});

test('two requests in one piece are answered one after the other', async () => {
  const one = `GET /v1/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SECRET_KEY}\r\n`;
  const answer = await raw(`${one}\r\n${one}Connection: close\r\n\r\n`);
  assert.equal(answer.match(/HTTP\/1\.1 200 OK/g).length, 2);
});

test('100-continue', async () => {
  const answer = await new Promise((resolve, reject) => {
    const made = http.request(`${sandbox.url}/v1/customers`, {
      method: 'POST', headers: { ...AUTH, 'content-type': 'application/x-www-form-urlencoded', 'content-length': 6, expect: '100-continue' },
    }, (response) => resolve(response.statusCode + response.resume().httpVersion));
    made.on('continue', () => made.end('name=a'));
    made.on('error', reject);
    made.flushHeaders();
  });
  assert.equal(answer, '2001.1');
});

test('big bodies both ways', async () => {
  const form = `amount=1000&currency=usd&description=${'y'.repeat(500000)}`;
  const headers = { ...AUTH, 'content-type': 'application/x-www-form-urlencoded' };
  assert.equal((await request({ path: '/v1/payment_intents', method: 'POST', headers }, form)).status, 400, 'read to its end and judged');
  await sandbox.dials([{ operation: 'GET /v1/balance', action: 'big_body', bytes: 8 << 20, times: 1 }]);
  assert.ok((await request({ path: '/v1/balance', headers: AUTH })).body.length > 8 << 20);
  await sandbox.clearDials();
});

test('two hundred connections at once', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 200 });
  const answers = await Promise.all(Array.from({ length: 400 }, () => request({ path: '/sandbox/clock', agent })));
  assert.ok(answers.every((answer) => answer.status === 200));
  agent.destroy();
});

test('wrk-like traffic by curl over one connection is not disturbed', async () => {
  const urls = Array.from({ length: 50 }, () => `${sandbox.url}/sandbox/clock`);
  const out = await new Promise((resolve, reject) => {
    execFile('curl', ['-s', '-w', '%{num_connects}\n', '-o', '/dev/null', ...urls.flatMap((url, i) => (i ? ['-o', '/dev/null', url] : [url]))],
      (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  assert.equal(out.trim().split('\n').reduce((sum, line) => sum + Number(line), 0), 1);
});

test('nonsense and half requests end quietly', async () => {
  assert.match(await raw('this is no HTTP\r\n\r\n'), /^HTTP\/1\.[01] 400/);
  const { hostname, port } = new URL(sandbox.url);
  for (const piece of ['', 'GET /sandbox/clock HT', 'POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nname=']) {
    await new Promise((resolve) => {
      const socket = net.connect(Number(port), hostname, () => {
        socket.write(piece || '\r\n');
        setTimeout(() => socket.destroy(), 50);
      });
      socket.on('close', resolve);
    });
  }
  assert.equal((await request({ path: '/sandbox/clock' })).status, 200);
});
