'use strict';

// What the far end sends, and is sent, in bytes: stub/*.c has the same numbers.

module.exports = {
  SHORT_OUTPUT_BYTES: 1_000,
  OUTPUT_BYTES: 100 * 1024 * 1024,
  FILE_BYTES: 64 * 1024 * 1024,
};
