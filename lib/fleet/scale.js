'use strict';

// Growing the fleet to a number of sandboxes, in parallel, never past the maximum. Creations that
// fail are counted, and do not hinder the others. Shrinking is cleanup's business.

const { checkNumber } = require('../options');
const { cancelled } = require('./give-up');

/**
 * @param {import('./core').FleetCore} core
 * @param {import('./creation').Creation} creation
 * @param {object} wish
 * @param {number} wish.target sandboxes in the end, those being created counted
 * @param {(number: number) => object} wish.specOf spec of the first, second, ... new one; throws for
 *   a bad config
 * @param {AbortSignal} [wish.signal]
 * @returns {Promise<object>} { created, failed, currentCount, message, errors: texts }, and of a
 *   failure, when none could be created, what the first one said
 */
async function scaleUp(core, creation, wish) {
  // One after the other: two at the same time must not add up.
  const before = core.scaling;
  const scaling = before.then(() => grow(core, creation, wish));
  core.scaling = scaling.catch(() => {});
  return scaling;
}

async function grow(core, creation, { target, specOf, signal }) {
  checkNumber(target, 'target', { min: 0, integer: true });
  specOf(1);
  const { pool } = core;
  const maximum = core.config.get('maxPoolSize');
  const before = Math.max(pool.taken, await core.ledger.taken());
  const wanted = Math.min(target, maximum) - before;
  if (wanted <= 0) {
    const message =
      target <= before
        ? `Already at or above target: ${before} of ${target}`
        : `Already at the maximum: maxPoolSize is ${maximum}, the target was ${target}`;
    return { created: 0, failed: 0, currentCount: pool.size, message, errors: [] };
  }
  const settled = await Promise.allSettled(
    Array.from({ length: wanted }, async (_, index) => {
      if (signal?.aborted) throw cancelled(signal, 'not-sent');
      const spec = specOf(index + 1);
      return creation.create(spec, await core.reserve(spec), { signal });
    }),
  );
  const reasons = settled.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
  const created = settled.length - reasons.length;
  if (created > 0) core.emit('scale:up', { targetCount: target, created });
  const failures = reasons.map((reason) => core.fail('create_sandbox', reason));
  const capped = target > maximum ? ` (capped at maxPoolSize ${maximum})` : '';
  const short = failures.length > 0 ? `, ${failures.length} failed` : '';
  return {
    ...(created === 0 ? failures[0] : {}),
    created,
    failed: failures.length,
    currentCount: pool.size,
    message: `Scaled up by ${created} to ${pool.size}${capped}${short}`,
    errors: failures.map(({ error }) => error),
  };
}

/** A config with a number behind its name, if it has one. */
function numbered(config, number) {
  if (typeof config?.name !== 'string' || config.name === '') return config;
  return { ...config, name: `${config.name}-${number}` };
}

module.exports = { scaleUp, numbered };
