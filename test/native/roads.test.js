'use strict';

// The ways to a far end: through HTTP and HTTPS proxies, plainly and by tunnel, with credentials and
// without; around them by NO_PROXY; over IPv6; to names and ports that lead nowhere.

const os = require('node:os');
const { inspect } = require('node:util');
const native = require('../../lib');
const { NetworkError } = require('../../lib/errors');
const { createAuthority } = require('../../lib/local/certificate');
const { startHostile } = require('../helpers/hostile');
const { startProxy } = require('../helpers/hostile/proxy');
const { startSilentPort } = require('../helpers/hostile/silent-port');

const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
]);
const saved = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});
afterAll(() => {
  for (const name of VARIABLES) {
    if (saved[name] === undefined) delete process.env[name];
    else process.env[name] = saved[name];
  }
});

const authority = createAuthority();
const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
const opened = (one) => {
  open.push(one);
  return one;
};
const loopback = Object.values(os.networkInterfaces()).flat();
const describeIPv6 = loopback.some(({ address }) => address === '::1') ? describe : describe.skip;

const LIST = (client) => native.listE2bSandboxes('all', client);
const CREATE = (client) => native.createE2bSandbox('a', 'base', 60, undefined, undefined, client);
const RUN = (client) => native.executeE2bProcess('i1', 'true', null, 5, true, client);

async function failureOf(promise) {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  expect(outcome).toHaveProperty('error');
  return outcome.error;
}

async function farEnd(secure, host = '127.0.0.1') {
  const tls = secure ? authority.certify([host]) : undefined;
  const far = opened(await startHostile({ host, tls }));
  return { far, client: { ...far.client, ca: authority.cert } };
}

const aProxy = async (secure, options) =>
  opened(
    await startProxy({ ...options, tls: secure ? authority.certify(['127.0.0.1']) : undefined }),
  );

const USER = 'mallory';
const WRITTEN = 'pass%2Fw%40rd';
const MEANT = 'pass/w@rd';
const SENT = Buffer.from(`${USER}:${MEANT}`).toString('base64');
/** What a proxy that has no manners may say. */
const TELLTALE = `no ${WRITTEN} ${MEANT} ${SENT}`;

function expectNoSecret(error) {
  const told = `${inspect(error, { showHidden: true, depth: 9 })} ${JSON.stringify(error)} ${error.stack}`;
  for (const secret of [WRITTEN, MEANT, SENT]) expect(told).not.toContain(secret);
}

const WAYS = [
  ['an HTTP proxy to a plain far end', false, false],
  ['an HTTP proxy to a far end with TLS', false, true],
  ['an HTTPS proxy to a plain far end', true, false],
  ['an HTTPS proxy to a far end with TLS', true, true],
];

