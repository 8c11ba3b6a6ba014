// Parts of the platform that an isolate evaluates when they are first needed (../parts.rs lists them).
//
// What a part exports as `internal.<name>` is behind an accessor that evaluates it, and so is
// `internal.hooks.<name>`, by which a folder calls what a later one implements; its globals are lazy data
// properties of the global object, made natively. Evaluation may come in the middle of a tenant's code and
// may fail there (the stack overflows, execution is terminated): files assign to a stage of their own, which
// becomes visible only when all of them are through, so that nobody ever sees half a part or two versions of
// one. Knows nothing of what parts contain.

const { ObjectDefineProperty, ReflectOwnKeys } = internal.primordials;

// By number: the globals of a part that was evaluated.
const globals = { __proto__: null };

// The exports of evaluated parts, by name: `internal.loaded.file?.isBlob(value)` asks without evaluating
// anything. Where a part was never evaluated there is no object of its classes.
const loaded = internal.loaded = { __proto__: null };

// Interfaces of folders that later ones implement. registry.rs checks who declares and who implements them.
const hooks = internal.hooks = { __proto__: null };

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
  const stageHooks = stage.hooks = { __proto__: hooks };
  stage.expose = stage.exposeEnumerable = (members) => copy(members, exposed);
  const offered = ops.partNames(number);
  const names = offered[0];
  const hookNames = offered[1];
  prepare(stage, names);
  prepare(stageHooks, hookNames);
  ops.evaluatePart(number, stage, ops);
  // The rest needs less of the stack than what has succeeded.
  publish(stage, names, internal);
  publish(stageHooks, hookNames, hooks);
  return globals[number] = exposed;
}
internal.loadPart = load;

// A file of the part assigns to properties of its stage, and not through the accessors behind it.
function prepare(stage, names) {
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(stage, names[i], { __proto__: null, value: undefined, writable: true });
  }
}

function publish(stage, names, to) {
  for (let i = 0; i < names.length; i++) {
    const value = loaded[names[i]] = stage[names[i]];
    ObjectDefineProperty(to, names[i], { __proto__: null, value, writable: true });
  }
}

// Written out, since a function for it would stay in the snapshot.
for (let number = 0, offered; (offered = ops.partNames(number)) !== undefined; number++) {
  for (let i = 0; i < offered.length; i++) {
    for (let j = 0; j < offered[i].length; j++) {
      const name = offered[i][j];
      ObjectDefineProperty(i === 0 ? internal : hooks, name, {
        __proto__: null,
        configurable: true,
        get() {
          load(number);
          return loaded[name];
        },
      });
    }
  }
}
