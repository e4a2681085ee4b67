'use strict';

// Our requests beside the recorded ones of the official client: method, path, query, the headers that
// matter, body. Where we differ on purpose, DIFFERENCES says so, with the reason; anything else fails.

const { gunzipSync } = require('node:zlib');
const native = require('../../lib');
const { replay } = require('./helpers/replay-server');

const ID = 'itestsandbox000000000';
const HEADERS = [
  'content-encoding',
  'x-metadata-owner',
  'content-type',
  'x-api-key',
  'x-access-token',
  'authorization',
  'e2b-sandbox-id',
  'e2b-sandbox-port',
  'connect-protocol-version',
  'connect-timeout-ms',
  'keepalive-ping-interval',
];

/** Reason, and what it makes of a recorded request (as `comparable` gives it). */
const DIFFERENCES = {
  name: [
    'a name has no field of its own: it travels in the metadata',
    (request) => {
      request.body.metadata = { 'e2b-swarm.name': 'a', ...request.body.metadata };
    },
  ],
  ownTimeout: [
    'the life is always said: our default is 3,600 s, whatever the far end would take',
    (request) => {
      request.body.timeout ??= 3600;
    },
  ],
  pageSize: [
    'pages of 100 are asked for, which is also the default of the far end',
    (request) => {
      request.query.limit ??= '100';
    },
  ],
  wanted: [
    'pages are as large as what is still wanted, here two',
    (request) => {
      request.query.limit = '2';
    },
  ],
  allStates: [
    'both states are the default of the far end: ours says nothing of them',
    (request) => {
      delete request.query.state;
    },
  ],
  backstop: [
    'our own deadline kills the whole tree; the daemon’s, which kills one process, is 5 s later',
    (request) => {
      const ms = Number(request.headers['connect-timeout-ms'] ?? 0);
      request.headers['connect-timeout-ms'] = String(ms + 5_000);
    },
  ],
  noDeadline: [
    'watching a process that somebody else owns has no deadline unless one is given',
    (request) => {
      delete request.headers['connect-timeout-ms'];
    },
  ],
  octets: [
    'a file is sent as it is, not as a form: no boundary to choose, no copy to make',
    (request) => {
      request.headers['content-type'] = 'application/octet-stream';
      request.body = partOf(request.body);
    },
  ],
};

