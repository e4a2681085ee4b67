'use strict';

// What to do about missing tools: which package of which system has each of them, and whether we may
// install it ourselves (Debian's family, as root) or tell the user the exact command. Pure functions.

// need -> what it is, and its package on each system. On macOS the compilers are one download. 'rhel'
// differs from 'fedora' where it is named.
const NEEDS = {
  cc: ['a C compiler (cc)', { debian: 'gcc libc6-dev', fedora: 'gcc', alpine: 'gcc musl-dev' }],
  'c++': ['a C++ compiler (c++)', { debian: 'g++', fedora: 'gcc-c++', alpine: 'g++' }],
  make: ['make', { debian: 'make', fedora: 'make', alpine: 'make' }],
  python3: [
    'python3 (3.9 or later)',
    { debian: 'python3', fedora: 'python3', alpine: 'python3', darwin: 'python3' },
  ],
  'pkg-config': [
    'pkg-config',
    { debian: 'pkg-config', fedora: 'pkgconf-pkg-config', alpine: 'pkgconf', darwin: 'pkgconf' },
  ],
  libcurl: [
    'libcurl (7.87 or later, over OpenSSL) with its headers',
    {
      debian: 'libcurl4-openssl-dev',
      fedora: 'libcurl-devel',
      alpine: 'curl-dev',
      darwin: 'curl',
    },
  ],
  libcjson: [
    'cJSON (1.7.13 or later) with its headers',
    { debian: 'libcjson-dev', fedora: 'cjson-devel', alpine: 'cjson-dev', darwin: 'cjson' },
  ],
  openssl: [
    'OpenSSL (1.1.1 or later) with its headers',
    {
      debian: 'libssl-dev',
      fedora: 'openssl-devel',
      alpine: 'openssl-dev',
      darwin: 'openssl@3',
    },
  ],
  'node-headers': [
    "this Node's own headers (include/node)",
    {
      debian: 'libnode-dev',
      // One package for each major version since Fedora 41.
      fedora: `nodejs${process.versions.node.split('.')[0]}-devel`,
      rhel: 'nodejs-devel',
      alpine: 'nodejs-dev',
      darwin: 'node',
    },
  ],
  libuv: [
    'the headers of libuv',
    { debian: 'libuv1-dev', fedora: 'libuv-devel', alpine: 'libuv-dev', darwin: 'libuv' },
  ],
  postgres: [
    "PostgreSQL's own programs (initdb, postgres), for the tests of postgresStore",
    {
      debian: 'postgresql',
      fedora: 'postgresql-server',
      alpine: 'postgresql',
      darwin: 'postgresql',
    },
  ],
};

const XCODE = new Set(['cc', 'c++', 'make']);

function idsOf(osRelease) {
  return [...osRelease.matchAll(/^ID(?:_LIKE)?=["']?([^"'\n]*)["']?$/gm)].flatMap(([, value]) =>
    value.split(' '),
  );
}

/**
 * The system's family by its /etc/os-release text: 'debian', 'fedora', 'rhel', 'alpine', 'darwin' or
 * null.
 */
function familyOf(platform, osRelease) {
  if (platform === 'darwin') return 'darwin';
  const ids = idsOf(osRelease);
  if (ids.includes('debian') || ids.includes('ubuntu')) return 'debian';
  if (ids.includes('rhel')) return 'rhel';
  if (ids.includes('fedora')) return 'fedora';
  return ids.includes('alpine') ? 'alpine' : null;
}

function packageFor(need, family) {
  const packages = NEEDS[need][1];
  return packages[family] ?? (family === 'rhel' ? packages.fedora : undefined) ?? '';
}

function packagesFor(missing, family) {
  const names = missing.flatMap((need) => packageFor(need, family).split(' '));
  return [...new Set(names)].filter(Boolean);
}

function describe(missing) {
  return missing.map((need) => NEEDS[need][0]).join(', ');
}

/**
 * The exact commands that install what is missing, for someone to type; one a line. `elevate` is the
 * program that makes a command root's ('sudo', 'doas'), or empty.
 */
function commandsFor(missing, family, elevate = 'sudo') {
  const packages = packagesFor(missing, family).join(' ');
  const asRoot = (command) => (elevate ? `${elevate} ${command}` : command);
  switch (family) {
    case 'debian':
      return [`${asRoot('apt-get update')} && ${asRoot(`apt-get install -y ${packages}`)}`];
    case 'rhel':
      return [
        // cJSON is in EPEL only.
        ...(missing.includes('libcjson') ? [asRoot('dnf install -y epel-release')] : []),
        asRoot(`dnf install -y ${packages}`),
      ];
    case 'fedora':
      return [asRoot(`dnf install -y ${packages}`)];
    case 'alpine':
      return [asRoot(`apk add ${packages}`)];
    case 'darwin':
      return [
        ...(missing.some((need) => XCODE.has(need)) ? ['xcode-select --install'] : []),
        ...(packages ? [`brew install ${packages}`] : []),
      ];
    default:
      return [];
  }
}

/**
 * What to do about `missing` needs.
 *
 * @param {string[]} missing keys of NEEDS
 * @param {{ platform: string, osRelease: string, isRoot: boolean, hasApt: boolean,
 *   elevate: string|null }} system `elevate`: the name of the program on PATH that runs a command as
 *   root
 * @returns {{ install: string[] } | { tell: string }} packages for apt-get, or a text for the user
 */
function adviceFor(missing, { platform, osRelease, isRoot, hasApt, elevate }) {
  const family = familyOf(platform, osRelease);
  if (family === 'debian' && isRoot && hasApt) return { install: packagesFor(missing, family) };
  const commands = commandsFor(missing, family, isRoot ? '' : elevate);
  const mustBeRoot = !isRoot && !elevate && family !== 'darwin';
  const how =
    commands.length > 0
      ? `Install it ${mustBeRoot ? 'as root ' : ''}with\n\n` +
        `${commands.map((line) => `  ${line}`).join('\n')}\n\nand run this again.`
      : "Install it with your system's package manager and run this again.";
  return { tell: `missing: ${describe(missing)}.\n${how}` };
}

module.exports = { NEEDS, adviceFor, commandsFor, describe, familyOf, packagesFor };
