// Another envd than the one in this package: an executable that is started inside a sandbox and answers
// at its port 49983. Starts it, waits until it is healthy, and tells it what it must know, and nothing
// that would reach past the sandbox: no time (it would set the clock), no hyperloop, certificates or
// volumes. Who may end what is the sandbox's to decide.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { SANDBOX_PATH } = require('./base-layer');
const { ENVD_PORT } = require('./routing');

const PLACE = '/usr/bin/envd'; // where the cloud has it
const START_MS = 30_000;
const ASK_MS = 10_000;
const POLL_MS = 10;
const MAX_WORDS = 2_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const SILENCE_MS = 500; // its children may hold its output open after it has ended

/**
 * Makes the layer that shows the executable to sandboxes: a copy, so that none can change the original,
 * above all that templates bring along.
 * @param {string} directory  that is not there yet
 * @param {string} file
 */
function makeEnvdLayer(directory, file) {
  const to = path.join(directory, PLACE);
  fs.mkdirSync(path.dirname(to), { recursive: true, mode: 0o755 });
  fs.copyFileSync(file, to, fs.constants.COPYFILE_FICLONE);
  fs.chmodSync(to, 0o555);
}

/**
 * @param {import('./init/sandbox-init').SandboxInit} init  of a sandbox with a network of its own
 * @param {object} options
 * @param {Record<string, string>} options.environment  the daemon's own, beside PATH and HOME
 * @param {string} options.token  that its clients must carry
 * @param {Record<string, string>} options.envVars  of every process that it starts
 * @param {string} options.user
 * @param {string|null} options.workdir
 * @param {(how: string) => void} options.onDeath  of one that was healthy, with its last words
 * @returns {Promise<{ version: string|null }>} what it says of itself
 * @throws {Error} with its last words
 */
async function startEnvd(init, { environment, token, envVars, user, workdir, onDeath }) {
  const started = await init.spawn({
    args: [PLACE, '-isnotfc', '-no-cgroups', '-port', String(ENVD_PORT)],
    env: { PATH: SANDBOX_PATH, HOME: '/root', USER: 'root', LOGNAME: 'root', ...environment },
    ...{ cwd: '/', user: 'root' },
  });
  const ended = new AbortController();
  const death = lastWords(started, token);
  void death.then((how) => ended.abort(new Error(how)));
  const deadline = AbortSignal.timeout(START_MS);
  const signal = AbortSignal.any([ended.signal, deadline]);
  await healthy(init, signal).catch((error) => {
    if (ended.signal.aborted) throw ended.signal.reason;
    if (!deadline.aborted) throw error;
    throw new Error(`envd does not answer GET /health within ${START_MS / 1000} s`);
  });
  const known = { accessToken: token, envVars, defaultUser: user };
  if (workdir !== null) known.defaultWorkdir = workdir;
  const { status, headers, text } = await ask(init, 'POST', '/init', { json: known, signal });
  if (status < 200 || status > 299) {
    throw new Error(`envd answers POST /init with ${status}: ${without(token, text.trim())}`);
  }
  void death.then(onDeath);
  return { version: headers['x-envd-version'] ?? null };
}

async function healthy(init, signal) {
  for (;;) {
    const answer = await ask(init, 'GET', '/health', { signal }).catch(() => null);
    if (answer && answer.status >= 200 && answer.status <= 299) return;
    await delay(POLL_MS, undefined, { ref: false, signal });
  }
}

/** @returns {Promise<{ status: number, headers: object, text: string }>} */
async function ask(init, method, path_, { json, signal }) {
  signal.throwIfAborted();
  const connection = await init.connect(ENVD_PORT);
  const body = json === undefined ? undefined : JSON.stringify(json);
  const headers = { host: `localhost:${ENVD_PORT}`, connection: 'close' };
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  const outgoing = http.request({
    ...{ createConnection: () => connection, method, path: path_, headers, signal: limit },
  });
  outgoing.end(body);
  try {
    const incoming = await new Promise((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
      outgoing.once('close', () => reject(new Error('envd closed the connection')));
    });
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) {
      if (text.length < MAX_ANSWER_BYTES) text += chunk;
    }
    return { status: incoming.statusCode, headers: incoming.headers, text };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new Error(`envd does not answer ${method} ${path_}`, { cause: error });
  } finally {
    outgoing.destroy();
    connection.destroy();
  }
}

/** @returns {Promise<string>} how it ended, and what it said last, without its secret */
function lastWords(started, token) {
  return new Promise((resolve) => {
    let said = '';
    let how = null;
    const tell = () => {
      const words = without(token, said.slice(-MAX_WORDS).trim());
      resolve(`envd ${how}${words === '' ? '' : `; its last words: ${words}`}`);
    };
    started.listen({
      onData: (name, bytes) => {
        said = (said + bytes.toString()).slice(-2 * MAX_WORDS);
        started.credit(bytes.length);
      },
      onExit: ({ code, signal }) => {
        how = signal ? `died by ${signal}` : `ended with ${code}`;
        setTimeout(tell, SILENCE_MS).unref();
      },
      onOver: (error) => {
        how ??= error.message;
        tell();
      },
    });
  });
}

function without(secret, text) {
  return text.replaceAll(secret, '***');
}

module.exports = { makeEnvdLayer, startEnvd };
