// Types of `e2b-swarm`: the functions of the native client, their results, the errors, and the
// SandboxManager. Units: `timeout` and `seconds` are seconds, every other time carries its unit.
// All functions answer with promises, never throw, and send each request once. A test compares this
// file with the runtime, name by name.

import { EventEmitter } from 'node:events';
import type { Store } from './store';

/** The version of this package. */
export function getVersion(): string;

// ---- Options --------------------------------------------------------------------------------

/**
 * How to reach E2B. What is not given comes from the environment at the time of the call:
 * `E2B_API_KEY E2B_API_URL E2B_SANDBOX_URL E2B_DOMAIN E2B_DEBUG HTTPS_PROXY NO_PROXY
 * NODE_EXTRA_CA_CERTS`. An unknown option rejects with `UNKNOWN_OPTION` and the nearest known one.
 */
export interface ConnectionOptions {
  /** Default `E2B_API_KEY`. '' counts as missing: it does not fall back. */
  apiKey?: string;
  /** The control plane. Default `E2B_API_URL`, else `https://api.<domain>`. */
  apiUrl?: string;
  /** One address for all sandboxes. Default `E2B_SANDBOX_URL`, else made from the domain. */
  sandboxUrl?: string;
  /** Default `E2B_DOMAIN`, else 'e2b.app'. When given, the two URLs of the environment are not used. */
  domain?: string;
  /** Certificates to trust beside Node's own roots, PEM. */
  ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
  /**
   * `http://user:password@host:port`, or `https://...`. Default `HTTPS_PROXY` (`http_proxy` when all
   * is plain http; `ALL_PROXY` is not read); '' is none. `NO_PROXY` holds for both: names with all
   * below them, addresses, networks, each also with a port; `*` for all.
   */
  proxy?: string;
  /** Sent with every request, on both planes. */
  headers?: Record<string, string>;
  /** Of each request, until its answer is complete (of a stream: until it begins). 60,000. */
  requestTimeoutMs?: number;
  /** Gives up: rejects with CANCELLED, whose `cause` is the signal's reason. A process is killed. */
  signal?: AbortSignal;
}

export interface CreateSandboxOptions extends ConnectionOptions {
  /** Of every process in the sandbox. */
  env?: Record<string, string>;
  /** Kept by the far end, to find it again. Keys that begin with 'e2b-swarm.' are refused. */
  metadata?: Record<string, string>;
  /** Pause it at the end of its life, instead of ending it. */
  autoPause?: boolean;
  /** Of that pause: false keeps its files alone. Only with `autoPause`. Default: true. */
  autoPauseMemory?: boolean;
  /** Traffic wakes it when it is paused; not with `autoPauseMemory: false`. */
  autoResume?: boolean;
  /** False is the same as `network.denyOut` of '0.0.0.0/0'. */
  allowInternetAccess?: boolean;
  /** Rejects with BAD_REQUEST or PERMISSION_DENIED for what the far end does not enforce. */
  network?: CreateSandboxNetwork;
}

/** What a sandbox may reach. */
export interface SandboxEgress {
  /** Addresses, networks, domains. */
  allowOut?: string[];
  /** Addresses, networks. What is allowed goes before what is not. */
  denyOut?: string[];
  /** By host: headers that are added on the way out. */
  rules?: Record<string, { transform?: { headers?: Record<string, string> } }[]>;
  /** A SOCKS5 proxy of yours. */
  egressProxy?: { address: string; username?: string; password?: string } | null;
}

export interface CreateSandboxNetwork extends SandboxEgress {
  /** False: its ports want the result's `trafficAccessToken`. Default true. */
  allowPublicTraffic?: boolean;
  /** The `Host` that its programs see; `${PORT}` stands for the port. */
  maskRequestHost?: string;
  /** Ports whose programs speak TLS themselves. */
  httpsPorts?: number[];
}

/** Of whatever has output. A callback that returns a promise holds back the stream until then. */
export interface OutputOptions<Output extends string | Buffer = string> {
  /** Output as it comes. What it throws ends the process and rejects the call. */
  onStdout?(chunk: Output): unknown;
  onStderr?(chunk: Output): unknown;
  /** Of each of the two, past which only the end is kept. 16 MiB. */
  maxOutputBytes?: number;
}

/** What a process prints as text, decoded as it comes, or as the bytes that it is. */
export type ProcessEncoding = 'utf8' | 'buffer';
type OutputOf<E extends ProcessEncoding> = E extends 'buffer' ? Buffer : string;

export interface ExecuteProcessOptions<E extends ProcessEncoding = 'utf8'>
  extends ConnectionOptions, OutputOptions<OutputOf<E>> {
  /** Default: the home of the user. */
  cwd?: string;
  env?: Record<string, string>;
  /** Default: the template's. */
  user?: string;
  /** Written, then closed; `true` leaves it open for `sendInput`. Default: an empty input. */
  stdin?: string | Uint8Array | true;
  /** Default 'utf8'. */
  encoding?: E;
  /** Reject with NON_ZERO_EXIT unless it ends with 0; the error's `result` is the ProcessResult. */
  rejectOnNonZero?: boolean;
  /** Answer at its start, with a ProcessHandle. */
  background?: boolean;
}

export interface ConnectProcessOptions<E extends ProcessEncoding = 'utf8'>
  extends ConnectionOptions, OutputOptions<OutputOf<E>> {
  /** Seconds; ends the watching, not the process. Default: none. */
  timeout?: number;
  /** Default true. */
  captureOutput?: boolean;
  encoding?: E;
  rejectOnNonZero?: boolean;
}

export interface RunAgentOptions extends ConnectionOptions, OutputOptions {
  /** Prices; a symbol that it does not have is looked for among the packaged ones (SPX, AAPL). */
  data?: PriceSource;
  /** Seconds. Default `E2B_TIMEOUT`, else 300. At it the agent is killed: status 'timeout'. */
  timeout?: number;
  /** Each signal as it comes. As `onStdout`, it can hold back the stream. */
  onSignal?(signal: AgentSignal): unknown;
  /** Answer at its start, with an AgentHandle. */
  background?: boolean;
  /** Makes the agent wait between bars. Default 0. */
  paceMs?: number;
  env?: Record<string, string>;
  user?: string;
}

export interface FileOptions extends ConnectionOptions {
  /** Whose home a relative path counts from, and who owns what is made. Default: the template's. */
  user?: string;
}

// ---- Sandboxes ------------------------------------------------------------------------------

export interface E2bSandbox {
  sandboxId: string;
  name: string;
  /** As it was asked for. */
  template: string;
  status: 'running';
  /** ISO, by this machine's clock at the answer. */
  createdAt: string;
  endsAt: string;
  /** Of the daemon inside. */
  url: string;
  /** Not known before a status. */
  cpuCount: null;
  memoryMb: null;
  metadata: Record<string, string>;
  /**
   * What a request to its ports has to carry as `e2b-traffic-access-token`; null when they are open.
   * Hidden: no listing of the fields and no JSON has it. Calls of this process carry it by themselves.
   */
  readonly trafficAccessToken: string | null;
}

export interface SandboxStatus {
  sandboxId: string;
  /** Null of one that somebody else made without one. */
  name: string | null;
  template: string | null;
  /** 'stopped' is paused; 'error': it should run, and its daemon does not answer. */
  status: 'running' | 'stopped' | 'error';
  /** Degraded: paused, or past nine tenths of its life. Unhealthy: past its life, or 'error'. */
  health: 'healthy' | 'degraded' | 'unhealthy';
  /** Seconds. */
  uptime: number;
  /** MB; null in listings, without `metrics`, and when its daemon does not answer. */
  memoryUsage: number | null;
  /** Percent of one CPU; null as `memoryUsage`. */
  cpuUsage: number | null;
  cpuCount: number | null;
  memoryMb: number | null;
  /** Commands and agents that this process has run in it. */
  executionCount: number;
  /** ISO time of this process's last use of it. */
  lastActivity: string | null;
  /** The last 100 lines that came through this process; not in listings. */
  logs?: readonly string[];
  /** ISO. */
  startedAt: string | null;
  endsAt: string | null;
  /** All of it, this package's own keys (`e2b-swarm.name`, ...) included. */
  metadata: Record<string, string>;
}

