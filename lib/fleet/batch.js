'use strict';

// Several blocks of code in one call (EXE-02): one process in the sandbox runs them one after the other
// and gives back each one's output and exit code, whatever the others did. It is given the function
// that runs a process and sends nothing else.
//
// A small bash program runs every block with its output in files of its own, and writes after each one
// a frame: a line with a random word and the lengths, then that many bytes. What a block prints is
// inside of a frame, by length, so nothing that it prints can be taken for a frame. Blocks run as one
// user and are no strangers to each other: this keeps results apart, it is not a wall between tenants.

const { ProtocolError } = require('../errors');
const { checkNumber, checkOptions, invalid, nearest, show } = require('../options');

const MAX_BLOCKS = 100;
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1; // the kernel's for one argument, with its NUL
const MAX_TOTAL_BYTES = 1024 * 1024;
const MAX_KEPT_BYTES = 1024 * 1024;
const ANSWER_BYTES = 16 * 1024 * 1024; // what executeE2bProcess keeps of a stream, at its default
const HEADER_BYTES = 256;
const BLOCK_KEYS = ['language', 'code', 'args', 'command', 'timeoutMs'];
const OPTION_KEYS = ['timeout', 'stopOnFailure', 'maxBlockBytes', 'options'];

const INTERPRETERS = Object.freeze({
  bash: (code, args) => ['/bin/bash', '-c', code, 'bash', ...args],
  python: (code, args) => ['python3', '-c', code, ...args],
  javascript: (code, args) => ['node', '-e', code, '--', ...args],
});

// $1 word  $2 bytes kept of each stream  $3 stop at a failure; then of each block: seconds (0: none),
// number of arguments, arguments. The files have no names once they are open: a kill leaves nothing
// behind. `timeout` also keeps bash from taking a command for a builtin. A process that a block left
// behind may still write, so the length is asked once.
const PROGRAM = `
word=$1 kept=$2 stop=$3; shift 3
show() { # $1 length, of stdin: no more than is kept, and no program that is not needed
  if [ "$1" -gt "$kept" ]; then head -c "$1" | tail -c "$kept"
  elif [ "$1" -gt 0 ]; then head -c "$1"; fi
}
printf '\\n%s begin\\n' "$word"
i=0
while [ $# -gt 0 ]; do
  limit=$1 n=$2; shift 2
  dir=$(mktemp -d) || exit 125
  exec 3>"$dir/out" 4<"$dir/out" 5>"$dir/err" 6<"$dir/err" || exit 125
  rm -rf "$dir"
  from=\${EPOCHREALTIME/[.,]/}
  timeout -k 1 "$limit" "\${@:1:n}" </dev/null >&3 2>&5 3>&- 4<&- 5>&- 6<&-
  code=$?
  to=\${EPOCHREALTIME/[.,]/}
  shift "$n"
  sizes=$(stat -L --printf '%s ' /proc/self/fd/4 /proc/self/fd/6)
  outs=\${sizes%% *} errs=\${sizes#* }; errs=\${errs% }
  printf '%s %d %d %d %d %d %d %d\\n' "$word" "$i" "$code" "$((to - from))" \\
    "$((outs < kept ? outs : kept))" "$outs" "$((errs < kept ? errs : kept))" "$errs"
  show "$outs" <&4; show "$errs" <&6
  i=$((i + 1))
  if [ "$stop" = 1 ] && [ "$code" != 0 ]; then break; fi
done
exit 0
`;

/**
 * Runs blocks in a sandbox in one call.
 *
 * @param {Function} execute executeE2bProcess, with the connection already in it or in `options`
 * @param {string} sandboxId
 * @param {Array<string|object>} blocks 1 to 100: a line for bash; { language: 'bash' | 'python' |
 *   'javascript', code, args?, timeoutMs? }; or { command: [program, ...args], timeoutMs? }. A block
 *   does not see another's variables or folder, only its files
 * @param {{ timeout?: number, stopOnFailure?: boolean, maxBlockBytes?: number, options?: object }}
 *   [how] timeout: seconds for all of them, default 300; maxBlockBytes: of each stream of a block the
 *   end is kept, default 1 MiB, less when many blocks share the answer's 16 MiB; options: of
 *   executeE2bProcess (env, cwd, user, signal, ...)
 * @param {{ token: () => string }} clock makes the random word
 * @returns {Promise<{ results: object[], failed: number, timedOut: boolean, durationMs: number }>}
 *   results[i]: { status: 'completed' | 'interrupted' | 'not-run', exitCode, timedOut, stdout, stderr,
 *   truncated, durationMs }. 'interrupted': it ran when the call's timeout came; 'not-run': nothing of
 *   it did. timedOut of a block: its own timeoutMs ended it
 * @throws {InvalidArgumentError} before anything is sent
 * @throws {ProtocolError} there is no bash 5 with coreutils in the sandbox, or somebody wrote between
 */
async function runBatch(execute, sandboxId, blocks, how, clock) {
  const {
    timeout = 300,
    stopOnFailure = false,
    maxBlockBytes,
    options,
  } = checkOptions(how, OPTION_KEYS, 'runBatch');
  if (!Array.isArray(blocks) || blocks.length === 0 || blocks.length > MAX_BLOCKS) {
    throw invalid(`blocks must be an array of 1 to ${MAX_BLOCKS} blocks`);
  }
  const word = `e2b-swarm-${clock.token()}`;
  const kept = keptBytes(maxBlockBytes, blocks.length);
  const args = ['-l', '-c', PROGRAM, 'e2b-swarm-batch', word, `${kept}`, stopOnFailure ? '1' : '0'];
  for (const [index, block] of blocks.entries()) args.push(...argumentsOf(block, index));
  checkTotal(args);
  const how2 = { ...options, encoding: 'buffer' };
  const answer = await execute(sandboxId, '/bin/bash', args, timeout, true, how2);
  const results = readFrames(answer, word, blocks);
  const failed = results.filter(({ exitCode }) => exitCode !== 0).length;
  return { results, failed, timedOut: answer.timedOut, durationMs: answer.durationMs };
}

