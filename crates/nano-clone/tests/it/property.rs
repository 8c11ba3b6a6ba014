//! Generated values: a clone equals its original, shares nothing with it, and has the same structure of
//! identities.

use crate::world::{WAYS, evaluate, in_isolate, set};
use proptest::prelude::*;

/// `generate(choices)` makes a value of a list of numbers, each of which decides one thing; `compare(a, b)`
/// describes how two values differ.
const SCRIPT: &str = r#"
globalThis.generate = (choices) => {
  let at = 0;
  const next = (below) => choices.length === 0 ? 0 : choices[at++ % choices.length] % below;
  const done = () => at > choices.length;
  const made = [];
  const keep = (object) => (made.push(object), object);
  const text = () => ["", "a", "key", "\u20ac", "\ud800", "x".repeat(300), "\u20ac".repeat(70)][next(7)];
  const number = () => [0, -0, 1, -1, 2 ** 30, -(2 ** 31), 2 ** 32, 1.5, NaN, Infinity, 5e-324][next(11)];
  const views = [
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
    BigInt64Array, BigUint64Array,
  ];
  const errors = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
  const value = (depth) => {
    const kind = next(done() || depth > 12 ? 9 : 26);
    switch (kind) {
      case 0: return undefined;
      case 1: return null;
      case 2: return next(2) === 0;
      case 3: return number();
      case 4: return BigInt(next(1000)) ** BigInt(next(40)) * (next(2) ? 1n : -1n);
      case 5: return text();
      case 6: case 7: return made.length ? made[next(made.length)] : number();
      case 8: return keep(new Date(number()));
      case 9: return keep(Object([true, false, 1.5, -0, "boxed", 7n][next(6)]));
      case 10: return keep(new RegExp(["", "a|b", "\\u20ac", "(?<n>x)"][next(4)], ["", "g", "imsuy", "dg", "v"][next(5)]));
      case 11: case 12: {
        const array = keep(new Array(next(4)));
        for (let i = next(6); i > 0; i--) array[next(3) === 0 ? next(2000) : array.length] = value(depth + 1);
        if (next(4) === 0) array[text()] = value(depth + 1);
        return array;
      }
      case 13: case 14: {
        const map = keep(new Map());
        for (let i = next(6); i > 0; i--) map.set(value(depth + 1), value(depth + 1));
        return map;
      }
      case 15: case 16: {
        const set = keep(new Set());
        for (let i = next(6); i > 0; i--) set.add(value(depth + 1));
        return set;
      }
      case 17: {
        const length = next(5) * 8;
        const buffer = keep(next(3) === 0 ? new ArrayBuffer(length, { maxByteLength: length + 64 }) : new ArrayBuffer(length));
        const bytes = new Uint8Array(buffer);
        for (let i = 0; i < length; i++) bytes[i] = next(256);
        return buffer;
      }
      case 18: case 19: {
        const buffers = made.filter((object) => object instanceof ArrayBuffer);
        const buffer = buffers.length ? buffers[next(buffers.length)] : keep(new ArrayBuffer(32));
        const Class = views[next(views.length)];
        const tracks = next(2) === 0;
        return keep(next(5) === 0 ? new DataView(buffer) : tracks ? new Class(buffer) : new Class(buffer, 0, buffer.byteLength / 8));
      }
      case 20: {
        const error = keep(new errors[next(errors.length)](text()));
        if (next(2) === 0) Object.defineProperty(error, "cause", { value: value(depth + 1), configurable: true, writable: true });
        if (next(4) === 0) delete error.message;
        return error;
      }
      default: {
        const object = keep(next(4) === 0 ? Object.create(null) : {});
        const dictionary = next(8) === 0;
        for (let i = next(7) + (dictionary ? 40 : 0); i > 0; i--) {
          object[next(5) === 0 ? next(100) : text() + (dictionary ? i : next(4))] = value(depth + 1);
        }
        return object;
      }
    }
  };
  return value(0);
};