/**
 * Creates a sandbox, by one request that is never sent twice.
 *
 * Rejects with INVALID_ARGUMENT (nothing was sent), MISSING_API_KEY, UNAUTHENTICATED, NOT_FOUND (no
 * such template), CONCURRENCY_LIMIT, RATE_LIMITED, SERVER_BUSY, ...; with the outcome 'unknown' it
 * may exist: find it by its metadata.
 *
 * @param name travels as metadata 'e2b-swarm.name'
 * @param template default 'base'
 * @param timeout its life in seconds, above 0, up to 86,400; default 3,600
 * @param memoryMb at least 128; checked, not sent: the template has the size
 * @param cpuCount at least 1; checked, not sent
 */
export function createE2bSandbox(
  name: string,
  template?: string,
  timeout?: number,
  memoryMb?: number,
  cpuCount?: number,
  options?: CreateSandboxOptions,
): Promise<E2bSandbox>;

/**
 * State, size, load and use of a sandbox; rejects with NOT_FOUND for an unknown id.
 *
 * `metrics: false` asks the control plane alone. Default true.
 */
export function getE2bSandboxStatus(
  sandboxId: string,
  options?: ConnectionOptions & { metrics?: boolean },
): Promise<SandboxStatus>;

/**
 * Ends a sandbox; one that is gone already counts as ended.
 *
 * @param force default false: first waits up to `graceMs` (5,000) for this process's calls to it
 */
export function terminateE2bSandbox(
  sandboxId: string,
  force?: boolean,
  options?: ConnectionOptions & { graceMs?: number },
): Promise<{ sandboxId: string; status: 'terminated'; alreadyGone: boolean }>;

export interface ListSandboxesOptions extends ConnectionOptions {
  /** Pairs that must all match. */
  metadata?: Record<string, string>;
  /** Its name or id, without a tag. */
  template?: string;
  /** Or at that time. */
  startedAfter?: Date;
  /** By the time of their start; default 'desc', the newest first. */
  order?: 'asc' | 'desc';
  /** Items at most. */
  limit?: number;
}

/**
 * All sandboxes of the key, through all pages.
 *
 * @param statusFilter default 'all'
 */
export function listE2bSandboxes(
  statusFilter?: 'all' | 'running' | 'stopped',
  options?: ListSandboxesOptions,
): Promise<SandboxStatus[]>;

/** Sets the end of its life to `seconds` from now, earlier or later than it was. */
export function setE2bSandboxTimeout(
  sandboxId: string,
  seconds: number,
  options?: ConnectionOptions,
): Promise<{ sandboxId: string; endsAt: string }>;

export interface ConnectSandboxOptions extends ConnectionOptions {
  /** Seconds; default: the far end's. */
  timeout?: number;
  /** False: one that was paused with its memory is booted anew from its files. Default true. */
  memory?: boolean;
}

export interface ConnectedSandbox {
  sandboxId: string;
  template: string | null;
  status: 'running';
  resumed: boolean;
  url: string;
  /** Hidden, as of an E2bSandbox. */
  readonly trafficAccessToken: string | null;
}

/**
 * Makes sure that it runs: resumes it when it was paused. The life of one that runs is only ever
 * prolonged, by `timeout` seconds from now (default: the far end's).
 */
export function connectE2bSandbox(
  sandboxId: string,
  options?: ConnectSandboxOptions,
): Promise<ConnectedSandbox>;

/**
 * Pauses a sandbox: it costs no computing any more, and lives until somebody resumes or ends it.
 * `memory: false` keeps only its files. One that is paused already counts as paused.
 */
export function pauseE2bSandbox(
  sandboxId: string,
  options?: ConnectionOptions & { memory?: boolean },
): Promise<{ sandboxId: string; status: 'stopped'; alreadyPaused: boolean }>;

/** As `connectE2bSandbox`. */
export function resumeE2bSandbox(
  sandboxId: string,
  options?: ConnectSandboxOptions,
): Promise<ConnectedSandbox>;

/**
 * Copies a running sandbox, files and all. `count` 1 to 100, default 1; `timeout` is the copies' life
 * in seconds, default 3,600. Some may have been made and some not.
 */
export function forkE2bSandbox(
  sandboxId: string,
  options?: ConnectionOptions & { count?: number; timeout?: number },
): Promise<{ sandboxIds: string[]; errors: { code: number | null; message: string }[] }>;

export interface SandboxNetwork extends SandboxEgress {
  allowInternetAccess?: boolean;
}

/** Replaces the rules for what a sandbox may reach; what is left out is cleared. */
export function setE2bSandboxNetwork(
  sandboxId: string,
  network: SandboxNetwork,
  options?: ConnectionOptions,
): Promise<{ sandboxId: string }>;

export interface SnapshotInfo {
  /** A template for `createE2bSandbox`. */
  snapshotId: string;
  names: string[];
}

/** Keeps a sandbox's state as something that new sandboxes can be made from; it goes on running. */
export function snapshotE2bSandbox(
  sandboxId: string,
  name?: string,
  options?: ConnectionOptions,
): Promise<SnapshotInfo & { sandboxId: string }>;

/** The account's snapshots, through all pages. */
export function listE2bSnapshots(
  options?: ConnectionOptions & { sandboxId?: string; name?: string; limit?: number },
): Promise<SnapshotInfo[]>;

/** Deletes a snapshot; one that is not there counts as deleted. */
export function deleteE2bSnapshot(
  snapshotId: string,
  options?: ConnectionOptions,
): Promise<{ snapshotId: string; alreadyGone: boolean }>;

export interface SandboxMetric {
  timestamp: string;
  cpuCount: number;
  cpuUsedPct: number;
  /** These are bytes. */
  memUsed: number;
  memTotal: number;
  memCache: number;
  diskUsed: number;
  diskTotal: number;
}

/** The load of a sandbox over time as the provider sampled it, oldest first. */
export function getE2bSandboxMetrics(
  sandboxId: string,
  options?: ConnectionOptions & { start?: Date; end?: Date },
): Promise<SandboxMetric[]>;

export interface SandboxLogEntry {
  timestamp: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: Record<string, string>;
}

export interface SandboxLogOptions extends ConnectionOptions {
  /** Where to begin. */
  cursor?: Date;
  /** 1 to 1,000; default 1,000. */
  limit?: number;
  /** Default `backward` in time. */
  direction?: 'forward' | 'backward';
  /** The least that is wanted. */
  level?: 'debug' | 'info' | 'warn' | 'error';
  /** A part of the message. */
  search?: string;
}

/** The log of a sandbox's daemon; it does not hold what programs print. */
export function getE2bSandboxLogs(
  sandboxId: string,
  options?: SandboxLogOptions,
): Promise<SandboxLogEntry[]>;

/** Where a port of a sandbox is reached by its host name alone. Sends nothing. */
export function getE2bSandboxUrl(
  sandboxId: string,
  port: number,
  options?: ConnectionOptions,
): Promise<string>;

// ---- Processes ------------------------------------------------------------------------------

export interface ProcessResult<Output extends string | Buffer = string> {
  sandboxId: string;
  /** Null of one that was attached to. */
  command: string | null;
  /** Null: the command was a line for the shell. */
  args: string[] | null;
  pid: number;
  /** Null when a signal ended it. 127: no such command. */
  exitCode: number | null;
  signal: string | null;
  stdout: Output;
  stderr: Output;
  /** Output was longer than `maxOutputBytes`: the end of it was kept. */
  truncated: boolean;
  /** Killed at its deadline, with its descendants. */
  timedOut: boolean;
  durationMs: number;
}

