'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { NEEDS, adviceFor, familyOf } = require('../../../tools/setup/advice');
const { look, pkgConfigPath, probe } = require('../../../tools/setup/toolchain');

// /etc/os-release as each system has it, cut down to the lines that are read and their neighbours.
const SYSTEMS = {
  debian: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
  ubuntu: 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble\n',
  mint: 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n',
  fedora: 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=43\nPLATFORM_ID="platform:f43"\n',
  rocky: 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\n',
  rhel: 'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\n',
  alpine: 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.1\n',
  postmarketos: "NAME='postmarketOS'\nID='postmarketos'\nID_LIKE='alpine'\n",
  arch: 'NAME="Arch Linux"\nID=arch\n',
  misleading: 'NAME="not ID=debian"\nVERSION_ID=debian\nVARIANT_ID=fedora\nID=other\n',
};

const ALL = Object.keys(NEEDS);

function on(osRelease, more) {
  return {
    platform: 'linux',
    osRelease: SYSTEMS[osRelease] ?? osRelease,
    isRoot: false,
    hasApt: false,
    elevate: 'sudo',
    ...more,
  };
}

/** The commands in a text for the user. */
function commands({ tell }) {
  return tell
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim());
}

test.each([
  ['debian', 'debian'],
  ['ubuntu', 'debian'],
  ['mint', 'debian'],
  ['fedora', 'fedora'],
  ['rocky', 'rhel'],
  ['rhel', 'rhel'],
  ['alpine', 'alpine'],
  ['postmarketos', 'alpine'],
  ['arch', null],
  ['misleading', null],
])('%s is of the family %s', (name, family) => {
  expect(familyOf('linux', SYSTEMS[name])).toBe(family);
});

test('macOS needs no os-release', () => {
  expect(familyOf('darwin', '')).toBe('darwin');
});

test.each(['debian', 'fedora', 'alpine', 'darwin'])('every need has a package on %s', (family) => {
  const alone = new Set(['cc', 'c++', 'make']); // of Apple's own tools
  for (const need of ALL) {
    if (family === 'darwin' && alone.has(need)) continue;
    expect(NEEDS[need][1][family]).toMatch(/^[a-z0-9@+. -]+$/);
  }
});

const MAJOR = process.versions.node.split('.')[0];

test.each([
  [
    'ubuntu',
    [
      'sudo apt-get update && sudo apt-get install -y gcc libc6-dev g++ make python3 pkg-config ' +
        'libcurl4-openssl-dev libcjson-dev libssl-dev libnode-dev libuv1-dev postgresql',
    ],
  ],
  [
    'fedora',
    [
      'sudo dnf install -y gcc gcc-c++ make python3 pkgconf-pkg-config libcurl-devel cjson-devel ' +
        `openssl-devel nodejs${MAJOR}-devel libuv-devel postgresql-server`,
    ],
  ],
  [
    'rocky',
    [
      'sudo dnf install -y epel-release',
      'sudo dnf install -y gcc gcc-c++ make python3 pkgconf-pkg-config libcurl-devel cjson-devel ' +
        'openssl-devel nodejs-devel libuv-devel postgresql-server',
    ],
  ],
  [
    'postmarketos',
    [
      'sudo apk add gcc musl-dev g++ make python3 pkgconf curl-dev cjson-dev openssl-dev ' +
        'nodejs-dev libuv-dev postgresql',
    ],
  ],
])('on %s the commands for everything are told', (name, expected) => {
  const advice = adviceFor(ALL, on(name));
  expect(advice.install).toBeUndefined();
  expect(commands(advice)).toEqual(expected);
});

test('on macOS the commands for everything are told', () => {
  expect(commands(adviceFor(ALL, on('', { platform: 'darwin', elevate: null })))).toEqual([
    'xcode-select --install',
    'brew install python3 pkgconf curl cjson openssl@3 node libuv postgresql',
  ]);
});

test('a compiler on macOS comes with the command line tools alone', () => {
  const advice = adviceFor(['cc'], on('', { platform: 'darwin' }));
  expect(commands(advice)).toEqual(['xcode-select --install']);
});

test('EPEL is for cJSON: without that missing it is not asked for', () => {
  expect(commands(adviceFor(['libcurl'], on('rocky')))).toEqual([
    'sudo dnf install -y libcurl-devel',
  ]);
});

test("only what is missing is installed, and only as root of Debian's family, with apt-get", () => {
  const root = { isRoot: true, hasApt: true };
  const packages = ['gcc', 'libc6-dev', 'libcurl4-openssl-dev'];
  expect(adviceFor(['cc', 'libcurl'], on('debian', root))).toEqual({ install: packages });
  expect(adviceFor(['cc', 'libcurl'], on('ubuntu', root))).toEqual({ install: packages });
  for (const other of [
    on('debian', { ...root, isRoot: false }),
    on('debian', { ...root, hasApt: false }),
    on('alpine', root),
  ]) {
    expect(adviceFor(['cc'], other).tell).toContain('a C compiler');
  }
});

