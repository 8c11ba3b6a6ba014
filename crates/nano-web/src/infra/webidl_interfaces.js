// Web IDL: the shape that interfaces have in JavaScript. Web IDL section 3.7
//
// Knows nothing of any particular interface.

const {
  ArrayPrototypePush,
  FunctionPrototypeCall,
  IteratorPrototype,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectSetPrototypeOf,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  SymbolIterator,
  SymbolToStringTag,
} = internal.primordials;
const { converters, requiredArguments } = internal.webidl;

function makeEnumerable(target) {
  const keys = ReflectOwnKeys(target);
  const isClass = typeof target === "function";
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key === "symbol") continue;
    if (isClass ? key === "prototype" || key === "name" || key === "length" : key === "constructor") continue;
    const descriptor = ReflectGetOwnPropertyDescriptor(target, key);
    if (descriptor.configurable) {
      ObjectDefineProperty(target, key, { __proto__: null, enumerable: true });
    }
  }
}

// Gives a class the shape of an interface: attributes and operations, on the prototype and static ones,
// become enumerable, and the prototype gets its class string. A static getter or operation named `name` or
// `length` is left as it is.
function configureInterface(Class, name = Class.name) {
  makeEnumerable(Class);
  makeEnumerable(Class.prototype);
  // So that structured clone knows platform objects from others.
  ops.markInterface(Class.prototype);
  ObjectDefineProperty(Class.prototype, SymbolToStringTag, {
    __proto__: null, value: name, enumerable: false, configurable: true, writable: false,
  });
}

// The getters of these attributes, or those that they inherit: [name, getter, name, getter, ...]. For a
// class's own file, where nobody can have patched it yet.
function takeAttributes(Class, names) {
  const attributes = [];
  for (let i = 0; i < names.length; i++) {
    let object = Class.prototype;
    let descriptor;
    while ((descriptor = ReflectGetOwnPropertyDescriptor(object, names[i])) === undefined) object = ObjectGetPrototypeOf(object);
    ArrayPrototypePush(attributes, names[i], descriptor.get);
  }
  return attributes;
}

// Constants of an interface: on the class and on its prototype, read-only and enumerable. section 3.7.3
function defineConstants(Class, constants) {
  const names = ReflectOwnKeys(constants);
  for (let i = 0; i < names.length; i++) {
    const descriptor = {
      __proto__: null, value: constants[names[i]], enumerable: true, configurable: false, writable: false,
    };
    ObjectDefineProperty(Class, names[i], descriptor);
    ObjectDefineProperty(Class.prototype, names[i], descriptor);
  }
}

// Makes an interface iterable over pairs. `getPairs(object)` gives its list of [key, value] arrays as it is
// now, and throws a TypeError if the object is not of the interface; it is called at each step, because
// iterators see changes, so it had better be cheap. The arrays are not handed out. section 3.7.9, section
// 3.7.10
function pairIterable(Class, name, getPairs) {
  class PairIterator {
    #target;
    #kind;
    #index = 0;

    constructor(target, kind) {
      this.#target = target;
      this.#kind = kind;
    }

    next() {
      // The private access is the brand check.
      const index = this.#index;
      const pairs = getPairs(this.#target);
      if (index >= pairs.length) return { value: undefined, done: true };
      this.#index = index + 1;
      const pair = pairs[index];
      switch (this.#kind) {
        case 0: return { value: pair[0], done: false };
        case 1: return { value: pair[1], done: false };
        default: return { value: [pair[0], pair[1]], done: false };
      }
    }
  }
  const iteratorPrototype = PairIterator.prototype;
  delete iteratorPrototype.constructor;
  ObjectSetPrototypeOf(iteratorPrototype, IteratorPrototype);
  ObjectDefineProperty(iteratorPrototype, "next", { __proto__: null, enumerable: true });
  ObjectDefineProperty(iteratorPrototype, SymbolToStringTag, {
    __proto__: null, value: `${name} Iterator`, enumerable: false, configurable: true, writable: false,
  });

  const methods = {
    entries() {
      getPairs(this);
      return new PairIterator(this, 2);
    },
    keys() {
      getPairs(this);
      return new PairIterator(this, 0);
    },
    values() {
      getPairs(this);
      return new PairIterator(this, 1);
    },
    forEach(callback, thisArg = undefined) {
      let pairs = getPairs(this);
      const prefix = `Failed to execute 'forEach' on '${name}'`;
      requiredArguments(arguments.length, 1, prefix);
      converters.Function(callback, prefix, "Argument 1");
      for (let i = 0; i < pairs.length; i++) {
        FunctionPrototypeCall(callback, thisArg, pairs[i][1], pairs[i][0], this);
        pairs = getPairs(this);
      }
    },
  };
  const names = ["entries", "keys", "values", "forEach"];
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(Class.prototype, names[i], {
      __proto__: null, value: methods[names[i]], enumerable: true, configurable: true, writable: true,
    });
  }
  ObjectDefineProperty(Class.prototype, SymbolIterator, {
    __proto__: null, value: methods.entries, enumerable: false, configurable: true, writable: true,
  });
}

internal.webidl.configureInterface = configureInterface;
internal.webidl.defineConstants = defineConstants;
internal.webidl.pairIterable = pairIterable;
internal.webidl.takeAttributes = takeAttributes;
