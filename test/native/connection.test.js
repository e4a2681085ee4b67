'use strict';

// Where calls go and how they get in: the environment at the time of the call, proxies, tokens of
// sandboxes that somebody else made.

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const native = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend({ apiKeys: [`e2b_${'0'.repeat(40)}`, `e2b_${'1'.repeat(40)}`] });
const NAMES = [
  'E2B_API_KEY',
  'E2B_API_URL',
  'E2B_SANDBOX_URL',
  'E2B_DOMAIN',
  'E2B_DEBUG',
  'HTTP_PROXY',
  'http_proxy',
  'HTTPS_PROXY',
  'https_proxy',
  'NO_PROXY',
  'no_proxy',
];
let saved;
beforeEach(() => {
  saved = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
  for (const name of NAMES) delete process.env[name];
});
afterEach(() => {
  for (const name of NAMES) {
    if (saved[name] === undefined) delete process.env[name];
    else process.env[name] = saved[name];
  }
});
const create = (options) =>
  native.createE2bSandbox('a', 'base', 60, undefined, undefined, options ?? far.client);
const lastHeaders = () => far.backend.requests.at(-1).headers;

test('the environment is read at each call', async () => {
  Object.assign(process.env, far.backend.env);
  await native.listE2bSandboxes();
  expect(lastHeaders()['x-api-key']).toBe(`e2b_${'0'.repeat(40)}`);
  process.env.E2B_API_KEY = `e2b_${'1'.repeat(40)}`;
  await native.listE2bSandboxes();
  expect(lastHeaders()['x-api-key']).toBe(`e2b_${'1'.repeat(40)}`);
  delete process.env.E2B_API_KEY;
  await expect(native.listE2bSandboxes()).rejects.toMatchObject({ code: 'MISSING_API_KEY' });
});

test('an option wins over the environment', async () => {
  Object.assign(process.env, far.backend.env, { E2B_API_URL: 'http://127.0.0.1:1' });
  await expect(native.listE2bSandboxes()).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  await expect(native.listE2bSandboxes('all', { apiUrl: far.url })).resolves.toEqual([]);
});

test('many different connections in turn all work', async () => {
  const { sandboxId } = await create();
  for (let i = 0; i < 150; i++) {
    const options = { ...far.client, headers: { 'X-Turn': String(i) } };
    const status = await native.getE2bSandboxStatus(sandboxId, { ...options, metrics: false });
    expect(status.sandboxId).toBe(sandboxId);
    expect(lastHeaders()['x-turn']).toBe(String(i));
  }
});

test('own headers go to both planes', async () => {
  const options = { ...far.client, headers: { 'X-Team': 'blue', 'x-empty': '' } };
  const { sandboxId } = await create(options);
  expect(lastHeaders()['x-team']).toBe('blue');
  await native.listE2bProcesses(sandboxId, options);
  expect(lastHeaders()['x-team']).toBe('blue');
});

test('who we are is in the user agent', async () => {
  await create();
  expect(lastHeaders()['user-agent']).toBe(`e2b-swarm/${native.getVersion()}`);
});

test('the API key never goes to a sandbox, nor its token to the control plane', async () => {
  const { sandboxId } = await create();
  await native.listE2bProcesses(sandboxId, far.client);
  const daemon = lastHeaders();
  expect(daemon['x-api-key']).toBeUndefined();
  expect(daemon['x-access-token']).toMatch(/.+/);
  await native.getE2bSandboxStatus(sandboxId, { ...far.client, metrics: false });
  expect(lastHeaders()['x-access-token']).toBeUndefined();
});

test('programs that this process starts inherit no connection', async () => {
  await native.listE2bSandboxes('all', far.client);
  const inherited = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  const tcp = fs.readFileSync('/proc/net/tcp', 'utf8');
  const inodes = [...inherited.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode);
  expect(inodes.filter((inode) => new RegExp(` ${inode} `).test(tcp))).toEqual([]);
});

describe('where a sandbox is', () => {
  // The control plane is there, and names a domain of its own or none.
  const made = async (options, domain) => {
    const body = { sandboxID: 'i1', templateID: 't', envdAccessToken: 'x', domain };
    far.backend.faults.add({ op: 'create', action: { status: 201, body } });
    const { apiKey, apiUrl } = far.client;
    return (await create({ apiKey, apiUrl, ...options })).url;
  };

  test('on the domain', async () => {
    expect(await made({})).toBe('https://49983-i1.e2b.app');
    expect(await made({ domain: 'example.org' })).toBe('https://49983-i1.example.org');
    process.env.E2B_DOMAIN = 'example.com';
    expect(await made({})).toBe('https://49983-i1.example.com');
  });

  test('on the domain that the answer names', async () => {
    expect(await made({ domain: 'example.org' }, 'private.example')).toBe(
      'https://49983-i1.private.example',
    );
  });

  test('at one URL for all', async () => {
    expect(await made({ sandboxUrl: 'http://127.0.0.1:9/' }, 'private.example')).toBe(
      'http://127.0.0.1:9',
    );
  });
});

