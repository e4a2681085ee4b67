// One process of a sandbox: its pipes, its listeners, its end. Output goes to whoever listens and is
// lost otherwise; a listener that does not read blocks the process, as a terminal would. The end is
// told when the pipes are at their end too, except after a signal that came through the API.
'use strict';

const { RpcError } = require('./connect-rpc');

const MAX_DATA_BYTES = 32 * 1024;
const MAX_STDIN_BYTES = 64 * 1024 * 1024; // written and not yet read
const MAX_TIMER_MS = 0x7fffffff;
const GRACE_MS = 50; // after a signal: how long the pipes must be silent before the end is told

const SIGNAL_TEXT = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGQUIT: 'quit',
  SIGILL: 'illegal instruction',
  SIGTRAP: 'trace/breakpoint trap',
  SIGABRT: 'aborted',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGKILL: 'killed',
  SIGUSR1: 'user defined signal 1',
  SIGSEGV: 'segmentation fault',
  SIGUSR2: 'user defined signal 2',
  SIGPIPE: 'broken pipe',
  SIGALRM: 'alarm clock',
  SIGTERM: 'terminated',
};

class ManagedProcess {
  #child;
  #stdin;
  #outputs;
  #streams = new Set();
  #blocked = new Set();
  #exit = null; // { code, signal } as soon as the process itself is gone
  #endText = null; // the end event, once it was told
  #signalled = false;
  #deadline = null;
  #bytesSeen = 0;
  #onEnd;

  /**
   * @param {object} parts
   * @param {import('node:child_process').ChildProcess} parts.child
   * @param {import('node:stream').Writable|null} parts.stdin
   * @param {{ stdout: import('node:stream').Readable, stderr: import('node:stream').Readable }} parts.outputs
   * @param {object} parts.config  as `List` reports it
   * @param {string} [parts.tag]
   * @param {() => void} parts.onEnd  once, when the end event was told
   */
  constructor({ child, stdin, outputs, config, tag, onEnd }) {
    this.#child = child;
    this.#stdin = stdin;
    this.#outputs = outputs;
    this.#onEnd = onEnd;
    this.pid = child.pid;
    this.end = null; // the end event's message, once it was told
    this.config = config;
    this.tag = tag;
    // A process that exits while it is written to makes the pipe fail; `write` reports that.
    stdin?.on('error', () => {});
    for (const [name, output] of Object.entries(outputs)) {
      output.on('data', (chunk) => this.#onData(name, chunk));
      output.on('error', () => output.destroy());
      output.on('close', () => this.#endIfOver());
    }
    child.on('exit', (code, signal) => {
      this.#exit = { code, signal };
      if (this.#signalled) this.#endWhenSilent();
      this.#endIfOver();
    });
  }

  /** @returns {boolean} whether the end event was told */
  get ended() {
    return this.#endText !== null;
  }

  /** Attaches a stream: it gets the start event, what comes from now on, and the end. */
  attach(stream) {
    const start = `{"event":{"start":{"pid":${this.pid}}}}`;
    if (!this.ended) {
      this.#streams.add(stream);
      this.#deliver(stream, start);
      return;
    }
    stream.send(start);
    stream.send(this.#endText);
    stream.finish();
  }

  /** Takes a stream away, which may let the process go on. */
  detach(stream) {
    this.#streams.delete(stream);
    this.unblock(stream);
  }

  /** Tells that a stream can take more. */
  unblock(stream) {
    if (!this.#blocked.delete(stream) || this.#blocked.size > 0) return;
    for (const output of Object.values(this.#outputs)) output.resume();
  }

  /**
   * @param {Buffer} data
   * @returns {Promise<void>} when the pipe took all of it
   */
  write(data) {
    if (!this.#stdin?.writable) {
      return Promise.reject(
        new RpcError('internal', 'error writing to stdin: stdin not enabled or closed'),
      );
    }
    if (this.#stdin.writableLength > MAX_STDIN_BYTES) {
      return Promise.reject(
        new RpcError('resource_exhausted', 'the process does not read its stdin'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#stdin.write(data, (error) => {
        if (error) reject(new RpcError('internal', `error writing to stdin: ${error.message}`));
        else resolve();
      });
    });
  }

  closeStdin() {
    if (!this.#stdin) throw new RpcError('internal', 'error closing stdin: stdin not enabled');
    this.#stdin.end();
  }

  /** @param {'SIGKILL'|'SIGTERM'} name  goes to this one process, not to its children */
  signal(name) {
    this.#signalled = true;
    if (this.#exit === null) this.#child.kill(name);
    else this.#endWhenSilent();
  }

  /** The deadline of the process itself: it is killed then, whether or not `stream` still lives. */
  setDeadline(timeoutMs, stream) {
    this.#deadline = setTimeout(
      () => {
        this.expire(stream);
        this.signal('SIGKILL');
      },
      Math.min(timeoutMs, MAX_TIMER_MS),
    );
    this.#deadline.unref();
  }

  /** Ends one stream at its deadline; without effect on a stream that has ended. */
  expire(stream) {
    this.detach(stream);
    stream.finish({ code: 'deadline_exceeded', message: 'context deadline exceeded' });
  }

  /** Kills the process and what stayed in its group: all that can be done without /proc. */
  killGroup() {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  }

  /** Lets go of everything when the sandbox is gone. */
  dispose() {
    clearTimeout(this.#deadline);
    this.#stdin?.destroy();
    for (const output of Object.values(this.#outputs)) output.destroy();
    for (const stream of [...this.#streams]) stream.close();
  }

  #onData(name, chunk) {
    this.#bytesSeen += chunk.length;
    if (this.#streams.size === 0) return;
    for (let offset = 0; offset < chunk.length; offset += MAX_DATA_BYTES) {
      const base64 = chunk.toString('base64', offset, offset + MAX_DATA_BYTES);
      const text = `{"event":{"data":{"${name}":"${base64}"}}}`;
      for (const stream of [...this.#streams]) this.#deliver(stream, text);
    }
  }

  #deliver(stream, text) {
    if (stream.send(text) || !this.#streams.has(stream)) return;
    this.#blocked.add(stream);
    for (const output of Object.values(this.#outputs)) output.pause();
  }

  #endIfOver() {
    if (this.#exit && Object.values(this.#outputs).every(({ closed }) => closed)) this.#end();
  }

  /** Children of a killed process may hold its pipes for ever: the end does not wait for them. */
  #endWhenSilent() {
    const seen = this.#bytesSeen;
    const timer = setTimeout(() => {
      if (this.ended) return;
      if (this.#blocked.size > 0 || this.#bytesSeen !== seen) this.#endWhenSilent();
      else this.#end();
    }, GRACE_MS);
    timer.unref();
  }

  #end() {
    if (this.ended) return;
    clearTimeout(this.#deadline);
    this.end = endEvent(this.#exit);
    this.#endText = JSON.stringify({ event: { end: this.end } });
    this.#stdin?.destroy();
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const stream of streams) {
      this.unblock(stream);
      stream.send(this.#endText);
      stream.finish();
    }
    this.#onEnd();
  }
}

/** Fields with default values are left out, as ProtoJSON does. */
function endEvent({ code, signal }) {
  if (signal) {
    const text = `signal: ${SIGNAL_TEXT[signal] ?? signal}`;
    return { exitCode: -1, status: text, error: text };
  }
  const status = `exit status ${code}`;
  if (code === 0) return { exited: true, status };
  return { exitCode: code, exited: true, status, error: status };
}

module.exports = { MAX_DATA_BYTES, ManagedProcess, endEvent };
