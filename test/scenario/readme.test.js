'use strict';

// What README.md shows is what runs: each of its blocks of JavaScript, as it stands there, in an empty
// folder that has the package, against a local backend.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { withBackend } = require('../helpers/backend');

const ROOT = path.join(__dirname, '../..');
const TIMEOUT_MS = 60_000;

const far = withBackend();
const text = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const blocks = [...text.matchAll(/^## (.+)\n\n```js\n([^]*?)^```$/gm)].map(([, title, code]) => [
  title,
  code,
]);

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-readme-'));
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(ROOT, path.join(folder, 'node_modules/e2b-swarm'));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

test('there are two, and every block of JavaScript is one of them', () => {
  expect(blocks.map(([title]) => title)).toEqual(['Use', 'A fleet that loses nothing']);
  expect(text.match(/^```js$/gm)).toHaveLength(2);
});

test.each(blocks)('%s: runs to its end and leaves nothing', async (_, code) => {
  fs.writeFileSync(path.join(folder, 'it.js'), `(async () => {\n${code}\n})();\n`);
  const options = {
    ...{ cwd: folder, timeout: TIMEOUT_MS },
    env: { ...process.env, ...far.backend.env, COST_BUDGET_DAILY: '' },
  };
  const { error, stderr } = await new Promise((resolve) => {
    execFile(process.execPath, ['it.js'], options, (failure, _stdout, said) => {
      resolve({ error: failure, stderr: said });
    });
  });
  expect([error, stderr]).toEqual([null, '']);
  expect(far.backend.sandboxes()).toEqual([]);
});
