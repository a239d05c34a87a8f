'use strict';

// A mail server on a loopback port (mail_server.py, with Debian's aiosmtpd), and what came to it, taken apart.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { makeDirectory } = require('./till.js');

/** A header as a person reads it: encoded words decoded, folded lines joined. */
function readable(value) {
  return value.replace(/\r\n[ \t]+/g, ' ').replace(/\?= =\?/g, '?==?')
    .replace(/(=\?utf-8\?B\?[A-Za-z0-9+/=]*\?=)+/gi, (words) => Buffer.concat([...words.matchAll(/=\?utf-8\?B\?([A-Za-z0-9+/=]*)\?=/gi)]
      .map(([, word]) => Buffer.from(word, 'base64'))).toString('utf8'));
}

function takeApart(raw) {
  const end = raw.indexOf('\r\n\r\n');
  const headers = {};
  for (const line of raw.slice(0, end).split(/\r\n(?![ \t])/)) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (name in headers) throw new Error(`${name} stands there twice`);
    headers[name] = line.slice(line.indexOf(':') + 1).trim();
  }
  const [, boundary] = headers['content-type'].match(/^multipart\/alternative; boundary="([^"]+)"$/);
  const parts = {};
  for (const part of raw.slice(end).split(`--${boundary}`).slice(1, -1)) {
    const [, type] = part.match(/Content-Type: text\/(\w+); charset=utf-8\r\n/);
    parts[type] = Buffer.from(part.slice(part.indexOf('\r\n\r\n')), 'base64').toString('utf8');
  }
  return { headers, subject: readable(headers.subject), text: parts.plain, html: parts.html };
}

/** Starts one; with `tls` it wants STARTTLS and a password, and `ca` is whom to trust. */
async function startMailbox({ tls = false } = {}) {
  const dir = makeDirectory();
  const box = { dir };
  const args = [path.join(__dirname, 'mail_server.py'), dir];
  if (tls) {
    const key = path.join(dir, 'key.pem');
    box.ca = path.join(dir, 'cert.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
      'subjectAltName=DNS:localhost', '-keyout', key, '-out', box.ca], { stdio: 'ignore' });
    args.push(box.ca, key);
  }
  const child = spawn('/usr/bin/python3', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  box.port = await new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(Number(String(data))));
    child.once('exit', (code) => reject(new Error(`mail_server.py ended with ${code}`)));
  });
  box.url = `smtp://localhost:${box.port}`;
  /** What came, in order: { from, to, tls, user, raw, headers, subject, text, html }. */
  box.mails = () => fs.readdirSync(dir).filter((name) => name.endsWith('.json')).sort().map((name) => {
    const { bytes, ...mail } = JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
    const raw = Buffer.from(bytes, 'base64').toString('latin1');
    return { ...mail, raw, ...takeApart(raw) };
  });
  box.to = (address) => box.mails().filter((mail) => mail.to.includes(address));
  box.stop = () => new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', () => { fs.rmSync(dir, { recursive: true, force: true }); resolve(); });
    child.kill();
  });
  return box;
}

module.exports = { startMailbox };
