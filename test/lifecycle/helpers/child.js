'use strict';

// Runs a scene of ../children in a process of its own and tells how that process ended.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { NODE, patience } = require('../../helpers/pace');

const CHILDREN = path.join(__dirname, '..', 'children');
// What ends at all ends in a fraction of a second; this only finds what hangs.
const DEADLINE_MS = patience(15_000);

/**
 * @param {string} scene
 * @param {object} env what the scene needs of the far end
 * @param {{ file?: string, args?: string[], execArgv?: string[] }} [options] `file`: scenes.js
 * @returns {{ order: () => void, heard: () => Promise<unknown>, ended: Promise<{ code: number|null,
 *   signal: string|null, stdout: string, stderr: string }> }} `order` tells the scene that it is
 *   time; `heard` is what it says next; both reject when the process ends without, or does not end
 */
function perform(scene, env, { file = 'scenes.js', args = [], execArgv = [] } = {}) {
  const child = fork(path.join(CHILDREN, file), [scene, ...args], {
    env: { ...process.env, ...env },
    execPath: NODE,
    execArgv,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ended = endOf(child, scene);
  return { order: () => child.send('now'), heard: () => nextOf(child, ended), ended };
}

async function nextOf(child, ended) {
  const gone = ended.then(({ code, stderr }) => {
    throw new Error(`ended with ${code} and said nothing\n${stderr}`);
  });
  const [message] = await Promise.race([once(child, 'message'), gone]);
  return message;
}

async function endOf(child, scene) {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, DEADLINE_MS);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (late) throw new Error(`${scene}: the process did not end\n${output.stdout}${output.stderr}`);
  return { code, signal, ...output };
}

module.exports = { perform };
