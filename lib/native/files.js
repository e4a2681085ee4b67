'use strict';

// Files of a sandbox, whole or as streams. A path that is relative counts from the home of the user.

const { checkNumber, checkOptions, checkString, invalid, show } = require('../options');
const { touch } = require('./activity');
const { bytesOf, encodingOf, flagOf } = require('./arguments');
const { Call } = require('./calls');
const { CONNECTION_KEYS } = require('./connection');
const { answerOf, ask, attempt, checkPath, checkSandboxId, rpc } = require('./direct');
const { download, isSource, upload } = require('./file-streams');
const { badResponse, fileInfo, listOf, metadataOf } = require('./shapes');
const { GZIP, Packer, formOf, metadataLines, packed } = require('./uploads');

const FILE_KEYS = ['user', ...CONNECTION_KEYS];
const WRITE_MANY_KEYS = ['metadata', ...FILE_KEYS];
const WRITE_KEYS = ['size', 'gzip', ...WRITE_MANY_KEYS];
const READ_KEYS = ['encoding', 'maxBytes', 'offset', ...FILE_KEYS];
const SIGN_KEYS = ['operation', 'expiresInSeconds', ...FILE_KEYS];
const LIST_KEYS = ['user', 'depth', ...CONNECTION_KEYS];
const MAX_DEPTH = 1_000;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Writes a file; its folders are made, an existing one is replaced.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {string|Uint8Array|ArrayBuffer|AsyncIterable|Iterable} data pieces of a stream are strings
 *   or bytes; it is read no faster than they are sent, and ended when the write fails
 * @param {object} [options] user, metadata (kept with the file until it is written again; keys in
 *   lower case), gzip (packs what goes over the wire), size (of a stream, in bytes, when it is known: a
 *   source that has more or fewer is an error), and the connection. For a stream `requestTimeoutMs` is
 *   the time in which nothing moves because of the far end.
 * @returns {Promise<{ sandboxId: string, path: string, name: string, metadata: object }>} the absolute
 *   path. A stream that fails half-way may leave a part of the file; it rejects with what the source
 *   threw
 */
