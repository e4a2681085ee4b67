'use strict';

// The worked examples of faults on demand (docs/local-backend.md): each is run as it is, and says what
// the documentation says.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const FOLDER = path.join(__dirname, '../../examples/faults');
const run = async (name) => {
  const options = { timeout: 60_000 };
  return (await promisify(execFile)(process.execPath, [path.join(FOLDER, name)], options)).stdout;
};

test('a create whose answer is lost leaks a sandbox, unless it is looked for', async () => {
  expect(await run('lost-create.mjs')).toBe(
    'naive: fetch failed\n' +
      'naive: 1 sandbox runs that nobody knows of\n' +
      'safe: found again, 1 sandbox in all\n',
  );
});

test('a stream that is cut loses its output, not its process', async () => {
  const said = await run('cut-stream.mjs');
  expect(said).toMatch(/^stream: .*terminated$/m);
  expect(said).toMatch(/^heard before the cut: one$/m);
  expect(said).toMatch(/^attached again: exit code 0, wrote two$/m);
  expect(said).toMatch(/^the fault struck 1 time$/m);
});

test('a rate limit is waited for, a full account is not', async () => {
  expect(await run('busy-provider.mjs')).toBe(
    'rate limit: 3 requests, waited the two seconds\n' +
      'full: RateLimitError\n' +
      'one ended: there is room again (true)\n',
  );
});