export interface ProcessHandle<Output extends string | Buffer = string> {
  readonly sandboxId: string;
  readonly pid: number;
  readonly command: string | null;
  /** Nobody needs to listen to it. */
  readonly done: Promise<ProcessResult<Output>>;
  wait(): Promise<ProcessResult<Output>>;
  /** Default 'SIGKILL'. */
  kill(signal?: ProcessSignal): Promise<{ sandboxId: string; pid: number; signal: string }>;
  /** Of one that was started with `stdin: true`. */
  sendInput(
    data: string | Uint8Array,
    options?: { end?: boolean },
  ): Promise<{ sandboxId: string; pid: number }>;
  /** Lets go of it: it lives on, `done` rejects. */
  disconnect(): void;
  /** Kills it, if it still runs, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The two that the protocol has. */
export type ProcessSignal = 'SIGKILL' | 'SIGTERM';

/**
 * Runs a command in a sandbox. Any end of it is a result, unless `rejectOnNonZero`.
 *
 * A rejection after it started has the outcome 'interrupted', and what it had written as the hidden
 * property `result` ({ pid, stdout, stderr }).
 *
 * @param command without args: a line for `/bin/bash -l -c`
 * @param args an array, also an empty one: the command is executed as it is, without a shell
 * @param timeout seconds, at which it and its descendants are killed. Default `E2B_TIMEOUT`, else 300
 * @param captureOutput default true; false: no output in the result
 */
export function executeE2bProcess<E extends ProcessEncoding = 'utf8'>(
  sandboxId: string,
  command: string,
  args: readonly string[] | null | undefined,
  timeout: number | undefined,
  captureOutput: boolean | undefined,
  options: ExecuteProcessOptions<E> & { background: true },
): Promise<ProcessHandle<OutputOf<E>>>;
export function executeE2bProcess<E extends ProcessEncoding = 'utf8'>(
  sandboxId: string,
  command: string,
  args?: readonly string[] | null,
  timeout?: number,
  captureOutput?: boolean,
  options?: ExecuteProcessOptions<E> & { background?: false },
): Promise<ProcessResult<OutputOf<E>>>;

/** The processes that the sandbox's daemon has started and that still run. */
export function listE2bProcesses(
  sandboxId: string,
  options?: ConnectionOptions,
): Promise<
  Array<{
    pid: number | null;
    command: string | null;
    args: string[];
    cwd: string | null;
    tag: string | null;
  }>
>;

/** Attaches to a process that runs; what it wrote before is not seen. NOT_FOUND when there is none. */
export function connectE2bProcess<E extends ProcessEncoding = 'utf8'>(
  sandboxId: string,
  pid: number,
  options?: ConnectProcessOptions<E>,
): Promise<ProcessHandle<OutputOf<E>>>;

/** Writes to a process that was started with `stdin: true`; `end` closes its input afterwards. */
export function sendE2bInput(
  sandboxId: string,
  pid: number,
  data: string | Uint8Array,
  options?: ConnectionOptions & { end?: boolean },
): Promise<{ sandboxId: string; pid: number }>;

/** Signals one process, not its children. Default 'SIGKILL'. NOT_FOUND when there is none. */
export function killE2bProcess(
  sandboxId: string,
  pid: number,
  signal?: ProcessSignal,
  options?: ConnectionOptions,
): Promise<{ sandboxId: string; pid: number; signal: string }>;

export interface PtyOptions<E extends ProcessEncoding = 'utf8'> extends ConnectionOptions {
  /** Default 80. */
  cols?: number;
  /** Default 24. */
  rows?: number;
  /** What is written; a promise holds the program back. */
  onData?: (data: E extends 'buffer' ? Buffer : string) => unknown;
  /** Default `/bin/bash`, with the arguments `-i -l`. */
  command?: string;
  args?: string[];
  cwd?: string;
  env?: Record<string, string>;
  user?: string;
  /** Seconds; default 86,400. */
  timeout?: number;
  encoding?: E;
  /** Kept of what is written, its end; default 16 MiB. */
  maxOutputBytes?: number;
}

export interface PtyHandle<Output extends string | Buffer = string> extends Omit<
  ProcessHandle<Output>,
  'sendInput'
> {
  /** Types: a line ends with `\n`, end of file is `\x04`. */
  sendInput(data: string | Uint8Array): Promise<{ sandboxId: string; pid: number }>;
  resize(size: {
    cols: number;
    rows: number;
  }): Promise<{ sandboxId: string; pid: number; cols: number; rows: number }>;
}

/** Starts a program on a terminal, by default a login shell. */
export function createE2bPty<E extends ProcessEncoding = 'utf8'>(
  sandboxId: string,
  options?: PtyOptions<E>,
): Promise<PtyHandle<E extends 'buffer' ? Buffer : string>>;

/** Tells a program the new size of its terminal. */
export function resizeE2bPty(
  sandboxId: string,
  pid: number,
  size: { cols: number; rows: number },
  options?: ConnectionOptions,
): Promise<{ sandboxId: string; pid: number; cols: number; rows: number }>;

// ---- Files ----------------------------------------------------------------------------------

export interface FileInfo {
  name: string | null;
  /** Absolute. */
  path: string | null;
  /** Null: a link to nothing. */
  type: 'file' | 'directory' | 'symlink' | null;
  /** Bytes. */
  size: number;
  mode: number | null;
  permissions: string | null;
  owner: string | null;
  group: string | null;
  /** ISO. */
  modifiedAt: string | null;
  symlinkTarget: string | null;
  /** What it was written with. */
  metadata: Record<string, string>;
}

/** A file as a whole. */
export type FileBytes = string | Uint8Array | ArrayBuffer;
/** A file piece by piece: a stream, a generator. */
export type FileSource = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>;

export interface WriteFileOptions extends FileOptions {
  /**
   * Kept with the file until it is written again: printable ASCII, keys in lower case, 4,096 bytes
   * in all (nine more for each key than it is long).
   */
  metadata?: Record<string, string>;
  /** Packs what goes over the wire. Default false. */
  gzip?: boolean;
}

export interface WrittenFile {
  sandboxId: string;
  /** Absolute. */
  path: string;
  name: string;
  metadata: Record<string, string>;
}

/**
 * Writes a file; its folders are made, an existing one is replaced. A stream is read no faster than it
 * is sent, in constant memory; `size`, when it is known, is checked; `requestTimeoutMs` is then the
 * time in which nothing moves because of the far end. It rejects with what the source threw.
 */
export function writeE2bFile(
  sandboxId: string,
  path: string,
  data: FileBytes,
  options?: WriteFileOptions,
): Promise<WrittenFile>;
export function writeE2bFile(
  sandboxId: string,
  path: string,
  data: FileSource,
  options?: WriteFileOptions & { size?: number },
): Promise<WrittenFile>;

/**
 * Writes 1 to 1,000 files by one request, one after the other, with the metadata that is given for all.
 * `requestTimeoutMs` is the time in which nothing moves because of the far end. One that fails half-way
 * may leave some of them, and a part of one.
 */
export function writeE2bFiles(
  sandboxId: string,
  files: ReadonlyArray<{ path: string; data: FileBytes | FileSource }>,
  options?: Omit<WriteFileOptions, 'gzip'>,
): Promise<WrittenFile[]>;

/**
 * Reads a file as a whole; NOT_FOUND, or RESPONSE_TOO_LARGE above `maxBytes` (256 MiB). As a stream: of
 * any length in constant memory, from the byte `offset` on; one that breaks off is destroyed with the
 * error, it never just ends.
 */
export function readE2bFile(
  sandboxId: string,
  path: string,
  options: FileOptions & { encoding: 'stream'; offset?: number },
): Promise<import('node:stream').Readable>;
export function readE2bFile(
  sandboxId: string,
  path: string,
  options: FileOptions & { encoding: 'buffer'; maxBytes?: number },
): Promise<Buffer>;
export function readE2bFile(
  sandboxId: string,
  path: string,
  options?: FileOptions & { encoding?: 'utf8'; maxBytes?: number },
): Promise<string>;

/** What is in a folder, and below it down to `depth` (1: the folder alone). */
export function listE2bFiles(
  sandboxId: string,
  path: string,
  options?: FileOptions & { depth?: number },
): Promise<FileInfo[]>;

/** Removes a file, or a folder with all that is in it; what is not there counts as removed. */
export function removeE2bFile(
  sandboxId: string,
  path: string,
  options?: FileOptions,
): Promise<{ sandboxId: string; path: string }>;

/** What is at a path; rejects with `NOT_FOUND` when nothing is. */
export function statE2bFile(
  sandboxId: string,
  path: string,
  options?: FileOptions,
): Promise<FileInfo>;

/** Makes a folder with those above it; rejects with `CONFLICT` when it is there already. */
export function makeE2bDir(
  sandboxId: string,
  path: string,
  options?: FileOptions,
): Promise<FileInfo>;

/** Moves a file or a folder; a file at the destination is replaced. */
export function moveE2bFile(
  sandboxId: string,
  from: string,
  to: string,
  options?: FileOptions,
): Promise<FileInfo>;

/**
 * An address under which whoever has it can read or write a file, without any key. Without
 * `expiresInSeconds` it holds as long as the sandbox.
 */
export function signE2bFileUrl(
  sandboxId: string,
  path: string,
  options?: FileOptions & { operation?: 'read' | 'write'; expiresInSeconds?: number },
): Promise<string>;

export interface FileEvent {
  /** Relative to the watched folder. */
  name: string;
  type: 'create' | 'write' | 'remove' | 'rename' | 'chmod';
  /** With `entries`, of a create, write or chmod; else null. */
  entry: FileInfo | null;
}

export interface FileWatcher {
  readonly sandboxId: string;
  readonly path: string;
  /** Resolves when it was stopped, rejects when it broke off. */
  readonly done: Promise<void>;
  /** Resolves when no event will come any more. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Watches a folder; resolves as soon as it is watched. One on a network mount is refused with
 * `BAD_REQUEST`, unless `networkMounts`: what others do there is not seen.
 */
export function watchE2bFiles(
  sandboxId: string,
  path: string,
  onEvent: (event: FileEvent) => unknown,
  options?: FileOptions & { recursive?: boolean; entries?: boolean; networkMounts?: boolean },
): Promise<FileWatcher>;

// ---- code --------------------------------------------------------------------------------------

export interface CodeResult {
  text?: string;
  html?: string;
  markdown?: string;
  svg?: string;
  /** Base64, as `jpeg` and `pdf`. */
  png?: string;
  jpeg?: string;
  pdf?: string;
  latex?: string;
  json?: unknown;
  javascript?: string;
  data?: unknown;
  chart?: unknown;
  extra?: Record<string, unknown>;
  isMainResult: boolean;
  [form: string]: unknown;
}

export interface CodeExecution {
  sandboxId: string;
  results: CodeResult[];
  /** Of the main result; null when the code has none. */
  text: string | null;
  stdout: string;
  stderr: string;
  /** What the code threw. */
  error: { name: string; value: string; traceback: string } | null;
  executionCount: number | null;
}

export interface RunCodeOptions extends ConnectionOptions {
  /** `python` (default), `javascript`, `bash`, ...; not together with `context`. */
  language?: string;
  /** The id of a context. */
  context?: string;
  env?: Record<string, string>;
  /** Seconds; default E2B_TIMEOUT, else 300. */
  timeout?: number;
  /** A promise that these return holds the stream back. */
  onStdout?: (text: string) => unknown;
  onStderr?: (text: string) => unknown;
  onResult?: (result: CodeResult) => unknown;
}

/** Runs code in a sandbox's interpreter, with state between runs. Code that throws resolves. */
export function runE2bCode(
  sandboxId: string,
  code: string,
  options?: RunCodeOptions,
): Promise<CodeExecution>;

export interface CodeContext {
  id: string;
  language: string;
  cwd: string;
}

/** Makes a context: variables of its own, in a language of its own. */
export function createE2bCodeContext(
  sandboxId: string,
  options?: ConnectionOptions & { language?: string; cwd?: string },
): Promise<CodeContext>;

export function listE2bCodeContexts(
  sandboxId: string,
  options?: ConnectionOptions,
): Promise<CodeContext[]>;

/** Gives a context a fresh interpreter: its variables are gone. */
export function restartE2bCodeContext(
  sandboxId: string,
  contextId: string,
  options?: ConnectionOptions,
): Promise<{ sandboxId: string; contextId: string }>;

/** Ends a context and its interpreter. */
export function removeE2bCodeContext(
  sandboxId: string,
  contextId: string,
  options?: ConnectionOptions,
): Promise<{ sandboxId: string; contextId: string }>;

// ---- Agents ---------------------------------------------------------------------------------

/** A change of mind of an agent; the first that can be computed counts as one. */
export interface AgentSignal {
  type: 'signal';
  symbol: string;
  date: string;
  price: number;
  /** Momentum: the rate of change that decided. */
  roc?: number;
  signal: 'long' | 'short' | 'flat';
  [field: string]: unknown;
}

/** The last line of an agent. */
export interface AgentSummary {
  type: 'summary';
  agentType: string;
  params: Record<string, unknown>;
  /** Parameters without effect. */
  ignoredParams: string[];
  symbols: Record<
    string,
    {
      bars: number;
      from: string;
      to: string;
      returns: number;
      /** The whole return, 0.1 for 10 %. */
      total: number;
      /** Annualised; null, with the reason, where there is none. */
      sharpe: number | null;
      sharpeReason: string | null;
      long: number;
      short: number;
      flat: number;
      signals: number;
      last: 'long' | 'short' | 'flat';
    }
  >;
}

export interface AgentRun {
  agentId: string;
  sandboxId: string;
  agentType: string;
  symbols: string[];
  /** By its exit: 0, another one or a signal, killed at its deadline. */
  status: 'completed' | 'failed' | 'timeout';
  pid: number;
  exitCode: number | null;
  /** The first 100,000. */
  signals: AgentSignal[];
  summary: AgentSummary | null;
  stdout: string;
  stderr: string;
  durationMs: number;
  gpuUsed: false;
  /** Packaged prices were used, for one symbol at least. */
  sample: boolean;
}

export interface AgentHandle {
  readonly agentId: string;
  readonly sandboxId: string;
  readonly agentType: string;
  readonly symbols: string[];
  readonly sample: boolean;
  readonly pid: number;
  readonly status: 'running' | 'completed' | 'failed' | 'timeout';
  /** Its first line; rejects when it ended without one. Nobody needs to listen to it. */
  readonly firstLine: Promise<void>;
  /** Nobody needs to listen to it. */
  readonly done: Promise<AgentRun>;
  kill(): Promise<{ sandboxId: string; pid: number; signal: string }>;
  /** Lets go of it: it lives on, `done` rejects. */
  disconnect(): void;
}

/**
 * Runs a trading agent inside a sandbox, on daily prices.
 *
 * Rejects with INVALID_ARGUMENT (nothing was sent) for an unknown agent, listing the known ones, for
 * no symbols, for a symbol without prices, and for parameters that are not JSON, with the position.
 *
 * @param agentType 'momentum', in any spelling
 * @param symbols at least one
 * @param strategyParams an object, or JSON of one; `data` in it is as in the options
 * @param useGpu default false; no sandbox has one
 */
export function runE2bAgent(
  sandboxId: string,
  agentType: string,
  symbols: readonly string[],
  strategyParams: Record<string, unknown> | string | undefined,
  useGpu: boolean | undefined,
  options: RunAgentOptions & { background: true },
): Promise<AgentHandle>;
export function runE2bAgent(
  sandboxId: string,
  agentType: string,
  symbols: readonly string[],
  strategyParams?: Record<string, unknown> | string,
  useGpu?: boolean,
  options?: RunAgentOptions & { background?: false },
): Promise<AgentRun>;

// ---- Errors ---------------------------------------------------------------------------------

/** What the far end can have seen: nothing; it said no; perhaps; it began and we lost sight of it. */
export type ErrorOutcome = 'not-sent' | 'rejected' | 'unknown' | 'interrupted';

export interface ErrorFields {
  code?: string;
  outcome?: ErrorOutcome;
  retryable?: boolean;
  status?: number | null;
  retryAfterMs?: number | null;
  sandboxId?: string | null;
  serverCode?: string | null;
  cause?: unknown;
}

/** Base of all errors of this package. They never hold a key. */
export class E2bError extends Error {
  constructor(message: string, fields?: ErrorFields);
  /** Stable. */
  code: string;
  outcome: ErrorOutcome;
  /** Safe, and sensible, to send again without looking first. */
  retryable: boolean;
  /** HTTP status of the answer. */
  status: number | null;
  /** What the far end asked for. */
  retryAfterMs: number | null;
  sandboxId: string | null;
  /** The far end's own code. */
  serverCode: string | null;
  toJSON(): Record<string, unknown>;
}
/** INVALID_ARGUMENT, UNKNOWN_OPTION, BAD_REQUEST (400 and the like): change the call. */
export class InvalidArgumentError extends E2bError {}
/** MISSING_API_KEY, UNAUTHENTICATED (401). */
export class AuthenticationError extends E2bError {}
/** PERMISSION_DENIED (403). */
export class PermissionError extends E2bError {}
/** NOT_FOUND (404), SANDBOX_GONE (its daemon cannot be reached any more). */
export class NotFoundError extends E2bError {}
/**
 * CONFLICT (409): look at its state first. LEASE_OVER: the lease was released, has expired or is lost;
 * FENCED: another manager has taken the sandbox over, which thought this one dead.
 */
export class ConflictError extends E2bError {}
/** RATE_LIMITED (429): wait for `retryAfterMs`. */
export class RateLimitError extends E2bError {}
/** CONCURRENCY_LIMIT (429): wait for a sandbox of yours to end. */
export class ConcurrencyError extends E2bError {}
/** TIMEOUT. */
export class TimeoutError extends E2bError {}
/**
 * DNS_FAILED, CONNECT_FAILED, CONNECTION_LOST, TLS_FAILED, PROXY_FAILED, and of certificates:
 * CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_NAME (it is for another name),
 * CERTIFICATE_SELF_SIGNED, CERTIFICATE_UNKNOWN_ISSUER, CERTIFICATE_REFUSED (any other reason).
 */
export class NetworkError extends E2bError {}
/** BAD_RESPONSE, RESPONSE_TOO_LARGE, REDIRECT_REFUSED. */
export class ProtocolError extends E2bError {}
/**
 * SERVER_ERROR (500), BAD_GATEWAY, SERVER_BUSY (503), NO_COMPATIBLE_NODE, GATEWAY_TIMEOUT, ...; and,
 * when it has failed so often that the manager does not even ask: BREAKER_OPEN, THROTTLED, EJECTED
 * ('not-sent', try again after `retryAfterMs`).
 */
export class ServerError extends E2bError {}
/** CANCELLED: `cause` is the reason of the signal. */
export class CancelledError extends E2bError {}
/** CAPACITY: no place in the fleet, or `pool.maxWaiters` wait already. */
export class CapacityError extends E2bError {}
/** BUDGET: a `hardStop` would be passed; nothing was sent. */
export class BudgetError extends E2bError {}
/** CLOSED. */
export class ClosedError extends E2bError {}
/** NON_ZERO_EXIT, AGENT_FAILED; of `rejectOnNonZero` the hidden `result` is the ProcessResult. */
export class ProcessExitError extends E2bError {
  readonly result?: ProcessResult<string | Buffer>;
}

// ---- SandboxManager -------------------------------------------------------------------------

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

/** How a call is repeated and what that may cost; docs/policies.md. Times in ms. */
export interface RetryPolicy {
  /** Longest span of the back-off. Default 10,000. */
  capMs?: number;
  /** A longer Retry-After is reported and not waited for. Default 60,000. */
  maxRetryAfterMs?: number;
  /** So many failures of a call that never left this machine are no attempt, while others are answered. 1. */
  unsentRetries?: number;
  /** What the budget of one backend holds. Default 500. */
  tokens?: number;
  /** Default 14. */
  retryCost?: number;
  /** After a 429. Default 5. */
  throttledCost?: number;
  /** For a success at the first try. Default 1. */
  firstTryReward?: number;
  /** Of a retry, earned with every call. Default 0.1. */
  retryShare?: number;
  /** Retries that may be outstanding. Default 35. */
  retryBurst?: number;
}

/** When calls are held back; docs/policies.md. Times in ms, rates and shares from 0 to 1. */
export interface BreakerPolicy {
  /** Default 30,000. */
  windowMs?: number;
  /** Of the window, before it is judged. Default 20. */
  minimumCalls?: number;
  /** Opens at it. Default 0.5. */
  failureRate?: number;
  /** Default 60,000. */
  slowCallMs?: number;
  /** Opens at it. Default 1. */
  slowCallRate?: number;
  /** Open for so long; twice as long each time that probes fail. Default 10,000. */
  openMs?: number;
  /** Default 300,000. */
  maxOpenMs?: number;
  /** Calls let through when half-open, judged by `failureRate`. Default 3. */
  probes?: number;
  /** Default 1. */
  probesAtOnce?: number;
  /** A probe that nobody hears of again has failed. Default 120,000. */
  probeTimeoutMs?: number;
  /** Adaptive client throttling; false: off. */
  throttle?:
    | false
    | {
        /** Default 120,000. */
        windowMs?: number;
        /** Requests for each that is accepted. Default 2. */
        k?: number;
        /** Default 20. */
        minimumCalls?: number;
        /** One always passes. Default 1,000. */
        passEveryMs?: number;
      };
  /** Templates whose creates fail are left alone; false: off. */
  ejection?:
    | false
    | {
        /** In a row. Default 5. */
        failures?: number;
        /** Times ejected. Default 30,000. */
        ejectMs?: number;
        /** Default 300,000. */
        maxEjectMs?: number;
        /** Of the known ones, at most (but one, and never the only one). Default 0.1. */
        maxShare?: number;
        /** More ejected than that: all pass. Default 0.5. */
        panicShare?: number;
      };
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

/** How to reach E2B, at each call. Never shown. */
export type ManagerConnection = Omit<ConnectionOptions, 'signal'>;

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
  /** Known to be alive that recently, a sandbox is handed out without a look at it. Default 0: never. */
  healthCheckBypassMs: number;
  /** What is under way at a shutdown has so long. Default 5,000. */
  shutdownGraceMs: number;
  /** Background rounds keep the process alive. Default false. */
  keepAlive: boolean;
  health: Readonly<Required<HealthThresholds>>;
  pool: PoolSettings;
  /** The next six as they were given; undefined: their defaults. */
  readonly price?: Price;
  readonly budget?: BudgetConfig;
  readonly executionCache?: ExecutionCacheOptions;
  readonly creationGuard?: CreationGuardOptions;
  readonly retry?: RetryPolicy;
  readonly breaker?: BreakerPolicy | false;
}

/** What is ready when, by the clocks of a place. Where windows overlap, the largest counts. */
export interface PoolSchedule {
  /** Default 'UTC'. */
  timeZone?: string;
  /** Outside of the windows, and on holidays. Default 0. */
  base?: number;
  windows?: ReadonlyArray<{
    /** On which it begins. Default Monday to Friday. */
    days?: ReadonlyArray<'sun' | 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat'>;
    /** 'HH:MM'. */
    from: string;
    /** Not after `from`: on the next day. '24:00' is the end of the day. */
    to: string;
    size: number;
  }>;
  /** 'YYYY-MM-DD'. */
  holidays?: readonly string[];
  /** Each window begins so much earlier. Default 0. */
  leadMinutes?: number;
}

/** What `pool.reset` is given: a sandbox that nobody has at this moment. */
export interface ResetContext {
  sandboxId: string;
  /** Runs a command in it; as executeE2bProcess, and ended with the hook. */
  execute(
    command: string,
    args?: readonly string[] | null,
    options?: Omit<ExecuteProcessOptions, 'background' | 'signal'>,
  ): Promise<ProcessResult>;
  /** Aborted after 30 s, the hook's time. */
  signal: AbortSignal;
}

/** How long things may take, last and wait. Times in ms; docs/guarantees.md says what each is for. */
export interface PoolNumbers {
  /** So long the list is read after a create without an answer, before another one is sent. 5,000. */
  settleMs: number;
  /** So long what such a create may still have made is watched for, in its place. 120,000. */
  watchMs: number;
  /** So long after its end a sandbox must be absent from the list to count as gone. 5,000. */
  verifyMs: number;
  /** Between two passes of reconcile; 0: when asked, and while something is open. 60,000. */
  reconcileMs: number;
  /** Default of `acquire`. 60,000. */
  acquireTimeoutMs: number;
  /** To have waited so long counts as much as one priority more. 10,000. */
  agingMs: number;
  /** That wait in `acquire`; the next one is told CAPACITY. 10,000. */
  maxWaiters: number;
  /** A lease renews itself no longer than this. 86,400,000. */
  maxLeaseMs: number;
  /** Idle sandboxes that are kept ready. 0 to 100, default 0. */
  warm: number;
  /** Of these under way at a time. Default 5. */
  burst: number;
  /** Leases after which a sandbox is ended; 0: any number. Default 0. */
  maxUses: number;
  /** Age from which one is ended instead of handed out; a random part (2.5 %) less. 0: any. Default 0. */
  maxAgeMs: number;
  /** Share of its life that must be left at its hand-out. 0 to 0.99, default 0.25. */
  minRemaining: number;
}

export interface PoolOptions extends Partial<PoolNumbers> {
  /** What the warm ones are made from. Default: the defaults of a sandbox. */
  warmSpec?: TradingSandboxConfig | null;
  /** Instead of `warm`: as many as the time of day says. */
  schedule?: PoolSchedule | null;
  /** Makes a recycled sandbox fit for another owner; one that rejects ends it. Default: none. */
  reset?: ((context: ResetContext) => unknown) | null;
}

/** `config.pool` as it reads: complete. */
export type PoolSettings = Readonly<Required<PoolOptions>>;

/** Holds back the replacement of what dies as soon as it is made. Times in ms. */
export interface CreationGuardOptions {
  /** Who lived less has died early. Default 60,000. */
  shortLifeMs?: number;
  /** Early deaths of one kind (fingerprint) that are replaced at once. 1 to 1,000, default 5. */
  burst?: number;
  /** Each further one waits for its turn; one comes in so long. Default 60,000. */
  refillMs?: number;
}

/** Of answers that `executeStrategy` may give again; `cache: true` asks for that. */
export interface ExecutionCacheOptions {
  /** Default 300,000. */
  ttlMs?: number;
  /** Default 1,000. */
  maxEntries?: number;
  /** Default 64 MiB. */
  maxBytes?: number;
}

/** A far end; what it does not say is as the manager's own options. */
export interface BackendOptions extends ManagerConnection {
  /** 1 to 64 characters. */
  name: string;
}

export interface SandboxManagerConfig
  extends
    Partial<
      Omit<
        ManagerSettings,
        | 'health'
        | 'pool'
        | 'price'
        | 'budget'
        | 'executionCache'
        | 'creationGuard'
        | 'retry'
        | 'breaker'
      >
    >,
    ManagerConnection {
  health?: HealthThresholds;
  pool?: PoolOptions;
  /** What sandboxes cost; docs/money.md. */
  price?: Price;
  budget?: BudgetConfig;
  executionCache?: ExecutionCacheOptions;
  creationGuard?: CreationGuardOptions;
  retry?: RetryPolicy;
  /** False: nothing is held back. */
  breaker?: BreakerPolicy | false;
  /**
   * Far ends, 1 to 20, in the order in which a create tries them: the next one when one cannot, never
   * when something may have been made. A sandbox stays where it was made. Default: one, 'default'.
   */
  backends?: readonly BackendOptions[];
  /**
   * What must survive this process, of `e2b-swarm/store`; its maker closes it. Managers with one store
   * and one `owner` share one quota, one pool and one budget. Default: a memoryStore of its own.
   */
  store?: Store;
  /** Name of the fleet; in the metadata of every sandbox as `e2b-swarm.owner`. Default 'e2b-swarm'. */
  owner?: string;
  /** Prices for agents. */
  data?: PriceSource;
  clock?: ManagerClock;
}

/** Dollars for each thing that a price profile can charge; what is left out is free. */
export interface PriceRates {
  perCreation?: number;
  perSandboxHour?: number;
  perVcpuSecond?: number;
  perGibSecond?: number;
  perCall?: number;
  perExecutionSecond?: number;
  /** Also charged while a sandbox is paused. */
  perGbDay?: number;
}

/** One's own prices: one set of rates, or several with the date from which each holds. */
export interface PriceProfile extends PriceRates {
  name?: string;
  source?: string;
  /** ISO date on which the prices were looked up. */
  checked?: string;
  /** What a sandbox is taken to have until it is known. Default 2 vCPU and 0.5 GiB. */
  size?: { vcpu?: number; gib?: number };
  /** Instead of rates of its own; ascending. Only the first may be without `from`. */
  rates?: Array<PriceRates & { from?: string | Date }>;
}

/** `s2` and `s3` are the profiles of the requirement documents. Default 'e2b-published'. */
export type Price = 'e2b-published' | 's2' | 's3' | PriceProfile;

export interface BudgetOptions {
  /** Dollars per day. */
  daily?: number | null;
  /** Dollars in all, for ever. */
  total?: number | null;
  /** Reject what would pass a limit with a BudgetError before it is sent. Default false. */
  hardStop?: boolean;
  /** In which a day begins. Default 'UTC'. */
  timeZone?: string;
  /** Percentages of a limit that are told, once a day each. Default [50, 80, 100]. */
  thresholds?: readonly number[];
  /** Reserve at most so much of a sandbox's life at a time, and more when it is renewed. */
  maxReserveMs?: number | null;
}

/** A number is dollars per day; null and false are no budget. Default: COST_BUDGET_DAILY, else 5. */
export type BudgetConfig = number | BudgetOptions | null | false;

/** Dollars. `left` is null without a limit, and below 0 past it. */
export interface BudgetStanding {
  limit: number | null;
  spent: number;
  /** Held for sandboxes that have not ended. */
  reserved: number;
  left: number | null;
}

export interface BudgetSnapshot {
  hardStop: boolean;
  timeZone: string;
  reservations: number;
  /** `period` is the day, 'YYYY-MM-DD'. */
  day: BudgetStanding & { period: string };
  total: BudgetStanding;
}

/** Payload of `budget:warning` and `budget:exceeded`. `period`: 'YYYY-MM-DD' or 'total'. */
export interface BudgetCrossing {
  period: string;
  percent: number;
  limit: number;
  spent: number;
  reserved: number;
}

/** What was saved, counted where it happened; dollars at the profile's prices. */
export interface CostSavings {
  /** `documented`: (3 s - acquisition) x 0.0001 per second. `idle`: what warm members have cost. */
  pooling: { uses: number; documented: number; avoided: number; idle: number; net: number };
  caching: { hits: number; avoided: number };
  /** `documented`: 0.10 each. */
  cleanup: { cleaned: number; documented: number; avoided: number };
  /** `calls` that were spared. */
  batching: { calls: number; avoided: number };
}

/** Dollars, from recorded intervals. */
export interface CostSnapshot {
  currency: 'USD';
  /** Name of the price profile, and the day on which its prices were looked up. */
  profile: string;
  priceChecked: string | null;
  total: number;
  /** Since midnight, UTC. */
  today: number;
  currentBurnPerHour: number;
  /** Spent since midnight, UTC, and what runs now until the next. */
  projectedDay: number;
  /** The same from the first of the month to its end. */
  projectedMonth: number;
  /** The part of the paid running time in which a sandbox was leased; null: nothing has run. */
  efficiency: number | null;
  sandboxHours: number;
  running: number;
  creations: number;
  calls: number;
  executions: number;
  opened: number;
  closed: number;
  /** The dearest hundred, and '(others)'. '(none)': the time in which they were nobody's. */
  byOwner: Record<string, number>;
  /** By 'name=value'. */
  byTag: Record<string, number>;
  bySandbox: {
    top: Array<{ sandboxId: string; cost: number; open: boolean }>;
    rest: { count: number; cost: number };
  };
  savings: CostSavings;
}

/** The last seven days against the seven before. Dollars; ISO times; shares from 0 to 1. */
export interface CostReview {
  from: string;
  to: string;
  timeZone: string;
  currency: 'USD';
  profile: string;
  priceChecked: string | null;
  total: number;
  /** Null: nothing is known of the week before. */
  previous: number | null;
  /** 0.1: a tenth more than the week before. */
  change: number | null;
  sandboxHours: number;
  efficiency: number | null;
  creations: number;
  calls: number;
  byDay: Array<{ day: string; cost: number; sandboxHours: number }>;
  /** These three since the process began. */
  byOwner: Array<{ name: string; cost: number }>;
  byTag: Array<{ name: string; cost: number }>;
  savings: CostSavings;
  budget: BudgetSnapshot | null;
  nextWeek: {
    method: 'seasonal' | 'flat';
    total: number;
    /** Of a back-test; null with less than two weeks of history. */
    error: {
      /** 1: as good as repeating the week before. */
      mase: number | null;
      mape: number | null;
      mae: number;
      origins: number;
      samples: number;
    } | null;
  };
  /** What deserves a look, each with its number. */
  findings: string[];
}

/** `manager.config`: an assignment is checked and takes effect at once. */
export type LiveConfig = Omit<
  SandboxManagerConfig,
  'backends' | 'clock' | 'owner' | 'store' | keyof ManagerSettings
> &
  Omit<ManagerSettings, 'health' | 'pool'> & {
    get health(): ManagerSettings['health'];
    set health(thresholds: HealthThresholds);
    get pool(): PoolSettings;
    /** What is not given is the default again. */
    set pool(options: PoolOptions);
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
  /** These five as in `CreateSandboxOptions`. */
  autoPause?: boolean;
  autoPauseMemory?: boolean;
  autoResume?: boolean;
  allowInternetAccess?: boolean;
  network?: CreateSandboxNetwork;
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
  /** Seconds. Default `E2B_TIMEOUT`, else 300. */
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
  /** Seconds. Default `E2B_TIMEOUT`, else 300. */
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
  /** Null: not replaced. It was leased, or made by another manager. */
  newId: string | null;
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
  /** With `keepIdle`: the sandboxes that go on. */
  kept?: string[];
  message: string;
}

/** `failed` names the sandboxes that may still run. */
export type ShutdownFailure = ManagerFailure & Omit<ShutdownResult, 'success'>;

/** Why a sandbox has left the manager. 'fenced': another manager has it, and it lives. */
export type EndReason =
  | 'cleanup'
  | 'recovery'
  | 'shutdown'
  | 'gone'
  | 'released'
  | 'expired'
  | 'retired'
  | 'evicted'
  | 'fenced';

/** The classes of calls by which breakers and throttles are kept. */
export type CallClass = 'create' | 'execute' | 'terminate' | 'renew' | 'look' | 'read' | 'write';

/** A lease in an event. `owner` as it was given to `acquire`; `token` is the fencing token. */
export interface LeaseFacts {
  sandboxId: string;
  owner: string | null;
  token: number;
}

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
  'sandbox:terminated': [end: { sandboxId: string; reason: EndReason }];
  'lease:acquired': [lease: LeaseFacts & { expiresAt: string }];
  /** `recycled`: it is back in the pool; else it was ended. */
  'lease:released': [lease: LeaseFacts & { recycled: boolean }];
  /** At `pool.maxLeaseMs`, or it could not be renewed; its sandbox is ended. */
  'lease:expired': [lease: LeaseFacts];
  /** The sandbox died, or was ended or taken over, under its holder. */
  'lease:lost': [lease: LeaseFacts & { reason: EndReason }];
  /** What reconcile did, but for looks and for what is proven gone. */
  'orphan:reaped': [
    action: {
      sandboxId: string | null;
      action: Exclude<ReconcileAction['do'], 'forget' | 'doubt'>;
      reason: string;
    },
  ];
  alert: [alert: ManagerAlert];
  'budget:warning': [crossing: BudgetCrossing];
  'budget:exceeded': [crossing: BudgetCrossing];
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
  'retry:refused': [
    refusal: {
      type: string;
      sandboxId: string | null;
      attempt: number;
      code: string;
      reason: 'budget' | 'deadline' | 'retry-after';
    },
  ];
  'breaker:open': [
    breaker: {
      class: CallClass;
      backend: string;
      reason: 'failures' | 'slow' | 'probes' | 'lost-probe' | 'isolated';
      /** For how long, and how often in a row; not of 'isolated'. */
      forMs?: number;
      opens?: number;
      /** Of the window; of 'failures' and 'slow'. */
      calls?: number;
      failures?: number;
      slow?: number;
    },
  ];
  'breaker:half-open': [breaker: { class: CallClass; backend: string }];
  'breaker:closed': [breaker: { class: CallClass; backend: string; reason: 'probes' | 'reset' }];
  /**
   * Of a create: names of `backends`; of repeatable work: the sandbox that was lost. `code`: why.
   */
  failover: [
    move:
      | { type: 'create_sandbox'; from: string; to: string; code: string }
      | { type: 'use'; from: string; code: string },
  ];
  'throttle:rejected': [call: { type: string; class: CallClass; backend: string }];
  /** `key`: the template whose creates fail; `failures` in a row, `times` ejected. */
  'ejection:ejected': [ejection: { key: string; forMs: number; times: number; failures: number }];
  'ejection:returned': [ejection: { key: string }];
}

/** What somebody should look at. */
export type ManagerAlert =
  /** A sandbox that was ended, and lives; it has been ended once more. */
  | { type: 'leak'; sandboxId: string; reason: string }
  /** What dies as soon as it is made is not replaced at once any more. */
  | { type: 'creation-guard'; fingerprint: string; waitMs: number; earlyDeaths: number };

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
  /** Gives up: what was started meanwhile is ended; an agent that is deployed runs on. */
  signal?: AbortSignal;
}

