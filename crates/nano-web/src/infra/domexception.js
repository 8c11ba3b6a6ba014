// DOMException and QuotaExceededError. Web IDL section 2.8.1, section 3.14.3, section 4.5
//
// Knows nothing of who throws them. The objects are errors in the language's own sense (Error.isError, a stack trace taken
// where they are made), whose name and message live in private state.

const {
  Error,
  Function,
  ObjectSetPrototypeOf,
  RangeError,
  ReflectConstruct,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;

// The names with a legacy code. Web IDL section 2.8.1, the error names table
const codes = {
  __proto__: null,
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
};

// What every exception is: an error in the language's own sense, with name and message in private state. Made with new.target handed on, so
// that the object has its prototype from the start and its stack trace begins where DOMException, or what is derived of it, was called; the
// text of the trace, which has name and message in it, is made when it is first asked for.
class ExceptionState extends Error {
  #name;
  #message;
  constructor(name, message) {
    // The trace's text has the message that Error was given, and not the one that the getter below gives; the property that this makes goes
    // at once.
    super(message);
    delete this.message;
    this.#name = name;
    this.#message = message;
  }
  static name(object) {
    return object.#name;
  }
  static message(object) {
    return object.#message;
  }
  static has(object) {
    return #name in object;
  }
}

// Derived of Error only until it is made: what is a derived class makes no object of its own, and V8 keeps the shape of what is made for it.
class DOMException extends Error {
  constructor(message = "", name = "Error") {
    const prefix = "Failed to construct 'DOMException'";
    message = converters.DOMString(message, prefix, "Argument 1");
    name = converters.DOMString(name, prefix, "Argument 2");
    return ReflectConstruct(ExceptionState, [name, message], new.target);
  }

  get name() {
    return ExceptionState.name(this);
  }

  get message() {
    return ExceptionState.message(this);
  }

  get code() {
    return codes[ExceptionState.name(this)] ?? 0;
  }
}
ObjectSetPrototypeOf(DOMException, Function.prototype);
webidl.configureInterface(DOMException);
webidl.defineConstants(DOMException, {
  __proto__: null,
  INDEX_SIZE_ERR: 1,
  DOMSTRING_SIZE_ERR: 2,
  HIERARCHY_REQUEST_ERR: 3,
  WRONG_DOCUMENT_ERR: 4,
  INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6,
  NO_MODIFICATION_ALLOWED_ERR: 7,
  NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10,
  INVALID_STATE_ERR: 11,
  SYNTAX_ERR: 12,
  INVALID_MODIFICATION_ERR: 13,
  NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15,
  VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17,
  SECURITY_ERR: 18,
  NETWORK_ERR: 19,
  ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21,
  QUOTA_EXCEEDED_ERR: 22,
  TIMEOUT_ERR: 23,
  INVALID_NODE_TYPE_ERR: 24,
  DATA_CLONE_ERR: 25,
});

const convertQuotaOptions = webidl.createDictionaryConverter("QuotaExceededErrorOptions", [
  { key: "quota", converter: converters.double },
  { key: "requested", converter: converters.double },
]);

// Web IDL section 4.5. Its two figures are null where nobody gave them.
let getQuota, isQuotaExceededError;
class QuotaExceededError extends DOMException {
  #quota = null;
  #requested = null;

  static {
    getQuota = (error) => ({ __proto__: null, quota: error.#quota, requested: error.#requested });
    isQuotaExceededError = (error) => #quota in error;
  }

  constructor(message = "", options = {}) {
    const prefix = "Failed to construct 'QuotaExceededError'";
    message = converters.DOMString(message, prefix, "Argument 1");
    const { quota, requested } = convertQuotaOptions(options, prefix, "Argument 2");
    super(message, "QuotaExceededError");
    if (quota !== undefined) {
      if (quota < 0) throw new RangeError(`${prefix}: 'quota' must not be negative.`);
      this.#quota = quota;
    }
    if (requested !== undefined) {
      if (requested < 0) throw new RangeError(`${prefix}: 'requested' must not be negative.`);
      this.#requested = requested;
    }
    if (quota !== undefined && requested !== undefined && requested < quota) {
      throw new RangeError(`${prefix}: 'requested' must not be less than 'quota'.`);
    }
  }

  get quota() {
    return this.#quota;
  }

  get requested() {
    return this.#requested;
  }
}
webidl.configureInterface(QuotaExceededError);

function isDOMException(value) {
  return webidl.isObject(value) && ExceptionState.has(value);
}

// Name and message, whatever a script has put over them.
function getState(exception) {
  return { __proto__: null, name: ExceptionState.name(exception), message: ExceptionState.message(exception) };
}

internal.domexception = {
  __proto__: null,
  DOMException,
  QuotaExceededError,
  getQuota,
  getState,
  isDOMException,
  isQuotaExceededError,
};
internal.expose({ DOMException, QuotaExceededError });
