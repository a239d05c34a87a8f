'use strict';

// The configurations that a user installs are taken by the servers they are for.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { makeDirectory, run, top } = require('../lib/till.js');

let dir;
before(() => {
  dir = makeDirectory();
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

/** A certificate for the configurations to load. */
async function certificate() {
  const [cert, key] = [path.join(dir, 'cert.pem'), path.join(dir, 'key.pem')];
  if (!fs.existsSync(cert)) {
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
      '/CN=pay.example.com', '-keyout', key, '-out', cert]);
    fs.writeFileSync(path.join(dir, 'both.pem'), fs.readFileSync(key, 'utf8') + fs.readFileSync(cert, 'utf8'));
  }
  return { cert, key, both: path.join(dir, 'both.pem') };
}

const read = (file) => fs.readFileSync(path.join(top, file), 'utf8');

test('lighttpd takes 50-till.conf', async () => {
  const { both } = await certificate();
  const site = path.join(dir, '50-till.conf');
  fs.writeFileSync(site, read('lighttpd-conf/50-till.conf')
    .replaceAll('/usr/local/share/till/lighttpd-conf', path.join(top, 'lighttpd-conf'))
    .replaceAll('/etc/lighttpd/pay.example.com.pem', both));
  const main = path.join(dir, 'lighttpd.conf');
  fs.writeFileSync(main, `server.modules = ( "mod_alias" )\nserver.document-root = "${dir}"\nserver.port = 80\ninclude "${site}"\n`);
  const { stderr, stdout } = await run('/usr/sbin/lighttpd', ['-tt', '-f', main]);
  assert.equal(stderr + stdout, '');
  assert.doesNotMatch(fs.readFileSync(site, 'utf8'), /\/usr\/local\/share\/till\/lighttpd-conf/);
});

test('Apache takes till.conf', async () => {
  const { cert, key } = await certificate();
  const site = path.join(dir, 'till.conf');
  fs.writeFileSync(site, read('apache-conf/till.conf')
    .replaceAll('/usr/local/share/till/apache-conf', path.join(top, 'apache-conf'))
    .replaceAll('/etc/ssl/certs/pay.example.com.pem', cert)
    .replaceAll('/etc/ssl/private/pay.example.com.key', key));
  const modules = ['mpm_event', 'authz_core', 'alias', 'headers', 'mime', 'proxy', 'proxy_fcgi', 'reqtimeout', 'setenvif', 'rewrite', 'ssl',
    'socache_shmcb'];
  const main = path.join(dir, 'apache.conf');
  fs.writeFileSync(main, [
    `ServerRoot ${dir}`, `PidFile ${dir}/pid`, `ErrorLog ${dir}/error.log`, 'ServerName localhost', 'TypesConfig /dev/null',
    ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    'User www-data', 'Group www-data', 'Listen 80', 'Listen 443', `Include ${site}`,
  ].join('\n'));
  const { stderr } = await run('/usr/sbin/apache2', ['-t', '-f', main], { env: { ...process.env, APACHE_LOG_DIR: dir } });
  assert.equal(stderr.trim(), 'Syntax OK');
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
