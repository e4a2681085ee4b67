'use strict';

// The rules of the house that a script can check, over every file that is or would be committed:
// imports, C rules, text rules (each in tools/checksrc/). Prints `file:line: message` for each finding;
// exit status 1 when there is one. Rooms that do not exist yet are no finding.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { checkCRules } = require('./checksrc/c-rules');
const { checkImports } = require('./checksrc/imports');
const { checkText } = require('./checksrc/text-rules');

const ROOT = path.join(__dirname, '..');
// Full of bad samples, which is its purpose.
const SAMPLES = 'test/unit/tools/checksrc.test.js';
const NOT_OURS = new Set(['node_modules', 'build', 'coverage', 'tmp', 'prebuilds']);

/** What git has or would add; without git (an unpacked archive), what lies there. */
function filesOf(root) {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const git = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (git.status === 0) {
    const names = [...new Set(git.stdout.split('\0'))].filter(Boolean);
    return names.filter((name) => fs.existsSync(path.join(root, name)));
  }
  const below = (folder) =>
    fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isFile()) return [name];
      const skipped = entry.name.startsWith('.') || NOT_OURS.has(name);
      return entry.isDirectory() && !skipped ? below(name) : [];
    });
  return below('.');
}

function packagesOf(root) {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const names = (field) => Object.keys(manifest[field] ?? {});
  const run = ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap(names);
  return { run, dev: [...run, ...names('devDependencies'), '@jest/globals'] };
}

function checkFile(file, text, packages) {
  return [
    ...checkImports(file, text, packages),
    ...checkCRules(file, text),
    ...checkText(file, text),
  ];
}

function main() {
  const packages = packagesOf(ROOT);
  let findings = 0;
  for (const file of filesOf(ROOT)) {
    if (file === SAMPLES) continue;
    const content = fs.readFileSync(path.join(ROOT, file));
    if (content.includes(0)) continue;
    for (const { line, message } of checkFile(file, content.toString(), packages)) {
      console.error(`${file}:${line}: ${message}`);
      findings += 1;
    }
  }
  process.exitCode = findings > 0 ? 1 : 0;
}

if (require.main === module) main();

module.exports = { checkFile };
