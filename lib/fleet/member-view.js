'use strict';

// The maps that users see as `manager.activeSandboxes` and `manager.sandboxPool`: always current,
// read-only, with records (copies) as values, so that nothing outside can change the fleet's state.

class MemberView {
  #members;

  /** @param {() => import('./member').Member[]} members */
  constructor(members) {
    this.#members = members;
  }

  get size() {
    return this.#members().length;
  }

  has(id) {
    return this.#members().some((member) => member.id === id);
  }

  get(id) {
    return this.#members()
      .find((member) => member.id === id)
      ?.record();
  }

  keys() {
    return this.#members()
      .map((member) => member.id)
      .values();
  }

  values() {
    return this.#members()
      .map((member) => member.record())
      .values();
  }

  entries() {
    return this.#members()
      .map((member) => [member.id, member.record()])
      .values();
  }

  forEach(callback, thisArg) {
    for (const [id, record] of this.entries()) callback.call(thisArg, record, id, this);
  }

  [Symbol.iterator]() {
    return this.entries();
  }
}

module.exports = { MemberView };
