'use strict';

// Names: hosts with several addresses of which one is dead, names that are none, name servers that are
// silent. In a child process whose getaddrinfo answers as the test wants (hostile/lookups.c); nothing
// of this machine's own names is touched.

const { createAuthority } = require('../../lib/local/certificate');
const { startHostile } = require('../helpers/hostile');
const { startProxy } = require('../helpers/hostile/proxy');
const { startSilentPort } = require('../helpers/hostile/silent-port');
const { withShim } = require('./helpers/calls-in-child');

const runCalls = withShim('lookups');
const open = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

const opened = (one) => {
  open.push(one);
  return one;
};
const named = (far, name) => {
  const url = far.url.replace(far.host, name);
  return { ...far.client, apiUrl: url, sandboxUrl: url };
};

/** Runs calls in a child, with these names. */
async function callsAtOnce(names, calls) {
  const { noted, ...outcome } = await runCalls(calls, { E2B_TEST_NAMES: names });
  return { ...outcome, lookups: noted.filter((name) => name.endsWith('.test')) };
}

describe('a host with several addresses', () => {
  test('of which the first refuses is reached at the second', async () => {
    const far = opened(await startHostile());
    const { results } = await callsAtOnce('two.test=127.0.0.2+127.0.0.1', [
      { client: named(far, 'two.test') },
    ]);
    expect(results).toEqual([{ value: [] }]);
    expect(far.requests).toHaveLength(1);
  });

  test('of which the first is silent is reached at the second, in time', async () => {
    const far = opened(await startHostile());
    opened(await startSilentPort('127.0.0.66', far.port));
    const { results } = await callsAtOnce('two.test=127.0.0.66+127.0.0.1', [
      { client: { ...named(far, 'two.test'), requestTimeoutMs: 4_000 } },
    ]);
    expect(results).toEqual([{ value: [] }]);
    expect(far.requests).toHaveLength(1);
  });

  test('that all refuse is CONNECT_FAILED, not sent', async () => {
    const far = opened(await startHostile());
    const { results } = await callsAtOnce('two.test=127.0.0.2+127.0.0.3', [
      { client: named(far, 'two.test') },
    ]);
    expect(results).toMatchObject([
      { code: 'CONNECT_FAILED', outcome: 'not-sent', retryable: true },
    ]);
    expect(far.requests).toEqual([]);
  });
});

describe('a name', () => {
  test.each(['none', 'again'])('for which the system says "%s" is DNS_FAILED', async (answer) => {
    const far = opened(await startHostile());
    const { results } = await callsAtOnce(`no.test=${answer}`, [
      { client: named(far, 'no.test') },
      { client: far.client },
    ]);
    expect(results).toMatchObject([
      { code: 'DNS_FAILED', outcome: 'not-sent', retryable: true },
      { value: [] },
    ]);
  });

  test('of a proxy that is none is PROXY_FAILED', async () => {
    const far = opened(await startHostile());
    const proxy = 'http://u:p4ssword@no.test:3128';
    const { results } = await callsAtOnce('no.test=none', [{ client: { ...far.client, proxy } }]);
    expect(results).toMatchObject([{ code: 'PROXY_FAILED', outcome: 'not-sent', retryable: true }]);
    expect(JSON.stringify(results)).not.toContain('p4ssword');
  });

  test('behind a proxy is not looked up here', async () => {
    const far = opened(await startHostile());
    const proxy = opened(await startProxy({ answer: 403 }));
    const atName = proxy.url.replace('127.0.0.1', 'proxy.test');
    const client = { ...named(far, 'far.test'), proxy: atName };
    const { results, lookups } = await callsAtOnce('proxy.test=127.0.0.1', [{ client }]);
    expect(results).toMatchObject([{ code: 'PERMISSION_DENIED' }]);
    expect(proxy.asked).toEqual([expect.stringContaining('http://far.test:')]);
    expect(lookups).toEqual(['proxy.test']);
  });
});

describe('a name server that is silent', () => {
  test('holds up its own call until its deadline, and no other', async () => {
    const far = opened(await startHostile());
    const { results } = await callsAtOnce('slow.test=hang', [
      { client: { ...named(far, 'slow.test'), requestTimeoutMs: 300 } },
      { client: far.client, times: 5 },
    ]);
    expect(results[0]).toMatchObject({ code: 'TIMEOUT', outcome: 'not-sent', retryable: true });
    expect(results.slice(1)).toEqual(Array(5).fill({ value: [] }));
  });

  test('does not hold a call that is given up, nor the end of the process', async () => {
    const far = opened(await startHostile());
    const { results } = await callsAtOnce('slow.test=hang', [
      { client: named(far, 'slow.test'), abort: true },
      { client: far.client },
    ]);
    expect(results).toMatchObject([{ code: 'CANCELLED', outcome: 'not-sent' }, { value: [] }]);
  });
});

const authority = createAuthority();
const ROADS = [
  ['plain HTTP', {}, {}],
  ['TLS', { tls: authority.certify(['far.test', 'slow.test']) }, { ca: authority.cert }],
];

describe.each(ROADS)('two hundred calls at once over %s', (_, options, trust) => {
  const times = 200;

  test('look their host up once', async () => {
    const far = opened(await startHostile(options));
    const client = { ...named(far, 'far.test'), ...trust };
    const { results, lookups } = await callsAtOnce('far.test=127.0.0.1', [{ client, times }]);
    expect(results).toEqual(Array(times).fill({ value: [] }));
    expect(lookups).toEqual(['far.test']);
  });

  test('to a name that hangs take ten threads for it, not more', async () => {
    const far = opened(await startHostile(options));
    const idle = await callsAtOnce('', [{ client: { ...far.client, ...trust } }]);
    const client = { ...named(far, 'slow.test'), ...trust, requestTimeoutMs: 500 };
    const { results, lookups, threads } = await callsAtOnce('slow.test=hang', [{ client, times }]);
    expect(results.filter(({ code }) => code !== 'TIMEOUT')).toEqual([]);
    expect(lookups.length).toBeLessThanOrEqual(10);
    expect(threads - idle.threads).toBeLessThanOrEqual(10);
  });

  test('to a name that is none all fail of that', async () => {
    const far = opened(await startHostile(options));
    const client = { ...named(far, 'no.test'), ...trust };
    const { results } = await callsAtOnce('no.test=none', [{ client, times }]);
    expect(results.filter(({ code }) => code !== 'DNS_FAILED')).toEqual([]);
  });

  test('to a far end that is not there all fail of that', async () => {
    const far = await startHostile(options);
    const client = { ...named(far, 'far.test'), ...trust };
    await far.close();
    const { results } = await callsAtOnce('far.test=127.0.0.1', [{ client, times }]);
    expect(results.filter(({ code }) => code !== 'CONNECT_FAILED')).toEqual([]);
  });
});
