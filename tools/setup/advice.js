'use strict';

// What to do about missing tools: which package of which system has each of them, and whether we may
// install it ourselves (Debian's family, as root) or tell the user the exact command. Pure functions.

// need -> what it is, and its package on each system. On macOS the compilers are one download.
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
    { debian: 'pkg-config', fedora: 'pkgconf-pkg-config', alpine: 'pkgconf', darwin: 'pkg-config' },
  ],
  libcurl: [
    'the headers of libcurl',
    {
      debian: 'libcurl4-openssl-dev',
      fedora: 'libcurl-devel',
      alpine: 'curl-dev',
      darwin: 'curl',
    },
  ],
  libcjson: [
    'the headers of cJSON',
    { debian: 'libcjson-dev', fedora: 'cjson-devel', alpine: 'cjson-dev', darwin: 'cjson' },
  ],
  openssl: [
    'the headers of OpenSSL',
    {
      debian: 'libssl-dev',
      fedora: 'openssl-devel',
      alpine: 'openssl-dev',
      darwin: 'openssl@3',
    },
  ],
  'node-headers': [
    "this Node's own headers (include/node)",
    { debian: 'libnode-dev', fedora: 'nodejs-devel', alpine: 'nodejs-dev', darwin: 'node' },
  ],
};

const XCODE = new Set(['cc', 'c++', 'make']);

/** The system's family by its /etc/os-release text: 'debian', 'fedora', 'alpine', 'darwin' or null. */
function familyOf(platform, osRelease) {
  if (platform === 'darwin') return 'darwin';
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, value]) =>
    value.split(' '),
  );
  if (ids.includes('debian') || ids.includes('ubuntu')) return 'debian';
  if (ids.includes('fedora') || ids.includes('rhel')) return 'fedora';
  return ids.includes('alpine') ? 'alpine' : null;
}

function packagesFor(missing, family) {
  return [...new Set(missing.flatMap((need) => (NEEDS[need][1][family] ?? '').split(' ')))].filter(
    Boolean,
  );
}

function describe(missing) {
  return missing.map((need) => NEEDS[need][0]).join(', ');
}

/** The exact commands that install what is missing, for someone to type; one a line. */
function commandsFor(missing, family) {
  const packages = packagesFor(missing, family).join(' ');
  switch (family) {
    case 'debian':
      return [`sudo apt-get update && sudo apt-get install -y ${packages}`];
    case 'fedora':
      return [`sudo dnf install -y ${packages}`];
    case 'alpine':
      return [`sudo apk add ${packages}`];
    case 'darwin':
      return [
        ...(missing.some((need) => XCODE.has(need)) ? ['xcode-select --install'] : []),
        ...(packages ? [`brew install ${packages}`] : []),
        // Homebrew keeps these two beside the system's own, where pkg-config does not look.
        'export PKG_CONFIG_PATH="$(brew --prefix curl)/lib/pkgconfig:$(brew --prefix openssl@3)/lib/pkgconfig"',
      ];
    default:
      return [];
  }
}

/**
 * What to do about `missing` needs.
 *
 * @returns {{ install: string[] } | { tell: string }} packages for apt-get, or a text for the user
 */
function adviceFor(missing, { platform, osRelease, isRoot, hasApt }) {
  const family = familyOf(platform, osRelease);
  if (family === 'debian' && isRoot && hasApt) return { install: packagesFor(missing, family) };
  const commands = commandsFor(missing, family);
  const how =
    commands.length > 0
      ? `Install it with\n\n${commands.map((line) => `  ${line}`).join('\n')}\n\nand run this again.`
      : "Install it with your system's package manager and run this again.";
  return { tell: `missing: ${describe(missing)}.\n${how}` };
}

module.exports = { NEEDS, adviceFor, commandsFor, describe, familyOf, packagesFor };
