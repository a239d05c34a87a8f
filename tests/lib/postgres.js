'use strict';

// A PostgreSQL cluster of one's own, for tests that take the database away: it can be stopped at once, as a crash would, and
// started again. A commit is durable in it against the death of its processes, which the cluster that all tests share is not.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { childrenOf, cleanEnvironment, required, run, top, until } = require('./till.js');

// A commit takes its time, so that a crash meets some half way.
const SETTINGS = {
  fsync: 'off', synchronous_commit: 'on', commit_delay: '5000', commit_siblings: '0', max_connections: '200', shared_buffers: '64MB',
  listen_addresses: "''",
};

/** Runs one of PostgreSQL's programs as a user that it accepts; what it starts keeps no file of ours open. */
function asPostgres(dir, program, args) {
  const command = [program, ...args];
  if (process.getuid() === 0) command.unshift('setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups');
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { cwd: '/', env: cleanEnvironment({ HOME: dir }), stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
}

/** One server in a directory of its own, which is also where its socket is. */
function serverIn(dir) {
  const log = path.join(dir, 'postgres.log');
  const data = path.join(dir, 'data');
  const options = [...Object.entries(SETTINGS), ['unix_socket_directories', `'${dir}'`]].map(([name, value]) => `-c ${name}=${value}`);
  const server = { dir, data, log: () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '') };
  const ctl = (...args) => asPostgres(dir, 'pg_ctl', ['-D', data, '-l', log, '-w', '-t', '60', ...args]);

  server.sql = (text, database = 'postgres') =>
    run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', `host='${dir}' user=postgres dbname=${database}`, '-c', text]).then(({ stdout }) => stdout.trim());

  /** As a crash of all its processes. */
  server.crash = () => ctl('-m', 'immediate', 'stop');

  /** As an administrator's restart: who is connected is told to go. */
  server.close = () => ctl('-m', 'fast', 'stop');

  /** As the loss of its machine: nobody says a last word. */
  server.kill = async () => {
    const lines = fs.readFileSync(path.join(data, 'postmaster.pid'), 'latin1').split('\n');
    const master = Number(lines[0]);
    process.kill(master, 'SIGSTOP'); // it starts no process for one that is gone
    for (const pid of [...childrenOf(master), master]) process.kill(pid, 'SIGKILL');
    await until(() => !fs.existsSync(`/proc/${master}`), 'the end of PostgreSQL');
    await run('ipcrm', ['-m', lines[6].trim().split(/\s+/)[1]]).catch(() => {}); // what a machine forgets when it goes
  };

  server.start = async () => {
    if ((await ctl('-o', options.join(' '), 'start')) !== 0) throw new Error(`PostgreSQL did not start: ${server.log().slice(-2000)}`);
  };
  server.restart = async () => {
    await server.crash();
    await server.start();
  };
  server.promote = async () => {
    if ((await ctl('promote')) !== 0) throw new Error(`PostgreSQL was not promoted: ${server.log().slice(-2000)}`);
  };
  server.isUp = async () => (await ctl('status')) === 0;
  server.stop = async () => {
    await ctl('-m', 'immediate', 'stop');
    fs.rmSync(dir, { recursive: true, force: true });
  };
  return server;
}

async function makeDirectory() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'till-pg-'));
  if (process.getuid() === 0) await run('chown', ['postgres:postgres', dir]);
  return dir;
}

/**
 * Makes a cluster with Till's roles and a migrated template, and has createDatabase() use it from here on.
 * @returns an object with crash(), close(), kill(), start(), restart(), isUp(), stop(), sql(), log()
 */
async function startCluster() {
  const cluster = serverIn(await makeDirectory());
  const { dir, data, sql, stop } = cluster;
  const before = process.env.TILL_TEST_DATABASE_URL;

  cluster.stop = async () => {
    process.env.TILL_TEST_DATABASE_URL = before ?? '';
    await stop();
  };
  try {
    if ((await asPostgres(dir, 'initdb', ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'])) !== 0)
      throw new Error('initdb failed');
    await cluster.start();
    for (const role of ['till_owner', 'till_app']) await sql(`CREATE ROLE ${role} LOGIN`);
    await sql('CREATE DATABASE till_template OWNER till_owner');
    await run(path.join(required('TILL_TEST_BUILD'), 'till'), ['migrate', '--quiet'], {
      env: cleanEnvironment({
        DATABASE_URL: `host='${dir}' dbname=till_template user=till_app`,
        MIGRATE_DATABASE_URL: `host='${dir}' dbname=till_template user=till_owner`,
        TILL_SQL: path.join(top, 'sql'),
      }),
    });
    process.env.TILL_TEST_DATABASE_URL = `host='${dir}' dbname=till_template user=postgres`;
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** A server that is there for others to follow, or to be followed: a new directory, or one that was used before. */
const newServer = async () => serverIn(await makeDirectory());

/** Has `standby` begin anew as a copy of `primary` that follows it; from here on a commit waits for it. */
async function follow(standby, primary) {
  const from = `host='${primary.dir}' user=postgres application_name=standby`;
  fs.rmSync(standby.data, { recursive: true, force: true });
  if ((await asPostgres(standby.dir, 'pg_basebackup', ['-d', from, '-D', standby.data, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'])) !== 0)
    throw new Error('pg_basebackup failed');
  await standby.start();
  await isFollowed(primary);
  await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await primary.sql('SELECT pg_reload_conf()');
  await until(async () => (await primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")) === '1', 'a synchronous standby');
}

const isFollowed = (primary) =>
  until(async () => (await primary.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")) === '1', 'a standby');

module.exports = { follow, isFollowed, newServer, startCluster };
