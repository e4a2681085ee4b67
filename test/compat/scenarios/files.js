// Scenarios: files and folders of a sandbox.
'use strict';

const LONG = 'line\n'.repeat(200_000);

module.exports = [
  {
    op: 'files.write',
    name: 'writes what is read again, with the folders above it',
    async run(client, t) {
      const box = await t.box();
      const { name, path } = await client.write(box, 'dir/a.txt', 'höllo');
      return { name, path, text: await client.read(box, '/home/user/dir/a.txt') };
    },
    expected: { name: 'a.txt', path: '/home/user/dir/a.txt', text: 'höllo' },
  },
  {
    op: 'files.write',
    name: 'replaces what was there, also by nothing',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'a', 'long text');
      await client.write(box, 'a', 'short');
      const short = await client.read(box, 'a');
      await client.write(box, 'a', '');
      return [short, await client.read(box, 'a'), (await client.stat(box, 'a')).size];
    },
    expected: ['short', '', 0],
  },
  {
    op: 'files.write',
    name: 'a folder is no file to write to',
    async run(client, t) {
      const box = await t.box();
      await client.makeDir(box, 'd');
      return t.failure(client.write(box, 'd', 'text'));
    },
    expected: 'invalid',
  },
  {
    op: 'files.write.bytes',
    name: 'carries every byte',
    async run(client, t) {
      const box = await t.box();
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      await client.write(box, 'b', bytes.buffer);
      return (await client.run(box, 'od -An -v -tu1 b | tr -s " \\n" " "')).stdout.trim();
    },
    expected: Array.from({ length: 256 }, (_, i) => i).join(' '),
  },
  {
    op: 'files.write.stream',
    name: 'takes a stream',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 's', new Blob([LONG]).stream());
      return (await client.read(box, 's')) === LONG;
    },
    expected: true,
  },
  {
    op: 'files.write.gzip',
    name: 'goes up packed',
    needs: ['files.gzip'],
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'z', LONG, { gzip: true });
      return [(await client.read(box, 'z')) === LONG, (await client.stat(box, 'z')).size];
    },
    expected: [true, LONG.length],
  },
  {
    op: 'files.write.many',
    name: 'writes several files in one request',
    needs: ['files.many'],
    async run(client, t) {
      const box = await t.box();
      const written = await client.writeMany(box, [
        { path: '1.txt', data: 'one' },
        { path: '/home/user/sub/2.txt', data: new Blob(['two']).stream() },
      ]);
      return [
        written.map(({ name, path }) => `${name} ${path}`),
        ...[await client.read(box, '1.txt'), await client.read(box, 'sub/2.txt')],
      ];
    },
    expected: [['1.txt /home/user/1.txt', '2.txt /home/user/sub/2.txt'], 'one', 'two'],
  },
  {
    op: 'files.metadata',
    name: 'keeps what is known of a file with it, until it is written again',
    needs: ['files.metadata'],
    async run(client, t) {
      const box = await t.box();
      const metadata = { Author: 'me', kind: 'a b' };
      const written = await client.write(box, 'm', 'x', { metadata });
      const shown = (await client.stat(box, 'm')).metadata;
      await client.write(box, 'm', 'x');
      return [written.metadata, shown, (await client.stat(box, 'm')).metadata ?? null];
    },
    expected: [{ author: 'me', kind: 'a b' }, { author: 'me', kind: 'a b' }, null],
  },
  {
    op: 'files.metadata',
    name: 'is refused when it is no header',
    needs: ['files.metadata'],
    async run(client, t) {
      const box = await t.box();
      const write = (metadata) => t.failure(client.write(box, 'm', 'x', { metadata }));
      return [await write({ 'a b': 'c' }), await write({ a: 'ü' }), await write({ '': 'c' })];
    },
    expected: ['invalid', 'invalid', 'invalid'],
  },
  {
    op: 'files.read',
    name: 'gives text, bytes and a stream of the same file',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'a', LONG);
      const texts = [];
      for (const as of ['text', 'bytes', 'blob', 'stream']) {
        texts.push((await client.read(box, 'a', { as })) === LONG);
      }
      return texts;
    },
    expected: [true, true, true, true],
  },
  {
    op: 'files.read',
    name: 'knows only files that are there',
    async run(client, t) {
      return t.failure(client.read(await t.box(), 'nothing'));
    },
    expected: 'not-found',
  },
  {
    op: 'files.read',
    name: 'a folder is no file to read',
    async run(client, t) {
      return t.failure(client.read(await t.box(), '/home/user'));
    },
    expected: 'invalid',
  },
  {
    op: 'files.stat',
    name: 'says what a file is',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'a.txt', 'höllo');
      await client.run(box, 'chmod 640 a.txt');
      return client.stat(box, 'a.txt');
    },
    expected: {
      ...{ name: 'a.txt', path: '/home/user/a.txt', type: 'file', size: 6, mode: 0o640 },
      ...{ permissions: '-rw-r-----', owner: 'user', target: null },
    },
  },
  {
    op: 'files.stat',
    name: 'of a link says what it points to, and what that is',
    async run(client, t) {
      const box = await t.box();
      await client.run(box, 'mkdir d; ln -s d link');
      const { type, target, name, permissions } = await client.stat(box, 'link');
      return { type, target, name, permissions };
    },
    expected: {
      ...{ type: 'directory', target: '/home/user/d', name: 'link' },
      permissions: 'Lrwxrwxrwx',
    },
  },
  {
    op: 'files.stat',
    name: 'knows only what is there',
    async run(client, t) {
      return t.failure(client.stat(await t.box(), 'nothing'));
    },
    expected: 'not-found',
  },
  {
    op: 'files.exists',
    name: 'is answered by yes or no',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'a', '');
      return [await client.exists(box, 'a'), await client.exists(box, 'b')];
    },
    expected: [true, false],
  },
  {
    op: 'files.list',
    name: 'goes as deep as it is asked to',
    async run(client, t) {
      const box = await t.box();
      await client.run(box, 'mkdir -p top/mid/low; echo x > top/a; echo y > top/mid/b');
      const lists = [];
      for (const depth of [undefined, 2]) {
        const list = await client.files(box, 'top', depth === undefined ? {} : { depth });
        lists.push(list.map(({ path, type }) => `${path} ${type}`).sort());
      }
      return lists;
    },
    expected: [
      ['/home/user/top/a file', '/home/user/top/mid directory'],
      [
        ...['/home/user/top/a file', '/home/user/top/mid directory'],
        ...['/home/user/top/mid/b file', '/home/user/top/mid/low directory'],
      ],
    ],
  },
  {
    op: 'files.list',
    name: 'knows only folders that are there',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'file', '');
      return [
        await t.failure(client.files(box, 'nothing')),
        await t.failure(client.files(box, 'file')),
      ];
    },
    expected: ['not-found', 'invalid'],
  },
  {
    op: 'files.make-dir',
    name: 'makes a folder with those above it, once',
    async run(client, t) {
      const box = await t.box();
      const made = [await client.makeDir(box, 'a/b/c'), await client.makeDir(box, 'a/b/c')];
      return [...made, (await client.stat(box, 'a/b')).type];
    },
    expected: [true, false, 'directory'],
  },
  {
    op: 'files.move',
    name: 'moves a file into a new folder, and a folder with all that is in it',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'a/f', 'text');
      const { path } = await client.move(box, 'a', 'new/b');
      return [path, await client.read(box, 'new/b/f'), await client.exists(box, 'a')];
    },
    expected: ['/home/user/new/b', 'text', false],
  },
  {
    op: 'files.move',
    name: 'knows only what is there',
    async run(client, t) {
      return t.failure(client.move(await t.box(), 'nothing', 'something'));
    },
    expected: 'not-found',
  },
  {
    op: 'files.remove',
    name: 'removes a folder with all that is in it, and what is not there too',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'd/e/f', 'text');
      await client.remove(box, 'd');
      await client.remove(box, 'd');
      return client.exists(box, 'd');
    },
    expected: false,
  },
  {
    op: 'files.user',
    name: 'counts relative paths from the home of the user who is named',
    async run(client, t) {
      const box = await t.box();
      await client.write(box, 'of-root.txt', 'text', { user: 'root' });
      const { path } = await client.stat(box, 'of-root.txt', { user: 'root' });
      return [path, await client.exists(box, 'of-root.txt')];
    },
    expected: ['/root/of-root.txt', false],
  },
  {
    op: 'files.signed-url',
    name: 'lets whoever has it read and write one file, until it expires',
    async run(client, t) {
      const box = await t.box();
      const url = (operation, expiresInS) =>
        client.signedUrl(box, 's.txt', { operation, expiresInS });
      const form = new FormData();
      form.append('file', new Blob(['signed']), 'ignored.txt');
      const written = await fetch(await url('write'), { method: 'POST', body: form });
      const text = await (await fetch(await url('read', 60))).text();
      const forged = (await url('read', 60)).replace(/signature=[^&]{8}/, 'signature=AAAAAAAA');
      const other = (await url('read')).replace('s.txt', 't.txt');
      const refused = await Promise.all([forged, other].map((one) => fetch(one)));
      return [written.status, text, ...refused.map(({ status }) => status)];
    },
    expected: [200, 'signed', 401, 401],
  },
];
