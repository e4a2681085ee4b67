// envd's EntryInfo: what one path is, in ProtoJSON, with Go's notation for permissions.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

let hostNames = null;

/**
 * @param {import('./sandbox-paths').SandboxPaths} paths
 * @param {string} inside  a resolved path
 * @returns {Promise<object>} EntryInfo; rejects with the file system's error
 */
async function entryInfo(paths, inside) {
  const host = paths.toHost(inside);
  const own = await fs.promises.lstat(host);
  const isLink = own.isSymbolicLink();
  const target = isLink ? await fs.promises.stat(host).catch(() => null) : own;
  const shown = target ?? own;
  const type = target ? typeOf(target) : undefined;
  return {
    name: path.posix.basename(inside),
    ...(type ? { type } : {}),
    path: inside,
    size: String(own.size),
    mode: shown.mode & 0o777,
    permissions: (isLink ? 'L' : goPrefix(shown)) + rwx(shown.mode),
    owner: ownerName(own, 'uid', paths, host),
    group: ownerName(own, 'gid', paths, host),
    modifiedTime: own.mtime.toISOString(),
    ...(isLink ? { symlinkTarget: await linkTarget(paths, host) } : {}),
  };
}

function typeOf(stat) {
  if (stat.isDirectory()) return 'FILE_TYPE_DIRECTORY';
  if (stat.isFile()) return 'FILE_TYPE_FILE';
  return undefined;
}

async function linkTarget(paths, host) {
  const target = await fs.promises.realpath(host).catch(() => fs.promises.readlink(host));
  return paths.toInside(target);
}

function goPrefix(stat) {
  let prefix = '';
  if (stat.isDirectory()) prefix += 'd';
  if (stat.isBlockDevice()) prefix += 'D';
  if (stat.isFIFO()) prefix += 'p';
  if (stat.isSocket()) prefix += 'S';
  if (stat.mode & 0o4000) prefix += 'u';
  if (stat.mode & 0o2000) prefix += 'g';
  if (stat.isCharacterDevice()) prefix += 'Dc';
  if (stat.mode & 0o1000) prefix += 't';
  return prefix || '-';
}

function rwx(mode) {
  return Array.from('rwxrwxrwx', (letter, i) => (mode & (0o400 >> i) ? letter : '-')).join('');
}

/** Without users of its own, a sandbox's files belong to the backend's user: clients see `user`. */
function ownerName(stat, kind, paths, host) {
  if (paths.isOwn(host) && stat.uid === process.getuid()) return 'user';
  hostNames ??= { uid: readNames('/etc/passwd'), gid: readNames('/etc/group') };
  return hostNames[kind].get(stat[kind]) ?? String(stat[kind]);
}

function readNames(file) {
  const names = new Map();
  try {
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      const [name, , id] = line.split(':');
      if (id !== undefined) names.set(Number(id), name);
    }
  } catch {
    // A system without the file shows numbers.
  }
  return names;
}

module.exports = { entryInfo, goPrefix, rwx };
