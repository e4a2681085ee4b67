// The code interpreter of one sandbox, as the cloud runs it at port 49999: contexts, each with a kernel
// that is started at its first use, and executions one after the other in each. Knows no socket: it
// says messages to whoever asked.
'use strict';

const { randomUUID } = require('node:crypto');
const { HttpError } = require('../answer');
const { KernelProcess } = require('./kernel-process');

const ALIASES = {
  python: 'python',
  python3: 'python',
  javascript: 'javascript',
  js: 'javascript',
  bash: 'bash',
  sh: 'bash',
};
const NOT_HERE = ['typescript', 'ts', 'r', 'java', 'deno'];
const MAX_CONTEXTS = 100;
const HOME = '/home/user';

class Interpreter {
  #spawn;
  #contexts = new Map();
  #defaults = new Map(); // language -> id of the context that code without one runs in

  /** @param {(spec: object) => Promise<object>} spawn  see KernelProcess */
  constructor(spawn) {
    this.#spawn = spawn;
  }

  /** @returns {object} the new context's description */
  create({ language = 'python', cwd = HOME } = {}) {
    const known = languageOf(language ?? 'python');
    if (this.#contexts.size >= MAX_CONTEXTS) {
      throw new HttpError(500, `more than ${MAX_CONTEXTS} contexts`, { text: true });
    }
    const id = randomUUID();
    this.#contexts.set(id, new Context(id, known, cwd ?? HOME, this.#spawn));
    return this.#contexts.get(id).describe();
  }

  list() {
    return [...this.#contexts.values()].map((context) => context.describe());
  }

  async restart(id) {
    await this.#get(id).restart();
  }

  remove(id) {
    this.#get(id).close();
    this.#contexts.delete(id);
  }

  /**
   * @param {{ code: string, context_id?: string|null, language?: string|null, env_vars?: object|null }}
   *   request
   * @returns {(onMessage: (message: object) => void, signal: AbortSignal) => Promise<void>} runs it
   */
  prepare({ code, context_id: id, language, env_vars: env }) {
    if (typeof code !== 'string') throw new HttpError(422, 'code must be a string', { text: true });
    if (id && language) {
      const message = 'Only one of context_id or language can be provided';
      throw new HttpError(400, message, { text: true });
    }
    const context = id ? this.#get(id) : this.#default(languageOf(language || 'python'));
    return (onMessage, signal) => context.execute({ code, env: env ?? {} }, onMessage, signal);
  }

  /** Ends all kernels. */
  close() {
    for (const context of this.#contexts.values()) context.close();
    this.#contexts.clear();
  }

  #default(language) {
    const known = this.#contexts.get(this.#defaults.get(language));
    if (known) return known;
    const { id } = this.create({ language });
    this.#defaults.set(language, id);
    return this.#contexts.get(id);
  }

  #get(id) {
    const context = this.#contexts.get(id);
    if (context) return context;
    throw new HttpError(404, `Context ${id} not found`, { text: true });
  }
}

function languageOf(name) {
  const wanted = String(name).toLowerCase();
  if (Object.hasOwn(ALIASES, wanted)) return ALIASES[wanted];
  const why = NOT_HERE.includes(wanted) ? 'is not in the local backend' : 'is not known';
  throw new HttpError(500, `Language ${name} ${why}; there are python, javascript and bash`, {
    text: true,
  });
}

class Context {
  #spawn;
  #kernel = null;
  #turn = Promise.resolve();
  #count = 0;
  #closed = false;

  constructor(id, language, cwd, spawn) {
    this.id = id;
    this.language = language;
    this.cwd = cwd;
    this.#spawn = spawn;
  }

  describe() {
    return { id: this.id, language: this.language, cwd: this.cwd };
  }

  /** One after the other; a request whose client has gone while it waited is not run. */
  execute(request, onMessage, signal) {
    const run = this.#turn.then(() =>
      signal.aborted ? undefined : this.#run(request, onMessage, signal),
    );
    this.#turn = run.catch(() => {});
    return run;
  }

  async #run(request, onMessage, signal) {
    try {
      const kernel = await this.#ready();
      onMessage({ type: 'number_of_executions', execution_count: ++this.#count });
      await kernel.execute(request, onMessage, signal);
    } catch (error) {
      onMessage({ type: 'error', name: 'KernelError', value: error.message, traceback: '' });
    }
  }

  async #ready() {
    if (this.#kernel === null || this.#kernel.dead) {
      this.#count = 0;
      this.#kernel = await KernelProcess.start(this.language, this.cwd, this.#spawn);
      if (this.#closed) this.#kernel.kill();
    }
    return this.#kernel;
  }

  /** The next execution finds a fresh kernel; what runs is ended. */
  async restart() {
    this.#kernel?.kill();
    this.#kernel = null;
    await this.#ready();
  }

  close() {
    this.#closed = true;
    this.#kernel?.kill();
  }
}

module.exports = { Interpreter };
