'use strict';

// The catalogue of the built-in agents: their type names, the aliases that users and other tools
// write, and the text of the program that is uploaded into a sandbox. Programs are data here: they
// are read when asked for, and must never be required into this process.

const fs = require('node:fs');
const path = require('node:path');

const { InvalidArgumentError } = require('../errors');

// type -> the program's file, and the spellings understood beside the type's own name. Spellings are
// compared without case, dashes, underscores and spaces.
const AGENTS = {
  momentum: {
    fileName: 'momentum.js',
    aliases: ['momentum-agent', 'momentum-strategy', 'momentum-trader', 'momentum-trading'],
  },
};

const programs = new Map();

/** @returns {string[]} the agent types that this version can run */
function agentTypes() {
  return Object.keys(AGENTS);
}

/**
 * The type that a user's spelling means: `'Momentum_Trader'` is `'momentum'`.
 *
 * @param {string} name
 * @returns {string} one of `agentTypes()`
 * @throws {InvalidArgumentError} not a string, or no such agent; the message lists the known types
 */
function resolveAgentType(name) {
  if (typeof name === 'string') {
    const wanted = plain(name);
    for (const [type, { aliases }] of Object.entries(AGENTS)) {
      if ([type, ...aliases].some((spelling) => plain(spelling) === wanted)) return type;
    }
  }
  const known = agentTypes().join(', ');
  const given = typeof name === 'string' ? JSON.stringify(name.slice(0, 64)) : typeof name;
  throw new InvalidArgumentError(`agentType: unknown agent type ${given}; known: ${known}`);
}

function plain(name) {
  return name.toLowerCase().replace(/[-_\s]/g, '');
}

/**
 * The program of an agent: a file to write into the sandbox and run as `node FILE CONFIG.json`.
 *
 * @param {string} type one of `agentTypes()`
 * @returns {{ fileName: string, text: string }}
 * @throws {InvalidArgumentError} no such type
 */
function agentProgram(type) {
  const resolved = resolveAgentType(type);
  if (!programs.has(resolved)) {
    const { fileName } = AGENTS[resolved];
    const text = fs.readFileSync(path.join(__dirname, fileName), 'utf8');
    programs.set(resolved, Object.freeze({ fileName, text }));
  }
  return programs.get(resolved);
}

module.exports = { agentProgram, agentTypes, resolveAgentType };
