// A sandbox that one client has made is used by another: by its id alone, with nothing else between them.
import * as sdk from 'e2b/dist/index.mjs';
import * as oldSdk from 'e2b-old/dist/index.mjs';
import native from '../../lib/index.js';
import clients from './clients/official.js';
import own from './clients/own.js';
import helpers from '../helpers/backend.js';
import spec from './spec/index.js';

const far = helpers.withBackend();
const make = {
  e2b: (options) => clients.officialClient(sdk, { name: 'e2b', options }),
  'e2b-old': (options) => clients.officialClient(oldSdk, { name: 'e2b-old', options }),
  own: (options) => own.ownClient(native, { options }),
};
const names = Object.keys(make);
const pairs = names
  .flatMap((maker) => names.map((user) => [maker, user]))
  .filter(([a, b]) => a !== b);

test.each(pairs)('a sandbox made by %s is used, paused and ended by %s', async (maker, user) => {
  const [one, two] = [make[maker](far.client), make[user](far.client)];
  const metadata = { of: maker };
  const made = await one.create({ timeoutS: 100, metadata, env: { FROM: maker } });
  await one.write(made, 'note.txt', `of ${maker}`);
  const handle = await one.start(made, 'read line; echo "heard $line"', { stdin: true });

  const [{ id }] = await two.list({ metadata });
  const found = await two.connect({ id });
  expect(await two.read(found, 'note.txt')).toBe(`of ${maker}`);
  expect((await two.run(found, 'echo $FROM')).stdout).toBe(`${maker}\n`);
  const [{ pid }] = await two.processes(found);
  await two.send(found, pid, `${user}\n`);
  expect((await handle.wait()).stdout).toBe(`heard ${user}\n`);

  const snapshot = await two.snapshot(found);
  const copy = await one.create({ template: snapshot });
  expect(await one.read(copy, 'note.txt')).toBe(`of ${maker}`);
  await two.pause(found);
  const again = await one.connect(made);
  expect((await one.run(again, 'cat note.txt')).stdout).toBe(`of ${maker}`);
  expect([await two.kill(found), await one.kill(made), await two.kill(copy)]).toEqual([
    ...[true, false, true],
  ]);
});

spec.checkEveryExchange(far);
