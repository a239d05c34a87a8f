'use strict';

// Runs test files on a PostgreSQL cluster of their own, with the programs in TILL_TEST_BUILD:
//     TILL_TEST_BUILD=… node tests/faults/alone.js tests/faults/concurrency.test.js

const { spawnSync } = require('node:child_process');
const { startCluster } = require('../lib/postgres.js');

async function main() {
  const cluster = await startCluster();
  try {
    process.exitCode = spawnSync(process.execPath, ['--test', ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1;
  } finally {
    await cluster.stop();
  }
}

main();
