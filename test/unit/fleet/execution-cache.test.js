'use strict';

// lib/fleet/execution-cache.js: what was asked for before is not run again, and nothing else is.

const { ExecutionCache, executionKey } = require('../../../lib/fleet/execution-cache');
const { fakeClock } = require('../money/fake-clock');

function setUp(options) {
  const clock = fakeClock();
  const hits = [];
  const cache = new ExecutionCache(options, { clock, onHit: (ms) => hits.push(ms) });
  const runs = [];
  const run = (ask, result = { exitCode: 0, stdout: 'out', durationMs: 40 }) =>
    cache.run(typeof ask === 'string' ? { code: ask } : ask, async () => {
      runs.push(ask);
      return result;
    });
  return { clock, cache, hits, runs, run };
}

/** Work that ends when told to. */
function gate() {
  const g = {};
  g.promise = new Promise((resolve, reject) => Object.assign(g, { resolve, reject }));
  return g;
}

describe('the key', () => {
  const keys = (...asks) => new Set(asks.map(executionKey)).size;

  test('is 64 hex digits of a SHA-256, the same for the same', () => {
    const ask = { code: 'print(1)', params: { b: [1, 'x'], a: null } };
    expect(executionKey(ask)).toMatch(/^[0-9a-f]{64}$/);
    expect(executionKey({ params: { a: null, b: [1, 'x'] }, code: 'print(1)' })).toBe(
      executionKey(ask),
    );
  });

  test('tells code and params apart, wherever the border between them is', () => {
    expect(
      keys(
        { code: 'ab', params: 'c' },
        { code: 'a', params: 'bc' },
        { code: 'abc' },
        { code: 'ab', params: ['c'] },
        { code: 'ab', params: { c: undefined } },
        { code: 'ab', scope: 'c' },
        { code: 'abs1:c' },
        { code: 'a', params: 's1:b' },
      ),
    ).toBe(8);
  });

  test('tells values of different kinds apart', () => {
    const all = [1, '1', true, 'true', null, 'null', undefined, [1], { 0: 1 }, [], {}, '', 0, -0];
    all.push(
      [[1], 2],
      [1, [2]],
      [1, 2],
      1n,
      Buffer.from('1'),
      { a: 1, b: 2 },
      { a: { b: 2 }, c: 1 },
    );
    all.push(NaN, Infinity, ['1'], { a: '1,b:2' });
    expect(keys(...all.map((params) => ({ code: 'x', params })))).toBe(all.length);
  });

  test.each([[() => 1], [Symbol('x')], [new Date()], [new Map()]])(
    '%p is no parameter',
    (params) => {
      expect(() => executionKey({ code: 'x', params })).toThrow(/plain values/);
    },
  );

  test('a value that contains itself is refused', () => {
    const loop = {};
    loop.self = loop;
    expect(() => executionKey({ code: 'x', params: loop })).toThrow(/nested/);
  });
});

describe('an answer', () => {
  test('is served again for five minutes, and not a moment longer', async () => {
    const { clock, run, runs, cache } = setUp();
    await run('code');
    clock.advance(299_999);
    await expect(run('code')).resolves.toMatchObject({ stdout: 'out' });
    expect(runs).toHaveLength(1);
    clock.advance(1);
    await run('code');
    expect(runs).toHaveLength(2);
    expect(cache.stats).toMatchObject({ hits: 1, misses: 2, expired: 1, savedMs: 40 });
  });

  test('a clock that is set makes nothing older or younger', async () => {
    const { clock, run, runs } = setUp();
    await run('code');
    clock.set('2036-01-01T00:00:00Z');
    await run('code');
    expect(runs).toHaveLength(1);
  });

  test('cannot be changed by who got it', async () => {
    const { run } = setUp();
    const first = await run('code', { exitCode: 0, signals: [{ price: 1 }] });
    expect(() => {
      first.signals[0].price = 2;
    }).toThrow(TypeError);
    expect((await run('code')).signals[0].price).toBe(1);
  });

  test('what it saved is told', async () => {
    const { run, hits } = setUp();
    await run('code');
    await run('code');
    await run('code');
    expect(hits).toEqual([40, 40]);
  });
});

