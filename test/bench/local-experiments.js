'use strict';

// What is measured of the package's own backend, with real sandboxes: a backend of its own for every
// child. What the design's prototype took stands beside the numbers. The same kind of table as in
// experiments.js.

const CLIENTS = ['e2b-swarm', 'e2b'];
const REAL = 'a real process writes it, and the backend has its share';

const ms = (id, name, field, remark) => ({ id, name, unit: 'ms, median', field, remark });

/** Also as root there is an ordinary user whose backend can be measured. */
function start(rung) {
  const id = `local-start-${rung}`;
  const name = `local backend: loaded and ready, isolation ${rung}`;
  return {
    ...{ id, child: 'local-start', clients: ['e2b-swarm'], rounds: 7, plan: { rung } },
    ordinary: rung === 'user',
    rows: [{ id, name, unit: 'ms', field: 'ms' }],
  };
}

const LOCAL_EXPERIMENTS = [
  ...['root', 'user', 'none'].map(start),
  {
    ...{ id: 'local-life', child: 'local-life', clients: CLIENTS, rounds: 5 },
    plan: { rung: 'auto', calls: 40, warmUp: 5 },
    rows: [
      ms('local-create', 'local backend: create', 'createMs', 'prototype: 12 through e2b'),
      ms('local-first-run', "local backend: run('echo'), the first", 'firstRunMs', 'prototype: 5'),
      ms('local-kill', 'local backend: kill', 'killMs', 'prototype: 1.2'),
      ms('local-life', 'local backend: create + run + kill', 'lifeMs', 'prototype: 17 to 19'),
      ms('local-run', "local backend: run('echo') in a live sandbox", 'runMs', 'prototype: 3.8'),
      ms('local-write', 'local backend: files.write', 'writeMs', 'prototype: 2.0'),
      ms('local-read', 'local backend: files.read', 'readMs', 'prototype: 1.5'),
    ],
  },
  {
    ...{ id: 'local-many', child: 'local-many', clients: CLIENTS, rounds: 3 },
    plan: { rung: 'auto', sandboxes: 500, concurrency: 8 },
    rows: [
      {
        ...{ id: 'local-many-create', name: 'local backend: 500 sandboxes, 8 at a time: created' },
        ...{ unit: 's', field: 'createS', remark: 'prototype: 2.0' },
      },
      {
        ...{ id: 'local-many-memory', name: '500 sandboxes: memory of each' },
        ...{ unit: 'MiB', field: 'memoryMib' },
        remark: "with the kernel's, by what the machine has left; prototype: 0.53",
      },
      {
        ...{ id: 'local-many-rss', name: '500 sandboxes: memory of the backend' },
        ...{ unit: 'MiB, RSS', field: 'rssMib', remark: 'prototype: 86' },
      },
      {
        ...{ id: 'local-many-kill', name: '500 sandboxes: killed, 8 at a time' },
        ...{ unit: 's', field: 'killS', remark: 'prototype: 1.6' },
      },
    ],
  },
  {
    ...{ id: 'local-output', child: 'local-output', clients: CLIENTS, rounds: 3 },
    plan: { rung: 'auto' },
    rows: [
      {
        ...{ id: 'local-output', name: 'local backend: 100 MB of output of one process' },
        ...{ unit: 'MB/s', field: 'mbPerS', better: 'more', remark: REAL },
      },
    ],
  },
  {
    ...{ id: 'executions', child: 'executions', clients: ['e2b-swarm'], rounds: 5 },
    plan: { rung: 'auto', hits: 10_000, calls: 10 },
    rows: [
      {
        ...{ id: 'cache-hit', name: 'execution cache: a hit', unit: 'us, median' },
        ...{ field: 'hitUs', target: { below: 50 }, remark: 'of some 2 KB of code' },
      },
      { id: 'cache-hit-p99', name: 'execution cache: a hit', unit: 'us, p99', field: 'hitP99Us' },
      ms('five-apart', 'local backend: five commands, each in a call', 'apartMs'),
      ms('five-together', 'local backend: five commands in one call', 'togetherMs'),
      ms('kelly', 'computation: Kelly over a grid of odds', 'kellyMs', 'documents: 200'),
      ms('portfolio', 'computation: portfolio of least variance', 'portfolioMs', 'documents: 300'),
      ms('momentum', 'computation: 100 steps of momentum', 'momentumMs', 'documents: 500'),
    ],
  },
];

module.exports = { LOCAL_EXPERIMENTS };
