'use strict';

// Where an agent's prices come from.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { priceData } = require('../../../lib/native/price-data');
const { sampleFile } = require('../../../lib/agents/sample-data');

const bars = [{ date: '2026-01-01', close: 1 }];
let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-prices-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

test('bars, bytes and files become one file per symbol, in order', async () => {
  const file = path.join(folder, 'prices.csv');
  fs.writeFileSync(file, 'date,close\n');
  const found = await priceData(['A', 'B', 'C'], { C: file, B: Buffer.from('b'), A: bars });
  expect(found).toEqual([
    { bytes: JSON.stringify(bars), fileName: 'A.json', sample: false },
    { bytes: Buffer.from('b'), fileName: 'B.csv', sample: false },
    { bytes: Buffer.from('date,close\n'), fileName: 'C.csv', sample: false },
  ]);
});

test('a function is asked for each symbol, and may take its time', async () => {
  const found = await priceData(['A', 'B'], async (symbol) => Buffer.from(symbol));
  expect(found.map(({ bytes }) => bytes.toString())).toEqual(['A', 'B']);
});

test('the packaged prices are used, and marked, where there are no others', async () => {
  const [spx, own] = await priceData(['SPX', 'A'], { A: bars });
  expect(spx).toMatchObject({ fileName: 'SPX.csv', sample: true });
  expect(spx.bytes).toEqual(fs.readFileSync(sampleFile('SPX')));
  expect(own.sample).toBe(false);
});

test('a symbol that has no prices anywhere is named', async () => {
  await expect(priceData(['SPX', 'MSFT'], undefined)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('"MSFT"'),
  });
});

test('a symbol cannot lead out of its folder, nor two into one file', async () => {
  const source = () => bars;
  const found = await priceData(['../x', '.._x', 'a/b', 'a b'], source);
  const names = found.map(({ fileName }) => fileName);
  expect(names).toEqual(['0-___x.json', '1-___x.json', '2-a_b.json', '3-a_b.json']);
});

test.each([
  ['an empty list', []],
  ['a number', 5],
  ['an object', {}],
  ['a file that is not there', '/does/not/exist.csv'],
])('%s is no data, and the symbol is named', async (_, given) => {
  await expect(priceData(['A'], { A: given })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('"A"'),
  });
});

test('a wait for prices ends with the signal, whose reason is the cause', async () => {
  const controller = new AbortController();
  const waiting = priceData(['A'], () => new Promise(() => {}), controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toMatchObject({
    code: 'CANCELLED',
    outcome: 'not-sent',
    cause: new Error('enough'),
  });
});
