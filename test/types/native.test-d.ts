import { expectAssignable, expectError, expectType } from 'tsd';
import {
  AgentHandle,
  AgentRun,
  AuthenticationError,
  connectE2bProcess,
  createE2bSandbox,
  E2bError,
  E2bSandbox,
  executeE2bProcess,
  getE2bSandboxStatus,
  getVersion,
  listE2bSandboxes,
  ProcessHandle,
  ProcessResult,
  readE2bFile,
  resumeE2bSandbox,
  runE2bAgent,
  SandboxManager,
  SandboxStatus,
  terminateE2bSandbox,
  writeE2bFile,
  writeE2bFiles,
  WrittenFile,
} from '../..';

expectType<string>(getVersion());

expectType<Promise<E2bSandbox>>(createE2bSandbox('a'));
expectType<Promise<E2bSandbox>>(
  createE2bSandbox('a', 'base', 60, 512, 1, { env: { A: '1' }, apiKey: 'k' }),
);
expectError(createE2bSandbox());
expectError(createE2bSandbox('a', 'base', '60'));
expectError(createE2bSandbox('a', 'base', 60, 512, 1, { templat: 'x' }));

expectType<Promise<ProcessResult>>(executeE2bProcess('i', 'ls'));
expectType<Promise<ProcessResult>>(executeE2bProcess('i', 'ls', ['-l'], 10, true, { cwd: '/' }));
expectType<Promise<ProcessResult<Buffer>>>(
  executeE2bProcess('i', 'ls', null, 10, true, { encoding: 'buffer' }),
);
expectType<Promise<ProcessHandle>>(
  executeE2bProcess('i', 'ls', undefined, undefined, true, { background: true, stdin: true }),
);
executeE2bProcess('i', 'ls', null, 10, true, {
  onStdout(chunk) {
    expectType<string>(chunk);
  },
});
expectType<Promise<ProcessHandle>>(connectE2bProcess('i', 1));
expectError(executeE2bProcess('i', 'ls', ['a'], 10, true, { stdin: 5 }));

expectType<Promise<AgentRun>>(runE2bAgent('i', 'momentum', ['SPX']));
expectType<Promise<AgentHandle>>(
  runE2bAgent('i', 'momentum', ['SPX'], { lookback: 5 }, false, { background: true }),
);
expectError(runE2bAgent('i', 'momentum', 'SPX'));

expectType<Promise<SandboxStatus>>(getE2bSandboxStatus('i', { metrics: false }));
expectType<Promise<SandboxStatus[]>>(listE2bSandboxes('running', { metadata: { a: 'b' } }));
expectError(listE2bSandboxes('paused'));
expectError(listE2bSandboxes('all', { order: 'up' }));
expectError(listE2bSandboxes('all', { startedAfter: '2026-01-01' }));
expectAssignable<Promise<{ resumed: boolean }>>(resumeE2bSandbox('i', { memory: false }));
expectAssignable<Promise<{ trafficAccessToken: string | null }>>(
  createE2bSandbox('a', 'base', 60, undefined, undefined, {
    autoPause: true,
    autoPauseMemory: false,
    autoResume: false,
    network: {
      denyOut: ['0.0.0.0/0'],
      rules: { 'example.com': [{ transform: { headers: { A: 'b' } } }] },
      allowPublicTraffic: false,
    },
  }),
);
expectError(
  createE2bSandbox('a', 'base', 60, undefined, undefined, { network: { denyOut: '0.0.0.0/0' } }),
);
expectType<Promise<string>>(readE2bFile('i', 'p'));
expectType<Promise<WrittenFile>>(writeE2bFile('i', 'p', 'd', { gzip: true, metadata: { a: 'b' } }));
expectType<Promise<WrittenFile[]>>(writeE2bFiles('i', [{ path: 'p', data: ['d'] }]));
expectError(writeE2bFiles('i', [{ path: 'p', data: 'd' }], { gzip: true }));
expectType<Promise<Buffer>>(readE2bFile('i', 'p', { encoding: 'buffer' }));
expectAssignable<Promise<{ alreadyGone: boolean }>>(terminateE2bSandbox('i', true));

expectAssignable<E2bError>(new AuthenticationError('m', { code: 'MISSING_API_KEY' }));
expectAssignable<Error>(new E2bError('m'));

const manager = new SandboxManager({ maxPoolSize: 5, apiKey: 'k' });
expectAssignable<number>(manager.config.maxPoolSize);
manager.on('sandbox:created', (sandbox) => expectType<string>(sandbox.id));
expectError(new SandboxManager({ maxPoolSiz: 5 }));
