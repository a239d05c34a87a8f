'use strict';

// The configurations that a user installs are taken by the servers they are for, and encrypt what they serve.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { cleanEnvironment, freePort, makeDirectory, openSocketTo, run, startProcess, startTill, stopProcess, top, until } = require('../lib/till.js');

let dir, till;
before(async () => {
  dir = makeDirectory();
  till = await startTill({ sandbox: false });
});
after(async () => {
  await till?.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

/** A certificate of our own for so many days. */
async function certificate(days) {
  const [cert, key, both] = ['cert', 'key', 'both'].map((name) => path.join(dir, `${name}-${days}.pem`));
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', `${days}`, '-subj',
    '/CN=pay.example.com', '-addext', 'subjectAltName=DNS:pay.example.com,IP:127.0.0.1', '-keyout', key, '-out', cert]);
  fs.writeFileSync(both, fs.readFileSync(key, 'utf8') + fs.readFileSync(cert, 'utf8'));
  return { cert, key, both };
}

const read = (file) => fs.readFileSync(path.join(top, file), 'utf8');

/** The server with a sample configuration, whose ports are others, in front of Till. */
async function serves(program, options, env, ports, look) {
  const server = startProcess(program, options, env, path.join(dir, 'server.log'));
  try {
    await until(() => {
      if (server.ended) throw new Error(`it ended: ${fs.readFileSync(server.log, 'utf8')}`);
      return ask(ports.plain);
    }, `${path.basename(program)} answers`);
    await isEncrypted(ports);
    await look();
  } finally {
    await stopProcess(server);
  }
}

/** GET /healthz, over TLS of these versions or in the clear. */
function ask(port, versions) {
  const client = versions ? https : http;
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/healthz', headers: { host: 'pay.example.com' }, agent: false, rejectUnauthorized: false, ...versions };
    const request = client.get(options, (answer) => {
      resolve({ status: answer.statusCode, headers: answer.headers, protocol: versions && answer.socket.getProtocol() });
      answer.resume();
    });
    request.once('error', reject);
  });
}

async function isEncrypted({ plain, tls }) {
  const sent = await ask(plain);
  assert.deepEqual([sent.status, sent.headers.location], [301, 'https://pay.example.com/healthz']);
  const answer = await ask(tls, {});
  assert.deepEqual([answer.status, answer.protocol], [200, 'TLSv1.3']);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.1']) {
    await assert.rejects(ask(tls, { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }), /alert protocol version|unsupported protocol/i, maxVersion);
  }
}

/** What `till doctor` says of the certificate of the site at this port, trusting those in a file. */
async function ofCertificate(port, trusted) {
  const env = { ...till.env, TILL_URL: `https://127.0.0.1:${port}`, ...(trusted && { SSL_CERT_FILE: trusted }) };
  const { stdout } = await run(path.join(process.env.TILL_TEST_BUILD, 'till'), ['doctor', '--json'], { env: cleanEnvironment(env) }).catch((error) => error);
  return JSON.parse(stdout).filter(({ code }) => code === 'CERTIFICATE').map(({ level, what }) => `${level}: ${what}`);
}

test('lighttpd takes 50-till.conf, and serves it by TLS 1.3 alone', async () => {
  const { both, cert } = await certificate(3);
  const [plain, tls] = [await freePort(), await freePort()];
  const site = path.join(dir, '50-till.conf');
  fs.writeFileSync(site, read('lighttpd-conf/50-till.conf')
    .replaceAll('/usr/local/share/till/lighttpd-conf', path.join(top, 'lighttpd-conf'))
    .replaceAll('/run/till/till.sock', till.socket)
    .replaceAll('0.0.0.0:443', `127.0.0.1:${tls}`)
    .replaceAll('/etc/lighttpd/pay.example.com.pem', both));
  const main = path.join(dir, 'lighttpd.conf');
  fs.writeFileSync(main, `server.modules = ( "mod_alias" )
server.document-root = "${dir}"
server.bind = "127.0.0.1"
server.port = ${plain}
server.errorlog = "${dir}/lighttpd.log"
server.upload-dirs = ( "${dir}" )
include "${site}"
`);
  const { stderr, stdout } = await run('/usr/sbin/lighttpd', ['-tt', '-f', main]);
  assert.equal(stderr + stdout, '');
  assert.doesNotMatch(fs.readFileSync(site, 'utf8'), /\/usr\/local\/share\/till\/lighttpd-conf/);
  await serves('/usr/sbin/lighttpd', ['-D', '-f', main], {}, { plain, tls }, async () => {
    assert.match(String(await ofCertificate(tls, cert)), /^warn: the site's certificate is good for [23] days$/);
    assert.match(String(await ofCertificate(tls)), /^FAIL: browsers refuse https:.*self.signed/);
  });
});

test('Apache takes till.conf, and serves it by TLS 1.3 alone', async () => {
  const { cert, key } = await certificate(60);
  const [plain, tls] = [await freePort(), await freePort()];
  const site = path.join(dir, 'till.conf');
  fs.writeFileSync(site, read('apache-conf/till.conf')
    .replaceAll('/usr/local/share/till/apache-conf', path.join(top, 'apache-conf'))
    .replaceAll('/run/till/till.sock', till.socket)
    .replaceAll('*:80>', `*:${plain}>`).replaceAll('*:443>', `*:${tls}>`)
    .replaceAll('/etc/ssl/certs/pay.example.com.pem', cert)
    .replaceAll('/etc/ssl/private/pay.example.com.key', key));
  const modules = ['mpm_event', 'authz_core', 'alias', 'headers', 'mime', 'proxy', 'proxy_fcgi', 'reqtimeout', 'setenvif', 'rewrite', 'ssl',
    'socache_shmcb'];
  const main = path.join(dir, 'apache.conf');
  fs.writeFileSync(main, [
    `ServerRoot ${dir}`, `PidFile ${dir}/pid`, `DefaultRuntimeDir ${dir}`, `Mutex file:${dir} default`, `ErrorLog ${dir}/error.log`,
    'ServerName localhost', 'TypesConfig /dev/null',
    ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    ...(process.getuid() === 0 ? ['User www-data', 'Group www-data'] : []),
    `Listen 127.0.0.1:${plain}`, `Listen 127.0.0.1:${tls}`, `Include ${site}`,
  ].join('\n'));
  const { stderr } = await run('/usr/sbin/apache2', ['-t', '-f', main], { env: { ...process.env, APACHE_LOG_DIR: dir } });
  assert.equal(stderr.trim(), 'Syntax OK');
  openSocketTo('apache', till.socket);
  await serves('/usr/sbin/apache2', ['-f', main, '-D', 'FOREGROUND'], { APACHE_LOG_DIR: dir }, { plain, tls }, async () => {
    assert.match(String(await ofCertificate(tls, cert)), /^ok: the site's certificate is good for (59|60) days$/);
  });
});

for (const unit of ['till.service', 'till-migrate.service', 'till-cron.service', 'till-cron.timer']) {
  test(`${unit} has only sections and keys that systemd knows`, { skip: !fs.existsSync('/usr/bin/systemd-analyze') && 'no systemd' }, async () => {
    const copy = path.join(dir, unit);
    for (const name of fs.readdirSync(path.join(top, 'systemd'))) {
      fs.writeFileSync(path.join(dir, name.replace(/\.in$/, '')), read(`systemd/${name}`).replaceAll('@bindir@', '/usr/bin').replaceAll('@sysconfdir@', '/etc'));
    }
    const { stderr } = await run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', copy]).catch((error) => error);
    assert.doesNotMatch(stderr, /Unknown|Failed to parse|Invalid/);
  });
}