describe('never kept', () => {
  test.each([
    ['a failed exit', { exitCode: 3 }],
    ['a death by signal', { exitCode: null, signal: 'SIGKILL' }],
    ['a timeout', { exitCode: 0, timedOut: true }],
    ['a result that says so', { success: false }],
    ['nothing', null],
    ['bytes', { exitCode: 0, stdout: Buffer.from('x') }],
    ['a function', { exitCode: 0, more: () => 1 }],
  ])('%s', async (_, result) => {
    const { run, runs, cache } = setUp();
    expect(await run('code', result)).toBe(result);
    await run('code', result);
    expect(runs).toHaveLength(2);
    expect(cache.stats).toMatchObject({ entries: 0, bytes: 0 });
  });

  test('a rejection', async () => {
    const { cache, run } = setUp();
    await expect(cache.run({ code: 'code' }, () => Promise.reject(new Error('x')))).rejects.toThrow(
      'x',
    );
    await expect(run('code')).resolves.toMatchObject({ stdout: 'out' });
  });

  test('code that is marked as not deterministic, by option or in a comment', async () => {
    const { run, runs, cache } = setUp();
    for (let i = 0; i < 2; i++) {
      await run({ code: 'random()', deterministic: false });
      await run('random() # e2b-swarm: non-deterministic');
    }
    expect(runs).toHaveLength(4);
    expect(cache.stats).toMatchObject({ bypassed: 4, hits: 0, misses: 0 });
  });
});

describe('bounds', () => {
  test('the least recently used goes first', async () => {
    const { run, runs, cache } = setUp({ maxEntries: 2 });
    await run('a');
    await run('b');
    await run('a');
    await run('c');
    expect(cache.stats).toMatchObject({ entries: 2, evicted: 1 });
    await run('a');
    await run('b');
    expect(runs).toEqual(['a', 'b', 'c', 'b']);
  });

  test('bytes are bounded, and what is larger than all of it is not kept', async () => {
    const { run, cache } = setUp({ maxBytes: 10_000 });
    for (let i = 0; i < 20; i++) await run(`code${i}`, { exitCode: 0, stdout: 'x'.repeat(1000) });
    expect(cache.stats.bytes).toBeLessThanOrEqual(10_000);
    expect(cache.stats.entries).toBe(4);
    await run('large', { exitCode: 0, stdout: 'x'.repeat(10_000) });
    expect(cache.stats.entries).toBe(4);
    cache.clear();
    expect(cache.stats).toMatchObject({ entries: 0, bytes: 0 });
  });
});

describe('equal executions at one time', () => {
  test('are one, and all get its answer', async () => {
    const { cache } = setUp();
    const work = gate();
    let runs = 0;
    const asked = Array.from({ length: 50 }, () =>
      cache.run({ code: 'code' }, () => (runs++, work.promise)),
    );
    work.resolve({ exitCode: 0, stdout: 'once' });
    const answers = await Promise.all(asked);
    expect(runs).toBe(1);
    expect(new Set(answers).size).toBe(1);
    expect(cache.stats).toMatchObject({ misses: 1, shared: 49 });
  });

  test('who stops waiting does not stop the others', async () => {
    const { cache } = setUp();
    const work = gate();
    const leaving = new AbortController();
    let inner;
    const first = cache.run(
      { code: 'x' },
      (signal) => ((inner = signal), work.promise),
      leaving.signal,
    );
    const second = cache.run({ code: 'x' }, () => Promise.reject(new Error('not run')));
    leaving.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    expect(inner.aborted).toBe(false);
    work.resolve({ exitCode: 0, stdout: 'late' });
    await expect(second).resolves.toMatchObject({ stdout: 'late' });
  });

  test('when the last has left it is aborted, and the next starts anew', async () => {
    const { cache, run } = setUp();
    const leaving = new AbortController();
    let inner;
    const only = cache.run(
      { code: 'x' },
      (signal) =>
        new Promise((_, reject) => {
          inner = signal;
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
      leaving.signal,
    );
    leaving.abort(new Error('left'));
    await expect(only).rejects.toThrow('left');
    expect(inner.aborted).toBe(true);
    await expect(run('x')).resolves.toMatchObject({ stdout: 'out' });
  });

  test('who comes with an aborted signal runs nothing', async () => {
    const { cache, runs } = setUp();
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(cache.run({ code: 'x' }, () => runs.push('x'), gone)).rejects.toThrow('gone');
    expect(runs).toEqual([]);
  });
});

test.each([{ ttl: 5 }, { ttlMs: -1 }, { maxBytes: 'all' }])('%j is refused', (options) => {
  expect(() => setUp(options)).toThrow();
});