/** recording, our call, the differences */
const CASES = [
  [
    'sandbox_create_default',
    (o) => native.createE2bSandbox('a', undefined, undefined, undefined, undefined, o),
    ['name', 'ownTimeout'],
  ],
  [
    'sandbox_create_full',
    (o) =>
      native.createE2bSandbox('a', 'my-template:v1', 90.5, undefined, undefined, {
        ...o,
        metadata: { user: 'abc', 'app name': 'a&b=c' },
        env: { A: '1', B: 'x y' },
        allowInternetAccess: false,
        autoPause: true,
        autoResume: true,
        network: {
          allowOut: ['8.8.8.8/32', 'example.com'],
          denyOut: ['0.0.0.0/0'],
          allowPublicTraffic: false,
          maskRequestHost: 'localhost:${PORT}', // eslint-disable-line no-template-curly-in-string
        },
      }),
    ['name'],
  ],
  [
    'sandbox_create_autopause_filesystem_only',
    (o) =>
      native.createE2bSandbox('a', undefined, undefined, undefined, undefined, {
        ...o,
        autoPause: true,
        autoPauseMemory: false,
      }),
    ['name', 'ownTimeout'],
  ],
  [
    'sandbox_create_on_timeout_kill',
    (o) =>
      native.createE2bSandbox('a', 'base', 0.001, undefined, undefined, { ...o, autoPause: false }),
    ['name'],
  ],
  ['sandbox_get_info', (o) => native.getE2bSandboxStatus(ID, { ...o, metrics: false }), []],
  [
    'sandbox_get_info_not_found',
    (o) => native.getE2bSandboxStatus('idoesnotexist', { ...o, metrics: false }),
    [],
  ],
  ['sandbox_kill', (o) => native.terminateE2bSandbox(ID, true, o), []],
  ['sandbox_kill_not_found', (o) => native.terminateE2bSandbox('idoesnotexist', true, o), []],
  ['sandbox_list_default', (o) => native.listE2bSandboxes('all', o), ['pageSize']],
  [
    'sandbox_list_filtered_paged',
    (o) =>
      native.listE2bSandboxes('all', {
        ...o,
        metadata: { user: 'abc', 'app name': 'a&b=c' },
        order: 'asc',
        startedAfter: new Date('2026-01-01T00:00:00Z'),
        template: 'base',
        limit: 2,
      }),
    ['allStates', 'wanted'],
  ],
  ['sandbox_set_timeout', (o) => native.setE2bSandboxTimeout(ID, 120, o), []],
  ['sandbox_set_timeout_rounding', (o) => native.setE2bSandboxTimeout(ID, 1.5, o), []],
  ['sandbox_connect_default', (o) => native.connectE2bSandbox(ID, o), []],
  ['sandbox_connect_timeout', (o) => native.connectE2bSandbox(ID, { ...o, timeout: 600 }), []],
  [
    'sandbox_resume_reboot',
    (o) => native.resumeE2bSandbox(ID, { ...o, timeout: 60, memory: false }),
    [],
  ],
  [
    'commands_run',
    (o) => native.executeE2bProcess(ID, 'echo hello', null, 60, true, o),
    ['backstop'],
  ],
  [
    'commands_run_full',
    (o) =>
      native.executeE2bProcess(ID, 'echo out; echo err >&2; exit 3', null, 30, true, {
        ...o,
        cwd: '/tmp',
        env: { A: '1' },
        user: 'root',
      }),
    ['backstop'],
  ],
  [
    'commands_run_background_stdin',
    (o) => native.executeE2bProcess(ID, 'cat', null, 60, true, { ...o, stdin: true }),
    ['backstop'],
  ],
  ['commands_send_stdin', (o) => native.sendE2bInput(ID, 106, 'hi\n', o), []],
  ['commands_list', (o) => native.listE2bProcesses(ID, o), []],
  ['commands_kill', (o) => native.killE2bProcess(ID, 107, 'SIGKILL', o), []],
  ['commands_kill_not_found', (o) => native.killE2bProcess(ID, 99_999, 'SIGKILL', o), []],
  ['commands_connect', (o) => native.connectE2bProcess(ID, 106, o), ['noDeadline']],
  ['commands_connect_not_found', (o) => native.connectE2bProcess(ID, 99_999, o), ['noDeadline']],
  [
    'files_write_octet_stream',
    (o) => native.writeE2bFile(ID, '/home/user/c.bin', Buffer.from([0, 1, 255]), o),
    [],
  ],
  [
    'files_write_multipart',
    (o) => native.writeE2bFile(ID, '/home/user/a.txt', 'hello', o),
    ['octets'],
  ],
  [
    'files_write_user_relative',
    (o) => native.writeE2bFile(ID, 'dir/b.txt', 'B', { ...o, user: 'root' }),
    ['octets'],
  ],
  [
    'files_write_metadata',
    (o) => native.writeE2bFile(ID, '/home/user/m.txt', 'x', { ...o, metadata: { owner: 'me' } }),
    ['octets'],
  ],
  [
    'files_write_gzip',
    (o) => native.writeE2bFile(ID, '/home/user/d.txt', 'hello gzip', { ...o, gzip: true }),
    [],
  ],
  [
    'files_write_many',
    (o) =>
      native.writeE2bFiles(
        ID,
        [
          { path: '/home/user/1.txt', data: 'one' },
          { path: 'sub/2.txt', data: 'two' },
        ],
        o,
      ),
    [],
  ],
  ['files_read_text', (o) => native.readE2bFile(ID, '/home/user/a.txt', o), []],
  [
    'files_read_bytes_user',
    (o) => native.readE2bFile(ID, 'c.bin', { ...o, user: 'root', encoding: 'buffer' }),
    [],
  ],
  ['files_read_not_found', (o) => native.readE2bFile(ID, '/home/user/missing.txt', o), []],
  ['files_list', (o) => native.listE2bFiles(ID, '/home/user', { ...o, depth: 1 }), []],
  [
    'files_list_depth_user',
    (o) => native.listE2bFiles(ID, '/home/user', { ...o, depth: 3, user: 'root' }),
    [],
  ],
  ['files_remove', (o) => native.removeE2bFile(ID, '/home/user/z.txt', o), []],
];

/** The one part of a recorded form. */
function partOf(form) {
  const [, content] = /\r?\n\r?\n([^]*?)\r?\n--/.exec(form);
  return content;
}

