// `e2b-swarm reap`: ends what dead managers left running. Opens their store, and lets a manager of each
// fleet in it look once. What is an orphan is the manager's to say; without its ledger nobody can prove
// that a sandbox is one, so nothing is ever guessed here. Makes no store and prints no address of one.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { InvalidArgumentError, NotFoundError } = require('../errors');
const { SandboxManager } = require('../index');
const { fileStore, postgresStore, sqliteStore } = require('../store');

/** The manager's budget is not known here: what is held is settled, and no limit is told. */
const NO_LIMIT = { daily: 1_000_000, thresholds: [] };

/**
 * @param {string[]} _args  none
 * @param {{ state?: string, owner?: string, idle?: boolean, dryRun?: boolean, json?: boolean }} options
 * @param {{ stdout: import('node:stream').Writable, stderr: import('node:stream').Writable }} io
 * @returns {Promise<number>} 0, or 1 when something could not be ended or looked at
 */
async function run(
  _args,
  { state, owner, idle = false, dryRun = false, json },
  { stdout, stderr },
) {
  const store = storeAt(state);
  await store.open();
  try {
    const owners = [];
    for (const name of await ownersOf(store, owner)) {
      owners.push(
        await reapOwner(store, name, { idle, dryRun, say: (line) => stderr.write(line) }),
      );
    }
    if (json) stdout.write(`${JSON.stringify({ dryRun, owners })}\n`);
    else for (const one of owners) stdout.write(textOf(one, dryRun));
    const isWhole = owners.every(({ reaped, complete }) => complete && !reaped.some(hasFailed));
    return isWhole ? 0 : 1;
  } finally {
    await store.close();
  }
}

const hasFailed = ({ failed }) => failed;

/** @throws {InvalidArgumentError|NotFoundError} nothing is made where there is nothing */
function storeAt(state) {
  if (state === undefined) {
    throw new InvalidArgumentError(
      'reap needs --state: without the ledger of its manager nobody can prove that a sandbox is an ' +
        'orphan. Give the folder, the SQLite file or the PostgreSQL URL of its store; what a manager ' +
        'without a store left ends at its own timeout',
    );
  }
  if (/^postgres(ql)?:\/\//.test(state)) return postgresStore(state);
  const found = fs.statSync(state, { throwIfNoEntry: false });
  if (found?.isFile() && found.size > 0) return sqliteStore(state);
  const isStore = (name) => name.startsWith('snapshot-');
  if (found?.isDirectory() && fs.readdirSync(state).some(isStore)) return fileStore(state);
  throw new NotFoundError(`there is no store at ${path.resolve(state)}`);
}

async function ownersOf(store, wanted) {
  const owners = await store.owners();
  if (wanted === undefined) return owners;
  if (owners.includes(wanted)) return [wanted];
  const known = owners.length === 0 ? 'it is empty' : `it has ${owners.join(', ')}`;
  throw new NotFoundError(`the store knows no owner '${wanted}': ${known}`);
}

async function reapOwner(store, owner, { idle, dryRun, say }) {
  const manager = new SandboxManager({
    ...{ store, owner, budget: NO_LIMIT, autoRecovery: false, pool: { reconcileMs: 0 } },
    ...{ healthCheckInterval: 0, cleanupInterval: 0 },
  });
  manager.stop(); // it looks once, below, and makes nothing
  manager.on('error', ({ error, sandboxId }) => {
    say(`e2b-swarm reap: ${sandboxId === null ? '' : `${sandboxId}: `}${error.message}\n`);
  });
  let result;
  let end;
  try {
    result = await manager.reconcile({ dryRun });
  } finally {
    end = await manager.shutdown({ keepIdle: !idle });
  }
  return { owner, ...summary(result, end, { idle, dryRun }) };
}

/** Idle ones were taken over by our manager, whose end has then ended them, or kept them. */
function summary({ listed, complete, left, actions }, end, { idle, dryRun }) {
  const ended = actions.filter((one) => one.do === 'kill' || one.do === 'end');
  const adopted = actions.filter((one) => one.do === 'adopt');
  const notEnded = new Set(end.failed);
  const reaped = [...ended, ...(idle ? adopted : [])].map(({ sandboxId, reason, failed }) => ({
    ...{ sandboxId, reason, failed: failed || notEnded.has(sandboxId) },
  }));
  const kept = idle ? [] : adopted.map(({ sandboxId }) => sandboxId);
  return { listed, complete, reaped, kept, left: dryRun ? 0 : left };
}

function textOf({ owner, listed, complete, reaped, kept, left }, dryRun) {
  const lines = reaped.map(({ sandboxId, reason, failed }) => {
    const what = dryRun ? 'would end' : failed ? 'NOT ended' : 'ended';
    return `${what} ${sandboxId ?? 'what may still arrive'}: ${reason}`;
  });
  for (const id of kept) lines.push(`idle, kept for the next manager: ${id} (--idle ends it too)`);
  const failures = reaped.filter(hasFailed).length;
  const count = `${reaped.length - failures} ${dryRun ? 'to be ended' : 'ended'}`;
  const more = [
    failures > 0 ? `, ${failures} could not be` : '',
    left > 0 ? `; ${left} not proven gone yet: the next manager, or another run, looks again` : '',
    complete ? '' : '; the list could not be read to its end',
  ];
  lines.push(`${owner}: ${listed} listed, ${count}${more.join('')}`);
  return lines.map((line) => `${line}\n`).join('');
}

module.exports = { run };
