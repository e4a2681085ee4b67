// envd of a sandbox, the daemon that the cloud runs at port 49983: its REST routes and the dispatch of
// its RPC services. Decides who may call; the work is done by the services.
'use strict';

const { HttpError, errorJson, json, noContent } = require('./answer');
const { RpcError } = require('./connect-rpc');
const { FilesystemService } = require('./filesystem-service');
const { download, upload } = require('./files-routes');
const { toEnvdMetrics } = require('./metrics');
const { callRpc } = require('./rpc-call');
const { PathError } = require('./sandbox-paths');
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
const filesystemCall = (method) => (message, call) =>
  new FilesystemService(call.sandbox)[method](message, call);

/** RPC methods by path; without `run` a method is known and not in this version. */
const RPC_METHODS = {
  '/process.Process/Start': { op: 'start', stream: true, run: processCall('start') },
  '/process.Process/Connect': { op: 'attach', stream: true, run: processCall('connect') },
  '/process.Process/List': { op: 'processes', run: processCall('list') },
  '/process.Process/SendInput': { op: 'input', run: processCall('sendInput') },
  '/process.Process/CloseStdin': { op: 'closeStdin', run: processCall('closeStdin') },
  '/process.Process/SendSignal': { op: 'signal', run: processCall('sendSignal') },
  '/process.Process/StreamInput': { op: 'streamInput', stream: 'client' },
  '/process.Process/Update': { op: 'update' },
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
  '/filesystem.Filesystem/WatchDir': { op: 'files.watch', stream: true },
  '/filesystem.Filesystem/CreateWatcher': { op: 'files.watch' },
  '/filesystem.Filesystem/GetWatcherEvents': { op: 'files.watch' },
  '/filesystem.Filesystem/RemoveWatcher': { op: 'files.watch' },
};

/** REST routes by method and path. `open`: the route looks after its own authorization, or needs none. */
const REST_ROUTES = {
  'GET /health': { op: 'health', open: true, run: () => noContent() },
  'GET /metrics': { op: 'metrics', run: envdMetrics },
  'GET /envs': { op: 'envs', run: ({ sandbox }) => json(200, sandbox.envVars) },
  'GET /files': { op: 'files.get', open: true, run: download },
  'POST /files': { op: 'files.post', open: true, streamsBody: true, run: loggedUpload },
  'POST /files/compose': { op: 'files.compose', run: notInThisVersion },
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
  if (HOST_SIDE.includes(path)) return { op: 'hostSide', handle: () => hostSideOnly(path) };
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

async function rpcAnswer(method, path, call) {
  assertToken(call);
  const user = basicUser(call.headers.authorization);
  const run = async (message, caller) => {
    if (!method.run) {
      const text = `${path} is not in this version of the local backend`;
      throw new RpcError('unimplemented', text);
    }
    call.sandbox.paths.homeOf(user);
    const result = await method.run(message, caller);
    if (method.logged) {
      const fields = { logger: 'filesystem', ...message, user };
      call.sandbox.logs.add('info', method.logged, fields);
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

function notInThisVersion({ method, path }) {
  return errorJson(501, `${method} ${path} is not in this version of the local backend`);
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

/** @returns {string} the user of an Authorization header with an empty password, else the default */
function basicUser(header) {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? '');
  if (!match) return 'user';
  return Buffer.from(match[1], 'base64').toString().split(':')[0] || 'user';
}

module.exports = { RPC_METHODS, basicUser, routeEnvd };
