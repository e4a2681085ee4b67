// Scenarios: commands in a sandbox, in the foreground and in the background.
'use strict';

module.exports = [
  {
    op: 'commands.run',
    name: 'gives both outputs and the exit code',
    async run(client, t) {
      return client.run(await t.box(), 'echo out; echo err >&2; exit 3');
    },
    expected: { exitCode: 3, signal: null, stdout: 'out\n', stderr: 'err\n' },
  },
  {
    op: 'commands.run',
    name: 'has its own directory and variables',
    async run(client, t) {
      const env = { A: 'x y', B: 'é' };
      return (await client.run(await t.box(), 'echo "$A $B $(pwd)"', { cwd: '/tmp', env })).stdout;
    },
    expected: 'x y é /tmp\n',
  },
  {
    op: 'commands.run',
    name: 'begins in the home, which files count from too',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'in.txt', 'from outside');
      const { stdout } = await client.run(box, 'cat in.txt; echo from inside > out.txt');
      return [stdout, await client.read(box, 'out.txt')];
    },
    expected: ['from outside', 'from inside\n'],
  },
  {
    op: 'commands.user',
    name: 'runs as another user',
    async run(client, t) {
      const box = await t.box();
      const names = [];
      for (const user of [undefined, 'root']) {
        names.push((await client.run(box, 'echo $USER', { user })).stdout);
      }
      return names;
    },
    expected: ['user\n', 'root\n'],
  },
  {
    op: 'commands.user',
    name: 'refuses a user that there is not',
    async run(client, t) {
      return t.failure(client.run(await t.box(), 'true', { user: 'nobody-here' }));
    },
    expected: 'authentication',
  },
  {
    op: 'commands.callbacks',
    name: 'tells output as it comes, each of the two to its own listener',
    async run(client, t) {
      const heard = { out: '', err: '' };
      const note = (name) => (text) => {
        heard[name] += text;
      };
      const listeners = { onStdout: note('out'), onStderr: note('err') };
      await client.run(await t.box(), 'echo 1; echo 2 >&2; echo 3', listeners);
      return heard;
    },
    expected: { out: '1\n3\n', err: '2\n' },
  },
  {
    op: 'commands.run',
    name: 'loses nothing of a long output, nor of letters of several bytes',
    async run(client, t) {
      const { stdout } = await client.run(await t.box(), "printf 'é%.0s' $(seq 1 100000)");
      return [stdout.length, stdout === 'é'.repeat(100_000)];
    },
    expected: [100_000, true],
  },
  {
    op: 'commands.run',
    name: 'waits for what its children write after it has ended',
    async run(client, t) {
      return (await client.run(await t.box(), '(sleep 0.1; echo late) & echo now')).stdout;
    },
    expected: 'now\nlate\n',
  },
  {
    op: 'commands.run',
    name: 'a command that there is not ends with 127',
    async run(client, t) {
      return (await client.run(await t.box(), 'no-such-command-here 2>/dev/null')).exitCode;
    },
    expected: 127,
  },
  {
    op: 'commands.run',
    name: 'refuses a directory that there is not',
    async run(client, t) {
      return t.failure(client.run(await t.box(), 'true', { cwd: '/no/such/place' }));
    },
    expected: 'invalid',
  },
  {
    op: 'commands.timeout',
    name: 'is ended at its deadline',
    async run(client, t) {
      const box = await t.box();
      const kind = await t.failure(client.run(box, 'sleep 100', { timeoutS: 0.2 }));
      await t.waitFor(async () => (await client.processes(box)).length === 0);
      return kind;
    },
    expected: 'timeout',
  },
  {
    op: 'commands.background',
    name: 'is fed, listed, and read while it runs',
    async run(client, t) {
      const box = await t.box();
      const handle = await client.start(box, 'read a; echo "got $a"', { stdin: true });
      const [listed] = await client.processes(box);
      await client.send(box, handle.pid, 'it\n');
      const end = await handle.wait();
      return { same: listed.pid === handle.pid, command: listed.command, args: listed.args, end };
    },
    expected: {
      ...{ same: true, command: '/bin/bash', args: ['-l', '-c', 'read a; echo "got $a"'] },
      end: { exitCode: 0, signal: null, stdout: 'got it\n', stderr: '' },
    },
  },
  {
    op: 'commands.stdin',
    name: 'sees the end of its input',
    needs: ['commands.close-stdin'],
    async run(client, t) {
      const box = await t.box();
      const handle = await client.start(box, 'cat; echo end', { stdin: true });
      await client.send(box, handle.pid, 'x\n');
      await client.closeInput(box, handle.pid);
      return (await handle.wait()).stdout;
    },
    expected: 'x\nend\n',
  },
  {
    op: 'commands.stdin',
    name: 'has none unless it was asked for',
    async run(client, t) {
      return (await client.run(await t.box(), 'cat; echo end')).stdout;
    },
    expected: 'end\n',
  },
  {
    op: 'commands.connect',
    name: 'is attached to by a second listener, and lives on without the first',
    async run(client, t) {
      const box = await t.box();
      const first = await client.start(box, 'cat', { stdin: true });
      let heard = '';
      const second = await client.attach(box, first.pid, {
        onStdout: (text) => {
          heard += text;
        },
      });
      await client.send(box, first.pid, 'both\n');
      await t.waitFor(() => heard === 'both\n' && first.stdout() === 'both\n');
      await first.disconnect();
      await client.send(box, first.pid, 'second\n');
      await t.waitFor(() => heard === 'both\nsecond\n');
      await client.killProcess(box, first.pid);
      const { exitCode, signal } = await second.wait();
      return { samePid: second.pid === first.pid, exitCode, signal };
    },
    expected: { samePid: true, exitCode: null, signal: 'SIGKILL' },
  },
  {
    op: 'commands.connect',
    name: 'knows only processes that are there',
    async run(client, t) {
      return t.failure(client.attach(await t.box(), 4_000_000));
    },
    expected: 'not-found',
  },
  {
    op: 'commands.kill',
    name: 'ends a command, and a second time there is none',
    async run(client, t) {
      const box = await t.box();
      const handle = await client.start(box, 'echo on; sleep 100');
      await t.waitFor(() => handle.stdout() === 'on\n');
      const first = await client.killProcess(box, handle.pid);
      const end = await handle.wait();
      await t.waitFor(async () => (await client.processes(box)).length === 0);
      return { first, end, second: await client.killProcess(box, handle.pid) };
    },
    expected: {
      ...{ first: true, second: false },
      end: { exitCode: null, signal: 'SIGKILL', stdout: 'on\n', stderr: '' },
    },
  },
  {
    op: 'commands.gone',
    name: 'is told that its sandbox was ended',
    async run(client, t) {
      const box = await t.box();
      const handle = await client.start(box, 'sleep 100');
      const waiting = t.failure(handle.wait());
      await client.kill(box);
      return waiting;
    },
    expected: 'timeout',
    differs: { own: { expected: 'not-found', why: 'SANDBOX_GONE says what happened' } },
  },
];
