// An incremental parser of multipart/form-data: fed with chunks, it yields the parts' headers, bytes
// and ends, holding back no more than a boundary. Touches no stream and no file.
'use strict';

const CRLF = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');
const MAX_HEADER_BYTES = 16 * 1024;

class MultipartError extends Error {}

class MultipartParser {
  #delimiter;
  // The first boundary has no line end before it: pretend that it has.
  #rest = CRLF;
  #state = 'preamble';

  /** @param {string} boundary  without the leading dashes */
  constructor(boundary) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  /**
   * @param {Buffer} chunk
   * @returns {Generator<{ type: 'part', name: string, filename?: string } | { type: 'data',
   *   bytes: Buffer } | { type: 'end' }>}
   * @throws {MultipartError}
   */
  *push(chunk) {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      if (this.#state === 'done') return;
      if (this.#state === 'headers') {
        const part = this.#takeHeaders();
        if (!part) return;
        yield part;
      } else if (this.#state === 'delimiter') {
        if (!this.#takeDelimiterTail()) return;
      } else {
        const at = this.#rest.indexOf(this.#delimiter);
        const end = at === -1 ? this.#rest.length - this.#delimiter.length + 1 : at;
        if (this.#state === 'body' && end > 0) {
          yield { type: 'data', bytes: this.#rest.subarray(0, end) };
        }
        if (at === -1) {
          if (end > 0) this.#rest = this.#rest.subarray(end);
          return;
        }
        if (this.#state === 'body') yield { type: 'end' };
        this.#rest = this.#rest.subarray(at + this.#delimiter.length);
        this.#state = 'delimiter';
      }
    }
  }

  /** @throws {MultipartError} when the body ended before its last boundary */
  finish() {
    if (this.#state !== 'done') throw new MultipartError('multipart: unexpected end of the body');
  }

  /** After a boundary: two dashes end the body, a line end starts a part. */
  #takeDelimiterTail() {
    if (this.#rest.length < 2) return false;
    if (this.#rest[0] === 0x2d && this.#rest[1] === 0x2d) {
      this.#state = 'done';
      this.#rest = Buffer.alloc(0);
      return true;
    }
    const end = this.#rest.indexOf(CRLF);
    if (end === -1) return this.#refuseLongHeaders();
    if (this.#rest.subarray(0, end).toString().trim() !== '') {
      throw new MultipartError('multipart: text after a boundary');
    }
    // The line end stays: it makes an empty header block end like any other.
    this.#rest = this.#rest.subarray(end);
    this.#state = 'headers';
    return true;
  }

  #takeHeaders() {
    const end = this.#rest.indexOf(HEADERS_END);
    if (end === -1) {
      this.#refuseLongHeaders();
      return null;
    }
    const text = this.#rest.subarray(0, end).toString();
    this.#rest = this.#rest.subarray(end + HEADERS_END.length);
    this.#state = 'body';
    return { type: 'part', ...parseDisposition(text) };
  }

  #refuseLongHeaders() {
    if (this.#rest.length > MAX_HEADER_BYTES) {
      throw new MultipartError('multipart: part headers too long');
    }
    return false;
  }
}

/** @returns {{ name: string, filename?: string }} from the header block of a part */
function parseDisposition(text) {
  const line = text.split('\r\n').find((header) => /^content-disposition:/i.test(header)) ?? '';
  const filename = extendedFilename(line) ?? parameter(line, 'filename');
  return { name: parameter(line, 'name') ?? '', ...(filename === undefined ? {} : { filename }) };
}

function extendedFilename(line) {
  const text = /;\s*filename\*=utf-8''([^;\s]+)/i.exec(line)?.[1];
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    throw new MultipartError('multipart: malformed filename*');
  }
}

function parameter(line, name) {
  const match = new RegExp(`;\\s*${name}=(?:"((?:\\\\.|[^"\\\\])*)"|([^;\\s]+))`, 'i').exec(line);
  if (!match) return undefined;
  return match[1] === undefined ? match[2] : match[1].replace(/\\(["\\])/g, '$1');
}

module.exports = { MultipartError, MultipartParser };
