'use strict';

// What goes up beside and around the bytes of files: metadata as headers, several files as one form,
// data packed by gzip. Must send nothing.

const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { checkOptions, checkString, invalid, show } = require('../options');
const { bytesOf, pairs } = require('./arguments');
const { isSource } = require('./file-streams');

const KEY = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,246}$/;
const VALUE = /^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/;
const NAMESPACE_BYTES = 'user.e2b.'.length; // each key lies under it in the file system
const MAX_METADATA_BYTES = 4096;
const MAX_FILES = 1_000;
const FILE_KEYS = ['path', 'data'];
const LINE_END = Buffer.from('\r\n');
const GZIP = 'Content-Encoding: gzip';

/**
 * @param {Record<string, string>|null|undefined} metadata
 * @returns {string[]} header lines
 */
function metadataLines(metadata) {
  const flat = pairs(metadata, 'metadata') ?? [];
  const lines = [];
  const keys = new Set();
  let bytes = 0;
  for (let i = 0; i < flat.length; i += 2) {
    const [key, value] = [flat[i].toLowerCase(), flat[i + 1]];
    if (!KEY.test(key)) {
      throw invalid(
        `metadata: a key must be 1 to 246 of the letters, digits and !#$%&'*+-.^_\`|~, ` +
          `not ${show(flat[i])}`,
      );
    }
    if (!VALUE.test(value)) {
      throw invalid(`metadata.${flat[i]} must be printable ASCII without blanks at its ends`);
    }
    if (keys.has(key)) throw invalid(`metadata: keys are kept in lower case, and ${key} is twice`);
    keys.add(key);
    bytes += NAMESPACE_BYTES + key.length + value.length;
    lines.push(`X-Metadata-${key}: ${value}`);
  }
  if (bytes <= MAX_METADATA_BYTES) return lines;
  throw invalid(
    `metadata must be at most ${MAX_METADATA_BYTES} bytes, ` +
      `${NAMESPACE_BYTES} more for each key than it is long, not ${bytes}`,
  );
}

/**
 * Several files as one body.
 *
 * @param {unknown} files { path, data } each
 * @returns {{ pieces: AsyncIterable<Buffer>, size: number|undefined, type: string }} size: when no
 *   data is a stream
 */
function formOf(files) {
  if (!Array.isArray(files) || files.length === 0 || files.length > MAX_FILES) {
    throw invalid(`files must be a list of 1 to ${MAX_FILES}`);
  }
  const boundary = `e2b-swarm-${randomBytes(16).toString('hex')}`;
  const parts = files.map((file, i) => partOf(file, `files[${i}]`, boundary));
  const end = Buffer.from(`--${boundary}--\r\n`);
  const size = parts.reduce((sum, part) => sum + part.size, end.length);
  return {
    pieces: piecesOf(parts, end),
    size: Number.isNaN(size) ? undefined : size,
    type: `Content-Type: multipart/form-data; boundary=${boundary}`,
  };
}

function partOf(file, field, boundary) {
  const { path, data } = checkOptions(file ?? null, FILE_KEYS, field);
  checkString(path, `${field}.path`);
  if (/\p{Cc}/u.test(path)) {
    throw invalid(`${field}.path must have no control characters, not ${show(path)}`);
  }
  const name = path.replace(/["\\]/g, '\\$&');
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  );
  if (isSource(data)) return { head, data, size: NaN };
  const given = bytesOf(data, `${field}.data`);
  const bytes = typeof given === 'string' ? Buffer.from(given) : given;
  return { head, data: [bytes], size: head.length + bytes.length + LINE_END.length };
}

/** All bytes of a form; told to go, it tells its sources. */
function piecesOf(parts, end) {
  const pieces = generate(parts, end);
  return {
    [Symbol.asyncIterator]: () => pieces,
    destroy() {
      for (const { data } of parts) if (typeof data.destroy === 'function') data.destroy();
      pieces.return().catch(() => {}); // at once, or when what it waits for comes
    },
  };
}

async function* generate(parts, end) {
  for (const { head, data } of parts) {
    yield head;
    yield* data;
    yield LINE_END;
  }
  yield end;
}

/** Packs a stream piece by piece. */
class Packer {
  #gzip = zlib.createGzip();
  #out = [];

  constructor() {
    this.#gzip.on('data', (bytes) => this.#out.push(bytes));
  }

  /** @returns {Promise<Buffer[]>} what has come out so far; a piece may wait for the next */
  async take(piece) {
    await new Promise((resolve, reject) => {
      this.#gzip.write(piece, (error) => (error ? reject(error) : resolve()));
    });
    return this.#out.splice(0);
  }

  /** @returns {Promise<Buffer[]>} the rest */
  async end() {
    this.#gzip.end();
    await once(this.#gzip, 'end');
    return this.#out.splice(0);
  }

  close() {
    this.#gzip.destroy();
  }
}

/** @returns {Promise<Buffer>} whole data, packed on libuv's threadpool */
const packed = promisify(zlib.gzip);

module.exports = { GZIP, Packer, formOf, metadataLines, packed };
