'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const stores = require('../../../lib/store');

const ROOT = path.join(__dirname, '..', '..', '..');
const types = fs.readFileSync(path.join(ROOT, 'store.d.ts'), 'utf8');

test('store.d.ts declares what e2b-swarm/store has, and nothing else', () => {
  const declared = [...types.matchAll(/^export function (\w+)\(/gm)].map(([, name]) => name);
  expect(declared.sort()).toEqual(Object.keys(stores).sort());
  const [, body] = /^export interface Store \{\n([^]*?)^\}/m.exec(types);
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name);
  const { constructor: _, ...own } = Object.getOwnPropertyDescriptors(
    Object.getPrototypeOf(stores.memoryStore()),
  );
  expect(members.sort()).toEqual(Object.keys(own).sort());
});

test('ES modules import the stores by name', () => {
  const script = `import { ${Object.keys(stores).join(', ')} } from 'e2b-swarm/store';
    process.stdout.write([${Object.keys(stores).join(', ')}].map((each) => typeof each).join());`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(new Set(said.split(','))).toEqual(new Set(['function']));
});

test('requiring the stores loads no database client', () => {
  const script = `require('e2b-swarm/store');
    const loaded = Object.keys(require.cache).filter((file) => /node_modules/.test(file));
    process.stdout.write(JSON.stringify(loaded));`;
  const said = execFileSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8' });
  expect(JSON.parse(said)).toEqual([]);
});

test('docs/stores.md quotes tests that are there', () => {
  const page = fs.readFileSync(path.join(ROOT, 'docs', 'stores.md'), 'utf8');
  const quoted = [...page.matchAll(/["“]([a-z][^"”]{20,})["”]/g)].map(([, title]) => title);
  expect(quoted.length).toBeGreaterThan(5);
  const below = (folder) =>
    fs
      .readdirSync(path.join(ROOT, folder))
      .filter((name) => name.endsWith('.js'))
      .map((name) => fs.readFileSync(path.join(ROOT, folder, name), 'utf8'));
  const tests = [...below('test/unit/store'), ...below('lib/store/compliance')].join('\n');
  const titles = tests.replaceAll('%s', 'claim');
  for (const title of quoted.filter((each) => !each.startsWith('ledger cost'))) {
    expect(titles).toContain(title);
  }
});
