'use strict';

// Five ways to break the promise on purpose, each from outside and none with code in lib/: the proof
// that the simulation would see it. Each stands between the manager and its store or its native
// functions. In how many seeds each is found is written in simulation.test.js.
//
//   skip-ledger        a create is sent although its row was never written
//   retry-unknown      a create with unknown outcome is sent again at once
//   release-unfenced   changes of a row are written whatever version the store has
//   probe-connect      looking at a sandbox connects to it, which prolongs its life
//   uncounted-warm     idle sandboxes do not count against the maximum

const SABOTAGES = {
  'skip-ledger': {
    store: (link) => {
      const unwritten = new Map();
      return {
        ...link,
        insert: async (row, options) => {
          unwritten.set(row.token, { row, options });
          return { fence: 0, sandboxId: null, holder: null, ...row, version: 1 };
        },
        update: async (token, ...rest) => {
          const waiting = unwritten.get(token);
          unwritten.delete(token);
          if (waiting) await link.insert(waiting.row, waiting.options);
          return link.update(token, ...rest);
        },
      };
    },
  },
  'release-unfenced': {
    store: (link) => ({
      ...link,
      update: async (token, version, changes, how) => {
        const row = await link.get(token);
        return link.update(token, row?.version ?? version, changes, how);
      },
    }),
  },
  'uncounted-warm': {
    store: (link, _process, world) => ({
      ...link,
      insert: (row, { maximum, ...how }) => {
        const rows = [...world.storage.ledger.rows.values()];
        const warm = rows.filter(({ state, place }) => state === 'idle' && place === 1).length;
        return link.insert(row, { maximum: maximum + warm, ...how });
      },
    }),
  },
  'retry-unknown': {
    native: (native) => {
      const { createE2bSandbox } = native;
      const again = async (...args) => {
        try {
          return await createE2bSandbox(...args);
        } catch (error) {
          if (error.outcome !== 'unknown') throw error;
          return createE2bSandbox(...args);
        }
      };
      return { ...native, createE2bSandbox: again };
    },
  },
  'probe-connect': {
    native: (native) => ({
      ...native,
      getE2bSandboxStatus: async (id, options) => {
        const { metrics: _metrics, ...connection } = options ?? {};
        await native.connectE2bSandbox(id, { ...connection, timeout: 300 });
        return native.getE2bSandboxStatus(id, options);
      },
    }),
  },
};

/** @param {string|undefined} name @returns {object|null} hooks { native, store, manager } */
function sabotageBy(name) {
  return name === undefined ? null : SABOTAGES[name];
}

module.exports = { SABOTAGES, sabotageBy };
