'use strict';

// What can be done to the entries of a sandbox's file system beside reading and writing; and where its
// ports are.

const {
  createE2bSandbox,
  getE2bSandboxUrl,
  makeE2bDir,
  moveE2bFile,
  pauseE2bSandbox,
  readE2bFile,
  statE2bFile,
  writeE2bFile,
} = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend();
let id;
beforeEach(async () => {
  const made = await createE2bSandbox('a', 'base', 600, undefined, undefined, far.client);
  id = made.sandboxId;
});

test('a folder is made with those above it, and once', async () => {
  const made = await makeE2bDir(id, 'a/b', far.client);
  expect(made).toMatchObject({ name: 'b', path: '/home/user/a/b', type: 'directory' });
  expect(await statE2bFile(id, 'a/b', far.client)).toMatchObject({ type: 'directory' });
  await expect(makeE2bDir(id, 'a/b', far.client)).rejects.toMatchObject({
    code: 'CONFLICT',
    outcome: 'rejected',
    sandboxId: id,
  });
});

test('a file is looked at without being read', async () => {
  await writeE2bFile(id, 'x.txt', 'grüße', far.client);
  expect(await statE2bFile(id, 'x.txt', far.client)).toMatchObject({
    name: 'x.txt',
    type: 'file',
    size: 7,
    owner: 'user',
  });
  await expect(statE2bFile(id, 'y.txt', far.client)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a moved file is there, and no more here; one that was there is replaced', async () => {
  await writeE2bFile(id, 'from.txt', 'new', far.client);
  await writeE2bFile(id, 'deep/to.txt', 'old', far.client);
  const moved = await moveE2bFile(id, 'from.txt', 'deep/to.txt', far.client);
  expect(moved).toMatchObject({ path: '/home/user/deep/to.txt', size: 3 });
  expect(await readE2bFile(id, 'deep/to.txt', far.client)).toBe('new');
  await expect(statE2bFile(id, 'from.txt', far.client)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('each of them is sent once, to the daemon, without the key', async () => {
  await makeE2bDir(id, 'once', far.client);
  const asked = far.backend.requests.filter(({ path }) => path.endsWith('/MakeDir'));
  expect(asked).toHaveLength(1);
  expect(asked[0].headers).toMatchObject({ 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983' });
  expect(asked[0].headers['x-api-key']).toBeUndefined();
});

test.each([
  ['statE2bFile', () => statE2bFile(id, '', far.client), /path must be a string/],
  ['moveE2bFile', () => moveE2bFile(id, 'a', 7, far.client), /to must be a string/],
  ['makeE2bDir', () => makeE2bDir('a/b', 'x', far.client), /sandboxId must be/],
  ['pauseE2bSandbox', () => pauseE2bSandbox(undefined, far.client), /sandboxId must be/],
  ['getE2bSandboxUrl', () => getE2bSandboxUrl(id, 0, far.client), /port must be/],
  ['an option', () => statE2bFile(id, 'x', { ...far.client, usr: 'root' }), /did you mean 'user'/],
])('%s: what is wrong is refused by name, before anything is sent', async (_, call, text) => {
  const before = far.backend.requests.length;
  await expect(call()).rejects.toMatchObject({
    name: 'InvalidArgumentError',
    outcome: 'not-sent',
    message: expect.stringMatching(text),
  });
  expect(far.backend.requests.length).toBe(before);
});

test("a port's address is the cloud's, or one that a browser can resolve to a local E2B", async () => {
  const cloud = { apiKey: 'e2b_00', domain: 'e2b.app' };
  expect(await getE2bSandboxUrl('abc', 3000, cloud)).toBe('https://3000-abc.e2b.app');
  const { port } = new URL(far.url);
  expect(await getE2bSandboxUrl('abc', 3000, far.client)).toBe(`http://3000-abc.localhost:${port}`);
  const shared = {
    ...cloud,
    domain: undefined,
    apiUrl: 'https://api.x',
    sandboxUrl: 'https://s.x',
  };
  expect(await getE2bSandboxUrl('abc', 3000, shared)).toBe('https://s.x');
});
