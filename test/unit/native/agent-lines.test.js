'use strict';

// What is taken out of an agent's output as it comes.

const { AgentLines } = require('../../../lib/native/agent-lines');

const signal = (symbol) => ({ type: 'signal', symbol, signal: 'long' });

function linesOf(onSignal = null) {
  const told = { first: 0 };
  const lines = new AgentLines(onSignal, () => told.first++);
  return { lines, told };
}

test('signals are found wherever the text is cut', () => {
  const text = [signal('A'), signal('B'), { type: 'summary', total: 1 }]
    .map((entry) => `${JSON.stringify(entry)}\n`)
    .join('');
  for (let cut = 0; cut <= text.length; cut++) {
    const { lines } = linesOf();
    lines.push(text.slice(0, cut));
    lines.push(text.slice(cut));
    expect(lines.signals).toEqual([signal('A'), signal('B')]);
    expect(lines.summary).toEqual({ type: 'summary', total: 1 });
  }
});

test('a line that is no JSON, or another JSON, is left alone', () => {
  const { lines, told } = linesOf();
  lines.push('hello\n{"type":"signal"\n[1]\nnull\n{"type":"other"}\n');
  expect(lines.signals).toEqual([]);
  expect(lines.summary).toBeNull();
  expect(told.first).toBe(5);
});

test('blank lines are no first line', () => {
  const { lines, told } = linesOf();
  lines.push('\n \n\n');
  expect(told.first).toBe(0);
  lines.push('x');
  expect(told.first).toBe(0);
  lines.push('\n');
  expect(told.first).toBe(1);
});

test('a line without end is dropped, and what follows it is read', () => {
  const { lines } = linesOf();
  for (let i = 0; i < 100; i++) lines.push('x'.repeat(1_000));
  lines.push(`\n${JSON.stringify(signal('A'))}\n`);
  expect(lines.signals).toEqual([signal('A')]);
});

test('the wait that callbacks ask for is handed on', async () => {
  let letGo;
  const waiting = new Promise((resolve) => {
    letGo = resolve;
  });
  const { lines } = linesOf(() => waiting);
  let done = false;
  const waits = lines.push(`${JSON.stringify(signal('A'))}\n`).then(() => {
    done = true;
  });
  await Promise.resolve();
  expect(done).toBe(false);
  letGo();
  await waits;
  expect(done).toBe(true);
});

test('what a callback throws comes out', () => {
  const { lines } = linesOf(() => {
    throw new Error('no');
  });
  expect(() => lines.push(`${JSON.stringify(signal('A'))}\n`)).toThrow('no');
});
