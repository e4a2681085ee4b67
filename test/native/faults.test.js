'use strict';

// What each function says of each way in which the far end can fail, on a fresh connection and on one
// that was used before, and that the request was sent exactly once.

const {
  createE2bSandbox,
  executeE2bProcess,
  getE2bSandboxStatus,
  listE2bProcesses,
  listE2bSandboxes,
  writeE2bFile,
} = require('../../lib');
const errors = require('../../lib/errors');
const { startLocalBackend } = require('../../lib/local');

const HTML = { body: '<html><body>Bad day</body></html>', contentType: 'text/html' };
const inThreeSeconds = () => new Date(Date.now() + 3_000).toUTCString();

// name, action, what every error has, and whether it is retryable: of a create, of other calls
const FAULTS = [
  [
    '429 with seconds',
    () => ({ status: 429, retryAfter: 2 }),
    { name: 'RateLimitError', code: 'RATE_LIMITED', outcome: 'rejected', retryAfterMs: 2_000 },
    [true, true],
  ],
  [
    '429 with a date',
    () => ({ status: 429, retryAfter: inThreeSeconds() }),
    { name: 'RateLimitError', code: 'RATE_LIMITED', outcome: 'rejected' },
    [true, true],
  ],
  [
    '500',
    () => ({ status: 500, errorCode: 'sandbox_create_failed' }),
    {
      name: 'ServerError',
      code: 'SERVER_ERROR',
      outcome: 'unknown',
      serverCode: 'sandbox_create_failed',
    },
    [false, true],
  ],
  [
    '502 of a gateway',
    () => ({ status: 502, ...HTML }),
    { name: 'ServerError', code: 'BAD_GATEWAY', outcome: 'unknown' },
    [false, true],
  ],
  [
    "503 of E2B's own",
    () => ({ status: 503, errorCode: 'sandbox_capacity_unavailable' }),
    {
      name: 'ServerError',
      code: 'SERVER_BUSY',
      outcome: 'rejected',
      serverCode: 'sandbox_capacity_unavailable',
    },
    [true, true],
  ],
  [
    '503 with Retry-After',
    () => ({ status: 503, retryAfter: 1 }),
    { name: 'ServerError', code: 'SERVER_BUSY', outcome: 'rejected', retryAfterMs: 1_000 },
    [true, true],
  ],
  [
    '503 without a compatible node',
    () => ({ status: 503, errorCode: 'sandbox_no_compatible_node' }),
    { name: 'ServerError', code: 'NO_COMPATIBLE_NODE', outcome: 'rejected' },
    [false, false],
  ],
  [
    '503 of a stranger',
    () => ({ status: 503, ...HTML }),
    { name: 'ServerError', code: 'SERVER_BUSY', outcome: 'unknown' },
    [false, true],
  ],
  [
    '504',
    () => ({ status: 504, errorCode: 'sandbox_placement_timeout' }),
    { name: 'ServerError', code: 'GATEWAY_TIMEOUT', outcome: 'unknown' },
    [false, true],
  ],
  [
    'a reset before the answer',
    () => 'reset',
    { name: 'NetworkError', code: 'CONNECTION_LOST', outcome: 'unknown', status: null },
    [false, true],
  ],
  [
    'a reset after it was carried out',
    () => 'reset-after',
    { name: 'NetworkError', code: 'CONNECTION_LOST', outcome: 'unknown', status: null },
    [false, true],
  ],
  [
    'a reset in the middle of the body',
    () => 'reset-body',
    { name: 'NetworkError', code: 'CONNECTION_LOST', outcome: 'unknown' },
    [false, true],
  ],
  [
    'silence',
    () => 'stall',
    { name: 'TimeoutError', code: 'TIMEOUT', outcome: 'unknown', status: null },
    [false, true],
  ],
  [
    'HTML instead of JSON',
    (status) => ({ status, ...HTML }),
    { name: 'ProtocolError', code: 'BAD_RESPONSE', outcome: 'unknown' },
    [false, null],
  ],
];
const STATES = ['fresh', 'warmed'];
const TABLE = FAULTS.flatMap((fault) =>
  STATES.map((state) => [fault[0], state, ...fault.slice(1)]),
);

/** A backend of its own, so that no connection to it exists; `warmed` makes one. */
async function withFarEnd(state, run) {
  const backend = await startLocalBackend({ isolation: 'none' });
  const { E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl } = backend.env;
  const client = { apiKey, apiUrl, sandboxUrl };
  try {
    if (state === 'warmed') await listE2bSandboxes('all', client);
    await run(backend, client);
  } finally {
    await backend.close();
  }
}

