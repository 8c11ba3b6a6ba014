// Replaces what a tenant can replace of the language's built-ins by functions that do the same, and note where the platform
// is their caller: built-ins must not depend on what a tenant has made of them.

{
  const apply = Reflect.apply;
  const { captureStackTrace } = Error;
  const includes = Function.prototype.call.bind(String.prototype.includes);
  const split = Function.prototype.call.bind(String.prototype.split);
  const trim = Function.prototype.call.bind(String.prototype.trim);
  const has = Function.prototype.call.bind(Set.prototype.has);
  const add = Function.prototype.call.bind(Set.prototype.add);
  const each = Function.prototype.call.bind(Set.prototype.forEach);
  const { defineProperty, getOwnPropertyDescriptor } = Object;
  const { ownKeys } = Reflect;

  const seen = new Set();
  let busy = false;

  // What the standards want to be observable: where Web IDL or an algorithm reads what the caller gave.
  const observable = [
    // Web IDL §3.2.21: sequences are read by their iterators.
    ["Array.prototype.Symbol.iterator", "createSequenceFromIterable"],
    ["ArrayIterator.prototype.next", "createSequenceFromIterable"],
    ["Set.prototype.Symbol.iterator", "createSequenceFromIterable"],
    ["SetIterator.prototype.next", "createSequenceFromIterable"],
    // Web IDL §3.2.10: strings of objects are what their toString() says.
    ["Error.prototype.toString", "converters.DOMString"],
    // Streams §7.2.4: the size of a chunk is its byteLength property.
    ["TypedArray.prototype.byteLength", "ByteLengthQueuingStrategy"],
    // Streams §4.2.5, ReadableStream.from().
    ["Array.prototype.Symbol.iterator", "nano:streams/readable_iteration.js"],
    ["ArrayIterator.prototype.next", "nano:streams/readable_iteration.js"],
    // Web IDL §3.2.17: members of a dictionary are properties of what the caller gave, here an algorithm's length.
    ["Object.prototype.length", "nano:crypto/normalize.js"],
  ];

  // The first frame with a file below the replaced function; calls that built-ins of the language make for the platform
  // count as the platform's.
  function note(name, replaced) {
    if (busy) return;
    busy = true;
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 4;
    const holder = { __proto__: null };
    captureStackTrace(holder, replaced);
    const lines = split(holder.stack, "\n");
    Error.stackTraceLimit = before;
    for (let i = 1; i < lines.length; i++) {
      if (includes(lines[i], "(<anonymous>)")) continue;
      if (includes(lines[i], "nano:")) {
        let allowed = false;
        for (let j = 0; j < observable.length; j++) {
          if (observable[j][0] === name && includes(lines[i], observable[j][1])) allowed = true;
        }
        const entry = `${name} ${trim(lines[i])}`;
        if (!allowed && !has(seen, entry)) add(seen, entry);
      }
      break;
    }
    busy = false;
  }

  function replace(owner, prefix, skip = []) {
    const keys = ownKeys(owner);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const label = `${prefix}.${typeof key === "symbol" ? key.description : key}`;
      const descriptor = getOwnPropertyDescriptor(owner, key);
      // Promise.prototype.then() itself asks for the species, whoever calls it: a tenant that replaces that breaks its own.
      if (key === "constructor" || label === "Promise.Symbol.species" || skip.includes(key) || !descriptor.configurable) continue;
      if (typeof descriptor.value === "function") {
        const original = descriptor.value;
        const { replacement } = {
          replacement(...args) {
            note(label, replacement);
            return new.target === undefined ? apply(original, this, args) : Reflect.construct(original, args, new.target);
          },
        };
        descriptor.value = replacement;
      } else if (descriptor.get !== undefined) {
        const original = descriptor.get;
        descriptor.get = function get() {
          note(label, get);
          return apply(original, this, []);
        };
      } else {
        continue;
      }
      defineProperty(owner, key, descriptor);
    }
  }

  const iterator = Object.getPrototypeOf;
  const arrayIterator = iterator([][Symbol.iterator]());
  const mapIterator = iterator(new Map()[Symbol.iterator]());
  const setIterator = iterator(new Set()[Symbol.iterator]());
  const stringIterator = iterator(""[Symbol.iterator]());
  replace(Array, "Array");
  replace(Map.prototype, "Map.prototype");
  replace(Set.prototype, "Set.prototype");
  replace(WeakMap.prototype, "WeakMap.prototype");
  replace(WeakRef.prototype, "WeakRef.prototype");
  replace(Promise.prototype, "Promise.prototype");
  replace(Promise, "Promise");
  replace(RegExp.prototype, "RegExp.prototype");
  replace(Date.prototype, "Date.prototype");
  replace(Error.prototype, "Error.prototype");
  replace(Number.prototype, "Number.prototype");
  replace(Symbol.prototype, "Symbol.prototype");
  replace(ArrayBuffer.prototype, "ArrayBuffer.prototype");
  replace(DataView.prototype, "DataView.prototype");
  replace(iterator(Uint8Array.prototype), "TypedArray.prototype");
  replace(iterator(Uint8Array), "TypedArray");
  replace(JSON, "JSON");
  replace(Math, "Math");
  replace(arrayIterator, "ArrayIterator.prototype");
  replace(mapIterator, "MapIterator.prototype");
  replace(setIterator, "SetIterator.prototype");
  replace(stringIterator, "StringIterator.prototype");
  replace(String, "String");
  replace(Object, "Object");
  replace(Reflect, "Reflect");
  replace(String.prototype, "String.prototype");
  replace(Function.prototype, "Function.prototype", ["caller", "arguments"]);
  replace(Array.prototype, "Array.prototype");

  // Last, since the descriptors above would inherit them: properties that descriptors and option bags of our own could inherit.
  const inherited = ["get", "set", "writable", "enumerable", "configurable", "length"];
  for (let i = 0; i < inherited.length; i++) {
    const name = inherited[i];
    const label = `Object.prototype.${name}`;
    defineProperty(Object.prototype, name, {
      __proto__: null,
      get: function get() {
        note(label, get);
        return undefined;
      },
      set: function set(value) {
        note(label, set);
        defineProperty(this, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      },
      configurable: true,
    });
  }

  globalThis.trespasses = () => {
    busy = true;
    const list = [];
    each(seen, (entry) => void (list[list.length] = entry));
    busy = false;
    return list;
  };
}
