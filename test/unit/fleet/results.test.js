'use strict';

// lib/fleet/results.js: what a failure looks like to a user.

const { NotFoundError, RateLimitError, TimeoutError } = require('../../../lib/errors');
const { failure, withDetails } = require('../../../lib/fleet/results');

test('a failure has text, code, outcome and retryable', () => {
  expect(failure(new TimeoutError('too slow', { outcome: 'unknown' }))).toEqual({
    success: false,
    error: 'too slow',
    code: 'TIMEOUT',
    outcome: 'unknown',
    retryable: false,
  });
});

test('status and retryAfterMs are there where they are known', () => {
  const error = new RateLimitError('slow down', { status: 429, retryAfterMs: 0, retryable: true });
  expect(failure(error)).toMatchObject({ status: 429, retryAfterMs: 0, retryable: true });
});

test('the text for a sandbox that is gone always says "not found"', () => {
  const error = new NotFoundError('HTTP 502', { code: 'SANDBOX_GONE' });
  expect(failure(error, 'i1')).toMatchObject({
    sandboxId: 'i1',
    error: "sandbox 'i1' not found: HTTP 502",
  });
  expect(failure(new NotFoundError('Sandbox Not Found')).error).toBe('Sandbox Not Found');
});

test("the error's own sandbox goes before the caller's", () => {
  expect(failure(new TimeoutError('x', { sandboxId: 'a' }), 'b').sandboxId).toBe('a');
});

test('anything thrown becomes a failure', () => {
  expect(failure('just text')).toMatchObject({ code: 'INTERNAL', error: "'just text'" });
  expect(failure(undefined)).toMatchObject({ success: false, code: 'INTERNAL' });
});

test('details are shown beside, later ones over earlier ones', () => {
  const error = withDetails(new TimeoutError('x'), { output: 'a', exitCode: null });
  withDetails(error, { output: 'b' });
  expect(failure(error)).toMatchObject({ output: 'b', exitCode: null });
  expect(Object.keys(error)).not.toContain('output');
});
