// Types of `e2b-swarm/local`: the local backend that speaks E2B's protocol.

export interface LocalBackendLimits {
  /** Sandboxes at a time; one more is answered 429 without Retry-After. Default 1,000. */
  maxSandboxes?: number;
  /** Processes in one sandbox that were started through the API. Default 1,000. */
  maxProcesses?: number;
  /** The longest life of a sandbox. Default 86,400. */
  maxTimeoutSeconds?: number;
}

export interface LocalTemplate {
  /** Only reported. Default 2. */
  cpuCount?: number;
  /** Only reported. Default 1,024. */
  memoryMB?: number;
  /** Only reported. Default 1,024. */
  diskSizeMB?: number;
  /** For every process of the template's sandboxes. */
  envVars?: Record<string, string>;
}

export interface LocalBackendOptions {
  /** 0 (default): a free one. */
  port?: number;
  /**
   * `auto` (default) takes the best rung that starts and warns when it isolates nothing; `none` says
   * that you know. The others are not in this version: asking for them fails.
   */
  isolation?: 'auto' | 'none' | 'namespaces' | 'user';
  /** Parent of the backend's own directory; default: the system's for temporary files. */
  stateDir?: string;
  /** Keys that are accepted; the first is in `env`. Default: one for development. */
  apiKeys?: string[];
  limits?: LocalBackendLimits;
  /** Beside `base`, `code-interpreter-v1`, `node`, `nodejs`, `python`; all are the host itself. */
  templates?: string[] | Record<string, LocalTemplate>;
  /** What clients are told. Default `0.6.13`. */
  envdVersion?: string;
  /** Gets one line per event. */
  log?: (line: string) => void;
  /** Not in this version: anything but false is refused. */
  tls?: false;
  /** Not in this version: anything but false is refused. */
  envd?: false;
}

/** What a fault is switched on for. `stream`: the events of a granted Start or Connect. */
export type FaultOp =
  | '*'
  | 'create'
  | 'get'
  | 'list'
  | 'kill'
  | 'connect'
  | 'timeout'
  | 'refreshes'
  | 'sandboxMetrics'
  | 'templates'
  | 'templateAlias'
  | 'apiHealth'
  | 'pause'
  | 'resume'
  | 'fork'
  | 'snapshot'
  | 'snapshots'
  | 'network'
  | 'logs'
  | 'start'
  | 'attach'
  | 'stream'
  | 'input'
  | 'closeStdin'
  | 'signal'
  | 'processes'
  | 'files.get'
  | 'files.post'
  | 'files.stat'
  | 'files.list'
  | 'files.makeDir'
  | 'files.move'
  | 'files.remove'
  | 'files.watch'
  | 'health'
  | 'metrics'
  | 'envs'
  | 'port'
  | (string & {});

export type FaultAction =
  /** Not executed: the connection is reset before the answer. */
  | 'reset'
  | { type: 'reset' }
  /** Executed: the connection is reset before the first byte of the answer. */
  | 'reset-after'
  | { type: 'reset-after' }
  /** Executed: reset in the middle of the answer's body, which announced its full length. */
  | 'reset-body'
  | { type: 'reset-body' }
  /** No answer ever; not executed unless `execute`. */
  | 'stall'
  | { type: 'stall'; execute?: boolean }
  /** Executed; the answer comes `delayMs` later. */
  | { type: 'slow'; delayMs: number }
  /**
   * Streams only: breaks off inside an envelope after `afterEvents` messages (default 1, the start
   * event), by a reset (default) or by a body that ends in the wrong place.
   */
  | 'cut'
  | { type: 'cut'; afterEvents?: number; how?: 'reset' | 'end' }
  /** The sandbox is gone without a word; with `afterEvents`, or on `stream`, in mid-stream. */
  | 'vanish'
  | { type: 'vanish'; afterEvents?: number }
  /** Answered so, not executed. Without `body`: E2B's error shape. */
  | {
      type?: 'status';
      status: number;
      body?: string | Uint8Array | object;
      headers?: Record<string, string>;
      retryAfter?: number | string;
      contentType?: string;
      errorCode?: string;
    };

