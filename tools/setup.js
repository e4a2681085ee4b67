'use strict';

// The set-up of a fresh clone, in Node built-ins only: the tools and headers of the system, the locked
// npm packages, the addon's build. Each part is looked at first and made only when it is not ready, so
// a second run costs a fraction of a second. Everything said goes to stderr.
//
//   node tools/setup.js [demo|test]     sets up and exits 0, or says what to do and exits 1

const addon = require('./setup/addon');
const { withLock } = require('./setup/lock');
const packages = require('./setup/packages');
const postgres = require('./setup/postgres');
const { SetupError, say } = require('./setup/run-step');
const sqlite = require('./setup/sqlite');
const { State } = require('./setup/state');
const toolchain = require('./setup/toolchain');

const OLDEST_NODE = [20, 18];

// goal -> which npm packages it needs (null: none at all), which builds of the addon, and whether the
// databases that stores are tested with.
const GOALS = {
  build: { dev: null, configurations: ['Release'] },
  'build:debug': { dev: null, configurations: ['Debug'] },
  demo: { dev: false, configurations: ['Release'] },
  c: { dev: null, configurations: [] },
  lint: { dev: true, configurations: [] },
  test: { dev: true, configurations: ['Release'], databases: true },
  // The far end of its tests is the local backend, whose e2b-init is that of the usual build.
  asan: { dev: true, configurations: ['Release', 'Asan'] },
};

function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupError(`Node ${OLDEST_NODE.join('.')} or later is needed, this is ${version}`);
}

/** The parts of a goal, in the order in which they can be made. */
function partsOf({ dev, configurations, databases = false }, state) {
  const parts = [
    { isReady: () => toolchain.isReady(state), make: () => toolchain.make(state) },
    ...configurations.map((configuration) => ({
      isReady: () => addon.isReady(state, configuration),
      make: () => addon.make(state, configuration),
    })),
  ];
  if (dev !== null) {
    parts.splice(1, 0, {
      isReady: () => packages.isReady({ dev }),
      make: () => packages.make({ dev }),
    });
  }
  if (databases) {
    for (const part of [sqlite, postgres]) {
      parts.push({ isReady: () => part.isReady(), make: () => part.make() });
    }
  }
  return parts;
}

/**
 * Makes everything ready that `goal` needs. Synchronous; waits for another set-up at work here.
 *
 * @param {keyof GOALS} goal
 * @throws {SetupError} with what the user has to do
 */
function setUp(goal) {
  checkNode();
  // For all that is started from here: the probes, node-gyp, the C tests' make.
  const pkgConfigPath = toolchain.pkgConfigPath();
  if (pkgConfigPath !== undefined) process.env.PKG_CONFIG_PATH = pkgConfigPath;
  const parts = partsOf(GOALS[goal], new State());
  if (parts.every((part) => part.isReady())) return;
  const started = Date.now();
  withLock('setup', () => {
    for (const part of parts) if (!part.isReady()) part.make();
  });
  say(`ready after ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function main(goal = 'demo') {
  if (!Object.hasOwn(GOALS, goal)) {
    say(`unknown goal "${goal}"; one of ${Object.keys(GOALS).join(', ')}`);
    process.exit(2);
  }
  try {
    setUp(goal);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exit(1);
  }
}

if (require.main === module) main(process.argv[2]);

module.exports = { SetupError, checkNode, setUp };
