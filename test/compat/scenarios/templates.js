// Scenarios: building templates with the official SDK, which our own client leaves to it.
'use strict';

const needs = ['templates'];
const build = ({ sdk, options }, template, name, settings) =>
  sdk.Template.build(template, name, { ...options, ...settings });

module.exports = [
  {
    op: 'templates.exists',
    name: 'is answered by yes or no',
    needs,
    run: async ({ sdk, options }) => [
      await sdk.Template.exists('base', options),
      await sdk.Template.exists('nope', options),
    ],
    expected: [true, false],
  },
  {
    op: 'templates.build',
    name: 'steps, variables, directory, start and ready commands are in what starts from it',
    needs,
    async run(client, t) {
      const name = `t-${t.mark}`;
      const logs = [];
      const template = client.sdk
        .Template()
        .fromImage('ubuntu:22.04')
        .setEnvs({ FLAVOUR: 'vanilla' })
        .makeDir('/home/user/made')
        .setWorkdir('/home/user/made')
        .runCmd('echo "$FLAVOUR" > built.txt')
        .setStartCmd('echo up > ~/started.txt; sleep 1000', 'test -e ~/started.txt');
      const { templateId } = await build(client, template, name, {
        onBuildLogs: ({ message }) => logs.push(message),
      });
      const box = await t.box({ template: name });
      const { stdout } = await client.run(box, 'cat ~/made/built.txt ~/started.txt; echo $FLAVOUR');
      return [stdout, /^[a-z0-9]{20}$/.test(templateId), logs.length > 0];
    },
    expected: ['vanilla\nup\nvanilla\n', true, true],
  },
  {
    op: 'templates.build',
    name: 'a step that fails ends the build with what it said',
    needs,
    async run(client, t) {
      const template = client.sdk.Template().fromTemplate('base').runCmd('echo so far; exit 3');
      const error = await build(client, template, `t-${t.mark}`).then(
        () => null,
        (reason) => reason,
      );
      return [client.kindOf(error), /exit/.test(error.message)];
    },
    expected: ['template', true],
  },
  {
    op: 'templates.build-status',
    name: 'a build in the background is asked how far it is',
    needs,
    async run(client, t) {
      const { Template } = client.sdk;
      const template = Template().fromTemplate('base').runCmd('true');
      const info = await Template.buildInBackground(template, `t-${t.mark}`, client.options);
      const status = () => Template.getBuildStatus(info, client.options);
      await t.waitFor(async () => (await status()).status === 'ready');
      return (await status()).status;
    },
    expected: 'ready',
  },
  {
    op: 'templates.tags',
    name: 'name the builds of a template',
    needs: ['templates.tags'],
    async run(client, t) {
      const { Template } = client.sdk;
      const { options } = client;
      const name = `t-${t.mark}`;
      const template = Template().fromTemplate('base').runCmd('true');
      const { templateId } = await build(client, template, `${name}:v1`);
      await Template.assignTags(`${name}:v1`, ['stable'], options);
      const tags = async () =>
        (await Template.getTags(templateId, options)).map(({ tag }) => tag).sort();
      const before = await tags();
      const box = await t.box({ template: `${name}:stable` });
      await client.kill(box);
      await Template.removeTags(name, ['stable'], options);
      const after = await tags();
      return [before, after, await t.failure(client.create({ template: `${name}:stable` }))];
    },
    expected: [['stable', 'v1'], ['v1'], 'not-found'],
  },
];
