'use strict';

// lib/policy/classify.js: each row of the table; which failure leads to which row (the codes of
// PROTOCOL's error section among them); and what must hold for all of them.

const fc = require('fast-check');
const { classify, CLASSES, TABLE } = require('../../../lib/policy/classify');

const ALL = Object.keys(CLASSES);
const OUTCOMES = ['not-sent', 'rejected', 'unknown', 'interrupted'];
const CODES = [...new Set(TABLE.flatMap(({ when }) => when.codes ?? []))];
const SERVER_CODES = [...new Set(TABLE.flatMap(({ when }) => when.serverCodes ?? []))];
const failure = (fields) => Object.assign(new Error('x'), { retryable: true, ...fields });
const of = (name, fields, elapsedMs) => classify(failure(fields), { class: name, elapsedMs });

// ---- each row ----------------------------------------------------------------------------------

const samples = ({ classes = ALL, codes = [undefined], outcomes = OUTCOMES, ...when }) =>
  classes.flatMap((name) =>
    codes.flatMap((code) =>
      outcomes.flatMap((outcome) =>
        (when.serverCodes ?? [null]).flatMap((serverCode) =>
          (when.reasons ?? [undefined]).map((reason) => ({
            name,
            fields: { code, outcome, serverCode, reason },
          })),
        ),
      ),
    ),
  );

test.each(TABLE.map((row) => [row.name, row]))(
  'row "%s" decides for what it describes',
  (name, row) => {
    const mine = samples(row.when).filter(({ name: c, fields }) => of(c, fields).row === name);
    expect(mine.length).toBeGreaterThan(0);
    for (const { name: c, fields } of mine) {
      expect(of(c, fields)).toMatchObject({
        ...{ next: row.next, kind: row.kind, counts: row.counts, throttled: row.throttled },
      });
    }
  },
);

test('the names of the rows are different', () => {
  expect(new Set(TABLE.map(({ name }) => name)).size).toBe(TABLE.length);
});

// ---- what is met at the wire -------------------------------------------------------------------

const ONCE = ['create', 'execute'];
const OFTEN = ['terminate', 'look', 'renew', 'read', 'write'];
const rejected = 'rejected';
const unknown = 'unknown';

test.each([
  // classes, code, outcome, serverCode -> next, kind, counts
  [ALL, 'RATE_LIMITED', rejected, null, 'retry', 'rate', 'success'],
  [ALL, 'CONCURRENCY_LIMIT', rejected, null, 'room', 'exhaustion', 'success'],
  [ALL, 'CAPACITY', 'not-sent', null, 'room', 'exhaustion', 'none'],
  [ALL, 'BUDGET', 'not-sent', null, 'never', 'exhaustion', 'none'],
  [ALL, 'SERVER_BUSY', rejected, 'sandbox_capacity_unavailable', 'retry', 'exhaustion', 'failure'],
  [
    ALL,
    'NO_COMPATIBLE_NODE',
    rejected,
    'sandbox_no_compatible_node',
    'never',
    'exhaustion',
    'success',
  ],
  [ALL, 'SERVER_BUSY', rejected, 'sandbox_no_compatible_node', 'never', 'exhaustion', 'success'],
  [ONCE, 'GATEWAY_TIMEOUT', unknown, 'sandbox_placement_timeout', 'look', 'timeout', 'failure'],
  [OFTEN, 'GATEWAY_TIMEOUT', unknown, 'sandbox_placement_timeout', 'retry', 'timeout', 'failure'],
  [ONCE, 'SERVER_ERROR', unknown, 'sandbox_create_failed', 'look', 'server', 'failure'],
  [ONCE, 'SERVER_BUSY', rejected, 'sandbox_start_in_flight', 'look', 'server', 'failure'],
  [ONCE, 'SERVER_ERROR', unknown, 'internal_server_error', 'look', 'server', 'failure'],
  [OFTEN, 'SERVER_ERROR', unknown, 'internal_server_error', 'retry', 'server', 'failure'],
  [ONCE, 'SERVER_BUSY', unknown, null, 'look', 'server', 'failure'],
  [ALL, 'SERVER_BUSY', rejected, null, 'retry', 'exhaustion', 'failure'],
  [ONCE, 'BAD_GATEWAY', unknown, null, 'look', 'server', 'failure'],
  [ONCE, 'CONNECTION_LOST', unknown, null, 'look', 'connection', 'failure'],
  [ONCE, 'CONNECTION_LOST', 'interrupted', null, 'look', 'connection', 'failure'],
  [OFTEN, 'CONNECTION_LOST', unknown, null, 'retry', 'connection', 'failure'],
  [ALL, 'CONNECTION_LOST', 'not-sent', null, 'retry', 'connection', 'failure'],
  [ALL, 'DNS_FAILED', 'not-sent', null, 'retry', 'connection', 'failure'],
  [ALL, 'CONNECT_FAILED', 'not-sent', null, 'retry', 'connection', 'failure'],
  [ONCE, 'TIMEOUT', unknown, null, 'look', 'timeout', 'failure'],
  [OFTEN, 'TIMEOUT', unknown, null, 'retry', 'timeout', 'failure'],
  [ALL, 'TIMEOUT', 'not-sent', null, 'retry', 'timeout', 'failure'],
  [['terminate'], 'NOT_FOUND', rejected, null, 'done', 'gone', 'success'],
  [['terminate'], 'SANDBOX_GONE', rejected, null, 'done', 'gone', 'success'],
  [['look', 'create', 'execute'], 'NOT_FOUND', rejected, null, 'never', 'gone', 'success'],
  [ALL, 'CONFLICT', rejected, null, 'look', 'state', 'success'],
  [ALL, 'BAD_REQUEST', rejected, null, 'never', 'caller', 'success'],
  [ALL, 'INVALID_ARGUMENT', 'not-sent', null, 'never', 'caller', 'success'],
  [ALL, 'UNAUTHENTICATED', rejected, null, 'never', 'caller', 'success'],
  [ALL, 'PERMISSION_DENIED', rejected, null, 'never', 'caller', 'success'],
  [ALL, 'DISK_FULL', rejected, null, 'never', 'exhaustion', 'success'],
  [ALL, 'OUT_OF_MEMORY', 'not-sent', null, 'never', 'exhaustion', 'none'],
  [ALL, 'PORT_CLOSED', rejected, null, 'retry', 'connection', 'success'],
  [ALL, 'CERTIFICATE_EXPIRED', 'not-sent', null, 'never', 'settings', 'none'],
  [ALL, 'PROXY_FAILED', rejected, null, 'never', 'settings', 'none'],
  [ALL, 'CANCELLED', unknown, null, 'never', 'cancelled', 'none'],
  [ALL, 'BREAKER_OPEN', 'not-sent', null, 'never', 'refused', 'none'],
  [['execute'], 'NON_ZERO_EXIT', 'interrupted', null, 'never', 'program', 'success'],
])('%j %s %s %s: %s, %s, %s', (classes, code, outcome, serverCode, next, kind, counts) => {
  for (const name of classes) {
    const verdict = of(name, { code, outcome, serverCode });
    expect([name, verdict]).toEqual([name, expect.objectContaining({ next, kind, counts })]);
  }
});

