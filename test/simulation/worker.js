'use strict';

// A worker of the simulation: runs the seeds that it is told, one after the other, and reports each
// chunk to its parent. Keeps no state between seeds.

const { runSeed } = require('./run-seed');
const { sabotageBy } = require('./sabotage');

process.on('message', async ({ first, count, sabotage, without }) => {
  const found = { first, count, steps: 0, virtualMs: 0, counts: {}, failures: [] };
  for (let seed = first; seed < first + count; seed++) {
    const run = await runSeed(seed, { sabotage: sabotageBy(sabotage), without });
    found.steps += run.steps;
    found.virtualMs += run.virtualMs;
    for (const [name, n] of Object.entries(run.counts)) {
      found.counts[name] = (found.counts[name] ?? 0) + n;
    }
    if (run.violation !== null) found.failures.push({ seed, ...run.violation });
  }
  process.send(found);
});
