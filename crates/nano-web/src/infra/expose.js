// Puts interfaces and functions onto the global object, as Web IDL, section 3.7.1 has their attributes.

const { ObjectDefineProperty, ReflectOwnKeys } = internal.primordials;

function define(members, enumerable) {
  const names = ReflectOwnKeys(members);
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(globalThis, names[i], {
      __proto__: null, value: members[names[i]], writable: true, enumerable, configurable: true,
    });
  }
}

// Interfaces: writable, configurable, not enumerable.
internal.expose = (members) => define(members, false);
// Operations of the global scope: enumerable too.
internal.exposeEnumerable = (members) => define(members, true);
