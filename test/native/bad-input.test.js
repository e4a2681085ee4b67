'use strict';

// What is refused before anything is sent, and what the far end refuses; each message says what to
// change.

const native = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend();
const ID = 'i0000000000000000000a';
const refused = { name: 'InvalidArgumentError', code: 'INVALID_ARGUMENT', outcome: 'not-sent' };

async function failureOf(start) {
  let promise;
  expect(() => {
    promise = start(); // never throws
  }).not.toThrow();
  const error = await promise.then(
    () => null,
    (e) => e,
  );
  expect(error).not.toBeNull();
  return error;
}

/** Refused here, with a message in which `words` are found; nothing was sent. */
async function expectRefused(start, words) {
  const error = await failureOf(start);
  expect(error).toMatchObject({ ...refused, retryable: false, status: null });
  expect(error.message).toMatch(words);
  expect(far.backend.requests).toEqual([]);
}

const withClient = (args) => [...args.slice(0, 5), { ...far.client, ...args[5] }];
const create = (name, template, timeout, memoryMb, cpuCount, options) =>
  native.createE2bSandbox(...withClient([name, template, timeout, memoryMb, cpuCount, options]));
// Milliseconds are whole; how many are allowed stands beside it.
const WHOLE = /requestTimeoutMs must be a whole number from 1 to \d+, not /;
const withOptions = (options) => ['a', 'base', 60, 512, 1, options];
const execute = (id, command, args, timeout, capture, options) =>
  native.executeE2bProcess(...withClient([id, command, args, timeout, capture, options]));
const agent = (type, symbols, params, options) =>
  native.runE2bAgent(ID, type, symbols, params, false, { ...far.client, ...options });

