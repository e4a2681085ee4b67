'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const { watchingLoop } = require('../../bench/children/loop-watch');
const { EXPERIMENTS, expectedCounts } = require('../../bench/experiments');
const { checkCounts, metBy, rowOf } = require('../../bench/measure');
const { median } = require('../../bench/median');
const { comparison, report, targetText } = require('../../bench/report');

const BENCH = path.join(__dirname, '..', '..', 'bench', 'index.js');
const TINY = ['--rounds', '1', '--calls', '4', '--streams', '5'];
// One of each kind of child, on both roads.
const SOME = '^(get-h1-10|get-h2-100|stream|idle-h2|fairness|saturated|delay|exit|terminate|load)$';

const run = promisify(execFile);
const idsOf = (rows) => rows.map(({ id }) => id);

describe('a tiny run', () => {
  let results;
  let kept;
  let folder;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-bench-test-'));
    const file = path.join(folder, 'kept', 'bench.json');
    const args = [BENCH, '--json', '--only', SOME, '--save', file, ...TINY];
    const { stdout } = await run(process.execPath, args);
    results = JSON.parse(stdout);
    kept = JSON.parse(fs.readFileSync(file, 'utf8'));
  }, 180_000);

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
      undici: expect.stringMatching(/^\d+\.\d+/),
    });
  });

  test('has every row that was asked for, or says why not', () => {
    const asked = EXPERIMENTS.filter(({ id }) => new RegExp(SOME).test(id));
    const wanted = asked.flatMap(({ rows }) => idsOf(rows));
    expect([...idsOf(results.rows), ...idsOf(results.skipped)].sort()).toEqual(wanted.sort());
    const skippable = asked.filter(({ road }) => road === 'h2').flatMap(({ rows }) => idsOf(rows));
    for (const { id, why } of results.skipped) {
      expect(skippable).toContain(id);
      expect(why).toContain('apt-get install nginx-light');
    }
  });

  test('has a value and every round of each client, and the ratios of the values', () => {
    const clients = new Map(
      EXPERIMENTS.flatMap((each) => each.rows.map(({ id }) => [id, each.clients])),
    );
    for (const { id, values, rounds, ratios } of results.rows) {
      const measured = clients.get(id).filter((client) => values[client] !== undefined);
      expect(Object.keys(values)).toEqual(measured);
      expect(measured).toEqual(expect.arrayContaining(['e2b-swarm', 'e2b']));
      for (const client of measured) expect(rounds[client]).toEqual([values[client]]);
      if (ratios.e2b !== null) {
        expect(ratios.e2b).toBeCloseTo(values.e2b / values['e2b-swarm'], 6);
      }
    }
  });

  test('the far end has seen each call of every client, the ones that warm up included', () => {
    const row = (id) => results.rows.find((each) => each.id === id);
    const all = (count) => ({ 'e2b-swarm': count, e2b: count, undici: count, libcurl: count });
    expect(row('get-h1-10').requests).toEqual(all(1 + 4 + 4));
    expect(row('stream').requests).toEqual(all(1 + 5 + 5));
    for (const us of Object.values(row('get-h1-10').serverCpuUs)) expect(us).toBeGreaterThan(0);
  });

  test('keeps what it prints', () => {
    expect(kept).toEqual(results);
  });

  test('is shown as one table below the machine, with the verdict on each target', () => {
    const lines = report(results).split('\n');
    expect(lines[0]).toContain('e2b 2.51.0 (undici ');
    for (const { name, target, met } of results.rows) {
      const shown = lines.find((line) => line.startsWith(`| ${name} `));
      const verdict = target === null ? '' : `${targetText(target)}: ${met ? 'met' : 'not met'}`;
      expect(shown).toContain(verdict);
    }
    for (const { name } of results.skipped) expect(lines.join('\n')).toContain(`skipped: ${name}`);
  });

  test('is compared with an earlier one', () => {
    const text = comparison(results, kept);
    expect(text).toContain('since ');
    expect(text).toMatch(/\| GET, 10 at a time, HTTP\/1\.1 +\|.*\| \+0% +\|.*\| \+0% +\|/);
  });
});

