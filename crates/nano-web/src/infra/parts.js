// Parts of the platform that an isolate evaluates when they are first needed (../parts.rs lists them).
//
// What a part exports as `internal.<name>` is behind an accessor that evaluates it; its globals are lazy data properties of the global
// object, made natively. Evaluation may come in the middle of a tenant's code and may fail there (the stack overflows,
// execution is terminated): files assign to a stage of their own, which becomes visible only when all of them are through, so
// that nobody ever sees half a part or two versions of one. Knows nothing of what parts contain.

const { ObjectDefineProperty, ReflectOwnKeys } = internal.primordials;

// By number: the globals of a part that was evaluated.
const globals = { __proto__: null };

// What evaluated parts export, by name: `internal.loaded.file?.isBlob(value)` asks without evaluating anything. Where a part was
// never evaluated there is no object of its classes.
const loaded = internal.loaded = { __proto__: null };

function copy(members, to) {
  const names = ReflectOwnKeys(members);
  for (let i = 0; i < names.length; i++) to[names[i]] = members[names[i]];
}

// Evaluates a part, once; its globals by name.
function load(number) {
  const known = globals[number];
  if (known !== undefined) return known;
  const exposed = { __proto__: null };
  const stage = { __proto__: internal };
  stage.expose = stage.exposeEnumerable = (members) => copy(members, exposed);
  const names = ops.partExports(number);
  ops.evaluatePart(number, stage, ops);
  // What follows needs less of the stack than what has succeeded.
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    loaded[name] = stage[name];
    ObjectDefineProperty(internal, name, { __proto__: null, value: stage[name], writable: true });
  }
  return globals[number] = exposed;
}
internal.loadPart = load;

for (let number = 0; number < ops.partCount(); number++) {
  const names = ops.partExports(number);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    ObjectDefineProperty(internal, name, {
      __proto__: null,
      configurable: true,
      get() {
        load(number);
        return loaded[name];
      },
      // A file of the part assigns to its stage.
      set(value) {
        ObjectDefineProperty(this, name, { __proto__: null, value, writable: true, configurable: true });
      },
    });
  }
}