async function createAside({ apiKey, apiUrl }) {
  const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };
  const body = '{"templateID":"base"}';
  const answer = await fetch(`${apiUrl}/v2/sandboxes`, { method: 'POST', headers, body });
  return (await answer.json()).sandboxID;
}

async function failureOf(promise) {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  expect(outcome).toHaveProperty('error');
  return outcome.error;
}

function check(error, action, wanted) {
  expect(error).toBeInstanceOf(errors[wanted.name]);
  expect(error).toBeInstanceOf(errors.E2bError);
  expect(error).toMatchObject({ status: action.status ?? error.status, ...wanted });
  if (action.status === undefined) {
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause.curlCode).toBeGreaterThan(0);
  } else {
    expect(error.message).toContain(String(action.status));
  }
  if (typeof action.retryAfter === 'string') {
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(error.retryAfterMs).toBeLessThanOrEqual(3_000);
  } else if (wanted.retryAfterMs === undefined) {
    expect(error.retryAfterMs).toBeNull();
  }
}

const asked = (backend, op) => backend.requests.filter((request) => request.op === op);

describe('createE2bSandbox', () => {
  test.each(TABLE)('%s, on a %s connection', async (_, state, makeAction, wanted, [retryable]) => {
    await withFarEnd(state, async (backend, client) => {
      const action = makeAction(201);
      backend.faults.add({ op: 'create', action });
      const options = { ...client, requestTimeoutMs: action === 'stall' ? 200 : 5_000 };
      const error = await failureOf(
        createE2bSandbox('a', 'base', 60, undefined, undefined, options),
      );
      check(error, action, wanted);
      expect(error.retryable).toBe(retryable);
      expect(error.sandboxId).toBeNull();
      expect(asked(backend, 'create')).toHaveLength(1);
    });
  });

  test.each(STATES)('429 without a header is the cap, on a %s connection', async (state) => {
    await withFarEnd(state, async (backend, client) => {
      backend.faults.add({ op: 'create', action: { status: 429 } });
      const error = await failureOf(
        createE2bSandbox('a', 'base', 60, undefined, undefined, client),
      );
      expect(error).toBeInstanceOf(errors.ConcurrencyError);
      expect(error).toMatchObject({
        code: 'CONCURRENCY_LIMIT',
        outcome: 'rejected',
        retryable: false,
        retryAfterMs: null,
        status: 429,
      });
      expect(asked(backend, 'create')).toHaveLength(1);
    });
  });

  test('nobody listens: nothing was sent', async () => {
    let client;
    await withFarEnd('fresh', (_, reached) => {
      client = reached;
    });
    const error = await failureOf(createE2bSandbox('a', 'base', 60, undefined, undefined, client));
    expect(error).toBeInstanceOf(errors.NetworkError);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', outcome: 'not-sent', retryable: true });
  });

  test('a host that does not exist: nothing was sent', async () => {
    const client = {
      apiKey: 'k',
      apiUrl: 'http://nowhere.invalid',
      sandboxUrl: 'http://127.0.0.1:1',
    };
    const error = await failureOf(createE2bSandbox('a', 'base', 60, undefined, undefined, client));
    expect(error).toBeInstanceOf(errors.NetworkError);
    expect(error).toMatchObject({ code: 'DNS_FAILED', outcome: 'not-sent' });
  });

  test('a 201 that names no sandbox is a bad response', async () => {
    await withFarEnd('fresh', async (backend, client) => {
      backend.faults.add({ op: 'create', action: { status: 201, body: { templateID: 'x' } } });
      const error = await failureOf(
        createE2bSandbox('a', 'base', 60, undefined, undefined, client),
      );
      expect(error).toMatchObject({ code: 'BAD_RESPONSE', outcome: 'unknown', retryable: false });
    });
  });
});

describe('getE2bSandboxStatus, which may be repeated', () => {
  test.each(TABLE)(
    '%s, on a %s connection',
    async (_, state, makeAction, wanted, [, retryable]) => {
      await withFarEnd(state, async (backend, client) => {
        const action = makeAction(200);
        backend.faults.add({ op: 'get', action });
        const options = { ...client, requestTimeoutMs: action === 'stall' ? 200 : 5_000 };
        // Made beside the addon, so that it has no connection yet.
        const id = await createAside(client);
        const error = await failureOf(getE2bSandboxStatus(id, options));
        check(error, action, wanted);
        expect(error.retryable).toBe(retryable ?? true);
        expect(error.sandboxId).toBe(id);
        expect(asked(backend, 'get')).toHaveLength(1);
      });
    },
  );
});

