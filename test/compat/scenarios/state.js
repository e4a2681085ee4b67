// Scenarios: what is kept of a sandbox when it is paused, copied, or made a template of.
'use strict';

const stateOf = async (client, box) => (await client.info(box)).state;

module.exports = [
  {
    op: 'sandbox.pause',
    name: 'with its memory keeps what runs',
    async run(client, t) {
      const box = await t.box();
      const { pid } = await client.start(box, 'sleep 1000').then((handle) => t.let(handle));
      const paused = [await client.pause(box), await client.pause(box)];
      const state = await stateOf(client, box);
      const again = await client.connect(box);
      const [running] = await client.processes(again);
      return { paused, state, same: running.pid === pid, now: await stateOf(client, box) };
    },
    expected: { paused: [true, false], state: 'paused', same: true, now: 'running' },
  },
  {
    op: 'sandbox.pause.files-only',
    name: 'without its memory keeps its files alone',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'kept.txt', 'kept');
      await client.start(box, 'sleep 1000').then((handle) => t.let(handle));
      const paused = await client.pause(box, { memory: false });
      const state = await stateOf(client, box);
      const again = await client.connect(box);
      const running = await client.processes(again);
      return [paused, state, await client.read(again, 'kept.txt'), running.length];
    },
    expected: [true, 'paused', 'kept', 0],
  },
  {
    op: 'sandbox.pause',
    name: 'one that is paused answers nobody, and says so',
    async run(client, t) {
      const box = await t.box();
      await client.pause(box);
      const run = await t.failure(client.run(box, 'true'));
      return [run, await client.kill(box), await t.failure(client.info(box))];
    },
    expected: ['not-found', true, 'not-found'],
  },
  {
    op: 'sandbox.connect',
    name: 'resumes one that is paused, for the time that is asked for',
    async run(client, t) {
      const box = await t.box({ timeoutS: 100 });
      await client.pause(box);
      const again = await client.connect(box, { timeoutS: 400 });
      const { stdout } = await client.run(again, 'echo awake');
      const { endsInS } = await client.info(box);
      return [stdout, endsInS > 390 && endsInS < 401];
    },
    expected: ['awake\n', true],
  },
  {
    op: 'sandbox.connect.reboot',
    name: 'boots one that was paused with its memory anew, if that is asked for',
    needs: ['connect.reboot'],
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'kept.txt', 'kept');
      await client.start(box, 'sleep 1000').then((handle) => t.let(handle));
      await client.pause(box);
      const again = await client.connect(box, { reboot: true });
      return [await client.read(again, 'kept.txt'), (await client.processes(again)).length];
    },
    expected: ['kept', 0],
  },
  {
    op: 'sandbox.auto-pause',
    name: 'is paused, not ended, when its life is over',
    async run(client, t) {
      const box = await t.box({ timeoutS: 1, autoPause: true });
      await client.write(box, 'kept.txt', 'kept');
      await t.waitFor(async () => (await stateOf(client, box)) === 'paused');
      const again = await client.connect(box, { timeoutS: 60 });
      return client.read(again, 'kept.txt');
    },
    expected: 'kept',
  },
  {
    op: 'sandbox.auto-pause.files-only',
    name: 'is paused without its memory when its life is over',
    needs: ['create.auto-pause-memory'],
    async run(client, t) {
      const box = await t.box({ timeoutS: 1, autoPause: true, keepMemory: false });
      await client.start(box, 'sleep 1000').then((handle) => t.let(handle));
      await t.waitFor(async () => (await stateOf(client, box)) === 'paused');
      const again = await client.connect(box, { timeoutS: 60 });
      return (await client.processes(again)).length;
    },
    expected: 0,
  },
  {
    op: 'sandbox.auto-resume',
    name: 'is woken by traffic',
    needs: ['create.auto-resume'],
    async run(client, t) {
      const box = await t.box({ timeoutS: 100, autoPause: true, autoResume: true });
      await client.write(box, 'kept.txt', 'kept');
      await client.pause(box);
      const text = await client.read(box, 'kept.txt');
      return [text, await stateOf(client, box)];
    },
    expected: ['kept', 'running'],
  },
  {
    op: 'sandbox.fork',
    name: 'makes copies that go on by themselves',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'a', 'before');
      const forks = await client.fork(box, { count: 2, timeoutS: 60 });
      for (const fork of forks) t.own(fork);
      await client.write(box, 'a', 'after');
      await client.write(forks[0], 'a', 'first');
      const texts = await Promise.all([box, ...forks].map((one) => client.read(one, 'a')));
      const ids = new Set([box, ...forks].map(({ id }) => id));
      return { texts, ids: ids.size };
    },
    expected: { texts: ['after', 'first', 'before'], ids: 3 },
  },
  {
    op: 'sandbox.fork',
    name: 'knows only sandboxes that are there',
    run: (client, t) =>
      t.failure(client.fork({ id: 'iaaaaaaaaaaaaaaaaaaaa' }, { count: 1, timeoutS: 60 })),
    expected: 'not-found',
  },
  {
    op: 'snapshots.create',
    name: 'is a template of new sandboxes, listed, and deleted once',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'kept.txt', 'kept');
      const snapshot = await client.snapshot(box);
      await client.write(box, 'kept.txt', 'changed');
      const other = await t.box({ template: snapshot });
      const texts = [await client.read(box, 'kept.txt'), await client.read(other, 'kept.txt')];
      const listed = (await client.listSnapshots(box)).includes(snapshot);
      await client.kill(other);
      const deleted = [
        await client.deleteSnapshot(snapshot),
        await client.deleteSnapshot(snapshot),
      ];
      const gone = await t.failure(client.create({ template: snapshot }));
      return { texts, listed, deleted, gone };
    },
    expected: {
      ...{ texts: ['changed', 'kept'], listed: true, deleted: [true, false], gone: 'not-found' },
    },
  },
  {
    op: 'snapshots.name',
    name: 'is found by its name, and made anew under it',
    needs: ['snapshots.name'],
    async run(client, t) {
      const name = `snap-${t.mark}`;
      const box = await t.box();
      await client.write(box, 'a', '1');
      const first = await client.snapshot(box, name);
      await client.write(box, 'a', '2');
      const second = await client.snapshot(box, name);
      const text = await client.read(await t.box({ template: name }), 'a');
      return [first === second, first.endsWith(`${name}:default`), text];
    },
    expected: [true, true, '2'],
  },
];
