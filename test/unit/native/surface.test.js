'use strict';

// The names of the package: the types beside the runtime, both kinds of import, and what loading costs.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
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

/** The names of the methods that a class or an interface of index.d.ts declares. */
function methodsInTypes(name) {
  const program = ts.createProgram([path.join(ROOT, 'index.d.ts')], { skipLibCheck: true });
  const file = program.getSourceFile(path.join(ROOT, 'index.d.ts'));
  const [found] = file.statements.filter((one) => one.name?.text === name);
  const methods = found.members.filter(
    (one) =>
      (ts.isMethodDeclaration(one) || ts.isMethodSignature(one)) && ts.isIdentifier(one.name),
  );
  return [...new Set(methods.map((one) => one.name.text))].sort();
}

/** Those that a class has at runtime, with those of the project's classes that it is built upon. */
function methodsAtRuntime({ prototype }, base = Object.prototype) {
  const names = new Set();
  for (let one = prototype; one !== base; one = Object.getPrototypeOf(one)) {
    for (const name of Object.getOwnPropertyNames(one)) {
      const { value } = Object.getOwnPropertyDescriptor(one, name);
      if (name !== 'constructor' && typeof value === 'function') names.add(name);
    }
  }
  return [...names].sort();
}

test('the public functions of the manager are those in the types', () => {
  const { SafeEmitter } = require('../../../lib/events');
  const { SandboxManager } = index;
  expect(methodsInTypes('SandboxManager')).toEqual(
    methodsAtRuntime(SandboxManager, SafeEmitter.prototype),
  );
});

test('those of a lease too; `lose` is for whoever ends the sandbox under it', () => {
  const { Lease } = require('../../../lib/fleet/lease');
  const atRuntime = methodsAtRuntime(Lease).filter((name) => name !== 'lose');
  expect(methodsInTypes('Lease')).toEqual(atRuntime);
});

test('the events of the manager are those in the types', () => {
  const folder = path.join(ROOT, 'lib/fleet');
  const files = fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name)));
  const code = files.join('\n');
  const emitted = [...code.matchAll(/emit\(\s*'([a-z]+(?::[a-z]+)?)'/g)].map(([, name]) => name);
  // The guard's come through it by name, the budget's by what was crossed.
  const guard = fs.readFileSync(path.join(ROOT, 'lib/policy/guard.js'), 'utf8');
  const [, told] = /parts\.onEvent\]([^;]+);/.exec(guard);
  emitted.push(...told.match(/[a-z]+:[a-z-]+/g), 'budget:warning', 'budget:exceeded');
  const types = fs.readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');
  const [, events] = /interface SandboxManagerEvents \{([^]*?)\n\}/.exec(types);
  const inTypes = [...events.matchAll(/^ {2}'?([a-z:-]+)'?: \[/gm)].map(([, name]) => name);
  expect(inTypes.length).toBeGreaterThan(20);
  expect([...new Set(emitted)].sort()).toEqual(inTypes.sort());
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
