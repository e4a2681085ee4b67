// What separates the sandboxes from the host, said plainly. This version has one rung: `none`.
'use strict';

const STOPS = [
  'sandboxes surviving their end: processes are found by environment and descent and killed',
  "accidents of the file API: it changes files only in the sandbox's homes and in /tmp",
  "the backend's own environment variables: processes do not inherit them",
];
const DOES_NOT_STOP = [
  "files: a process can read and write everything that the backend's user can",
  'network: a process reaches the internet, the host and this backend',
  'processes: a process sees and can signal every process of the same user',
  "users: 'user' and 'root' are names only, everything runs as the backend's user",
  'resources: no limits on memory, processors or disk',
  'escape from the kill: a process that wipes its environment and leaves its parent is not found',
];

let warned = false;

/**
 * @param {'auto'|'none'} asked
 * @returns {{ rung: 'none', asked: string, stops: string[], doesNotStop: string[] }}
 */
function chooseIsolation(asked) {
  if (asked === 'auto' && !warned) {
    warned = true;
    process.emitWarning(
      'the local E2B backend isolates nothing: sandboxes run as plain processes of this user, with ' +
        "its files and its network. Run only code that you trust, and ask for isolation: 'none' to " +
        'say that you know.',
      { type: 'E2BLocalWarning', code: 'E2B_LOCAL_NO_ISOLATION' },
    );
  }
  return Object.freeze({ rung: 'none', asked, stops: STOPS, doesNotStop: DOES_NOT_STOP });
}

module.exports = { chooseIsolation };
