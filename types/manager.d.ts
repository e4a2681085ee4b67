// The manager's part of index.d.ts: SandboxManager, its configuration, its results and its events.
// Names that index.d.ts defines (E2bError, SandboxStatus, AgentSignal, AgentSummary) are used as
// they stand there.

import { EventEmitter } from 'node:events';

/** When a sandbox is degraded or unhealthy. Rates are shares from 0 to 1. */
export interface HealthThresholds {
  /** Degraded above it. Default 0.05. */
  degradedErrorRate?: number;
  /** Unhealthy above it. Default 0.1. */
  unhealthyErrorRate?: number;
  /** Replaced above it. Default 0.5. */
  replaceErrorRate?: number;
  /** Executions before an error rate counts. Default 10. */
  minExecutions?: number;
  /** Average round trip, without the run time of what was started; degraded above it. 2,000. */
  degradedLatencyMs?: number;
  /** Without use; degraded above it. Default 3,600,000. */
  degradedIdleMs?: number;
  /** Share of its life after which it is degraded; past its life it is unhealthy. Default 0.9. */
  degradedTimeoutShare?: number;
}

/** Time and chance, for tests and simulations; what is not given is the system's. */
export interface ManagerClock {
  /** Wall clock, ms since 1970. */
  now?(): number;
  /** A clock that never jumps, ms. Ages and deadlines use this one. */
  steady?(): number;
  /** From 0 to 1. */
  random?(): number;
  /** A token that nobody else has. */
  token?(): string;
  setTimeout?(callback: () => void, ms: number): unknown;
  clearTimeout?(timer: unknown): void;
  setInterval?(callback: () => void, ms: number): unknown;
  clearInterval?(timer: unknown): void;
}

/** Daily bars, oldest first, or where they are. */
export type PriceData = string | Uint8Array | ReadonlyArray<{ date: string; close: number }>;
/** Prices by symbol, or a function that finds them. */
export type PriceSource =
  | Record<string, PriceData>
  | ((symbol: string) => PriceData | undefined | Promise<PriceData | undefined>);

/** How to reach E2B; what is not given comes from the environment at each call. Never shown. */
export interface ManagerConnection {
  /** Default `E2B_API_KEY`. '' counts as missing. */
  apiKey?: string;
  apiUrl?: string;
  sandboxUrl?: string;
  domain?: string;
  ca?: string | Uint8Array;
  proxy?: string;
  headers?: Record<string, string>;
  /** Default 60,000. */
  requestTimeoutMs?: number;
}

/** What may be shown of the configuration, complete. Times in ms. */
export interface ManagerSettings {
  /** Sandboxes at most: alive, being created, awaiting replacement. 1 to 100, default 10. */
  maxPoolSize: number;
  /** Between two health rounds; 0 is off. Default 30,000. */
  healthCheckInterval: number;
  /** Replace unhealthy sandboxes. Default true. */
  autoRecovery: boolean;
  /** Calls in all for one operation. Default 3. */
  retryAttempts: number;
  /** First span of the back-off; the wait is a random part of it. Default 1,000. */
  retryDelay: number;
  /** Between two cleanup sweeps; 0 is off. Default 300,000. */
  cleanupInterval: number;
  /** Without use for longer, a sandbox is ended by the sweep. Default 3,600,000. */
  inactivityThreshold: number;
  /** Creations in flight. Default 5. */
  maxConcurrentCreations: number;
  /** After a use this recent, a sandbox is handed out without a look at it. Default 500. */
  healthCheckBypassMs: number;
  /** What is under way at a shutdown has so long. Default 5,000. */
  shutdownGraceMs: number;
  /** Background rounds keep the process alive. Default false. */
  keepAlive: boolean;
  health: Readonly<Required<HealthThresholds>>;
}

export interface SandboxManagerConfig
  extends Partial<Omit<ManagerSettings, 'health'>>, ManagerConnection {
  health?: HealthThresholds;
  /** Goes into the metadata of every sandbox as `e2b-swarm.owner`. */
  owner?: string;
  /** Prices for agents. */
  data?: PriceSource;
  clock?: ManagerClock;
}