globalThis.compare = (left, right) => {
  // What was compared is in here: the same on both sides, or not at all.
  const there = new Map();
  const back = new Map();
  const differ = (a, b, path) => {
    if (Object(a) !== a || Object(b) !== b) return Object.is(a, b) ? undefined : `${path}: ${String(a)} and ${String(b)}`;
    if (a === b) return `${path}: shared`;
    if (there.has(a) || back.has(b)) return there.get(a) === b && back.get(b) === a ? undefined : `${path}: another identity`;
    there.set(a, b);
    back.set(b, a);
    const tag = (object) => Object.prototype.toString.call(object);
    if (tag(a) !== tag(b)) return `${path}: ${tag(a)} and ${tag(b)}`;
    const wanted = Object.getPrototypeOf(a) ?? Object.prototype;
    if (Object.getPrototypeOf(b) !== wanted) return `${path}: another prototype`;
    const list = (x, y, path) => {
      if (x.length !== y.length) return `${path}: ${x.length} and ${y.length} entries`;
      for (let i = 0; i < x.length; i++) {
        const found = differ(x[i], y[i], `${path}[${i}]`);
        if (found) return found;
      }
    };
    if (a instanceof Map) return list([...a].flat(), [...b].flat(), `${path}.map`);
    if (a instanceof Set) return list([...a], [...b], `${path}.set`);
    if (a instanceof Date) return differ(+a, +b, path);
    if (a instanceof RegExp) return differ(String(a), String(b), path);
    if ([Boolean, Number, String, BigInt].some((Class) => a instanceof Class)) return differ(a.valueOf(), b.valueOf(), path);
    if (a instanceof ArrayBuffer) {
      return list([a.byteLength, a.maxByteLength, a.resizable, ...new Uint8Array(a)], [b.byteLength, b.maxByteLength, b.resizable, ...new Uint8Array(b)], path);
    }
    if (ArrayBuffer.isView(a)) {
      return list([a.byteOffset, a.byteLength, a.buffer], [b.byteOffset, b.byteLength, b.buffer], path);
    }
    if (a instanceof Error) {
      const parts = (error) => [error.message, error.stack, Object.hasOwn(error, "message"), Object.hasOwn(error, "cause"), error.cause];
      return list(parts(a), parts(b), `${path}.error`);
    }
    if (Array.isArray(a) && a.length !== b.length) return `${path}: another length`;
    const keys = Object.keys(a);
    const found = list(keys, Object.keys(b), `${path}.keys`);
    if (found) return found;
    for (const key of keys) {
      const found = differ(a[key], b[key], `${path}.${key.slice(0, 9)}`);
      if (found) return found;
    }
  };
  return differ(left, right, "value") ?? "";
};
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Twenty values in each isolate.
    #[test]
    fn a_clone_equals_its_original_and_shares_nothing(
        programs in prop::collection::vec(prop::collection::vec(any::<u16>(), 0..400), 20)
    ) {
        let difference = in_isolate(|scope| {
            evaluate(scope, SCRIPT);
            for choices in &programs {
                let value = evaluate(scope, &format!("generate({choices:?})"));
                set(scope, "it", value);
                for (index, way) in WAYS.iter().enumerate() {
                    let copy = match way(scope, value) {
                        Ok(copy) => copy,
                        Err(error) => return Err(format!("way {index}: {error} {choices:?}")),
                    };
                    let copy = v8::Local::new(scope, copy);
                    set(scope, "copy", copy);
                    let difference = evaluate(scope, "compare(it, copy)").to_rust_string_lossy(scope);
                    if !difference.is_empty() {
                        return Err(format!("way {index}: {difference} {choices:?}"));
                    }
                }
            }
            Ok(())
        });
        prop_assert!(difference.is_ok(), "{}", difference.unwrap_err());
    }
}