test('a program that was killed for want of memory is never run again, whatever its error says', () => {
  for (const name of ALL) {
    for (const code of CODES.filter((c) => c !== 'CANCELLED' && c !== 'CLOSED')) {
      const verdict = of(name, { code, outcome: unknown, reason: 'oom' });
      expect(verdict).toMatchObject({ next: 'never', kind: 'exhaustion', counts: 'none' });
    }
  }
});

test('only a request rate is a throttled retry', () => {
  expect(TABLE.filter(({ throttled }) => throttled).map(({ name }) => name)).toEqual([
    'too many requests',
  ]);
});

test('a connection that is lost after more than 60 s was a timeout', () => {
  const lost = { code: 'CONNECTION_LOST', outcome: unknown };
  expect(of('look', lost, 60_000).kind).toBe('connection');
  expect(of('look', lost, 60_001).kind).toBe('timeout');
});

test('a Retry-After is an order with 429 and 503, and of ourselves; a hint with anything else', () => {
  const order = (status) => of('look', { code: 'SERVER_ERROR', outcome: unknown, status }).isOrder;
  expect([429, 503, null, 500, 502, 504].map(order)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test.each([[undefined], [null], ['text'], [7], [new TypeError('x')], [{}]])(
  'what is no error of ours is not repeated and says nothing of the far end (%p)',
  (thrown) => {
    expect(classify(thrown, { class: 'look' })).toMatchObject({ next: 'never', counts: 'none' });
  },
);

// ---- what must hold for everything -------------------------------------------------------------

const anything = fc.record({
  code: fc.constantFrom(...CODES, undefined, 'SOMETHING_NEW'),
  outcome: fc.constantFrom(...OUTCOMES),
  serverCode: fc.constantFrom(...SERVER_CODES, null, 'something_new'),
  reason: fc.constantFrom(undefined, 'oom', 'killed'),
  status: fc.constantFrom(null, 400, 404, 409, 429, 500, 503),
  retryable: fc.boolean(),
});
const always = (check) =>
  fc.assert(
    fc.property(fc.constantFrom(...ALL), anything, (name, fields) =>
      check(name, fields, of(name, fields)),
    ),
    { numRuns: 2000 },
  );

test('nothing is repeated that its error forbids to repeat', () => {
  always((name, { retryable }, { next }) => retryable || next !== 'retry');
});

test('a create or an execution that may have happened is never repeated without a look', () => {
  always(
    (name, { outcome }, { next }) =>
      CLASSES[name].repeatable || !['unknown', 'interrupted'].includes(outcome) || next !== 'retry',
  );
});

test('the caller, his cancellation and our own refusals never count against the far end', () => {
  const innocent =
    /^(CANCELLED|CLOSED|CAPACITY|BUDGET|INVALID|UNKNOWN_OPTION|BAD_REQUEST|.*NOT_FOUND|CONFLICT|UNAUTH|PERMISSION|CONCURRENCY|RATE_LIMITED|BREAKER|THROTTLED|EJECTED)/;
  always((name, { code }, { counts }) => !innocent.test(code ?? '') || counts !== 'failure');
});
