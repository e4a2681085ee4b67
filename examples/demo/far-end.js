'use strict';

// The two far ends of the demo: a local E2B that is started here, and E2B itself. Each says how to
// reach it, can end a sandbox behind the manager's back, and at the end looks for what is left.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { listE2bSandboxes } = require('e2b-swarm');
const { startLocalBackend } = require('e2b-swarm/local');

const REQUEST_TIMEOUT_MS = 30_000;

/** @param {string} owner what the manager writes into the metadata of its sandboxes */
async function localFarEnd(owner) {
  // Everything of the backend lies below this folder: that is how leftovers are recognised.
  const stateDir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-demo-')));
  const backend = await startLocalBackend({ stateDir });
  const { rung, has } = backend.isolation;
  const { E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl } = backend.env;
  const connection = { apiKey, apiUrl, sandboxUrl };
  return {
    connection,
    name: `a local E2B at ${backend.url}`,
    note: has.files
      ? `Its sandboxes have files, processes and a user of their own (isolation '${rung}').`
      : 'Its sandboxes are processes of this machine, with a home of their own, not isolated.',
    kill: (sandboxId) => kill(connection, sandboxId),
    /** The next creation is refused for good, as by a provider that has no machine for it. */
    refuseNextCreation() {
      const action = { status: 503, errorCode: 'sandbox_no_compatible_node' };
      backend.faults.add({ op: 'create', n: 1, action });
    },
    async close() {
      const alive = backend.sandboxes().length;
      // A look that fails must not keep the backend, and with it this process, alive.
      const listing = ownedBy(owner, connection);
      await listing.catch(() => {});
      const { left } = await backend.close();
      const ids = new Set(backend.requests.map(({ sandboxId }) => sandboxId).filter(Boolean));
      const processes = Math.max(left.processes, processesOf(stateDir, [...ids]));
      fs.rmSync(stateDir, { recursive: true, force: true });
      return { sandboxes: Math.max(await listing, alive, left.sandboxes), processes };
    },
  };
}

async function cloudFarEnd(owner) {
  const { E2B_API_KEY: apiKey, E2B_API_URL, E2B_DOMAIN = 'e2b.app' } = process.env;
  const apiUrl = E2B_API_URL || `https://api.${E2B_DOMAIN}`;
  return {
    connection: {},
    name: `E2B at ${new URL(apiUrl).host}`,
    note: null,
    kill: (sandboxId) => kill({ apiKey, apiUrl }, sandboxId),
    refuseNextCreation: null,
    async close() {
      // A sandbox that is gone has taken its processes with it.
      return { sandboxes: await ownedBy(owner, {}), processes: 0 };
    },
  };
}

/** How many sandboxes the far end still lists for us. */
async function ownedBy(owner, connection) {
  const metadata = { 'e2b-swarm.owner': owner };
  return (await listE2bSandboxes('all', { ...connection, metadata })).length;
}

/** Ends a sandbox as somebody else would: by a plain request, past the manager. */
function kill({ apiKey, apiUrl }, sandboxId) {
  const { request } = apiUrl.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(`${apiUrl}/sandboxes/${sandboxId}`, {
      method: 'DELETE',
      headers: { 'X-API-Key': apiKey },
      timeout: REQUEST_TIMEOUT_MS,
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer to DELETE')));
    sent.on('error', reject);
    sent.on('response', (response) => {
      response.resume();
      const { statusCode } = response;
      if (statusCode < 300) resolve();
      else reject(new Error(`DELETE of ${sandboxId} was answered with ${statusCode}`));
    });
    sent.end();
  });
}

/** Processes of this machine that run in a folder, or in a sandbox; 0 where there is no /proc. */
function processesOf(folder, sandboxIds) {
  let pids;
  try {
    pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return 0;
  }
  const marks = [folder, ...sandboxIds.map((id) => `E2B_SANDBOX_ID=${id}`)];
  return pids.filter((pid) => Number(pid) !== process.pid && belongsTo(pid, marks)).length;
}

function belongsTo(pid, marks) {
  const read = (look) => {
    try {
      return look();
    } catch {
      return ''; // gone meanwhile, or not ours to see
    }
  };
  const cwd = read(() => fs.readlinkSync(`/proc/${pid}/cwd`));
  const environment = read(() => fs.readFileSync(`/proc/${pid}/environ`, 'latin1'));
  return marks.some((mark) => cwd.startsWith(mark) || environment.includes(mark));
}

module.exports = { cloudFarEnd, localFarEnd };
