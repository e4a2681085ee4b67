// The layer between the host's files and a sandbox's own: who its users are, what its shells read, its
// homes. Made once per backend as a directory; every sandbox lies on it. So that a login shell starts
// in milliseconds, nothing of the host's /etc/profile.d is read. Knows no sandbox.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const HOSTNAME = 'e2b.local';
const USER_ID = 1000;
const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const HIDDEN = ['/root', '/home', '/mnt', '/media', '/srv', '/boot', '/tmp', '/run'];
const NODE_DIRECTORY = path.dirname(process.execPath);

/** The PATH of every sandbox: the usual one, with the running node first when it lies elsewhere. */
const SANDBOX_PATH = BASE_PATH.split(':').includes(NODE_DIRECTORY)
  ? BASE_PATH
  : `${NODE_DIRECTORY}:${BASE_PATH}`;

/** For login files: a PATH that was set anew gets the running node back. */
const PATH_LINES = BASE_PATH.split(':').includes(NODE_DIRECTORY)
  ? ''
  : `case ":$PATH:" in
  *:${shellQuote(NODE_DIRECTORY)}:*) ;;
  *) PATH=${shellQuote(NODE_DIRECTORY)}:$PATH ;;
esac
`;

const SYSTEM_PROFILE = `# /etc/profile of a local E2B sandbox: short, so that login shells start fast.
[ -n "$PATH" ] || PATH=${BASE_PATH}
${PATH_LINES}export PATH
if [ -n "$BASH_VERSION" ] && [ -n "$PS1" ] && [ -f /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi
`;
const SYSTEM_BASHRC = `# /etc/bash.bashrc of a local E2B sandbox, for interactive shells.
[ -z "$PS1" ] && return
shopt -s checkwinsize
PS1='\\u@\\h:\\w\\$ '
`;
const PROFILE = `# ~/.profile: read by login shells.
if [ -n "$BASH_VERSION" ] && [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi
[ -d "$HOME/.local/bin" ] && PATH="$HOME/.local/bin:$PATH"
${PATH_LINES}`;
const BASHRC = `# ~/.bashrc: read by interactive shells.
case $- in *i*) ;; *) return ;; esac
HISTCONTROL=ignoreboth
PS1='\\u@\\h:\\w\\$ '
alias ls='ls --color=auto' ll='ls -l'
`;

/**
 * Makes the layer anew.
 * @param {string} directory  of its own; what lies there is removed
 * @param {{ rung: 'root'|'user'|'none', binary: string }} options  `binary`: e2b-init, which is also
 *   the sudo of a sandbox that has none
 */
function makeBaseLayer(directory, { rung, binary }) {
  fs.rmSync(directory, { recursive: true, force: true });
  const own = rung === 'root' ? (file, id) => fs.chownSync(file, id, id) : () => {};
  const write = (name, text, mode = 0o644) => {
    const file = path.join(directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    fs.writeFileSync(file, text);
    fs.chmodSync(file, mode);
    return file;
  };
  const { passwd, group, shadow } = accounts();
  write('etc/passwd', passwd);
  write('etc/group', group);
  write('etc/shadow', shadow, 0o600);
  write('etc/hostname', `${HOSTNAME}\n`);
  write('etc/hosts', `127.0.0.1 localhost ${HOSTNAME}\n::1 localhost ip6-localhost ip6-loopback\n`);
  write('etc/resolv.conf', readHost('/etc/resolv.conf')); // a link to /run on many hosts
  write('etc/profile', SYSTEM_PROFILE);
  write('etc/bash.bashrc', SYSTEM_BASHRC);
  write('etc/sudoers.d/e2b', 'user ALL=(ALL:ALL) NOPASSWD:ALL\n', 0o440);
  for (const [home, id] of [
    ['home/user', USER_ID],
    ['root', 0],
  ]) {
    own(write(`${home}/.profile`, PROFILE), id);
    own(write(`${home}/.bashrc`, BASHRC), id);
    own(path.join(directory, home), id);
  }
  // What lies below a hidden home must be reached by `user` too, when node is there.
  const open = visibleDirectories().some((visible) => visible.startsWith('/root/'));
  fs.chmodSync(path.join(directory, 'root'), open ? 0o711 : 0o700);
  if (rung === 'user' || (rung === 'root' && !fs.existsSync('/usr/bin/sudo'))) {
    const sudo = path.join(directory, 'usr/bin/sudo');
    fs.mkdirSync(path.dirname(sudo), { recursive: true, mode: 0o755 });
    fs.copyFileSync(binary, sudo, fs.constants.COPYFILE_FICLONE);
    own(sudo, 0);
    fs.chmodSync(sudo, rung === 'root' ? 0o4755 : 0o755);
  }
}

/** Puts the homes where a sandbox without walls has its own. */
function copyHomes(layer, upper) {
  for (const home of ['home/user', 'root']) {
    const to = path.join(upper, home);
    if (fs.existsSync(to)) continue;
    fs.mkdirSync(to, { recursive: true, mode: 0o755 });
    for (const name of fs.readdirSync(path.join(layer, home))) {
      fs.copyFileSync(path.join(layer, home, name), path.join(to, name));
    }
  }
}

/**
 * @returns {string[]} directories that sandboxes must see although they lie where the host is hidden:
 *   the running node with its npm
 */
function visibleDirectories() {
  if (!HIDDEN.some((hidden) => NODE_DIRECTORY.startsWith(`${hidden}/`))) return [];
  const prefix = path.dirname(NODE_DIRECTORY);
  const whole = fs.existsSync(path.join(prefix, 'lib/node_modules'));
  return [whole ? prefix : NODE_DIRECTORY];
}

/** The host's accounts, so that its files have names, with `user` and `root` as E2B has them. */
function accounts() {
  const users = linesOf('/etc/passwd').filter(([name, , id]) => {
    return !['user', 'root'].includes(name) && ![USER_ID, 0].includes(Number(id));
  });
  users.unshift(
    ['root', 'x', '0', '0', 'root', '/root', '/bin/bash'],
    ['user', 'x', `${USER_ID}`, `${USER_ID}`, '', '/home/user', '/bin/bash'],
  );
  const groups = linesOf('/etc/group')
    .filter(([name, , id]) => !['user', 'sudo'].includes(name) && Number(id) !== USER_ID)
    .map(([name, , id]) => [name, 'x', id, '']);
  groups.push(['sudo', 'x', '27', 'user'], ['user', 'x', `${USER_ID}`, '']);
  const shadow = users.map(([name]) => [name, '*', '19000', '0', '99999', '7', '', '', '']);
  const text = (lines) => lines.map((fields) => `${fields.join(':')}\n`).join('');
  return { passwd: text(users), group: text(groups), shadow: text(shadow) };
}

function linesOf(file) {
  const lines = readHost(file).split('\n').filter(Boolean);
  return lines.map((line) => line.split(':')).filter(([name, , id]) => name && /^\d+$/.test(id));
}

function readHost(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

module.exports = {
  ...{ HOSTNAME, SANDBOX_PATH, USER_ID },
  ...{ copyHomes, makeBaseLayer, visibleDirectories },
};
