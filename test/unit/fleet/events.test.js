'use strict';

// lib/events.js: listeners cannot hurt whoever emits.

const { errorMonitor } = require('node:events');
const { SafeEmitter } = require('../../../lib/events');

test('error without a listener is not thrown', () => {
  expect(new SafeEmitter().emit('error', new Error('x'))).toBe(false);
});

// jest's `process` is a copy whose 'warning' event never comes; the call is what can be seen.
let warnings;
beforeEach(() => {
  warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => warnings.mockRestore());

test('the listeners after one that throws are called, and what it threw is a warning', () => {
  const emitter = new SafeEmitter();
  const called = [];
  emitter.on('a', () => {
    throw new Error('listener broke');
  });
  emitter.on('a', (...args) => called.push(args));
  expect(emitter.emit('a', 1, 2)).toBe(true);
  expect(called).toEqual([[1, 2]]);
  expect(warnings).toHaveBeenCalledWith("a listener of 'a' threw: listener broke", {
    type: 'ListenerWarning',
    detail: expect.stringContaining('events.test.js'),
  });
});

test('what an async listener rejects with is a warning too', async () => {
  const emitter = new SafeEmitter();
  emitter.on('a', () => Promise.reject(new Error('later')));
  emitter.emit('a');
  await new Promise(setImmediate);
  expect(warnings).toHaveBeenCalledWith("a listener of 'a' threw: later", expect.anything());
});

test('once is called once, this is the emitter, a listener may remove others', () => {
  const emitter = new SafeEmitter();
  const calls = [];
  emitter.once('a', function first() {
    calls.push(this === emitter);
  });
  emitter.emit('a');
  emitter.emit('a');
  expect(calls).toEqual([true]);
});

test('errorMonitor sees the error first', () => {
  const emitter = new SafeEmitter();
  const seen = [];
  emitter.on('error', () => seen.push('listener'));
  emitter.on(errorMonitor, () => seen.push('monitor'));
  emitter.emit('error', new Error('x'));
  expect(seen).toEqual(['monitor', 'listener']);
});
