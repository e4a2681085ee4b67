// Scenarios: the official SDK's helpers for git, which are commands of the sandbox's own git.
'use strict';

const WHO = { authorName: 'Ann', authorEmail: 'ann@example.com' };
const needs = ['git'];
const modes = ['url']; // they are commands, which both modes have; git itself takes its time

/** A repository with one commit on `main`. */
async function repository(t, path = 'repo') {
  const box = await t.box();
  const { git } = box.sandbox;
  await git.init(path, { initialBranch: 'main' });
  await box.sandbox.files.write(`${path}/a.txt`, 'one\n');
  await git.add(path);
  await git.commit(path, 'first', WHO);
  return { git, files: box.sandbox.files, commands: box.sandbox.commands };
}

module.exports = [
  {
    op: 'git.commit',
    name: 'init, add, commit and status',
    needs,
    modes,
    async run(client, t) {
      const { git, files } = await repository(t);
      const clean = (await git.status('repo')).isClean;
      await files.write('repo/a.txt', 'two\n');
      await files.write('repo/b.txt', 'new\n');
      const { currentBranch, fileStatus, hasUntracked, totalCount } = await git.status('repo');
      const statuses = fileStatus.map(({ name, status }) => `${status} ${name}`).sort();
      return { clean, currentBranch, hasUntracked, totalCount, statuses };
    },
    expected: {
      ...{ clean: true, currentBranch: 'main', hasUntracked: true, totalCount: 2 },
      statuses: ['modified a.txt', 'untracked b.txt'],
    },
  },
  {
    op: 'git.branches',
    name: 'branches are made, taken and deleted',
    needs,
    modes,
    async run(client, t) {
      const { git } = await repository(t);
      await git.createBranch('repo', 'topic');
      const made = await git.branches('repo');
      await git.checkoutBranch('repo', 'main');
      await git.deleteBranch('repo', 'topic', { force: true });
      const left = await git.branches('repo');
      return [made.currentBranch, [...made.branches].sort(), left.branches];
    },
    expected: ['topic', ['main', 'topic'], ['main']],
  },
  {
    op: 'git.reset',
    name: 'reset and restore take changes back',
    needs,
    modes,
    async run(client, t) {
      const { git, files } = await repository(t);
      await files.write('repo/a.txt', 'two\n');
      await git.add('repo');
      await git.reset('repo', { paths: ['a.txt'] });
      const unstaged = (await git.status('repo')).hasStaged;
      await git.restore('repo', { paths: ['a.txt'] });
      return [unstaged, await files.read('repo/a.txt')];
    },
    expected: [false, 'one\n'],
  },
  {
    op: 'git.remote',
    name: 'clone, push and pull between repositories of the sandbox',
    needs,
    modes,
    async run(client, t) {
      const { git, files, commands } = await repository(t);
      await git.init('hub.git', { bare: true, initialBranch: 'main' });
      const hub = `${(await commands.run('pwd')).stdout.trim()}/hub.git`;
      await git.remoteAdd('repo', 'origin', hub);
      const known = (await git.remoteGet('repo', 'origin')) === hub;
      await git.push('repo', { remote: 'origin', branch: 'main', setUpstream: true });
      await git.clone(hub, { path: 'copy' });
      await files.write('copy/b.txt', 'of the copy\n');
      await git.add('copy');
      await git.commit('copy', 'second', WHO);
      await git.push('copy');
      await git.pull('repo');
      return [known, await files.read('repo/b.txt')];
    },
    expected: [true, 'of the copy\n'],
  },
  {
    op: 'git.config',
    name: 'settings are kept, and who commits',
    needs,
    modes,
    async run(client, t) {
      const { git } = await repository(t);
      await git.setConfig('pull.rebase', 'true', { scope: 'local', path: 'repo' });
      await git.configureUser('Bob', 'bob@example.com');
      return [
        await git.getConfig('pull.rebase', { scope: 'local', path: 'repo' }),
        await git.getConfig('user.name'),
      ];
    },
    expected: ['true', 'Bob'],
  },
];
