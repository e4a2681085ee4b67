'use strict';

// lib/fleet/ceiling.js, with a clock by hand.

const { Ceiling, PROBE_MS } = require('../../../lib/fleet/ceiling');

let nowMs;
let ceiling;
beforeEach(() => {
  nowMs = 0;
  ceiling = new Ceiling({ steady: () => nowMs });
});

test('there is none until one was met', () => {
  ceiling.passed(50);
  expect(ceiling.places).toBe(Infinity);
});

test('what ran at a refusal is the most, and never less than one', () => {
  ceiling.met(7);
  expect(ceiling.places).toBe(7);
  ceiling.met(0);
  expect(ceiling.places).toBe(1);
});

test('it is tried again, one place higher for each PROBE_MS', () => {
  ceiling.met(7);
  nowMs = PROBE_MS - 1;
  expect(ceiling.places).toBe(7);
  nowMs = PROBE_MS;
  expect(ceiling.places).toBe(8);
  nowMs = 3 * PROBE_MS;
  expect(ceiling.places).toBe(10);
});

test('a refusal at the try brings it back, and the wait begins anew', () => {
  ceiling.met(7);
  nowMs = PROBE_MS;
  ceiling.met(7);
  expect(ceiling.places).toBe(7);
  nowMs = 2 * PROBE_MS - 1;
  expect(ceiling.places).toBe(7);
});

test('a refusal with more running than it allows does not raise it', () => {
  ceiling.met(3);
  ceiling.met(9);
  expect(ceiling.places).toBe(3);
});

test('a try that came through is the new ceiling; one below it changes nothing', () => {
  ceiling.met(7);
  nowMs = PROBE_MS;
  ceiling.passed(5);
  expect(ceiling.places).toBe(8);
  ceiling.passed(8);
  expect(ceiling.places).toBe(8);
  nowMs = 2 * PROBE_MS;
  expect(ceiling.places).toBe(9);
});
