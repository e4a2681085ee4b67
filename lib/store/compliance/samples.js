'use strict';

// Rows for the tests of the contract. No tests, no state.

/** A row to insert; `fields` win. */
function sampleRow(token, fields = {}) {
  return {
    token,
    owner: 'owner',
    instance: 'instance',
    state: 'creating',
    place: 1,
    sandboxId: null,
    fingerprint: 'fingerprint',
    holder: null,
    data: {},
    ...fields,
  };
}

/** Puts idle rows with these tokens in, the last one being the newest. */
async function insertIdle(store, list, fields = {}) {
  for (const token of list) {
    await store.insert(sampleRow(token, { state: 'idle', ...fields }), { maximum: 1_000 });
  }
}

/** Tokens that sort in the order of their numbers. */
function tokens(count, prefix = 'token') {
  return Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(4, '0')}`);
}

module.exports = { insertIdle, sampleRow, tokens };
