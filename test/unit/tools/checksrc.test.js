'use strict';

const { checkFile } = require('../../../tools/checksrc');

const PACKAGES = { run: [], dev: ['e2b', '@jest/globals'] };
const HEAD_JS =
  "'use strict';\n\n// What this file is for, said in a sentence or two of plain words.\n";
const HEAD_C = '/* What this file is for, said in a sentence or two of plain words. */\n';

/** The messages for a sample below a proper head. */
function findings(file, body) {
  const head = /\.[ch]$/.test(file) ? HEAD_C : HEAD_JS;
  return checkFile(file, head + body, PACKAGES).map(({ message }) => message);
}

describe('includes of C', () => {
  test.each([
    ['csrc/rpc.c', '#include "json.h"\n#include "rpc.h"\n#include "e2b.h"\n#include <string.h>'],
    ['csrc/sandbox.c', '#include "operation.h"\n#include "http.h"\n#include "buf.h"'],
    ['csrc/engine.c', '#include "tls.h"\n#include <curl/curl.h>'],
    ['csrc/napi/js_sandbox.c', '#include "loop.h"\n#include "e2b.h"\n#include <node_api.h>'],
    ['csrc/napi/addon.c', '#include "js_sandbox.h"'],
    ['csrc/init/main.c', '#include "wire.h"\n#include <unistd.h>\n#include <linux/sched.h>'],
    ['csrc/init/boot.c', '#include "boot.h"\n#include "wire.h"'],
    ['csrc/stats.c', '#include "stats.h"\n#include <math.h>'],
  ])('%s may include what is on its level or above', (file, body) => {
    expect(findings(file, body)).toEqual([]);
  });

  test.each([
    ['csrc/http.c', '#include <node_api.h>', 'the core does not know node_api.h'],
    ['csrc/engine.c', '#include <uv.h>', 'the core does not know uv.h'],
    ['csrc/buf.c', '#include "engine.h"', 'buf is below engine.h'],
    ['csrc/http.c', '#include "sandbox.h"', 'http is below sandbox.h'],
    ['csrc/stats.c', '#include "buf.h"', 'a leaf includes nothing of the project, not buf.h'],
    ['csrc/http.c', '#include "mystery.h"', 'mystery.h has no place in tools/checksrc/imports.js'],
    ['csrc/mystery.c', '', 'has no place in tools/checksrc/imports.js'],
    ['csrc/napi/loop.c', '#include <curl/curl.h>', 'the border never sees curl/curl.h'],
    ['csrc/napi/value.c', '#include <cJSON.h>', 'the border never sees cJSON.h'],
    [
      'csrc/napi/value.c',
      '#include "../http.h"',
      'the border knows the core by e2b.h only, not ../http.h',
    ],
    ['csrc/napi/loop.c', '#include "js_files.h"', 'loop is below js_files.h'],
    [
      'csrc/init/pty.c',
      '#include "../buf.h"',
      'csrc/init shares nothing with the core, not ../buf.h',
    ],
    [
      'csrc/init/pty.c',
      '#include <curl/curl.h>',
      'csrc/init has libc and the kernel only, not curl/curl.h',
    ],
    ['csrc/init/pty.c', '#include <uv.h>', 'csrc/init has libc and the kernel only, not uv.h'],
    ['csrc/init/wire.c', '#include "sandbox.h"', 'wire is below sandbox.h'],
  ])('%s with %s is refused', (file, body, message) => {
    expect(findings(file, body)).toEqual([message]);
  });
});

