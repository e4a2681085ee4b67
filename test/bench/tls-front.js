'use strict';

// HTTP/2 over TLS for the benchmark: nginx, with one worker, in front of the stub. A far end written
// in JavaScript would need more CPU than the clients that are measured. Its certificate is made at
// start; it listens on loopback and is ended with this process.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');

const { createAuthority } = require('../../lib/local/certificate');
const { temporaryFolder } = require('./compile');

const NGINX = process.env.BENCH_NGINX ?? '/usr/sbin/nginx';
const START_TIMEOUT_MS = 10_000;
const ENDLESS = 1_000_000_000;
const CLOCK_TICK_US = 10_000; // of /proc, on every Linux of today

// The folders are only there because nginx makes them all, whether it uses them or not.
const FOLDERS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

function configuration({ folder, port, statusPort, stubPort }) {
  return `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  tcp_nodelay on;
  ${FOLDERS.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream stub {
    server 127.0.0.1:${stubPort};
    keepalive 2048;
    keepalive_requests ${ENDLESS};
  }
  server {
    listen 127.0.0.1:${port} ssl http2 backlog=4096;
    ssl_certificate ${folder}/cert.pem;
    ssl_certificate_key ${folder}/key.pem;
    keepalive_requests ${ENDLESS};
    client_max_body_size 0;
    location / {
      proxy_pass http://stub;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Bench-Protocol $server_protocol;
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
  server {
    listen 127.0.0.1:${statusPort};
    location / { stub_status; }
  }
}
`;
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

class TlsFront {
  #child;
  #ended;
  #folder;
  #asked = 0;
  #statusUrl;
  #kill;

  constructor(child, folder, port, statusPort) {
    this.#child = child;
    this.#ended = once(child, 'close');
    this.#folder = folder;
    this.#statusUrl = `http://127.0.0.1:${statusPort}`;
    this.#kill = () => {
      child.kill('SIGKILL');
      folder.remove();
    };
    process.once('exit', this.#kill);
    const url = `https://127.0.0.1:${port}`;
    this.url = url;
    /** What a client needs in its environment, beside the key. */
    this.env = {
      E2B_API_URL: url,
      E2B_SANDBOX_URL: url,
      NODE_EXTRA_CA_CERTS: path.join(folder.path, 'ca.pem'),
    };
  }

  /** Null when there is an nginx here, else what to do. */
  static get missing() {
    return fs.existsSync(NGINX) ? null : `no ${NGINX}: apt-get install nginx-light`;
  }

  /**
   * @param {import('./stub').Stub} stub
   * @returns {Promise<TlsFront>}
   */
  static async start(stub) {
    const folder = temporaryFolder();
    const authority = createAuthority();
    const { cert, key } = authority.certify(['127.0.0.1']);
    const [port, statusPort] = [await freePort(), await freePort()];
    const conf = configuration({ folder: folder.path, port, statusPort, stubPort: stub.port });
    const files = { 'ca.pem': authority.cert, 'cert.pem': cert, 'key.pem': key, conf };
    for (const [name, text] of Object.entries(files)) {
      fs.writeFileSync(path.join(folder.path, name), text, { mode: 0o600 });
    }
    const args = ['-p', folder.path, '-e', 'stderr', '-c', path.join(folder.path, 'conf')];
    const child = spawn(NGINX, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const front = new TlsFront(child, folder, port, statusPort);
    try {
      await front.#answers();
      return front;
    } catch (error) {
      await front.close();
      throw error;
    }
  }

  async #answers() {
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.#accepted();
      } catch (error) {
        const { exitCode, signalCode } = this.#child;
        if (exitCode !== null || signalCode !== null)
          throw new Error('nginx ended at its start', { cause: error });
        if (error.code !== 'ECONNREFUSED' || performance.now() > deadlineMs) throw error;
      }
    }
  }

  /** Connections of all its life, but for those that have asked this. */
  async #accepted() {
    const request = http.get(this.#statusUrl, { agent: false });
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    this.#asked += 1;
    return Number(/requests\s+(\d+)/.exec(text)[1]) - this.#asked;
  }

  /** @returns {Promise<{ tlsConnections: number, frontCpuUs: number }>} since it was started */
  async usage() {
    const tlsConnections = await this.#accepted();
    const stat = fs.readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const frontCpuUs = (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_US;
    return { tlsConnections, frontCpuUs };
  }

  async close() {
    process.removeListener('exit', this.#kill);
    this.#child.kill('SIGKILL'); // it would wait for its clients
    await this.#ended;
    this.#folder.remove();
  }
}

module.exports = { TlsFront };
