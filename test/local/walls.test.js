// What a sandbox is like from the inside, where the machine gives it walls: users, files, processes,
// its host name. The rungs themselves, as really reported.
'use strict';

const fs = require('node:fs');
const { waitFor, withBackend } = require('../helpers/backend');
const { Client } = require('../unit/local/client');

const far = withBackend({ isolation: 'namespaces' });
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

const basic = (user) => ({
  authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}`,
});
const run = async (line, user = 'user') => {
  const { stdout, stderr } = await client.run(sandbox, line, { headers: basic(user) });
  return (stdout + stderr).trim();
};

test('a sandbox knows only its own processes, and their pids are those of the API', async () => {
  const { pid } = await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  const listed = (await run('ps -eo pid,comm --no-headers')).split('\n').map((row) => row.trim());
  expect(listed).toContain(`${pid} sleep`);
  expect(listed.length).toBeLessThan(8);
  expect(pid).toBeLessThan(1000);
});

test('the user is `user`, in the home, and root is root', async () => {
  expect(await run('id -un; id -u; echo $HOME $USER; pwd')).toBe(
    'user\n1000\n/home/user user\n/home/user',
  );
  expect(await run('id -un; id -u; echo $HOME; pwd', 'root')).toBe('root\n0\n/root\n/root');
});

test('the user becomes root without a password', async () => {
  expect(await run('sudo id -u')).toBe('0');
  expect(await run('sudo -u user id -un')).toBe('user');
});

test('it has a name, a hosts file that knows it, and homes with login files', async () => {
  expect(await run('hostname; getent hosts e2b.local | tail -1 | grep -c e2b.local')).toBe(
    'e2b.local\n1',
  );
  expect(await run('ls -A ~')).toBe('.bashrc\n.profile');
});

test('what it writes is not the host’s: in /etc, /usr, /tmp, /home, and at the top', async () => {
  const name = `e2b-walls-${process.pid}`;
  // What of the host's the one identity of `user` could not write to, and nothing of ours is in, is
  // read-only.
  const ofRoot = far.backend.isolation.has.users ? ['/opt'] : [];
  const tops = ['/etc', '/usr', '/tmp', '/home', ...ofRoot, ''];
  const places = tops.map((place) => `${place}/${name}`);
  const line = places.map((place) => `echo x > ${place} && cat ${place}`).join('; ');
  expect(await run(line, 'root')).toBe('x\n'.repeat(places.length).trim());
  expect(places.filter((place) => fs.existsSync(place))).toEqual([]);
});

test('the host’s homes and the backend’s own directory are not seen', async () => {
  const [{ home }] = far.backend.sandboxes();
  const own = home.slice(0, home.lastIndexOf('/run/'));
  expect(await run(`ls ${own} 2>&1 | tail -1`, 'root')).toContain('No such file');
  expect(await run('ls -A /root /home', 'root')).toBe('/home:\nuser\n\n/root:\n.bashrc\n.profile');
});

test('two sandboxes do not see each other’s files', async () => {
  const other = await client.create();
  await run('echo mine > /tmp/x; echo mine > ~/x');
  const { stdout } = await client.run(other, 'ls /tmp/x ~/x 2>/dev/null | wc -l');
  expect(stdout.trim()).toBe('0');
});

test('node and a login shell are at hand', async () => {
  const login = { cmd: '/bin/bash', args: ['-l', '-c', 'node -p process.version; echo $PATH'] };
  const { stdout } = await client.stream(sandbox, '/process.Process/Start', {
    ...{ process: login, stdin: false },
  });
  expect(stdout.split('\n')[0]).toBe(process.version);
});

test('a user that was made inside is one for the API too', async () => {
  await run('useradd -m -d /home/alice alice || true', 'root');
  const made = await run('getent passwd alice | cut -d: -f6', 'root');
  if (far.backend.isolation.has.users) expect(made).toBe('/home/alice');
  else expect(['', '/home/alice']).toContain(made);
});

test('what the sandbox uses is measured, its disk too', async () => {
  await run('head -c 5000000 /dev/zero > big');
  await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  await waitFor(async () => {
    const { json } = await client.envd(sandbox, 'GET', '/metrics');
    expect(json).toMatchObject({ cpu_count: 2, mem_total: 2 ** 30, disk_total: 2 ** 30 });
    return json.disk_used > 5_000_000 && json.mem_used > 0;
  });
});

test('the isolation is told as it is', () => {
  const { isolation } = far.backend;
  expect(isolation.asked).toBe('namespaces');
  expect(isolation.rung).toBe(process.getuid() === 0 ? 'root' : 'user');
  expect(isolation.has).toMatchObject({ files: true, network: true });
  expect(isolation.has.users).toBe(process.getuid() === 0);
  expect(isolation.stops.join('\n')).toMatch(/files:[^]*processes:[^]*network:/);
  expect(isolation.doesNotStop.join('\n')).toMatch(/kernel:/);
});
