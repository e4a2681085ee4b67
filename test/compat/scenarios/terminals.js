// Scenarios: programs on a terminal: what they see of it, and how it is changed and ended.
'use strict';

module.exports = [
  {
    op: 'pty.create',
    name: 'a shell on a terminal echoes, answers, and knows its size and variables',
    async run(client, t) {
      let screen = '';
      const terminal = await client.terminal(await t.box(), {
        ...{ cols: 91, rows: 17, env: { FLAVOUR: 'vanilla' }, cwd: '/tmp' },
        onText: (text) => {
          screen += text;
        },
      });
      await terminal.type('stty size; echo "$FLAVOUR in $PWD, $TERM"; exit 7\n');
      const { exitCode } = await terminal.wait();
      const shown = (text) => screen.includes(text);
      return [
        exitCode,
        shown('17 91'),
        shown('vanilla in /tmp, xterm-256color'),
        shown('stty size'),
      ];
    },
    expected: [7, true, true, true],
  },
  {
    op: 'pty.resize',
    name: 'a program hears of the new size',
    async run(client, t) {
      let screen = '';
      const terminal = await client.terminal(await t.box(), {
        ...{ cols: 80, rows: 24 },
        onText: (text) => {
          screen += text;
        },
      });
      await terminal.resize({ cols: 100, rows: 30 });
      await terminal.type('stty size; exit\n');
      await terminal.wait();
      return screen.includes('30 100');
    },
    expected: true,
  },
  {
    op: 'pty.kill',
    name: 'is ended, and a second time there is none',
    async run(client, t) {
      const box = await t.box();
      const terminal = await client.terminal(box, { cols: 80, rows: 24, onText: () => {} });
      const [before] = await client.processes(box);
      const killed = await terminal.kill();
      const { exitCode, signal } = await terminal.wait();
      return { listed: before.pid === terminal.pid, killed, exitCode, signal };
    },
    expected: { listed: true, killed: true, exitCode: null, signal: 'SIGKILL' },
  },
];
