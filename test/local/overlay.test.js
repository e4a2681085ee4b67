// A machine whose files lie on overlayfs, as those of most containers do: what the backend makes of it.
// Its mounts are made in a mount namespace of their own, which takes root.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const PROGRAM = path.join(__dirname, 'children/ordinary-user.js');
const ORDINARY = 1000;
// $1: a folder of ours; $2: options of the memory; $3: who; then the program.
const MACHINE = `
  set -e
  mkdir "$1/lower" "$1/upper" "$1/work" "$1/tmp"
  mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/tmp"
  chmod 1777 "$1/tmp"
  mount -t tmpfs -o "nosuid,nodev,noexec,$2" shm /dev/shm
  export TMPDIR="$1/tmp"
  who=$3
  shift 3
  exec setpriv --reuid "$who" --regid "$who" --clear-groups "$@"
`;
const onlyRoot = process.getuid() === 0 ? describe : describe.skip;
let folder;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-overlay-'));
  fs.chmodSync(folder, 0o755);
});

afterEach(() => fs.rmSync(folder, { recursive: true, maxRetries: 3 }));

async function see({ memory = 'size=64m', uid = ORDINARY, args }) {
  const shell = ['-m', 'sh', '-c', MACHINE, 'machine', folder, memory, `${uid}`];
  const program = [process.execPath, PROGRAM, ...args];
  const options = { cwd: '/', env: { PATH: process.env.PATH } };
  const { stdout, stderr } = await promisify(execFile)('unshare', [...shell, ...program], options);
  return { ...JSON.parse(stdout), stderr };
}

onlyRoot('where the temporary directory is an overlay', () => {
  test.each([
    ['an ordinary user', ORDINARY, 'user'],
    ['root', 0, 'root'],
  ])('%s gets walls in memory, and is told', async (_, uid, rung) => {
    const seen = await see({ uid, args: ['auto'] });
    expect(seen.isolation).toMatchObject({ rung, asked: 'auto', has: { files: true } });
    expect(seen).toMatchObject({ written: 'x\ny', script: 'ran', stderr: '' });
    expect(seen.left).toEqual({ sandboxes: 0, processes: 0 });
    expect(seen.said.join('\n')).toMatch(/overlay: files of sandboxes lie in \/dev\/shm, 6\d MiB/);
  });

  test('a state directory there is refused, with what helps', async () => {
    const args = ['namespaces', path.join(folder, 'tmp/state')];
    await expect(see({ args })).rejects.toThrow(
      /user: lay files over an overlay; give a stateDir on a volume or in memory, in place of \/\S+\/tmp\/state\//,
    );
  });

  test('a state directory beside it has walls, and nothing needs to be told', async () => {
    const seen = await see({ args: ['auto', '/dev/shm/state'] });
    expect(seen.isolation).toMatchObject({ rung: 'user', has: { files: true } });
    expect(seen.said.join('\n')).not.toContain('overlay');
  });

  test('without memory there are no walls, and the warning says what helps', async () => {
    const seen = await see({ memory: 'size=1m', args: ['auto'] });
    expect(seen.isolation).toMatchObject({ rung: 'none', has: { files: false } });
    expect(seen.script).toBe('ran');
    expect(seen.stderr).toMatch(/isolates nothing[^]*give a stateDir on a volume/);
  });
});
