// What separates the sandboxes from the host: takes the best rung of the ladder that really starts, by
// booting a sandbox on it and running a command there, and says plainly what it stops and what not.
'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { HOSTNAME, makeBaseLayer, visibleDirectories } = require('./base-layer');
const { makeEnvdLayer } = require('./envd-daemon');
const { Launcher, findBinary } = require('./init/launcher');
const { SandboxInit } = require('./init/sandbox-init');

/** What each wish may become, the best first. */
const LADDERS = {
  auto: ['root', 'user', 'none'],
  namespaces: ['root', 'user'],
  root: ['root'],
  user: ['user'],
  none: ['none'],
};
const PROBE_ID = 'probe';
const BASE = 'base';
const ENVD = 'envd';

const TEXTS = {
  files: [
    "files: what a sandbox writes lies in a directory of its own; the host's files stay as they are",
    'files: a process can read and write everything that the user of this process can',
  ],
  processes: [
    'processes: a sandbox sees and signals only its own, and all of them end with it',
    'processes: a process sees and can signal every process of the same user',
  ],
  users: [
    "users: 'user' and 'root' are different, and root is none of the host's",
    "users: 'user' and 'root' are names for one identity, that of this process",
  ],
  limits: [
    'resources: memory, processes and processor time are limited by cgroups',
    'resources: no cgroup can be had; memory is watched, processor time is not limited',
  ],
  freezer: [
    'pause: processes stand still by the freezer of the kernel',
    'pause: processes are stopped by SIGSTOP, which they can notice',
  ],
  network: [
    'network: a sandbox without internet access has only its own loopback',
    'network: it cannot be taken away from a sandbox',
  ],
};
const NEVER_STOPPED = [
  'kernel: all sandboxes share the kernel of the host; this is no virtual machine',
  'network: a sandbox with internet access has the network of the host, its loopback included',
  "reading: the host's programs and system files can be read, but for homes and mounts",
];
/** Where orphans do not come back to a sandbox. */
const ORPHANS =
  'orphans: on this system a process that has left its parent is not found, and outlives its sandbox';

/**
 * @param {object} options
 * @param {'auto'|'namespaces'|'root'|'user'|'none'} options.asked
 * @param {boolean} options.onlyWalls  not `none`, whatever was asked for
 * @param {string} options.directory  of the backend; `run` in it is the launcher's and the sandboxes'
 * @param {string|null} options.envd  an executable that every sandbox will see, and that must only run
 *   where there is a network of its own
 * @param {(line: string) => void} options.log
 * @returns {Promise<{ launcher: Launcher, base: string, run: string, envdLayer: string|null,
 *   visible: string[], isolation: object }>}
 * @throws {Error} `code` `ISOLATION_UNAVAILABLE`: none of the rungs starts, and why
 */
async function chooseIsolation({ asked, onlyWalls, directory, envd, log }) {
  const refusals = [];
  for (const rung of LADDERS[asked]) {
    if (onlyWalls && rung === 'none') continue;
    try {
      const chosen = await tryRung(rung, { directory, envd, log });
      const isolation = describe(rung, asked, chosen.has, refusals);
      if (rung === 'none' && asked === 'auto') warn(isolation, refusals);
      return { ...chosen, isolation };
    } catch (error) {
      if (error.code === 'INIT_NOT_BUILT') throw error;
      refusals.push(`${rung}: ${error.message}`);
    }
  }
  throw Object.assign(
    new Error(`isolation '${asked}' cannot be had on this machine; ${refusals.join('; ')}`),
    { code: 'ISOLATION_UNAVAILABLE' },
  );
}

async function tryRung(rung, { directory, envd, log }) {
  if (rung === 'root' && process.getuid() !== 0) throw new Error('this process is not root');
  const run = path.join(directory, 'run');
  const base = path.join(run, BASE);
  const visible = visibleDirectories();
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const launcher = await Launcher.start(rung, directory, log); // empties `run`
  try {
    makeBaseLayer(base, { rung, binary: findBinary() });
    const has = await probe(launcher, { rung, run, base, visible });
    if (envd === null) return { launcher, base, run, visible, envdLayer: null, has };
    if (!has.network) {
      throw new Error("the option 'envd' needs sandboxes with a network of their own");
    }
    const envdLayer = path.join(run, ENVD);
    makeEnvdLayer(envdLayer, envd);
    return { launcher, base, run, visible, envdLayer, has };
  } catch (error) {
    await launcher.close();
    throw error;
  }
}

/** Boots a sandbox and runs a program in it, as its user, from its own files. */
async function probe(launcher, { rung, run, base, visible }) {
  const directory = path.join(run, PROBE_ID);
  fs.mkdirSync(path.join(directory, 'upper'), { recursive: true });
  const init = await SandboxInit.boot(launcher.socket, {
    ...{ id: PROBE_ID, hostname: HOSTNAME, directory, layers: [base] },
    ...{ visible, bootId: randomUUID(), network: rung === 'none' },
    limits: { memoryBytes: 2 ** 30, diskBytes: 2 ** 30, processes: 100, cpuPercent: 100 },
  });
  try {
    const args = ['/bin/sh', '-c', 'exec true'];
    const spec = { args, env: { PATH: '/usr/bin:/bin' }, cwd: '/', user: 'user' };
    const started = await init.spawn(spec);
    const exit = await new Promise((resolve, reject) => {
      const onOver = (error) => (error ? reject(error) : undefined);
      started.listen({ onData: () => {}, onExit: resolve, onOver });
    });
    if (exit.code !== 0) throw new Error('a program in a sandbox does not run');
    return init.has;
  } finally {
    // Nobody waits for that; what is still there when the backend closes goes with its directory.
    void init.end().then(() => launcher.remove(PROBE_ID).catch(() => {}));
  }
}

/** @returns {object} what `backend.isolation` shows */
function describe(rung, asked, has, refusals) {
  const walls = { ...has, processes: rung !== 'none' };
  const texts = Object.keys(TEXTS).map((name) => ({ yes: walls[name], text: TEXTS[name] }));
  return Object.freeze({
    rung,
    asked,
    has: Object.freeze({ ...has }),
    stops: Object.freeze(texts.filter(({ yes }) => yes).map(({ text }) => text[0])),
    doesNotStop: Object.freeze([
      ...texts.filter(({ yes }) => !yes).map(({ text }) => text[1]),
      ...NEVER_STOPPED,
      ...(process.platform === 'linux' ? [] : [ORPHANS]),
    ]),
    refusals: Object.freeze([...refusals]),
  });
}

function warn({ doesNotStop }, refusals) {
  process.emitWarning(
    'the local E2B backend isolates nothing: sandboxes run as plain processes of this user. Run only ' +
      "code that you trust, and ask for isolation: 'none' to say that you know. What it does not " +
      `stop: ${doesNotStop.join('; ')}. Why not better: ${refusals.join('; ')}`,
    { type: 'E2BLocalWarning', code: 'E2B_LOCAL_NO_ISOLATION' },
  );
}

module.exports = { chooseIsolation };
