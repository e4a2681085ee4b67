// envd's POST /files and /files/compose: uploads in both forms, straight into the sandbox, and joining of
// files that lie there.
'use strict';

const path = require('node:path');
const { Readable, pipeline } = require('node:stream');
const zlib = require('node:zlib');
const { HttpError, json } = require('./answer');
const { parseMetadata } = require('./file-metadata');
const { authorizeFiles, resolveFile, userOf } = require('./files-access');
const { FILE_TYPE } = require('./init/wire');
const { MultipartError, MultipartParser } = require('./multipart');
const { RpcError } = require('./connect-rpc');

/** @returns {Promise<import('./answer').Answer>} */
async function upload({ sandbox, method, query, headers, request, capture }) {
  authorizeFiles(sandbox, method, query, headers);
  const type = headers['content-type'] ?? '';
  const source = decoded(request, headers['content-encoding'], capture);
  const metadata = parseMetadata(headers, request.headersDistinct);
  const writer = new UploadWriter(sandbox, userOf(sandbox, query), metadata);
  try {
    if (/^application\/octet-stream/i.test(type)) await receiveRaw(source, query, writer);
    else if (/^multipart\/form-data/i.test(type)) await receiveParts(source, type, query, writer);
    else throw new HttpError(400, `unsupported content type: ${type || 'none'}`);
    await writer.close();
  } catch (error) {
    writer.abort();
    throw fileHttpError(error);
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
  #user;
  #metadata;
  #file = null;
  entries = [];

  constructor(sandbox, user, metadata) {
    this.#sandbox = sandbox;
    this.#user = user;
    this.#metadata = metadata;
  }

  async open(target) {
    const inside = await resolveFile(this.#sandbox, target, this.#user);
    if (this.entries.some((entry) => entry.path === inside)) {
      throw new HttpError(400, `path '${inside}' occurs twice in one upload`);
    }
    try {
      this.#file = await this.#sandbox.init.write(this.#user, inside, this.#metadata);
    } catch (error) {
      throw (await this.#isDirectory(inside)) ? directoryError(inside) : error;
    }
    this.entries.push(uploadEntry(inside, this.#metadata));
  }

  async write(bytes) {
    await this.#file?.write(bytes);
  }

  async #isDirectory(inside) {
    const entry = await this.#sandbox.init.stat(this.#user, inside).catch(() => null);
    return entry?.type === FILE_TYPE.DIRECTORY;
  }

  async close() {
    const file = this.#file;
    this.#file = null;
    await file?.finish();
  }

  /** Leaves what is half written as it is. */
  abort() {
    this.#file?.abort();
    this.#file = null;
  }
}

function directoryError(inside) {
  return new HttpError(400, `path is a directory: ${inside}`);
}

function uploadEntry(inside, metadata) {
  return {
    ...{ path: inside, name: path.posix.basename(inside), type: 'file' },
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}

/** @returns {Promise<import('./answer').Answer>} */
async function compose({ sandbox, body }) {
  const { sources, destination, user } = parseCompose(body, sandbox);
  const resolved = [];
  for (const source of sources) resolved.push(await resolveFile(sandbox, source, user));
  const target = await resolveFile(sandbox, destination, user);
  try {
    const { metadata } = await sandbox.init.compose(user, resolved, target);
    return json(200, uploadEntry(target, metadata));
  } catch (error) {
    throw fileHttpError(error);
  }
}

function parseCompose(body, sandbox) {
  let request;
  try {
    request = JSON.parse(body.toString());
  } catch (error) {
    throw new HttpError(400, `error decoding request: ${error.message}`);
  }
  const { source_paths: sources, destination, username } = request ?? {};
  const isText = (value) => typeof value === 'string' && value !== '';
  if (!Array.isArray(sources) || sources.length === 0 || !sources.every(isText)) {
    throw new HttpError(400, 'source_paths must name at least one file');
  }
  if (!isText(destination)) throw new HttpError(400, 'destination is required');
  return { sources, destination, user: username || sandbox.users.defaultUser };
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

/** What went wrong, as envd's REST routes tell it. */
function fileHttpError(error) {
  if (error instanceof HttpError) return error;
  if (error instanceof MultipartError) return new HttpError(400, error.message);
  if (error instanceof RpcError) return error;
  const { code, message } = error;
  if (code?.startsWith?.('Z_')) return new HttpError(400, `gzip: ${message}`);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HttpError(507, 'not enough disk space available');
  }
  if (code === 'ENOENT') return new HttpError(404, message);
  if (['EISDIR', 'ENOTDIR', 'ENAMETOOLONG', 'ENXIO', 'EINVAL', 'ELOOP'].includes(code)) {
    return new HttpError(400, message);
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) return new HttpError(403, message);
  return new HttpError(500, message);
}

module.exports = { compose, upload };
