'use strict';

// What only shows after a while, or in a crowd: memory with many payments in flight and after many requests, and whether an inbox
// with a million events is worked off as fast at the end as at the beginning. `./dev bench memory soak inbox`.

const fs = require('node:fs');

const IN_FLIGHT = 512;
const CONNECTIONS = 64;
const SLICE_SECONDS = 10;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const mb = (value) => value.toFixed(1);

/** Memory of all processes while so many payments wait for the provider at once. */
async function memory({ till, provider, load, memoryOf, files, wanted }) {
  const idle = memoryOf([till.master.pid]);
  await provider.delay(1000); // twice for each payment
  let most = 0;
  const watch = setInterval(() => { most = Math.max(most, memoryOf([till.master.pid])); }, 500);
  const { answers, errors } = await load(till.port, files.create.request, { connections: IN_FLIGHT, seconds: wanted.quick ? 6 : 20 });
  clearInterval(watch);
  await provider.delay(5);
  console.log(`memory: ${mb(idle)} MB before the first request, at most ${mb(most)} MB with ${IN_FLIGHT} payments in flight (${answers} answered, ${errors} errors)`);
  return { idle_mb: idle, in_flight: IN_FLIGHT, memory_mb: most, answers, errors };
}

/** Memory after each tenth of many requests of every kind by turns. */
async function soak({ till, provider, load, memoryOf, files, wanted }) {
  const total = wanted.requests ?? (wanted.quick ? 20000 : 200000);
  const kinds = Object.values(files).filter((one) => one.request);
  const points = [];
  let done = 0;
  await provider.delay(5);
  while (done < total) {
    for (const { request, paths, sign } of kinds) {
      const { answers, errors } = await load(till.port, request, { connections: CONNECTIONS, seconds: SLICE_SECONDS / kinds.length, paths, sign });
      if (errors) throw new Error(`${errors} errors`);
      done += answers;
    }
    if (done >= (points.length + 1) * total / 10) {
      points.push({ requests: done, memory_mb: memoryOf([till.master.pid]) });
      console.log(`soak: ${done} requests, ${mb(points.at(-1).memory_mb)} MB`);
    }
  }
  return points;
}

/** Events that wait as if they had been delivered, each with its job. */
async function fillInbox(till, from, count) {
  await till.db.value(`INSERT INTO webhook_events (id, provider, provider_event_id, type, object_id, status, payload, source, event_created_at, received_at)
    SELECT 'evt_' || lpad(i::text, 26, '0'), 'stripe', 'evt_inbox' || i, 'price.updated', 'price_' || i, 'stored',
      convert_to(json_build_object('id', 'evt_inbox' || i, 'object', 'event', 'type', 'price.updated', 'created', 1700000000, 'livemode', false,
        'data', json_build_object('object', json_build_object('id', 'price_' || i, 'object', 'price', 'active', true)))::text, 'UTF8'), 'delivered', now(), now()
    FROM generate_series(${from}, ${from + count - 1}) i;
    INSERT INTO jobs (kind, subject, run_at, lane)
    SELECT 'webhook.process', 'evt_' || lpad(i::text, 26, '0'), now(), 'money' FROM generate_series(${from}, ${from + count - 1}) i`);
}

const waiting = (till) => till.db.value("SELECT count(*) FROM jobs WHERE kind = 'webhook.process' AND state = 'available'").then(Number);

/** Events worked off in a second: of a few, and of very many from the first to the last, in tenths. */
async function inbox({ till, wanted }) {
  const many = wanted.events ?? (wanted.quick ? 100000 : 1000000);
  const rates = [];
  let first = 1;
  for (const count of [Math.min(20000, many / 10), many]) {
    await fillInbox(till, first, count);
    first += count;
    let before = await waiting(till), start = Date.now();
    while (before) {
      const goal = Math.max(0, before - Math.max(count / 10, 10000));
      let now = before;
      while (now > goal) {
        await sleep(1000);
        now = await waiting(till);
      }
      rates.push({ of: count, waiting: before, per_second: (before - now) / ((Date.now() - start) / 1000) });
      console.log(`inbox: ${rates.at(-1).per_second.toFixed(0)} a second with ${before} waiting of ${count}`);
      [before, start] = [now, Date.now()];
    }
  }
  return rates;
}

/** A hundred who come ten a second, and each pays, waits a second and pays again; then webhooks of as many at once. None is refused. */
async function users({ till, provider, load, files, wanted }) {
  const seconds = wanted.quick ? 20 : 300;
  await provider.delay(100);
  const paying = await load(till.port, files.create.request, { connections: 100, seconds, spawn: 10, pause: 1000 });
  console.log(`users: 100, ten more each second, for ${seconds} s: ${paying.answers} payments, ${paying.errors} errors, ` +
    `p50 ${(paying.p50_us / 1000).toFixed(0)} ms, p99 ${(paying.p99_us / 1000).toFixed(0)} ms`);
  const told = await load(till.port, files.webhook.request, { connections: 100, seconds: seconds / 10, sign: files.webhook.sign });
  console.log(`users: webhooks from 100 connections for ${seconds / 10} s: ${told.answers}, ${told.errors} errors, p99 ${(told.p99_us / 1000).toFixed(0)} ms`);
  if (paying.errors || told.errors) throw new Error('some were refused');
  return { paying, told };
}

module.exports = { long: { memory, soak, inbox, users } };
