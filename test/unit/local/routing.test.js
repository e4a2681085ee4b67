// Which plane, sandbox and port a request is for.
'use strict';

const { routeRequest } = require('../../../lib/local/routing');
const { signUrl } = require('../../../lib/local/signature');

const sandboxes = () => [
  { id: 'iaaa', token: 'token-a' },
  { id: 'ibbb', token: 'token-b' },
];

function route(headers, target = '/health', method = 'GET') {
  const url = new URL(target, 'http://x');
  return routeRequest({ method, path: url.pathname, query: url.searchParams, headers }, sandboxes);
}

const toSandbox = (sandboxId, port) => ({ plane: 'sandbox', sandboxId, port });

test('a host name that carries port and sandbox goes before the headers', () => {
  const headers = { 'e2b-sandbox-id': 'ibbb', 'e2b-sandbox-port': '49983' };
  expect(route({ host: '3000-iaaa.e2b.app:443', ...headers })).toEqual(toSandbox('iaaa', 3000));
  expect(route({ host: '49983-iaaa-6532622b.e2b.app' })).toEqual(toSandbox('iaaa', 49983));
});

test.each(['127.0.0.1:1234', 'localhost:1234', '[::1]:1234', 'sandbox.e2b.app'])(
  'the routing headers count at host %s',
  (host) => {
    const headers = { host, 'e2b-sandbox-id': 'ibbb', 'e2b-sandbox-port': '49983' };
    expect(route(headers)).toEqual(toSandbox('ibbb', 49983));
  },
);

test('one routing header without the other is a 400', () => {
  const refused = { plane: 'refused', status: 400, text: 'missing header' };
  expect(route({ host: 'localhost', 'e2b-sandbox-id': 'ibbb' })).toEqual(refused);
  expect(route({ host: 'localhost', 'e2b-sandbox-port': '1' })).toEqual(refused);
});

test('a malformed sandbox id or port is a 400', () => {
  const headers = { host: 'localhost', 'e2b-sandbox-id': 'i-1', 'e2b-sandbox-port': '1' };
  expect(route(headers)).toMatchObject({ status: 400, text: 'Invalid sandbox ID' });
  const badPort = { host: 'localhost', 'e2b-sandbox-id': 'ib', 'e2b-sandbox-port': 'x' };
  expect(route(badPort)).toMatchObject({ status: 400, text: 'Invalid sandbox port' });
});

test('a signed URL without any id finds the sandbox whose token signed it', () => {
  const signature = signUrl({ path: 'a.txt', operation: 'read', user: '', token: 'token-b' });
  const target = `/files?path=a.txt&signature=${encodeURIComponent(signature)}`;
  expect(route({ host: '127.0.0.1:1' }, target)).toEqual(toSandbox('ibbb', 49983));
  expect(route({ host: '127.0.0.1:1' }, target, 'POST')).toMatchObject({ status: 401 });
});

test('everything else is the control plane', () => {
  expect(route({ host: '127.0.0.1:1' }, '/sandboxes')).toEqual({ plane: 'control' });
  expect(route({ host: 'api.e2b.app' }, '/files')).toEqual({ plane: 'control' });
});
