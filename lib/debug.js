'use strict';

// Two switches for people who look inside: NODE_DEBUG=e2b prints decisions, and diagnostics_channel
// `e2b:<name>` carries them to tools. A leaf. Never given a key, a token or a header.

const { channel } = require('node:diagnostics_channel');
const { debuglog } = require('node:util');

const log = debuglog('e2b');
const channels = new Map();

/** One decision: a short name ('recovery:start') and plain facts. Free when nobody looks. */
function decision(name, facts) {
  if (log.enabled) log('%s %j', name, facts);
  let target = channels.get(name);
  if (target === undefined) channels.set(name, (target = channel(`e2b:${name}`)));
  if (target.hasSubscribers) target.publish(facts);
}

module.exports = { decision };
