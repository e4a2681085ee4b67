// Judges scenarios that a program of its own has played: starts it, reads what it tells, and registers
// a test for each scenario.
'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { officialClient } = require('./clients/official');
const { ownClient } = require('./clients/own');
const { notYet } = require('./not-yet');
const { expectedOf, scenariosOf } = require('./scenarios');

const PROGRAM = path.join(__dirname, 'children/play-all.mjs');
const TIMEOUT_MS = 120_000;

/**
 * @param {string} name  of a client: e2b, e2b-old, own
 * @param {string} mode  of the scenarios
 * @param {() => { isolation: string, options: object }} settings  asked for when the program starts:
 *   what it is to be told, and what `execFile` is
 * @returns {{ last: object|null }} filled when the tests run: what it said beside the scenarios
 */
function testPlayed(name, mode, settings) {
  const told = new Map();
  const end = { last: null };
  const described =
    name === 'own' ? ownClient(null, { options: {} }) : officialClient({}, { name, options: {} });
  let rung;

  beforeAll(async () => {
    const { isolation, options } = settings();
    const limits = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 };
    const args = [PROGRAM, name, isolation];
    const { stdout } = await promisify(execFile)(process.execPath, args, { ...limits, ...options });
    for (const line of stdout.trim().split('\n')) {
      const { scenario, ...result } = JSON.parse(line);
      if (scenario === undefined) end.last = result;
      else told.set(scenario, result);
    }
    rung = end.last?.rung ?? isolation;
  }, TIMEOUT_MS);

  for (const scenario of scenariosOf(described, mode)) {
    const title = `${scenario.op}: ${scenario.name}`;
    const register = notYet(scenario.op) ? test.failing : test;
    register(title, () => {
      const { given, error } = told.get(title);
      expect(error).toBeUndefined();
      expect(given).toEqual(expectedOf(scenario, name, rung));
    });
  }
  return end;
}

module.exports = { testPlayed };
