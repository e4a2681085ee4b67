// Preloaded into programs of tests: names below `.localhost` are this machine, which the system's
// resolver does not say everywhere.
'use strict';

const dns = require('node:dns');

const { lookup } = dns;

dns.lookup = (name, options, callback) => {
  const [settings, done] = typeof options === 'function' ? [{}, options] : [options, callback];
  if (!name.endsWith('.localhost')) return lookup(name, settings, done);
  if (settings?.all) return process.nextTick(done, null, [{ address: '127.0.0.1', family: 4 }]);
  return process.nextTick(done, null, '127.0.0.1', 4);
};
