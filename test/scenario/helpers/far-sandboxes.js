'use strict';

// The far end behind the manager's back: sandboxes put there with whatever metadata, as a lost request
// or another fleet would have; and managers of one fleet whose lives and deaths the test decides.

const { request } = require('node:http');

const IDENTITY = Symbol.for('e2b-swarm.identity');

/** Creates a sandbox with this metadata, past every check of ours. @returns {Promise<string>} its id */
function plant({ apiKey, apiUrl }, metadata) {
  return new Promise((resolve, reject) => {
    const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };
    const sent = request(`${apiUrl}/sandboxes`, { method: 'POST', headers }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      if (response.statusCode === 201) resolve(JSON.parse(text).sandboxID);
      else reject(new Error(`${response.statusCode} ${text}`));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ templateID: 'base', timeout: 600, metadata }));
  });
}

/** Who lives: `as(name)` is the part of a manager's config that makes it that process. */
function lives() {
  const dead = new Set();
  return {
    as: (name) => ({
      [IDENTITY]: { self: () => ({ name }), isAlive: ({ name: other }) => !dead.has(other) },
    }),
    end: (name) => dead.add(name),
  };
}

module.exports = { lives, plant };
