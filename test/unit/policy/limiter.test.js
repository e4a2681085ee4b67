'use strict';

// lib/policy/limiter.js: at most so many at a time.

const fc = require('fast-check');
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

// ---- against a model: the order of arrival, and a number that may change ------------------------

class Model {
  limit = 2;
  running = [];
  waiting = [];
  settle() {
    while (this.waiting.length > 0 && this.running.length < this.limit) {
      this.running.push(this.waiting.shift());
    }
  }
}
const settled = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
const command = (name, run, check = () => true) => ({
  check,
  run: async (model, real) => {
    run(model, real);
    model.settle();
    await settled();
    expect(real.started).toEqual(model.running);
    expect(real.limiter.running).toBe(model.running.length);
    expect(real.limiter.waiting).toBe(model.waiting.length);
  },
  toString: () => name,
});
const begin = command('begin', (model, real) => {
  const id = real.next++;
  const controller = new AbortController();
  const work = () =>
    new Promise((resolve, reject) => {
      real.started.push(id);
      real.open.set(id, { resolve, reject });
    });
  real.controllers.set(id, controller);
  real.limiter.run(work, controller.signal).catch(() => {});
  model.waiting.push(id);
});
const end = (n, how) =>
  command(
    `${how}(${n})`,
    (model, real) => {
      const id = model.running.splice(n % model.running.length, 1)[0];
      real.started.splice(real.started.indexOf(id), 1);
      real.open.get(id)[how](new Error('x'));
    },
    (model) => model.running.length > 0,
  );
const leave = (n) =>
  command(
    `leave(${n})`,
    (model, real) => {
      const [id] = model.waiting.splice(n % model.waiting.length, 1);
      real.controllers.get(id).abort(new Error('no more'));
    },
    (model) => model.waiting.length > 0,
  );
// A higher limit is seen when the next one comes or goes, as with the live configuration.
const change = (limit) =>
  command(`limit ${limit}`, (model, real) => {
    model.limit = limit;
    real.limit.value = limit;
    begin.run(model, real);
  });

test('any mixture of beginnings, ends, departures and limits is as in the model', async () => {
  const commands = [
    fc.constant(begin),
    fc.constant(begin),
    fc.tuple(fc.nat(), fc.constantFrom('resolve', 'reject')).map((args) => end(...args)),
    fc.nat().map(leave),
    fc.integer({ min: 1, max: 5 }).map(change),
  ];
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 100 }), (all) => {
      const limit = { value: 2 };
      const limiter = new Limiter(() => limit.value);
      const real = {
        limiter,
        limit,
        next: 0,
        started: [],
        open: new Map(),
        controllers: new Map(),
      };
      return fc.asyncModelRun(() => ({ model: new Model(), real }), all);
    }),
    { numRuns: 50 },
  );
});