test('root is told the command without sudo', () => {
  const advice = adviceFor(['make'], on('alpine', { isRoot: true }));
  expect(commands(advice)).toEqual(['apk add make']);
  expect(advice.tell).not.toContain('as root');
});

test('where there is doas in place of sudo, doas it is', () => {
  expect(commands(adviceFor(['make'], on('alpine', { elevate: 'doas' })))).toEqual([
    'doas apk add make',
  ]);
});

test('with neither, the user is told to be root', () => {
  const advice = adviceFor(['make'], on('debian', { elevate: null }));
  expect(commands(advice)).toEqual(['apt-get update && apt-get install -y make']);
  expect(advice.tell).toContain('Install it as root with');
});

test('on an unknown system what is missing is named, without a command', () => {
  const advice = adviceFor(['openssl', 'libuv'], on('arch'));
  expect(advice.tell).toContain('missing: OpenSSL');
  expect(advice.tell).toContain('the headers of libuv');
  expect(commands(advice)).toEqual([]);
});

describe('PKG_CONFIG_PATH', () => {
  const homebrew = (home) => (file) => file.startsWith(`${home}/opt/`);

  test('on Linux it is what the user said', () => {
    const never = () => true;
    expect(pkgConfigPath({ PKG_CONFIG_PATH: '/mine' }, 'linux', never)).toBe('/mine');
    expect(pkgConfigPath({}, 'linux', never)).toBeUndefined();
  });

  test.each(['/opt/homebrew', '/usr/local'])(
    "on macOS Homebrew's curl and OpenSSL in %s go before the system's",
    (home) => {
      expect(pkgConfigPath({}, 'darwin', homebrew(home))).toBe(
        `${home}/opt/curl/lib/pkgconfig:${home}/opt/openssl@3/lib/pkgconfig`,
      );
    },
  );

  test('on macOS what the user said comes first, and a Homebrew elsewhere is found', () => {
    const env = { PKG_CONFIG_PATH: '/mine', HOMEBREW_PREFIX: '/brew' };
    expect(pkgConfigPath(env, 'darwin', homebrew('/brew'))).toBe(
      '/mine:/brew/opt/curl/lib/pkgconfig:/brew/opt/openssl@3/lib/pkgconfig',
    );
  });

  test('without Homebrew on macOS it is not set', () => {
    expect(pkgConfigPath({}, 'darwin', () => false)).toBeUndefined();
  });
});

describe('the probe', () => {
  let folder;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setup-'));
  });

  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** Puts a header before the system's one, and asks which needs are not met with it. */
  function brokenWith(name, text, library) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    const { found } = look();
    return probe({ ...found, [library]: [`-I${folder}`, ...found[library]] });
  }

  test('this machine has all that is needed', () => {
    const { missing, found } = look();
    expect(missing).toEqual([]);
    expect(probe(found)).toEqual([]);
  });

  const curl = (version, tls) => `#define LIBCURL_VERSION_NUM ${version}
    #define CURLVERSION_NOW 0
    static struct { const char *ssl_version; } info = {${tls}};
    #define curl_version_info(age) (&info)\n`;

  test.each([
    ['over another TLS library', curl('0x080500', '"GnuTLS/3.8.9"')],
    ['without TLS', curl('0x080500', '0')],
    ["over Apple's, with OpenSSL not in use", curl('0x080500', '"LibreSSL/3.3 (OpenSSL/3.4.0)"')],
    ['that is too old', curl('0x075500', '"OpenSSL/3.0.2"')],
  ])('a libcurl %s will not do', (_name, text) => {
    expect(brokenWith('curl/curl.h', text, 'libcurl')).toEqual(['libcurl']);
  });

  test('a libcurl of several TLS libraries with OpenSSL in use will do', () => {
    const text = curl('0x080500', '"(SecureTransport) OpenSSL/3.4.0"');
    expect(brokenWith('curl/curl.h', text, 'libcurl')).toEqual([]);
  });

  test('a cJSON that is too old will not do', () => {
    const text = '#include <stddef.h>\n#define cJSON_ParseWithLengthOpts cJSON_NotThere\n';
    expect(brokenWith('cjson/cJSON.h', text, 'libcjson')).toEqual(['libcjson']);
  });

  test('a Node whose headers lack uv.h needs those of libuv', () => {
    // A compiler that finds no uv.h anywhere.
    const compiler = path.join(folder, 'cc');
    const { found } = look();
    fs.writeFileSync(
      compiler,
      `#!/bin/sh\nsource=$(cat)\ncase $source in *uv.h*) exit 1;; esac\n` +
        `printf '%s\\n' "$source" | ${found.cc} "$@"\n`,
      { mode: 0o755 },
    );
    expect(probe({ ...found, cc: compiler })).toEqual(['libuv']);
  });
});
