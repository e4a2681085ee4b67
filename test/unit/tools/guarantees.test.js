'use strict';

// docs/guarantees.md beside the tests and the numbers that it names: a promise whose test is gone, or
// whose window has changed, is found here and not by a reader.

const ledger = require('../../../lib/fleet/ledger');
const { checkPool } = require('../../../lib/fleet/pool-config');
const { isTitled, read } = require('../../helpers/titles');

const lines = read('docs/guarantees.md').split('\n');

const named = lines.flatMap((line) => {
  const [, file, title] = /^- `((?:test|lib)\/[\w/.-]+)`: (.+)$/.exec(line) ?? [];
  return file === undefined ? [] : [[file, title]];
});

test('every bullet that begins with a file names a test in it, and none twice under one promise', () => {
  expect(named).toHaveLength(lines.filter((line) => line.startsWith('- `')).length);
  expect(named.length).toBeGreaterThan(80);
  let section = [];
  for (const line of lines) {
    if (line.startsWith('## ')) section = [];
    expect(section).not.toContain(line);
    if (line.startsWith('- `')) section.push(line);
  }
});

test.each(named)('%s: %s', (file, title) => {
  expect(isTitled(read(file), title)).toBe(true);
});

test('every rule of the simulation is named beside a promise', () => {
  const text = read('test/simulation/invariants.js');
  const rules = [...text.matchAll(/violate\(\s*'([^']+)'/g)].map(([, rule]) => rule);
  const here = named.filter(([file]) => file.endsWith('invariants.js')).map(([, title]) => title);
  expect(rules.length).toBeGreaterThan(10);
  expect(rules.filter((rule) => !here.includes(rule))).toEqual([]);
});

test('the windows are those of the code', () => {
  const pool = checkPool({}, 'pool');
  const rows = lines.flatMap((line) => {
    const [, name, ms] = /^\| `([\w.]+)` \| ([\d,]+) \|/.exec(line) ?? [];
    return name === undefined ? [] : [[name, Number(ms.replaceAll(',', ''))]];
  });
  expect(Object.fromEntries(rows)).toEqual({
    'pool.settleMs': pool.settleMs,
    'pool.watchMs': pool.watchMs,
    'pool.verifyMs': pool.verifyMs,
    'pool.reconcileMs': pool.reconcileMs,
    BEAT_MS: ledger.BEAT_MS,
    STALE_AFTER_MS: ledger.STALE_AFTER_MS,
    DEAD_AFTER_MS: ledger.DEAD_AFTER_MS,
  });
});