describe.each(WAYS)('%s', (_, proxySecure, farSecure) => {
  /** What a request looks like to the proxy. */
  const seen = (far, method, path) =>
    farSecure ? `CONNECT ${new URL(far.url).host}` : `${method} ${far.url}${path}`;

  test('is gone through by calls and streams', async () => {
    const { far, client } = await farEnd(farSecure);
    const proxy = await aProxy(proxySecure);
    const options = { ...client, proxy: proxy.url };
    await expect(CREATE(options)).resolves.toMatchObject({ sandboxId: 'i1' });
    await expect(RUN(options)).resolves.toMatchObject({ stdout: 'seen\n', exitCode: 0 });
    expect(far.requests.map(({ op }) => op)).toEqual(['create', 'start']);
    expect(proxy.asked[0]).toBe(seen(far, 'POST', '/v2/sandboxes'));
    expect(proxy.headers[0]).not.toHaveProperty('proxy-authorization');
  });

  test('gets the credentials, and the far end does not', async () => {
    const { far, client } = await farEnd(farSecure);
    const proxy = await aProxy(proxySecure, { credentials: `${USER}:${MEANT}` });
    await LIST({ ...client, proxy: proxy.at(`${USER}:${WRITTEN}`) });
    expect(proxy.headers[0]['proxy-authorization']).toBe(`Basic ${SENT}`);
    expect(far.requests[0].headers).not.toHaveProperty('proxy-authorization');
  });

  test('that wants other credentials is PROXY_FAILED, nothing was done, and none are told', async () => {
    const { far, client } = await farEnd(farSecure);
    const proxy = await aProxy(proxySecure, { credentials: 'other:one', say: TELLTALE });
    const options = { ...client, proxy: proxy.at(`${USER}:${WRITTEN}`) };
    for (const call of [CREATE, RUN]) {
      const error = await failureOf(call(options));
      expect(error).toBeInstanceOf(NetworkError);
      expect(error).toMatchObject({ code: 'PROXY_FAILED', retryable: false });
      expect(error.outcome).toBe(farSecure ? 'not-sent' : 'rejected');
      expect(error.message).toMatch(/407.*credentials/);
      expectNoSecret(error);
    }
    expect(far.requests).toEqual([]);
  });

  // Without a tunnel nobody can tell a proxy's 403 from the far end's own.
  test.each([
    [403, 'PERMISSION_DENIED', 'rejected', false],
    [502, 'BAD_GATEWAY', 'unknown', true],
    [503, 'SERVER_BUSY', 'unknown', true],
  ])('that says %i is an error that tells no credentials', async (status, code, outcome, again) => {
    const { far, client } = await farEnd(farSecure);
    const proxy = await aProxy(proxySecure, { answer: status, say: TELLTALE });
    const options = { ...client, proxy: proxy.at(`${USER}:${WRITTEN}`) };
    const error = await failureOf(CREATE(options));
    if (farSecure) {
      const not = { code: 'PROXY_FAILED', outcome: 'not-sent', retryable: again };
      expect(error).toMatchObject(not);
      expect(error.message).toContain(`the proxy answered HTTP ${status}`);
    } else {
      expect(error).toMatchObject({ code, outcome, retryable: false, status });
    }
    expectNoSecret(error);
    expect(far.requests).toEqual([]);
    expect(await LIST({ ...client, proxy: '' })).toEqual([]);
  });

  test('that is silent: the deadline holds', async () => {
    const { far, client } = await farEnd(farSecure);
    const proxy = await aProxy(proxySecure, { silent: true });
    const options = { ...client, proxy: proxy.at(`${USER}:${WRITTEN}`), requestTimeoutMs: 200 };
    const error = await failureOf(CREATE(options));
    // A plain request is with the proxy by then, which may have handed it on.
    const outcome = farSecure ? 'not-sent' : 'unknown';
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome, retryable: farSecure });
    expectNoSecret(error);
    const stream = await failureOf(RUN(options));
    expect(stream).toMatchObject({ code: 'TIMEOUT' });
    expect(proxy.asked.length).toBeGreaterThan(0);
    expect(far.requests).toEqual([]);
  });

  test('that is not there is PROXY_FAILED, not sent', async () => {
    const { client } = await farEnd(farSecure);
    const proxy = await startProxy();
    await proxy.close();
    const url = proxy.at(`${USER}:${WRITTEN}`).replace(/^http/, proxySecure ? 'https' : 'http');
    const error = await failureOf(CREATE({ ...client, proxy: url }));
    expect(error).toMatchObject({ code: 'PROXY_FAILED', outcome: 'not-sent', retryable: true });
    expectNoSecret(error);
  });

  test('that takes no connection: the deadline holds, not sent', async () => {
    const { client } = await farEnd(farSecure);
    const silent = opened(await startSilentPort('127.0.0.1'));
    const proxy = `${proxySecure ? 'https' : 'http'}://127.0.0.1:${silent.port}`;
    const error = await failureOf(CREATE({ ...client, proxy, requestTimeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'not-sent', retryable: true });
  });
});

