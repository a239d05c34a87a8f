'use strict';

// Runs a program with a sandbox of its own: with-sandbox.js PROGRAM [ARGUMENT]…, which finds it in STRIPE_API_URL and SANDBOX_URL.

const { spawnSync } = require('node:child_process');
const { SECRET_KEY, WEBHOOK_SECRET, required } = require('./till.js');

async function main() {
  const { startSandbox } = require('./sandbox.js');
  const env = { STRIPE_SECRET_KEY: SECRET_KEY, STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET };
  const sandbox = await startSandbox({ build: required('TILL_TEST_BUILD'), env });
  try {
    const { status, signal } = spawnSync(process.argv[2], process.argv.slice(3), {
      stdio: 'inherit',
      env: { ...process.env, ...env, STRIPE_API_URL: sandbox.url, SANDBOX_URL: sandbox.url },
    });
    process.exitCode = signal ? 128 : status;
  } finally {
    await sandbox.stop();
  }
}

main();
