// Scenarios: watching a folder, with what is below it and with what is known of each entry.
'use strict';

const names = (events) => [...new Set(events.map(({ name, type }) => `${type} ${name}`))].sort();

module.exports = [
  {
    op: 'files.watch',
    name: 'tells what is made, written, renamed and removed',
    async run(client, t) {
      const box = await t.box();
      await client.makeDir(box, 'w');
      const events = [];
      const watcher = await client.watch(box, 'w', (event) => events.push(event));
      await client.run(box, 'cd w; echo 1 > a; mv a b; chmod 600 b; rm b');
      await t.waitFor(() => events.some(({ type }) => type === 'remove'));
      await watcher.stop();
      return names(events).filter((text) => !text.startsWith('write'));
    },
    expected: ['chmod b', 'create a', 'create b', 'remove b', 'rename a'],
  },
  {
    op: 'files.watch.recursive',
    name: 'tells what happens in the folders below, also in new ones',
    async run(client, t) {
      const box = await t.box();
      await client.makeDir(box, 'w/old');
      const events = [];
      const watcher = await client.watch(box, 'w', (event) => events.push(event), {
        recursive: true,
      });
      await client.write(box, 'w/old/a', '1');
      await client.makeDir(box, 'w/new');
      await t.waitFor(() => names(events).includes('create new'));
      await client.write(box, 'w/new/b', '1');
      await t.waitFor(() => names(events).includes('create new/b'));
      await watcher.stop();
      return names(events).filter((text) => text.startsWith('create'));
    },
    expected: ['create new', 'create new/b', 'create old/a'],
  },
  {
    op: 'files.watch.entries',
    name: 'describes what it tells of',
    needs: ['files.watch.entries'],
    async run(client, t) {
      const box = await t.box();
      await client.makeDir(box, 'w');
      const events = [];
      const watcher = await client.watch(box, 'w', (event) => events.push(event), {
        entries: true,
      });
      await client.write(box, 'w/a', '1');
      await t.waitFor(() => events.some(({ type }) => type === 'create'));
      await watcher.stop();
      const { entry } = events.find(({ type }) => type === 'create');
      return { path: entry.path, type: entry.type };
    },
    expected: { path: '/home/user/w/a', type: 'file' },
  },
  {
    op: 'files.watch.network-mounts',
    name: 'allows a folder to lie on a network, which is nothing to one that does not',
    needs: ['files.watch.entries'],
    async run(client, t) {
      const box = await t.box();
      await client.makeDir(box, 'w');
      const events = [];
      const onEvent = (event) => events.push(event);
      const watcher = await client.watch(box, 'w', onEvent, { networkMounts: true });
      await client.write(box, 'w/a', '1');
      await t.waitFor(() => names(events).includes('create a'));
      await watcher.stop();
      return true;
    },
    expected: true,
  },
  {
    op: 'files.watch',
    name: 'knows only folders that are there',
    async run(client, t) {
      return t.failure(client.watch(await t.box(), 'nothing', () => {}));
    },
    expected: 'not-found',
  },
];
