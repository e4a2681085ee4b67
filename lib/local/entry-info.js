// envd's EntryInfo: what one path is, in ProtoJSON, with Go's notation for permissions. Pure.
'use strict';

const path = require('node:path');
const { FILE_TYPE } = require('./init/wire');

const TYPE_TEXT = {
  [FILE_TYPE.FILE]: 'FILE_TYPE_FILE',
  [FILE_TYPE.DIRECTORY]: 'FILE_TYPE_DIRECTORY',
};
const FORMAT = 0o170000;
const LINK_PERMISSIONS = 'Lrwxrwxrwx'; // the link's own, on every Linux; `mode` is its target's

/** Go's letters for what is not a regular file, by st_mode's format. */
const FORMAT_LETTERS = {
  0o040000: 'd',
  0o060000: 'D',
  0o010000: 'p',
  0o140000: 'S',
  0o020000: 'Dc',
};

/**
 * @param {import('./init/sandbox-init').InitEntry} entry
 * @returns {object} EntryInfo
 */
function entryInfo({ path: inside, type, size, mode, owner, group, mtimeNs, link, metadata }) {
  const isLink = link !== '';
  const shown = TYPE_TEXT[type];
  return {
    name: path.posix.basename(inside),
    ...(shown ? { type: shown } : {}),
    path: inside,
    size: String(size),
    mode: mode & 0o777,
    permissions: isLink ? LINK_PERMISSIONS : goPrefix(mode) + rwx(mode),
    owner,
    group,
    modifiedTime: timestamp(mtimeNs),
    ...(isLink ? { symlinkTarget: link } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}

/** @returns {string} the letters before `rwx`, in the order of Go's: `dalTLDpSugct?` */
function goPrefix(mode) {
  let prefix = FORMAT_LETTERS[mode & FORMAT] ?? '';
  const special = (mode & 0o4000 ? 'u' : '') + (mode & 0o2000 ? 'g' : '');
  prefix = prefix === 'Dc' ? `D${special}c` : prefix + special;
  if (mode & 0o1000) prefix += 't';
  return prefix || '-';
}

function rwx(mode) {
  return Array.from('rwxrwxrwx', (letter, i) => (mode & (0o400 >> i) ? letter : '-')).join('');
}

/** RFC 3339 with 0, 3, 6 or 9 decimals, as ProtoJSON has it. */
function timestamp(ns) {
  const second = 1_000_000_000n;
  const rest = ((ns % second) + second) % second;
  const text = new Date(Number((ns - rest) / 1_000_000n)).toISOString().slice(0, -5);
  if (rest === 0n) return `${text}Z`;
  const digits = rest.toString().padStart(9, '0');
  return `${text}.${digits.replace(/(?:000){1,2}$/, '')}Z`;
}

module.exports = { entryInfo, goPrefix, rwx, timestamp };