/** `manager.config`: an assignment is checked and takes effect at once. */
export type LiveConfig = Omit<SandboxManagerConfig, 'clock' | keyof ManagerSettings> &
  Omit<ManagerSettings, 'health'> & {
    get health(): ManagerSettings['health'];
    set health(thresholds: HealthThresholds);
  };

/** What a sandbox is made from. */
export interface TradingSandboxConfig {
  name?: string;
  /** Default 'base'. */
  template?: string;
  /** Its life in seconds, 1 to 86,400. Default 3,600. */
  timeout?: number;
  memoryMb?: number;
  cpuCount?: number;
  env?: Record<string, string>;
  metadata?: Record<string, string>;
  autoPause?: boolean;
  allowInternetAccess?: boolean;
}

export type HealthCategory = 'healthy' | 'degraded' | 'unhealthy';

/** A copy of what the manager knows of a sandbox. Times are ISO strings. */
export interface SandboxRecord {
  id: string;
  name: string;
  template: string;
  /** Seconds. */
  timeout: number;
  memoryMb: number | null;
  cpuCount: number | null;
  /** The names of its environment's variables; never their values. */
  envKeys: string[];
  metadata: Record<string, string>;
  url: string | null;
  created: string;
  lastUsed: string;
  status: 'running' | 'stopped' | 'error' | 'recovering' | 'terminating' | 'terminated';
  state: 'idle' | 'busy';
  health: HealthCategory;
  /** Agents ever deployed in it. */
  agentCount: number;
  runningAgents: number;
  executionCount: number;
  errorCount: number;
}

/** Of every method whose operation failed. */
export interface ManagerFailure {
  success: false;
  /** For people: what failed and what to change. */
  error: string;
  /** Stable: 'CAPACITY', 'NOT_FOUND', 'MISSING_API_KEY', 'CLOSED', ... */
  code: string;
  outcome: 'not-sent' | 'rejected' | 'unknown' | 'interrupted';
  retryable: boolean;
  sandboxId?: string;
  /** HTTP status of the answer. */
  status?: number;
  retryAfterMs?: number;
}

export interface CreateSandboxResult {
  success: true;
  sandboxId: string;
  sandbox: SandboxRecord;
  message: string;
}

export interface GetOrCreateResult {
  success: true;
  sandboxId: string;
  sandbox: SandboxRecord;
  reused: boolean;
}

export interface ReleaseResult {
  success: true;
  /** The sandbox, or what replaced it. */
  sandboxId: string;
  /** Null while it is being replaced; the replacement is idle then. */
  sandbox: SandboxRecord | null;
  message: string;
}

/** The strategy's own parameters beside those of the run. */
export interface AgentParams {
  data?: PriceSource;
  /** Makes the agent wait between bars. Default 0. */
  paceMs?: number;
  /** Seconds. Default 300. */
  timeout?: number;
  env?: Record<string, string>;
  useGpu?: boolean;
  [parameter: string]: unknown;
}

export interface DeployAgentResult {
  success: true;
  sandboxId: string;
  agentType: string;
  agentId: string;
  symbols: string[];
  pid: number;
  /** The packaged prices are used. */
  sample: boolean;
  status: 'running';
}

/** Of a command: `command`, or the strategy itself as a line for the shell. */
export interface CommandParams {
  command?: string;
  args?: string[];
  /** Seconds. Default 300. */
  timeout?: number;
  cwd?: string;
  env?: Record<string, string>;
  user?: string;
  stdin?: string | Uint8Array;
  maxOutputBytes?: number;
}

export interface StrategyOutput {
  /** Standard output. */
  output: string;
  stderr: string;
  exitCode: number | null;
  durationMs: number;
}

export interface ExecuteStrategyResult extends StrategyOutput {
  success: true;
  sandboxId: string;
  strategy: string;
  /** Of a command. */
  signal?: string | null;
  truncated?: boolean;
  /** Of an agent. */
  agentId?: string;
  agentType?: string;
  symbols?: string[];
  signals?: AgentSignal[];
  summary?: AgentSummary | null;
  gpuUsed?: boolean;
  sample?: boolean;
}

