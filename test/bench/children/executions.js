'use strict';

// The execution cache and the batch (EXE-01, EXE-03, EXE-05): a hit and a key in microseconds, five
// commands apart and in one call, and the three computations of the requirements, in ms.
//
//   node executions.js '{ "client", "rung", "hits", "calls" }'

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const { systemClock } = require('../../../lib/clock');
const { runBatch } = require('../../../lib/fleet/batch');
const { ExecutionCache } = require('../../../lib/fleet/execution-cache');
const { median } = require('../median');
const { withLocalBackend } = require('./with-local-backend');

const FIXTURES = path.join(__dirname, '..', '..', 'fixtures', 'computations');
const COMPUTATIONS = { kelly: 'python', portfolio: 'python', momentum: 'javascript' };

const programOf = (name, language) => {
  const file = path.join(FIXTURES, `${name}.${language === 'python' ? 'py' : 'js'}`);
  return { language, code: fs.readFileSync(file, 'utf8') };
};

async function measureHits(hits) {
  const cache = new ExecutionCache({}, { clock: systemClock });
  const ask = {
    ...programOf('portfolio', 'python'),
    params: { seed: 1, symbols: ['SPX', 'AAPL'] },
  };
  delete ask.language;
  const execute = async () => ({ exitCode: 0, stdout: 'x'.repeat(2000) });
  await cache.run(ask, execute);
  const times = [];
  for (let i = 0; i < hits; i += 1) {
    const startedMs = performance.now();
    await cache.run(ask, execute);
    times.push((performance.now() - startedMs) * 1000);
  }
  assert.equal(cache.stats.hits, hits);
  times.sort((a, b) => a - b);
  return { hitUs: median(times), hitP99Us: times[Math.floor(hits * 0.99)] };
}

withLocalBackend(async (client, { hits, calls }) => {
  const { createE2bSandbox, executeE2bProcess, terminateE2bSandbox } = require('e2b-swarm');
  const { sandboxId } = await createE2bSandbox('executions', 'base', 300);
  const batch = (blocks) => runBatch(executeE2bProcess, sandboxId, blocks, {}, systemClock);
  const times = { apartMs: [], togetherMs: [] };
  for (let i = 0; i < calls; i += 1) {
    let startedMs = performance.now();
    for (let j = 0; j < 5; j += 1) await executeE2bProcess(sandboxId, 'echo x');
    times.apartMs.push(performance.now() - startedMs);
    startedMs = performance.now();
    const { failed } = await batch(Array(5).fill('echo x'));
    assert.equal(failed, 0);
    times.togetherMs.push(performance.now() - startedMs);
  }
  const { results } = await batch(
    Object.entries(COMPUTATIONS).map(([name, language]) => programOf(name, language)),
  );
  const computed = Object.keys(COMPUTATIONS).map((name, i) => {
    assert.equal(results[i].exitCode, 0, results[i].stderr);
    return [`${name}Ms`, results[i].durationMs];
  });
  await terminateE2bSandbox(sandboxId, true);
  const medians = Object.entries(times).map(([name, list]) => [name, median(list)]);
  return { ...(await measureHits(hits)), ...Object.fromEntries([...medians, ...computed]) };
});
