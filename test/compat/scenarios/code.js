// Scenarios: code in the interpreter of a sandbox.
'use strict';

const needs = ['code'];
const TEMPLATE = 'code-interpreter-v1';
const template = { template: TEMPLATE };

module.exports = [
  {
    op: 'code.run',
    name: 'gives the value of the last line, and what was printed',
    needs,
    async run(client, t) {
      return client.runCode(await t.box(template), 'print("hi")\n6 * 7');
    },
    expected: { text: '42', results: 1, count: 1, stdout: 'hi\n', stderr: '', error: null },
  },
  {
    op: 'code.run',
    name: 'keeps its state between runs',
    needs,
    async run(client, t) {
      const box = await t.box(template);
      await client.runCode(box, 'x = 20');
      const { text, count } = await client.runCode(box, 'x + 3');
      return [text, count];
    },
    expected: ['23', 2],
  },
  {
    op: 'code.errors',
    name: 'what the code throws is a result',
    needs,
    async run(client, t) {
      const { error, text } = await client.runCode(await t.box(template), '1 / 0');
      return [error.name, error.value, text];
    },
    expected: ['ZeroDivisionError', 'division by zero', null],
  },
  {
    op: 'code.callbacks',
    name: 'tells output and results as they come',
    needs,
    async run(client, t) {
      const heard = { out: '', err: '', results: 0 };
      await client.runCode(
        await t.box(template),
        'import sys\nprint("a")\nprint("b", file=sys.stderr)\n1',
        {
          onStdout: (text) => {
            heard.out += text;
          },
          onStderr: (text) => {
            heard.err += text;
          },
          onResult: () => {
            heard.results += 1;
          },
        },
      );
      return heard;
    },
    expected: { out: 'a\n', err: 'b\n', results: 1 },
  },
  {
    op: 'code.env',
    name: 'has the variables of the run',
    needs,
    async run(client, t) {
      const box = await t.box({ ...template, env: { OF_BOX: 'box' } });
      const code = 'import os\nos.environ["OF_RUN"] + os.environ["OF_BOX"]';
      return (await client.runCode(box, code, { env: { OF_RUN: 'run' } })).text;
    },
    expected: "'runbox'",
  },
  {
    op: 'code.languages',
    name: 'speaks JavaScript and bash too',
    needs,
    async run(client, t) {
      const box = await t.box(template);
      const js = await client.runCode(box, 'console.log("js"); 1 + 1', { language: 'javascript' });
      const bash = await client.runCode(box, 'echo $((2 + 3))', { language: 'bash' });
      return [js.stdout, js.text, bash.stdout];
    },
    expected: ['js\n', '2', '5\n'],
  },
  {
    op: 'code.contexts',
    name: 'have variables of their own, are listed, restarted and removed',
    needs,
    async run(client, t) {
      const box = await t.box(template);
      const context = await client.createContext(box, { language: 'python', cwd: '/tmp' });
      await client.runCode(box, 'y = 5', { context });
      const inside = (await client.runCode(box, 'y', { context })).text;
      const outside = (await client.runCode(box, 'y')).error.name;
      const cwd = (await client.runCode(box, 'import os\nos.getcwd()', { context })).text;
      const listed = (await client.contexts(box)).some(({ id }) => id === context.id);
      await client.restartContext(box, context);
      const fresh = (await client.runCode(box, 'y', { context })).error.name;
      await client.removeContext(box, context);
      const left = (await client.contexts(box)).some(({ id }) => id === context.id);
      return { inside, outside, cwd, listed, fresh, left };
    },
    expected: {
      ...{ inside: '5', outside: 'NameError', cwd: "'/tmp'", listed: true, fresh: 'NameError' },
      left: false,
    },
  },
];
