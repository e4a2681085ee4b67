// The signature of file URLs, with the protocol's test vectors.
'use strict';

const { signUrl, signatureMatches } = require('../../../lib/local/signature');

const token = 'a1'.repeat(32);

test.each([
  [
    { path: '/home/user/u.txt', operation: 'write', user: '' },
    'v1_Ydm3X7eDnrOb1x5o9D+xF8ewcbp/EdYfNReGOhNzLe0',
  ],
  [
    { path: '/home/user/u.txt', operation: 'read', user: 'root', expiration: '1767225660' },
    'v1_cIRh94g3X1u81WSVl29nmCDwYKne47jpbZP29ve9oLQ',
  ],
  [
    { path: 'a.txt', operation: 'read', user: 'user' },
    'v1_qJUkr/7WR/ewpO/C7WJUXN0ezDQRQfUgx5oJk6GYVsk',
  ],
  [{ path: '', operation: 'write', user: '' }, 'v1_FN9hOyOw8B0T83quuamXJvKxkd1pSWhUHFgRIzmPtdI'],
])('%j is signed as the protocol says', (parts, signature) => {
  expect(signUrl({ ...parts, token })).toBe(signature);
});

test('a signature covers operation, path, user and expiry', () => {
  const query = new URLSearchParams({
    username: 'root',
    path: '/home/user/u.txt',
    signature: 'v1_cIRh94g3X1u81WSVl29nmCDwYKne47jpbZP29ve9oLQ',
    signature_expiration: '1767225660',
  });
  expect(signatureMatches('GET', query, token)).toBe(true);
  expect(signatureMatches('POST', query, token)).toBe(false);
  expect(signatureMatches('GET', query, 'other')).toBe(false);
  for (const [key, value] of [
    ['username', 'user'],
    ['path', '/home/user/v.txt'],
    ['signature_expiration', '1767225661'],
  ]) {
    const changed = new URLSearchParams(query);
    changed.set(key, value);
    expect(signatureMatches('GET', changed, token)).toBe(false);
  }
});
