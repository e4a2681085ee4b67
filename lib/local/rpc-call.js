// One call of a Connect RPC method: its content type and codec (JSON or binary protobuf), compression,
// headers, and what becomes of errors. Services get and give ProtoJSON and know of none of that.
'use strict';

const zlib = require('node:zlib');
const { promisify } = require('node:util');
const { raw } = require('./answer');
const rpc = require('./connect-rpc');
const { decodeEnvelopeStream, encodeEnvelope } = require('./envelope');
const { decodeMessage, encodeMessage } = require('./proto');

const GZIP_FROM_BYTES = 1024;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);

const JSON_CODEC = {
  decode: (type, bytes) => rpc.parseMessage(bytes.toString()),
  encode: (type, message) => JSON.stringify(message),
};
const PROTO_CODEC = {
  decode: (type, bytes) => {
    try {
      return decodeMessage(type, bytes);
    } catch (error) {
      throw new rpc.RpcError('invalid_argument', `unmarshal message: ${error.message}`);
    }
  },
  encode: encodeMessage,
};
const UNARY = { 'application/json': JSON_CODEC, 'application/proto': PROTO_CODEC };
const STREAM = {
  'application/connect+json': JSON_CODEC,
  'application/connect+proto': PROTO_CODEC,
};

/**
 * @param {object} method
 * @param {boolean|'client'} [method.stream]  true: of answers; 'client': of requests
 * @param {(message: object|AsyncIterable<object>, call: object) =>
 *   Promise<object|import('./event-stream').EventStream>} method.run
 * @param {string} path  `/package.Service/Method`
 * @param {object} call  of the server, already authorized, with `user`; of a client stream `request`
 *   in place of `body`
 * @param {(error: Error) => boolean} isTold  whether an error of the service has a Connect code
 * @returns {Promise<import('./answer').Answer>}
 */
async function callRpc(method, path, call, isTold) {
  const codecs = method.stream ? STREAM : UNARY;
  const contentType = (call.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
  if (call.method !== 'POST') {
    return { status: 405, headers: { allow: 'POST', 'content-length': 0 } };
  }
  if (!Object.hasOwn(codecs, contentType)) {
    const accepted = Object.keys(codecs).join(', ');
    return { status: 415, headers: { 'accept-post': accepted, 'content-length': 0 } };
  }
  const types = messageTypes(path);
  const codec = codecs[contentType];
  const encode = (message) => codec.encode(types.response, message);
  try {
    assertVersion(call.headers);
    if (method.stream === 'client') {
      const envelope = encodeEnvelope(
        0,
        encode(await method.run(messages(call, codec, types), call)),
      );
      const body = Buffer.concat([envelope, rpc.endEnvelope()]);
      return raw(200, body, { 'content-type': contentType });
    }
    if (method.stream) {
      const bytes = await unpacked(rpc.streamRequestEnvelope(call.body), call.headers);
      const stream = await method.run(codec.decode(types.request, bytes), call);
      if (codec !== JSON_CODEC) {
        stream.useCodec?.({ contentType, encode: (text) => encode(JSON.parse(text)) });
      }
      return { status: 200, stream };
    }
    const bytes = await unpackedBody(call);
    const body = encode(await method.run(codec.decode(types.request, bytes), call));
    return await packed(raw(200, body, { 'content-type': contentType }), call.headers);
  } catch (error) {
    if (!(error instanceof rpc.RpcError || isTold(error))) throw error;
    return method.stream ? rpc.streamError(error, contentType) : rpc.unaryError(error);
  }
}

/** `/process.Process/Start` takes a `process.StartRequest` and gives `process.StartResponse`s. */
function messageTypes(path) {
  const [, service, name] = path.split('/');
  const prefix = `${service.slice(0, service.lastIndexOf('.'))}.${name}`;
  return { request: `${prefix}Request`, response: `${prefix}Response` };
}

async function* messages({ request, capture, headers }, codec, types) {
  for await (const envelope of decodeEnvelopeStream(request, MAX_MESSAGE_BYTES, capture)) {
    yield codec.decode(types.request, await unpacked(envelope, headers));
  }
}

async function unpacked({ compressed, payload }, headers) {
  if (!compressed) return payload;
  if (headers['connect-content-encoding'] !== 'gzip') {
    const text = 'compressed envelope without a Connect-Content-Encoding header that is known';
    throw new rpc.RpcError('internal', text);
  }
  return inflate(payload);
}

async function unpackedBody({ body, headers }) {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity' || encoding === '') return body;
  if (encoding === 'gzip') return inflate(body);
  const text = `unknown compression "${encoding}": supported encodings are gzip`;
  throw new rpc.RpcError('unimplemented', text);
}

async function inflate(bytes) {
  try {
    return await gunzip(bytes, { maxOutputLength: MAX_MESSAGE_BYTES });
  } catch (error) {
    throw new rpc.RpcError('invalid_argument', `decompress: ${error.message}`);
  }
}

/** Small answers gain nothing from being packed. */
async function packed(answer, headers) {
  const accepted = (headers['accept-encoding'] ?? '').split(',').map((one) => one.trim());
  if (answer.body.length < GZIP_FROM_BYTES || !accepted.includes('gzip')) return answer;
  return raw(200, await gzip(answer.body), { ...answer.headers, 'content-encoding': 'gzip' });
}

function assertVersion(headers) {
  const version = headers['connect-protocol-version'] ?? '1';
  if (version === '1') return;
  const text = `connect-protocol-version must be "1": got "${version}"`;
  throw new rpc.RpcError('invalid_argument', text);
}

module.exports = { callRpc };
