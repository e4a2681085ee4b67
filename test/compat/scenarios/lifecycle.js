// Scenarios: the life of a sandbox, from its making to its end.
'use strict';

const HARD_METADATA = { 'app name': 'a&b=c +%', user: 'é' };

module.exports = [
  {
    op: 'sandbox.create',
    name: 'has the life, the metadata and the variables that it was created with',
    async run(client, t) {
      const metadata = { mark: t.mark };
      const env = { GREETING: 'hallo' };
      const box = await t.box({ template: 'base', timeoutS: 90, metadata, env });
      const { state, lifeS, metadata: told, template } = await client.info(box);
      const { stdout } = await client.run(box, 'echo $GREETING');
      return { state, lifeS, marked: told.mark === t.mark, template, stdout };
    },
    expected: {
      ...{ state: 'running', lifeS: 90, marked: true, template: 'base', stdout: 'hallo\n' },
    },
  },
  {
    op: 'sandbox.create',
    name: 'starts from the template that is named',
    async run(client, t) {
      const { template, cpuCount, memoryMb } = await client.info(
        await t.box({ template: 'python' }),
      );
      return { template, cpuCount, memoryMb };
    },
    expected: { template: 'python', cpuCount: 2, memoryMb: 1024 },
  },
  {
    op: 'sandbox.create',
    name: 'refuses a template that there is not',
    run: (client, t) => t.failure(client.create({ template: 'no-such-template' })),
    expected: 'not-found',
  },
  {
    op: 'sandbox.create',
    name: 'refuses a life of no length',
    run: (client, t) => t.failure(client.create({ timeoutS: -1 })),
    expected: 'invalid',
  },
  {
    op: 'sandbox.create',
    name: 'makes twenty at once, each with its own output',
    async run(client, t) {
      const boxes = await Promise.all(Array.from({ length: 20 }, () => t.box()));
      const runs = await Promise.all(boxes.map((box, i) => client.run(box, `echo ${i}`)));
      return runs.every(({ stdout }, i) => stdout === `${i}\n`);
    },
    expected: true,
  },
  {
    op: 'sandbox.kill',
    name: 'ends a sandbox once',
    async run(client, t) {
      const box = await t.box();
      const before = await client.isRunning(box);
      const [first, second] = [await client.kill(box), await client.kill(box)];
      return {
        ...{ before, first, second, after: await client.isRunning(box) },
        info: await t.failure(client.info(box)),
        run: await t.failure(client.run(box, 'true')),
      };
    },
    expected: {
      ...{ before: true, first: true, second: false, after: false },
      ...{ info: 'not-found', run: 'not-found' },
    },
  },
  {
    op: 'sandbox.kill',
    name: 'a sandbox that never was counts as ended',
    run: (client) => client.kill({ id: 'iaaaaaaaaaaaaaaaaaaaa' }),
    expected: false,
  },
  {
    op: 'sandbox.timeout',
    name: 'ends by itself when its life is over',
    async run(client, t) {
      const box = await t.box({ timeoutS: 1 });
      await t.waitFor(async () => (await t.failure(client.info(box))) === 'not-found');
      return client.isRunning(box);
    },
    expected: false,
  },
  {
    op: 'sandbox.set-timeout',
    name: 'moves the end both ways',
    async run(client, t) {
      const box = await t.box({ timeoutS: 100 });
      await client.setTimeout(box, 600);
      const later = (await client.info(box)).endsInS;
      await client.setTimeout(box, 30);
      const earlier = (await client.info(box)).endsInS;
      return [later > 590 && later < 601, earlier > 20 && earlier < 31];
    },
    expected: [true, true],
  },
  {
    op: 'sandbox.set-timeout',
    name: 'knows only sandboxes that are there',
    run: (client, t) => t.failure(client.setTimeout({ id: 'iaaaaaaaaaaaaaaaaaaaa' }, 10)),
    expected: 'not-found',
  },
  {
    op: 'sandbox.connect',
    name: 'gives one that runs, and only ever prolongs its life',
    async run(client, t) {
      const box = await t.box({ timeoutS: 100 });
      const connected = await client.connect(box, { timeoutS: 10 });
      const short = (await client.info(box)).endsInS;
      await client.connect(box, { timeoutS: 500 });
      const long = (await client.info(box)).endsInS;
      const { stdout } = await client.run(connected, 'echo same');
      return { stdout, kept: short > 90, prolonged: long > 490 };
    },
    expected: { stdout: 'same\n', kept: true, prolonged: true },
  },
  {
    op: 'sandbox.connect',
    name: 'knows only sandboxes that are there',
    run: (client, t) => t.failure(client.connect({ id: 'iaaaaaaaaaaaaaaaaaaaa' })),
    expected: 'not-found',
  },
  {
    op: 'sandbox.list',
    name: 'finds by metadata that needs encoding, page by page',
    async run(client, t) {
      const metadata = { ...HARD_METADATA, mark: t.mark };
      const boxes = [];
      for (let i = 0; i < 3; i += 1) boxes.push(await t.box({ metadata }));
      await t.box({ metadata: { mark: t.mark } });
      const found = await client.list({ metadata, states: ['running'], pageSize: 2 });
      const ids = (list) => list.map(({ id }) => id).sort();
      const same = JSON.stringify(ids(found)) === JSON.stringify(ids(boxes));
      return { same, user: found[0].metadata.user, states: found.map(({ state }) => state) };
    },
    expected: { same: true, user: 'é', states: ['running', 'running', 'running'] },
  },
  {
    op: 'sandbox.list',
    name: 'tells those that are paused from those that run',
    async run(client, t) {
      const metadata = { mark: t.mark };
      const [one, two] = [await t.box({ metadata }), await t.box({ metadata })];
      await client.pause(one);
      const states = [['running'], ['paused'], ['running', 'paused']];
      const lists = await Promise.all(
        states.map((asked) => client.list({ metadata, states: asked })),
      );
      const names = new Map([
        [one.id, 'one'],
        [two.id, 'two'],
      ]);
      return lists.map((list) => list.map(({ id }) => names.get(id)).sort());
    },
    expected: [['two'], ['one'], ['one', 'two']],
  },
  {
    op: 'sandbox.list.order',
    name: 'sorts by the time of the start, and leaves out what began before',
    needs: ['list.order'],
    async run(client, t) {
      const metadata = { mark: t.mark };
      const first = await t.box({ metadata });
      const second = await t.box({ metadata });
      const ascending = await client.list({ metadata, order: 'asc' });
      const descending = await client.list({ metadata, order: 'desc' });
      const far = new Date(Date.now() + 60_000);
      const later = await client.list({ metadata, startedAfter: far });
      const ofOther = await client.list({ metadata, template: 'python' });
      return [
        ascending.map(({ id }) => id).join() === [first.id, second.id].join(),
        descending.map(({ id }) => id).join() === [second.id, first.id].join(),
        ...[later.length, ofOther.length],
      ];
    },
    expected: [true, true, 0, 0],
  },
  {
    op: 'errors.authentication',
    name: 'a wrong key is told as that',
    run: (client, t) => t.failure(t.withKey(`e2b_${'1'.repeat(40)}`).create()),
    expected: 'authentication',
  },
  {
    op: 'errors.rate-limit',
    name: 'the limit of sandboxes is told as that',
    modes: ['url'],
    async run(client, t) {
      t.faults.add({ op: 'create', n: 1, action: { status: 429 } });
      return t.failure(client.create());
    },
    expected: 'rate-limit',
  },
  {
    op: 'errors.busy',
    name: 'a far end that is busy is told as that',
    modes: ['url'],
    async run(client, t) {
      t.faults.add({ op: 'create', n: 1, action: { status: 503 } });
      return t.failure(client.create());
    },
    expected: 'busy',
    differs: {
      'e2b-old': { expected: 'SandboxError: 503: Service Unavailable', why: 'no class for it yet' },
    },
  },
  {
    op: 'errors.request-timeout',
    name: 'a far end that does not answer is given up',
    modes: ['url'],
    async run(client, t) {
      t.faults.add({ op: 'create', n: 1, action: 'stall' });
      return t.failure(client.create({ requestTimeoutMs: 200 }));
    },
    expected: 'timeout',
  },
  {
    op: 'errors.cancelled',
    name: 'a call is given up by its signal',
    modes: ['url'],
    async run(client, t) {
      t.faults.add({ op: 'create', n: 1, action: 'stall' });
      const controller = new AbortController();
      const failure = t.failure(client.create({ signal: controller.signal }));
      await t.waitFor(() => t.faults.hits.length === 1);
      controller.abort();
      return failure;
    },
    expected: 'cancelled',
  },
];
