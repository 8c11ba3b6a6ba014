// The global object's event handlers, which make the events part be evaluated when somebody touches them. HTML section 8.1.8.2
//
// addEventListener() and its siblings on the global object are globals of that part.

const { ObjectDefineProperty, ReflectGetOwnPropertyDescriptor } = internal.primordials;

function define(name, kind) {
  const accessor = {
    get [name]() {
      return internal.events.getHandlerAttribute(this, name);
    },
    set [name](value) {
      internal.events.setHandlerAttribute(this, name, value, kind);
    },
  };
  const descriptor = ReflectGetOwnPropertyDescriptor(accessor, name);
  ObjectDefineProperty(globalThis, name, {
    __proto__: null, get: descriptor.get, set: descriptor.set, enumerable: true, configurable: true,
  });
}

// onerror is called with five arguments.
define("onerror", "error");
define("onunhandledrejection", "");
define("onrejectionhandled", "");

// section 10.2.1.1 "The WorkerGlobalScope common interface": the global object itself, by the name that code for all platforms uses.
ObjectDefineProperty(globalThis, "self", {
  __proto__: null, value: globalThis, writable: true, enumerable: true, configurable: true,
});
