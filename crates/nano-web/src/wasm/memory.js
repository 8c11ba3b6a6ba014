// The WebAssembly namespace (WebAssembly JavaScript Interface), so far as memories are concerned: V8
// implements it, and counts a memory neither as heap nor as an external buffer.
//
// Every memory that comes into being passes here, and is counted by the native side: made by a script,
// exported by an instance, or hidden in one, whose growth nobody could see: such a module is given a maximum
// (memory.rs). Knows nothing of limits.

const {
  ObjectDefineProperty, PromisePrototypeThen, PromiseReject, ReflectConstruct, ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys, TypeError, uncurryThis,
} = internal.primordials;
const { converters } = internal.webidl;

const WebAssembly = ops.wasmNamespace();
const { Instance: OriginalInstance, Memory: OriginalMemory, compile, compileStreaming, instantiate: originalInstantiate, validate } = WebAssembly;
const getExports = uncurryThis(ReflectGetOwnPropertyDescriptor(OriginalInstance.prototype, "exports").get);
const grow = uncurryThis(OriginalMemory.prototype.grow);
const getBuffer = uncurryThis(ReflectGetOwnPropertyDescriptor(OriginalMemory.prototype, "buffer").get);

// Counts the memories that an instance shows, and `hidden` bytes of those that it does not.
function track(instance, hidden) {
  if (hidden > 0) ops.wasmTrackHidden(instance, hidden);
  const exports = getExports(instance);
  const names = ReflectOwnKeys(exports);
  for (let i = 0; i < names.length; i++) ops.wasmTrack(exports[names[i]]);
  return instance;
}

function Memory(descriptor) {
  if (new.target === undefined) throw new TypeError("WebAssembly.Memory must be invoked with 'new'");
  const memory = ReflectConstruct(OriginalMemory, arguments.length === 0 ? [] : [descriptor], new.target);
  ops.wasmTrack(memory);
  return memory;
}

function Instance(module, importObject = undefined) {
  if (new.target === undefined) throw new TypeError("WebAssembly.Instance must be invoked with 'new'");
  const bounded = ops.wasmBound(module);
  const hidden = ops.wasmHidden();
  return track(ReflectConstruct(OriginalInstance, [bounded, importObject], new.target), hidden);
}

// "asynchronously instantiate a WebAssembly module"; a promise of what `wrap` makes of the instance.
function instantiateModule(module, importObject, wrap) {
  try {
    const bounded = ops.wasmBound(module);
    const hidden = ops.wasmHidden();
    const instance = originalInstantiate(bounded, importObject);
    return PromisePrototypeThen(instance, (instance) => wrap(track(instance, hidden)));
  } catch (error) {
    return PromiseReject(error);
  }
}

// What promises of instantiate() and instantiateStreaming() have where they compiled the module themselves.
function instantiateCompiled(module, importObject) {
  return instantiateModule(module, importObject, (instance) => ({ module, instance }));
}
internal.wasmMemory = { __proto__: null };
internal.expose({ WebAssembly });

const methods = {
  __proto__: null,
  instantiate(bytes, importObject = undefined) {
    if (ops.wasmIsModule(bytes)) return instantiateModule(bytes, importObject, (instance) => instance);
    return PromisePrototypeThen(compile(bytes), (module) => instantiateCompiled(module, importObject));
  },
  instantiateStreaming(source, importObject = undefined) {
    return PromisePrototypeThen(compileStreaming(source), (module) => instantiateCompiled(module, importObject));
  },
  // Takes as long as compiling does: see infra/builtins.js.
  validate(bytes) {
    internal.look();
    return validate(bytes);
  },
  // A script that has the buffer keeps its bytes when the memory is gone, so it is counted as it is now.
  get buffer() {
    const buffer = getBuffer(this);
    ops.wasmTrack(this);
    return buffer;
  },
  grow(delta) {
    const prefix = "WebAssembly.Memory.grow()";
    const pages = converters["unsigned long"](delta, prefix, "Argument 0", { __proto__: null, enforceRange: true });
    ops.wasmReserve(this, pages);
    return grow(this, pages);
  },
};

function replace(name, constructor, original) {
  ObjectDefineProperty(constructor, "prototype", { __proto__: null, value: original.prototype, writable: false });
  ObjectDefineProperty(constructor, "length", { __proto__: null, value: 1, configurable: true });
  ObjectDefineProperty(original.prototype, "constructor", {
    __proto__: null, value: constructor, writable: true, configurable: true,
  });
  ObjectDefineProperty(WebAssembly, name, { __proto__: null, value: constructor, writable: true, configurable: true });
}
replace("Memory", Memory, OriginalMemory);
replace("Instance", Instance, OriginalInstance);
function replaceFunction(name) {
  ObjectDefineProperty(methods[name], "length", { __proto__: null, value: 1, configurable: true });
  ObjectDefineProperty(WebAssembly, name, {
    __proto__: null, value: methods[name], writable: true, enumerable: true, configurable: true,
  });
}
replaceFunction("instantiate");
replaceFunction("validate");
// Absent where the embedder has set no callback for it.
if (compileStreaming !== undefined) replaceFunction("instantiateStreaming");
ObjectDefineProperty(OriginalMemory.prototype, "grow", {
  __proto__: null, value: methods.grow, writable: true, enumerable: true, configurable: true,
});
ObjectDefineProperty(OriginalMemory.prototype, "buffer", {
  __proto__: null, get: ReflectGetOwnPropertyDescriptor(methods, "buffer").get, enumerable: true, configurable: true,
});