describe('createE2bSandbox', () => {
  test.each([
    ['an empty name', ['', 'base', 60, undefined, undefined], /name/],
    ['a blank name', ['  ', 'base', 60, undefined, undefined], /name/],
    ['a name that is no string', [5, 'base', 60, undefined, undefined], /name/],
    ['no name', [undefined, 'base', 60, undefined, undefined], /name/],
    ['a name with a NUL', ['a\0b', 'base', 60, undefined, undefined], /name/],
    ['an empty template', ['a', '', 60, undefined, undefined], /template/],
    ['a template that is no string', ['a', {}, 60, undefined, undefined], /template/],
    ['timeout 0', ['a', 'base', 0, undefined, undefined], /timeout.*86,?400/],
    ['a negative timeout', ['a', 'base', -1, undefined, undefined], /timeout/],
    ['timeout NaN', ['a', 'base', NaN, undefined, undefined], /timeout/],
    ['timeout Infinity', ['a', 'base', Infinity, undefined, undefined], /timeout/],
    ['a timeout above 86,400', ['a', 'base', 86_401, undefined, undefined], /timeout/],
    ['a timeout that is a string', ['a', 'base', '60', undefined, undefined], /timeout/],
    ['memory below 128', ['a', 'base', 60, 127, undefined], /memoryMb.*128/],
    ['memory NaN', ['a', 'base', 60, NaN, undefined], /memoryMb/],
    ['cpu below 1', ['a', 'base', 60, 512, 0], /cpuCount.*1/],
    ['half a cpu', ['a', 'base', 60, 512, 1.5], /cpuCount/],
    ['a negative cpu', ['a', 'base', 60, 512, -1], /cpuCount/],
    ['env with a number', ['a', 'base', 60, 512, 1, { env: { A: 5 } }], /env\.A/],
    ['env that is a list', ['a', 'base', 60, 512, 1, { env: ['A'] }], /env/],
    ['metadata with a number', ['a', 'base', 60, 512, 1, { metadata: { A: 5 } }], /metadata\.A/],
    [
      'reserved metadata',
      ['a', 'base', 60, 512, 1, { metadata: { 'e2b-swarm.token': 'x' } }],
      /e2b-swarm\./,
    ],
    ['autoPause that is text', ['a', 'base', 60, 512, 1, { autoPause: 'yes' }], /autoPause/],
    ['autoPauseMemory that is text', withOptions({ autoPauseMemory: 'no' }), /autoPauseMemory/],
    ['autoResume that is a number', withOptions({ autoResume: 1 }), /autoResume/],
    ['a network that is a list', withOptions({ network: [] }), /network/],
    ['an address as text', withOptions({ network: { denyOut: '0.0.0.0/0' } }), /denyOut.*list/],
    ['a domain that is none', withOptions({ network: { allowOut: [5] } }), /allowOut\[0\]/],
    ['public as text', withOptions({ network: { allowPublicTraffic: 'no' } }), /PublicTraffic/],
    ['a mask without text', withOptions({ network: { maskRequestHost: '' } }), /maskRequestHost/],
    ['a port of 0', withOptions({ network: { httpsPorts: [0] } }), /httpsPorts\[0\].*1 to 65535/],
    ['rules of no list', withOptions({ network: { rules: { a: {} } } }), /rules\.a must be a list/],
    ['a rule of text', withOptions({ network: { rules: { a: ['b'] } } }), /rules\.a\[0\]/],
    [
      'a header that is a number',
      withOptions({ network: { rules: { a: [{ transform: { headers: { B: 5 } } }] } } }),
      /rules\.a\[0\]\.transform\.headers\.B/,
    ],
    ['a proxy without address', withOptions({ network: { egressProxy: {} } }), /address/],
    [
      'a password that is a number, which is not told',
      withOptions({ network: { egressProxy: { address: 'a:1', password: 98765 } } }),
      /^(?!.*98765).*password/,
    ],
    ['a signal that is none', ['a', 'base', 60, 512, 1, { signal: {} }], /signal/],
    ['requestTimeoutMs 0', ['a', 'base', 60, 512, 1, { requestTimeoutMs: 0 }], /requestTimeoutMs/],
    ['half a millisecond of requestTimeoutMs', withOptions({ requestTimeoutMs: 1.5 }), WHOLE],
    ['requestTimeoutMs NaN', withOptions({ requestTimeoutMs: NaN }), WHOLE],
    ['requestTimeoutMs as a string', withOptions({ requestTimeoutMs: '500' }), WHOLE],
    ['an apiKey that is a number', ['a', 'base', 60, 512, 1, { apiKey: 5 }], /apiKey/],
    ['an apiUrl that is no URL', ['a', 'base', 60, 512, 1, { apiUrl: 'nonsense' }], /apiUrl/],
    ['an apiUrl of ftp', ['a', 'base', 60, 512, 1, { apiUrl: 'ftp://x' }], /apiUrl/],
    ['headers of two lines', ['a', 'base', 60, 512, 1, { headers: { A: 'b\r\nC: d' } }], /headers/],
    ['a header without a name', ['a', 'base', 60, 512, 1, { headers: { '': 'b' } }], /headers/],
    ['a ca that is no PEM', ['a', 'base', 60, 512, 1, { apiUrl: 'https://x', ca: 'x' }], /ca /],
  ])('%s is refused', async (_, args, words) => {
    await expectRefused(() => create(...args), words);
  });

  test('the ends of the ranges are accepted', async () => {
    await expect(create('a', 'base', 86_400, 128, 1)).resolves.toMatchObject({ name: 'a' });
    await expect(create('a', 'base', 0.5, 128, 1)).resolves.toMatchObject({ name: 'a' });
    expect(far.backend.requests.at(-1).json().timeout).toBe(1);
  });

  test('memory and cpu are never sent', async () => {
    await create('a', 'base', 60, 512, 2);
    expect(Object.keys(far.backend.requests[0].json()).sort()).toEqual([
      'metadata',
      'templateID',
      'timeout',
    ]);
  });

  test('a template that does not exist is NOT_FOUND', async () => {
    await expect(create('a', 'no-such-template', 60)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      status: 404,
      message: expect.stringContaining('no-such-template'),
    });
  });
});

