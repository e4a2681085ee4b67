'use strict';

// What is remembered of the use of each sandbox.

const { activityOf, forget, seenOf, touch } = require('../../../lib/native/activity');

let next = 0;
const fresh = () => activityOf(`sandbox-${next++}`);

test('lines that come in pieces are put together', () => {
  const activity = fresh();
  for (const piece of ['a', 'b\nc', '', 'd\n', '\ne']) activity.add(0, piece);
  expect(activity.logs).toEqual(['ab', 'cd', '', 'e']);
});

test('the pieces of stdout and stderr are not mixed', () => {
  const activity = fresh();
  activity.add(0, 'out ');
  activity.add(1, 'err ');
  activity.add(0, '1\n');
  activity.add(1, '2\n');
  expect(activity.logs).toEqual(['out 1', 'err 2']);
});

test('only the last 100 lines are kept, from one piece or from many', () => {
  const lines = Array.from({ length: 250 }, (_, i) => `line ${i}`);
  const [one, many] = [fresh(), fresh()];
  one.add(0, `${lines.join('\n')}\n`);
  for (const line of lines) many.add(0, `${line}\n`);
  expect(one.logs).toEqual(lines.slice(-100));
  expect(many.logs).toEqual(lines.slice(-100));
});

test('a line is cut at 4 KB, also one that never ends', () => {
  const activity = fresh();
  activity.add(0, `${'x'.repeat(10_000)}\n`);
  for (let i = 0; i < 100; i++) activity.add(0, 'y'.repeat(1_000));
  expect(activity.logs.map(({ length }) => length)).toEqual([4_096, 4_096]);
});

test('bytes are taken as UTF-8', () => {
  const activity = fresh();
  activity.add(0, Buffer.from('grüße\n'));
  expect(activity.logs).toEqual(['grüße']);
});

test('what a program left without a newline is a line of its own once it has ended', () => {
  const activity = fresh();
  activity.add(0, 'no newline');
  activity.closeLines();
  activity.add(0, 'next\n');
  expect(activity.logs).toEqual(['no newline', 'next']);
});

test('a sandbox that was never used has nothing', () => {
  expect(seenOf('never')).toEqual({ executions: 0, lastActivity: null, logs: [] });
});

test('the sandbox that was not used for longest is forgotten past 1,000', () => {
  const [old, kept] = ['old', 'kept'];
  activityOf(old).executions = 1;
  activityOf(kept).executions = 2;
  for (let i = 0; i < 998; i++) activityOf(`filler-${i}`);
  touch(kept);
  activityOf('one-more');
  activityOf('two-more');
  expect(seenOf(old).executions).toBe(0);
  expect(seenOf(kept).executions).toBe(2);
  expect(seenOf(kept).lastActivity).toMatch(/^\d{4}-.*Z$/);
  forget(kept);
  expect(seenOf(kept).executions).toBe(0);
});
