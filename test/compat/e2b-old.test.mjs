// The official package e2b 2.45.0, unmodified: the older paths of create and connect.
import * as sdk from 'e2b-old/dist/index.mjs';
import compat from './official-client.js';
import spec from './spec/index.js';

const { checkEveryExchange } = spec;
const { far, options } = compat.describeOfficialClient(sdk, { createPath: '/sandboxes' });

test('the older version states time, security and network in every create', async () => {
  await sdk.Sandbox.create(options());
  expect(far.backend.requests[0].json()).toEqual({
    ...{ templateID: 'base', timeout: 300, secure: true, allow_internet_access: true },
  });
});

checkEveryExchange(far);
