// Queuing strategies. Streams section 7. Knows nothing of the streams that use them.

const { FunctionPrototypeCall, NumberIsNaN, RangeError } = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;

const convertQueuingStrategyInit = webidl.createDictionaryConverter("QueuingStrategyInit", [
  { key: "highWaterMark", converter: converters["unrestricted double"], required: true },
]);

const convertQueuingStrategy = webidl.createDictionaryConverter("QueuingStrategy", [
  { key: "highWaterMark", converter: converters["unrestricted double"] },
  { key: "size", converter: converters.Function },
]);

// One function of each kind for all strategies, as the standard wants. Arrow functions: no constructors.
const byteLengthSizeFunction = { size: (chunk) => chunk.byteLength }.size;
const countSizeFunction = { size: () => 1 }.size;

class ByteLengthQueuingStrategy {
  #highWaterMark;

  constructor(init) {
    webidl.requiredArguments(arguments.length, 1, "Failed to construct 'ByteLengthQueuingStrategy'");
    this.#highWaterMark =
      convertQueuingStrategyInit(init, "Failed to construct 'ByteLengthQueuingStrategy'", "Argument 1").highWaterMark;
  }

  get highWaterMark() {
    return this.#highWaterMark;
  }

  get size() {
    // The private access is the brand check.
    this.#highWaterMark;
    return byteLengthSizeFunction;
  }
}
webidl.configureInterface(ByteLengthQueuingStrategy);

class CountQueuingStrategy {
  #highWaterMark;

  constructor(init) {
    webidl.requiredArguments(arguments.length, 1, "Failed to construct 'CountQueuingStrategy'");
    this.#highWaterMark =
      convertQueuingStrategyInit(init, "Failed to construct 'CountQueuingStrategy'", "Argument 1").highWaterMark;
  }

  get highWaterMark() {
    return this.#highWaterMark;
  }

  get size() {
    // The private access is the brand check.
    this.#highWaterMark;
    return countSizeFunction;
  }
}
webidl.configureInterface(CountQueuingStrategy);

// section 7.4, ExtractHighWaterMark
function ExtractHighWaterMark(strategy, defaultHWM) {
  const highWaterMark = strategy.highWaterMark;
  if (highWaterMark === undefined) return defaultHWM;
  if (NumberIsNaN(highWaterMark) || highWaterMark < 0) {
    throw new RangeError("The highWaterMark of a queuing strategy must be a non-negative number.");
  }
  return highWaterMark;
}

// section 7.4, ExtractSizeAlgorithm: null where every chunk counts 1.
function ExtractSizeAlgorithm(strategy) {
  const size = strategy.size;
  if (size === undefined || size === countSizeFunction) return null;
  return (chunk) => converters["unrestricted double"](FunctionPrototypeCall(size, undefined, chunk));
}

const streams = internal.streams;
streams.ByteLengthQueuingStrategy = ByteLengthQueuingStrategy;
streams.CountQueuingStrategy = CountQueuingStrategy;
streams.ExtractHighWaterMark = ExtractHighWaterMark;
streams.ExtractSizeAlgorithm = ExtractSizeAlgorithm;
streams.convertQueuingStrategy = convertQueuingStrategy;
internal.expose({ ByteLengthQueuingStrategy, CountQueuingStrategy });
