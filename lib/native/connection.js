'use strict';

// Where a call goes and how it gets in: options over the environment, both read at each call, turned
// into the addon's configuration handles. Handles are shared by all calls with the same values and
// bounded in number. Nothing here sends anything, and no value of a key may reach a message.

const { AuthenticationError } = require('../errors');
const { checkNumber, checkString, invalid, show } = require('../options');
const { noProxyFor } = require('./no-proxy');

/** Options that every function of the two planes takes. */
const CONNECTION_KEYS = [
  'apiKey',
  'apiUrl',
  'sandboxUrl',
  'domain',
  'ca',
  'proxy',
  'signal',
  'requestTimeoutMs',
  'headers',
];

const MAX_CONFIGS = 64;
const MAX_TRUSTS = 8;
const MAX_REQUEST_TIMEOUT_MS = 86_400_000;
const MAX_TIMEOUT_S = 86_400;
const DEFAULT_COMMAND_TIMEOUT_S = 300;
const DEFAULT_DOMAIN = 'e2b.app';
const DEBUG_API_URL = 'http://localhost:3000';
const DEBUG_SANDBOX_URL = 'http://localhost:49983';
const DAEMON_PORT = 49983;

/** What a call needs of its connection. */
class Connection {
  /** @param {number} handle of the addon */
  constructor(handle, sandboxUrl, domain) {
    this.handle = handle;
    this.sandboxUrl = sandboxUrl;
    this.domain = domain;
  }

  /**
   * Where people and programs find a port of a sandbox, by default its daemon's.
   *
   * @param {string} sandboxId
   * @param {string|null} [domain] what the far end named in its answer
   * @param {number} [port] another than the daemon's
   */
  urlOf(sandboxId, domain, port = DAEMON_PORT) {
    if (this.sandboxUrl === undefined) {
      return `https://${port}-${sandboxId}.${domain || this.domain}`;
    }
    if (port === DAEMON_PORT) return this.sandboxUrl;
    const { protocol, hostname, port: shared } = new URL(this.sandboxUrl);
    const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
    return isLocal
      ? `${protocol}//${port}-${sandboxId}.localhost${shared && `:${shared}`}`
      : this.sandboxUrl;
  }
}

class Connections {
  #addon;
  #last = null; // the settings of the last call, with their Connection: most calls are alike
  #configs = new Map();
  #trusts = new Map();
  #pems = new WeakMap();

  /** @param {object} addon */
  constructor(addon) {
    this.#addon = addon;
  }

  /**
   * @param {object} options of a call
   * @returns {Connection}
   * @throws {AuthenticationError} MISSING_API_KEY
   * @throws {InvalidArgumentError}
   */
  resolve(options) {
    const { env } = process; // every look into it costs as much as all the rest
    const apiKey = textOption(options.apiKey, 'apiKey') ?? env.E2B_API_KEY;
    if (apiKey === undefined || apiKey === '') throw missingKey();
    const domainOption = givenText(options.domain, 'domain');
    let apiUrl = givenText(options.apiUrl, 'apiUrl');
    let sandboxUrl = givenText(options.sandboxUrl, 'sandboxUrl');
    // A domain that is given by option is not overruled by URLs of the environment.
    if (domainOption === undefined) {
      apiUrl ??= env.E2B_API_URL || whenDebugging(env, DEBUG_API_URL);
      sandboxUrl ??= env.E2B_SANDBOX_URL || whenDebugging(env, DEBUG_SANDBOX_URL);
    }
    const domain = domainOption ?? (env.E2B_DOMAIN || DEFAULT_DOMAIN);
    const secure = !(isPlain(apiUrl) && isPlain(sandboxUrl));
    const proxy = textOption(options.proxy, 'proxy') ?? proxyOf(env, secure);
    const byDomain = `https://${domain}`;
    const noProxy = proxy
      ? noProxyFor(env.no_proxy || env.NO_PROXY || '', [apiUrl ?? byDomain, sandboxUrl ?? byDomain])
      : '';
    const headers = options.headers == null ? '' : headerLines(options.headers).join('\n');
    const needsTrust = secure || /^https:/i.test(proxy);
    const trust = needsTrust ? this.#trust(options.ca, env.NODE_EXTRA_CA_CERTS) : 0;
    const settings = { apiKey, apiUrl, sandboxUrl, domain, proxy, noProxy, headers, trust };
    if (this.#last === null || !isSame(settings, this.#last.settings)) {
      this.#last = { settings, connection: this.#connectionFor(settings) };
    }
    return this.#last.connection;
  }

