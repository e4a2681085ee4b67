'use strict';

// What the numbers were measured on: without it a table says nothing.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

function versionOf(...folder) {
  return JSON.parse(fs.readFileSync(path.join(...folder, 'package.json'), 'utf8')).version;
}

/** Of the undici that e2b brings with it. */
function undiciFolder() {
  return path.dirname(require.resolve('undici', { paths: [require.resolve('e2b')] }));
}

/** @returns {object} facts as JSON shows them */
function describeMachine() {
  const { curlVersion } = require('../../lib/binding').load();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: os.cpus()[0].model.trim(),
    cores: os.availableParallelism(),
    load: Math.round(os.loadavg()[0] * 10) / 10, // of what else was going on
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    libcurl: /^libcurl\/(\S+)/.exec(curlVersion)[1],
    'e2b-swarm': versionOf(ROOT),
    e2b: versionOf(ROOT, 'node_modules', 'e2b'),
    undici: versionOf(undiciFolder()),
  };
}

/** @returns {string} the same in one line */
function machineLine(machine) {
  const { date, cpu, cores, system, node, libcurl, e2b, undici } = machine;
  return (
    `${cpu}, ${cores} cores, ${system}, Node ${node}, libcurl ${libcurl}, ` +
    `e2b-swarm ${machine['e2b-swarm']}, e2b ${e2b} (undici ${undici}), ${date}`
  );
}

module.exports = { describeMachine, machineLine };
