// `e2b-swarm doctor`: what this machine gives: whether the client loads, which rung of isolation really
// starts and why not a better one. Tries everything by doing it; sends nothing to any provider.
'use strict';

const fs = require('node:fs');
const { engines } = require('../../package.json');

const RUNGS = ['root', 'user', 'none'];
const INTERPRETERS = ['/usr/bin/python3', '/usr/local/bin/python3'];

/**
 * @param {string[]} _args  none
 * @param {{ json?: boolean }} options
 * @param {{ stdout: import('node:stream').Writable }} io
 * @returns {Promise<number>} 0 when the client and at least one rung work, else 1
 */
async function run(_args, { json }, { stdout }) {
  const checks = [
    checkNode(),
    await checkClient(),
    ...(await checkRungs()),
    checkPython(),
    checkKey(),
  ];
  const best = checks.find(({ rung, ok }) => rung && ok) ?? null;
  const ok = best !== null && checks.every((check) => check.ok || !check.required);
  if (json) {
    stdout.write(`${JSON.stringify({ ok, isolation: best?.rung ?? null, checks })}\n`);
  } else {
    for (const check of checks) stdout.write(lineOf(check));
    stdout.write(verdict(best, ok));
  }
  return ok ? 0 : 1;
}

function lineOf({ ok, name, text }) {
  return `${ok ? 'ok' : '--'}  ${name}: ${text}\n`;
}

function verdict(best, ok) {
  if (!ok) return '\nSomething that is needed is missing: see above.\n';
  const { rung, isolation } = best;
  const list = (texts) => texts.map((text) => `      ${text}\n`).join('');
  return (
    `\nA local E2B takes the rung '${rung}' here.\n` +
    `  It stops:\n${list(isolation.stops)}  It does not stop:\n${list(isolation.doesNotStop)}`
  );
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 18);
  return { name: 'node', ok, required: true, text: `${process.version} (${engines.node})` };
}

/** Loads the addon: the address of a port is made without asking anybody. */
async function checkClient() {
  const name = 'client';
  try {
    const { getE2bSandboxUrl, getVersion } = require('../index');
    await getE2bSandboxUrl('doctor', 80, { apiKey: 'none', domain: 'e2b.app' });
    return { name, ok: true, required: true, text: `the addon of ${getVersion()} loads` };
  } catch (error) {
    return { name, ok: false, required: true, text: error.message };
  }
}

async function checkRungs() {
  const checks = [];
  for (const rung of RUNGS) checks.push(await checkRung(rung));
  return checks;
}

async function checkRung(rung) {
  const { startLocalBackend } = require('../local');
  const name = `isolation ${rung}`;
  try {
    const begun = process.hrtime.bigint();
    const backend = await startLocalBackend({ isolation: rung });
    const ms = Number(process.hrtime.bigint() - begun) / 1e6;
    const { isolation } = backend;
    await backend.close();
    const has = Object.keys(isolation.has).filter((one) => isolation.has[one]);
    const gives = has.length > 0 ? `own ${has.join(', ')}` : 'nothing is isolated';
    return { name, ok: true, rung, text: `starts in ${Math.round(ms)} ms; ${gives}`, isolation };
  } catch (error) {
    return { name, ok: false, rung, text: error.message };
  }
}

function checkPython() {
  const found = INTERPRETERS.find((file) => fs.existsSync(file));
  const text = found ?? 'there is none, so the code interpreter has no Python';
  return { name: 'python3', ok: found !== undefined, text };
}

/** Whether, not which. */
function checkKey() {
  const ok = Boolean(process.env.E2B_API_KEY);
  const text = ok ? 'E2B_API_KEY is set' : 'E2B_API_KEY is not set: only a local E2B can be used';
  return { name: 'account', ok, text };
}

module.exports = { run };
