'use strict';

// NO_PROXY as users write it, turned into what libcurl reads: names (with all below them), addresses,
// networks of IPv4. libcurl knows no ports, no brackets, no stars but a lone one, and 7.88 no networks
// of IPv6. Pure; what a sandbox's own host is the core alone knows, so the list goes there as a list.

const net = require('node:net');

/**
 * @param {string} list entries between commas or blanks
 * @param {string[]} urls to which calls go: an entry with a port counts where that is a port of
 *   theirs, a network of IPv6 where an address of theirs is in it
 * @returns {string} entries between commas; '*' for all
 */
function noProxyFor(list, urls) {
  const entries = list.split(/[\s,]+/).filter(Boolean);
  if (entries.includes('*')) return '*';
  const targets = urls.filter((url) => URL.canParse(url)).map(targetOf); // the core refuses others
  return entries.flatMap((entry) => rewrite(entry, targets)).join(',');
}

function targetOf(url) {
  const { protocol, hostname, port } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (protocol === 'http:' ? 80 : 443),
  };
}

function rewrite(entry, targets) {
  const network = /^([0-9a-f:.]*:[0-9a-f:.]*)\/(\d{1,3})$/i.exec(entry);
  if (network !== null) return addressesIn(network[1], Number(network[2]), targets);
  const [, name, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [null, entry];
  if (port !== undefined && !targets.some((target) => target.port === Number(port))) return [];
  const known = name.replace(/^\*(?=\.)/, '').replace(/^\[(.*)\]$/, '$1');
  return known === '' ? [] : [known];
}

function addressesIn(network, bits, targets) {
  if (!net.isIPv6(network) || bits > 128) return [];
  const inside = new net.BlockList();
  inside.addSubnet(network, bits, 'ipv6');
  const addresses = targets.map(({ host }) => host).filter((host) => net.isIPv6(host));
  return addresses.filter((address) => inside.check(address, 'ipv6'));
}

module.exports = { noProxyFor };
