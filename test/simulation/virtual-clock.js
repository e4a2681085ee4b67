'use strict';

// lib/clock.js for one simulated process: its functions, over the scheduler. The wall clock can be
// set (`jump`); the steady one never jumps and begins anywhere, as a machine's does. Timers die with
// their process, are a little late, and their handles can be unref'd.

const BASE_MS = Date.UTC(2026, 10, 21);
/** As Node: a longer timer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

class Timer {
  event = null;
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return false;
  }
}

class VirtualClock {
  #scheduler;
  #random;
  #domain;
  #onThrow;
  #skewMs;
  #originMs;

  /**
   * @param {import('./scheduler').Scheduler} scheduler
   * @param {import('./random').Random} random
   * @param {object|null} domain the process
   * @param {(error: unknown) => void} onThrow a timer's callback threw
   */
  constructor(scheduler, random, domain, onThrow) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#domain = domain;
    this.#onThrow = onThrow;
    this.#skewMs = random.between(-2000, 2000);
    this.#originMs = random.between(0, 1e6);
  }

  /** Somebody sets the wall clock. */
  jump(byMs) {
    this.#skewMs += byMs;
  }

  now() {
    return Math.floor(BASE_MS + this.#scheduler.nowMs + this.#skewMs);
  }

  /** What createClock takes. */
  functions() {
    const clear = (timer) => {
      if (timer?.event) this.#scheduler.cancel(timer.event);
    };
    return {
      now: () => this.now(),
      steady: () => this.#scheduler.nowMs + this.#originMs,
      random: () => this.#random.next(),
      token: () => this.#random.uuid(),
      setTimeout: (callback, ms) => this.#start(callback, ms, false),
      setInterval: (callback, ms) => this.#start(callback, ms, true),
      clearTimeout: clear,
      clearInterval: clear,
    };
  }

  #start(callback, ms, again) {
    const timer = new Timer();
    const wantedMs = ms >= 1 && ms <= MAX_TIMER_MS ? ms : 1;
    const arm = () => {
      const lateMs = this.#random.chance(0.05) ? this.#random.between(0, 50) : this.#random.next();
      timer.event = this.#scheduler.after(wantedMs + lateMs, fire, this.#domain);
    };
    const fire = () => {
      if (again) arm();
      try {
        callback();
      } catch (error) {
        this.#onThrow(error);
      }
    };
    arm();
    return timer;
  }
}

module.exports = { VirtualClock, BASE_MS };