describe('options', () => {
  test.each([
    ['createE2bSandbox', ['a', 'base', 60, undefined, undefined], 'enve', 'env'],
    ['executeE2bProcess', [ID, 'x', [], 5, true], 'onStdOut', 'onStdout'],
    ['runE2bAgent', [ID, 'momentum', ['SPX'], {}, false], 'onSignals', 'onSignal'],
    ['getE2bSandboxStatus', [ID], 'metric', 'metrics'],
    ['terminateE2bSandbox', [ID, true], 'grace', 'graceMs'],
    ['listE2bSandboxes', ['all'], 'limits', 'limit'],
    ['setE2bSandboxTimeout', [ID, 5], 'apikey', 'apiKey'],
    ['connectE2bSandbox', [ID], 'timeOut', 'timeout'],
    ['writeE2bFile', [ID, 'p', 'd'], 'users', 'user'],
    ['writeE2bFile', [ID, 'p', 'd'], 'metaData', 'metadata'],
    ['writeE2bFiles', [ID, [{ path: 'p', data: 'd' }]], 'metaData', 'metadata'],
    ['readE2bFile', [ID, 'p'], 'encode', 'encoding'],
    ['listE2bFiles', [ID, 'p'], 'depths', 'depth'],
    ['removeE2bFile', [ID, 'p'], 'proxi', 'proxy'],
    ['listE2bProcesses', [ID], 'heders', 'headers'],
    ['connectE2bProcess', [ID, 1], 'timeot', 'timeout'],
    ['sendE2bInput', [ID, 1, 'x'], 'End', 'end'],
    ['killE2bProcess', [ID, 1, 'SIGKILL'], 'Domain', 'domain'],
  ])('an unknown one of %s is refused, and the nearest named', async (name, args, wrong, near) => {
    const error = await failureOf(() => native[name](...args, { ...far.client, [wrong]: 1 }));
    expect(error).toMatchObject({ ...refused, code: 'UNKNOWN_OPTION' });
    expect(error.message).toContain(`'${wrong}' of ${name}; did you mean '${near}'?`);
    expect(far.backend.requests).toEqual([]);
  });

  test('options that are no object are refused', async () => {
    await expectRefused(() => native.getE2bSandboxStatus(ID, 'x'), /options/);
  });
});

