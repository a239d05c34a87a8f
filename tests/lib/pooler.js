'use strict';

// PgBouncer in transaction mode between Till and PostgreSQL, with fewer connections than Till asks for: what Till needs to stay with
// a connection from one transaction to the next would be lost.

const fs = require('node:fs');
const path = require('node:path');
const { makeDirectory, run, startProcess, stopProcess, until } = require('./till.js');

const config = (dir, host) => `[databases]
* = host=${host}
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = ${dir}
auth_type = trust
auth_file = ${dir}/users
logfile = ${dir}/pooler.log
pidfile = ${dir}/pooler.pid
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
server_login_retry = 1
query_wait_timeout = 2
server_idle_timeout = 10
ignore_startup_parameters = extra_float_digits
`;

/**
 * @param {string} host the directory of PostgreSQL's socket
 * @returns an object with dir, which is the host to connect to, and stop()
 */
async function startPooler(host) {
  const dir = makeDirectory();
  const log = path.join(dir, 'out.log');
  const ini = path.join(dir, 'pgbouncer.ini');
  const root = process.getuid() === 0;
  fs.writeFileSync(ini, config(dir, host));
  fs.writeFileSync(path.join(dir, 'users'), '"till_app" ""\n');
  if (root) await run('chown', ['-R', 'postgres:postgres', dir]);
  const command = ['/usr/sbin/pgbouncer', '-q', ini];
  if (root) command.unshift('setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups');
  const child = startProcess(command[0], command.slice(1), {}, log);
  await until(() => {
    if (child.ended) throw new Error(`pgbouncer ended: ${fs.readFileSync(log, 'utf8').slice(-2000)}`);
    return fs.existsSync(path.join(dir, '.s.PGSQL.5432'));
  }, 'the socket of PgBouncer');
  return {
    dir,
    stop: async () => {
      await stopProcess(child, 'SIGINT');
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

module.exports = { startPooler };
