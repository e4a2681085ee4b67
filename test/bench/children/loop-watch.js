'use strict';

// The longest time in which the event loop gave nothing else a turn: looked at in every turn, so that
// none is missed. `wallMs` has in it what a busy machine's other programs took, the CPU time what the
// collector's helper threads did; the lesser of the two is no less than the loop's own work, `ownMs`.

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<{ result: T, ms: number, wallMs: number, ownMs: number }>} ms: all of it
 */
async function watchingLoop(work) {
  const longest = { wallMs: 0, ownMs: 0 };
  let [wallMs, cpuMs] = [performance.now(), cpuNowMs()];
  const startedMs = wallMs;
  const look = () => {
    const [wall, cpu] = [performance.now(), cpuNowMs()];
    longest.wallMs = Math.max(longest.wallMs, wall - wallMs);
    longest.ownMs = Math.max(longest.ownMs, Math.min(wall - wallMs, cpu - cpuMs));
    [wallMs, cpuMs] = [wall, cpu];
  };
  let turn;
  const onTurn = () => {
    look();
    turn = setImmediate(onTurn);
  };
  turn = setImmediate(onTurn);
  try {
    const result = await work();
    look();
    return { result, ms: wallMs - startedMs, ...longest };
  } finally {
    clearImmediate(turn);
  }
}

function cpuNowMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

module.exports = { watchingLoop };