// Both streams of all blocks fit in the answer, whose beginning would be lost else.
function keptBytes(asked, count) {
  const most = Math.floor(ANSWER_BYTES / (count + 1) / 2) - HEADER_BYTES;
  const limit = { min: 1, max: ANSWER_BYTES, integer: true };
  const wanted = asked === undefined ? MAX_KEPT_BYTES : checkNumber(asked, 'maxBlockBytes', limit);
  return Math.min(wanted, most);
}

function argumentsOf(given, index) {
  const where = `blocks[${index}]`;
  const block = typeof given === 'string' ? { code: given } : given;
  const { timeoutMs = 0, ...what } = checkOptions(block, BLOCK_KEYS, where);
  checkNumber(timeoutMs, `${where}.timeoutMs`, { min: 0, max: 86_400_000 });
  const argv = what.command === undefined ? program(what, where) : what.command;
  const fits = Array.isArray(argv) && argv.length > 0 && argv[0] !== '';
  if (!fits) throw invalid(`${where}.command must be an array of a program and its arguments`);
  for (const argument of argv) checkArgument(argument, where);
  return [`${timeoutMs / 1000}`, `${argv.length}`, ...argv];
}

function program({ language = 'bash', code, args = [] }, where) {
  if (!Object.hasOwn(INTERPRETERS, language)) {
    const known = Object.keys(INTERPRETERS);
    const near = nearest(String(language).slice(0, 40), known);
    throw invalid(
      `${where}.language must be one of ${known.join(', ')}, not ${show(language)}; did you mean '${near}'?`,
    );
  }
  if (!Array.isArray(args)) throw invalid(`${where}.args must be an array of strings`);
  return INTERPRETERS[language](code, args);
}

function checkArgument(argument, where) {
  if (typeof argument !== 'string' || argument.includes('\0')) {
    throw invalid(
      `${where}: code and arguments must be strings without NUL, not ${show(argument)}`,
    );
  }
  if (Buffer.byteLength(argument) <= MAX_ARGUMENT_BYTES) return;
  throw invalid(
    `${where} has more than ${MAX_ARGUMENT_BYTES} bytes: write it to a file in the sandbox first`,
  );
}

function checkTotal(args) {
  const bytes = args.reduce((sum, argument) => sum + Buffer.byteLength(argument) + 1, 0);
  if (bytes > MAX_TOTAL_BYTES) {
    throw invalid(`the blocks have ${bytes} bytes together, more than ${MAX_TOTAL_BYTES}`);
  }
}

function readFrames({ stdout, stderr, timedOut, exitCode, truncated }, word, blocks) {
  const start = Buffer.from(`\n${word} begin\n`);
  const begin = stdout.indexOf(start);
  const isWhole = !timedOut && exitCode === 0;
  if (truncated || (begin < 0 && isWhole)) throw broken('has no beginning', stderr);
  if (begin < 0 && !timedOut) throw broken(`ended with exit code ${exitCode}`, stderr);
  const results = [];
  let at = begin < 0 ? stdout.length : begin + start.length;
  while (at < stdout.length) {
    const frame = readFrame(stdout, at, word, results.length, blocks);
    if (frame === null && isWhole) throw broken('is not what it wrote', stderr);
    if (frame === null) break; // cut off in the middle by the timeout
    results.push(frame.result);
    at = frame.end;
  }
  const running = isWhole || begin < 0 ? null : results.length;
  while (results.length < blocks.length) {
    results.push(missing(results.length === running ? 'interrupted' : 'not-run'));
  }
  return results;
}

const HEADER = /^(\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/;

function readFrame(bytes, at, word, index, blocks) {
  const lineEnd = bytes.indexOf(10, at);
  if (lineEnd < 0 || lineEnd - at > HEADER_BYTES || index >= blocks.length) return null;
  const found = HEADER.exec(bytes.toString('latin1', at, lineEnd));
  if (found === null || found[1] !== word) return null;
  const [number, exitCode, us, outs, allOuts, errs, allErrs] = found.slice(2).map(Number);
  const outEnd = lineEnd + 1 + outs;
  const end = outEnd + errs;
  if (number !== index || end > bytes.length) return null;
  const durationMs = us / 1000;
  const limitMs = blocks[index].timeoutMs ?? 0;
  const wasKilled = exitCode === 124 || exitCode === 137;
  return {
    end,
    result: {
      status: 'completed',
      exitCode,
      timedOut: limitMs > 0 && wasKilled && durationMs >= limitMs,
      stdout: bytes.toString('utf8', lineEnd + 1, outEnd),
      stderr: bytes.toString('utf8', outEnd, end),
      truncated: allOuts > outs || allErrs > errs,
      durationMs,
    },
  };
}

function missing(status) {
  const nothing = { stdout: '', stderr: '', truncated: false };
  return { status, exitCode: null, timedOut: false, ...nothing, durationMs: null };
}

function broken(what, stderr) {
  const said = stderr.toString('utf8').trim().split('\n').at(-1).slice(-200);
  return new ProtocolError(
    `the answer of the batch ${what}; it needs bash 5 and coreutils in the sandbox` +
      (said && `. It said: ${said}`),
    { outcome: 'interrupted' },
  );
}

module.exports = { runBatch };