export interface ExecuteStrategyOptions extends CallOptions {
  /**
   * The answer that the same strategy with the same params gave before, in a sandbox of the same spec,
   * will do, also that of one that runs at this moment. Failures are never kept. Default false.
   */
  cache?: boolean;
}

export interface AcquireOptions extends CallOptions {
  /** CANCELLED gives up the waiting; what was begun for it goes into the pool. */
  signal?: AbortSignal;
  /** Default `pool.acquireTimeoutMs`, 60,000. */
  timeoutMs?: number;
  /** A recycled sandbox goes to the same owner only, unless `pool.reset` has run. Default: none. */
  owner?: string | null;
  /** -1,000 to 1,000; higher goes first. Default 0. */
  priority?: number;
}

/** A line for bash, a piece of code, or a program with its arguments. */
export type BatchBlock =
  | string
  | {
      /** Default 'bash'. */
      language?: 'bash' | 'python' | 'javascript';
      code: string;
      args?: readonly string[];
      /** Ends this block; 0, the default: only the call's own time does. */
      timeoutMs?: number;
    }
  | { command: readonly string[]; timeoutMs?: number };

export interface BatchOptions {
  /** Seconds, for all of them. Default 300. */
  timeout?: number;
  /** The first that fails leaves the rest 'not-run'. Default false. */
  stopOnFailure?: boolean;
  /** Of each stream of a block, past which only the end is kept. 1 MiB; less where many share 16 MiB. */
  maxBlockBytes?: number;
  options?: Omit<ExecuteProcessOptions, 'background' | 'encoding'>;
}

