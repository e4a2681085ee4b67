'use strict';

// What is measured: every experiment is one kind of child process, run for each of its clients, and
// gives one or more rows of the table. Targets are those of this project's design; a number without
// one is there to be seen.

const { FLEET_EXPERIMENTS } = require('./fleet-experiments');
const { LOCAL_EXPERIMENTS } = require('./local-experiments');
const { FILE_BYTES } = require('./sizes');
const { STORE_EXPERIMENTS } = require('./store-experiments');

const CALL_ROUNDS = 3;
const WARM_UP_CALLS = 2_000;
const ALL = ['e2b-swarm', 'e2b', 'undici', 'libcurl'];
const IN_NODE = ['e2b-swarm', 'e2b', 'undici'];
const BULK = ['e2b-swarm', 'e2b', 'undici', 'node', 'libcurl'];

/** The counter of the far end that grows by one with each call of an operation. */
const COUNTERS = {
  get: 'describes',
  stream: 'starts',
  idle: 'starts',
  ticks: 'starts',
  output: 'starts',
  download: 'downloads',
  downloadStream: 'downloads',
  upload: 'uploads',
  uploadStream: 'uploads',
};

const ROADS = { h1: 'HTTP/1.1', h2: 'TLS, HTTP/2' };

// The SDK opens 200 connections for streams at most, with one stream on each also over HTTP/2: more
// streams than that would wait for ever.
const ROOM = { E2B_ENVD_RPC_CONNECTIONS: '2000' };

const ratio = (atLeast) => ({ atLeast });
const below = (limit) => ({ below: limit });
const atMost = (limit) => ({ atMost: limit });

const HOPS =
  'one at a time every call waits for two hand-overs between threads, which a client on the main loop does not need: undici is the better one there';

function get(road, concurrency, target, calls, core = false) {
  const id = `get-${road}-${concurrency}`;
  const name = `GET, ${concurrency === 1 ? 'one' : concurrency.toLocaleString('en')} at a time, ${ROADS[road]}`;
  const remark = road === 'h1' && concurrency === 1 ? HOPS : undefined;
  const rows = [{ id, name, unit: 'CPU us per call', field: 'cpuUs', target, remark }];
  if (road === 'h2' && concurrency === 100) {
    rows.push({
      id: 'connections-100',
      name: '100 calls at a time: TLS connections',
      unit: 'connections',
      field: 'tlsConnections',
      target: atMost(1),
      remark: 'undici was told to put 100 calls on each',
    });
  }
  return {
    ...{ id, core, road, child: 'calls', operation: 'get', clients: ALL, rounds: CALL_ROUNDS },
    plan: { concurrency, calls, warmUp: Math.min(calls, WARM_UP_CALLS) },
    rows,
  };
}

function idle(road, target) {
  const rows = [
    {
      id: `rss-${road}`,
      name: `1,000 silent streams, ${ROADS[road]}`,
      unit: 'KB of memory per stream',
      field: 'rssKb',
      target,
      remark: 'the SDK was allowed 2,000 connections: with its 200 the 201st stream waits for ever',
    },
  ];
  if (road === 'h2') {
    rows.push({
      id: 'connections-1000',
      name: '1,000 streams: TLS connections',
      unit: 'connections',
      field: 'tlsConnections',
      target: atMost(10),
    });
  }
  return {
    ...{ id: `idle-${road}`, road, child: 'idle', operation: 'idle', rounds: 3 },
    // undici would leave some of them in the queue of a connection that is full, for ever.
    clients: road === 'h1' ? ALL : ALL.filter((client) => client !== 'undici'),
    plan: { streams: 1_000 },
    env: ROOM,
    rows,
  };
}

function file(operation, name, remark) {
  const id = `file-${operation}`;
  const clients = operation.endsWith('Stream') ? BULK.slice(0, 4) : BULK;
  return {
    ...{ id, road: 'h1', child: 'calls', operation, clients, rounds: 3 },
    plan: { concurrency: 1, calls: 3, warmUp: 1 },
    rows: [{ id, name, unit: 'CPU ms', field: 'cpuMs', remark }],
  };
}

