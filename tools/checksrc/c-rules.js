'use strict';

// The rules of the C sources that a compiler does not enforce: banned functions, the one door to the
// heap, and no mutable state outside of instances unless a `process-global:` comment gives the reason.
// Works on the text with comments and literals blanked out, which is exact enough for our own style;
// it is no C parser. Pure.

const BANNED = ['strcpy', 'strcat', 'sprintf', 'vsprintf', 'gets', 'strtok', 'atoi', 'alloca'];
BANNED.push('setenv', 'putenv');
const HEAP = ['malloc', 'calloc', 'realloc', 'free', 'strdup', 'strndup'];
const EXCUSE = 'process-global:';
const EXCUSE_LINES_ABOVE = 6;

/** The text with comments, literals and preprocessor lines turned into spaces; lines stay lines. */
function blank(text) {
  const tokens = /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/g;
  const spaces = (part) => part.replace(/[^\n]/g, ' ');
  return text.replace(tokens, spaces).replace(/^[ \t]*#(?:\\\n|[^\n])*/gm, spaces);
}

function lineAt(text, index) {
  return text.slice(0, index).split('\n').length;
}

function checkCalls(file, code) {
  const isCore = /^csrc\/[^/]+\.c$/.test(file) && !/\/alloc\.c$/.test(file);
  const problems = [];
  const call = /(?<![\w.>])([a-z_]+)\s*\(/g;
  for (const match of code.matchAll(call)) {
    const [, name] = match;
    const line = lineAt(code, match.index);
    if (BANNED.includes(name)) problems.push({ line, message: `${name}() is banned` });
    if (isCore && HEAP.includes(name)) {
      problems.push({ line, message: `${name}(): the core's heap is behind alloc.h` });
    }
  }
  return problems;
}

/** The statements outside of functions, and the bodies of functions, each with where it begins. */
function split(code) {
  const statements = [];
  const bodies = [];
  let start = 0;
  let depth = 0;
  let opened = 0;
  for (let i = 0; i < code.length; i += 1) {
    if (code[i] === '{') {
      if (depth === 0) opened = i;
      depth += 1;
    } else if (code[i] === '}') {
      depth -= 1;
      const isFunction = depth === 0 && /\)\s*$/.test(code.slice(start, opened));
      if (isFunction) {
        bodies.push({ text: code.slice(opened, i), start: opened });
        start = i + 1;
      }
    } else if (code[i] === ';' && depth === 0) {
      const lead = /^\s*/.exec(code.slice(start))[0].length;
      statements.push({ text: code.slice(start + lead, i), start: start + lead });
      start = i + 1;
    }
  }
  return { statements, bodies };
}

/** The static declarations inside a function's body, each with where it begins. */
function statics(body) {
  return [...body.text.matchAll(/\bstatic\b/g)].map(({ index }) => {
    let end = index;
    for (let depth = 0; end < body.text.length; end += 1) {
      if (body.text[end] === '{') depth += 1;
      else if (body.text[end] === '}') depth -= 1;
      else if (body.text[end] === ';' && depth === 0) break;
    }
    return { text: body.text.slice(index, end), start: body.start + index };
  });
}

/** What is in braces, put out of sight: members and initial values. */
function withoutBraces(declaration) {
  let text = declaration;
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replace(/\{[^{}]*\}/, '@');
  }
  return text;
}

/** Whether a declaration makes an object that can change. */
function isMutable(declaration) {
  const text = withoutBraces(declaration).trim();
  if (text === '' || /^(typedef|extern|_Static_assert)\b/.test(text)) return false;
  const [head] = text.split('=');
  if (/^(struct|union|enum)\b\s*\w*\s*@?\s*$/.test(head)) return false;
  const pointer = /\(\s*\*\s*(const\b)?/.exec(head);
  if (pointer) return pointer[1] === undefined;
  if (head.includes('(')) return false;
  const afterStar = head.slice(head.lastIndexOf('*') + 1);
  return !/\bconst\b/.test(afterStar);
}

function checkState(text, code) {
  const lines = text.split('\n');
  const { statements, bodies } = split(code);
  const found = [...statements, ...bodies.flatMap(statics)].filter((each) => isMutable(each.text));
  return found
    .map(({ start }) => lineAt(code, start))
    .filter((line) => {
      const around = lines.slice(Math.max(0, line - 1 - EXCUSE_LINES_ABOVE), line);
      return !around.some((each) => each.includes(EXCUSE));
    })
    .map((line) => ({ line, message: `mutable static state without a "${EXCUSE}" comment` }));
}

/** @returns {{ line: number, message: string }[]} */
function checkCRules(file, text) {
  if (!/^csrc\/.*\.[ch]$/.test(file)) return [];
  const code = blank(text);
  return [...checkCalls(file, code), ...checkState(text, code)];
}

module.exports = { blank, checkCRules };
