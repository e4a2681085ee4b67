'use strict';

// Tests of lib/agents/momentum: the real program in a child process, as a sandbox runs it. The
// golden figures come from an independent calculation (numpy) over the same closes.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const { agentProgram } = require('../../../lib/agents');
const { sampleFile } = require('../../../lib/agents/sample-data');

let home;

beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'momentum-'));
  const { fileName, text } = agentProgram('momentum');
  fs.writeFileSync(path.join(home, fileName), text);
});

afterEach(() => fs.rmSync(home, { recursive: true }));

function put(name, content) {
  const file = path.join(home, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}

function run(config) {
  if (config !== undefined) put('config.json', config);
  const child = spawnSync(process.execPath, ['momentum.js', 'config.json'], {
    cwd: home,
    encoding: 'utf8',
    timeout: 15_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const lines = child.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return { ...child, lines, summary: lines.at(-1) };
}

/** Closes as bars with invented but ascending dates. */
function barsOf(...closes) {
  return closes.map((close, i) => ({ date: `2020-01-${String(i + 1).padStart(2, '0')}`, close }));
}

/** A config for one symbol T over `closes`, lookback 1. */
function small(closes, params = {}) {
  put('data/T.json', barsOf(...closes));
  return { symbols: ['T'], params: { lookback: 1, ...params }, data: { T: 'data/T.json' } };
}

function expectRefusal(result, message) {
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toContain('    at ');
  expect(result.status).toBe(2);
  expect(result.stdout).toBe('');
}

describe('on the packaged prices', () => {
  let result;

  beforeEach(() => {
    for (const symbol of ['SPX', 'AAPL']) {
      put(`data/${symbol}.csv`, fs.readFileSync(sampleFile(symbol), 'utf8'));
    }
    result = run({
      agentType: 'momentum',
      symbols: ['SPX', 'AAPL'],
      params: {},
      data: { SPX: 'data/SPX.csv', AAPL: 'data/AAPL.csv' },
    });
  });

  test('the S&P 500 run earns the golden total and Sharpe ratio', () => {
    expect(result.status).toBe(0);
    const { SPX } = result.summary.symbols;
    expect(Math.abs(SPX.total - -0.103181887196)).toBeLessThan(1e-9);
    expect(Math.abs(SPX.sharpe - 0.056245720428)).toBeLessThan(1e-9);
    expect(SPX).toMatchObject({ bars: 5105, returns: 5104, long: 1898, short: 1205, flat: 2002 });
  });

  test('the AAPL run earns the golden total and Sharpe ratio', () => {
    const { AAPL } = result.summary.symbols;
    expect(Math.abs(AAPL.total - 0.232380725692)).toBeLessThan(1e-9);
    expect(Math.abs(AAPL.sharpe - 0.295215997962)).toBeLessThan(1e-9);
    expect(AAPL.bars).toBe(1280);
  });

  test('signals come in order, only when they change, and before the one summary', () => {
    const signals = result.lines.slice(0, -1);
    expect(result.summary.type).toBe('summary');
    for (const symbol of ['SPX', 'AAPL']) {
      const own = signals.filter((line) => line.symbol === symbol);
      expect(own).toHaveLength(result.summary.symbols[symbol].signals);
      own.forEach((line, i) => {
        expect(line.type).toBe('signal');
        if (i === 0) return;
        expect(line.signal).not.toBe(own[i - 1].signal);
        expect(line.date > own[i - 1].date).toBe(true);
      });
    }
    expect(signals.length).toBeGreaterThan(1000);
  });
});

test('a signal above the threshold is long, below its negative short, on it flat', () => {
  const { lines } = run(small([100, 150, 225, 112.5, 56.25], { threshold: 0.5 }));
  expect(lines.map((line) => line.signal)).toEqual(['flat', undefined]);
  const other = run(small([100, 150, 225, 112.5, 56.25], { threshold: 0.49 }));
  expect(other.lines.map((line) => line.signal)).toEqual(['long', 'short', undefined]);
  expect(other.lines[0]).toEqual({
    type: 'signal',
    symbol: 'T',
    date: '2020-01-02',
    price: 150,
    roc: 0.5,
    signal: 'long',
  });
});

test('a signal earns from its own close to the next, never on its own bar', () => {
  const { summary } = run(small([100, 200, 300, 300]));
  // long from bar 1 (+50 %) and from bar 2 (0 %); the doubling before the first signal earns nothing
  expect(summary.symbols.T.total).toBeCloseTo(0.5, 12);
});

test('period is another name for lookback', () => {
  put('data/T.json', barsOf(1, 2, 3, 4, 5));
  const { summary } = run({ symbols: ['T'], params: { period: 3 }, data: { T: 'data/T.json' } });
  expect(summary.params).toEqual({ lookback: 3, threshold: 0.02, paceMs: 0 });
});

test('returns that do not vary have no Sharpe ratio, and the reason is given', () => {
  const { summary } = run(small([5, 5, 5, 5]));
  expect(summary.symbols.T).toMatchObject({
    total: 0,
    sharpe: null,
    sharpeReason: 'the returns do not vary',
  });
});

test('parameters without effect are named in the summary and on stderr', () => {
  const { summary, stderr, status } = run(small([1, 2, 3], { stopLoss: 0.05 }));
  expect(status).toBe(0);
  expect(summary.ignoredParams).toEqual(['stopLoss']);
  expect(stderr).toContain('stopLoss');
});

test('CSV with CRLF, a BOM, other columns and capitals in the header is read', () => {
  put(
    'data/T.csv',
    '\uFEFFVolume,Date,Close\r\n9,2020-01-01,1\r\n9,2020-01-02,2\r\n8,2020-01-03,3\r\n',
  );
  const { summary } = run({ symbols: ['T'], params: { lookback: 1 }, data: { T: 'data/T.csv' } });
  expect(summary.symbols.T).toMatchObject({ bars: 3, from: '2020-01-01', to: '2020-01-03' });
});

test('with a pace the first signal is out while the run goes on', async () => {
  put('config.json', small([1, 2, 1, 2, 1, 2], { paceMs: 60_000 }));
  const child = spawn(process.execPath, ['momentum.js', 'config.json'], { cwd: home });
  try {
    const lines = readline.createInterface({ input: child.stdout });
    const [line] = await once(lines, 'line', { signal: AbortSignal.timeout(10_000) });
    expect(JSON.parse(line)).toMatchObject({ type: 'signal', signal: 'long' });
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
});

describe('bad input ends with exit code 2 and one line that says what to change', () => {
  test('no configuration file', () => {
    const child = spawnSync(process.execPath, ['momentum.js'], { cwd: home, encoding: 'utf8' });
    expectRefusal(child, /no configuration file given/);
  });

  test('a configuration file that is not there', () => {
    expectRefusal(run(), /cannot read configuration "config\.json": ENOENT/);
  });

  test('a configuration that is not JSON', () => {
    put('config.json', '{ symbols');
    expectRefusal(run(), /configuration "config\.json" is not JSON: .*position/);
  });

  test.each([
    ['another agent type', { agentType: 'pairs' }, /is the momentum agent, not "pairs"/],
    ['no symbols', { symbols: [] }, /symbols must be an array of at least one/],
    ['an empty symbol', { symbols: [''] }, /non-empty string/],
    ['a symbol twice', { symbols: ['T', 'T'] }, /given twice/],
    ['a symbol without data', { symbols: ['T', 'MSFT'] }, /symbol MSFT has no data/],
    ['a file that is not there', { data: { T: 'gone.csv' } }, /the data of T, "gone\.csv": ENOENT/],
    ['params that are no object', { params: [] }, /params must be an object/],
    [
      'a lookback of 0',
      { params: { lookback: 0 } },
      /params\.lookback must be an integer .* got 0/,
    ],
    ['a period in text', { params: { period: '20' } }, /params\.period .* got "20"/],
    ['two lookbacks', { params: { lookback: 1, period: 2 } }, /two names of one parameter/],
    ['a negative threshold', { params: { threshold: -1 } }, /params\.threshold .* got -1/],
    ['a pace above a minute', { params: { paceMs: 1e9 } }, /params\.paceMs .* from 0 to 60000/],
    ['too few bars', { params: { lookback: 2 } }, /T has 3 bars, at least 4 needed/],
  ])('%s', (_name, change, message) => {
    expectRefusal(run({ ...small([1, 2, 3]), ...change }), message);
  });

  test.each([
    ['a CSV without a close column', 'date,open\n2020-01-01,1\n', /columns date and close/],
    ['a close that is no number', 'date,close\n2020-01-01,1\nd,x\n', /positive close at line 3/],
    ['an empty close', 'date,close\n2020-01-01,\n', /positive close at line 2/],
    ['a negative price', 'date,close\n2020-01-01,-4\n', /positive close at line 2/],
    ['a row without a date', 'date,close\n,4\n', /no date at line 2/],
    ['bars that are no objects', '[1, 2]', /no date at bar 1/],
    ['broken JSON', '[{"date":', /the data of T is not JSON/],
  ])('%s', (_name, text, message) => {
    put('data/T.csv', text);
    expectRefusal(run({ symbols: ['T'], data: { T: 'data/T.csv' } }), message);
  });
});
