// What applications of NANO find that TypeScript's declarations of workers (lib "WebWorker") do not have. ../docs/api.md describes it.

/** What a handler is given beside the request. */
interface ExecutionContext {
  /** Keeps the request's work alive after its response, until the promise is settled. A rejection is logged. */
  waitUntil(promise: PromiseLike<unknown>): void;
  /** Does nothing: there is no origin behind the application. */
  passThroughOnException(): void;
}
declare var ExecutionContext: { readonly prototype: ExecutionContext };

/** The default export of an application's entry: `export default { fetch() { … } } satisfies ExportedHandler<Env>`. */
interface ExportedHandler<Env = Record<string, unknown>> {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Response | PromiseLike<Response>;
}

/** The older form of an application, without `env`. */
declare function addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;

interface Scheduler {
  /** A promise that is fulfilled after that many milliseconds, or rejected with the signal's reason. */
  wait(milliseconds: number, options?: { signal?: AbortSignal }): Promise<void>;
}
declare var scheduler: Scheduler;

/** Two ends of a connection: one for the client, in a Response; the other for the application, which calls `accept()`. */
interface WebSocketPair {
  0: WebSocket;
  1: WebSocket;
}
declare var WebSocketPair: { readonly prototype: WebSocketPair; new (): WebSocketPair };

interface WebSocket {
  /** Messages are wanted from now on, and may be sent. For sockets of a pair and of `fetch`; others need it not. */
  accept(): void;
}

interface ResponseInit {
  /** The request's connection becomes this end of a pair, or is joined with that of a `fetch`. The status must be 101. */
  webSocket?: WebSocket | null;
}

interface Response {
  /** What a server has answered to `fetch` with `Upgrade: websocket`. */
  readonly webSocket: WebSocket | null;
}

interface CacheStorage {
  /** The cache without a name. */
  readonly default: Cache;
}

interface Crypto {
  /** Whether two buffers of one length hold the same bytes, in time that does not depend on them. */
  timingSafeEqual(a: BufferSource, b: BufferSource): boolean;
  readonly DigestStream: typeof DigestStream;
}

/** A writable stream whose `digest` is that of what was written. It is `crypto.DigestStream`. */
declare class DigestStream extends WritableStream<BufferSource | string> {
  constructor(algorithm: AlgorithmIdentifier);
  readonly digest: Promise<ArrayBuffer>;
  readonly bytesWritten: number;
}

interface EncapsulatedKey {
  sharedKey: CryptoKey;
  ciphertext: ArrayBuffer;
}
interface EncapsulatedBits {
  sharedKey: ArrayBuffer;
  ciphertext: ArrayBuffer;
}
interface SubtleCrypto {
  timingSafeEqual(a: BufferSource, b: BufferSource): boolean;
  encapsulateKey(
    algorithm: AlgorithmIdentifier, key: CryptoKey, sharedKeyAlgorithm: AlgorithmIdentifier | HmacImportParams, extractable: boolean,
    usages: KeyUsage[],
  ): Promise<EncapsulatedKey>;
  encapsulateBits(algorithm: AlgorithmIdentifier, key: CryptoKey): Promise<EncapsulatedBits>;
  decapsulateKey(
    algorithm: AlgorithmIdentifier, key: CryptoKey, ciphertext: BufferSource,
    sharedKeyAlgorithm: AlgorithmIdentifier | HmacImportParams, extractable: boolean, usages: KeyUsage[],
  ): Promise<CryptoKey>;
  decapsulateBits(algorithm: AlgorithmIdentifier, key: CryptoKey, ciphertext: BufferSource): Promise<ArrayBuffer>;
  getPublicKey(key: CryptoKey, usages: KeyUsage[]): Promise<CryptoKey>;
}

interface URLPattern {
  /** Text that the component's pattern matches, with these groups. */
  generate(component: string, groups: Record<string, string>): string;
}

/** A DOMException for a limit that was reached. */
interface QuotaExceededError extends DOMException {
  readonly quota: number | null;
  readonly requested: number | null;
}
declare var QuotaExceededError: {
  readonly prototype: QuotaExceededError;
  new (message?: string, options?: { quota?: number; requested?: number }): QuotaExceededError;
};

/** The interface of `navigator`, which has these only. */
interface Navigator {
  readonly userAgent: string;
  readonly hardwareConcurrency: number;
  readonly language: string;
}
declare var Navigator: { readonly prototype: Navigator };

/** Under `nano run` only: what follows the file on the command line. */
declare var scriptArgs: readonly string[] | undefined;

interface ImportMeta {
  /** Whether the module is the entry. */
  readonly main: boolean;
}

declare module "*.txt" {
  const text: string;
  export default text;
}
declare module "*.html" {
  const text: string;
  export default text;
}
declare module "*.sql" {
  const text: string;
  export default text;
}
declare module "*.bin" {
  const bytes: ArrayBuffer;
  export default bytes;
}
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
