'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const { checkCounts, median } = require('../../bench/measure');
const { comparison, report } = require('../../bench/report');

const BENCH = path.join(__dirname, '..', '..', 'bench', 'index.js');
const TINY = ['--rounds', '1', '--calls', '40', '--streams', '20', '--loads', '1'];

const run = promisify(execFile);

describe('a tiny run', () => {
  let results;
  let stdout;
  let kept;
  let folder;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-bench-test-'));
    const file = path.join(folder, 'kept', 'bench.json');
    ({ stdout } = await run(process.execPath, [BENCH, '--json', '--save', file, ...TINY]));
    results = JSON.parse(stdout);
    kept = JSON.parse(fs.readFileSync(file, 'utf8'));
  }, 60_000);

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test('says on which machine, with which versions, and when', () => {
    expect(results.machine).toEqual({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      cpu: expect.any(String),
      cores: expect.any(Number),
      load: expect.any(Number),
      system: expect.any(String),
      node: process.version,
      libcurl: expect.stringMatching(/^\d+\.\d+/),
      'e2b-swarm': expect.any(String),
      e2b: '2.51.0',
      undici: expect.any(String),
    });
  });

  test('has every case, for both clients, with its target', () => {
    const shown = results.cases.map(({ concurrency, operation, target }) => [
      operation,
      concurrency,
      target,
    ]);
    expect(shown).toEqual([
      ['get', 1, 4],
      ['get', 10, 8],
      ['get', 100, 8],
      ['stream', 1000, 6],
    ]);
    for (const { clients, ratio, met, target } of results.cases) {
      expect(Object.keys(clients)).toEqual(['e2b-swarm', 'e2b']);
      expect(ratio).toBeCloseTo(clients.e2b.cpuUs / clients['e2b-swarm'].cpuUs, 6);
      expect(met).toBe(ratio >= target);
    }
  });

  test('the far end has seen each call once, the ones that warm up included', () => {
    for (const { clients, calls, operation } of results.cases) {
      expect(calls).toBe(operation === 'stream' ? 20 : 40);
      for (const client of Object.values(clients)) {
        expect(client.requests).toBe(2 * calls);
        expect(client.cpuUs).toBeGreaterThan(0);
        expect(client.serverCpuUs).toBeGreaterThan(0);
      }
    }
  });

  test('measures loading, with a target for that of the package', () => {
    expect(results.loads.map(({ name, targetMs }) => [name, targetMs])).toEqual([
      ["require('e2b-swarm')", 5],
      ['the addon, at the first call', null],
      ["import('e2b')", null],
    ]);
  });

  test('keeps what it prints', () => {
    expect(kept).toEqual(results);
  });

  test('is shown as a table, with the verdict on each target', () => {
    const text = report(results);
    for (const { name, met, target } of results.cases) {
      const row = text.split('\n').find((line) => line.startsWith(`| ${name} `));
      expect(row).toContain(`>= ${target}x: ${met ? 'met' : 'not met'}`);
    }
    expect(text).toContain('GET /sandboxes/{id}');
  });

  test('is compared with an earlier one', () => {
    const text = comparison(results, kept);
    expect(text).toContain('since ');
    expect(text).toMatch(/\| one call at a time +\| \+0% +\| \+0% +\|/);
  });
});

test('a far end that has counted something else is an error', () => {
  const seen = { creates: 1, describes: 80, starts: 0, refusals: 0, frames: 0 };
  expect(() => checkCounts('e2b', seen, 'describes', 80)).not.toThrow();
  expect(() => checkCounts('e2b', seen, 'describes', 81)).toThrow('counted 80 describes, not 81');
  const refused = { ...seen, refusals: 2 };
  expect(() => checkCounts('e2b', refused, 'describes', 80)).toThrow('counted 2 refusals, not 0');
});

test('the median of an even number is between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('an unknown option is refused, with the usage', async () => {
  const failed = await run(process.execPath, [BENCH, '--nonsense']).catch((error) => error);
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain('usage: npm run bench');
});
