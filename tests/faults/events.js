'use strict';

// What goes wrong, and when: the seed decides. Workers are killed, the master is told to stop or to reload, PostgreSQL is taken
// away at once, the process dies at a named place between two phases, and the provider's dials turn.

const fs = require('node:fs');
const { sleep } = require('../lib/till.js');
const { randomOf } = require('./random.js');

const PLACES = [
  'charge.before_t1', 'charge.after_t1', 'charge.after_c1', 'charge.after_t2', 'charge.after_c2', 'charge.after_t3', 'confirm.before_t1',
  'capture.before_t1', 'capture.after_t1', 'capture.after_c2', 'capture.after_t3', 'cancel.before_t1', 'cancel.after_t1', 'cancel.after_c2',
  'cancel.after_t3', 'refund.before_t1', 'refund.after_t1', 'refund.after_c2', 'refund.after_t3', 'request.before_answer_kept',
  'request.before_reply', 'resolver.before', 'resolver.after_ask', 'resolver.after', 'webhook.before_store', 'webhook.after_store',
  'webhook_job.after_ask', 'webhook_job.after_apply', 'sweep.before_store', 'checkout.before_door',
];

const WEIGHTS = { kill: 8, failpoint: 8, reload: 2, stop: 1.5, database: 2, dials: 4 };

/** Rules of the sandbox for a while: what part of all calls goes wrong how. */
function rules(random) {
  const rule = (action, probability, more = {}) => ({ operation: '*', action, probability, ...more });
  return [
    rule('timeout_after_execute', random.int(0, 5), { ms: 1600 }),
    rule('error_500_executed', random.int(0, 4)),
    rule('error_500_not_executed', random.int(0, 4)),
    rule('sticky_500', random.int(0, 2), { executed: random.chance(50) }),
    rule('reset', random.int(0, 3)),
    rule('reset_not_executed', random.int(0, 2)),
    rule('truncate', random.int(0, 2), { bytes: random.int(0, 300) }),
    rule('html_200', random.int(0, 1)),
    rule('429', random.int(0, 1), { retry_after: 1 }),
    rule('delay', random.int(0, 10), { ms: random.int(10, 700) }),
    rule('close_reused', random.int(0, 3)),
  ].filter((one) => one.probability > 0);
}

function dials(random, seed) {
  const webhooks = {
    drop: random.of([0, 0, 20, 60]), duplicate: random.of([0, 30, 100]), delay_ms: random.of([0, 0, 100, 1000]), retry_ms: 300,
    shuffle: random.chance(70), off: random.chance(20),
  };
  return { seed, rules: rules(random), webhooks };
}

class Events {
  constructor(world, { cluster, failpoints }) {
    Object.assign(this, { world, till: world.till, cluster, failpoints, random: randomOf(world.seed, 'events') });
    this.counts = Object.fromEntries([...Object.keys(WEIGHTS), 'died at a failpoint'].map((name) => [name, 0]));
    this.hits = {};
  }

  async turnDials() {
    await this.collect();
    await this.till.sandbox.dials(dials(this.random, this.random.int(1, 1e9)));
  }

  /** How often each fault of the provider has struck since the dials were turned. */
  async collect() {
    const { rules: shown } = await this.till.sandbox.control('GET', '/sandbox/dials');
    for (const { action, hits } of shown ?? []) this.hits[action] = (this.hits[action] ?? 0) + hits;
  }

  async kill() {
    const workers = this.till.workers();
    if (!workers.length) return;
    const some = this.random.chance(25) ? workers : [this.random.of(workers)];
    for (const pid of some) this.signal(pid, 'SIGKILL');
    this.counts.kill += some.length - 1;
  }

  signal(pid, name) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  /** The next process that comes by this place dies there. */
  async failpoint() {
    const place = this.random.of(PLACES);
    const before = this.deaths();
    const end = Date.now() + 1500;
    fs.writeFileSync(this.failpoints, `${place} 0 kill\n`);
    while (this.deaths() === before && Date.now() < end) await sleep(25);
    fs.writeFileSync(this.failpoints, '');
    this.counts['died at a failpoint'] += this.deaths() - before;
  }

  deaths() {
    return this.till.logs().split('died of signal 9').length;
  }

  async reload() {
    this.signal(this.till.master.pid, 'SIGHUP');
  }

  async stop() {
    await this.till.stopMaster();
    if (this.till.master.ended.code !== 0) this.world.problem('till.fcgi did not end cleanly', this.till.master.ended);
    await sleep(this.random.int(0, 300));
    await this.till.startMaster();
  }

  async database() {
    await this.cluster.crash();
    await sleep(this.random.of([0, 0, 300, 1500]));
    await this.cluster.start();
  }

  async dials() {
    await this.turnDials();
  }

  async work() {
    await this.turnDials();
    while (!this.world.over) {
      await sleep(this.random.int(300, 1600));
      if (this.world.over) break;
      const what = this.random.weighted(WEIGHTS);
      await this[what]();
      this.counts[what]++;
    }
    fs.writeFileSync(this.failpoints, '');
    await this.collect();
  }
}

module.exports = { Events, PLACES };
