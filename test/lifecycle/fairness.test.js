'use strict';

// Many open streams beside what else needs libuv's pool: neither may wait for the other. Nothing is
// timed: the far end is silent, or speaks for ever, until the other work is done, so that an engine
// that keeps a thread while it waits would never get there.

const { startHttp2FarEnd } = require('../helpers/http2-far-end');
const { waitFor } = require('../helpers/backend');
const { patience } = require('../helpers/pace');
const { perform } = require('./helpers/child');

const STREAMS = 500;
const ROUNDS = 30;
const PACE_MS = 50;
const CLEAN = { code: 0, signal: null, stdout: '', stderr: '' };
const ONE_THREAD = { UV_THREADPOOL_SIZE: '1' };

const ROADS = [
  ['HTTP/1.1', { secure: false }],
  ['HTTP/2', { maxStreams: 128 }],
];

let far = null;
let talking;
afterEach(async () => {
  clearInterval(talking);
  await far.close();
});

function begin(scene, streams) {
  far.hold();
  const args = [JSON.stringify(far.client), String(streams)];
  return perform(scene, ONE_THREAD, { file: 'beside-streams.js', args });
}

/** A frame on every stream, again and again. */
function talk() {
  talking = setInterval(() => {
    for (const [peer, stream] of far.held) far.print(peer, stream, 'tick\n');
  }, PACE_MS);
}

test.each(ROADS)(
  '500 open streams leave the one thread of the pool to files, names and cryptography, %s',
  async (_, options) => {
    far = await startHttp2FarEnd(options);
    const child = begin('one process', STREAMS);
    const { open, silent, steps } = await child.heard();
    expect({ open, silent }).toEqual({ open: STREAMS, silent: ROUNDS });
    expect(far.held).toHaveLength(STREAMS);
    expect(steps).toBeLessThan(ROUNDS); // the engine slept: nothing has come
    talk();
    expect((await child.heard()).busy).toBeGreaterThanOrEqual(ROUNDS);
    clearInterval(talking);
    far.release();
    expect(await child.heard()).toEqual({ ended: STREAMS });
    expect(await child.ended).toEqual(CLEAN);
  },
  patience(40_000),
);

test(
  'ten workers at once, each with streams and calls, share the one thread of the pool',
  async () => {
    far = await startHttp2FarEnd({ secure: false });
    const child = begin('ten workers', 20);
    await waitFor(() => far.held.length === 200, { timeoutMs: 15_000 });
    const { main, workers } = await child.heard();
    expect(main).toBe(ROUNDS);
    expect(workers).toEqual(Array(10).fill({ rounds: ROUNDS, calls: ROUNDS, frames: 0 }));
    const ended = child.heard();
    child.order();
    far.release();
    expect(await ended).toEqual({ ended: Array(10).fill(20) });
    expect(await child.ended).toEqual(CLEAN);
  },
  patience(40_000),
);
