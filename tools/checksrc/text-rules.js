'use strict';

// The rules that concern a file as text: a comment at its head, its length, no sleeping in tests, and
// nothing in any committed file that names a developer's machine or a package registry. Pure.

const MAX_LINES = 450;
const MIN_HEAD_CHARACTERS = 40;

const IS_SOURCE = /\.(c|h|js|cjs|mjs)$/;
// A test file is explained by its name and by those of its tests.
const NEEDS_HEAD = /^(?!.*\.test\.).*\.(c|h|js|cjs|mjs)$/;
const IS_TEST = /^test\/.*\.[cm]?js$/;
// The one place that may wait by the clock: helpers that poll a condition until a deadline.
const IS_HELPER = /^test\/helpers\//;

const SLEEPS = [
  /timers\/promises/,
  // A timer whose callback does nothing but settle the promise being made.
  /\bnew Promise\(\s*\(?\s*(\w+)[^)]*\)?\s*=>\s*\{?\s*(?:return\s+)?setTimeout\(\s*(?:\1\b|\(\)\s*=>\s*\1\()/,
  /\bsleep\(/,
];

const FOREIGN = [
  [/\/work\/[\w.]/, 'a path of one machine'],
  [/\/root\/\.\w/, 'a path of one machine'],
  [/\/tmp\/(tmp\.|bash_jobs)/, 'a path of one machine'],
  [/https?:\/\/[\w.-]*(registry|artifactory|verdaccio|nexus)[\w.-]*/, 'the host of a registry'],
  [/"resolved":\s*"https?:/, 'the host of a registry'],
];

function lineOf(text, index) {
  return text.slice(0, index).split('\n').length;
}

function checkHead(text) {
  const body = text.replace(/^#![^\n]*\n/, '').replace(/^\s*(['"])use strict\1;\s*/, '');
  const head = /^\s*(\/\*[^]*?\*\/|(?:\/\/[^\n]*\n\s*)+)/.exec(body)?.[1] ?? '';
  const words = head.replace(/[/*\s]+/g, ' ').trim();
  if (words.length >= MIN_HEAD_CHARACTERS) return [];
  return [{ line: 1, message: 'opens without a comment on what it is for' }];
}

function checkLength(text) {
  const lines = text.replace(/\n$/, '').split('\n').length;
  if (lines <= MAX_LINES) return [];
  return [{ line: MAX_LINES + 1, message: `has ${lines} lines, at most ${MAX_LINES}` }];
}

function findAll(text, pattern, message) {
  const everywhere = new RegExp(pattern.source, 'g');
  return [...text.matchAll(everywhere)].map((match) => ({
    line: lineOf(text, match.index),
    message,
  }));
}

/** @returns {{ line: number, message: string }[]} */
function checkText(file, text) {
  const problems = FOREIGN.flatMap(([pattern, what]) => findAll(text, pattern, `names ${what}`));
  if (NEEDS_HEAD.test(file)) problems.push(...checkHead(text));
  if (IS_SOURCE.test(file)) problems.push(...checkLength(text));
  if (IS_TEST.test(file) && !IS_HELPER.test(file)) {
    const message = 'sleeps; wait for an event or a condition';
    problems.push(...SLEEPS.flatMap((pattern) => findAll(text, pattern, message)));
  }
  return problems;
}

module.exports = { checkText };
