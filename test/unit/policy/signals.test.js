'use strict';

// lib/policy/signals.js: several AbortSignals as one.

const { getEventListeners } = require('node:events');
const { linkSignals } = require('../../../lib/policy/signals');

test('without a signal there is none', () => {
  expect(linkSignals(undefined, null).signal).toBeUndefined();
});

test('one signal is itself', () => {
  const { signal } = new AbortController();
  expect(linkSignals(undefined, signal).signal).toBe(signal);
});

test('whichever aborts first gives the reason', () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const { signal } = linkSignals(a.signal, b.signal);
  b.abort('b');
  a.abort('a');
  expect(signal.reason).toBe('b');
});

test('a source that is aborted already aborts at once', () => {
  const { signal } = linkSignals(AbortSignal.abort('before'), new AbortController().signal);
  expect(signal.reason).toBe('before');
});

test('after unlink no listener is left in the sources', () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const { signal, unlink } = linkSignals(a.signal, b.signal);
  unlink();
  a.abort();
  expect(signal.aborted).toBe(false);
  expect(getEventListeners(b.signal, 'abort')).toEqual([]);
});