describe('a tunnel', () => {
  test('shows the proxy neither the key nor any header of ours', async () => {
    const { far, client } = await farEnd(true);
    const proxy = await aProxy(false);
    const headers = { 'X-Team': 'blue' };
    await RUN({ ...client, headers, proxy: proxy.url });
    expect(far.requests[0].headers).toMatchObject({
      'x-team': 'blue',
      'x-api-key': client.apiKey,
    });
    for (const shown of proxy.headers) {
      expect(JSON.stringify(shown)).not.toContain(client.apiKey);
      expect(Object.keys(shown).sort()).toEqual(['host', 'proxy-connection']);
    }
  });

  test('to a far end that refuses is PROXY_FAILED with what the proxy says', async () => {
    const { far, client } = await farEnd(true);
    await far.close();
    open.splice(open.indexOf(far), 1);
    const proxy = await aProxy(false);
    const error = await failureOf(CREATE({ ...client, proxy: proxy.url }));
    expect(error).toMatchObject({ code: 'PROXY_FAILED', outcome: 'not-sent', retryable: true });
    expect(error.message).toContain('502');
  });

  test('is used again by the next call', async () => {
    const { client } = await farEnd(true);
    const proxy = await aProxy(true);
    for (let i = 0; i < 3; i++) await LIST({ ...client, proxy: proxy.url });
    expect(proxy.asked).toHaveLength(1);
  });
});

