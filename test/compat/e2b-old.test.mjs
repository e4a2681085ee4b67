// The official package e2b 2.45.0, unmodified: the older paths of create and connect.
import * as sdk from 'e2b-old/dist/index.mjs';
import clients from './clients/official.js';
import scenarios from './scenario-tests.js';

const far = scenarios.testScenarios((options) =>
  clients.officialClient(sdk, { name: 'e2b-old', options }),
);

test('the older version states time, security and network in every create', async () => {
  await sdk.Sandbox.create(far.client);
  const [{ path, body }] = far.backend.requests;
  expect(path).toBe('/sandboxes');
  expect(JSON.parse(body)).toEqual({
    ...{ templateID: 'base', timeout: 300, secure: true, allow_internet_access: true },
  });
});
