'use strict';

// Requests as a polite client would not send them: bytes on a socket to the web server, and FastCGI records straight to Till.

const http = require('node:http');
const net = require('node:net');

/** Splits what came back into { status, headers, text }; header names in lower case, a repeated one joined by ", ". */
function parseAnswer(bytes) {
  const all = bytes.toString('latin1');
  const end = all.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, text: all };
  const [first, ...lines] = all.slice(0, end).split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  let text = bytes.subarray(Buffer.byteLength(all.slice(0, end), 'latin1') + 4);
  if (/chunked/i.test(headers['transfer-encoding'] || '')) text = dechunk(text);
  return { status: Number(first.split(' ')[1]), headers, text: text.toString('utf8') };
}

function dechunk(bytes) {
  const parts = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) break;
    const length = parseInt(bytes.subarray(at, end).toString('latin1'), 16);
    if (!length) break;
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return Buffer.concat(parts);
}

/**
 * Sends these bytes to the web server and reads until it closes, or `ms` have passed. `text` is what is sent, without anything
 * added; say Connection: close in it.
 */
function raw(port, text, { ms = 20000, half = false } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    const parts = [];
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parseAnswer(Buffer.concat(parts)));
    };
    const timer = setTimeout(done, ms);
    socket.on('data', (part) => parts.push(part));
    socket.on('end', done);
    socket.on('close', done);
    socket.on('error', (error) => (parts.length || error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done() : reject(error)));
    socket.write(text);
    if (half) socket.end();
  });
}

/** "GET /path" with headers as bytes for raw(). */
function httpRequest(line, headers = {}, body = '') {
  const all = { Host: '127.0.0.1', Connection: 'close', ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
  return Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

/** A request on a connection of its own: { status, headers, text, body }; rejects when the connection breaks. */
function ask(port, method, target, { headers = {}, body, signal } = {}) {
  return new Promise((resolve, reject) => {
    const all = { ...headers };
    if (body !== undefined) all['content-type'] ??= 'application/json';
    const bytes = body === undefined ? undefined : Buffer.from(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    if (bytes) all['content-length'] = bytes.length;
    const request = http.request({ port, host: '127.0.0.1', method, path: target, headers: all, agent: false, signal }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        const json = /json/.test(answer.headers['content-type'] || '');
        resolve({ status: answer.statusCode, headers: answer.headers, text, body: json ? JSON.parse(text) : undefined });
      });
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

// FastCGI --------------------------------------------------------------------------------------------------------------

const BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6;

function record(type, content) {
  const head = Buffer.alloc(8);
  head.writeUInt8(1, 0);
  head.writeUInt8(type, 1);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(content.length, 4);
  return Buffer.concat([head, content]);
}

function lengthOf(text) {
  const size = Buffer.byteLength(text);
  if (size < 128) return Buffer.from([size]);
  const four = Buffer.alloc(4);
  four.writeUInt32BE(size + 0x80000000);
  return four;
}

/** The variables that a web server passes for a request; `more` adds to them and replaces them. */
function variables(method, target, more = {}) {
  return {
    GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1', REQUEST_METHOD: method, REQUEST_URI: target, SCRIPT_NAME: '',
    REMOTE_ADDR: '192.0.2.7', HTTP_HOST: '127.0.0.1', ...more,
  };
}

/** The records of a request. `params`: an object, or a list of [name, value] where names repeat. */
function fastcgiRecords(params, body = '', { finish = true } = {}) {
  const pairs = (Array.isArray(params) ? params : Object.entries(params)).filter(([, value]) => value !== undefined);
  const content = Buffer.concat(pairs.flatMap(([name, value]) => [lengthOf(name), lengthOf(value), Buffer.from(name), Buffer.from(value)]));
  const out = [record(BEGIN, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]))];
  for (let at = 0; at < content.length; at += 60000) out.push(record(PARAMS, content.subarray(at, at + 60000)));
  out.push(record(PARAMS, Buffer.alloc(0)));
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += 60000) out.push(record(STDIN, bytes.subarray(at, at + 60000)));
  if (finish) out.push(record(STDIN, Buffer.alloc(0)));
  return Buffer.concat(out);
}

function stdoutOf(bytes) {
  const parts = [];
  let at = 0, ended = false;
  while (at + 8 <= bytes.length) {
    const type = bytes.readUInt8(at + 1), length = bytes.readUInt16BE(at + 4), padding = bytes.readUInt8(at + 6);
    if (type === STDOUT) parts.push(bytes.subarray(at + 8, at + 8 + length));
    if (type === END) ended = true;
    at += 8 + length + padding;
  }
  return { ended, out: Buffer.concat(parts) };
}

/** One request straight to the FastCGI socket: { status, headers, text, body, ended }. */
function fastcgi(socketPath, params, body = '', { finish = true, ms = 20000 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath);
    const parts = [];
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      const { ended, out } = stdoutOf(Buffer.concat(parts));
      const answer = parseAnswer(Buffer.concat([Buffer.from('HTTP/1.1 000\r\n'), out]));
      const status = Number.parseInt(answer.headers.status, 10) || 0;
      resolve({ ...answer, status, ended, body: /json/.test(answer.headers['content-type'] || '') ? JSON.parse(answer.text) : undefined });
    };
    const timer = setTimeout(done, ms);
    socket.on('data', (part) => parts.push(part));
    socket.on('end', done);
    socket.on('close', done);
    socket.on('error', (error) => (['ECONNRESET', 'EPIPE'].includes(error.code) ? done() : reject(error)));
    socket.write(fastcgiRecords(params, body, { finish }));
  });
}

/**
 * Calls `one(n)` from `clients` loops at once until stop() is called; answers what each call came to. `one` answers anything, or
 * throws.
 */
function load(clients, one) {
  const results = [];
  let running = true, n = 0;
  const loops = Array.from({ length: clients }, async () => {
    while (running) {
      const mine = n++;
      try {
        results.push({ n: mine, value: await one(mine) });
      } catch (error) {
        results.push({ n: mine, error });
      }
    }
  });
  return {
    results,
    stop: async () => {
      running = false;
      await Promise.all(loops);
      return results;
    },
  };
}

/** Asserts that an answer is a problem: its media type, its members, and that it says nothing of our insides. */
function isProblem(assert, answer, what = '') {
  const type = typeof answer.headers.get === 'function' ? answer.headers.get('content-type') : answer.headers['content-type'];
  const problem = answer.body ?? JSON.parse(answer.text);
  assert.match(type || '', /^application\/problem\+json/, what);
  for (const name of ['type', 'title', 'detail', 'code', 'request_id']) assert.equal(typeof problem[name], 'string', `${what}: ${name}`);
  assert.equal(problem.status, answer.status, what);
  assert.ok(problem.detail.length > 10, `${what}: ${problem.detail}`);
  assert.doesNotMatch(answer.text, /\bsrc\/|\.c:\d|SELECT |INSERT |postgres|libpq|pg_|jansson|libcurl|\/tmp\/|\b0x[0-9a-f]{6}|sk_test_/i, what);
  return problem;
}

module.exports = { ask, fastcgi, fastcgiRecords, httpRequest, isProblem, load, parseAnswer, raw, variables };
