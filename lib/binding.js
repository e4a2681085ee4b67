'use strict';

// Loads the addon: at the first call, once per copy of this module (jest has one per test file; each
// gets an instance of the addon of its own). A load failure says what to run. It must not know what
// the addon can do, but for abandon(), which the process's end calls.

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const { E2bError } = require('./errors');

const BUILT = path.join(__dirname, '..', 'build', 'Release', 'e2b_swarm.node');
const kBindings = Symbol.for('e2b-swarm.bindings');

// Debian's packages of the libraries that the addon needs at run time.
const PACKAGES = { libcurl: 'libcurl4', libcjson: 'libcjson1', libssl: 'libssl3' };

let binding = null;

/**
 * The addon's exports, loaded at the first call.
 *
 * `E2B_SWARM_ADDON` in the environment names another file than the one that was built.
 *
 * @returns {object}
 * @throws {E2bError} ADDON_MISSING, with `cause` and with what to run
 */
function load() {
  binding ??= open(path.resolve(process.env.E2B_SWARM_ADDON || BUILT));
  return binding;
}

function open(file) {
  const loaded = { exports: {} };
  try {
    // Not require(): under jest it would hand the exports of the first test file to all others.
    process.dlopen(loaded, file);
  } catch (cause) {
    throw new E2bError(explain(file, cause), { code: 'ADDON_MISSING', cause });
  }
  abandonAtExit(loaded.exports);
  return loaded.exports;
}

function explain(file, cause) {
  const installed = __dirname.includes(`${path.sep}node_modules${path.sep}`);
  const rebuild = installed ? 'npm rebuild e2b-swarm' : 'npm run build';
  if (!fs.existsSync(file)) return `the addon is not built (${file}): run \`${rebuild}\``;
  const library = /\b(lib[\w+-]+)\.so[.\d]*: cannot open shared object file/.exec(
    cause.message,
  )?.[1];
  if (library === undefined) {
    return `the addon cannot be loaded: run \`${rebuild}\` (${cause.message})`;
  }
  const name = PACKAGES[library] ?? library;
  return `the addon needs ${library}, which is missing: run \`apt-get install ${name}\` or install it another way`;
}

// One listener for the whole process, whatever number of copies of this module it holds; they are
// referred to weakly, so that a dropped one can go. jest's `process` is a copy per test file whose
// listeners never run: the real one is that of the main context.
function abandonAtExit(exports) {
  const realProcess = vm.runInThisContext('process');
  let bindings = realProcess[kBindings];
  if (bindings === undefined) {
    bindings = [];
    Object.defineProperty(realProcess, kBindings, { value: bindings });
    realProcess.on('exit', () => {
      for (const each of bindings) each.deref()?.abandon();
    });
  }
  const alive = bindings.filter((each) => each.deref() !== undefined);
  bindings.splice(0, bindings.length, ...alive, new WeakRef(exports));
}

module.exports = { load };
