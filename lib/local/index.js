// `e2b-swarm/local`: a backend that speaks E2B's protocol, with real processes on this machine, no
// account and no internet. It shares nothing with the client: an independent second opinion on the
// protocol. This file is the public surface and nothing else.
'use strict';

const { LocalBackend } = require('./backend');
const { parseOptions } = require('./options');

/**
 * Starts a local E2B backend on the loopback interface: control plane and sandboxes on one port.
 *
 * @param {object} [options]
 * @param {number} [options.port]  0 (default): a free one
 * @param {'auto'|'namespaces'|'root'|'user'|'none'} [options.isolation]  `auto` (default) takes the
 *   best that really starts, and warns when it isolates nothing; `namespaces`: the better of `root`
 *   (all namespaces, cgroups, two users) and `user` (a user namespace of one identity); `none`: plain
 *   processes. One that was asked for by name and cannot be had rejects and says why
 * @param {string} [options.stateDir]  keeps templates, snapshots and sandboxes that were paused to disk
 *   over a restart; one backend at a time. Default: a temporary directory, and nothing is kept
 * @param {string} [options.domain]  sandboxes are `{port}-{id}.<domain>`, the control plane
 *   `api.<domain>`, and `backend.env` has E2B_DOMAIN in place of URLs; without a port
 * @param {boolean|{ key: string, cert: string }} [options.tls]  TLS with HTTP/2 and HTTP/1.1 beside
 *   plain HTTP on the same port, with a certificate made at start (`backend.ca`) or with yours;
 *   default: with a domain true
 * @param {object[]|string} [options.faults]  rules that are there from the start, or the name of a JSON
 *   file of them, see `faults.js`
 * @param {string} [options.adminKey]  of the admin route `/_local/` (header `x-e2b-local-admin`);
 *   default: a random one, `backend.adminKey`
 * @param {string[]} [options.apiKeys]  accepted keys; default: one for development, in `backend.env`
 * @param {{ maxSandboxes?: number, maxProcesses?: number, maxConnections?: number,
 *   maxTimeoutSeconds?: number }} [options.limits]  1,000 sandboxes (one more: 429 without
 *   Retry-After), 1,000 processes in each, 10,000 requests to each at a time (one more: 429), 86,400
 *   seconds of life
 * @param {string[]|Record<string, { cpuCount?: number, memoryMB?: number, diskSizeMB?: number,
 *   envVars?: Record<string, string>, user?: string, workdir?: string, startCmd?: string,
 *   readyCmd?: string, root?: string }>} [options.templates]  beside `base`, `code-interpreter-v1`,
 *   `node`, `nodejs` and `python`, which are all the host; resources are limits
 * @param {string|false} [options.envd]  an executable that runs inside each sandbox in place of the
 *   built-in envd, as root, on port 49983; such sandboxes have a network of their own and no internet
 * @param {string} [options.envdVersion]  told to clients where envd does not say it; default `0.6.13`
 * @param {(line: string) => void} [options.log]  one line per event; default: none
 * @returns {Promise<LocalBackend>}
 * @throws {TypeError} `code` `UNKNOWN_OPTION` (the message names the nearest) or `INVALID_OPTION`
 * @throws {Error} `code` `ISOLATION_UNAVAILABLE`
 */
async function startLocalBackend(options) {
  const parsed = parseOptions(options);
  const backend = await LocalBackend.start(parsed);
  parsed.log(`local E2B backend at ${backend.url}, isolation: ${backend.isolation.rung}`);
  if (parsed.envd !== null) {
    parsed.log(`every sandbox runs ${parsed.envd} as its envd, and has no internet`);
  }
  return backend;
}

module.exports = { startLocalBackend };