export interface BatchBlockResult {
  /** 'interrupted': it ran when the call's time was over; 'not-run': nothing of it did. */
  status: 'completed' | 'interrupted' | 'not-run';
  exitCode: number | null;
  /** By its own `timeoutMs`. */
  timedOut: boolean;
  stdout: string;
  stderr: string;
  truncated: boolean;
  durationMs: number | null;
}

export interface BatchResult {
  /** One for each block, in their order. */
  results: BatchBlockResult[];
  failed: number;
  timedOut: boolean;
  durationMs: number;
}

export interface LeaseSnapshot {
  sandboxId: string;
  token: number;
  owner: string | null;
  /** ISO. */
  expiresAt: string;
  over: 'released' | 'expired' | 'lost' | null;
}

/**
 * A sandbox of one's own until `release`. Each call first makes sure that the lease still holds: it
 * rejects with LEASE_OVER, FENCED or SANDBOX_GONE, and nothing is sent, when it does not. The sandbox
 * is given its whole life again at half of it, until `release` or `pool.maxLeaseMs`.
 */
export interface Lease extends AsyncDisposable {
  readonly sandboxId: string;
  /** The fencing token: greater with each lease of one sandbox. */
  readonly token: number;
  readonly owner: string | null;
  /** ISO, by this machine's clock; before the end of the sandbox's own life. */
  readonly expiresAt: string;
  /** Null while it holds. */
  readonly over: 'released' | 'expired' | 'lost' | null;
  /** As executeE2bProcess; `timeout` in seconds. */
  execute<E extends ProcessEncoding = 'utf8'>(
    command: string,
    args: readonly string[] | null | undefined,
    options: ExecuteProcessOptions<E> & { background: true; timeout?: number },
  ): Promise<ProcessHandle<OutputOf<E>>>;
  execute<E extends ProcessEncoding = 'utf8'>(
    command: string,
    args?: readonly string[] | null,
    options?: ExecuteProcessOptions<E> & { background?: false; timeout?: number },
  ): Promise<ProcessResult<OutputOf<E>>>;
  /**
   * Runs 1 to 100 blocks one after the other by one request. A block sees the files of those before
   * it, not their variables or folder. Rejects with INVALID_ARGUMENT before anything is sent, and with
   * BAD_RESPONSE where the sandbox has no bash 5 with coreutils.
   */
  batch(blocks: readonly BatchBlock[], how?: BatchOptions): Promise<BatchResult>;
  /** As runE2bAgent. */
  runAgent(
    agentType: string,
    symbols: readonly string[],
    strategyParams: Record<string, unknown> | string | undefined,
    useGpu: boolean | undefined,
    options: RunAgentOptions & { background: true },
  ): Promise<AgentHandle>;
  runAgent(
    agentType: string,
    symbols: readonly string[],
    strategyParams?: Record<string, unknown> | string,
    useGpu?: boolean,
    options?: RunAgentOptions & { background?: false },
  ): Promise<AgentRun>;
  /** As writeE2bFile. */
  writeFile(path: string, data: FileBytes, options?: WriteFileOptions): Promise<WrittenFile>;
  writeFile(
    path: string,
    data: FileSource,
    options?: WriteFileOptions & { size?: number },
  ): Promise<WrittenFile>;
  /** As readE2bFile. */
  readFile(
    path: string,
    options: FileOptions & { encoding: 'stream'; offset?: number },
  ): Promise<import('node:stream').Readable>;
  readFile(
    path: string,
    options: FileOptions & { encoding: 'buffer'; maxBytes?: number },
  ): Promise<Buffer>;
  readFile(
    path: string,
    options?: FileOptions & { encoding?: 'utf8'; maxBytes?: number },
  ): Promise<string>;
  /** Its whole life again, from now. @returns the new `expiresAt` */
  renew(): Promise<string>;
  /** Rejects when the lease does not hold. */
  check(): Promise<void>;
  /**
   * Ends the sandbox, or with `recycle` puts it back into the pool: for the same owner, or for anybody
   * once `pool.reset` has run. Twice rejects with LEASE_OVER; `await using` does it by itself.
   */
  release(options?: { recycle?: boolean }): Promise<{ sandboxId: string; recycled: boolean }>;
  toJSON(): LeaseSnapshot;
}

