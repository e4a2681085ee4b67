// Finds and reads E2B's interface files, which are not part of this project: in E2B_SPEC_DIR, or
// where a checkout of the project has them beside it. Everything that needs them asks for `available`
// first and is skipped, visibly, without them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const YAML = require('yaml');

const BESIDE = path.join(__dirname, '../../../../shared/e2b-api');
const directory = process.env.E2B_SPEC_DIR || BESIDE;
const NAMES = ['openapi.yml', 'envd.yaml', 'process.proto', 'filesystem.proto'];

const available = NAMES.every((name) => fs.existsSync(path.join(directory, name)));

/** @returns {string} the text of one of the files */
function text(name) {
  return fs.readFileSync(path.join(directory, name), 'utf8');
}

/** @returns {object} one of the two OpenAPI documents */
function openApi(name) {
  return YAML.parse(text(name));
}

module.exports = { available, openApi, text };
