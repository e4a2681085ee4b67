'use strict';

// lib/policy/limiter.js: at most so many at a time.

const { Limiter, mapLimited } = require('../../../lib/policy/limiter');

/** Work that ends when told to. */
function gate() {
  const g = {};
  g.promise = new Promise((resolve, reject) => {
    Object.assign(g, { resolve, reject });
  });
  return g;
}

const turn = () => new Promise(setImmediate);

test('never more than the limit at a time, in the order of coming', async () => {
  const limiter = new Limiter(() => 2);
  const gates = [gate(), gate(), gate(), gate()];
  const started = [];
  const all = gates.map((g, i) => limiter.run(() => (started.push(i), g.promise)));
  await turn();
  expect(started).toEqual([0, 1]);
  expect([limiter.running, limiter.waiting]).toEqual([2, 2]);
  gates[1].resolve();
  await turn();
  expect(started).toEqual([0, 1, 2]);
  [0, 2, 3].forEach((i) => gates[i].resolve());
  await Promise.all(all);
  expect(started).toEqual([0, 1, 2, 3]);
  expect([limiter.running, limiter.waiting]).toEqual([0, 0]);
});

test('work that fails gives its place back', async () => {
  const limiter = new Limiter(() => 1);
  await expect(limiter.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  await expect(
    limiter.run(() => {
      throw new Error('y');
    }),
  ).rejects.toThrow('y');
  await expect(limiter.run(async () => 'next')).resolves.toBe('next');
});

test('a raised limit is used from the next change on', async () => {
  let limit = 1;
  const limiter = new Limiter(() => limit);
  const [first, second, third] = [gate(), gate(), gate()];
  const started = [];
  const all = [first, second, third].map((g, i) => limiter.run(() => (started.push(i), g.promise)));
  await turn();
  limit = 3;
  first.resolve();
  await turn();
  expect(started).toEqual([0, 1, 2]);
  second.resolve();
  third.resolve();
  await Promise.all(all);
});

test('an abort leaves the queue without disturbing who is behind', async () => {
  const limiter = new Limiter(() => 1);
  const first = gate();
  const running = limiter.run(() => first.promise);
  const controller = new AbortController();
  const work = jest.fn();
  const cancelled = limiter.run(work, controller.signal);
  const behind = limiter.run(async () => 'behind');
  controller.abort(new Error('no longer'));
  await expect(cancelled).rejects.toThrow('no longer');
  first.resolve();
  await running;
  await expect(behind).resolves.toBe('behind');
  expect(work).not.toHaveBeenCalled();
});

test('who comes with an aborted signal does not start', async () => {
  const work = jest.fn();
  const signal = AbortSignal.abort(new Error('late'));
  await expect(new Limiter(() => 1).run(work, signal)).rejects.toThrow('late');
  expect(work).not.toHaveBeenCalled();
});

test('an abort after the start does not touch the work', async () => {
  const controller = new AbortController();
  const g = gate();
  const running = new Limiter(() => 1).run(() => g.promise, controller.signal);
  await turn();
  controller.abort(new Error('too late'));
  g.resolve('done');
  await expect(running).resolves.toBe('done');
});

test('mapLimited keeps the order of the items', async () => {
  const slowFirst = async (n) => {
    for (let i = 0; i < 5 - n; i++) await turn();
    return n * 10;
  };
  await expect(mapLimited([1, 2, 3, 4], 2, slowFirst)).resolves.toEqual([10, 20, 30, 40]);
});