describe('the daemon of a sandbox', () => {
  const withSandbox = (state, run) =>
    withFarEnd('fresh', async (backend, client) => {
      const { sandboxId } = await createE2bSandbox('a', 'base', 60, undefined, undefined, client);
      if (state === 'warmed') await listE2bProcesses(sandboxId, client);
      await run(backend, { ...client, requestTimeoutMs: 5_000 }, sandboxId);
    });

  test.each(STATES)('a reset, on a %s connection: sent once', async (state) => {
    await withSandbox(state, async (backend, client, sandboxId) => {
      const before = asked(backend, 'files.post').length;
      backend.faults.add({ op: 'files.post', action: 'reset' });
      const error = await failureOf(writeE2bFile(sandboxId, 'a', 'x', client));
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown', sandboxId });
      expect(asked(backend, 'files.post')).toHaveLength(before + 1);
    });
  });

  test.each(STATES)('a start that is reset is not repeated, on a %s connection', async (state) => {
    await withSandbox(state, async (backend, client, sandboxId) => {
      backend.faults.add({ op: 'start', action: 'reset' });
      const error = await failureOf(executeE2bProcess(sandboxId, 'true', null, 5, true, client));
      expect(error).toBeInstanceOf(errors.NetworkError);
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', retryable: false, sandboxId });
      expect(['unknown', 'interrupted']).toContain(error.outcome);
      expect(asked(backend, 'start')).toHaveLength(1);
    });
  });

  test.each(['reset', 'end'])(
    'a stream cut inside an envelope (%s) is interrupted',
    async (how) => {
      await withSandbox('warmed', async (backend, client, sandboxId) => {
        backend.faults.add({ op: 'stream', action: { type: 'cut', afterEvents: 2, how } });
        const error = await failureOf(
          executeE2bProcess(sandboxId, 'echo seen; sleep 5', null, 10, true, client),
        );
        expect(error).toMatchObject({ outcome: 'interrupted', retryable: false, sandboxId });
        expect(error.result).toMatchObject({ pid: expect.any(Number), stdout: 'seen\n' });
        expect(Object.keys(error)).not.toContain('result');
      });
    },
  );

  test('a sandbox that vanishes under a process is gone, and what it wrote is kept', async () => {
    await withSandbox('warmed', async (backend, client, sandboxId) => {
      backend.faults.add({ op: 'stream', action: { type: 'vanish', afterEvents: 2 } });
      const error = await failureOf(
        executeE2bProcess(sandboxId, 'echo seen; sleep 5', null, 10, true, client),
      );
      expect(error).toMatchObject({ outcome: 'interrupted', sandboxId });
      expect(error.result.stdout).toBe('seen\n');
    });
  });

  test('a sandbox that is not there any more is SANDBOX_GONE', async () => {
    await withSandbox('warmed', async (backend, client, sandboxId) => {
      backend.faults.add({ op: 'processes', action: 'vanish' });
      const error = await failureOf(listE2bProcesses(sandboxId, client));
      expect(error).toBeInstanceOf(errors.NotFoundError);
      expect(error).toMatchObject({ code: 'SANDBOX_GONE', status: 502, sandboxId });
    });
  });

  test.each([
    [401, 'UNAUTHENTICATED', 'AuthenticationError'],
    [403, 'PERMISSION_DENIED', 'PermissionError'],
    [404, 'NOT_FOUND', 'NotFoundError'],
    [409, 'CONFLICT', 'ConflictError'],
    [400, 'BAD_REQUEST', 'InvalidArgumentError'],
    [429, 'RATE_LIMITED', 'RateLimitError'],
    [507, 'DISK_FULL', 'ServerError'],
  ])('%i is %s', async (status, code, name) => {
    await withSandbox('warmed', async (backend, client, sandboxId) => {
      const body = { code: status, message: 'the far end says so' };
      backend.faults.add({ op: 'files.post', action: { status, body } });
      const error = await failureOf(writeE2bFile(sandboxId, 'a', 'x', client));
      expect(error).toBeInstanceOf(errors[name]);
      expect(error).toMatchObject({ code, status, outcome: 'rejected', sandboxId });
      expect(error.message).toContain(String(status));
      expect(error.message).toContain('the far end says so');
    });
  });
});

test('an error of the far end has the stack of who called', async () => {
  await withFarEnd('fresh', async (backend, client) => {
    async function theCaller() {
      return getE2bSandboxStatus('i0', client);
    }
    const error = await failureOf(theCaller());
    expect(error.stack).toMatch(/^NotFoundError: .*\n\s+at .*theCaller/);
  });
});

test('every code of the addon has a class here', () => {
  const addon = require('../../lib/binding').load();
  const missing = addon.errors.filter(([, className]) => !(className in errors));
  expect(addon.errors.length).toBeGreaterThan(30);
  expect(missing).toEqual([]);
});
