// A Jest environment for suites of programs that use E2B, by whichever client: each Jest worker has one
// local backend, whose address and key stand in `process.env` before the test file is loaded, and
// which is as new again after every file. Runs in Jest's own realm, outside of the tests'.
'use strict';

const { startLocalBackend } = require('../local');
const { TestEnvironment } = nodeEnvironment();

/** One per worker process; the worker's end ends it. */
let started = null;

class E2bEnvironment extends TestEnvironment {
  #options;

  /** `testEnvironmentOptions.e2b` are the options of `startLocalBackend`; the first file's count. */
  constructor(config, context) {
    super(config, context);
    this.#options = config.projectConfig.testEnvironmentOptions.e2b;
  }

  async setup() {
    await super.setup();
    started ??= startLocalBackend(this.#options);
    const backend = await started;
    backend.unref();
    Object.assign(this.global.process.env, backend.env);
    this.global.e2bBackend = backend;
  }

  async teardown() {
    const backend = await started?.catch(() => null);
    await backend?.reset();
    await super.teardown();
  }
}

function nodeEnvironment() {
  try {
    return require('jest-environment-node');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(
      "e2b-swarm/jest needs the package 'jest-environment-node' of your Jest's version: " +
        'npm install --save-dev jest-environment-node',
      { cause: error },
    );
  }
}

module.exports = E2bEnvironment;
