// crypto.DigestStream as Workers have it: a WritableStream that digests what is written to it.
// https://developers.cloudflare.com/workers/runtime-apis/web-crypto/#digeststream

const { BigInt, PromisePrototypeThen, PromiseWithResolvers, TypeError } = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;
const { WritableStream } = internal.streams;
const algorithms = internal.cryptoAlgorithms;

const PREFIX = "Failed to construct 'DigestStream'";

class DigestStream extends WritableStream {
  #digest;
  // Shared by the sink and this object: the native digest lives as long as it.
  #state;

  constructor(algorithm) {
    webidl.requiredArguments(arguments.length, 1, PREFIX);
    const hash = algorithms.normalizeHash(algorithms.convertIdentifier(algorithm, PREFIX, "Argument 1"), PREFIX);
    const state = { __proto__: null, written: 0 };
    const number = ops.digesterNew(state, hash);
    const { promise, resolve, reject } = PromiseWithResolvers();
    // A script that does not look at the digest gets no unhandled rejection when the stream fails.
    PromisePrototypeThen(promise, undefined, () => {});
    super({
      __proto__: null,
      write(chunk) {
        if (typeof chunk === "string") {
          chunk = ops.utf8Encode(converters.USVString(chunk));
        } else {
          try {
            converters.BufferSource(chunk, "Failed to write to a DigestStream", "The chunk");
          } catch (error) {
            reject(error);
            throw error;
          }
        }
        state.written += ops.digesterUpdate(number, chunk);
      },
      close() {
        try {
          resolve(ops.digesterFinish(number));
        } catch (error) {
          reject(error);
        }
      },
      abort(reason) {
        reject(reason ?? new TypeError("The stream was aborted"));
      },
    });
    this.#digest = promise;
    this.#state = state;
  }

  // The digest, when the stream is closed.
  get digest() {
    return this.#digest;
  }

  // How many bytes it has taken; a BigInt, as in Workers.
  get bytesWritten() {
    return BigInt(this.#state.written);
  }
}
webidl.configureInterface(DigestStream);

internal.digestStream = { __proto__: null, DigestStream };
