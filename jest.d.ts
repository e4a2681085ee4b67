// Types of `e2b-swarm/jest`: what the preset gives to test files. In a TypeScript project:
// `"types": ["jest", "e2b-swarm/jest/environment"]`.

import type { LocalBackend, LocalBackendOptions } from './local.js';

declare global {
  /** The local E2B of this Jest worker; as new again after every test file. */
  var e2bBackend: LocalBackend;
}

/** `testEnvironmentOptions` in Jest's configuration. */
export interface E2bEnvironmentOptions {
  /** What `startLocalBackend` is started with. */
  e2b?: LocalBackendOptions;
}
