'use strict';

// The results for people: Markdown tables that are also readable as they are. Pure.

const { machineLine } = require('./machine');
const { OPERATIONS } = require('./cases');

const us = (value) => value.toFixed(value < 100 ? 1 : 0);

function table(head, rows) {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column].length)));
  const show = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [show(lines[0]), rule, ...lines.slice(1).map(show)].join('\n');
}

function verdict(met, target) {
  return met === null ? '' : `${target}: ${met ? 'met' : 'not met'}`;
}

function caseRow({ name, clients, ratio, target, met }) {
  const [ours, theirs] = [clients['e2b-swarm'], clients.e2b];
  return [
    name,
    us(ours.cpuUs),
    us(theirs.cpuUs),
    `${ratio.toFixed(1)}x`,
    verdict(met, `>= ${target}x`),
    `${us(ours.serverCpuUs)} / ${us(theirs.serverCpuUs)}`,
  ];
}

function loadRow({ name, ms, cpuMs, targetMs, met }) {
  return [name, ms.toFixed(1), cpuMs.toFixed(1), verdict(met, `< ${targetMs} ms`)];
}

/** @returns {string} */
function report({ machine, cases, loads }) {
  const operations = [...new Set(cases.map(({ operation }) => operation))];
  const caseHead = [
    'CPU us per call',
    'e2b-swarm',
    'e2b',
    'ratio',
    'target',
    'server, for each client',
  ];
  return [
    machineLine(machine),
    '',
    table(caseHead, cases.map(caseRow)),
    '',
    table(['loading', 'ms', 'CPU ms', 'target'], loads.map(loadRow)),
    '',
    ...operations.map((name) => `${name}: ${OPERATIONS[name].says}`),
    'User and system time of the client process, all its threads; medians of rounds in processes of their own, clients in turn.',
    ...warnings(machine, cases),
  ].join('\n');
}

function warnings({ load, cores }, cases) {
  const slow = cases.filter(({ serverIsFaster }) => !serverIsFaster);
  const said = slow.map(({ name }) => `${name}: the server used more CPU than a client`);
  if (load > cores / 4) said.push(`The machine was busy before this began: a load of ${load}.`);
  return said.map((text) => `WARNING: ${text}`);
}

/** @returns {string} how the ratios and times moved since an earlier run */
function comparison(now, before) {
  const was = new Map([...before.cases, ...before.loads].map((each) => [each.name, each]));
  const percent = (a, b) => `${a >= b ? '+' : ''}${(100 * (a / b - 1)).toFixed(0)}%`;
  const rows = now.cases
    .filter(({ name }) => was.has(name))
    .map(({ name, clients, ratio }) => {
      const old = was.get(name);
      const [ours, theirs] = ['e2b-swarm', 'e2b'].map((client) =>
        percent(clients[client].cpuUs, old.clients[client].cpuUs),
      );
      return [name, ours, theirs, `${old.ratio.toFixed(1)}x -> ${ratio.toFixed(1)}x`];
    });
  const loads = now.loads
    .filter(({ name }) => was.has(name))
    .map(({ name, ms }) => [name, percent(ms, was.get(name).ms), '', '']);
  return [
    `since ${machineLine(before.machine)}`,
    '',
    table(['CPU per call, ms to load', 'e2b-swarm', 'e2b', 'ratio'], [...rows, ...loads]),
  ].join('\n');
}

module.exports = { comparison, report };
