'use strict';

// A PostgreSQL cluster of one's own, for tests that take the database away: it can be stopped at once, as a crash would, and
// started again. A commit is durable in it against the death of its processes, which the cluster that all tests share is not.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { cleanEnvironment, required, run, top } = require('./till.js');

// A commit takes its time, so that a crash meets some half way.
const SETTINGS = {
  fsync: 'off', synchronous_commit: 'on', commit_delay: '5000', commit_siblings: '0', max_connections: '200', shared_buffers: '64MB',
  listen_addresses: "''",
};

function programs() {
  const base = '/usr/lib/postgresql';
  const versions = fs.readdirSync(base).filter((name) => fs.existsSync(path.join(base, name, 'bin/initdb')));
  if (!versions.length) throw new Error(`PostgreSQL's programs are not in ${base}`);
  return path.join(base, versions.sort((a, b) => Number(b) - Number(a))[0], 'bin');
}

/** Runs one of PostgreSQL's programs as a user that it accepts; what it starts keeps no file of ours open. */
function asPostgres(dir, program, args) {
  const command = [path.join(programs(), program), ...args];
  if (process.getuid() === 0) command.unshift('setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups');
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { cwd: '/', env: cleanEnvironment({ HOME: dir }), stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
}

/**
 * Makes a cluster with Till's roles and a migrated template, and has createDatabase() use it from here on.
 * @returns an object with crash(), start(), restart(), isUp(), stop(), log()
 */
async function startCluster() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'till-pg-'));
  const log = path.join(dir, 'postgres.log');
  const server = `host='${dir}'`;
  const before = process.env.TILL_TEST_DATABASE_URL;
  const options = [...Object.entries(SETTINGS), ['unix_socket_directories', `'${dir}'`]].map(([name, value]) => `-c ${name}=${value}`);
  const cluster = { dir, log: () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '') };
  const ctl = (...args) => asPostgres(dir, 'pg_ctl', ['-D', path.join(dir, 'data'), '-l', log, '-w', '-t', '60', ...args]);
  const sql = (database, text) => run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', `${server} user=postgres dbname=${database}`, '-c', text]);

  /** As a crash of all its processes. */
  cluster.crash = () => ctl('-m', 'immediate', 'stop');
  cluster.start = async () => {
    if ((await ctl('-o', options.join(' '), 'start')) !== 0) throw new Error(`PostgreSQL did not start: ${cluster.log().slice(-2000)}`);
  };
  cluster.restart = async () => {
    await cluster.crash();
    await cluster.start();
  };
  cluster.isUp = async () => (await ctl('status')) === 0;
  cluster.stop = async () => {
    process.env.TILL_TEST_DATABASE_URL = before ?? '';
    await ctl('-m', 'immediate', 'stop');
    fs.rmSync(dir, { recursive: true, force: true });
  };

  try {
    if (process.getuid() === 0) await run('chown', ['postgres:postgres', dir]);
    if ((await asPostgres(dir, 'initdb', ['-D', path.join(dir, 'data'), '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'])) !== 0)
      throw new Error('initdb failed');
    await cluster.start();
    for (const role of ['till_owner', 'till_app']) await sql('postgres', `CREATE ROLE ${role} LOGIN`);
    await sql('postgres', 'CREATE DATABASE till_template OWNER till_owner');
    await run(path.join(required('TILL_TEST_BUILD'), 'till'), ['migrate', '--quiet'], {
      env: cleanEnvironment({
        DATABASE_URL: `${server} dbname=till_template user=till_app`,
        MIGRATE_DATABASE_URL: `${server} dbname=till_template user=till_owner`,
        TILL_SQL: path.join(top, 'sql'),
      }),
    });
    process.env.TILL_TEST_DATABASE_URL = `${server} dbname=till_template user=postgres`;
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

module.exports = { startCluster };
