// The last of the files that are evaluated ahead: lets go of what only they needed, so that no isolate carries it.
//
// They have taken whatever they use of the language's built-ins. Kept are those that a part will ask for when it is evaluated.

const { ReflectOwnKeys } = internal.primordials;

const kept = { __proto__: null };
const names = ReflectOwnKeys(internal.primordials);
for (let i = 0; i < names.length; i++) {
  if (ops.partsMention(names[i])) kept[names[i]] = internal.primordials[names[i]];
}
internal.primordials = kept;
