'use strict';

// What the set-up remembers between runs: for each part a key that says from what it was made. A part
// is forgotten before it is made anew and remembered only when that succeeded, so an interrupted
// set-up is never taken for a finished one. Written whole, by rename. Losing the file is harmless.

const fs = require('node:fs');
const path = require('node:path');

const { SETUP_FOLDER } = require('./run-step');

class State {
  #file;

  constructor(folder = SETUP_FOLDER) {
    this.#file = path.join(folder, 'state.json');
  }

  /** @returns {string|null} the key of a finished part */
  get(part) {
    const key = this.#read()[part];
    return typeof key === 'string' ? key : null;
  }

  remember(part, key) {
    this.#write({ ...this.#read(), [part]: key });
  }

  forget(part) {
    const { [part]: key, ...others } = this.#read();
    if (key !== undefined) this.#write(others);
  }

  #read() {
    try {
      const parts = JSON.parse(fs.readFileSync(this.#file, 'utf8'));
      return parts !== null && typeof parts === 'object' ? parts : {};
    } catch {
      return {};
    }
  }

  #write(parts) {
    fs.mkdirSync(path.dirname(this.#file), { recursive: true });
    const draft = `${this.#file}.${process.pid}`;
    fs.writeFileSync(draft, `${JSON.stringify(parts, null, 2)}\n`);
    fs.renameSync(draft, this.#file);
  }
}

module.exports = { State };
