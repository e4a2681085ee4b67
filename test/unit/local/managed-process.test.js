// Who hears what of a process, in which order, and who blocks it.
'use strict';

const { ManagedProcess, endEvent } = require('../../../lib/local/managed-process');

/** A stream that keeps what it gets and says whether it can take more. */
class Listener {
  received = [];
  finished = false;
  roomLeft = true;

  send(text) {
    this.received.push(JSON.parse(text).event);
    return this.roomLeft;
  }

  finish() {
    this.finished = true;
  }
}

/** A process that says what the test wants. */
class Process {
  pid = 42;
  pty = false;
  writable = true;
  credited = 0;
  released = false;
  signals = [];

  listen(listener) {
    Object.assign(this, listener);
  }

  credit(bytes) {
    this.credited += bytes;
  }

  signal(name) {
    this.signals.push(name);
  }

  release() {
    this.released = true;
  }
}

function create() {
  const process = new Process();
  const onEnd = jest.fn();
  const managed = new ManagedProcess({ process, config: {}, onEnd });
  managed.begin();
  return { process, managed, onEnd };
}

test('one listener without room holds back the credit of all, until it has room again', () => {
  const { process, managed } = create();
  const [quick, slow] = [new Listener(), new Listener()];
  managed.attach(quick);
  slow.roomLeft = false;
  managed.attach(slow);
  process.onData('stdout', Buffer.from('abc'));
  expect(quick.received.at(-1)).toEqual({ data: { stdout: 'YWJj' } });
  expect(process.credited).toBe(0);
  slow.roomLeft = true;
  managed.unblock(slow);
  expect(process.credited).toBe(3);
});

test('a listener without room that leaves frees the others', () => {
  const { process, managed } = create();
  const slow = new Listener();
  slow.roomLeft = false;
  managed.attach(slow);
  process.onData('stdout', Buffer.from('abc'));
  managed.detach(slow);
  expect(process.credited).toBe(3);
});

test('output while nobody listens is read and lost', () => {
  const { process, managed } = create();
  process.onData('stdout', Buffer.from('lost'));
  expect(process.credited).toBe(4);
  const late = new Listener();
  managed.attach(late);
  expect(late.received).toEqual([{ start: { pid: 42 } }]);
});

test('events are of 32 KiB at most, of a terminal 16', () => {
  const { process, managed } = create();
  const listener = new Listener();
  managed.attach(listener);
  process.onData('stderr', Buffer.alloc(64 * 1024));
  process.onData('pty', Buffer.alloc(20 * 1024));
  const sizes = listener.received.slice(1).map(({ data }) => {
    return Buffer.from(Object.values(data)[0], 'base64').length / 1024;
  });
  expect(sizes).toEqual([32, 32, 16, 4]);
});

test('the end is told once, after the exit and all that was said, in whatever order', () => {
  for (const exitFirst of [true, false]) {
    const { process, managed, onEnd } = create();
    const listener = new Listener();
    managed.attach(listener);
    const exit = () => process.onExit({ code: 0, signal: null });
    if (exitFirst) exit();
    process.onData('stdout', Buffer.from('x'));
    expect(listener.finished).toBe(false);
    process.onOver(null);
    if (!exitFirst) exit();
    expect(listener.finished).toBe(true);
    expect(listener.received.slice(-2)).toEqual([
      { data: { stdout: 'eA==' } },
      { end: { exited: true, status: 'exit status 0' } },
    ]);
    expect(onEnd).toHaveBeenCalledTimes(1);
    expect(managed.end).toEqual({ exited: true, status: 'exit status 0' });
  }
});

test('the end of a sandbox is no end of a process', () => {
  const { process, managed, onEnd } = create();
  const listener = new Listener();
  managed.attach(listener);
  process.onExit({ code: 0, signal: null });
  process.onOver(new Error('the sandbox is gone'));
  expect([listener.finished, onEnd.mock.calls]).toEqual([false, []]);
});

test('input goes where it belongs, and nowhere else', async () => {
  const { process, managed } = create();
  await expect(managed.write('pty', Buffer.from('x'))).rejects.toThrow('tty not assigned');
  expect(() => managed.resize({ cols: 1, rows: 1 })).toThrow('tty not assigned');
  process.pty = true;
  await expect(managed.write('stdin', Buffer.from('x'))).rejects.toThrow('tty assigned');
  expect(() => managed.closeStdin()).toThrow(expect.objectContaining({ code: 'unknown' }));
});

test('a signal that Go has no name for keeps its own', () => {
  expect(endEvent({ code: null, signal: 'SIGSTKFLT' }).status).toBe('signal: SIGSTKFLT');
});