export interface ReconcileAction {
  /**
   * kill: a sandbox of ours that nobody may have; adopt: an idle one of a dead manager; end: finishes
   * or undoes what a dead one began; watch: a create that nobody settles any more; forget: proven gone;
   * doubt: not in the list, asked for by its id.
   */
  do: 'kill' | 'adopt' | 'end' | 'watch' | 'forget' | 'doubt';
  reason: string;
  sandboxId: string | null;
  failed: boolean;
}

export interface ReconcileResult {
  /** Sandboxes of this owner and store at the far end. */
  listed: number;
  /** Of the ledger. */
  rows: number;
  /** Whether the list was read to its end: else nothing counts as gone. */
  complete: boolean;
  dryRun: boolean;
  actions: ReconcileAction[];
  done: number;
  failed: number;
  /** What a later pass has to look at again. */
  left: number;
}

export interface ReapResult {
  dryRun: boolean;
  /** Those that were ended, or with `failed` could not be. */
  reaped: Array<{ sandboxId: string | null; reason: string; failed: boolean }>;
  complete: boolean;
}

/** What the fleet is at this moment, without secrets. */
export interface FleetSnapshot {
  owner: string;
  /** The id of this manager in the store. */
  instance: string;
  store: { durability: Store['durability']; shared: boolean };
  /** `maxPoolSize`, or less where the far end has refused more. */
  maximum: number;
  /** Places taken by this manager: live, being created, awaiting replacement. */
  taken: number;
  live: number;
  idle: number;
  leased: number;
  /** In `acquire`. */
  waiting: number;
  /** How many idle ones should be ready now. */
  warmTarget: number;
  /** What reconcile has done since this manager began. */
  reconciled: Record<ReconcileAction['do'] | 'passes' | 'failed', number>;
  leases: LeaseSnapshot[];
}

