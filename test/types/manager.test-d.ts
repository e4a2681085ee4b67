import { expectAssignable, expectError, expectType } from 'tsd';
import {
  AgentHandle,
  BatchResult,
  BudgetSnapshot,
  CostSnapshot,
  E2bError,
  EndReason,
  FleetSnapshot,
  Lease,
  LeaseSnapshot,
  ManagerAlert,
  PoolSettings,
  ProcessHandle,
  ProcessResult,
  ReapResult,
  ReconcileResult,
  SandboxManager,
  ShutdownFailure,
  ShutdownResult,
  TradingSandboxConfig,
} from '../..';
import { memoryStore, postgresStore } from '../../store';

// ---- the configuration

const manager = new SandboxManager({
  store: memoryStore(),
  owner: 'desk',
  pool: {
    warm: 2,
    warmSpec: { template: 'base' },
    schedule: { timeZone: 'America/New_York', windows: [{ from: '09:30', to: '16:00', size: 5 }] },
    reset: async ({ execute, signal }) => {
      expectType<AbortSignal>(signal);
      expectType<ProcessResult>(await execute('rm -rf /tmp/work'));
    },
  },
  price: { perVcpuSecond: 0.000014 },
  budget: { daily: 5, hardStop: true },
  creationGuard: { burst: 3 },
  retry: { tokens: 100 },
  breaker: { throttle: false },
});
new SandboxManager({ store: postgresStore('postgres://h/d'), breaker: false, budget: null });
new SandboxManager({ budget: 5, price: 's3' });
expectError(new SandboxManager({ pool: { warmth: 1 } }));
expectError(new SandboxManager({ store: 'file' }));
expectError(new SandboxManager({ price: 's9' }));
expectError(new SandboxManager({ breaker: true }));
new SandboxManager({
  backends: [{ name: 'eu', apiUrl: 'https://api.eu' }, { name: 'us' }],
  executionCache: { ttlMs: 1000 },
});
expectError(new SandboxManager({ backends: [{ apiUrl: 'https://api.eu' }] }));

expectType<PoolSettings>(manager.config.pool);
expectType<number>(manager.config.pool.settleMs);
manager.config.pool = { warm: 3 };
manager.config.maxPoolSize = 3;
expectError((manager.config.budget = 3));
expectError((manager.config.owner = 'other'));

// ---- leases

expectType<Promise<Lease>>(manager.acquire());
expectType<Promise<Lease>>(
  manager.acquire({ env: { A: '1' } }, { owner: 'alice', priority: 1, timeoutMs: 10 }),
);
expectError(manager.acquire({}, { leaseMs: 10 }));
expectType<Promise<number>>(manager.use({}, async () => 1));
expectType<Promise<string>>(
  manager.use(null, async (lease) => (await lease.execute('ls')).stdout, { recycle: true }),
);

declare const lease: Lease;
expectType<string>(lease.sandboxId);
expectType<number>(lease.token);
expectType<'released' | 'expired' | 'lost' | null>(lease.over);
expectType<Promise<ProcessResult>>(lease.execute('ls', ['-l'], { timeout: 5, cwd: '/' }));
expectType<Promise<ProcessResult<Buffer>>>(lease.execute('ls', null, { encoding: 'buffer' }));
expectType<Promise<ProcessHandle>>(lease.execute('ls', null, { background: true }));
expectType<Promise<AgentHandle>>(
  lease.runAgent('momentum', ['SPX'], {}, false, { background: true }),
);
expectType<Promise<string>>(lease.readFile('/tmp/a'));
expectType<Promise<BatchResult>>(
  lease.batch(['ls', { language: 'python', code: '1' }, { command: ['true'], timeoutMs: 5 }], {
    stopOnFailure: true,
  }),
);
expectError(lease.batch([{ language: 'perl', code: '1' }]));
expectType<Promise<string>>(lease.renew());
expectType<Promise<{ sandboxId: string; recycled: boolean }>>(lease.release({ recycle: true }));
expectError(lease.release(true));
expectType<LeaseSnapshot>(lease.toJSON());
expectAssignable<AsyncDisposable>(lease);

// ---- the whole fleet

expectType<Promise<ReconcileResult>>(manager.reconcile({ dryRun: true }));
expectType<Promise<ReapResult>>(manager.reap());
expectType<Promise<ShutdownResult | ShutdownFailure>>(manager.drain());
expectType<CostSnapshot & { budget: BudgetSnapshot | null }>(manager.cost());
expectType<FleetSnapshot>(manager.inspect());
expectAssignable<TradingSandboxConfig>({ timeout: 60, network: { denyOut: ['0.0.0.0/0'] } });
manager.executeStrategy('i', 'ls', undefined, { cache: true });
expectError(manager.deployAgent('i', 'momentum', ['SPX'], {}, { cache: true }));

// ---- events

manager.on('lease:acquired', ({ sandboxId, owner, token, expiresAt }) => {
  expectType<string>(sandboxId);
  expectType<string | null>(owner);
  expectType<number>(token);
  expectType<string>(expiresAt);
});
manager.on('lease:released', ({ recycled }) => expectType<boolean>(recycled));
manager.on('lease:lost', ({ reason }) => expectType<EndReason>(reason));
manager.on('lease:expired', (expired) => expectError(expired.reason));
manager.on('sandbox:terminated', ({ reason }) => expectType<EndReason>(reason));
manager.on('orphan:reaped', ({ action }) => expectType<'kill' | 'adopt' | 'end' | 'watch'>(action));
manager.on('alert', (alert) => {
  expectType<ManagerAlert>(alert);
  if (alert.type === 'leak') expectType<string>(alert.sandboxId);
  else expectType<number>(alert.earlyDeaths);
});
manager.on('budget:warning', ({ percent, limit }) => expectType<number>(percent + limit));
manager.on('budget:exceeded', ({ period }) => expectType<string>(period));
manager.on('retry:refused', ({ reason }) =>
  expectType<'budget' | 'deadline' | 'retry-after'>(reason),
);
manager.on('breaker:open', ({ class: name, forMs }) => {
  expectAssignable<string>(name);
  expectType<number | undefined>(forMs);
});
manager.on('failover', (move) =>
  expectType<string>(move.type === 'create_sandbox' ? move.from + move.to : move.from),
);
manager.on('breaker:half-open', ({ backend }) => expectType<string>(backend));
manager.on('breaker:closed', ({ reason }) => expectType<'probes' | 'reset'>(reason));
manager.on('throttle:rejected', ({ type }) => expectType<string>(type));
manager.on('ejection:ejected', ({ key, forMs }) => expectType<string>(key + forMs));
manager.on('ejection:returned', ({ key }) => expectType<string>(key));
expectAssignable<Error>(new E2bError('m'));