function writeE2bFile(sandboxId, path, data, options) {
  try {
    const given = checkOptions(options, WRITE_KEYS, 'writeE2bFile');
    const streamed = isSource(data);
    const bytes = streamed ? null : bytesOf(data, 'data');
    checkSize(given.size, streamed);
    const gzip = flagOf(given.gzip, 'gzip');
    const call = uploadCall(writeE2bFile, sandboxId, given, ([entry]) => entry);
    call.record.lines = [...metadataLines(given.metadata), ...(gzip ? [GZIP] : [])];
    if (streamed) {
      call.record.size = gzip ? undefined : given.size;
      const begin = () => call.enter(call.begin().uploadFile(sandboxId, path, call.record));
      return upload(call, data, given.size, begin, gzip ? new Packer() : undefined);
    }
    const send = (body) => {
      call.checkWanted();
      return call.enter(call.begin().writeFile(sandboxId, path, body, call.record));
    };
    return gzip ? packed(bytes).then(send) : send(bytes);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Writes several files by one request, one after the other.
 *
 * @param {string} sandboxId
 * @param {{ path: string, data: string|Uint8Array|ArrayBuffer|AsyncIterable|Iterable }[]} files 1 to
 *   1,000; data as of writeE2bFile, also streams
 * @param {object} [options] user, metadata (of each of them), and the connection. `requestTimeoutMs` is
 *   the time in which nothing moves because of the far end.
 * @returns {Promise<{ sandboxId: string, path: string, name: string, metadata: object }[]>} rejects
 *   with what a source threw. One that fails half-way may leave some of the files, and a part of one
 */
function writeE2bFiles(sandboxId, files, options) {
  try {
    const given = checkOptions(options, WRITE_MANY_KEYS, 'writeE2bFiles');
    checkSandboxId(sandboxId);
    const { pieces, size, type } = formOf(files);
    const call = uploadCall(writeE2bFiles, sandboxId, given, (entries) => entries);
    call.record.lines = [type, ...metadataLines(given.metadata)];
    call.record.form = true;
    call.record.size = size;
    return upload(call, pieces, size, () =>
      call.enter(call.begin().uploadFile(sandboxId, undefined, call.record)),
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

function uploadCall(caller, sandboxId, given, pick) {
  const call = new Call(given, caller, sandboxId, (batch, at) => {
    touch(sandboxId);
    const facts = { sandboxId, status: batch[at + 2] };
    const entries = listOf(batch[at + 3], null, 'an upload', facts);
    if (entries.length === 0 || entries.some(({ path }) => typeof path !== 'string')) {
      throw badResponse('the answer to an upload names no file', facts);
    }
    return pick(
      entries.map((entry) => {
        const { path, name } = entry;
        return { sandboxId, path, name, metadata: metadataOf(entry) };
      }),
    );
  });
  call.record.user = given.user;
  return call;
}

function checkSize(size, streamed) {
  if (size == null) return;
  if (!streamed) throw invalid('size is for data that is a stream');
  checkNumber(size, 'size', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
}

/**
 * Reads a file, as a whole or as a stream.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] encoding ('utf8', the default, 'buffer' or 'stream'), user, maxBytes
 *   (256 MiB; a longer file: RESPONSE_TOO_LARGE), and the connection. With 'stream': offset, the byte
 *   to begin at (0), and no maxBytes; `requestTimeoutMs` is the time in which nothing moves because of
 *   the far end. To resume, read again from the number of bytes that have come.
 * @returns {Promise<string|Buffer|import('node:stream').Readable>} rejects with NOT_FOUND when there is
 *   no such file, with BAD_REQUEST when offset is not in it. A stream that breaks off is destroyed with
 *   the error: it never just ends
 */
function readE2bFile(sandboxId, path, options) {
  try {
    const given = checkOptions(options, READ_KEYS, 'readE2bFile');
    if (given.encoding === 'stream') return openFile(sandboxId, path, given);
    if (given.offset != null) throw invalid("offset is for encoding: 'stream'");
    const encoding = encodingOf(given.encoding, ['utf8', 'buffer', 'stream']);
    const limit = { min: 1, max: MAX_FILE_BYTES, integer: true };
    if (given.maxBytes != null) checkNumber(given.maxBytes, 'maxBytes', limit);
    const call = new Call(given, readE2bFile, sandboxId, (batch, at) => {
      touch(sandboxId);
      const bytes = batch[at + 3];
      return encoding === 'utf8' ? bytes.toString() : bytes;
    });
    call.record.user = given.user;
    call.record.maxBytes = given.maxBytes;
    return call.enter(call.begin().readFile(sandboxId, path, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

function openFile(sandboxId, path, given) {
  if (given.maxBytes != null) throw invalid("maxBytes is not for encoding: 'stream'");
  const limit = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
  if (given.offset != null) checkNumber(given.offset, 'offset', limit);
  const call = new Call(given, readE2bFile, sandboxId, () => touch(sandboxId));
  call.record.user = given.user;
  call.record.offset = given.offset;
  return download(call, () => call.enter(call.begin().downloadFile(sandboxId, path, call.record)));
}

/**
 * What is in a folder.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] depth (default 1: the folder alone), user, and the connection
 * @returns {Promise<object[]>} { name, path, type, size, mode, permissions, owner, group, modifiedAt,
 *   symlinkTarget, metadata }; rejects with NOT_FOUND when there is no such folder
 */
function listE2bFiles(sandboxId, path, options) {
  try {
    const given = checkOptions(options, LIST_KEYS, 'listE2bFiles');
    const depth = { min: 1, max: MAX_DEPTH, integer: true };
    if (given.depth != null) checkNumber(given.depth, 'depth', depth);
    const call = new Call(given, listE2bFiles, sandboxId, (batch, at) => {
      touch(sandboxId);
      const facts = { sandboxId, status: batch[at + 2] };
      return listOf(batch[at + 3], 'entries', 'a list of files', facts).map(fileInfo);
    });
    call.record.user = given.user;
    call.record.depth = given.depth;
    return call.enter(call.begin().listFiles(sandboxId, path, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Removes a file, or a folder with all that is in it. A path that is not there counts as removed.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] user, and the connection
 * @returns {Promise<{ sandboxId: string, path: string }>}
 */
function removeE2bFile(sandboxId, path, options) {
  try {
    const given = checkOptions(options, FILE_KEYS, 'removeE2bFile');
    const call = new Call(given, removeE2bFile, sandboxId, () => {
      touch(sandboxId);
      return { sandboxId, path };
    });
    call.record.user = given.user;
    return call.enter(call.begin().removeFile(sandboxId, path, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * What is at a path.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] user, and the connection
 * @returns {Promise<object>} as an item of listE2bFiles; rejects with NOT_FOUND when nothing is there
 */
function statE2bFile(sandboxId, path, options) {
  return attempt(() => {
    const given = checkOptions(options, FILE_KEYS, 'statE2bFile');
    const request = { ...rpc('filesystem.Filesystem/Stat', given.user), idempotent: true };
    const body = { path: checkPath(path) };
    return entryCall(statE2bFile, sandboxId, given, request, 'looking at the file', body);
  });
}

/**
 * Makes a folder, with those above it.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] user, and the connection
 * @returns {Promise<object>} as an item of listE2bFiles; rejects with CONFLICT when it is there already
 */
function makeE2bDir(sandboxId, path, options) {
  return attempt(() => {
    const given = checkOptions(options, FILE_KEYS, 'makeE2bDir');
    const request = rpc('filesystem.Filesystem/MakeDir', given.user);
    const body = { path: checkPath(path) };
    return entryCall(makeE2bDir, sandboxId, given, request, 'making the folder', body);
  });
}

/**
 * Moves a file or a folder; a file at the destination is replaced, folders above it are made.
 *
 * @param {string} sandboxId
 * @param {string} from
 * @param {string} to
 * @param {object} [options] user, and the connection
 * @returns {Promise<object>} the moved one, as an item of listE2bFiles
 */
function moveE2bFile(sandboxId, from, to, options) {
  return attempt(() => {
    const given = checkOptions(options, FILE_KEYS, 'moveE2bFile');
    const request = rpc('filesystem.Filesystem/Move', given.user);
    const body = { source: checkString(from, 'from'), destination: checkString(to, 'to') };
    return entryCall(moveE2bFile, sandboxId, given, request, 'moving the file', body);
  });
}

/**
 * An address under which whoever has it can read or write a file, without any key.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] operation ('read', the default, or 'write': by POST of a form, or of bytes
 *   as application/octet-stream), expiresInSeconds (default: as long as the sandbox lives), user, and
 *   the connection
 * @returns {Promise<string>} where all sandboxes share one address (`sandboxUrl`), it is that one: a
 *   local E2B finds the sandbox by the signature
 */
function signE2bFileUrl(sandboxId, path, options) {
  return attempt(() => {
    const given = checkOptions(options, SIGN_KEYS, 'signE2bFileUrl');
    const { operation = 'read', expiresInSeconds } = given;
    if (operation !== 'read' && operation !== 'write') {
      throw invalid(`operation must be 'read' or 'write', not ${show(operation)}`);
    }
    const call = new Call(given, signE2bFileUrl, sandboxId, (batch, at) => batch[at + 3]);
    call.record.user = given.user;
    call.record.write = operation === 'write';
    if (expiresInSeconds != null) {
      checkNumber(expiresInSeconds, 'expiresInSeconds', { min: 1, max: Number.MAX_SAFE_INTEGER });
      call.record.expiresAt = Math.ceil(Date.now() / 1000 + expiresInSeconds);
    }
    return call.enter(call.begin().signFile(sandboxId, path, call.record));
  });
}

function entryCall(caller, sandboxId, given, request, what, body) {
  checkSandboxId(sandboxId);
  return ask(caller, sandboxId, given, { ...request, what }, body, (answer) => {
    const { entry } = answerOf(answer, what);
    if (typeof entry?.path === 'string') return fileInfo(entry);
    throw badResponse(`the answer to ${what} names no file`, answer.facts);
  });
}

module.exports = {
  listE2bFiles,
  makeE2bDir,
  moveE2bFile,
  readE2bFile,
  removeE2bFile,
  signE2bFileUrl,
  statE2bFile,
  writeE2bFile,
  writeE2bFiles,
};