describe('ids', () => {
  const BAD = ['', 'a/b', '../x', 'a b', '-a', 'ä', 'x'.repeat(65), 'a\0b', 5, null, undefined];
  test.each(BAD)('%j is no id of a sandbox', async (id) => {
    await expectRefused(() => native.getE2bSandboxStatus(id, far.client), /sandboxId|sandbox id/i);
    await expectRefused(
      () => native.executeE2bProcess(id, 'x', [], 5, true, far.client),
      /sandboxId|sandbox id/i,
    );
    await expectRefused(
      () => native.terminateE2bSandbox(id, true, far.client),
      /sandboxId|sandbox id/i,
    );
  });

  test('an unknown one is NOT_FOUND for the control plane, and gone for the daemon', async () => {
    await expect(native.getE2bSandboxStatus(ID, far.client)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(execute(ID, 'true')).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  test.each([0, -1, 1.5, '1', NaN, undefined, 2 ** 33])('%p is no pid', async (pid) => {
    await expectRefused(() => native.killE2bProcess(ID, pid, 'SIGKILL', far.client), /pid/);
  });
});

describe('executeE2bProcess', () => {
  test.each([
    ['an empty command', [ID, '', undefined, 5, true], /command/],
    ['a command that is no string', [ID, 5, undefined, 5, true], /command/],
    ['a command with a NUL', [ID, 'a\0b', undefined, 5, true], /command/],
    ['args that are text', [ID, 'a', 'b c', 5, true], /args/],
    ['an argument that is a number', [ID, 'a', ['b', 5], 5, true], /args/],
    ['an argument with a NUL', [ID, 'a', ['b\0'], 5, true], /args/],
    ['timeout 0', [ID, 'a', [], 0, true], /timeout/],
    ['timeout NaN', [ID, 'a', [], NaN, true], /timeout/],
    ['a timeout above 86,400', [ID, 'a', [], 86_401, true], /timeout/],
    ['captureOutput that is text', [ID, 'a', [], 5, 'yes'], /captureOutput/],
    ['a cwd that is a number', [ID, 'a', [], 5, true, { cwd: 5 }], /cwd/],
    ['an unknown encoding', [ID, 'a', [], 5, true, { encoding: 'latin1' }], /encoding/],
    ['onStdout that is no function', [ID, 'a', [], 5, true, { onStdout: 'x' }], /onStdout/],
    ['stdin that is a number', [ID, 'a', [], 5, true, { stdin: 5 }], /stdin/],
    ['maxOutputBytes 0', [ID, 'a', [], 5, true, { maxOutputBytes: 0 }], /maxOutputBytes/],
    ['background that is text', [ID, 'a', [], 5, true, { background: 'x' }], /background/],
  ])('%s is refused', async (_, args, words) => {
    await expectRefused(() => execute(...args), words);
  });

  test('an E2B_TIMEOUT that makes no sense is named', async () => {
    process.env.E2B_TIMEOUT = 'soon';
    try {
      await expectRefused(
        () => native.executeE2bProcess(ID, 'a', [], undefined, true, far.client),
        /E2B_TIMEOUT/,
      );
    } finally {
      delete process.env.E2B_TIMEOUT;
    }
  });
});

describe('runE2bAgent', () => {
  test('an unknown agent is refused, and the known ones are listed', async () => {
    await expectRefused(() => agent('astrology', ['SPX']), /astrology.*momentum/);
    await expectRefused(() => agent(undefined, ['SPX']), /agentType.*momentum/);
  });

  test.each([
    ['no symbols', [], /symbols/],
    ['symbols that are text', 'SPX', /symbols/],
    ['no list at all', undefined, /symbols/],
    ['an empty symbol', [''], /symbols/],
    ['a symbol that is a number', [5], /symbols/],
    ['a symbol twice', ['SPX', 'SPX'], /symbols/],
    ['a symbol without data', ['SPX', 'MSFT'], /"MSFT"/],
  ])('%s is refused', async (_, symbols, words) => {
    await expectRefused(() => agent('momentum', symbols), words);
  });

  test.each([
    ['{"lookback": 5,}', /strategyParams.*position 15 \(line 1, column 16\)/],
    ['{\n "a": x}', /position 8 \(line 2, column 7\)/],
    ['{"a":', /position 5 .*ends too early/],
    ['{"a": 1', /position 7 .*ends too early/],
    ['{"a": trux}', /position 9 \(line 1, column 10\): Unexpected token 'x'$/],
    ['', /position 0/],
    ['[1]', /strategyParams must be an object/],
    ['null', /strategyParams must be an object/],
    [5, /strategyParams must be an object/],
    [null, /strategyParams must be an object/],
  ])('the parameters %j are refused', async (params, words) => {
    await expectRefused(() => agent('momentum', ['SPX'], params), words);
  });

  test('prices that are none are refused', async () => {
    await expectRefused(() => agent('momentum', ['A'], {}, { data: { A: 5 } }), /"A"/);
    await expectRefused(() => agent('momentum', ['A'], {}, { data: 5 }), /data/);
    await expectRefused(() => agent('momentum', ['A'], {}, { data: { A: '/not/there' } }), /"A"/);
  });

  test('a function for prices that throws is heard', async () => {
    const oops = new Error('no market');
    const options = { data: () => Promise.reject(oops) };
    expect(await failureOf(() => agent('momentum', ['A'], {}, options))).toBe(oops);
  });
});

describe('the rest', () => {
  test.each([
    ['a time that is text', { startedAfter: '2026-01-01T00:00:00Z' }, /startedAfter.*Date/],
    ['a time that is none', { startedAfter: new Date(NaN) }, /startedAfter/],
    ['an order that there is not', { order: 'up' }, /order.*asc, desc/],
    ['a template without a name', { template: ' ' }, /template/],
  ])('%s is no filter of a list', async (_, options, words) => {
    const list = () => native.listE2bSandboxes('all', { ...far.client, ...options });
    await expectRefused(list, words);
  });

  test('memory that is text is refused', async () => {
    const connect = () => native.connectE2bSandbox(ID, { ...far.client, memory: 'no' });
    await expectRefused(connect, /memory/);
  });

  test('an unknown filter is refused, and the known ones are listed', async () => {
    await expectRefused(
      () => native.listE2bSandboxes('paused', far.client),
      /statusFilter.*all, running, stopped/,
    );
  });

  test.each([0, -1, 1.5, '5'])('limit %p is refused', async (limit) => {
    await expectRefused(() => native.listE2bSandboxes('all', { ...far.client, limit }), /limit/);
  });

  test.each(['SIGHUP', 'KILL', 9, ''])('signal %j is refused', async (signal) => {
    await expectRefused(() => native.killE2bProcess(ID, 1, signal, far.client), /signal/);
  });

  test.each([0, -1, NaN, 86_401, '5', undefined])('a life of %p seconds is refused', async (s) => {
    await expectRefused(() => native.setE2bSandboxTimeout(ID, s, far.client), /seconds|timeout/);
  });

  test('a path that is empty, or no text, is refused', async () => {
    await expectRefused(() => native.writeE2bFile(ID, '', 'x', far.client), /path/);
    await expectRefused(() => native.readE2bFile(ID, 5, far.client), /path/);
    await expectRefused(() => native.removeE2bFile(ID, 'a\0', far.client), /path/);
  });

  test('data that is neither text nor bytes is refused', async () => {
    await expectRefused(() => native.writeE2bFile(ID, 'p', { a: 1 }, far.client), /data/);
    await expectRefused(() => native.sendE2bInput(ID, 1, undefined, far.client), /data/);
  });

  test.each([-1, 1.5, '5'])('graceMs %p is refused', async (graceMs) => {
    await expectRefused(
      () => native.terminateE2bSandbox(ID, false, { ...far.client, graceMs }),
      /graceMs/,
    );
  });
});

describe('keys', () => {
  const withoutKey = ({ apiUrl, sandboxUrl }) => ({ apiUrl, sandboxUrl });

  test.each([
    ['no key', {}],
    ['an empty key', { apiKey: '' }],
  ])('%s has a code of its own, and says what to do', async (_, key) => {
    const options = { ...withoutKey(far.client), ...key };
    const error = await failureOf(() => native.listE2bSandboxes('all', options));
    expect(error).toMatchObject({
      name: 'AuthenticationError',
      code: 'MISSING_API_KEY',
      outcome: 'not-sent',
      retryable: false,
    });
    expect(error.message).toContain('E2B_API_KEY');
    expect(error.message).toContain('startLocalBackend()');
    expect(far.backend.requests).toEqual([]);
  });

  test('an empty key does not fall back to the environment', async () => {
    process.env.E2B_API_KEY = far.client.apiKey;
    try {
      const options = { ...withoutKey(far.client), apiKey: '' };
      await expect(native.listE2bSandboxes('all', options)).rejects.toMatchObject({
        code: 'MISSING_API_KEY',
      });
    } finally {
      delete process.env.E2B_API_KEY;
    }
  });

  test('a wrong key is the far end’s no', async () => {
    const options = { ...far.client, apiKey: `e2b_${'f'.repeat(40)}` };
    await expect(native.listE2bSandboxes('all', options)).rejects.toMatchObject({
      name: 'AuthenticationError',
      code: 'UNAUTHENTICATED',
      status: 401,
      outcome: 'rejected',
    });
  });
});
