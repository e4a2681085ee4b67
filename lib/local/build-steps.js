// The steps of a template's build: RUN, COPY, ENV, WORKDIR, USER, each carried out inside the build's
// sandbox. A step changes the image that is being made, or the sandbox's files, and nothing else.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const STEP_MS = 60 * 60_000;
const GZIP_MAGIC = 0x8b1f;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * What COPY does, with the archive on stdin: one file goes to the destination itself or, when that is
 * a directory, into it; of a directory go its contents; of a pattern all that it fits.
 */
const COPY_SCRIPT = `set -e
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
tar -x --no-same-owner $COPY_TAR -f - -C "$staged"
cd "$staged"
shopt -s nullglob dotglob
IFS=
if [ -e "$COPY_FROM" ] || [ -L "$COPY_FROM" ]; then found=("$COPY_FROM"); else found=($COPY_FROM); fi
[ \${#found[@]} -gt 0 ] || { echo "no file fits '$COPY_FROM'" >&2; exit 1; }
if [ -n "$COPY_MODE" ]; then chmod -R "$COPY_MODE" "\${found[@]}"; fi
chown -hR "$COPY_OWNER" "\${found[@]}" || echo "the owner stays as it is" >&2
for one in "\${found[@]}"; do
  if [ -d "$one" ] && [ ! -L "$one" ]; then
    mkdir -p "$COPY_TO"
    cp -a "$one/." "$COPY_TO/"
  elif [ \${#found[@]} -gt 1 ] || [ "\${COPY_TO%/}" != "$COPY_TO" ] || [ -d "$COPY_TO" ]; then
    mkdir -p "$COPY_TO"
    cp -a "$one" "$COPY_TO/"
  else
    mkdir -p "$(dirname "$COPY_TO")"
    cp -aT "$one" "$COPY_TO"
  fi
done
`;

const STEPS = { RUN: run, COPY: copy, ENV: env, WORKDIR: workdir, USER: user };

/**
 * @param {{ type: string, args?: string[] }} instruction
 * @param {object} build
 * @param {import('./sandbox-life').SandboxLife} build.life  of the sandbox
 * @param {{ envVars: object, user: string, workdir: string }} build.image  changed by the step
 * @param {string} [build.archive]  a tar file, maybe gzipped: what COPY takes its files from
 * @param {(message: string, level?: string) => void} build.say
 * @param {AbortController} build.abort
 * @throws {Error} the step failed; the message is for the user
 */
async function runStep({ type, args = [] }, build) {
  const step = Object.hasOwn(STEPS, type.toUpperCase()) ? STEPS[type.toUpperCase()] : null;
  if (!step) throw new Error(`unknown step type '${type}'`);
  build.say([type, ...args].filter(Boolean).join(' '));
  await step(args, build);
}

async function run([cmd, asUser], build) {
  if (!cmd) throw new Error('RUN: no command');
  await execute(build, { cmd, user: asUser || build.image.user });
}

async function copy([from, to, owner, mode], build) {
  if (!from || !to) throw new Error('COPY: source and destination are required');
  if (!build.archive) throw new Error('COPY: no files were uploaded for it');
  if (!fs.existsSync(build.archive)) throw new Error(`COPY: the files of '${from}' are missing`);
  if (path.posix.normalize(from).startsWith('..') || from.startsWith('/')) {
    throw new Error(`COPY: '${from}' leaves the build's directory`);
  }
  const target = path.posix.resolve(directoryOf(build.image), to);
  const variables = {
    COPY_FROM: from,
    COPY_TO: (await build.life.shellPath(target)) + (to.endsWith('/') ? '/' : ''),
    COPY_OWNER: owner || build.image.user,
    COPY_MODE: mode ?? '',
    COPY_TAR: (await isGzip(build.archive)) ? '-z' : '',
  };
  const input = fs.createReadStream(build.archive);
  await execute(build, { cmd: COPY_SCRIPT, user: 'root', cwd: '/', variables, input });
}

async function env(args, { image }) {
  if (args.length === 0 || args.length % 2 !== 0) throw new Error('ENV: names and values in turn');
  for (let i = 0; i < args.length; i += 2) {
    if (!VARIABLE.test(args[i])) throw new Error(`ENV: '${args[i]}' is not a variable's name`);
    image.envVars[args[i]] = args[i + 1];
  }
}

async function workdir([directory], build) {
  if (!directory) throw new Error('WORKDIR: no directory');
  const { image } = build;
  const wanted = path.posix.resolve(directoryOf(image), directory);
  const cmd = `[ -d "$DIRECTORY" ] || { mkdir -p "$DIRECTORY" && { chown "$OWNER" "$DIRECTORY" || echo "the owner stays as it is" >&2; }; }`;
  const variables = { DIRECTORY: await build.life.shellPath(wanted), OWNER: image.user };
  await execute(build, { cmd, user: 'root', cwd: '/', variables });
  image.workdir = wanted;
}

async function user([name], build) {
  if (!/^[a-z_][a-z0-9_-]*$/i.test(name ?? '')) throw new Error(`USER: '${name}' is not a name`);
  const cmd = 'id -u "$NAME" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$NAME"';
  await execute(build, { cmd, user: 'root', cwd: '/', variables: { NAME: name } });
  build.image.user = name;
}

function directoryOf({ user: name, workdir: directory }) {
  return directory || (name === 'root' ? '/root' : `/home/${name}`);
}

async function execute({ life, image, say, abort }, { cmd, user: asUser, variables, ...options }) {
  const lines = { stdout: lineSplitter(say), stderr: lineSplitter((line) => say(line, 'warn')) };
  const { exitCode, status } = await life.run({
    ...{ cmd, user: asUser, cwd: image.workdir || undefined, timeoutMs: STEP_MS },
    ...{ signal: abort.signal, onOutput: (bytes, name) => lines[name].push(bytes) },
    ...options,
    env: { ...image.envVars, ...variables },
  });
  for (const splitter of Object.values(lines)) splitter.end();
  abort.signal.throwIfAborted();
  if (exitCode !== 0) throw new Error(`the command failed: ${status}`);
}

/** Tells whole lines, however the bytes come; a line without an end is told in pieces. */
function lineSplitter(tell) {
  const decoder = new TextDecoder();
  let rest = '';
  const flush = () => {
    if (rest !== '') tell(rest);
    rest = '';
  };
  return {
    push(bytes) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = parts.pop();
      for (const line of parts) tell(line);
      if (rest.length > 4096) flush();
    },
    end: flush,
  };
}

async function isGzip(file) {
  const handle = await fs.promises.open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16LE(0) === GZIP_MAGIC;
  } finally {
    await handle.close();
  }
}

module.exports = { runStep };
