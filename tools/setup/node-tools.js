'use strict';

// Where the running Node keeps its headers, its npm and npm's own node-gyp, and the environment that
// npm runs in. node-gyp is always npm's, given the headers explicitly: left alone it would try to
// download them.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { SETUP_FOLDER, SetupError } = require('./run-step');

/** The first executable file `name` on PATH, or null. */
function which(name, env = process.env) {
  if (name.includes('/')) return isExecutable(name) ? name : null;
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder || '.', name);
    if (isExecutable(file)) return file;
  }
  return null;
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function prefix() {
  return path.resolve(fs.realpathSync(process.execPath), '..', '..');
}

/**
 * The folder to give to node-gyp as --nodedir: it has include/node of the running version. Null when
 * this Node came without its headers.
 */
function nodeDir(env = process.env) {
  const candidates = [prefix(), process.config.variables.node_prefix, env.npm_config_nodedir];
  return candidates.find((folder) => folder && hasOurHeaders(folder)) ?? null;
}

function hasOurHeaders(folder) {
  const include = path.join(folder, 'include', 'node');
  try {
    const text = fs.readFileSync(path.join(include, 'node_version.h'), 'utf8');
    const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(text)?.[1];
    const ours = process.versions.node.split('.')[0];
    return major === ours && fs.existsSync(path.join(include, 'node_api.h'));
  } catch {
    return false;
  }
}

/** The path of npm's own script, run as `node NPM ...`. */
function npmCli(env = process.env) {
  const onPath = which('npm', env);
  const candidates = [
    env.npm_execpath,
    path.join(prefix(), 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    onPath && fs.realpathSync(onPath),
    '/usr/share/nodejs/npm/bin/npm-cli.js',
  ];
  const found = candidates.find((file) => file?.endsWith('npm-cli.js') && fs.existsSync(file));
  if (found) return found;
  throw new SetupError('npm was not found next to this Node nor on PATH; install npm');
}

function nodeGypCli(env = process.env) {
  const npm = npmCli(env);
  try {
    return require.resolve('node-gyp/bin/node-gyp.js', { paths: [path.dirname(npm)] });
  } catch {
    throw new SetupError(`the npm at ${npm} has no node-gyp of its own; install npm 10 or later`);
  }
}

/**
 * The environment for npm and node-gyp. Without a usable home its cache goes into the project's own
 * ignored folder; what an outer `npm run` exported about itself is not passed on.
 */
function npmEnv(env = process.env) {
  const {
    npm_config_loglevel: _level,
    npm_config_nodedir: _dir,
    npm_config_omit: _o,
    ...rest
  } = env;
  if (!homeIsUsable()) {
    rest.HOME = path.join(SETUP_FOLDER, 'home');
    fs.mkdirSync(rest.HOME, { recursive: true });
  }
  return rest;
}

function homeIsUsable() {
  try {
    const home = os.homedir();
    if (!path.isAbsolute(home)) return false;
    fs.accessSync(home, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

module.exports = { nodeDir, nodeGypCli, npmCli, npmEnv, which };