/** What is compared of a request. Bodies: JSON as a value, one envelope as its message, else text. */
function comparable({ method, target, headers, body }) {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = Object.fromEntries(new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)));
  const kept = HEADERS.filter((name) => headers[name] !== undefined);
  const type = headers['content-type'] ?? '';
  const [, boundary] = /; boundary=(.*)/.exec(type) ?? [];
  const named = (text) => (boundary ? text.replaceAll(boundary, 'BOUNDARY') : text);
  return {
    method,
    path,
    query,
    headers: Object.fromEntries(kept.map((name) => [name, named(headers[name])])),
    body: boundary ? named(body.toString('latin1')) : bodyOf(type, unpacked(headers, body)),
  };
}

function unpacked(headers, body) {
  return headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

function bodyOf(type, body) {
  if (body.length === 0) return null;
  if (type.startsWith('application/connect+json')) {
    expect(body[0]).toBe(0);
    expect(body.readUInt32BE(1)).toBe(body.length - 5);
    return JSON.parse(body.subarray(5));
  }
  return type.startsWith('application/json') ? JSON.parse(body) : body.toString('latin1');
}

function recordedRequest({ method, target, headers, body }) {
  const bytes = body ? Buffer.from(body.data, body.encoding === 'hex' ? 'hex' : 'utf8') : '';
  const byName = Object.fromEntries(headers);
  return comparable({ method, target, headers: byName, body: Buffer.from(bytes) });
}

test.each(CASES)('%s', async (name, call, differences) => {
  const far = await replay(name);
  try {
    await Promise.resolve(call(far.client)).then(
      (handle) => handle?.done?.catch(() => {}),
      (error) => expect(error.status ?? 404).toBeGreaterThanOrEqual(200),
    );
    const ours = far.asked.map(comparable);
    const theirs = far.recorded.slice(0, ours.length).map(recordedRequest);
    for (const [, apply] of differences.map((key) => DIFFERENCES[key])) theirs.forEach(apply);
    expect(ours.length).toBeGreaterThan(0);
    expect(ours).toEqual(theirs);
  } finally {
    await far.close();
  }
});

test('every difference is used, and has a reason', () => {
  const used = new Set(CASES.flatMap(([, , differences]) => differences));
  expect([...used].sort()).toEqual(Object.keys(DIFFERENCES).sort());
  for (const [reason] of Object.values(DIFFERENCES)) expect(reason.length).toBeGreaterThan(20);
});

describe('recorded answers', () => {
  const answerOf = async (name, call) => {
    const far = await replay(name);
    try {
      return await call(far.client);
    } finally {
      await far.close();
    }
  };

  test('of a command', async () => {
    const result = await answerOf('commands_run', (o) =>
      native.executeE2bProcess(ID, 'echo hello', null, 60, true, o),
    );
    expect(result).toMatchObject({ pid: 102, exitCode: 0, stdout: 'hello\n', stderr: '' });
  });

  test('of a command with an exit code', async () => {
    const result = await answerOf('commands_run_full', (o) =>
      native.executeE2bProcess(ID, 'x', null, 30, true, o),
    );
    expect(result).toMatchObject({ pid: 103, exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
  });

  test('of a create', async () => {
    const sandbox = await answerOf('sandbox_create_default', (o) =>
      native.createE2bSandbox('a', undefined, undefined, undefined, undefined, o),
    );
    expect(sandbox).toMatchObject({ sandboxId: ID, name: 'a', template: 'base' });
  });

  test.each([
    ['error_api_401', 'UNAUTHENTICATED', 401],
    ['error_create_404_template', 'NOT_FOUND', 404],
    ['error_create_429_concurrency', 'CONCURRENCY_LIMIT', 429],
    ['error_create_503_capacity', 'SERVER_BUSY', 503],
  ])('%s is %s', async (name, code, status) => {
    const error = await answerOf(name, (o) =>
      native.createE2bSandbox('a', 'base', 60, undefined, undefined, o).catch((e) => e),
    );
    expect(error).toMatchObject({ code, status, outcome: 'rejected' });
  });

  test.each([
    ['error_rpc_stream_bad_cwd', 'BAD_REQUEST'],
    ['error_rpc_stream_proxy_502', 'SANDBOX_GONE'],
  ])('%s is %s', async (name, code) => {
    const error = await answerOf(name, (o) =>
      native.executeE2bProcess(ID, 'x', null, 30, true, o).catch((e) => e),
    );
    expect(error).toMatchObject({ code });
  });
});
