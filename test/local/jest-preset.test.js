'use strict';

// The preset `e2b-swarm/jest` as users have it: Jest as a program of its own, over suites of theirs.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '../..');
const JEST = require.resolve('jest/bin/jest');

let folder;

beforeEach(() => {
  // Below the project, so that `e2b-swarm` is found as it is where it is installed.
  fs.mkdirSync(path.join(ROOT, 'tmp'), { recursive: true });
  folder = fs.mkdtempSync(path.join(ROOT, 'tmp', 'preset-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

async function jest(configFile, args = []) {
  const child = spawn(process.execPath, [JEST, '-c', configFile, ...args], { cwd: ROOT });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (said += text));
  }
  const [status] = await once(child, 'close');
  return { status, said };
}

function write(name, text) {
  fs.writeFileSync(path.join(folder, name), text);
}

function configure(options) {
  const config = { preset: 'e2b-swarm/jest', rootDir: folder, transform: {}, ...options };
  write('jest.config.js', `module.exports = ${JSON.stringify(config)};`);
  return path.join(folder, 'jest.config.js');
}

const LEAVES_A_SANDBOX = `
  const { createE2bSandbox, executeE2bProcess } = require('e2b-swarm');
  const urlAtLoad = process.env.E2B_API_URL;
  test('begins with nothing and leaves a sandbox', async () => {
    expect(urlAtLoad).toBe(e2bBackend.url);
    expect(e2bBackend.sandboxes()).toEqual([]);
    const { sandboxId } = await createE2bSandbox('left', 'base', 60);
    const { stdout } = await executeE2bProcess(sandboxId, 'echo left');
    expect(stdout).toBe('left\\n');
    e2bBackend.faults.add({ op: 'create', action: 'reset' });
  });
`;

test('the example suite of an Express service passes', async () => {
  const { status, said } = await jest('examples/express/jest.config.js');
  expect(said).toMatch(/Tests: +4 passed, 4 total/);
  expect(status).toBe(0);
});

test.each([
  ['in one process', ['--runInBand']],
  ['in two workers', ['--maxWorkers=2']],
])(
  '%s, each file begins as new whatever the others left, and Jest ends by itself',
  async (_, how) => {
    for (const name of ['a', 'b', 'c', 'd']) write(`${name}.test.js`, LEAVES_A_SANDBOX);
    const config = configure({ testEnvironmentOptions: { e2b: { isolation: 'none' } } });
    const { status, said } = await jest(config, how);
    expect(said).toMatch(/Tests: +4 passed, 4 total/);
    expect(said).not.toMatch(/did not exit|failed to exit gracefully|IsolationWarning/);
    expect(status).toBe(0);
  },
);

test('options that the backend refuses fail the file with its own words', async () => {
  write('a.test.js', LEAVES_A_SANDBOX);
  const config = configure({ testEnvironmentOptions: { e2b: { isolaton: 'none' } } });
  const { status, said } = await jest(config);
  expect(status).toBe(1);
  expect(said).toMatch(/unknown option 'isolaton'; did you mean 'isolation'/);
});

test('without jest-environment-node the message says what to install', () => {
  const source = fs.readFileSync(path.join(ROOT, 'lib/jest/environment.js'), 'utf8');
  const missing = fs.mkdtempSync(path.join(os.tmpdir(), 'preset-'));
  fs.mkdirSync(path.join(missing, 'jest'));
  fs.mkdirSync(path.join(missing, 'local'));
  fs.writeFileSync(path.join(missing, 'local/index.js'), '');
  fs.writeFileSync(path.join(missing, 'jest/environment.js'), source);
  const program = `require(${JSON.stringify(path.join(missing, 'jest/environment.js'))})`;
  const child = spawn(process.execPath, ['-e', program]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  return once(child, 'close').then(() => {
    fs.rmSync(missing, { recursive: true });
    expect(said).toMatch(/npm install --save-dev jest-environment-node/);
  });
});
