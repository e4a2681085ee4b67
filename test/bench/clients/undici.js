'use strict';

// The same requests by `undici.request`, with the undici that the official SDK brings: what a good
// HTTP client needs when it is used directly, with no more JavaScript than reading the answer takes.

const assert = require('node:assert/strict');
const { Readable } = require('node:stream');

const { FILE_BYTES, OUTPUT_BYTES, SHORT_OUTPUT_BYTES } = require('../sizes');
const { readEvents, startBody } = require('./framing');

// Over HTTP/2 one connection carries what its far end allows, 128 with nginx; undici would put one
// call on each.
const STREAMS_PER_CONNECTION = 100;

function agent(concurrency) {
  // Found from where e2b is: it is that package's dependency, not one of this project.
  const { Agent, request } = require(
    require.resolve('undici', { paths: [require.resolve('e2b')] }),
  );
  const limits = /^https:/.test(process.env.E2B_API_URL)
    ? {
        allowH2: true,
        connections: Math.ceil(concurrency / STREAMS_PER_CONNECTION),
        pipelining: STREAMS_PER_CONNECTION,
      }
    : { connections: concurrency };
  const dispatcher = new Agent({ ...limits, headersTimeout: 0, bodyTimeout: 0 });
  return (url, options) => request(url, { ...options, dispatcher });
}

async function open(concurrency) {
  const { E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL } = process.env;
  const request = agent(concurrency);
  const asked = { 'X-API-Key': E2B_API_KEY };

  async function json(url, options) {
    const { statusCode, body } = await request(url, options);
    assert.equal(Math.trunc(statusCode / 100), 2);
    return body.json();
  }

  const created = await json(`${E2B_API_URL}/v2/sandboxes`, {
    method: 'POST',
    headers: { ...asked, 'Content-Type': 'application/json' },
    body: JSON.stringify({ templateID: 'base' }),
  });
  const token = { 'X-Access-Token': created.envdAccessToken };
  const url = `${E2B_API_URL}/sandboxes/${created.sandboxID}`;
  const fileUrl = `${E2B_SANDBOX_URL}/files?path=b`;

  async function start(command) {
    const { statusCode, body } = await request(`${E2B_SANDBOX_URL}/process.Process/Start`, {
      method: 'POST',
      headers: { ...token, 'Content-Type': 'application/connect+json' },
      body: startBody(command),
    });
    assert.equal(statusCode, 200);
    return body;
  }

  async function hold(command) {
    const body = await start(command);
    return new Promise((resolve, reject) => {
      readEvents(body, { onStart: resolve, onStdout() {} }).catch(reject);
    });
  }

  async function run(command, length) {
    let heard = 0;
    const onStdout = (text) => {
      heard += text.length;
    };
    const end = await readEvents(await start(command), { onStdout });
    assert.equal(end.exited, true);
    assert.equal(heard, length);
  }

  async function upload(body, length) {
    const headers = {
      ...token,
      'Content-Type': 'application/octet-stream',
      'Content-Length': length,
    };
    const [written] = await json(fileUrl, { method: 'POST', headers, body });
    assert.equal(written.name, 'b');
  }

  return {
    async get() {
      const answer = await json(url, { headers: asked });
      assert.equal(answer.sandboxID, created.sandboxID);
    },
    stream: () => run('go', SHORT_OUTPUT_BYTES),
    idle: () => hold('idle'),
    ticks: () => hold('ticks'),
    output: () => run('flood', OUTPUT_BYTES),
    async download() {
      const { body } = await request(fileUrl, { headers: token });
      const bytes = await body.arrayBuffer();
      assert.equal(bytes.byteLength, FILE_BYTES);
    },
    async downloadStream() {
      let length = 0;
      const { body } = await request(fileUrl, { headers: token });
      for await (const chunk of body) length += chunk.length;
      assert.equal(length, FILE_BYTES);
    },
    upload: (bytes) => upload(bytes, bytes.length),
    uploadStream: (bytes, chunks) => upload(Readable.from(chunks(bytes)), bytes.length),
  };
}

module.exports = { open };