  #connectionFor(settings) {
    const { sandboxUrl, domain, proxy, noProxy, headers, trust } = settings;
    const key = JSON.stringify(Object.values(settings));
    const known = this.#configs.get(key);
    if (known !== undefined) return known;
    const handle = this.#addon.config({
      ...settings,
      proxy: proxy || undefined,
      noProxy: noProxy || undefined,
      userAgent: `e2b-swarm/${this.#addon.version}`,
      headers: headers === '' ? [] : headers.split('\n'),
      trust: trust || undefined,
    });
    const connection = new Connection(handle, trimSlash(sandboxUrl), domain);
    keep(this.#configs, key, connection, MAX_CONFIGS, (old) => this.#drop(old));
    return connection;
  }

  #drop(connection) {
    if (this.#last?.connection === connection) this.#last = null;
    this.#addon.dropConfig(connection.handle);
  }

  // Node's own roots, what its environment adds, and what the caller adds.
  #trust(ca, extraFile = '') {
    const own = ca == null ? '' : this.#pemOf(ca);
    const key = `${extraFile}\0${own}`;
    const known = this.#trusts.get(key);
    if (known !== undefined) return known;
    const { rootCertificates } = require('node:tls');
    const pem = [...rootCertificates, readExtra(extraFile), own].join('\n');
    keep(this.#trusts, key, this.#addon.trust(pem), MAX_TRUSTS, (old) =>
      this.#addon.dropTrust(old),
    );
    return this.#trusts.get(key);
  }

  #pemOf(ca) {
    if (typeof ca === 'string') return checkPem(ca);
    const known = typeof ca === 'object' ? this.#pems.get(ca) : undefined;
    if (known !== undefined) return known;
    const pem = Array.isArray(ca) ? ca.map((one) => pemText(one)).join('\n') : pemText(ca);
    this.#pems.set(ca, pem);
    return pem;
  }
}

function missingKey() {
  return new AuthenticationError(
    'no API key: set E2B_API_KEY or pass { apiKey }. Without an account, start the local backend: ' +
      'startLocalBackend() of e2b-swarm/local',
    { code: 'MISSING_API_KEY' },
  );
}

/** A text, also an empty one; undefined when it is not given. */
function textOption(value, field) {
  if (value == null || typeof value === 'string') return value ?? undefined;
  throw invalid(`${field} must be a string, not a ${typeof value}`);
}

function givenText(value, field) {
  return value == null ? undefined : checkString(value, field);
}

function whenDebugging(env, url) {
  return env.E2B_DEBUG === 'true' ? url : undefined;
}

function isSame(a, b) {
  for (const key in a) if (a[key] !== b[key]) return false;
  return true;
}

function isPlain(url) {
  return url !== undefined && /^http:/i.test(url);
}

function trimSlash(url) {
  return url?.replace(/\/+$/, '');
}

// HTTP_PROXY in capitals can be set by the header `Proxy:` of a request in a CGI program: never read.
// Nor is ALL_PROXY, as in Node itself.
function proxyOf(env, secure) {
  return (secure ? env.https_proxy || env.HTTPS_PROXY : env.http_proxy) || '';
}

function headerLines(headers) {
  if (typeof headers !== 'object' || Array.isArray(headers)) {
    throw invalid(`headers must be an object of strings, not ${show(headers)}`);
  }
  return Object.entries(headers).map(([name, value]) => {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw invalid(`headers: ${JSON.stringify(name.slice(0, 64))} is not the name of a header`);
    }
    if (typeof value !== 'string' || /[\0\r\n]/.test(value)) {
      throw invalid(`headers.${name} must be a string of one line`);
    }
    return `${name}: ${value}`;
  });
}

function pemText(value) {
  if (typeof value === 'string') return checkPem(value);
  if (value instanceof Uint8Array) return checkPem(Buffer.from(value).toString('latin1'));
  throw invalid('ca must be PEM text, bytes of it, or an array of these');
}

function checkPem(text) {
  if (text.includes('-----BEGIN ')) return text;
  throw invalid('ca must be PEM text: it has no line "-----BEGIN CERTIFICATE-----"');
}

// As Node does at its start: a file that cannot be read is told and left out.
function readExtra(file) {
  if (file === '') return '';
  try {
    return require('node:fs').readFileSync(file, 'latin1');
  } catch (error) {
    process.emitWarning(`NODE_EXTRA_CA_CERTS is not used: ${error.message}`, 'E2bWarning');
    return '';
  }
}

function keep(map, key, value, max, drop) {
  if (map.size >= max) {
    const [oldest, old] = map.entries().next().value;
    map.delete(oldest);
    drop(old);
  }
  map.set(key, value);
}

/** @returns {number|undefined} `requestTimeoutMs` of the options; undefined for the default */
function requestTimeoutOf({ requestTimeoutMs }) {
  if (requestTimeoutMs == null) return undefined;
  return checkNumber(requestTimeoutMs, 'requestTimeoutMs', {
    min: 1,
    max: MAX_REQUEST_TIMEOUT_MS,
    integer: true,
  });
}

/** @returns {number} seconds that a command may take when its caller does not say */
function commandTimeout() {
  const text = process.env.E2B_TIMEOUT;
  if (text === undefined || text.trim() === '') return DEFAULT_COMMAND_TIMEOUT_S;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_S) return seconds;
  throw invalid(`E2B_TIMEOUT must be seconds above 0, up to ${MAX_TIMEOUT_S}, not ${show(text)}`);
}

module.exports = { CONNECTION_KEYS, Connections, commandTimeout, requestTimeoutOf };
