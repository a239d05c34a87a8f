'use strict';

// The page uses Stripe.js as Stripe's own types describe it.

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');

/** Fails with what the compiler says. */
function check(project) {
  const tsc = require.resolve('typescript/lib/tsc.js');
  try {
    execFileSync(process.execPath, [tsc, '-p', path.join(__dirname, project)], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(error.stdout);
  }
}

test('static/ agrees with the types of Stripe.js', () => check('tsconfig.json'));

test('the stand-in for Stripe.js agrees with itself', () => check('tsconfig.stand-in.json'));
