#!/usr/bin/env node
// Stands in for E2B's own envd in tests: started and told as that is, it shows what it was given, and
// does on request what a daemon may do. It keeps to no rule of its own: the backend has to.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');

const seen = { inits: [], hostSide: [], left: 0, told: 0 };
const held = new Set(); // answers that have begun
let token = null;

const routes = {
  'GET /health': (request, response) => response.writeHead(204).end(),
  'POST /init': async (request, response) => {
    const known = JSON.parse(await bodyOf(request));
    seen.inits.push(known);
    token = known.accessToken;
    response.writeHead(204, { 'X-Envd-Version': '0.7.5' }).end();
  },
  'GET /seen': (request, response) => response.end(JSON.stringify({ ...seen, ...surroundings() })),
  'POST /echo': async (request, response) => {
    const { method, url, rawHeaders } = request;
    const body = await bodyOf(request);
    response.writeHead(201, { 'content-type': 'application/json', 'X-Mixed-Case': 'yes' });
    response.end(JSON.stringify({ method, url, rawHeaders, body }));
  },
  'POST /process.Process/Start': async (request, response) => {
    seen.told += 1;
    const body = await bodyOf(request);
    response.writeHead(200, { 'content-type': 'application/connect+json' });
    response.write(body); // the very envelope: a message of its own
    held.add(response);
    response.on('close', () => {
      held.delete(response);
      if (!response.writableFinished) seen.left += 1;
    });
  },
  'POST /go-on': (request, response) => {
    for (const one of held) one.end(Buffer.from([2, 0, 0, 0, 2, 0x7b, 0x7d]));
    response.end();
  },
  'POST /die': () => {
    console.error(`cannot go on with ${token}`);
    process.exit(3);
  },
};

function surroundings() {
  const own = fs.readFileSync('/proc/self/status', 'utf8');
  return {
    args: process.argv.slice(2),
    uid: process.getuid(),
    interfaces: Object.keys(os.networkInterfaces()),
    capabilities: /^CapEff:\s*(\w+)/m.exec(own)[1],
    userNamespace: fs.readlinkSync('/proc/self/ns/user'),
    mode: (fs.statSync(__filename).mode & 0o7777).toString(8),
    place: __filename,
    variables: Object.keys(process.env).sort(),
  };
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const server = http.createServer((request, response) => {
  const [path] = request.url.split('?');
  const isOpen = path === '/health' || (path === '/init' && token === null);
  if (!isOpen && request.headers['x-access-token'] !== token) {
    response.writeHead(401).end('not with this token');
    return;
  }
  const route = routes[`${request.method} ${path}`];
  if (route) void route(request, response);
  else {
    seen.hostSide.push(path);
    response.writeHead(404).end('the daemon does not know that');
  }
});
server.listen(Number(process.argv[process.argv.indexOf('-port') + 1]), '0.0.0.0');
