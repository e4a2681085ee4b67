// envd's GET /files: the bytes of one file, whole, packed, or a single range of them.
'use strict';

const path = require('node:path');
const { Readable, pipeline } = require('node:stream');
const zlib = require('node:zlib');
const { HttpError } = require('./answer');
const { acceptsEncoding } = require('./accept-encoding');
const { authorizeFiles, resolveFile, userOf } = require('./files-access');

const CONTENT_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'text/xml; charset=utf-8',
};

/** @returns {Promise<import('./answer').Answer>} */
async function download({ sandbox, method, query, headers }) {
  authorizeFiles(sandbox, method, query, headers);
  const user = userOf(sandbox, query);
  const inside = await resolveFile(sandbox, query.get('path') ?? '', user);
  let entry;
  try {
    // Nothing of it is read yet, but it was opened as this user.
    const opened = await sandbox.init.read(user, inside, { length: 0 });
    for await (const piece of opened.bytes) void piece;
    ({ entry } = opened);
  } catch (error) {
    throw readError(error, inside);
  }
  const open = (start, end) => bytesOf(sandbox, user, inside, start, end);
  return fileAnswer(inside, entry, headers, open);
}

async function* bytesOf(sandbox, user, inside, start, end) {
  const length = end - start;
  const { bytes } = await sandbox.init.read(user, inside, { offset: start, length });
  yield* bytes;
}

function fileAnswer(inside, { size, mtimeNs }, requested, open) {
  const name = path.posix.basename(inside);
  const modified = new Date(Number(mtimeNs / 1_000_000n));
  const headers = {
    'content-type': CONTENT_TYPES[path.extname(name).toLowerCase()] ?? 'application/octet-stream',
    'content-disposition': `inline; filename*=utf-8''${encodeURIComponent(name)}`,
    'last-modified': modified.toUTCString(),
    vary: 'Accept-Encoding',
  };
  if (!isModified(requested, modified)) return { status: 304, headers };
  const range = parseRange(requested.range, size);
  const encodings = acceptsEncoding(requested['accept-encoding']);
  if (encodings.gzip && !(range && encodings.identity)) {
    headers['content-encoding'] = 'gzip';
    const packed = (start, end) => pack(open(start, end));
    return { status: 200, headers, file: { open: packed, start: 0, end: size, exact: false } };
  }
  if (!encodings.identity) {
    throw new HttpError(406, 'no acceptable encoding found, supported: [identity, gzip]');
  }
  headers['accept-ranges'] = 'bytes';
  if (range === 'unsatisfiable') {
    const extra = { 'content-range': `bytes */${size}`, 'content-length': 0 };
    return { status: 416, headers: { ...headers, ...extra } };
  }
  const { start, end } = range ?? { start: 0, end: size };
  headers['content-length'] = end - start;
  if (range) headers['content-range'] = `bytes ${start}-${end - 1}/${size}`;
  return { status: range ? 206 : 200, headers, file: { open, start, end } };
}

/** @returns {AsyncIterable<Buffer>} */
function pack(bytes) {
  return pipeline(Readable.from(bytes), zlib.createGzip({ level: 1 }), () => {});
}

function isModified(headers, modified) {
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return Number.isNaN(since) || Math.floor(modified.getTime() / 1000) > since / 1000;
}

/**
 * @param {string|undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number }|'unsatisfiable'|null} null: the whole file, as for every
 *   form that is not one single range
 */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size : Math.min(Number(match[2]) + 1, size);
  if (start >= size) return 'unsatisfiable';
  return start < end ? { start, end } : null;
}

function readError(error, inside) {
  if (error instanceof HttpError) return error;
  const { code, errno } = error;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new HttpError(404, `path '${inside}' does not exist`);
  }
  if (code === 'EISDIR') return new HttpError(400, `path '${inside}' is a directory`);
  if (code === 'ENXIO') return new HttpError(400, `path '${inside}' is not a regular file`);
  if (code === 'ENAMETOOLONG') return new HttpError(400, error.message);
  if (errno === undefined) return error;
  const [, why] = error.message.split(`${error.what}: `);
  return new HttpError(500, `error opening file '${inside}': ${why}`);
}

module.exports = { download, parseRange };