describe('imports of JavaScript', () => {
  test.each([
    ['lib/native.js', "require('./binding'); require('./agents'); require('node:path')"],
    ['lib/fleet/manager.js', "require('../native'); require('../policy/retry'); require('./pool')"],
    ['lib/index.mjs', "import { SandboxManager } from './index.js';"],
    ['lib/index.js', "require('../package.json')"],
    ['lib/agents/momentum.js', "// like require('express')"],
    ['test/compat/e2b.test.mjs', "import { Sandbox } from 'e2b';\nimport 'e2b-swarm';"],
    [
      'examples/demo/index.js',
      "require('e2b-swarm'); require('e2b-swarm/local'); require('../..')",
    ],
    ['eslint.config.js', "require('@eslint/js')"],
  ])('%s with %s is fine', (file, body) => {
    expect(findings(file, body)).toEqual([]);
  });

  test.each([
    ['lib/policy/retry.js', "require('../native')", 'policy may not import native'],
    ['lib/store/file.js', "require('../fleet/pool')", 'store may not import fleet'],
    ['lib/fleet/pool.js', "require('../binding')", 'fleet may not import binding'],
    ['lib/local/server.js', "require('../errors')", 'local may not import leaves'],
    ['lib/native.js', "require('./local')", 'native may not import local'],
    ['lib/debug.js', "require('./clock.js'); require('./native')", 'leaves may not import native'],
    ['lib/rest/router.js', "require('../fleet/manager')", 'faces may not import fleet'],
    [
      'lib/index.js',
      "require('../tools/run')",
      'lib/ imports nothing outside of itself, not ../tools/run',
    ],
    ['lib/mystery.js', '', 'is in no room of tools/checksrc/imports.js'],
    [
      'lib/index.js',
      "require('./mystery')",
      './mystery is in no room of tools/checksrc/imports.js',
    ],
    ['lib/index.js', "await import('express')", 'lib/ may not import the package express'],
    ['lib/index.js', "require('fs')", 'write node:fs'],
    ['lib/index.js', "require('e2b-swarm')", 'the package does not import itself'],
    ['tools/setup.js', "require('prettier')", 'tools/ may not import the package prettier'],
    ['tools/setup.js', "require('../lib')", 'tools/ stands alone, not ../lib'],
    [
      'examples/a.js',
      "require('../lib/fleet/manager')",
      'an example uses the public package, not ../lib/fleet/manager',
    ],
    ['test/unit/a.test.js', "require('sinon')", 'test/ may not import the package sinon'],
  ])('%s with %s is refused', (file, body, message) => {
    expect(findings(file, body)).toEqual([message]);
  });
});

describe('C rules', () => {
  test.each(['strcpy', 'strcat', 'sprintf', 'gets', 'strtok', 'atoi', 'alloca', 'setenv'])(
    '%s is banned',
    (name) => {
      expect(findings('csrc/buf.c', `void f(void) {\n    ${name}(x);\n}\n`)).toEqual([
        `${name}() is banned`,
      ]);
    },
  );

  test('a banned name in a comment, a string or a longer name is fine', () => {
    const body =
      '/* strcpy(a) */\nvoid f(void) {\n    snprintf(b, 1, "strcpy(x)"); // gets(x)\n}\n';
    expect(findings('csrc/buf.c', body)).toEqual([]);
  });

  test('the heap is behind alloc.h', () => {
    const body = 'void f(void) {\n    p = malloc(1);\n    e2b_free(p);\n}\n';
    expect(findings('csrc/buf.c', body)).toEqual(["malloc(): the core's heap is behind alloc.h"]);
    expect(findings('csrc/alloc.c', body)).toEqual([]);
  });

  test.each([
    'static int count;',
    'int count = 3;',
    'static const char *name = "x";',
    'static const char *names[] = {"a", "b"};',
    'static pthread_once_t once = PTHREAD_ONCE_INIT;',
    'static struct thing { int a; } things[3];',
    'struct thing { int a; } thing = {1};',
    'static void (*hook)(int a);',
    'static _Thread_local int depth;',
    'void f(void) {\n    static int calls = 0;\n}',
    'void f(void) {\n    static struct { int a; } calls;\n}',
  ])('%s is mutable static state', (body) => {
    expect(findings('csrc/buf.c', `${body}\n`)).toEqual([
      'mutable static state without a "process-global:" comment',
    ]);
  });

  test.each([
    '/* process-global: counted once for all environments */\nstatic int count;',
    'static int count; /* process-global: a reason */',
    'static const int count = 3;',
    'static const char *const names[] = {"a", "b"};',
    'static const struct { const char *name; int code; } codes[] = {{"a", 1}, {"b", 2}};',
    'static void (*const hook)(int a) = NULL;',
    'struct thing { int a; char *b; };\ntypedef struct thing thing_t;',
    'enum color { RED, GREEN };',
    'int f(int a, char *b);\nstatic int g(void);',
    'extern int other;',
    'static int f(int a) {\n    int b = a;\n    return b;\n}',
    'void f(void) {\n    static const char *const kinds[] = {"a"};\n}',
    '#define N 3\n#define M(x) \\\n    static int x;\n',
  ])('%s is fine', (body) => {
    expect(findings('csrc/buf.c', `${body}\n`)).toEqual([]);
  });

  test('a finding is reported at its own line', () => {
    const text = `${HEAD_C}\n\nint f(void);\nstatic int count;\n`;
    expect(checkFile('csrc/buf.c', text, PACKAGES)).toMatchObject([{ line: 5 }]);
  });
});

