'use strict';

// The rows of src/routes.c, so that what has to hold of every route holds of a new one, too.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { top } = require('./till.js');

/** @returns {{ method: string, path: string, access: string, scope?: string, isPage: boolean }[]} */
function routeTable() {
  const source = fs.readFileSync(path.join(top, 'src/routes.c'), 'utf8');
  const rows = [...source.matchAll(/^ {4}\{ "([A-Z]+)", "([^"]+)", \w+,\s+ACCESS_(\w+)([^}]*)\}/gm)];
  assert.equal(rows.length, [...source.matchAll(/^ {4}\{ "/gm)].length, 'every row is understood');
  return rows.map(([, method, address, access, rest]) => ({
    method, path: address, access, scope: rest.match(/\.scope = "([^"]+)"/)?.[1], isPage: /ANSWER_PAGE/.test(rest),
  }));
}

module.exports = { routeTable };