function fairness(id, name, field, remark) {
  return { id, name, unit: 'ms, median', field, target: { near: 'node', withinMs: 0.5 }, remark };
}

function ending(how, name) {
  return {
    ...{ id: how, road: 'h1', child: 'ends', operation: 'idle', clients: IN_NODE, rounds: 5 },
    plan: { how, streams: 50 },
    rows: [{ id: how, name, unit: 'ms more', field: 'extraMs', target: below(100) }],
  };
}

const PIECES =
  'node:http hands all of its memory to the kernel at once, libcurl copies it piece by piece first; the column of libcurl sends one small piece, which stays in the cache, again and again';

const EXPERIMENTS = [
  get('h1', 1, ratio(4), 2_000, true),
  get('h1', 10, ratio(8), 4_000, true),
  get('h1', 100, ratio(8), 5_000, true),
  get('h1', 1_000, undefined, 5_000),
  get('h2', 1, undefined, 1_500),
  get('h2', 10, ratio(10), 3_000),
  get('h2', 100, ratio(10), 4_000),
  get('h2', 1_000, undefined, 4_000),
  {
    ...{ id: 'stream', core: true, road: 'h1', child: 'calls', operation: 'stream', clients: ALL },
    rounds: 3,
    plan: { concurrency: 1_000, calls: 1_000, warmUp: 200 },
    rows: [
      {
        id: 'stream',
        name: 'stream of ten frames, 1,000 at a time, HTTP/1.1',
        unit: 'CPU us per stream',
        field: 'cpuUs',
        target: ratio(6),
        remark: 'libcurl alone decodes nothing',
      },
    ],
  },
  idle('h1', atMost(20)),
  idle('h2', atMost(30)),
  {
    ...{ id: 'output', road: 'h1', child: 'calls', operation: 'output', clients: BULK, rounds: 3 },
    plan: { concurrency: 1, calls: 1, warmUp: 0 },
    rows: [
      {
        id: 'output-cpu',
        name: '100 MB of output of one process',
        unit: 'CPU ms',
        field: 'cpuMs',
        target: ratio(6),
        remark: 'libcurl alone decodes nothing',
      },
      {
        id: 'output-speed',
        name: '100 MB of output: speed',
        unit: 'MB/s',
        field: 'mbPerS',
        better: 'more',
        target: ratio(6),
      },
      {
        id: 'output-elu',
        name: '100 MB of output: use of the main loop',
        unit: '1 is all',
        field: 'elu',
        target: atMost(0.15),
      },
      {
        id: 'output-main',
        name: '100 MB of output: CPU of the main thread',
        unit: 'CPU ms',
        field: 'mainCpuMs',
        remark: 'use of the loop counts the time in which others had the processor, this does not',
      },
    ],
  },
  file('download', '64 MB file down, as one Buffer'),
  file('downloadStream', '64 MB file down, as a stream'),
  file('upload', '64 MB file up, from one Buffer', PIECES),
  file('uploadStream', '64 MB file up, from a stream'),
  {
    ...{ id: 'threads', road: 'h1', child: 'idle', operation: 'idle', clients: IN_NODE, rounds: 3 },
    plan: { streams: 500 },
    env: ROOM,
    rows: [
      {
        id: 'threads',
        name: '500 silent streams: threads more than before',
        unit: 'threads',
        field: 'threads',
        target: atMost(0),
      },
    ],
  },
  {
    ...{ id: 'fairness', road: 'h1', child: 'fairness', operation: 'ticks', rounds: 3 },
    clients: [...IN_NODE, 'node'],
    plan: { streams: 500, samples: 300 },
    env: { ...ROOM, UV_THREADPOOL_SIZE: '1' },
    rows: [
      fairness(
        'fair-readFile',
        'fs.readFile, one pool thread, 500 streams of 10 frames a second',
        'readFileMs',
        'node: without a stream; undici does not use the pool, so its difference is that of a busy loop and machine',
      ),
      fairness('fair-lookup-address', "dns.lookup('127.0.0.1'), the same", 'lookupAddressMs'),
      fairness(
        'fair-lookup-name',
        'dns.lookup of a name in the hosts file, the same',
        'lookupNameMs',
      ),
      fairness('fair-pbkdf2', 'crypto.pbkdf2, the same', 'pbkdf2Ms'),
    ],
  },
  {
    ...{ id: 'saturated', road: 'h1', child: 'saturated', operation: 'get', clients: IN_NODE },
    rounds: 3,
    plan: { calls: 100, warmUp: 100 },
    rows: [
      {
        id: 'saturated',
        name: 'GET while four loops of pbkdf2 fill the pool',
        unit: 'ms, median',
        field: 'p50Ms',
        remark: 'a step that no thread of the pool takes in 5 ms is done on the main loop',
      },
    ],
  },
  {
    ...{ id: 'delay', road: 'h1', child: 'calls', operation: 'get', clients: IN_NODE, rounds: 3 },
    plan: { concurrency: 100, calls: 4_000, warmUp: 2_000, delay: true },
    rows: [
      {
        id: 'delay',
        name: 'GET, 100 at a time: delay of the main loop, p99',
        unit: 'ms',
        field: 'delayP99Ms',
      },
      {
        id: 'elu',
        name: 'GET, 100 at a time: use of the main loop',
        unit: '1 is all',
        field: 'elu',
      },
    ],
  },
  ending('exit', 'process.exit with 50 streams open'),
  ending('terminate', 'worker.terminate with 50 streams open'),
  {
    ...{ id: 'load', core: true, child: 'load', clients: IN_NODE, rounds: 11, plan: {} },
    rows: [
      { id: 'load', name: 'loading', unit: 'ms', field: 'ms', target: below(5) },
      { id: 'load-cpu', name: 'loading: CPU', unit: 'CPU ms', field: 'cpuMs' },
    ],
  },
  {
    ...{ id: 'load-addon', core: true, child: 'load', clients: ['e2b-swarm'], rounds: 11 },
    plan: { client: 'addon' },
    rows: [
      {
        id: 'load-addon',
        name: 'loading the addon, at the first call',
        unit: 'ms',
        field: 'ms',
        remark: "libcurl and thirty libraries of the system's come with it",
      },
      {
        id: 'load-addon-cpu',
        name: 'loading the addon: CPU',
        unit: 'CPU ms',
        field: 'cpuMs',
      },
    ],
  },
  ...LOCAL_EXPERIMENTS,
  ...STORE_EXPERIMENTS,
  ...FLEET_EXPERIMENTS,
];

/**
 * What the far end must have counted for one child of an experiment; null: it is not asked.
 *
 * @param {object} experiment
 * @param {string} client
 */
function expectedCounts({ child, operation, plan }, client) {
  if (operation === undefined) return null;
  const calls = {
    calls: plan.calls + plan.warmUp,
    saturated: plan.calls + plan.warmUp,
    idle: plan.streams,
    fairness: client === 'node' ? 0 : plan.streams,
    ends: plan.streams,
  }[child];
  const creates = child === 'fairness' && client === 'node' ? 0 : 1;
  return {
    ...{ creates, describes: 0, starts: 0, downloads: 0, uploads: 0, refusals: 0 },
    [COUNTERS[operation]]: calls,
  };
}

/** Bytes that must have arrived at least. */
function expectedBytes({ operation, plan }) {
  return operation?.startsWith('upload') ? FILE_BYTES * (plan.calls + plan.warmUp) : 0;
}

module.exports = { EXPERIMENTS, expectedBytes, expectedCounts };