/** Also of an execution that began: it has the output then. */
export type ExecuteStrategyFailure = ManagerFailure & Partial<StrategyOutput>;

export interface SandboxHealth {
  sandboxId: string;
  name: string;
  status: 'running' | 'stopped' | 'error';
  health: HealthCategory;
  reasons: Array<
    | 'gone'
    | 'unreachable'
    | 'past-timeout'
    | 'error-rate'
    | 'unseen'
    | 'paused'
    | 'near-timeout'
    | 'latency'
    | 'inactive'
  >;
  /** Seconds. */
  uptime: number;
  /** MB; null of an idle one, whose daemon is not asked. */
  memoryUsage: number | null;
  /** Percent; null of an idle one. */
  cpuUsage: number | null;
  errorRate: number;
  averageLatencyMs: number | null;
  executionCount: number;
  agentCount: number;
  lastActivity: string;
}

export interface FleetHealthReport {
  timestamp: string;
  totalSandboxes: number;
  healthy: number;
  degraded: number;
  unhealthy: number;
  /** By the share of running ones; null (and healthy) of a fleet of none. */
  fleet: { status: HealthCategory; score: number | null };
  sandboxes: Record<string, SandboxHealth>;
}

export interface RecoveryResult {
  success: true;
  oldId: string;
  newId: string;
  /** How many were started again. */
  agents: number;
}

export interface MonitorHealthResult {
  success: true;
  health: FleetHealthReport;
  recoveries: Array<RecoveryResult | ManagerFailure>;
}

export interface CleanupSummary {
  timestamp: string;
  checked: number;
  terminated: number;
  failed: number;
  /** Memory in MB; the sizes that are known, summed. */
  freed: { memory: number; cpu: number };
}

export interface ScaleUpResult {
  success: true;
  created: number;
  failed: number;
  currentCount: number;
  message: string;
  errors: string[];
}

export type ScaleUpFailure = ManagerFailure & Partial<Omit<ScaleUpResult, 'success'>>;

export interface SandboxStatusResult {
  success: true;
  sandboxId: string;
  sandbox: SandboxRecord;
  health: HealthCategory;
  reasons: SandboxHealth['reasons'];
  status: SandboxStatus;
}

export interface ManagerStats {
  readonly sandboxesCreated: number;
  readonly sandboxesDestroyed: number;
  readonly agentsDeployed: number;
  readonly strategiesExecuted: number;
  readonly healthChecks: number;
  readonly recoveryAttempts: number;
  readonly errors: number;
  /** sandboxesCreated - sandboxesDestroyed, at every moment. */
  readonly activeSandboxes: number;
  /** The idle ones. */
  readonly poolSize: number;
  /** In the last report. */
  readonly healthyCount: number;
}

export interface ShutdownResult {
  success: true;
  terminated: number;
  failed: string[];
  message: string;
}

/** `failed` names the sandboxes that may still run. */
export type ShutdownFailure = ManagerFailure & Omit<ShutdownResult, 'success'>;

/** What each event carries. The first ten are the contract. */
export interface SandboxManagerEvents {
  'sandbox:created': [sandbox: SandboxRecord];
  'agent:deployed': [agent: { sandboxId: string; agentType: string; symbols: string[] }];
  'strategy:executed': [
    execution: { sandboxId: string; strategy: string; params: Record<string, unknown> },
  ];
  'health:checked': [report: FleetHealthReport];
  'scale:up': [scaling: { targetCount: number; created: number }];
  'cleanup:complete': [summary: CleanupSummary];
  'recovery:success': [recovery: { oldId: string; newId: string }];
  'recovery:failed': [failure: { sandboxId: string; error: Error }];
  /** Needs no listener. */
  error: [failure: { type: string; sandboxId: string | null; error: Error }];
  shutdown: [];
  'sandbox:terminated': [
    end: { sandboxId: string; reason: 'cleanup' | 'recovery' | 'shutdown' | 'gone' },
  ];
  'agent:signal': [
    line: { sandboxId: string; agentId: string; agentType: string; signal: AgentSignal },
  ];
  'agent:completed': [
    end: {
      sandboxId: string;
      agentId: string;
      agentType: string;
      symbols: string[];
      /** 'lost': its stream broke in a sandbox that lives. */
      status: 'completed' | 'failed' | 'timeout' | 'lost';
      exitCode: number | null;
      summary: AgentSummary | null;
      durationMs: number | null;
    },
  ];
  'retry:scheduled': [
    retry: {
      type: string;
      sandboxId: string | null;
      /** The call that failed, from 1. */
      attempt: number;
      delayMs: number;
      code: string;
    },
  ];
}

