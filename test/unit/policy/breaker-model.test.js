'use strict';

// lib/policy/breaker.js: any mixture of calls, outcomes and waits against a reference model that keeps
// every call in a list.

const fc = require('fast-check');
const { Breaker, BREAKER_DEFAULTS } = require('../../../lib/policy/breaker');
const { virtualClock } = require('./helpers/virtual-clock');

const NUMBERS = { ...BREAKER_DEFAULTS, minimumCalls: 4, probes: 4, probesAtOnce: 2, openMs: 5000 };
const BUCKET_MS = NUMBERS.windowMs / 10;

/** The rule written down: all ended calls in a list, all open ones in another. */
class Model {
  state = 'closed';
  nowMs = 0;
  ended = [];
  open = [];
  generation = 0;
  opens = 0;
  untilMs = 0;
  passed = 0;
  failed = 0;

  change(state) {
    this.state = state;
    this.generation++;
    this.ended = [];
    this.passed = 0;
    this.failed = 0;
    if (state === 'closed') this.opens = 0;
  }

  trip() {
    const forMs = Math.min(NUMBERS.maxOpenMs, NUMBERS.openMs * 2 ** this.opens++);
    this.untilMs = this.nowMs + forMs;
    this.change('open');
  }

  tick() {
    if (this.state === 'open' && this.nowMs >= this.untilMs) this.change('half-open');
    const lost = this.probes().some(({ at }) => this.nowMs - at >= NUMBERS.probeTimeoutMs);
    if (lost) this.trip();
  }

  probes() {
    if (this.state !== 'half-open') return [];
    return this.open.filter(({ generation }) => generation === this.generation);
  }

  mayEnter() {
    if (this.state === 'closed') return true;
    const most = Math.min(NUMBERS.probesAtOnce, NUMBERS.probes - this.passed - this.failed);
    return this.state === 'half-open' && this.probes().length < most;
  }

  end(call, how, slow) {
    if (call.generation !== this.generation || how === 'cancel') return;
    const bad = how === 'failure';
    if (this.state === 'half-open') {
      this[bad || slow ? 'failed' : 'passed']++;
      // Of four: half have failed, or less than half can still fail.
      if (this.failed === 2) this.trip();
      else if (this.passed === 3) this.change('closed');
      return;
    }
    const bucket = (ms) => Math.floor((ms + 1_000_000) / BUCKET_MS);
    this.ended.push({ at: this.nowMs, bad, slow });
    const recent = this.ended.filter(({ at }) => bucket(at) > bucket(this.nowMs) - 10);
    const share = (test_) => recent.filter(test_).length / recent.length;
    if (recent.length < NUMBERS.minimumCalls) return;
    if (share((c) => c.bad) >= 0.5 || share((c) => c.slow) >= 1) this.trip();
  }
}

class Advance {
  constructor(ms) {
    this.ms = ms;
  }
  check() {
    return true;
  }
  run(model, { time, breaker }) {
    time.advance(this.ms);
    model.nowMs += this.ms;
    model.tick();
    expect(breaker.state).toBe(model.state);
  }
  toString() {
    return `advance(${this.ms})`;
  }
}
class Enter {
  check() {
    return true;
  }
  run(model, { breaker, tickets }) {
    model.tick();
    const refused = breaker.refusal();
    expect(refused === null).toBe(model.mayEnter());
    if (refused !== null) {
      const left = model.state === 'open' ? model.untilMs - model.nowMs : null;
      expect(refused.retryAfterMs).toBe(left);
      expect(() => breaker.enter()).toThrow(/not sent/);
      return;
    }
    tickets.push(breaker.enter());
    model.open.push({ generation: model.generation, at: model.nowMs });
  }
  toString() {
    return 'enter';
  }
}
class End {
  constructor(n, how, slow) {
    Object.assign(this, { n, how, slow });
  }
  check(model) {
    return model.open.length > 0;
  }
  run(model, { breaker, tickets }) {
    const at = this.n % tickets.length;
    tickets.splice(at, 1)[0][this.how](this.slow ? 60_000 : 1);
    const [call] = model.open.splice(at, 1);
    model.end(call, this.how, this.slow);
    model.tick();
    expect(breaker.state).toBe(model.state);
  }
  toString() {
    return `end(${this.n}, ${this.how}, ${this.slow})`;
  }
}

test('any mixture of calls, outcomes and waits is as in the model', () => {
  const how = fc.constantFrom('success', 'failure', 'failure', 'cancel');
  const commands = [
    fc.integer({ min: 0, max: 140_000 }).map((ms) => new Advance(ms)),
    fc.integer({ min: 0, max: 4000 }).map((ms) => new Advance(ms)),
    fc.constant(new Enter()),
    fc.constant(new Enter()),
    fc.tuple(fc.nat(), how, fc.boolean()).map((args) => new End(...args)),
  ];
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 200, size: 'max' }), (all) => {
      const setup = () => {
        const time = virtualClock();
        const breaker = new Breaker({ clock: time.clock, numbers: NUMBERS });
        return { model: new Model(), real: { time, breaker, tickets: [] } };
      };
      fc.modelRun(setup, all);
    }),
    { numRuns: 100 },
  );
});
