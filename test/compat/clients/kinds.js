// What kind of failure an error of a client tells, in words that all clients share. By name and not by
// class, since two versions of one SDK and programs of their own are compared.
'use strict';

const OFFICIAL = [
  ['exit', /^CommandExitError$/],
  ['not-found', /^(FileNotFound|SandboxNotFound|NotFound)Error$/],
  ['timeout', /^TimeoutError$/],
  ['authentication', /^AuthenticationError$/],
  ['rate-limit', /^RateLimitError$/],
  ['busy', /^ServiceBusyError$/],
  ['invalid', /^InvalidArgumentError$/],
  ['cancelled', /^AbortError$/],
  ['template', /^(TemplateError|BuildError|FileUploadError)$/],
  ['git-authentication', /^GitAuthError$/],
  ['git-upstream', /^GitUpstreamError$/],
];

/** What the SDK has no class for is a SandboxError with the status in front. */
const BY_STATUS = { 400: 'invalid', 403: 'refused', 404: 'not-found', 409: 'conflict' };

const OWN = {
  ...{ NOT_FOUND: 'not-found', SANDBOX_GONE: 'not-found', TIMEOUT: 'timeout' },
  ...{ UNAUTHENTICATED: 'authentication', MISSING_API_KEY: 'authentication' },
  ...{ RATE_LIMITED: 'rate-limit', CONCURRENCY_LIMIT: 'rate-limit', SERVER_BUSY: 'busy' },
  ...{ INVALID_ARGUMENT: 'invalid', BAD_REQUEST: 'invalid', CANCELLED: 'cancelled' },
  ...{ PERMISSION_DENIED: 'refused', CONFLICT: 'conflict', NON_ZERO_EXIT: 'exit' },
};

/** @returns {string} */
function officialKind(error) {
  const named = OFFICIAL.find(([, name]) => name.test(error?.name));
  if (named) return named[0];
  const status = /^(\d{3}): /.exec(error?.message)?.[1];
  return BY_STATUS[status] ?? `${error?.name}: ${error?.message}`;
}

/** @returns {string} */
function ownKind(error) {
  return OWN[error?.code] ?? `${error?.code}: ${error?.message}`;
}

module.exports = { officialKind, ownKind };
