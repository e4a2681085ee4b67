// The admin route, for those who start the backend from another process or language: faults, requests,
// sandboxes and reset over HTTP, with a key of its own that no E2B client has. Not part of E2B.
'use strict';

const { errorJson, json, noContent } = require('./answer');
const { parseFaultRules } = require('./fault-file');
const { safeEqual } = require('./signature');

const PREFIX = '/_local/';
const KEY_HEADER = 'x-e2b-local-admin';
const BODY_BYTES = 1024 * 1024;

/**
 * @typedef {object} Admin  what the route works on
 * @property {string} key
 * @property {import('./faults').Faults} faults
 * @property {import('./request-log').RequestLog} requestLog
 * @property {() => object[]} sandboxes
 * @property {() => Promise<void>} reset
 */

const ROUTES = {
  'GET faults': ({ faults }) => json(200, { rules: faults.rules, hits: faults.hits }),
  'POST faults': addFaults,
  'DELETE faults': ({ faults }) => {
    faults.clear();
    return noContent();
  },
  'GET requests': ({ requestLog }) => json(200, requestLog.records),
  'GET sandboxes': ({ sandboxes }) => json(200, sandboxes()),
  'POST reset': async ({ reset }) => {
    await reset();
    return noContent();
  },
};

/**
 * @param {{ method: string, path: string }} request
 * @param {Admin} admin
 * @returns {object|null} a route as the server takes it; null: the path is not of the admin route
 */
function routeAdmin({ method, path }, admin) {
  if (!path.startsWith(PREFIX)) return null;
  const run = ROUTES[`${method} ${path.slice(PREFIX.length)}`];
  const handle = (call) => {
    if (!safeEqual(call.headers[KEY_HEADER] ?? '', admin.key)) {
      return errorJson(401, `the header ${KEY_HEADER} is missing or wrong`);
    }
    return run ? run(admin, call) : errorJson(404, `no admin route ${method} ${path}`);
  };
  return { op: 'admin', sandboxId: null, maxBodyBytes: BODY_BYTES, handle };
}

function addFaults({ faults }, { body }) {
  try {
    const rules = parseFaultRules([JSON.parse(body.toString())].flat());
    for (const rule of rules) faults.add(rule);
    return json(201, { added: rules.length });
  } catch (error) {
    return errorJson(400, error.message);
  }
}

module.exports = { KEY_HEADER, routeAdmin };
