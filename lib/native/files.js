'use strict';

// Files of a sandbox, whole ones. A path that is relative counts from the home of the user.

const { checkNumber, checkOptions } = require('../options');
const { touch } = require('./activity');
const { bytesOf, encodingOf } = require('./arguments');
const { Call } = require('./calls');
const { CONNECTION_KEYS } = require('./connection');
const { badResponse, fileInfo, listOf } = require('./shapes');

const WRITE_KEYS = ['user', ...CONNECTION_KEYS];
const READ_KEYS = ['user', 'encoding', 'maxBytes', ...CONNECTION_KEYS];
const LIST_KEYS = ['user', 'depth', ...CONNECTION_KEYS];
const MAX_DEPTH = 1_000;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Writes a file; its folders are made, an existing one is replaced.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {string|Uint8Array|ArrayBuffer} data
 * @param {object} [options] user, and the connection
 * @returns {Promise<{ sandboxId: string, path: string, name: string }>} the absolute path
 */
function writeE2bFile(sandboxId, path, data, options) {
  try {
    const given = checkOptions(options, WRITE_KEYS, 'writeE2bFile');
    const bytes = bytesOf(data, 'data');
    const call = new Call(given, writeE2bFile, sandboxId, (batch, at) => {
      touch(sandboxId);
      const facts = { sandboxId, status: batch[at + 2] };
      const [entry] = listOf(batch[at + 3], null, 'an upload', facts);
      if (typeof entry?.path !== 'string') {
        throw badResponse('the answer to an upload names no file', facts);
      }
      return { sandboxId, path: entry.path, name: entry.name };
    });
    call.record.user = given.user;
    return call.enter(call.addon.writeFile(sandboxId, path, bytes, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Reads a file as a whole.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] encoding ('utf8', the default, or 'buffer'), user, maxBytes (256 MiB;
 *   a longer file: RESPONSE_TOO_LARGE), and the connection
 * @returns {Promise<string|Buffer>} rejects with NOT_FOUND when there is no such file
 */
function readE2bFile(sandboxId, path, options) {
  try {
    const given = checkOptions(options, READ_KEYS, 'readE2bFile');
    const encoding = encodingOf(given.encoding);
    const limit = { min: 1, max: MAX_FILE_BYTES, integer: true };
    if (given.maxBytes != null) checkNumber(given.maxBytes, 'maxBytes', limit);
    const call = new Call(given, readE2bFile, sandboxId, (batch, at) => {
      touch(sandboxId);
      const bytes = batch[at + 3];
      return encoding === 'utf8' ? bytes.toString() : bytes;
    });
    call.record.user = given.user;
    call.record.maxBytes = given.maxBytes;
    return call.enter(call.addon.readFile(sandboxId, path, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * What is in a folder.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {object} [options] depth (default 1: the folder alone), user, and the connection
 * @returns {Promise<object[]>} { name, path, type, size, mode, permissions, owner, group, modifiedAt,
 *   symlinkTarget }; rejects with NOT_FOUND when there is no such folder
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
    return call.enter(call.addon.listFiles(sandboxId, path, call.record));
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
    const given = checkOptions(options, WRITE_KEYS, 'removeE2bFile');
    const call = new Call(given, removeE2bFile, sandboxId, () => {
      touch(sandboxId);
      return { sandboxId, path };
    });
    call.record.user = given.user;
    return call.enter(call.addon.removeFile(sandboxId, path, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

module.exports = { listE2bFiles, readE2bFile, removeE2bFile, writeE2bFile };
