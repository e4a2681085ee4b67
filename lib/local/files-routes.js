// envd's /files: upload in both forms, straight to disk, and download with single ranges. Who may do
// it is decided here too, because these routes accept a signature in place of the token.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Readable, pipeline } = require('node:stream');
const zlib = require('node:zlib');
const { HttpError, json } = require('./answer');
const { MultipartError, MultipartParser } = require('./multipart');
const { PathError } = require('./sandbox-paths');
const { safeEqual, signatureMatches } = require('./signature');

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
  authorize(sandbox, method, query, headers);
  const inside = resolve(sandbox, query.get('path') ?? '', query);
  const host = sandbox.paths.toHost(inside);
  const stat = await fs.promises.stat(host).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      throw new HttpError(404, `path '${inside}' does not exist`);
    }
    throw new HttpError(500, `error reading path '${inside}': ${error.message}`);
  });
  if (stat.isDirectory()) throw new HttpError(400, `path '${inside}' is a directory`);
  if (!stat.isFile()) throw new HttpError(400, `path '${inside}' is not a regular file`);
  await fs.promises.access(host, fs.constants.R_OK).catch((error) => {
    throw new HttpError(500, `error opening file '${inside}': ${error.message}`);
  });
  return fileAnswer(inside, host, stat, headers.range);
}

function fileAnswer(inside, host, stat, rangeHeader) {
  const name = path.posix.basename(inside);
  const headers = {
    'content-type': CONTENT_TYPES[path.extname(name).toLowerCase()] ?? 'application/octet-stream',
    'content-disposition': `inline; filename*=utf-8''${encodeURIComponent(name)}`,
    'last-modified': stat.mtime.toUTCString(),
    'accept-ranges': 'bytes',
    vary: 'Accept-Encoding',
  };
  const range = parseRange(rangeHeader, stat.size);
  if (range === 'unsatisfiable') {
    const answer = { status: 416, headers: { 'content-range': `bytes */${stat.size}` } };
    return { ...answer, headers: { ...answer.headers, 'content-length': 0 } };
  }
  const { start, end } = range ?? { start: 0, end: stat.size };
  headers['content-length'] = end - start;
  if (range) headers['content-range'] = `bytes ${start}-${end - 1}/${stat.size}`;
  return { status: range ? 206 : 200, headers, file: { path: host, start, end } };
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

/** @returns {Promise<import('./answer').Answer>} */
async function upload({ sandbox, method, query, headers, request, capture }) {
  authorize(sandbox, method, query, headers);
  const type = headers['content-type'] ?? '';
  const source = decoded(request, headers['content-encoding'], capture);
  const writer = new UploadWriter(sandbox, query);
  try {
    if (/^application\/octet-stream/i.test(type)) await receiveRaw(source, query, writer);
    else if (/^multipart\/form-data/i.test(type)) await receiveParts(source, type, query, writer);
    else throw new HttpError(400, `unsupported content type: ${type || 'none'}`);
  } catch (error) {
    throw uploadError(error);
  } finally {
    await writer.close();
  }
  return json(200, writer.entries);
}

async function receiveRaw(source, query, writer) {
  const target = query.get('path');
  if (!target) throw new HttpError(400, 'path is required for an octet-stream upload');
  await writer.open(target);
  for await (const chunk of source) await writer.write(chunk);
}

async function receiveParts(source, type, query, writer) {
  const match = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type);
  if (!match) throw new HttpError(400, 'multipart: no boundary in the content type');
  const parser = new MultipartParser(match[1] ?? match[2]);
  for await (const chunk of source) {
    for (const event of parser.push(chunk)) {
      if (event.type === 'part') {
        if (event.name !== 'file') continue;
        const target = query.get('path') || event.filename;
        if (!target) throw new HttpError(400, 'no path and no filename for a part');
        await writer.open(target);
      } else if (event.type === 'data') {
        await writer.write(event.bytes);
      } else {
        await writer.close();
      }
    }
  }
  parser.finish();
}

/** Writes the files of one upload, one after the other. Without an open file bytes are skipped. */
class UploadWriter {
  #sandbox;
  #query;
  #handle = null;
  entries = [];

  constructor(sandbox, query) {
    this.#sandbox = sandbox;
    this.#query = query;
  }

  async open(target) {
    const inside = resolve(this.#sandbox, target, this.#query);
    if (this.entries.some((entry) => entry.path === inside)) {
      throw new HttpError(400, `path '${inside}' occurs twice in one upload`);
    }
    const host = await this.#sandbox.paths.toWritableHost(inside);
    const stat = await fs.promises.stat(host).catch(() => null);
    if (stat?.isDirectory()) throw new HttpError(400, `path is a directory: ${inside}`);
    await fs.promises.mkdir(path.dirname(host), { recursive: true });
    this.#handle = await fs.promises.open(host, 'w', 0o666);
    this.entries.push({ path: inside, name: path.posix.basename(inside), type: 'file' });
  }

  async write(bytes) {
    if (this.#handle) await this.#handle.writeFile(bytes);
  }

  async close() {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }
}

/** The body as the client meant it; every chunk is shown to the request log first. */
function decoded(request, encoding, capture) {
  request.on('error', () => {}); // told to whoever iterates; a late one must not be fatal
  const tapped = tap(request, capture);
  if (encoding === undefined || encoding === 'identity') return tapped;
  if (encoding !== 'gzip') throw new HttpError(400, `unsupported content encoding: ${encoding}`);
  const gunzip = zlib.createGunzip();
  return pipeline(Readable.from(tapped), gunzip, () => {});
}

async function* tap(request, capture) {
  // A refused upload must not cut the connection before its answer is read.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    capture(chunk);
    yield chunk;
  }
}

function resolve(sandbox, text, query) {
  try {
    return sandbox.paths.resolve(text, query.get('username') || 'user');
  } catch (error) {
    throw uploadError(error);
  }
}

function authorize(sandbox, method, query, headers) {
  const token = headers['x-access-token'];
  if (token !== undefined) {
    if (safeEqual(token, sandbox.token)) return;
    throw new HttpError(401, 'access token present in header but does not match');
  }
  if (!query.has('signature')) throw new HttpError(401, 'missing signature query parameter');
  if (!signatureMatches(method, query, sandbox.token))
    throw new HttpError(401, 'invalid signature');
  const expiration = query.get('signature_expiration');
  if (expiration !== null && Number(expiration) < Date.now() / 1000) {
    throw new HttpError(401, 'signature is already expired');
  }
}

function uploadError(error) {
  if (error instanceof HttpError) return error;
  if (error instanceof PathError) {
    const status = { unauthenticated: 401, permission_denied: 403 }[error.code] ?? 400;
    return new HttpError(status, error.message);
  }
  if (error instanceof MultipartError) return new HttpError(400, error.message);
  if (error.code?.startsWith?.('Z_')) return new HttpError(400, `gzip: ${error.message}`);
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new HttpError(507, 'not enough disk space available');
  }
  if (error.code === 'ENOTDIR' || error.code === 'EISDIR' || error.code === 'ENAMETOOLONG') {
    return new HttpError(400, error.message);
  }
  return new HttpError(500, error.message);
}

module.exports = { download, parseRange, upload };