test('a tiny run on the local backend has every row, on the isolations that start here', async () => {
  const args = [BENCH, '--json', '--only', '^local-', ...TINY, '--sandboxes', '3'];
  const { stdout } = await run(process.execPath, args);
  const { rows, skipped } = JSON.parse(stdout);
  const wanted = EXPERIMENTS.filter(({ id }) => id.startsWith('local-'));
  const both = ['local-create', 'local-run', 'local-kill', 'local-many-create', 'local-output'];
  expect(idsOf([...rows, ...skipped]).sort()).toEqual(
    wanted.flatMap((each) => idsOf(each.rows)).sort(),
  );
  expect(idsOf(rows)).toEqual(expect.arrayContaining(['local-start-none', ...both]));
  for (const { id, why } of skipped) {
    expect(id).toMatch(/^local-start-(root|user)$/);
    expect(why).toContain('cannot be had on this machine');
  }
  for (const { id, values, remark } of rows) {
    if (id !== 'local-many-memory') expect(values['e2b-swarm']).toBeGreaterThan(0);
    if (both.includes(id)) expect(values.e2b).toBeGreaterThan(0);
    expect(remark).toMatch(/^isolation (root|user|none)/);
  }
}, 180_000);

describe('a tiny run of what the manager costs', () => {
  let rows;

  beforeAll(async () => {
    const only = '^(warm-acquire|pairs-(memory|file)|reconcile(-dead)?|fleet-memory-1000)$';
    // With so many calls one that nothing disturbs is among them on any machine.
    const args = [BENCH, '--json', '--only', only, '--rounds', '1', '--calls', '50'];
    const { stdout } = await run(process.execPath, [...args, '--sandboxes', '600']);
    rows = new Map(JSON.parse(stdout).rows.map((row) => [row.id, row]));
  }, 180_000);

  test('has every row, with a value of ours', () => {
    const wanted = EXPERIMENTS.filter(({ child }) =>
      ['warm-acquire', 'pairs', 'reconcile', 'fleet-memory'].includes(child),
    );
    const left = /sqlite|postgres|10000/;
    const ids = wanted.flatMap((each) => idsOf(each.rows)).filter((id) => !left.test(id));
    expect([...rows.keys()].sort()).toEqual(ids.sort());
    for (const { values } of rows.values()) expect(values['e2b-swarm']).toBeGreaterThan(0);
  });

  test.each(['warm-acquire', 'warm-acquire-p99', 'warm-acquire-looked', 'pairs-memory-1'])(
    '%s stands beside what e2b takes without a pool',
    (id) => {
      const { values, ratios, remark } = rows.get(id);
      expect(values.e2b).toBeGreaterThan(0);
      expect(ratios.e2b).toBeGreaterThan(0);
      expect(remark).toContain('e2b has no pool');
    },
  );

  test('a row with a target says whether it was met', () => {
    const targets = [...rows.values()].filter(({ target }) => target !== null);
    expect(idsOf(targets).sort()).toEqual([
      ...['reconcile-blocked', 'reconcile-dead-blocked', 'reconcile-dead-own', 'reconcile-own'],
      ...['warm-acquire-own-p99', 'warm-acquire-p99'],
    ]);
    for (const { met } of targets) expect(typeof met).toBe('boolean');
  });
});

