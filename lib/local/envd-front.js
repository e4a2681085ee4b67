// The way to an envd that runs inside the sandbox: the same routes under the same names, so that faults
// and records know them, and every answer the daemon's own. What is for the control plane alone stays
// out of reach. It must not look into what goes by.
'use strict';

const { errorJson } = require('./answer');
const { isHostSide, routeEnvd } = require('./envd');
const { passOn } = require('./port-proxy');
const { ENVD_PORT } = require('./routing');

/** As `routeEnvd`, which says what a request is; bodies that it would read whole are, for the faults. */
function routeForeignEnvd(method, path) {
  const route = routeEnvd(method, path);
  if (isHostSide(path)) return route;
  if (!path.startsWith('/')) {
    return { ...route, handle: () => errorJson(400, 'the target of a request must be a path') };
  }
  const handle = (call) => passOn({ ...call, port: ENVD_PORT });
  const { op, maxBodyBytes } = route;
  return { op, maxBodyBytes, streamsBody: route.streamsBody ?? maxBodyBytes === undefined, handle };
}

module.exports = { routeForeignEnvd };
