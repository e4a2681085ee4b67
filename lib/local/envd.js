// envd of a sandbox, the daemon that the cloud runs at port 49983: its REST routes and the dispatch of
// its RPC services. Decides who may call; the work is done by the services.
'use strict';

const { posix } = require('node:path');
const { HttpError, errorJson, json, noContent } = require('./answer');
const { download } = require('./files-download');
const { compose, upload } = require('./files-upload');
const { toEnvdMetrics } = require('./metrics');
const { PathError } = require('./path-error');
const { callRpc } = require('./rpc-call');
const { safeEqual } = require('./signature');

const RPC_BODY_BYTES = 64 * 1024 * 1024;
const UNAUTHORIZED =
  'unauthorized access, please provide a valid access token or method signing if supported';
const HOST_SIDE = [
  '/init',
  '/freeze',
  '/unfreeze',
  '/collapse',
  '/fsfreeze',
  '/fsthaw',
  '/upgrade',
];

const processCall = (method) => (message, call) => call.sandbox.processes[method](message, call);
const filesystemCall = (method) => (message, call) => call.sandbox.files[method](message, call);

/** RPC methods by path. `stream`: true: of answers; 'client': of requests. */
const RPC_METHODS = {
  '/process.Process/Start': { op: 'start', stream: true, run: processCall('start') },
  '/process.Process/Connect': { op: 'attach', stream: true, run: processCall('connect') },
  '/process.Process/List': { op: 'processes', run: processCall('list') },
  '/process.Process/SendInput': { op: 'input', run: processCall('sendInput') },
  '/process.Process/CloseStdin': { op: 'closeStdin', run: processCall('closeStdin') },
  '/process.Process/SendSignal': { op: 'signal', run: processCall('sendSignal') },
  '/process.Process/StreamInput': {
    ...{ op: 'streamInput', stream: 'client', run: processCall('streamInput') },
  },
  '/process.Process/Update': { op: 'update', run: processCall('update') },
  '/filesystem.Filesystem/Stat': { op: 'files.stat', run: filesystemCall('stat') },
  '/filesystem.Filesystem/ListDir': { op: 'files.list', run: filesystemCall('listDir') },
  '/filesystem.Filesystem/MakeDir': {
    op: 'files.makeDir',
    run: filesystemCall('makeDir'),
    logged: 'Directory made',
  },
  '/filesystem.Filesystem/Move': {
    op: 'files.move',
    run: filesystemCall('move'),
    logged: 'Entry moved',
  },
  '/filesystem.Filesystem/Remove': {
    op: 'files.remove',
    run: filesystemCall('remove'),
    logged: 'Entry removed',
  },
  '/filesystem.Filesystem/WatchDir': {
    ...{ op: 'files.watch', stream: true, run: filesystemCall('watchDir') },
  },
  '/filesystem.Filesystem/CreateWatcher': {
    ...{ op: 'files.watch', run: filesystemCall('createWatcher') },
  },
  '/filesystem.Filesystem/GetWatcherEvents': {
    ...{ op: 'files.watch', run: filesystemCall('getWatcherEvents') },
  },
  '/filesystem.Filesystem/RemoveWatcher': {
    ...{ op: 'files.watch', run: filesystemCall('removeWatcher') },
  },
};

/** REST routes by method and path. `open`: the route looks after its own authorization, or needs none. */
const REST_ROUTES = {
  'GET /health': { op: 'health', open: true, run: () => noContent() },
  'GET /metrics': { op: 'metrics', run: envdMetrics },
  'GET /envs': { op: 'envs', run: ({ sandbox }) => json(200, sandbox.envVars) },
  'GET /files': { op: 'files.get', open: true, run: download },
  'POST /files': { op: 'files.post', open: true, streamsBody: true, run: loggedUpload },
  'POST /files/compose': { op: 'files.compose', run: compose },
};

/**
 * @param {string} method
 * @param {string} path
 * @returns {{ op: string, maxBodyBytes: number, streamsBody: boolean,
 *   handle: (call: object) => Promise<import('./answer').Answer> }}
 */
function routeEnvd(method, path) {
  const rpcMethod = Object.hasOwn(RPC_METHODS, path) ? RPC_METHODS[path] : null;
  if (rpcMethod) {
    const handle = (call) => rpcAnswer(rpcMethod, path, call);
    const streamsBody = rpcMethod.stream === 'client';
    return { op: rpcMethod.op, maxBodyBytes: RPC_BODY_BYTES, streamsBody, handle };
  }
  if (isHostSide(path)) return { op: 'hostSide', handle: () => hostSideOnly(path) };
  const key = `${method === 'HEAD' ? 'GET' : method} ${path}`;
  if (Object.hasOwn(REST_ROUTES, key)) {
    const route = REST_ROUTES[key];
    const handle = async (call) => {
      if (!route.open) assertToken(call);
      return route.run(call);
    };
    return { op: route.op, streamsBody: route.streamsBody, handle };
  }
  return { op: 'unknown', handle: () => errorJson(404, `no route ${method} ${path} in envd`) };
}

/**
 * @param {string} path  as it was sent: it must be one of these in no router's reading
 * @returns {boolean} whether it is for the control plane alone
 */
function isHostSide(path) {
  const plain = path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return HOST_SIDE.includes(posix.resolve('/', plain).toLowerCase());
}

async function rpcAnswer(method, path, call) {
  assertToken(call);
  const { sandbox } = call;
  const user = basicUser(call.headers.authorization) ?? sandbox.users.defaultUser;
  const run = async (message, caller) => {
    await sandbox.users.homeOf(user);
    const result = await method.run(message, caller);
    if (method.logged) {
      sandbox.logs.add('info', method.logged, { logger: 'filesystem', ...message, user });
    }
    return result;
  };
  const isTold = (error) => error instanceof PathError;
  return callRpc({ ...method, run }, path, { ...call, user }, isTold);
}

/** An upload, told in the sandbox's log by its paths. */
async function loggedUpload(call) {
  const answer = await upload(call);
  const path = JSON.parse(answer.body).map((entry) => entry.path);
  const user = call.query.get('username') ?? '';
  call.sandbox.logs.add('info', 'Files written', { logger: 'filesystem', path, user });
  return answer;
}

async function envdMetrics({ sandbox, metrics }) {
  return json(200, toEnvdMetrics(await metrics.sample(sandbox)), { 'cache-control': 'no-store' });
}

function hostSideOnly(path) {
  const message =
    'This endpoint is reserved for the E2B control plane and is not reachable through the sandbox URL';
  return json(404, { message, path, code: 404 });
}

function assertToken({ sandbox, headers }) {
  if (!safeEqual(headers['x-access-token'] ?? '', sandbox.token)) {
    throw new HttpError(401, UNAUTHORIZED);
  }
}

/** @returns {string|null} the user of an Authorization header with an empty password */
function basicUser(header) {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? '');
  if (!match) return null;
  return Buffer.from(match[1], 'base64').toString().split(':')[0] || null;
}

module.exports = { RPC_METHODS, basicUser, isHostSide, routeEnvd };
