'use strict';

// A far end that answers with what a recording says, in order, and keeps what it was asked. Answered
// beside it, and not kept: the request for a sandbox's token, which the recorded client had from its
// create, and the look at a daemon whose recorded stream has no end.

const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const FOLDER = path.join(__dirname, '..', '..', 'fixtures', 'e2b');
const ALIVE = { status: 204, headers: {}, body: null };
const PLACES = {
  '{{api_key}}': `e2b_${'0'.repeat(40)}`,
  '{{envd_access_token}}': 'ab'.repeat(32),
};

/** @returns {object} a recording, with the placeholders filled */
function recording(name) {
  const text = fs.readFileSync(path.join(FOLDER, `${name}.json`), 'utf8');
  return JSON.parse(text.replace(/\{\{\w+\}\}/g, (place) => PLACES[place] ?? place));
}

function answer(response, { status, headers, body }) {
  const bytes = body ? Buffer.from(body.data, body.encoding === 'hex' ? 'hex' : 'utf8') : null;
  const kept = Object.entries(headers).filter(([name]) => !/^content-length$/i.test(name));
  response.writeHead(status, Object.fromEntries(kept));
  response.end(bytes ?? undefined);
}

/**
 * @param {string} name of the recording
 * @returns {Promise<{ url: string, client: object, recorded: object[], asked: object[],
 *   close: () => Promise<void> }>}
 */
async function replay(name) {
  const recorded = recording(name).exchanges;
  const tokenAnswer = recording('sandbox_get_info').exchanges[0].response;
  const asked = [];
  const waiting = [...recorded];
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const next = waiting[0]?.request;
    const beside = request.method === 'GET' && request.url !== next?.target;
    if (beside && isDetail(request.url)) return void answer(response, tokenAnswer);
    if (beside && request.url === '/health') return void answer(response, ALIVE);
    const { method, url, headers } = request;
    asked.push({ method, target: url, headers, body: Buffer.concat(chunks) });
    const exchange = waiting.shift();
    answer(response, exchange?.response ?? { status: 500, headers: {}, body: null });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    client: { apiKey: PLACES['{{api_key}}'], apiUrl: url, sandboxUrl: url },
    recorded: recorded.map(({ request }) => request),
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const isDetail = (url) => /^\/sandboxes\/[^/]+$/.test(url);

module.exports = { replay };
