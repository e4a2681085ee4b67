// Plays one scenario with one client and ends what it has left. Also used by programs without Jest.
'use strict';

const { randomBytes } = require('node:crypto');
const { waitFor } = require('../../helpers/backend');

/**
 * @param {object} client  of `clients/`
 * @param {object} scenario
 * @param {{ rung: string, withKey: (apiKey: string) => object, domain?: string, faults?: object }} far
 *   `withKey` gives the same client with another key
 * @returns {Promise<unknown>} what the scenario gave
 */
async function play(client, scenario, far) {
  const boxes = [];
  const own = (box) => {
    boxes.push(box);
    return box;
  };
  const t = {
    ...far,
    own,
    waitFor,
    mark: randomBytes(6).toString('hex'),
    box: async (settings) => own(await client.create(settings)),
    /** Lets a command run on: how it ends is of no interest. */
    let: (handle) => {
      handle.wait().catch(() => {});
      return handle;
    },
    /** @returns {Promise<string>} the kind of failure */
    failure: (promise) =>
      Promise.resolve(promise).then(
        (value) => `no failure but ${JSON.stringify(value)}`,
        (error) => client.kindOf(error),
      ),
    fetchPort: (one, box, port, path, headers) =>
      fetchPort(far, { client: one, box, port, path, headers }),
  };
  try {
    return await scenario.run(client, t);
  } finally {
    await Promise.all(boxes.map((box) => client.kill(box).catch(() => {})));
  }
}

/** By the host name where there are such names, else by the headers that stand for it. */
async function fetchPort({ domain }, { client, box, port, path, headers }) {
  if (domain) return fetch(`${await client.hostUrl(box, port)}${path}`, { headers });
  const routing = { 'e2b-sandbox-id': box.id, 'e2b-sandbox-port': String(port) };
  return fetch(`${client.options.sandboxUrl}${path}`, { headers: { ...routing, ...headers } });
}

module.exports = { play };
