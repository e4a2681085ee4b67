'use strict';

// Runs a scene of ../children/scenes.js in a process of its own and tells how that process ended.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const SCENES = path.join(__dirname, '..', 'children', 'scenes.js');
// What ends at all ends in a fraction of a second; this only finds what hangs.
const DEADLINE_MS = 15_000;

/**
 * @param {string} scene
 * @param {object} env what the scene needs of the far end
 * @param {{ args?: string[], execArgv?: string[] }} [options]
 * @returns {{ order: () => void, ended: Promise<{ code: number|null, signal: string|null,
 *   stdout: string, stderr: string }> }} `order` tells the scene that it is time; `ended` rejects
 *   when the process does not end
 */
function perform(scene, env, { args = [], execArgv = [] } = {}) {
  const child = fork(SCENES, [scene, ...args], {
    env: { ...process.env, ...env },
    execArgv,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return { order: () => child.send('now'), ended: endOf(child, scene) };
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
