'use strict';

// The till command on a database of its own, without anything running.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { cleanEnvironment, createDatabase, makeDirectory, required, run, top } = require('./till.js');

/**
 * @param {{ empty?: boolean }} [options] empty: a database without a schema
 * @returns an object with env (settings), till(...arguments) → { code, stdout, stderr }, database, dir, close()
 */
async function commandOnly({ empty = false } = {}) {
  const database = await createDatabase({ empty });
  const dir = makeDirectory();
  const keys = path.join(dir, 'keys');
  fs.writeFileSync(keys, `k1:${crypto.randomBytes(32).toString('base64')}\n`, { mode: 0o400 });
  const env = {
    DATABASE_URL: database.url,
    MIGRATE_DATABASE_URL: database.ownerUrl,
    TILL_KEYS_FILE: keys,
    TILL_SQL: path.join(top, 'sql'),
    TILL_URL: 'http://127.0.0.1:9',
  };
  /** Runs till; the last argument may be an object with settings for this run. */
  const till = async (...all) => {
    const more = typeof all[all.length - 1] === 'object' ? all.pop() : {};
    try {
      const { stdout, stderr } = await run(path.join(required('TILL_TEST_BUILD'), 'till'), all, {
        env: cleanEnvironment({ ...env, ...more }),
      });
      return { code: 0, stdout, stderr };
    } catch (error) {
      if (typeof error.code !== 'number') throw error;
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  };
  const close = async () => {
    await database.drop();
    fs.rmSync(dir, { recursive: true, force: true });
  };
  return { env, till, database, dir, keys, close };
}

module.exports = { commandOnly };
