'use strict';

// Work upon all of a big fleet goes in slices: between two of them whoever else wants the loop has a
// turn. A small fleet is one slice, and waits for nothing. Knows no store and no far end.

/** Rows or sandboxes of one slice: few milliseconds' work on a busy machine, whatever is done with each. */
const SLICE = 200;

/** Everybody else has a turn. */
function turn(clock) {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, 0);
  });
}

/**
 * @template T
 * @param {T[]} items
 * @param {object} clock
 * @returns {AsyncGenerator<T[]>} at most SLICE of them at a time
 */
async function* slices(items, clock) {
  for (let at = 0; at < items.length; at += SLICE) {
    if (at > 0) await turn(clock);
    yield items.slice(at, at + SLICE);
  }
}

/**
 * The same of rows that a store gives page by page.
 *
 * @param {(page: { after: string|null, limit: number }) => Promise<object[]>} read in order of tokens
 * @param {object} clock
 * @returns {AsyncGenerator<object[]>}
 */
async function* pages(read, clock) {
  for (let after = null; ;) {
    const page = await read({ after, limit: SLICE });
    yield page;
    if (page.length < SLICE) return;
    after = page.at(-1).token;
    await turn(clock);
  }
}

module.exports = { SLICE, pages, slices };
