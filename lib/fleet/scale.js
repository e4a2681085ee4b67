'use strict';

// Growing the fleet to a number of sandboxes, in parallel, never past the maximum. Creations that
// fail are counted, and do not hinder the others. Shrinking is cleanup's business.

const { checkNumber } = require('../options');

/**
 * @param {import('./core').FleetCore} core
 * @param {import('./creation').Creation} creation
 * @param {number} target sandboxes in the end, those being created counted
 * @param {(index: number) => object} specOf
 * @param {AbortSignal} [signal]
 * @returns {Promise<object>} { created, failed, currentCount, message, errors }
 */
async function scaleUp(core, creation, target, specOf, signal) {
  checkNumber(target, 'target', { min: 0, integer: true });
  const { pool } = core;
  const maximum = core.config.get('maxPoolSize');
  const before = pool.taken;
  const wanted = Math.min(target, maximum) - before;
  if (wanted <= 0) {
    const message =
      target <= before
        ? `Already at or above target: ${before} of ${target}`
        : `Already at the maximum: maxPoolSize is ${maximum}, the target was ${target}`;
    return { created: 0, failed: 0, currentCount: pool.size, message, errors: [] };
  }
  // All places in one go: nobody comes between, and none of them can fail for capacity.
  const places = Array.from({ length: wanted }, () => pool.reserve());
  const settled = await Promise.allSettled(
    places.map((place, index) => creation.create(specOf(index), place, { signal })),
  );
  const errors = settled.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
  const created = settled.length - errors.length;
  if (created > 0) core.emit('scale:up', { targetCount: target, created });
  const capped = target > maximum ? ` (capped at maxPoolSize ${maximum})` : '';
  const failures = errors.length > 0 ? `, ${errors.length} failed` : '';
  const message = `Scaled up by ${created} to ${pool.size}${capped}${failures}`;
  return { created, failed: errors.length, currentCount: pool.size, message, errors };
}

module.exports = { scaleUp };
