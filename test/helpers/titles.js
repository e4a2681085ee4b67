'use strict';

// Pages of docs/ name tests by file and title; here is whether such a title stands in such a file. Reads
// files of the repository by their names in it, and nothing else.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

/** @param {string} name of a file, from the repository's root */
const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');

/** As a literal of JavaScript or C. */
function isTitled(text, title) {
  const literals = [`'${title}'`, `"${title}"`, `\`${title}\``, JSON.stringify(title)];
  return literals.some((one) => text.includes(one));
}

module.exports = { isTitled, read };