/** A map of records that is always current and cannot be changed. */
export interface SandboxView extends Iterable<[string, SandboxRecord]> {
  readonly size: number;
  has(id: string): boolean;
  get(id: string): SandboxRecord | undefined;
  keys(): IterableIterator<string>;
  values(): IterableIterator<SandboxRecord>;
  entries(): IterableIterator<[string, SandboxRecord]>;
  forEach(
    callback: (record: SandboxRecord, id: string, view: SandboxView) => void,
    thisArg?: unknown,
  ): void;
}

export interface CallOptions {
  /** Gives up; what already runs in a sandbox is not touched. */
  signal?: AbortSignal;
}

/**
 * A fleet of sandboxes. Methods answer result objects and never reject for a failure; a failure is
 * also told as `error`. Order, always: state, then event, then promise.
 */
export class SandboxManager extends EventEmitter<SandboxManagerEvents> implements AsyncDisposable {
  /** @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT */
  constructor(config?: SandboxManagerConfig);

  readonly config: LiveConfig;
  readonly stats: ManagerStats;
  /** All that are alive. */
  readonly activeSandboxes: SandboxView;
  /** The idle ones among them. */
  readonly sandboxPool: SandboxView;
  /** Null when stopped. */
  readonly _healthMonitoringInterval: unknown;
  /** Null when stopped. */
  readonly _cleanupInterval: unknown;

  createTradingSandbox(
    config?: TradingSandboxConfig,
    options?: CallOptions,
  ): Promise<CreateSandboxResult | ManagerFailure>;
  getOrCreateSandbox(
    config?: TradingSandboxConfig,
    options?: CallOptions,
  ): Promise<GetOrCreateResult | ManagerFailure>;
  releaseSandbox(sandboxId: string): Promise<ReleaseResult | ManagerFailure>;
  deployAgent(
    sandboxId: string,
    agentType: string,
    symbols: string[],
    params?: AgentParams | string,
    options?: CallOptions,
  ): Promise<DeployAgentResult | ManagerFailure>;
  executeStrategy(
    sandboxId: string,
    strategy: string,
    params?: (AgentParams & { symbols?: string[] }) | CommandParams | string,
    options?: CallOptions,
  ): Promise<ExecuteStrategyResult | ExecuteStrategyFailure>;
  monitorHealth(): Promise<MonitorHealthResult | ManagerFailure>;
  cleanup(): Promise<{ success: true; cleanup: CleanupSummary } | ManagerFailure>;
  scaleUp(
    target: number,
    config?: TradingSandboxConfig,
    options?: CallOptions,
  ): Promise<ScaleUpResult | ScaleUpFailure>;
  getSandboxStatus(sandboxId: string): Promise<SandboxStatusResult | ManagerFailure>;
  listSandboxes(): { success: true; count: number; sandboxes: SandboxRecord[] };
  getStats(): { success: true; stats: ManagerStats; config: ManagerSettings };
  stop(): { success: true; message: string };
  shutdown(): Promise<ShutdownResult | ShutdownFailure>;
  [Symbol.asyncDispose](): Promise<void>;

  _attemptRecovery(sandboxId: string): Promise<RecoveryResult | ManagerFailure>;
  _startHealthMonitoring(): void;
  _startCleanupTask(): void;
}
