// Types of `e2b-swarm/local`: the local backend that speaks E2B's protocol.

export interface LocalBackendLimits {
  /** Sandboxes at a time; one more is answered 429 without Retry-After. Default 1,000. */
  maxSandboxes?: number;
  /** Processes in one sandbox that were started through the API. Default 1,000. */
  maxProcesses?: number;
  /** Requests and upgraded connections to one sandbox at a time; one more is a 429. Default 10,000. */
  maxConnections?: number;
  /** The longest life of a sandbox. Default 86,400. */
  maxTimeoutSeconds?: number;
}

export interface LocalTemplate {
  /** A limit where `isolation.has.limits`. Default 2. */
  cpuCount?: number;
  /** A limit. Default 1,024. */
  memoryMB?: number;
  /** A limit on what a sandbox writes. Default 1,024. */
  diskSizeMB?: number;
  /** For every process of the template's sandboxes. */
  envVars?: Record<string, string>;
  /** The default user. Default `user`. */
  user?: string;
  /** Where processes start. Default: the user's home. */
  workdir?: string;
  /** Runs in every sandbox of it from the beginning. */
  startCmd?: string;
  /** Succeeds when the start command is ready, which a create waits for. */
  readyCmd?: string;
  /** A directory that takes the place of the host's files. */
  root?: string;
}

