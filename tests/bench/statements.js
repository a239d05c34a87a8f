'use strict';

// The statements that Till runs for a request, taken from PostgreSQL's own log, as a script for pgbench. Nothing of them is
// written again: what changes in Till changes here.

const fs = require('node:fs');
const path = require('node:path');

/** Rows of PostgreSQL's csvlog. */
function parseCsv(text) {
  const rows = [];
  let row = [], field = '', quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[++i];
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') { row.push(field); field = ''; }
    else if (c === '\n') { rows.push([...row, field]); row = []; field = ''; }
    else field += c;
  }
  return rows;
}

/** Everything that one role has run since byte `from` of the log, in order: { transaction, sql, values }. */
function readLog(file, from, role, database) {
  const text = fs.readFileSync(file).subarray(from).toString();
  return parseCsv(text).filter((row) => row[1] === role && row[2] === database).flatMap((row) => {
    const found = /^(?:execute [^:]*|statement): ([\s\S]*)$/.exec(row[13]);
    return found ? [{ transaction: `${row[3]}/${row[9]}`, sql: found[1].trim(), values: parseValues(row[14]) }] : [];
  });
}

/** "parameters: $1 = 'a', $2 = NULL" as a list of texts and nulls. */
function parseValues(detail) {
  const values = [];
  for (const [, number, quoted] of (detail || '').matchAll(/\$(\d+) = (?:NULL|'((?:[^']|'')*)')/g)) {
    values[Number(number) - 1] = quoted === undefined ? null : quoted.replace(/''/g, "'");
  }
  return values;
}

/** Statements by transaction, in the order in which these began. */
function transactions(statements) {
  const all = new Map();
  for (const one of statements) {
    if (!all.has(one.transaction)) all.set(one.transaction, []);
    all.get(one.transaction).push(one);
  }
  return [...all.values()];
}

const isFrame = (sql) => /^(BEGIN|COMMIT|ROLLBACK|START)\b/i.test(sql);

/** What a request ran: without transactions that also run while nobody asks anything, and up to `last`, where that is given. */
function ofRequest(statements, idle, last) {
  const known = new Set(idle.map((one) => one.sql).filter((sql) => !isFrame(sql)));
  const own = transactions(statements).filter((list) => !list.every((one) => isFrame(one.sql) || known.has(one.sql)));
  const end = last ? own.findIndex((list) => list.some((one) => one.sql.includes(last))) : own.length - 1;
  return own.slice(0, end + 1).flat();
}

/** A literal without a colon in it, which pgbench would take for a variable's. */
const quote = (text) => `E'${text.replace(/\\/g, '\\\\').replace(/'/g, "''").replace(/:/g, '\\x3a')}'`;
const ID = /\b([a-z]{2,6}_)([0-9A-Za-z]{14,})/g;

/**
 * A value as an expression that is another one in every run, where it was another one in every request.
 * @param {string | null} value
 * @param {string} type  as PostgreSQL understood the parameter
 * @param {(id: string) => boolean} varies  whether an id or digest belongs to this one request
 */
function expression(value, type, varies, numberOf) {
  if (value === null) return `NULL::${type}`;
  if (type === 'bytea' && value.length === 66 && varies(value)) {
    return `decode(lpad(to_hex(:n::bigint + ${numberOf(value)}), 64, '0'), 'hex')`;
  }
  const parts = [];
  let at = 0;
  for (const found of value.matchAll(ID)) {
    if (!varies(found[0])) continue;
    parts.push(quote(value.slice(at, found.index) + found[1]));
    parts.push(`lpad(to_hex(:n::bigint + ${numberOf(found[0])}), ${found[2].length}, '0')`);
    at = found.index + found[0].length;
  }
  parts.push(quote(value.slice(at)));
  return `(${parts.join(' || ')})::${type}`;
}

/**
 * The script, from two requests of the same kind: what differs between them belongs to one request and is made anew.
 * @param {(sql: string) => Promise<string[]>} typesOf  the types of a statement's parameters
 */
async function pgbenchScript(first, second, typesOf) {
  const others = new Set(second.flatMap((one) => one.values.flatMap((value) => (value === null ? [] : [value, ...(value.match(ID) || [])]))));
  const numbers = new Map();
  const numberOf = (id) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return numbers.get(id);
  };
  const lines = ['\\set n random(1, 4611686018427387904)'];
  for (const one of first) {
    const types = one.values.length ? await typesOf(one.sql) : [];
    const sql = one.sql.replace(/\$(\d+)/g, (_, number) =>
      expression(one.values[number - 1] ?? null, types[number - 1] || 'text', (id) => !others.has(id), numberOf));
    lines.push(`${sql.replace(/\s+/g, ' ')};`);
  }
  return `${lines.join('\n')}\n`;
}

/** The newest csvlog of a cluster, and its length now. */
function logPosition(directory) {
  const file = fs.readdirSync(directory).filter((name) => name.endsWith('.csv')).sort().pop();
  const full = path.join(directory, file);
  return { file: full, length: fs.statSync(full).size };
}

module.exports = { logPosition, ofRequest, pgbenchScript, readLog };