/**
 * A fleet of sandboxes. Methods answer result objects and never reject for a failure; a failure is
 * also told as `error`. The methods from `acquire` to `drain` reject with an E2bError instead. Order,
 * always: state, then event, then promise.
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

  /**
   * Waits for a sandbox of one's own: an idle one made from the same spec, looked at before it is
   * handed out, else a new one as soon as there is a place. First come, first served within a
   * priority; whoever waits longer counts for more.
   *
   * Rejects with TIMEOUT (the last failure is its `cause`), CANCELLED, CAPACITY (`pool.maxWaiters`),
   * CLOSED, BUDGET, and what the far end says of the spec.
   */
  acquire(spec?: TradingSandboxConfig | null, options?: AcquireOptions): Promise<Lease>;
  /** Does work with a sandbox of one's own, which is released at the end, whatever the end is. */
  use<T>(
    spec: TradingSandboxConfig | null | undefined,
    work: (lease: Lease) => Promise<T> | T,
    options?: AcquireOptions & { recycle?: boolean; repeatable?: boolean },
  ): Promise<T>;
  /**
   * Holds the far end's list against the ledger, and acts: ends what nobody may have, finishes or
   * undoes what a dead manager began, forgets what is proven gone. Touches only what is of this owner
   * name and store, and nothing of a manager that lives. `dryRun` only says what it would do.
   */
  reconcile(options?: { dryRun?: boolean }): Promise<ReconcileResult>;
  /** A pass of reconcile; answers which sandboxes it has ended. */
  reap(options?: { dryRun?: boolean }): Promise<ReapResult>;
  /**
   * Waits `pool.verifyMs`, reads the far end's list once more, and ends what was ended and still lives.
   * `rate`: successful / total, 1 when there were none.
   */
  verifyCleanup(
    options?: CallOptions,
  ): Promise<{ total: number; successful: number; leaked: number; rate: number }>;
  /** No more orders; waits until no lease is held and all work has ended, then shuts down. */
  drain(options?: CallOptions): Promise<ShutdownResult | ShutdownFailure>;
  /** What was spent since this manager began, by whom and on what, and how the budget stands. */
  cost(): CostSnapshot & { budget: BudgetSnapshot | null };
  /** The week behind and the week ahead, as data and for people to read. */
  costReview(options?: { timeZone?: string }): { review: CostReview; text: string };
  inspect(): FleetSnapshot;

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
    options?: ExecuteStrategyOptions,
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
  /** With `keepIdle` idle sandboxes go on: the next manager of the same owner and store adopts them. */
  shutdown(options?: { keepIdle?: boolean }): Promise<ShutdownResult | ShutdownFailure>;
  [Symbol.asyncDispose](): Promise<void>;

  _attemptRecovery(sandboxId: string): Promise<RecoveryResult | ManagerFailure>;
  _startHealthMonitoring(): void;
  _startCleanupTask(): void;
}
