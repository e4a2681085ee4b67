// The official client builds a template from steps and starts a sandbox of it. Prints what it found.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Sandbox, Template } from 'e2b';

const context = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-context-'));
fs.mkdirSync(path.join(context, 'app/sub'), { recursive: true });
fs.writeFileSync(path.join(context, 'app/main.txt'), 'main');
fs.writeFileSync(path.join(context, 'app/sub/deep.txt'), 'deep');
fs.writeFileSync(path.join(context, 'one.txt'), 'one');
process.on('exit', () => fs.rmSync(context, { recursive: true }));

const template = Template({ fileContextPath: context })
  .fromImage('ubuntu:22.04')
  .setEnvs({ FLAVOUR: 'vanilla' })
  .setWorkdir('/home/user/work')
  .copy('app', 'copied')
  .copy('one.txt', '/home/user/uno.txt')
  .runCmd('echo "$FLAVOUR $(cat copied/sub/deep.txt)" > built.txt')
  .setStartCmd('echo started > ~/started.txt; sleep 1000', 'test -e ~/started.txt');
const logs = [];
const built = await Template.build(template, 'my-template:v1', {
  tags: ['v2'],
  onBuildLogs: ({ message }) => logs.push(message),
});
const sandbox = await Sandbox.create('my-template:v2');
const read = async (cmd) => (await sandbox.commands.run(cmd)).stdout.trim();
const found = {
  built: { ...built, isTemplateId: /^[a-z0-9]{20}$/.test(built.templateId) },
  logs,
  files: await read('cd; cat work/built.txt work/copied/main.txt uno.txt started.txt'),
  env: await read('echo $FLAVOUR'),
  processes: (await sandbox.commands.list()).map(({ tag }) => tag),
  exists: await Template.exists('my-template'),
};
const failing = Template().fromTemplate('my-template:v1').runCmd('echo so far; exit 3');
found.failure = await Template.build(failing, 'failing').catch((error) => error.message);
await sandbox.kill();
console.log(JSON.stringify(found));