describe('which proxy', () => {
  test('the option of a call wins over the environment, call by call', async () => {
    const { far, client } = await farEnd(false);
    const [first, second] = [await aProxy(false), await aProxy(false)];
    process.env.http_proxy = first.url;
    await LIST(client);
    await LIST({ ...client, proxy: second.url });
    await LIST({ ...client, proxy: '' });
    await LIST({ ...client, proxy: null });
    expect([first.asked.length, second.asked.length]).toEqual([2, 1]);
    expect(far.requests).toHaveLength(4);
  });

  test('one without a scheme is an HTTP proxy', async () => {
    const { client } = await farEnd(false);
    const proxy = await aProxy(false);
    await LIST({ ...client, proxy: proxy.url.replace('http://', '') });
    expect(proxy.asked).toHaveLength(1);
  });

  test('ALL_PROXY is not read, as in Node', async () => {
    const { client } = await farEnd(false);
    const proxy = await aProxy(false);
    process.env.ALL_PROXY = proxy.url;
    process.env.all_proxy = proxy.url;
    await LIST(client);
    expect(proxy.asked).toEqual([]);
  });

  test.each([
    ['http://user:s3cr3t@[::1', 'brackets that do not close'],
    ['http://user:s3cr3t@host:99999', 'a port that is none'],
    ['ftp://user:s3cr3t@host', 'a scheme of no proxy'],
    ['http://user:s3cr3t@ho st', 'a blank'],
  ])('%s is refused before anything is sent (%s), and not shown', async (proxy) => {
    const { far, client } = await farEnd(false);
    const error = await failureOf(LIST({ ...client, proxy }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-sent' });
    expect(error.message).toMatch(/^proxy must be a URL/);
    expect(inspect(error)).not.toContain('s3cr3t');
    expect(far.connections()).toBe(0);
  });
});

// PORT stands for the port of the far end; libcurl itself finds *.localhost on this machine.
const NO_PROXY = [
  ['localhost', 'localhost', true],
  ['LocalHost', 'localhost', true],
  ['localhost', 'api.localhost', true],
  ['.localhost', 'api.localhost', true],
  ['.localhost', 'localhost', true],
  ['*.localhost', 'a.b.localhost', true],
  ['calhost', 'localhost', false],
  ['api.localhost', 'localhost', false],
  ['*', 'localhost', true],
  ['example.org,*', 'localhost', true],
  ['', 'localhost', false],
  [' , ,', 'localhost', false],
  ['example.org,localhost', 'localhost', true],
  ['example.org, localhost ,example.com', 'localhost', true],
  ['example.org localhost', 'localhost', true],
  ['localhost:PORT', 'localhost', true],
  ['localhost:1', 'localhost', false],
  ['.localhost:PORT', 'api.localhost', true],
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1:PORT', '127.0.0.1', true],
  ['127.0.0.1:1', '127.0.0.1', false],
  ['127.0.0.2', '127.0.0.1', false],
  ['127.0.0.0/8', '127.0.0.1', true],
  ['10.0.0.0/8,127.0.0.0/30', '127.0.0.1', true],
  ['10.0.0.0/8', '127.0.0.1', false],
];

async function goesAround(far, noProxy, name) {
  const proxy = await aProxy(false, { answer: 403 });
  const url = far.url.replace(/127\.0\.0\.1|\[::1\]/, name);
  process.env.NO_PROXY = noProxy.replace('PORT', String(far.port));
  const options = { ...far.client, apiUrl: url, sandboxUrl: url, proxy: proxy.url };
  const around = await LIST(options).then(
    () => true,
    ({ code }) => code !== 'PERMISSION_DENIED',
  );
  expect(proxy.asked).toHaveLength(around ? 0 : 1);
  return around;
}

describe('NO_PROXY', () => {
  test.each(NO_PROXY)('"%s" lets %s go around the proxy: %s', async (noProxy, name, direct) => {
    const { far } = await farEnd(false);
    expect(await goesAround(far, noProxy, name)).toBe(direct);
    expect(far.requests).toHaveLength(direct ? 1 : 0);
  });

  test('in small letters wins', async () => {
    const { far } = await farEnd(false);
    process.env.no_proxy = 'example.org';
    expect(await goesAround(far, '127.0.0.1', '127.0.0.1')).toBe(false);
  });
});

describeIPv6('IPv6', () => {
  test.each([
    ['plain', false],
    ['TLS', true],
  ])('an address in brackets, %s', async (_, secure) => {
    const { far, client } = await farEnd(secure, '::1');
    expect(client.apiUrl).toMatch(/^https?:\/\/\[::1\]:\d+$/);
    await expect(CREATE(client)).resolves.toMatchObject({ sandboxId: 'i1' });
    await expect(RUN(client)).resolves.toMatchObject({ stdout: 'seen\n' });
    expect(far.requests[0].headers.host).toBe(`[::1]:${far.port}`);
  });

  test('a certificate for another address is CERTIFICATE_NAME', async () => {
    const tls = authority.certify(['127.0.0.1']);
    const far = opened(await startHostile({ host: '::1', tls }));
    const error = await failureOf(LIST({ ...far.client, ca: authority.cert }));
    expect(error).toMatchObject({ code: 'CERTIFICATE_NAME', outcome: 'not-sent' });
  });

  test.each([
    ['plain', false],
    ['by tunnel', true],
  ])('through a proxy, %s', async (_, secure) => {
    const { far, client } = await farEnd(secure, '::1');
    const proxy = await aProxy(false);
    await expect(LIST({ ...client, proxy: proxy.url })).resolves.toEqual([]);
    expect(proxy.asked).toEqual([expect.stringContaining(`[::1]:${far.port}`)]);
  });

  test.each([
    ['::1', true],
    ['[::1]', true],
    ['[::1]:PORT', true],
    ['[::1]:1', false],
    ['::/64', true],
    ['fe80::/10', false],
  ])('NO_PROXY "%s" lets it go around the proxy: %s', async (noProxy, direct) => {
    const { far } = await farEnd(false, '::1');
    expect(await goesAround(far, noProxy, '[::1]')).toBe(direct);
  });

  test('localhost is reached where only one of its two addresses listens', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const { far } = await farEnd(false, host);
      const apiUrl = `http://localhost:${far.port}`;
      await expect(LIST({ ...far.client, apiUrl })).resolves.toEqual([]);
      expect(far.requests).toHaveLength(1);
    }
  });

  test('localhost is reached when its IPv6 address takes no connection', async () => {
    const { far } = await farEnd(false);
    opened(await startSilentPort('::1', far.port));
    const apiUrl = `http://localhost:${far.port}`;
    await expect(LIST({ ...far.client, apiUrl })).resolves.toEqual([]);
  });
});

test('a port that takes no connection: the deadline holds, nothing was sent', async () => {
  const silent = opened(await startSilentPort('127.0.0.1'));
  const url = `http://127.0.0.1:${silent.port}`;
  const client = { apiKey: 'e2b_key', apiUrl: url, sandboxUrl: url, requestTimeoutMs: 200 };
  for (const call of [LIST, CREATE, RUN]) {
    const error = await failureOf(call(client));
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'not-sent', retryable: true });
  }
});
