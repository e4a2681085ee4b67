// A JavaScript kernel of the local code interpreter: runs inside a sandbox by Node, reads one JSON line
// for each execution from stdin, keeps the variables in between. What the code prints goes to stdout
// and stderr as it is; what the interpreter says goes between, in frames: RS, the nonce of argv, JSON,
// newline. Handed to `node -e`, so it must need nothing but Node.
'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const util = require('node:util');
const vm = require('node:vm');

const nonce = process.argv[1];
let context;

function tell(message, fd = 1) {
  fs.writeSync(fd, `\x1e${nonce}${JSON.stringify(message)}\n`);
}

// Written at once: what is printed before an endless loop must be seen.
function writeTo(fd) {
  return (...parts) => {
    let bytes = Buffer.from(`${util.format(...parts)}\n`);
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(fs.writeSync(fd, bytes));
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  };
}

const GLOBALS =
  'AbortController AbortSignal Blob BroadcastChannel ByteLengthQueuingStrategy CountQueuingStrategy ' +
  'Crypto DOMException Event EventTarget File FormData Headers MessageChannel ReadableStream Request ' +
  'Response TextDecoder TextEncoder TransformStream URL URLSearchParams WebSocket WritableStream atob ' +
  'btoa clearImmediate clearInterval clearTimeout crypto fetch performance queueMicrotask ' +
  'setImmediate setInterval setTimeout structuredClone';

function sandboxGlobals() {
  const own = {};
  for (const name of GLOBALS.split(' ')) {
    if (name in globalThis) own[name] = globalThis[name];
  }
  const [out, err] = [writeTo(1), writeTo(2)];
  const display = (value) => tell({ type: 'result', is_main_result: false, ...formsOf(value) });
  const console = { ...globalThis.console, log: out, info: out, debug: out, warn: err, error: err };
  const require = createRequire(path.join(process.cwd(), 'cell.js'));
  return Object.assign(own, { console, require, display, process, Buffer });
}

function formsOf(value) {
  const forms = { text: util.inspect(value) };
  if (value !== null && typeof value === 'object' && util.types.isProxy(value) === false) {
    try {
      forms.json = JSON.parse(JSON.stringify(value));
    } catch {
      // Not everything is JSON: circles, big integers.
    }
  }
  return forms;
}

// Scripts keep what they declare for the next ones. A script cannot await: such code becomes the body
// of a function, whose declarations are made assignments, so that they stay too.
function evaluate(code, filename) {
  const compile = (text) => new vm.Script(text, { filename, importModuleDynamically });
  let script;
  try {
    script = compile(code);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !/\bawait\b/.test(code)) throw error;
    script = compile(asFunction(code, compile));
  }
  return script.runInContext(context, { breakOnSigint: true });
}

const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;

function asFunction(code, compile) {
  const body = code.replace(/^(?:const|let|var)\s+(?=\w+\s*=)/gm, '');
  const lines = body.trimEnd().split('\n');
  for (let at = lines.length - 1; at >= 0; at--) {
    const text = [...lines.slice(0, at), `return ${lines.slice(at).join('\n')}`].join('\n');
    const wrapped = `(async () => {${text}\n})()`;
    try {
      compile(wrapped);
      return wrapped;
    } catch {
      // The last statement begins further up, or is none that has a value.
    }
  }
  return `(async () => {${body}\n})()`;
}

async function execute(count, { code, env }) {
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    let value = evaluate(code, `cell-${count}.js`);
    if (util.types.isPromise(value)) value = await Promise.race([value, interruption()]);
    if (value !== undefined) tell({ type: 'result', is_main_result: true, ...formsOf(value) });
  } catch (error) {
    tell({ type: 'error', ...errorOf(error) });
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

function errorOf(error) {
  if (!util.types.isNativeError(error)) {
    return { name: 'Error', value: util.inspect(error), traceback: util.inspect(error) };
  }
  const stack = String(error.stack).split('\n');
  const own = stack.filter((line) => !/\[eval\]|\(node:/.test(line));
  return { name: error.name, value: error.message, traceback: own.join('\n') };
}

/** Never resolves; rejects at a SIGINT, which is how an execution that waits is stopped. */
function interruption() {
  return new Promise((resolve, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
  });
}

async function main() {
  context = vm.createContext(sandboxGlobals());
  process.on('uncaughtException', (error) => writeTo(2)(error));
  process.on('SIGINT', () => {}); // outside of an execution there is nothing to interrupt
  tell({ type: 'ready' });
  let count = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    await execute(++count, JSON.parse(line));
    tell({ type: 'end' }, 2);
    tell({ type: 'end' });
  }
}

void main();
