// The Connect protocol's conventions on top of HTTP: error codes and their statuses, decoding of
// request bodies, unary answers. Must not know any service.
'use strict';

const { raw } = require('./answer');
const { FLAG_COMPRESSED, decodeEnvelopes, encodeEnvelope, FLAG_END } = require('./envelope');

const UNARY_TYPE = 'application/json';
const STREAM_TYPE = 'application/connect+json';

const STATUS_OF_CODE = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
};

/** An error with a Connect code; a service throws it, the dispatcher puts it on the wire. */
class RpcError extends Error {
  /**
   * @param {keyof STATUS_OF_CODE} code
   * @param {string} message  sent to the client as it is
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @returns {import('./answer').Answer} the answer of a failed unary call */
function unaryError({ code, message }) {
  return raw(STATUS_OF_CODE[code], JSON.stringify({ code, message }), {
    'content-type': UNARY_TYPE,
  });
}

/** @returns {Buffer} the end-of-stream envelope, with the error if there is one */
function endEnvelope(error) {
  const end = error ? { error: { code: error.code, message: error.message } } : {};
  return encodeEnvelope(FLAG_END, JSON.stringify(end));
}

/** @returns {import('./answer').Answer} a stream that fails before its first message: still 200 */
function streamError(error, contentType = STREAM_TYPE) {
  return raw(200, endEnvelope(error), { 'content-type': contentType });
}

/** @throws {RpcError} invalid_argument unless the text is a JSON object */
function parseMessage(text) {
  let message;
  try {
    message = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new RpcError('invalid_argument', `unmarshal message: ${error.message}`);
  }
  if (message === null || typeof message !== 'object' || Array.isArray(message)) {
    throw new RpcError('invalid_argument', 'unmarshal message: expected a JSON object');
  }
  return message;
}

/** @returns {{ compressed: boolean, payload: Buffer }} the one envelope of a server-stream request */
function streamRequestEnvelope(body) {
  let envelopes;
  try {
    envelopes = decodeEnvelopes(body);
  } catch (error) {
    throw new RpcError('invalid_argument', `protocol error: ${error.message}`);
  }
  if (envelopes.length !== 1) {
    throw new RpcError(
      'unimplemented',
      `unary request has ${envelopes.length === 0 ? 'zero messages' : 'multiple messages'}`,
    );
  }
  const [{ flags, payload }] = envelopes;
  return { compressed: (flags & FLAG_COMPRESSED) !== 0, payload };
}

/**
 * Connect-Timeout-Ms: 1 to 10 digits; absent means no limit.
 * @returns {number|null} milliseconds
 */
function parseTimeoutMs(headers) {
  const text = headers['connect-timeout-ms'];
  if (text === undefined || text === '') return null;
  if (!/^\d{1,10}$/.test(text)) {
    throw new RpcError('invalid_argument', `parse timeout: "${text}" is not a valid timeout`);
  }
  return Number(text);
}

module.exports = {
  RpcError,
  STREAM_TYPE,
  UNARY_TYPE,
  endEnvelope,
  parseMessage,
  parseTimeoutMs,
  streamError,
  streamRequestEnvelope,
  unaryError,
};
