// Under which names a backend is reached, and how it proves them: URLs, or a domain with a certificate
// that is made at start, whose authority clients are told to trust.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { createAuthority } = require('./certificate');

class ServerIdentity {
  #domain;
  #secure;

  /** Known once the server listens. */
  port = 0;

  /**
   * @param {object} options
   * @param {string|null} options.domain  without a port
   * @param {boolean|{ key: string, cert: string }} options.tls  true: a certificate of its own
   * @param {string} options.directory  for the authority's file
   */
  constructor({ domain, tls, directory }) {
    this.#domain = domain;
    this.#secure = tls !== false;
    /** @type {{ key: string, cert: string }|null} */
    this.certificate = tls === true ? null : tls || null;
    /** @type {{ pem: string, file: string }|null} what clients must trust */
    this.ca = null;
    if (tls === true) this.#make(directory);
  }

  get url() {
    return `${this.#secure && this.#domain === null ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  get domainWithPort() {
    return this.#domain === null ? null : `${this.#domain}:${this.port}`;
  }

  /** What a client's environment must have, but for the key. */
  get env() {
    const trust = this.ca === null ? {} : { NODE_EXTRA_CA_CERTS: this.ca.file };
    if (this.#domain !== null) return { E2B_DOMAIN: this.domainWithPort, ...trust };
    return { E2B_API_URL: this.url, E2B_SANDBOX_URL: this.url, ...trust };
  }

  #make(directory) {
    const authority = createAuthority();
    const names = this.#domain === null ? [] : [this.#domain, `*.${this.#domain}`];
    this.certificate = authority.certify([...names, 'localhost', '127.0.0.1', '::1']);
    const file = path.join(directory, 'ca.pem');
    fs.writeFileSync(file, authority.cert);
    this.ca = Object.freeze({ pem: authority.cert, file });
  }
}

module.exports = { ServerIdentity };
