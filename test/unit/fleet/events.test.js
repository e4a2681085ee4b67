'use strict';

// lib/events.js: listeners cannot hurt whoever emits.

const { once, errorMonitor } = require('node:events');
const { SafeEmitter } = require('../../../lib/events');

test('error without a listener is not thrown', () => {
  expect(new SafeEmitter().emit('error', new Error('x'))).toBe(false);
});

test('the listeners after one that throws are called, and what it threw is a warning', async () => {
  const emitter = new SafeEmitter();
  const called = [];
  emitter.on('a', () => {
    throw new Error('listener broke');
  });
  emitter.on('a', (...args) => called.push(args));
  const warned = once(process, 'warning');
  expect(emitter.emit('a', 1, 2)).toBe(true);
  expect(called).toEqual([[1, 2]]);
  const [warning] = await warned;
  expect(warning.name).toBe('ListenerWarning');
  expect(warning.message).toBe("a listener of 'a' threw: listener broke");
  expect(warning.detail).toContain('events.test.js');
});

test('what an async listener rejects with is a warning too', async () => {
  const emitter = new SafeEmitter();
  emitter.on('a', async () => {
    throw new Error('later');
  });
  const warned = once(process, 'warning');
  emitter.emit('a');
  const [warning] = await warned;
  expect(warning.message).toBe("a listener of 'a' threw: later");
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
