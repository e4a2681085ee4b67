'use strict';

// How many calls may be sent again, for one backend. Two accounts, and a retry has to be in both:
// tokens, as the AWS clients keep them (a retry costs 14 of 500, a throttled one 5), and whole retries,
// which bound how much more load there is, whatever each one costs (Google SRE: a tenth of the calls).
// Both earn the same: a tenth of a retry with each call, a fourteenth with one whose first try
// succeeds, and all that a call has spent when it succeeds in the end. So in a total outage a tenth of
// the calls may be repeated, and while most retries help they are not missed. Nothing is earned by
// waiting: there is no clock.

const BUDGET_DEFAULTS = Object.freeze({
  tokens: 500,
  retryCost: 14,
  throttledCost: 5,
  firstTryReward: 1,
  retryShare: 0.1,
  retryBurst: 35,
});

/** A tenth has no exact double: ten of them are a whole retry all the same. */
const HAIR = 1e-9;

/** Both accounts of one backend. */
class RetryBudget {
  #numbers;
  #tokens;
  #share;

  /** @param {typeof BUDGET_DEFAULTS} [numbers] retryBurst: what the share holds when it is full */
  constructor(numbers = BUDGET_DEFAULTS) {
    this.#numbers = numbers;
    this.#tokens = numbers.tokens;
    this.#share = numbers.retryBurst;
  }

  /** Tokens left, and retries left of the share. */
  get tokens() {
    return this.#tokens;
  }

  get share() {
    return this.#share;
  }

  /**
   * A call begins: its first request is never refused here.
   *
   * @returns {Spending} to ask before each retry, and to tell when the call has succeeded
   */
  call() {
    const { retryShare, retryCost } = this.#numbers;
    this.#earn(retryShare * retryCost, retryShare);
    return new Spending(
      (throttled) => this.#take(throttled),
      (cost, retries) => this.#back(cost, retries),
    );
  }

  #take(throttled) {
    const cost = throttled ? this.#numbers.throttledCost : this.#numbers.retryCost;
    if (this.#tokens + HAIR < cost || this.#share + HAIR < 1) return null;
    this.#tokens = Math.max(0, this.#tokens - cost);
    this.#share = Math.max(0, this.#share - 1);
    return cost;
  }

  #back(cost, retries) {
    const { firstTryReward, retryCost } = this.#numbers;
    if (retries === 0) this.#earn(firstTryReward, firstTryReward / retryCost);
    else this.#earn(cost, retries);
  }

  #earn(tokens, share) {
    this.#tokens = Math.min(this.#numbers.tokens, this.#tokens + tokens);
    this.#share = Math.min(this.#numbers.retryBurst, this.#share + share);
  }

  toJSON() {
    return { tokens: this.#tokens, share: this.#share };
  }

  /** Takes over what toJSON gave, within this budget's own bounds; what is no number is left out. */
  restore(saved) {
    const { tokens, share } = saved ?? {};
    if (Number.isFinite(tokens)) this.#tokens = clamp(tokens, this.#numbers.tokens);
    if (Number.isFinite(share)) this.#share = clamp(share, this.#numbers.retryBurst);
  }
}

/** What one call has spent on its retries. */
class Spending {
  #take;
  #back;
  #cost = 0;
  #retries = 0;
  #over = false;

  constructor(take, back) {
    this.#take = take;
    this.#back = back;
  }

  /**
   * May the call be sent again? Pays for it when so.
   *
   * @param {boolean} [throttled] the far end had said "too many": cheaper, as it did no work
   * @returns {boolean}
   */
  retry(throttled = false) {
    const cost = this.#take(throttled);
    if (cost === null) return false;
    this.#cost += cost;
    this.#retries++;
    return true;
  }

  /** The call has succeeded. Only the first word counts. */
  success() {
    if (this.#over) return;
    this.#over = true;
    this.#back(this.#cost, this.#retries);
  }
}

/** For calls that stand outside the budget: look-ups, and deletes that may be repeated. */
const UNBUDGETED = Object.freeze({ retry: () => true, success() {} });

function clamp(value, most) {
  return Math.min(most, Math.max(0, value));
}

module.exports = { RetryBudget, BUDGET_DEFAULTS, UNBUDGETED };