export interface FaultMatch {
  sandboxId?: string | RegExp;
  path?: string | RegExp;
  method?: string | RegExp;
  /** A string is looked for inside the body. */
  body?: string | RegExp;
}

export interface FaultRule {
  op: FaultOp | FaultOp[];
  match?: FaultMatch | ((request: RequestRecord) => boolean);
  /** How many times at most; default: until removed. */
  n?: number;
  /** How many matching requests pass first; default 0. */
  after?: number;
  /** Probability of each, 0 to 1; default 1. */
  p?: number;
  /** Of the dice; default 1: the same in every run. */
  seed?: number;
  action: FaultAction;
}

export interface FaultHandle {
  /** How often this rule struck. */
  readonly hits: number;
  remove(): void;
}

export interface FaultHit {
  op: string;
  at: string;
  path: string;
  action: { readonly type: string; readonly [key: string]: unknown };
}

export interface Faults {
  /** The last 10,000 strikes of all rules. */
  readonly hits: FaultHit[];
  /** Throws a TypeError for a rule that does not make sense. The first rule that fits wins. */
  add(rule: FaultRule): FaultHandle;
  /** Removes all rules and forgets the hits. */
  clear(): void;
}

/** A request as it arrived. Inspecting it or turning it into JSON hides keys and tokens. */
export interface RequestRecord {
  readonly at: string;
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly path: string;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string | string[] | undefined>;
  /** What was asked for, in the words of `FaultOp`; `unknown`: no such route. */
  readonly op: string;
  readonly sandboxId: string | null;
  /** null until answered, and for ever when the connection broke first. */
  readonly status: number | null;
  /** The first 64 KiB. */
  readonly body: Uint8Array;
  readonly truncated: boolean;
  json(): unknown;
  /** Names in lower case; null until answered. */
  readonly answerHeaders: Record<string, string> | null;
  /** What was answered, the first 64 KiB. */
  readonly answer: Uint8Array;
  readonly answerTruncated: boolean;
}

export interface LocalSandbox {
  sandboxId: string;
  templateId: string;
  alias: string;
  state: 'running';
  startedAt: string;
  endAt: string;
  metadata: Record<string, string>;
  /** Where `/home/user` lies on the host. */
  home: string;
  processes: { pid: number; cmd: string; args: string[]; tag?: string }[];
}

export interface LocalIsolation {
  readonly rung: 'none';
  readonly asked: 'auto' | 'none';
  readonly stops: readonly string[];
  readonly doesNotStop: readonly string[];
}

export interface LocalBackend {
  readonly url: string;
  /** What any E2B client needs in its environment. */
  readonly env: { E2B_API_URL: string; E2B_SANDBOX_URL: string; E2B_API_KEY: string };
  readonly isolation: LocalIsolation;
  readonly faults: Faults;
  /** The last 10,000, oldest first. */
  readonly requests: readonly RequestRecord[];
  sandboxes(): LocalSandbox[];
  /** Lets the process end though the backend serves; its sandboxes end with the process. */
  unref(): void;
  /** As if newly started, on the same port. */
  reset(): Promise<void>;
  /** Ends everything and says what could not be ended: zeros, unless the kernel holds a process. */
  close(): Promise<{ left: { sandboxes: number; processes: number } }>;
  [Symbol.asyncDispose](): Promise<{ left: { sandboxes: number; processes: number } }>;
}

/**
 * Starts a local E2B backend on the loopback interface: control plane and sandboxes on one port.
 * Rejects with a TypeError whose `code` is `UNKNOWN_OPTION`, `INVALID_OPTION` or `UNSUPPORTED_OPTION`.
 */
export function startLocalBackend(options?: LocalBackendOptions): Promise<LocalBackend>;
