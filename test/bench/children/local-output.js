'use strict';

// How fast the output of a real process comes through the local backend to a client.
//
//   node local-output.js '{ "client", "rung" }'

const assert = require('node:assert/strict');

const { OUTPUT_BYTES } = require('../sizes');
const { withLocalBackend } = require('./with-local-backend');

const LINE = 'x'.repeat(1023);
const MB = 1024 * 1024;

withLocalBackend(async ({ create, listen }) => {
  const sandbox = await create();
  const pour = async (bytes) => {
    let heard = 0;
    const onStdout = (text) => {
      heard += text.length;
    };
    await listen(sandbox, `yes ${LINE} | head -c ${bytes}`, onStdout);
    assert.equal(heard, bytes);
  };
  await pour(MB);
  const startedMs = performance.now();
  await pour(OUTPUT_BYTES);
  return { mbPerS: OUTPUT_BYTES / MB / ((performance.now() - startedMs) / 1000) };
});
