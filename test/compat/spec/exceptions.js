// Where an exchange of the official clients or an answer of the backend is right although the copied
// interface files say otherwise: each with its reason. Whoever adds one says where it is known from.
'use strict';

/**
 * @typedef {{ reason: string, method?: string, path: RegExp, problem: RegExp }} Exception
 * @type {Exception[]}
 */
const EXCEPTIONS = [
  {
    reason:
      'an unknown template is a 404, which the file does not list (PROTOCOL 4.1, from source)',
    method: 'POST',
    path: /^(\/v2)?\/sandboxes$/,
    problem: /the status 404/,
  },
  {
    reason: 'deleting what is not there is a 404, which the official client takes for "no" (4.9)',
    method: 'DELETE',
    path: /^\/templates\/[^/]+$/,
    problem: /the status 404/,
  },
  {
    reason: 'the files of a build go to the address that was answered, which may be any (15)',
    method: 'PUT',
    path: /^\/templates\/[^/]+\/files\/[^/]+$/,
    problem: /not in the interface files/,
  },
  {
    reason:
      'rules that cannot be are a 400, also when they are changed (PROTOCOL 4.10, from source)',
    method: 'PUT',
    path: /^\/sandboxes\/[^/]+\/network$/,
    problem: /the status 400/,
  },
];

/** @returns {boolean} whether a problem of this exchange is a known one */
function isExcepted({ method, path }, problem) {
  return EXCEPTIONS.some(
    (one) => (one.method ?? method) === method && one.path.test(path) && one.problem.test(problem),
  );
}

module.exports = { EXCEPTIONS, isExcepted };
