'use strict';

// Chance for the simulation: a small fast generator (sfc32) that is a function of its seed alone.
// `fork` makes an independent one by a name, so that more dice in one place do not turn every other.

/** Seeds a generator from a number and a name (FNV-1a over both, then stirred). */
function seedOf(seed, label) {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < label.length; i++) {
    hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

class Random {
  #a;
  #b;
  #c;
  #d = 1;
  #seed;

  /** @param {number} seed a whole number @param {string} [label] */
  constructor(seed, label = '') {
    this.#seed = seed;
    this.#a = seedOf(seed, label);
    this.#b = seedOf(seed ^ 0x9e3779b9, label);
    this.#c = seed >>> 0;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** From 0 (included) to 1 (not included). */
  next() {
    const t = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return (t >>> 0) / 4294967296;
  }

  fork(label) {
    return new Random(this.#seed, label);
  }

  chance(probability) {
    return probability > 0 && this.next() < probability;
  }

  between(low, high) {
    return low + this.next() * (high - low);
  }

  /** A whole number, both ends included. */
  whole(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  /** One of the names of an object, by their weights; null when all weights are 0. */
  weighted(weights) {
    let sum = 0;
    for (const name in weights) sum += weights[name];
    let at = this.next() * sum;
    for (const name in weights) {
      at -= weights[name];
      if (at < 0) return name;
    }
    return null;
  }

  /** In the form of a UUID, for tokens. */
  uuid() {
    let text = '';
    while (text.length < 32) {
      text += Math.floor(this.next() * 0x100000000)
        .toString(16)
        .padStart(8, '0');
    }
    const part = (from, to) => text.slice(from, to);
    return [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join('-');
  }
}

module.exports = { Random };
