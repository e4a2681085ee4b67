'use strict';

// The way of one request: sent, arrived (perhaps late, twice or never), answered (or the answer is
// lost). What the client is told follows lib/native: the same classes, codes, outcomes and the same
// word on whether it may be sent again. Each request has its deadline and hears its AbortSignal.

const errors = require('../../lib/errors');
const { LATEST_EFFECT_MS } = require('./profile');

const DEFAULT_TIMEOUT_MS = 60_000;
const HTTP = {
  429: ['RateLimitError', 'RATE_LIMITED', 'rejected'],
  500: ['ServerError', 'SERVER_ERROR', 'unknown'],
  502: ['ServerError', 'BAD_GATEWAY', 'unknown'],
  503: ['ServerError', 'SERVER_BUSY', 'rejected'],
  504: ['ServerError', 'GATEWAY_TIMEOUT', 'unknown'],
};

/** An error as lib/native makes it. */
function wireError(className, code, fields) {
  return new errors[className](`simulated: ${code}`, { code, ...fields });
}

/** A promise of somebody who does not live any more. */
function never() {
  return new Promise(() => {});
}

class Wire {
  faults;
  latencyMs;
  outageUntilMs = 0;
  /** Requests by what they ask for, and the word of the world about each. */
  onRequest = () => {};
  onEnd = () => {};
  #scheduler;
  #random;
  #trace;
  #serial = 0;

