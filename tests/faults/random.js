'use strict';

// Chance that a seed decides: the same seed and name give the same sequence, whatever others draw meanwhile.

const crypto = require('node:crypto');

/** @param {number | string} seed  @param {string} name who draws */
function randomOf(seed, name) {
  let state = crypto.createHash('sha256').update(`${seed}:${name}`).digest().readUInt32LE(0);
  const random = () => { // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** A whole number from `low` to `high`. */
  random.int = (low, high) => low + Math.floor(random() * (high - low + 1));
  random.chance = (percent) => random() * 100 < percent;
  random.of = (list) => list[random.int(0, list.length - 1)];
  /** One of { name: weight }. */
  random.weighted = (weights) => {
    const all = Object.entries(weights);
    let at = random() * all.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of all) {
      at -= weight;
      if (at < 0) return name;
    }
    return all[all.length - 1][0];
  };
  return random;
}

module.exports = { randomOf };