describe('the watch of the loop', () => {
  const spin = (ms) => {
    const untilMs = performance.now() + ms;
    while (performance.now() < untilMs);
  };

  test('finds the longest turn, also when it is the last', async () => {
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const { result, ms, wallMs } = await watchingLoop(async () => {
      for (const length of [5, 40, 5, 60]) {
        await turn();
        spin(length);
      }
      return 'done';
    });
    expect(result).toBe('done');
    expect(wallMs).toBeGreaterThanOrEqual(59);
    expect(ms).toBeGreaterThanOrEqual(wallMs);
  });

  test('counts as own work no more than the clock does', async () => {
    const { wallMs, ownMs } = await watchingLoop(async () => spin(30));
    expect(ownMs).toBeGreaterThan(0);
    expect(ownMs).toBeLessThanOrEqual(wallMs);
  });

  test('ends with the work, also when that fails', async () => {
    const failing = watchingLoop(async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
  });
});

test('without nginx the rows of HTTP/2 are skipped, visibly', async () => {
  const env = { ...process.env, BENCH_NGINX: path.join(__dirname, 'no-nginx') };
  const args = [BENCH, '--json', '--only', '^get-h2-10$', ...TINY];
  const { stdout, stderr } = await run(process.execPath, args, { env });
  expect(JSON.parse(stdout)).toMatchObject({ rows: [], skipped: [{ id: 'get-h2-10' }] });
  expect(stderr).toContain('skipped: GET, 10 at a time, TLS, HTTP/2 (no ');
});

test('an experiment has rows with ids of their own, and the client that all is compared with', () => {
  const ids = EXPERIMENTS.flatMap(({ rows }) => idsOf(rows));
  expect(new Set(ids).size).toBe(ids.length);
  for (const { clients } of EXPERIMENTS) expect(clients).toContain('e2b-swarm');
});

test('a far end that has counted something else is an error', () => {
  const upload = EXPERIMENTS.find(({ id }) => id === 'file-upload');
  const expected = expectedCounts(upload, 'e2b');
  expect(expected).toMatchObject({ creates: 1, uploads: 4, describes: 0, refusals: 0 });
  const seen = { ...expected, uploadedBytes: 100 };
  expect(() => checkCounts('e2b', seen, expected, 100)).not.toThrow();
  expect(() => checkCounts('e2b', seen, expected, 101)).toThrow('100 bytes of 101 came');
  const refused = { ...seen, refusals: 2 };
  expect(() => checkCounts('e2b', refused, expected)).toThrow('counted 2 refusals, not 0');
});

test('a row has medians of its rounds; what is more is better where the row says so', () => {
  const rounds = (...speeds) => speeds.map((speed) => ({ speed, requests: 2 }));
  const measured = { 'e2b-swarm': rounds(80, 100, 900), e2b: rounds(20, 10, 30) };
  const plan = { id: 'x', name: 'x', unit: 'MB/s', field: 'speed', target: { atLeast: 5 } };
  const row = rowOf({ ...plan, better: 'more' }, measured);
  expect(row.values).toEqual({ 'e2b-swarm': 100, e2b: 20 });
  expect(row.ratios).toEqual({ e2b: 5 });
  expect(row.met).toBe(true);
  expect(row.requests).toEqual({ 'e2b-swarm': 6, e2b: 6 });
  expect(rowOf(plan, measured).ratios.e2b).toBe(0.2);
});

test.each([
  [{ atLeast: 4 }, true],
  [{ atLeast: 5 }, false],
  [{ atMost: 10 }, true],
  [{ below: 10 }, false],
  [{ near: 'node', withinMs: 1 }, true],
  [{ near: 'node', withinMs: 0.5 }, false],
  [undefined, null],
])('the target %j is met: %s', (target, met) => {
  expect(metBy(target, { 'e2b-swarm': 10, node: 9 }, { e2b: 4 })).toBe(met);
});

test('the median of an even number is between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test.each([
  [['--nonsense'], 'nonsense'],
  [['--save'], '--save without a file needs --all'],
  [['--only', '^no such row$'], 'nothing matches'],
])('%j is refused, with the usage', async (args, words) => {
  const failed = await run(process.execPath, [BENCH, ...args]).catch((error) => error);
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain(words);
  expect(failed.stderr).toContain('usage: npm run bench');
});