describe('text rules', () => {
  test.each([
    ['lib/clock.js', "'use strict';\n\nconst a = 1;\n"],
    ['lib/clock.js', '// short\n'],
    ['csrc/buf.c', '#include "buf.h"\n'],
  ])('%s without a comment at its head is refused', (file, text) => {
    expect(checkFile(file, text, PACKAGES)).toEqual([
      { line: 1, message: 'opens without a comment on what it is for' },
    ]);
  });

  test.each([
    ['lib/clock.js', `#!/usr/bin/env node\n${HEAD_JS}`],
    ['csrc/buf.c', '/*\n * buf.c: what this file is for, in a sentence or two.\n */\n'],
    ['test/unit/a.test.js', "'use strict';\n"],
    ['examples/data/x.csv', 'date,close\n'],
  ])('%s with %j is fine', (file, text) => {
    expect(checkFile(file, text, PACKAGES)).toEqual([]);
  });

  test('450 lines are allowed, one more is not', () => {
    const lines = (count) => HEAD_JS + 'x;\n'.repeat(count - 3);
    expect(checkFile('lib/clock.js', lines(450), PACKAGES)).toEqual([]);
    expect(checkFile('lib/clock.js', lines(451), PACKAGES)).toEqual([
      { line: 451, message: 'has 451 lines, at most 450' },
    ]);
  });

  test.each([
    'await new Promise((resolve) => setTimeout(resolve, 100));',
    'await new Promise(r => setTimeout(r, 5))',
    'await new Promise((resolve) => {\n  setTimeout(resolve, 100);\n});',
    'await new Promise((done) => setTimeout(() => done(), 1));',
    "const { setTimeout: wait } = require('node:timers/promises');",
    'await sleep(100);',
  ])('%s in a test is a sleep', (body) => {
    expect(findings('test/unit/a.test.js', body)).toEqual([
      'sleeps; wait for an event or a condition',
    ]);
    expect(findings('test/helpers/until.js', body)).toEqual([]);
  });

  test('a timer that is a deadline is no sleep', () => {
    const body = "const timer = setTimeout(() => reject(new Error('late')), 5000);";
    expect(findings('test/unit/a.test.js', body)).toEqual([]);
  });

  test.each([
    [['', 'work', 'x'].join('/'), 'names a path of one machine'],
    [['', 'root', '.npm'].join('/'), 'names a path of one machine'],
    [['https:', '', 'registry.example.org', 'x'].join('/'), 'names the host of a registry'],
  ])('%s is refused in any committed file', (text, message) => {
    expect(checkFile('README.md', text, PACKAGES)).toEqual([{ line: 1, message }]);
  });
});
