'use strict';

// Who may import whom: the picture of the house as two tables, and the check that a file keeps to
// them. A file that belongs to no room is a finding too: new files get their place here. Pure.

const path = require('node:path');
const { isBuiltin } = require('node:module');

// ---- C: headers of the project ---------------------------------------------------------------
// A file in csrc/ may include headers of its own level and of those above it in this list. e2b.h, the
// core's public face, may be included from anywhere but csrc/init.
const C_LEVELS = [
  ['err', 'alloc', 'buf', 'base64', 'socket', 'url', 'json', 'config'],
  ['platform', 'platform_epoll', 'platform_kqueue'],
  ['timers', 'host_memory', 'address', 'sockets', 'lane', 'engine', 'tls'],
  ['header_lines', 'http', 'http2', 'http_error', 'http_head', 'rpc', 'event'],
  ['access'],
  ['operation', 'client'],
  ['unary', 'direct'],
  ['create', 'sandbox', 'files', 'template', 'telemetry'],
  [
    'sign',
    'transfer',
    'process',
    'process_build',
    'process_control',
    'process_kill',
    'process_stream',
  ],
  ['agent'],
];
const C_LEAVES = ['host', 'stats', 'backtest'];

// csrc/init: a program of its own over libc and the kernel. Its ground floor knows nothing of
// sandboxes: these include nothing of the program but each other.
const INIT_GROUND = [
  ...['wire', 'loop', 'loop_alarms', 'loop_kqueue', 'clone', 'clone_darwin', 'identity'],
  ...['text_file', 'remove_tree', 'boot', 'system', 'darwin'],
  ...['processes', 'processes_linux', 'processes_darwin'],
];
const SYSTEM_HEADER = /^((arpa|linux|mach|net|netinet|sys)\/)?\w+\.h$/;
const NOT_SYSTEM = /^(curl|cjson|cJSON|openssl|uv|node_api|js_native_api|v8|pthread)\b/;