  constructor(scheduler, random, trace) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#trace = trace;
  }

  #latency() {
    const mean = this.latencyMs;
    return this.#random.chance(this.faults.tail)
      ? this.#random.between(mean, 10 * mean)
      : this.#random.between(mean / 4, mean * 1.5);
  }

  /**
   * @param {object} process that sends
   * @param {object} request
   * @param {string} request.op
   * @param {string|null} [request.sandboxId]
   * @param {object} [request.options] of the native call: signal, requestTimeoutMs
   * @param {boolean} [request.idempotent] @param {boolean} [request.makes]
   * @param {string|null} [request.token] that travels with it
   * @param {(facts: { duplicate: boolean }) => unknown} request.perform carries it out; what it
   *   throws is the far end's refusal
   * @returns {Promise<unknown>} of what perform answered
   */
  send(process, request) {
    const { op, sandboxId = null, options = {}, idempotent = false, makes = false } = request;
    const { token = null, perform } = request;
    if (!process.alive) return never();
    if (process.diesAtCall()) return never();
    const { signal } = options;
    const fields = { sandboxId };
    if (signal?.aborted) {
      const cause = signal.reason;
      return Promise.reject(wireError('CancelledError', 'CANCELLED', { ...fields, cause }));
    }
    const timeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    const fate = this.#fateOf(process, makes);
    const serial = ++this.#serial;
    const name = `${op}#${serial}${sandboxId === null ? '' : ` ${sandboxId}`}`;
    const facts = { op, sandboxId, timeoutMs, token };
    this.onRequest(process, facts);
    this.#trace.add(process.name, `-> ${name}${fate === 'fine' ? '' : ` [${fate}]`}`);
    const promise = new Promise((resolve, reject) => {
      const flight = { serial, name, process, fields, idempotent, sent: false, settled: false };
      const settle = (done, value) => {
        if (flight.settled) return;
        flight.settled = true;
        this.#scheduler.cancel(flight.deadline);
        signal?.removeEventListener('abort', flight.onAbort);
        this.#trace.add(process.name, `<- ${name} ${value?.code ?? 'ok'}`);
        this.onEnd(process, facts, value);
        done(value);
      };
      flight.resolve = (value) => settle(resolve, value);
      flight.reject = (error) => settle(reject, error);
      flight.onAbort = () => {
        const outcome = flight.sent ? 'unknown' : 'not-sent';
        flight.abortedUnsent = !flight.sent;
        // Half of what is cut off on its way still arrives.
        if (flight.sent && this.#random.chance(0.5)) flight.lost = true;
        const cause = signal.reason;
        flight.reject(wireError('CancelledError', 'CANCELLED', { ...fields, outcome, cause }));
      };
      signal?.addEventListener('abort', flight.onAbort, { once: true });
      flight.deadline = this.#scheduler.after(
        timeoutMs,
        () => flight.reject(this.#timeout(flight)),
        process,
      );
      this.#go(flight, fate, timeoutMs, perform);
    });
    // Sent, and with it the process's last breath.
    process.diesAtCall();
    return promise;
  }

  #timeout({ sent, idempotent, fields }) {
    const outcome = sent ? 'unknown' : 'not-sent';
    const retryable = !sent || idempotent;
    return wireError('TimeoutError', 'TIMEOUT', { ...fields, outcome, retryable });
  }

  #fateOf(process, makes) {
    const { nowMs } = this.#scheduler;
    if (this.outageUntilMs > nowMs || process.partitionedUntilMs > nowMs) {
      return this.#random.pick(['notSent', 'unreachable', 'void']);
    }
    if (this.#random.chance(this.faults.rateLimits)) return 'rateLimit';
    const fate = this.#random.weighted(this.faults.fates);
    return fate === 'duplicate' && !makes ? 'fine' : fate;
  }

  #go(flight, fate, timeoutMs, perform) {
    const connectMs = this.#random.between(0, 5);
    const there = connectMs + this.#latency();
    const refuse = (status, more) =>
      this.#answerAt(flight, there, () => this.#status(flight, status, more));
    const lose = (delayMs) => this.#clientAt(flight, delayMs, () => this.#lost(flight));
    if (fate !== 'notSent' && fate !== 'unreachable') {
      this.#scheduler.after(connectMs, () => this.#sent(flight), null);
    }
    switch (fate) {
      case 'notSent':
        this.#clientAt(flight, connectMs, () =>
          wireError('NetworkError', 'CONNECT_FAILED', { ...flight.fields, retryable: true }),
        );
        break;
      case 'unreachable': // no connection within the deadline
      case 'void': // sent, and silence
        break;
      case 'rateLimit':
        refuse(429, { retryAfterMs: 1000 * this.#random.whole(1, 4) });
        break;
      case 'busy':
        refuse(503, this.#random.chance(0.3) ? { retryAfterMs: 1000 } : {});
        break;
      case 'strange':
        refuse(503, { outcome: 'unknown' });
        break;
      case 'error':
        refuse(this.#random.pick([500, 502, 504]));
        break;
      case 'never':
        lose(there);
        break;
      case 'hang':
        if (this.#random.chance(0.5)) this.#effectAt(flight, there, perform);
        break;
      case 'late': {
        const gaveUpMs = Math.min(timeoutMs, this.#random.between(there, 10 * there));
        const lateMs = gaveUpMs + this.#random.between(0, 60_000);
        if (gaveUpMs < timeoutMs) lose(gaveUpMs);
        this.#effectAt(flight, Math.min(lateMs, LATEST_EFFECT_MS), perform);
        break;
      }
      case 'lostAnswer':
        this.#effectAt(flight, there, perform);
        if (this.#random.chance(0.7)) lose(there + this.#latency());
        break;
      case 'duplicate': {
        this.#exchange(flight, there, this.#latency(), perform);
        const againMs = Math.min(there + this.#random.between(0, 60_000), LATEST_EFFECT_MS);
        this.#effectAt(flight, againMs, () => perform({ duplicate: true }));
        break;
      }
      case 'slow':
        this.#exchange(flight, there, this.#random.between(1000, 15_000), perform);
        break;
      default:
        this.#exchange(flight, there, this.#latency(), perform);
    }
  }

  #sent(flight) {
    if (!flight.abortedUnsent && !flight.settled) flight.sent = true;
    return false;
  }

  /** Carries out and answers. */
  #exchange(flight, thereMs, backMs, perform) {
    this.#effectAt(flight, thereMs, (facts) => {
      let answer;
      try {
        const value = perform(facts);
        answer = () => flight.resolve(value);
      } catch (error) {
        answer = () => flight.reject(error);
      }
      this.#scheduler.after(backMs, answer, flight.process);
    });
  }

  #effectAt(flight, delayMs, perform) {
    const arrive = () => {
      if (flight.abortedUnsent || flight.lost) return false;
      try {
        perform({ duplicate: false });
      } catch (error) {
        this.#trace.add('provider', `${flight.name} refused: ${error.code}`);
        if (!(error instanceof errors.E2bError)) throw error;
      }
      return false;
    };
    this.#scheduler.after(delayMs, arrive, null);
  }

  #clientAt(flight, delayMs, makeError) {
    this.#scheduler.after(delayMs, () => flight.reject(makeError()), flight.process);
  }

  #answerAt(flight, thereMs, makeError) {
    this.#clientAt(flight, thereMs + this.#latency(), makeError);
  }

  #status({ fields, idempotent }, status, more = {}) {
    const [className, code, outcome] = HTTP[status];
    const facts = { ...fields, status, outcome, ...more };
    const retryable = idempotent || facts.outcome === 'rejected';
    return wireError(className, code, { ...facts, retryable });
  }

  /** The request is out, and there will be no answer that can be read. */
  #lost({ fields, idempotent }) {
    const lost = this.#random.pick(['reset', 'reset', '502', '504', 'garbage']);
    const facts = { ...fields, outcome: 'unknown', retryable: idempotent };
    if (lost === 'reset') return wireError('NetworkError', 'CONNECTION_LOST', facts);
    if (lost === 'garbage') return wireError('ProtocolError', 'BAD_RESPONSE', facts);
    const status = Number(lost);
    return wireError('ServerError', HTTP[status][1], { ...facts, status });
  }
}

module.exports = { Wire, wireError, never };
