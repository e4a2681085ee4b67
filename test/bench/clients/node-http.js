'use strict';

// The bulk operations by Node's own client, used directly: the least that JavaScript can do.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { Readable } = require('node:stream');
const { buffer, json } = require('node:stream/consumers');

const { FILE_BYTES, OUTPUT_BYTES } = require('../sizes');
const { readEvents, startBody } = require('./framing');

async function open() {
  const { E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL } = process.env;
  const agent = new http.Agent({ keepAlive: true });

  async function request(url, method, headers, body) {
    const sent = http.request(url, { agent, method, headers });
    if (body instanceof Readable) body.pipe(sent);
    else sent.end(body);
    const [response] = await once(sent, 'response');
    assert.equal(Math.trunc(response.statusCode / 100), 2);
    return response;
  }

  const asked = { 'X-API-Key': E2B_API_KEY, 'Content-Type': 'application/json' };
  const wanted = JSON.stringify({ templateID: 'base' });
  const url = `${E2B_API_URL}/v2/sandboxes`;
  const { envdAccessToken } = await json(await request(url, 'POST', asked, wanted));
  const token = { 'X-Access-Token': envdAccessToken };
  const fileUrl = `${E2B_SANDBOX_URL}/files?path=b`;

  async function upload(body, length) {
    const type = 'application/octet-stream';
    const headers = { ...token, 'Content-Type': type, 'Content-Length': length };
    const [written] = await json(await request(fileUrl, 'POST', headers, body));
    assert.equal(written.name, 'b');
  }

  return {
    async output() {
      let heard = 0;
      const onStdout = (text) => {
        heard += text.length;
      };
      const headers = { ...token, 'Content-Type': 'application/connect+json' };
      const to = `${E2B_SANDBOX_URL}/process.Process/Start`;
      await readEvents(await request(to, 'POST', headers, startBody('flood')), { onStdout });
      assert.equal(heard, OUTPUT_BYTES);
    },
    async download() {
      const bytes = await buffer(await request(fileUrl, 'GET', token));
      assert.equal(bytes.length, FILE_BYTES);
    },
    async downloadStream() {
      let length = 0;
      for await (const chunk of await request(fileUrl, 'GET', token)) length += chunk.length;
      assert.equal(length, FILE_BYTES);
    },
    upload: (bytes) => upload(bytes, bytes.length),
    uploadStream: (bytes, chunks) => upload(Readable.from(chunks(bytes)), bytes.length),
  };
}

module.exports = { open };