describe('tokens of sandboxes that somebody else made', () => {
  // Another configuration is another cache: it has not seen the create.
  const stranger = () => ({
    ...far.client,
    apiUrl: far.client.apiUrl.replace('127.0.0.1', 'localhost'),
  });
  const detailRequests = () => far.backend.requests.filter(({ op }) => op === 'get').length;

  test('are looked up once, however many calls need them', async () => {
    const { sandboxId } = await create();
    const options = stranger();
    await Promise.all(
      Array.from({ length: 10 }, () => native.listE2bProcesses(sandboxId, options)),
    );
    await native.listE2bProcesses(sandboxId, options);
    expect(detailRequests()).toBe(1);
    expect(far.backend.requests.some(({ op }) => op === 'connect')).toBe(false);
  });

  test('of our own are never looked up', async () => {
    const { sandboxId } = await create();
    await native.listE2bProcesses(sandboxId, far.client);
    expect(detailRequests()).toBe(0);
  });

  test.each([401, 502])('are forgotten after a %i', async (status) => {
    const { sandboxId } = await create();
    const options = stranger();
    await native.listE2bProcesses(sandboxId, options);
    far.backend.faults.add({ op: 'processes', n: 1, action: { status } });
    await expect(native.listE2bProcesses(sandboxId, options)).rejects.toMatchObject({ status });
    expect(detailRequests()).toBe(1);
    await native.listE2bProcesses(sandboxId, options);
    expect(detailRequests()).toBe(2);
  });

  test('of a sandbox that is not there: gone, and the daemon is not asked', async () => {
    await expect(native.listE2bProcesses('i0nothere', far.client)).rejects.toMatchObject({
      name: 'NotFoundError',
      sandboxId: 'i0nothere',
    });
    expect(far.backend.requests.map(({ op }) => op)).toEqual(['get']);
  });
});

describe('proxies', () => {
  /** One that notes what it is asked and hands it on. */
  async function withProxy(run) {
    const asked = [];
    const server = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const onward = http.request(request.url, {
        method: request.method,
        headers: request.headers,
      });
      onward.on('response', (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    server.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url}`);
      socket.on('error', () => {}); // the client may be gone first
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await run(`http://127.0.0.1:${server.address().port}`, asked);
    } finally {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }

  test('an option is used', async () => {
    await withProxy(async (proxy, asked) => {
      await native.listE2bSandboxes('all', { ...far.client, proxy });
      expect(asked).toEqual([
        expect.stringMatching(/^GET http:\/\/127\.0\.0\.1:\d+\/v2\/sandboxes/),
      ]);
    });
  });

  test('http_proxy is used for plain http, HTTP_PROXY never', async () => {
    await withProxy(async (proxy, asked) => {
      process.env.HTTP_PROXY = proxy;
      process.env.HTTPS_PROXY = proxy;
      await native.listE2bSandboxes('all', far.client);
      expect(asked).toEqual([]);
      process.env.http_proxy = proxy;
      await native.listE2bSandboxes('all', far.client);
      expect(asked).toHaveLength(1);
    });
  });

  test('NO_PROXY, and an empty option, leave it out', async () => {
    await withProxy(async (proxy, asked) => {
      process.env.http_proxy = proxy;
      process.env.NO_PROXY = 'example.org,127.0.0.1';
      await native.listE2bSandboxes('all', far.client);
      delete process.env.NO_PROXY;
      await native.listE2bSandboxes('all', { ...far.client, proxy: '' });
      expect(asked).toEqual([]);
    });
  });

  test('https goes through a tunnel, and a proxy that says no is named', async () => {
    await withProxy(async (proxy, asked) => {
      process.env.HTTPS_PROXY = proxy;
      const options = { apiKey: 'k', apiUrl: 'https://api.example.org' };
      await expect(native.listE2bSandboxes('all', options)).rejects.toMatchObject({
        name: 'NetworkError',
        code: 'PROXY_FAILED',
        outcome: 'not-sent',
      });
      expect(asked).toEqual(['CONNECT api.example.org:443']);
    });
  });
});

describe('trust', () => {
  test('a far end that speaks no TLS is a TLS_FAILED that was not sent', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {}); // the client may be gone first
      socket.end('HTTP/1.1 400 no\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const apiUrl = `https://127.0.0.1:${server.address().port}`;
    await expect(native.listE2bSandboxes('all', { apiKey: 'k', apiUrl })).rejects.toMatchObject({
      code: 'TLS_FAILED',
      outcome: 'not-sent',
    });
    server.close();
  });

  test('a file of NODE_EXTRA_CA_CERTS that cannot be read is told, and left out', async () => {
    const warnings = [];
    const onWarning = (warning) => warnings.push(String(warning));
    const before = process.env.NODE_EXTRA_CA_CERTS;
    process.env.NODE_EXTRA_CA_CERTS = path.join(os.tmpdir(), 'no-such-file.pem');
    const emit = jest.spyOn(process, 'emitWarning').mockImplementation(onWarning);
    try {
      expect(fs.existsSync(process.env.NODE_EXTRA_CA_CERTS)).toBe(false);
      await expect(
        native.listE2bSandboxes('all', { apiKey: 'k', apiUrl: 'https://127.0.0.1:1' }),
      ).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
      expect(warnings).toEqual([expect.stringContaining('NODE_EXTRA_CA_CERTS')]);
    } finally {
      emit.mockRestore();
      if (before === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
      else process.env.NODE_EXTRA_CA_CERTS = before;
    }
  });
});