// ---- JavaScript: rooms of lib/ ----------------------------------------------------------------
// room -> the files in it, and the rooms it may import besides itself.
const JS_ROOMS = {
  leaves: { files: /^lib\/(errors|options|events|debug|clock)\.js$/, may: [] },
  binding: { files: /^lib\/binding\.js$/, may: ['leaves'] },
  native: { files: /^lib\/native(\.js$|\/)/, may: ['binding', 'agents', 'leaves'] },
  policy: { files: /^lib\/policy\//, may: ['leaves'] },
  store: { files: /^lib\/store\//, may: ['leaves'] },
  money: { files: /^lib\/money\//, may: ['leaves'] },
  agents: { files: /^lib\/agents\//, may: ['leaves'] },
  fleet: {
    files: /^lib\/fleet\//,
    may: ['policy', 'store', 'money', 'native', 'agents', 'leaves'],
  },
  trading: { files: /^lib\/trading\//, may: ['fleet', 'native', 'agents', 'leaves'] },
  swarm: {
    files: /^lib\/swarm\//,
    may: ['trading', 'fleet', 'policy', 'store', 'money', 'native', 'agents', 'leaves'],
  },
  index: {
    files: /^lib\/(index|compat)\.m?js$/,
    may: ['swarm', 'trading', 'fleet', 'policy', 'store', 'money', 'native', 'agents', 'leaves'],
  },
  faces: { files: /^lib\/(cli|jest|mcp|rest)\//, may: ['index', 'store', 'local', 'leaves'] },
  // An independent second opinion on the protocol: it must not share a line with the client.
  local: { files: /^lib\/local\//, may: [] },
};

const JS_IMPORT =
  /\b(?:require|import)\(\s*['"]([^'"]+)['"]\s*\)|\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]/g;
const C_INCLUDE = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;

function linesOf(text) {
  return text.split('\n').map((line, index) => ({ line, number: index + 1 }));
}

function stemOf(file) {
  return path.basename(file).replace(/\.[ch]$/, '');
}

function checkInitInclude(stem, quoted, name) {
  if (!quoted) {
    const isSystem = SYSTEM_HEADER.test(name) && !NOT_SYSTEM.test(name);
    return isSystem ? null : `csrc/init has libc and the kernel only, not ${name}`;
  }
  if (name.includes('/')) return `csrc/init shares nothing with the core, not ${name}`;
  const isBelow = INIT_GROUND.includes(stem) && !INIT_GROUND.includes(stemOf(name));
  return isBelow ? `${stem} is below ${name}` : null;
}

function checkCInclude(file, quoted, name) {
  const inner = /^csrc\/(napi|init)\//.exec(file)?.[1];
  const stem = stemOf(name);
  if (inner === 'init') {
    return checkInitInclude(stemOf(file), quoted, name);
  }
  if (inner === 'napi') {
    if (/^curl\/|(^|\/)cJSON\.h$|^openssl\//.test(name)) return `the border never sees ${name}`;
    if (!quoted || stem === 'e2b') return null;
    if (name.includes('/')) return `the border knows the core by e2b.h only, not ${name}`;
    const isFace = /^(js_\w+|addon)$/.test(stemOf(file));
    return stem.startsWith('js_') && !isFace ? `${stemOf(file)} is below ${name}` : null;
  }
  if (/^(node_api|js_native_api|uv|v8)\b/.test(name)) return `the core does not know ${name}`;
  if (!quoted || stem === 'e2b' || stem === stemOf(file)) return null;
  if (C_LEAVES.includes(stemOf(file))) return `a leaf includes nothing of the project, not ${name}`;
  const levelOf = (which) => C_LEVELS.findIndex((level) => level.includes(which));
  if (levelOf(stem) < 0) return `${name} has no place in tools/checksrc/imports.js`;
  return levelOf(stem) > levelOf(stemOf(file)) ? `${stemOf(file)} is below ${name}` : null;
}

function checkC(file, text) {
  const problems = [];
  const isCore = /^csrc\/[^/]+$/.test(file);
  const known = [...C_LEVELS.flat(), ...C_LEAVES, 'e2b'];
  if (isCore && !known.includes(stemOf(file))) {
    problems.push({ line: 1, message: 'has no place in tools/checksrc/imports.js' });
    return problems;
  }
  for (const { line, number } of linesOf(text)) {
    const include = C_INCLUDE.exec(line);
    const message = include && checkCInclude(file, include[1] === '"', include[2]);
    if (message) problems.push({ line: number, message });
  }
  return problems;
}

function roomOf(file) {
  return Object.keys(JS_ROOMS).find((room) => JS_ROOMS[room].files.test(file));
}

function checkPackage(file, name, packages) {
  if (name.startsWith('node:')) return null;
  if (isBuiltin(name)) return `write node:${name}`;
  if (/^e2b-swarm(\/|$)/.test(name)) {
    return /^(test|examples|tools\/pack-smoke)\//.test(file)
      ? null
      : 'the package does not import itself';
  }
  const own = name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
  const area = file.split('/')[0];
  const allowed = { lib: packages.run, test: packages.dev, examples: packages.dev }[area] ?? [];
  if (!file.includes('/') || allowed.includes(own)) return null;
  return `${area}/ may not import the package ${own}`;
}

function checkRelative(file, name) {
  const target = path.posix.join(path.posix.dirname(file), name);
  const area = file.split('/')[0];
  if (area === 'lib') {
    if (target === 'package.json') return null;
    if (!target.startsWith('lib/')) return `lib/ imports nothing outside of itself, not ${name}`;
    const from = roomOf(file);
    const full = /\.m?js$/.test(target) ? target : `${target}.js`;
    const to = roomOf(full) ?? roomOf(`${target}/index.js`);
    if (!to) return `${name} is in no room of tools/checksrc/imports.js`;
    return from === to || JS_ROOMS[from].may.includes(to) ? null : `${from} may not import ${to}`;
  }
  if (area === 'tools' && !target.startsWith('tools/')) return `tools/ stands alone, not ${name}`;
  if (area === 'examples' && !target.startsWith('examples/') && target !== '.') {
    return `an example uses the public package, not ${name}`;
  }
  return null;
}

function checkJs(file, text, packages) {
  const problems = [];
  if (file.startsWith('lib/') && !roomOf(file)) {
    return [{ line: 1, message: 'is in no room of tools/checksrc/imports.js' }];
  }
  for (const { line, number } of linesOf(text)) {
    if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue;
    for (const [, required, from, bare] of line.matchAll(JS_IMPORT)) {
      const name = required ?? from ?? bare;
      const message = /^\.\.?(\/|$)/.test(name)
        ? checkRelative(file, name)
        : checkPackage(file, name, packages);
      if (message) problems.push({ line: number, message });
    }
  }
  return problems;
}

/**
 * The import rules for one file.
 *
 * @param {string} file path from the project's folder, with slashes
 * @param {string} text
 * @param {{ run: string[], dev: string[] }} packages names in package.json
 * @returns {{ line: number, message: string }[]}
 */
function checkImports(file, text, packages) {
  if (/^csrc\/.*\.[ch]$/.test(file)) return checkC(file, text);
  return /\.[cm]?js$/.test(file) ? checkJs(file, text, packages) : [];
}

module.exports = { checkImports };
