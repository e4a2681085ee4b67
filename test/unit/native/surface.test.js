'use strict';

// The names of the package: the types beside the runtime, both kinds of import, and what loading costs.

const { execFileSync } = require('node:child_process');
const { createRequire } = require('node:module');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..', '..');
// The compiler that tsd brings.
const ts = createRequire(path.join(ROOT, 'node_modules', 'tsd', 'package.json'))('@tsd/typescript');
const index = require('../../../lib');

/** What index.d.ts exports as values: name -> { required, most } of functions, null of classes. */
function declared() {
  const program = ts.createProgram([path.join(ROOT, 'index.d.ts')], { skipLibCheck: true });
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path.join(ROOT, 'index.d.ts'));
  const names = new Map();
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(file))) {
    const functions = symbol.declarations.filter(ts.isFunctionDeclaration);
    if (functions.length > 0) {
      const counts = functions.map(({ parameters }) => ({
        required: parameters.filter((one) => !one.questionToken).length,
        most: parameters.length,
      }));
      names.set(symbol.name, {
        required: Math.min(...counts.map(({ required }) => required)),
        most: Math.max(...counts.map(({ most }) => most)),
      });
    } else if (symbol.declarations.some(ts.isClassDeclaration)) {
      names.set(symbol.name, null);
    }
  }
  return names;
}

test('the types and the runtime have the same names, and functions take what they say', () => {
  const types = declared();
  expect([...types.keys()].sort()).toEqual(Object.keys(index).sort());
  for (const [name, counts] of types) {
    const source = String(index[name]);
    expect([name, typeof index[name]]).toEqual([name, 'function']);
    expect([name, source.startsWith('class')]).toEqual([name, counts === null]);
    if (counts === null) continue;
    const { length } = index[name];
    const [, list] = /^function \w+\(([^]*?)\) \{\n/.exec(source);
    const written = list.split(',').filter((one) => one.trim() !== '').length;
    expect([name, written]).toEqual([name, counts.most]);
    expect([name, length <= counts.most && length >= counts.required]).toEqual([name, true]);
  }
});

test('every public function of the manager is in the types', () => {
  const program = ts.createProgram([path.join(ROOT, 'index.d.ts')], { skipLibCheck: true });
  const file = program.getSourceFile(path.join(ROOT, 'index.d.ts'));
  const [manager] = file.statements.filter(
    (one) => ts.isClassDeclaration(one) && one.name.text === 'SandboxManager',
  );
  const inTypes = manager.members
    .filter((one) => ts.isMethodDeclaration(one) && ts.isIdentifier(one.name))
    .map((one) => one.name.text);
  const atRuntime = Object.getOwnPropertyNames(index.SandboxManager.prototype).filter(
    (name) =>
      name !== 'constructor' &&
      typeof Object.getOwnPropertyDescriptor(index.SandboxManager.prototype, name).value ===
        'function',
  );
  expect(atRuntime.filter((name) => !inTypes.includes(name))).toEqual([]);
});

const inNode = (script, ...flags) =>
  JSON.parse(
    execFileSync(process.execPath, [...flags, '-e', script], { cwd: ROOT, encoding: 'utf8' }),
  );

test('both kinds of import have the same names', () => {
  const names = inNode(
    `import('./lib/index.mjs').then((m) => console.log(JSON.stringify(Object.keys(m))))`,
  );
  expect(names.sort()).toEqual(Object.keys(index).sort());
});

test('requiring the package loads its face and the errors, and nothing else', () => {
  const loaded = inNode(
    `require('./lib'); console.log(JSON.stringify(Object.keys(require.cache)))`,
  );
  expect(loaded.map((file) => path.relative(ROOT, file)).sort()).toEqual([
    'lib/errors.js',
    'lib/index.js',
  ]);
});

test('the version is the package’s', () => {
  expect(index.getVersion()).toBe(require('../../../package.json').version);
});
