// How an error is printed: its stack, with a title that agrees with its name and message as they are now.

const {
  ArrayPrototypePush, Error, ErrorIsError, FunctionPrototypeToString, ObjectGetPrototypeOf, ObjectHasOwn,
  ReflectGetOwnPropertyDescriptor, StringPrototypeEndsWith, StringPrototypeIncludes, StringPrototypeIndexOf,
  StringPrototypeRepeat, StringPrototypeSlice, StringPrototypeStartsWith, uncurryThis,
} = internal.primordials;
const { builtinTag, findTag, isProxy, ownData } = internal.console;

function isError(value) {
  if (ErrorIsError !== undefined) {
    if (ErrorIsError(value)) return true;
  } else if (builtinTag(value, findTag(value)) === "Error") {
    return true;
  }
  for (let object = ObjectGetPrototypeOf(value); object !== null; object = ObjectGetPrototypeOf(object)) {
    if (object === Error.prototype) return true;
    if (isProxy(object)) return false;
  }
  return false;
}

// The engine may keep `stack` behind a getter of its own, which alone is called.
const stackGetter = ReflectGetOwnPropertyDescriptor(new Error(), "stack")?.get;
const getStack = stackGetter === undefined ? undefined : uncurryThis(stackGetter);

function errorStack(error) {
  try {
    const descriptor = ReflectGetOwnPropertyDescriptor(error, "stack");
    if (descriptor === undefined) return undefined;
    const stack = descriptor.get === undefined
      ? descriptor.value
      : descriptor.get === stackGetter ? getStack(error) : undefined;
    return typeof stack === "string" && stack !== "" ? stack : undefined;
  } catch {
    return undefined;
  }
}

// A data property of the error or of its prototypes, where it is a string.
function inheritedString(error, key) {
  for (let object = error; object !== null && !isProxy(object); object = ObjectGetPrototypeOf(object)) {
    const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
    if (descriptor !== undefined) return typeof descriptor.value === "string" ? descriptor.value : undefined;
  }
  return undefined;
}

function errorBase(context, error, constructor, shape) {
  const exception = internal.platformInspectors.exception(error);
  const name = exception === undefined ? inheritedString(error, "name") ?? constructor ?? "Error" : exception.name;
  const message = exception === undefined ? inheritedString(error, "message") ?? "" : exception.message;
  const title = message === "" ? name : name === "" ? message : `${name}: ${message}`;
  let stack = errorStack(error);
  shape.skipKeys = ["stack", "message", "cause", "errors"];
  // An own name is in the title already.
  if (ownData(error, "name") === name) ArrayPrototypePush(shape.skipKeys, "name");
  if (stack === undefined) return `[${title}]`;
  // The stack was taken when the error was made: its first line may have a name or message that changed
  // since.
  const frames = StringPrototypeIndexOf(stack, "\n    at ");
  if (frames === -1) {
    stack = `[${StringPrototypeIncludes(stack, message) ? title : stack}]`;
  } else {
    const head = StringPrototypeSlice(stack, 0, frames);
    const rest = StringPrototypeSlice(stack, frames);
    if (!StringPrototypeIncludes(head, name) || !StringPrototypeIncludes(head, message)) {
      stack = title + rest;
    } else if (
      constructor !== null && exception === undefined && name === "Error" && constructor !== name &&
      StringPrototypeStartsWith(head, "Error")
    ) {
      // A subclass that gave itself no name.
      stack = (StringPrototypeIncludes(constructor, name) ? constructor : `${constructor} [${name}]`) + StringPrototypeSlice(stack, 5);
    }
  }
  if (context.indentation > 0) stack = indentLines(stack, context.indentation);
  return stack;
}

function indentLines(text, columns) {
  const indentation = `\n${StringPrototypeRepeat(" ", columns)}`;
  let output = "";
  let start = 0;
  for (let at = StringPrototypeIndexOf(text, "\n"); at !== -1; at = StringPrototypeIndexOf(text, "\n", start)) {
    output += StringPrototypeSlice(text, start, at) + indentation;
    start = at + 1;
  }
  return output + StringPrototypeSlice(text, start);
}

// Whether an object has a toString() that somebody has written, and not only the language's; no proxy has.
function hasOwnToString(value) {
  for (let object = value; object !== null && !isProxy(object); object = ObjectGetPrototypeOf(object)) {
    const descriptor = ReflectGetOwnPropertyDescriptor(object, "toString");
    if (descriptor === undefined) continue;
    return ObjectHasOwn(descriptor, "value") && typeof descriptor.value === "function" && !isProxy(descriptor.value) &&
      !StringPrototypeEndsWith(FunctionPrototypeToString(descriptor.value), "{ [native code] }");
  }
  return false;
}

internal.console.errorBase = errorBase;
internal.console.errorStack = errorStack;
internal.console.hasOwnToString = hasOwnToString;
internal.console.isError = isError;
