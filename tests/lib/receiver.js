'use strict';

// A merchant's application that hears of events: an HTTP server on a loopback port that keeps what comes and answers as it is told.

const http = require('node:http');

/**
 * Starts one. `answer(request, n)` says how to answer the nth request (from 0): a status, or { status, headers, body, ms, drop,
 * hang }; 204 without it.
 */
async function startReceiver(answer = () => 204) {
  const got = [];
  let now = 0;
  const receiver = { got, answer, most: 0, begun: 0 };
  const server = http.createServer((request, response) => {
    const parts = [];
    receiver.most = Math.max(receiver.most, ++now);
    response.on('close', () => { now--; });
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const raw = Buffer.concat(parts).toString('utf8');
      const one = { method: request.method, path: request.url, headers: request.headers, raw, at: Date.now() };
      try { one.body = JSON.parse(raw); } catch { /* it is what it is */ }
      const n = got.push(one) - 1;
      let how = await receiver.answer(one, n);
      if (typeof how === 'number') how = { status: how };
      if (how.ms) await new Promise((resolve) => setTimeout(resolve, how.ms));
      if (how.drop) return request.socket.destroy();
      if (how.hang) return undefined;
      response.writeHead(how.status, how.headers);
      return response.end(how.body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${server.address().port}/hooks`;
  receiver.of = (id) => got.filter((one) => one.body?.object_id === id);
  receiver.stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  return receiver;
}

module.exports = { startReceiver };
