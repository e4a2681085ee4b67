// One process of a sandbox: its listeners, its input, its end. Output goes to whoever listens and is
// lost otherwise; a listener that does not read blocks the process, as a terminal would. The end is
// told when the pipes are at their end too, except after a signal that came through the API.
'use strict';

const { RpcError } = require('./connect-rpc');

const MAX_DATA_BYTES = { stdout: 32 * 1024, stderr: 32 * 1024, pty: 16 * 1024 };
const MAX_INPUT_BYTES = 64 * 1024 * 1024; // written and not yet taken
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
  #process;
  #streams = new Set();
  #blocked = new Set();
  #owedCredit = 0; // bytes that were delivered while somebody had enough
  #exit = null; // { code, signal } as soon as the process itself is gone
  #over = false; // nothing more comes of it
  #endText = null; // the end event, once it was told
  #signalled = false;
  #deadline = null;
  #bytesSeen = 0;
  #inputBytes = 0;
  #onEnd;

  /**
   * @param {object} parts
   * @param {import('./init/init-process').InitProcess} parts.process
   * @param {object} parts.config  as `List` reports it
   * @param {string} [parts.tag]
   * @param {() => void} parts.onEnd  once, when the end event was told
   */
  constructor({ process, config, tag, onEnd }) {
    this.#process = process;
    this.#onEnd = onEnd;
    this.pid = process.pid;
    this.end = null; // the end event's message, once it was told
    this.config = config;
    this.tag = tag;
  }

  /** Takes what the process says, from its first byte: so its first stream must be attached before. */
  begin() {
    this.#process.listen({
      onData: (name, bytes) => this.#onData(name, bytes),
      onExit: (exit) => {
        this.#exit = exit;
        if (this.#signalled) this.#endWhenSilent();
        this.#endIfOver();
      },
      onOver: (error) => {
        // Without a sandbox there is no end to tell: its streams are cut.
        this.#over = error === null;
        this.#endIfOver();
      },
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
    this.#process.credit(this.#owedCredit);
    this.#owedCredit = 0;
  }

  /**
   * @param {'stdin'|'pty'} kind
   * @param {Buffer} data
   * @returns {Promise<void>} when all of it is on its way
   */
  async write(kind, data) {
    const { pty, writable } = this.#process;
    const name = kind === 'pty' ? 'tty' : 'stdin';
    const refuse = (code, text) => new RpcError(code, `error writing to ${name}: ${text}`);
    if (kind === 'pty' && !pty) {
      const text = 'tty not assigned to process, input should be written to the stdin';
      throw refuse('internal', text);
    }
    if (kind === 'stdin' && pty) {
      const text = 'tty assigned to process, input should be written to the pty, not the stdin';
      throw refuse('internal', text);
    }
    if (!writable) throw refuse('internal', `${name} not enabled or closed`);
    if (this.#inputBytes + data.length > MAX_INPUT_BYTES) {
      throw refuse('resource_exhausted', 'the process does not read its input');
    }
    this.#inputBytes += data.length;
    try {
      await this.#process.write(data);
    } catch (error) {
      throw refuse('internal', error.message);
    } finally {
      this.#inputBytes -= data.length;
    }
  }

  closeStdin() {
    if (this.#process.pty) {
      const text = 'cannot close stdin of a process with a tty, send Ctrl+D (0x04) in its place';
      throw new RpcError('unknown', `error closing stdin: ${text}`);
    }
    if (!this.#process.writable) {
      throw new RpcError('internal', 'error closing stdin: stdin not enabled or closed');
    }
    this.#process.endInput();
  }

  /** @param {{ cols: number, rows: number }} size */
  resize(size) {
    if (!this.#process.pty) {
      throw new RpcError('internal', 'error resizing tty: tty not assigned to process');
    }
    this.#process.resize(size);
  }

  /** @param {'SIGKILL'|'SIGTERM'} name  goes to this one process, not to its children */
  signal(name) {
    this.#signalled = true;
    if (this.#exit === null) this.#process.signal(name);
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

  /** Lets go of everything when the sandbox is gone. */
  dispose() {
    clearTimeout(this.#deadline);
    for (const stream of [...this.#streams]) stream.close();
  }

  #onData(name, bytes) {
    this.#bytesSeen += bytes.length;
    const most = MAX_DATA_BYTES[name];
    for (let at = 0; at < bytes.length && this.#streams.size > 0; at += most) {
      const base64 = bytes.toString('base64', at, at + most);
      const text = `{"event":{"data":{"${name}":"${base64}"}}}`;
      for (const stream of [...this.#streams]) this.#deliver(stream, text);
    }
    if (this.#blocked.size > 0) this.#owedCredit += bytes.length;
    else this.#process.credit(bytes.length);
  }

  #deliver(stream, text) {
    if (!stream.send(text) && this.#streams.has(stream)) this.#blocked.add(stream);
  }

  #endIfOver() {
    if (this.#exit && this.#over) this.#end();
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
    this.#process.release(); // its children's pipes break, as with envd
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
