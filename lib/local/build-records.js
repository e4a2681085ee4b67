// What is told of template builds for as long as their templates are there, also after a restart of the
// backend: tags, log, and the reason of a failure; a file for each. Knows no template and runs nothing.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const SUFFIX = '.json';

/**
 * @typedef {object} BuildRecord
 * @property {string[]} tags  that the build gets when it is ready
 * @property {{ timestamp: string, message: string, level: string, step?: string }[]} logs
 * @property {{ message: string, step: string, logEntries: object[] }|null} reason  of a failure
 */

class BuildRecords {
  #state;
  #directory;

  /**
   * @param {import('./state-directory').StateDirectory} state
   * @param {(buildId: string) => boolean} isKnown  of the others what is left is removed
   */
  constructor(state, isKnown) {
    this.#state = state;
    this.#directory = state.kept('builds');
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of fs.readdirSync(this.#directory)) {
      if (isKnown(path.basename(name, SUFFIX))) continue;
      fs.rmSync(path.join(this.#directory, name), { force: true });
    }
  }

  /** @returns {Promise<void>} when it is on disk; of what `record` is now */
  save(buildId, { tags, logs, reason }) {
    return this.#state.writeJson(this.#fileOf(buildId), { tags, logs, reason });
  }

  /** @returns {BuildRecord|null} */
  read(buildId) {
    return this.#state.readJson(this.#fileOf(buildId));
  }

  #fileOf(buildId) {
    return path.join(this.#directory, `${buildId}${SUFFIX}`);
  }
}

module.exports = { BuildRecords };
