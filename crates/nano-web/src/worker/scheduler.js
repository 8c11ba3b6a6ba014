// scheduler.wait(), as Workers have it. https://developers.cloudflare.com/workers/runtime-apis/scheduler/

const { Promise, PromiseReject, TypeError } = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;
const { cancelTimeout, startTimeout } = internal.timers;

const convertWaitOptions = (options, prefix) => {
  if (options === undefined || options === null) return undefined;
  if (!webidl.isObject(options)) throw new TypeError(`${prefix}: Argument 2 is not an object.`);
  const { signal } = options;
  return signal === undefined || signal === null
    ? undefined
    : internal.abort.convertAbortSignal(signal, prefix, "'signal' of Argument 2");
};

class Scheduler {
  #brand;

  constructor(key = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
  }

  // A promise that is fulfilled after that many milliseconds, or rejected with the signal's reason.
  wait(milliseconds, options = undefined) {
    const prefix = "Failed to execute 'wait' on 'Scheduler'";
    try {
      this.#brand;
      webidl.requiredArguments(arguments.length, 1, prefix);
      milliseconds = converters.long(milliseconds, prefix, "Argument 1");
      const signal = convertWaitOptions(options, prefix);
      if (signal !== undefined && internal.abort.isAborted(signal)) {
        return PromiseReject(internal.abort.getReason(signal));
      }
      return new Promise((resolve, reject) => {
        const abort = () => {
          cancelTimeout(id);
          reject(internal.abort.getReason(signal));
        };
        const id = startTimeout(milliseconds < 0 ? 0 : milliseconds, () => {
          if (signal !== undefined) internal.abort.removeAlgorithm(signal, abort);
          resolve();
        });
        if (signal !== undefined) internal.abort.addAlgorithm(signal, abort);
      });
    } catch (error) {
      return PromiseReject(error);
    }
  }
}
webidl.configureInterface(Scheduler);

internal.expose({ scheduler: new Scheduler(webidl.constructorKey) });