export interface LocalBackendOptions {
  /** 0 (default): a free one. */
  port?: number;
  /**
   * `auto` (default) takes the best that really starts, and warns when it isolates nothing;
   * `namespaces`: the better of `root` (all namespaces, cgroups, two users) and `user` (a user
   * namespace of one identity); `none`: plain processes. One that is asked for by name and cannot be
   * had rejects with the code `ISOLATION_UNAVAILABLE` and says why.
   */
  isolation?: 'auto' | 'namespaces' | 'root' | 'user' | 'none';
  /**
   * Keeps templates, snapshots and sandboxes that were paused to disk over a restart. One backend at a
   * time: a second one rejects with `code` `STATE_DIRECTORY_IN_USE`. Default: nothing is kept.
   */
  stateDir?: string;
  /** Keys that are accepted; the first is in `env`. Default: one for development. */
  apiKeys?: string[];
  limits?: LocalBackendLimits;
  /** Beside `base`, `code-interpreter-v1`, `node`, `nodejs`, `python`; all are the host itself. */
  templates?: string[] | Record<string, LocalTemplate>;
  /** What clients are told; with `envd`, when that does not say it itself. Default `0.6.13`. */
  envdVersion?: string;
  /** Gets one line per event. */
  log?: (line: string) => void;
  /** Sandboxes are `{port}-{id}.<domain>`, the control plane `api.<domain>`; without a port. */
  domain?: string | null;
  /**
   * TLS with HTTP/2 and HTTP/1.1 beside plain HTTP on the same port, with a certificate made at start or
   * with yours (PEM). Default: with a domain true.
   */
  tls?: boolean | { key: string; cert: string } | null;
  /** Rules that are there from the start, or the name of a JSON file of them. */
  faults?: FaultRule[] | string;
  /** The key of the admin route `/_local/`; default: a random one, in `adminKey`. */
  adminKey?: string | null;
  /**
   * An executable that runs inside each sandbox in place of the built-in envd: as the sandbox's root, with
   * `-isnotfc -no-cgroups -port 49983`, from a copy that sandboxes see as `/usr/bin/envd`. Such sandboxes
   * have a network of their own and **no internet**, whatever a create asks for, so an isolation without
   * walls is refused (`ISOLATION_UNAVAILABLE`). Faults on its routes that need no look into a stream work;
   * `stream` never strikes. When it ends, so does the sandbox. Default false.
   */
  envd?: string | false | null;
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
  | 'teams'
  | 'teamMetrics'
  | 'template'
  | 'templateTags'
  | 'templateUpdate'
  | 'templateDelete'
  | 'templateBuild'
  | 'templateFiles'
  | 'templateUpload'
  | 'templateBuildStart'
  | 'templateBuildStatus'
  | 'templateBuildLogs'
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
  /** Executed; the head comes at once, the body in pieces (default: ten) with pauses between. */
  | { type: 'slow-body'; delayMs: number; chunkBytes?: number }
  /** Not executed: 507 in the words of envd. */
  | 'disk-full'
  | { type: 'disk-full' }
  /** Executed; the answer, on streams one message, announces 7 bytes more than there are. */
  | 'wrong-length'
  | { type: 'wrong-length'; afterEvents?: number }
  /** Executed; the answer, on streams one message, is JSON that breaks off. */
  | 'garbage'
  | { type: 'garbage'; afterEvents?: number }
  /** Executed; the answer names another version of envd. */
  | { type: 'version'; envdVersion: string }
  /** Before it is executed, the end of the sandbox moves by so much. */
  | { type: 'clock'; byMs: number }
  /** Streams only, once, after `afterEvents` messages (default 1): the next data event is lost. */
  | 'drop'
  | { type: 'drop'; afterEvents?: number }
  /** Streams only: the next message comes twice. */
  | 'duplicate'
  | { type: 'duplicate'; afterEvents?: number }
  /** Streams only: the next envelope has flags and bytes that mean nothing. */
  | 'corrupt'
  | { type: 'corrupt'; afterEvents?: number }
  /** Streams only: in place of the next data event one of so many bytes (64 MiB). */
  | 'huge'
  | { type: 'huge'; afterEvents?: number; bytes?: number }
  /** Streams only: the end event never comes, though the stream ends properly. */
  | 'no-end'
  | { type: 'no-end'; afterEvents?: number }
  /** Streams only: the next data event comes after the end event. */
  | 'late-data'
  | { type: 'late-data'; afterEvents?: number }
  /** As `vanish`, but the control plane shows the sandbox as running. */
  | 'crash'
  | { type: 'crash'; afterEvents?: number }
  /**
   * Streams only: breaks off inside an envelope (default) or between two, after `afterEvents` messages
   * (default 1, the start event), by a reset (default) or by a body that ends in the wrong place.
   */
  | 'cut'
  | { type: 'cut'; afterEvents?: number; how?: 'reset' | 'end'; where?: 'inside' | 'between' }
  /** The sandbox is gone without a word; with `afterEvents`, or on `stream`, in mid-stream. */
  | 'vanish'
  | { type: 'vanish'; afterEvents?: number }
  /** Answered so, not executed. Without `body`: E2B's error shape. */
  | {
      type?: 'status';
      status: number;
      message?: string;
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
  state: 'running' | 'paused';
  startedAt: string;
  endAt: string;
  metadata: Record<string, string>;
  /** Where what was written to `/home/user` lies on the host. */
  home: string;
  processes: { pid: number; cmd: string; args: string[]; tag?: string }[];
}

export interface LocalIsolation {
  readonly rung: 'root' | 'user' | 'none';
  readonly asked: 'auto' | 'namespaces' | 'root' | 'user' | 'none';
  /** What a sandbox that was really booted has got. */
  readonly has: {
    /** Writes do not reach the host's files. */
    readonly files: boolean;
    /** A sandbox can be without any network. */
    readonly network: boolean;
    /** Memory, processes and processor time by cgroup. */
    readonly limits: boolean;
    /** Pausing by the kernel's freezer; else by signals. */
    readonly freezer: boolean;
    /** `user` and `root` are different. */
    readonly users: boolean;
  };
  readonly stops: readonly string[];
  readonly doesNotStop: readonly string[];
  /** Why the rungs above it were not taken. */
  readonly refusals: readonly string[];
}

export interface LocalBackend {
  readonly url: string;
  /** What any E2B client needs in its environment. */
  readonly env: {
    E2B_API_KEY: string;
    /** Without a domain. */
    E2B_API_URL?: string;
    E2B_SANDBOX_URL?: string;
    /** With one: it and the port. */
    E2B_DOMAIN?: string;
    /** With a certificate that was made at start. */
    NODE_EXTRA_CA_CERTS?: string;
  };
  /** What clients must trust; null without TLS, or with a certificate of yours. */
  readonly ca: { readonly pem: string; readonly file: string } | null;
  /** As E2B_DOMAIN has it, with the port. */
  readonly domain: string | null;
  /** Of the admin route, header `x-e2b-local-admin`. */
  readonly adminKey: string;
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
