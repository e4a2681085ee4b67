'use strict';

// The results for people: one Markdown table that is also readable as it is, and how it differs from
// an earlier one. Pure.

const { machineLine } = require('./machine');

const CLIENTS = ['e2b-swarm', 'e2b', 'undici', 'node', 'libcurl'];
const COMPARED = ['e2b', 'undici', 'libcurl'];

function number(value) {
  if (value === undefined || value === null) return '';
  if (Number.isInteger(value)) return String(value);
  const digits = [100, 10, 1].findIndex((limit) => Math.abs(value) >= limit);
  return value.toFixed(digits === -1 ? 3 : digits);
}

function table(head, rows) {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column].length)));
  const show = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [show(lines[0]), rule, ...lines.slice(1).map(show)].join('\n');
}

/** @returns {string} a target in words */
function targetText(target) {
  if (target === null) return '';
  if (target.atLeast !== undefined) return `>= ${target.atLeast}x e2b`;
  if (target.atMost !== undefined) return `<= ${target.atMost}`;
  if (target.near !== undefined) return `${target.near} + ${target.withinMs} at most`;
  return `< ${target.below}`;
}

function verdict({ target, met }) {
  return met === null ? '' : `${targetText(target)}: ${met ? 'met' : 'not met'}`;
}

const times = (ratio) => (ratio === undefined || ratio === null ? '' : `${ratio.toFixed(1)}x`);

function rowCells(row) {
  return [
    row.name,
    row.unit,
    ...CLIENTS.map((client) => number(row.values[client])),
    ...COMPARED.map((client) => times(row.ratios[client])),
    verdict(row),
    row.remark,
  ];
}

/** Where the far end needed more than a client, that client was not what was busiest. */
function warnings({ load, cores }, rows) {
  const slow = rows
    .filter(({ unit }) => unit.startsWith('CPU us'))
    .flatMap(({ name, values, serverCpuUs }) => {
      const slower = Object.keys(values).filter((client) => serverCpuUs[client] > values[client]);
      if (slower.length === 0) return [];
      return [`${name}: the far end needed more CPU than ${slower.join(' and ')}.`];
    });
  const busy =
    load > cores / 4 ? [`The machine was busy before this began: a load of ${load}.`] : [];
  return [...slow, ...busy].map((text) => `WARNING: ${text}`);
}

/** @returns {string} */
function report({ machine, rows, skipped }) {
  const head = [
    'what',
    'unit',
    ...CLIENTS,
    ...COMPARED.map((client) => `vs ${client}`),
    'target',
    'remark',
  ];
  return [
    machineLine(machine),
    '',
    table(head, rows.map(rowCells)),
    '',
    ...skipped.map(({ name, why }) => `skipped: ${name} (${why})`),
    'CPU: user and system time of the client process, all its threads. Medians of rounds in processes of their own, clients in turn; "vs" says how many times better e2b-swarm is.',
    'undici: undici.request with the undici of e2b; node: node:http, or Node alone; libcurl: a C program of one thread, nothing parsed.',
    ...warnings(machine, rows),
  ].join('\n');
}

function change(now, old) {
  if (!(old > 0) || !(now > 0)) return '';
  return `${now >= old ? '+' : ''}${(100 * (now / old - 1)).toFixed(0)}%`;
}

/** @returns {string} how the rows that both have moved since an earlier run */
function comparison(now, before) {
  const was = new Map(before.rows.map((row) => [row.id, row]));
  const rows = now.rows
    .filter(({ id }) => was.has(id))
    .map(({ id, name, unit, values, ratios }) => {
      const old = was.get(id);
      const [then, today] = [old.values['e2b-swarm'], values['e2b-swarm']];
      return [
        ...[name, unit, number(then), number(today), change(today, then)],
        ...[times(old.ratios.e2b), times(ratios.e2b)],
        change(ratios.e2b, old.ratios.e2b),
      ];
    });
  const head = ['what', 'unit', 'old', 'new', 'change', 'vs e2b, old', 'new', 'change'];
  return [`since ${machineLine(before.machine)}`, '', table(head, rows)].join('\n');
}

module.exports = { comparison, report, targetText };
