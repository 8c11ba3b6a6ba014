//! Values that are cloned, and values that are refused with their messages.

use crate::world::{Scope, WAYS, evaluate, holds, in_isolate, set};
use nano_clone::{
    Account, Attachments, CloneError, HostObjects, HostWritten, Limits, Message, Options, storage,
    structured_clone,
};
use std::sync::Arc;

/// A script that makes a value, and what must be true of `it` and its `copy`.
const VALUES: &[(&str, &str)] = &[
    ("undefined", "copy === undefined"),
    ("-0", "Object.is(copy, -0)"),
    ("2n ** 100n", "copy === it"),
    ("'\\u20ac\\ud800 a'", "copy === it"),
    (
        "({ a: 1, 'b c': [2], 7: 'x', __proto__: { p: 1 } })",
        "JSON.stringify(copy) === JSON.stringify(it) && copy.p === undefined",
    ),
    ("JSON.parse('{\"__proto__\": 5}')", "Object.getOwnPropertyDescriptor(copy, '__proto__').value === 5"),
    ("new Map([[1, {}], [NaN, 2]])", "copy instanceof Map && copy.size === 2 && copy.get(NaN) === 2"),
    ("new Set([1, 'a'])", "copy instanceof Set && copy.has('a')"),
    ("new Date(NaN)", "copy instanceof Date && isNaN(copy)"),
    ("new Date(8.64e15)", "+copy === 8.64e15"),
    ("/[\\u20ac]/dgimsuy", "String(copy) === String(it) && copy.lastIndex === 0"),
    ("Object('s')", "copy instanceof String && copy == 's'"),
    ("Object(10n)", "copy.valueOf() === 10n"),
    ("Object(false)", "copy instanceof Boolean && !copy.valueOf()"),
    ("[1, , undefined, null]", "copy.length === 4 && !(1 in copy) && 2 in copy"),
    (
        "Object.assign(new Array(5), { 4: 1, name: 'x' })",
        "copy.length === 5 && copy[4] === 1 && copy.name === 'x' && !(0 in copy)",
    ),
    ("[1.5, 2.5, NaN, -0]", "Object.is(copy[3], -0) && Object.is(copy[2], NaN)"),
    ("new Uint16Array([1, 2, 65535])", "copy instanceof Uint16Array && copy[2] === 65535"),
    (
        "new DataView(new ArrayBuffer(8), 2, 3)",
        "copy.byteOffset === 2 && copy.byteLength === 3 && copy.buffer.byteLength === 8",
    ),
    (
        "new Uint8Array(new ArrayBuffer(2, { maxByteLength: 9 }))",
        "copy.buffer.maxByteLength === 9 && (copy.buffer.resize(5), copy.length === 5)",
    ),
    ("((b) => [new Uint8Array(b, 1), b])(new ArrayBuffer(3))", "copy[0].buffer === copy[1]"),
    (
        "(() => { const o = { a: [] }; o.a.push(o, o.a); return o; })()",
        "copy.a[0] === copy && copy.a[1] === copy.a",
    ),
    (
        "new RangeError('m', { cause: { c: 1 } })",
        "copy instanceof RangeError && copy.message === 'm' && copy.cause.c === 1 && copy.stack === it.stack",
    ),
    ("(() => { const e = new EvalError('x'); e.cause = e; return e; })()", "copy.cause === copy"),
    ("Object.assign(new Error(), { name: 'TypeError' })", "copy instanceof TypeError"),
    (
        "new (class A { x = 1; get y() { return 2 } })",
        "Object.getPrototypeOf(copy) === Object.prototype && copy.x === 1 && copy.y === undefined",
    ),
];

#[test]
fn values_survive_every_way() {
    in_isolate(|scope| {
        for (make, check) in VALUES {
            for way in WAYS {
                v8::scope!(let scope, scope);
                let value = evaluate(scope, make);
                set(scope, "it", value);
                let copy = way(scope, value).unwrap_or_else(|error| panic!("{make}: {error}"));
                let copy = v8::Local::new(scope, copy);
                set(scope, "copy", copy);
                holds(scope, check);
                holds(scope, "Object(it) !== it || it !== copy");
            }
        }
    });
}

#[test]
fn values_that_cannot_be_cloned_are_named() {
    let refused = [
        ("({ f() {} })", "f() {} could not be cloned."),
        ("Symbol('s')", "Symbol(s) could not be cloned."),
        ("[new WeakSet]", "#<WeakSet> could not be cloned."),
        ("new Proxy({}, {})", "#<Object> could not be cloned."),
        ("new SharedArrayBuffer(1)", "#<SharedArrayBuffer> could not be cloned."),
        (
            "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))",
            "#<Module> could not be cloned.",
        ),
        ("new WebAssembly.Memory({ initial: 1 })", "#<Memory> could not be cloned."),
        ("(function* () {})()", "[object Generator] could not be cloned."),
    ];
    in_isolate(|scope| {
        for (make, expected) in refused {
            let value = evaluate(scope, make);
            match Message::serialize(scope, value, &[], Options::default()) {
                Err(CloneError::NotCloneable(message)) => assert_eq!(message, expected, "{make}"),
                other => panic!("{make}: {other:?}"),
            }
        }
    });
}

#[test]
fn an_exception_of_a_getter_is_returned_and_nothing_is_detached() {
    in_isolate(|scope| {
        let value = evaluate(scope, "globalThis.b = new ArrayBuffer(4); ({ b, get x() { throw 7 } })");
        let buffer = v8::Local::<v8::ArrayBuffer>::try_from(evaluate(scope, "b")).unwrap();
        match Message::serialize(scope, value, &[buffer], Options::default()) {
            Err(CloneError::Thrown(seven)) => assert!(seven.strict_equals(v8::Integer::new(scope, 7).into())),
            other => panic!("{other:?}"),
        }
        assert!(!buffer.was_detached());
        let value = evaluate(scope, "({ b, f() {} })");
        assert!(structured_clone(scope, value, &[buffer], Options::default(), |_| Ok(())).is_err());
        assert!(!buffer.was_detached());
        assert!(Message::serialize(scope, value, &[buffer, buffer], Options::default()).is_err());
        // The embedder's part of the transfer fails.
        let value = evaluate(scope, "b");
        let failed = structured_clone(scope, value, &[buffer], Options::default(), |_| {
            Err(CloneError::NotCloneable("no".into()))
        });
        assert!(failed.is_err() && !buffer.was_detached());
        // A key guards it.
        let key = v8::Integer::new(scope, 1).into();
        buffer.set_detach_key(key);
        assert!(Message::serialize(scope, value, &[buffer], Options::default()).is_err());
    });
}

#[test]
fn a_buffer_that_cannot_be_detached_is_unchanged() {
    in_isolate(|scope| {
        let value = evaluate(scope, "globalThis.m = new WebAssembly.Memory({ initial: 1 }); m.buffer");
        let buffer = v8::Local::<v8::ArrayBuffer>::try_from(value).unwrap();
        assert!(matches!(
            Message::serialize(scope, value, &[buffer], Options::default()),
            Err(CloneError::NotCloneable(_))
        ));
        holds(scope, "m.buffer.byteLength === 65536");
    });
}

#[test]
fn shared_memory_and_modules_are_shared_where_options_allow() {
    in_isolate(|scope| {
        let options = Options { share_buffers: true, share_modules: true, ..Options::default() };
        let value = evaluate(
            scope,
            "globalThis.it = { s: new SharedArrayBuffer(4), m: new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
              g: new Int32Array(new SharedArrayBuffer(4, { maxByteLength: 8 })),
              w: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }) }; it.again = it.s; it",
        );
        let message = Message::serialize(scope, value, &[], options).unwrap();
        // Refused without the options.
        assert!(message.deserialize_copy(scope, Options::default()).is_err());
        let copy = message.deserialize_copy(scope, options).unwrap();
        set(scope, "copy", copy);
        holds(
            scope,
            "new Uint8Array(it.s)[0] = 7; copy.s !== it.s && new Uint8Array(copy.s)[0] === 7 && copy.again === copy.s",
        );
        holds(
            scope,
            "copy.m instanceof WebAssembly.Module && new WebAssembly.Instance(copy.m) instanceof WebAssembly.Instance",
        );
        holds(scope, "copy.g.length === 1 && (copy.g.buffer.grow(8), it.g.length === 2)");
        holds(scope, "new Uint8Array(it.w.buffer)[9] = 3; new Uint8Array(copy.w.buffer)[9] === 3");
        assert!(matches!(storage::serialize(scope, value, options), Err(CloneError::NotCloneable(_))));
    });
}

#[test]
fn a_value_at_the_limit_of_bytes_is_cloned_and_a_larger_one_refused() {
    in_isolate(|scope| {
        let value = evaluate(scope, "'x'.repeat(1000)");
        // Version (2), tag, length (2), units.
        let exact = Options { limits: Limits { bytes: 1005, ..Limits::default() }, ..Options::default() };
        assert_eq!(Message::serialize(scope, value, &[], exact).unwrap().len(), 1005);
        let less = Options { limits: Limits { bytes: 1004, ..Limits::default() }, ..Options::default() };
        assert!(matches!(
            Message::serialize(scope, value, &[], less),
            Err(CloneError::TooLarge { limit: 1004 })
        ));
        // A small value that serializes to terabytes stops at the limit.
        let bomb = evaluate(scope, "Array(1e6).fill('x'.repeat(1e6))");
        let limited =
            Options { limits: Limits { bytes: 64 << 20, ..Limits::default() }, ..Options::default() };
        assert!(matches!(Message::serialize(scope, bomb, &[], limited), Err(CloneError::TooLarge { .. })));
        let account = Account::new(1 << 20);
        let counted = Options { account: Some(&account), ..Options::default() };
        assert!(matches!(Message::serialize(scope, bomb, &[], counted), Err(CloneError::OutOfMemory)));
        assert_eq!(account.used(), 0);
        let fits = evaluate(scope, "'x'.repeat(500000)");
        let message = Message::serialize(scope, fits, &[], counted);
        drop(message);
        assert_eq!(account.used(), 0);
    });
}

#[test]
fn a_value_at_the_limit_of_depth_is_stored_and_a_deeper_one_refused() {
    in_isolate(|scope| {
        let options = Options { limits: Limits { depth: 10, ..Limits::default() }, ..Options::default() };
        let ten = evaluate(scope, "let v = 0; for (let i = 0; i < 10; i++) v = [v]; v");
        assert!(storage::serialize(scope, ten, options).is_ok());
        let eleven = evaluate(scope, "[v]");
        assert!(matches!(storage::serialize(scope, eleven, options), Err(CloneError::TooDeep { limit: 10 })));
        // Elsewhere the stack is the limit, and the error is an exception.
        let deep = evaluate(scope, "for (let i = 0; i < 1e6; i++) v = { v }; v");
        assert!(matches!(
            Message::serialize(scope, deep, &[], Options::default()),
            Err(CloneError::Thrown(_))
        ));
    });
}

#[test]
fn termination_is_an_error_of_its_own() {
    in_isolate(|scope| {
        let handle = scope.thread_safe_handle();
        let terminate = v8::Function::new(
            scope,
            |scope: &mut Scope<'_, '_>, _: v8::FunctionCallbackArguments<'_>, _: v8::ReturnValue<'_>| {
                scope.terminate_execution();
            },
        );
        set(scope, "terminate", terminate.unwrap().into());
        let value = evaluate(scope, "({ get x() { terminate(); for (;;); } })");
        let result = Message::serialize(scope, value, &[], Options::default());
        assert!(matches!(result, Err(CloneError::Terminated)), "{result:?}");
        handle.cancel_terminate_execution();
    });
}

/// Objects with a `secret` on their prototype: kind 3, with a number for the value and an attachment.
struct Secrets;

impl HostObjects for Secrets {
    fn is_host_object(&self, scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
        let key = v8::String::new(scope, "secret").unwrap();
        object
            .get_prototype(scope)
            .and_then(|prototype| v8::Local::<v8::Object>::try_from(prototype).ok())
            .is_some_and(|prototype| prototype.has_own_property(scope, key.into()) == Some(true))
    }
    fn write<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        attachments: &mut Attachments,
    ) -> HostWritten<'s> {
        let key = v8::String::new(scope, "value").unwrap();
        let Some(value) = object.get(scope, key.into()) else { return HostWritten::Thrown };
        if value.is_undefined() {
            return HostWritten::NotCloneable("a secret without a value could not be cloned.".into());
        }
        if value.is_boolean() {
            panic!("on purpose");
        }
        if value.is_string() {
            let number = attachments.push(Arc::new(value.to_rust_string_lossy(scope)));
            let number = v8::Integer::new_from_unsigned(scope, number).into();
            return HostWritten::As(4, number);
        }
        HostWritten::As(3, value)
    }
    fn read<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        kind: u32,
        value: v8::Local<'s, v8::Value>,
        attachments: &Attachments,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let value = match kind {
            3 => value,
            4 => {
                let text = attachments.get::<String>(value.uint32_value(scope)?)?;
                v8::String::new(scope, &text)?.into()
            }
            _ => return None,
        };
        let make =
            v8::Local::<v8::Function>::try_from(evaluate(scope, "((value) => new Secret(value))")).ok()?;
        make.call(scope, value, &[value])?.try_into().ok()
    }
}

#[test]
fn host_objects_are_written_and_read_by_their_host() {
    in_isolate(|scope| {
        let host = Secrets;
        let options = Options { host: Some(&host), ..Options::default() };
        let value = evaluate(
            scope,
            "globalThis.Secret = class { constructor(value) { this.value = value } get secret() { return 1 } };
             globalThis.it = { a: new Secret({ deep: new Secret(2) }), b: new Secret('text') }; it.c = it.a; it",
        );
        let message = Message::serialize(scope, value, &[], options).unwrap();
        let copy = message.deserialize(scope, options).unwrap().value;
        set(scope, "copy", copy);
        holds(
            scope,
            "copy.a instanceof Secret && copy.a.value.deep instanceof Secret && copy.a.value.deep.value === 2",
        );
        holds(scope, "copy.c === copy.a && copy.a !== it.a && copy.b.value === 'text'");
        // An attachment belongs to the process.
        assert!(matches!(storage::serialize(scope, value, options), Err(CloneError::NotPortable(_))));
        let plain = evaluate(scope, "it.a");
        let bytes = storage::serialize(scope, plain, options).unwrap();
        let copy = storage::deserialize(scope, &bytes, options).unwrap();
        set(scope, "copy", copy);
        holds(scope, "copy.value.deep.value === 2");
        // A reader without the host refuses them.
        assert!(matches!(
            storage::deserialize(scope, &bytes, Options::default()),
            Err(CloneError::Invalid { .. })
        ));
        let refused = evaluate(scope, "[new Secret()]");
        let error = Message::serialize(scope, refused, &[], options).unwrap_err();
        assert_eq!(error.to_string(), "a secret without a value could not be cloned.");
        // A panic of the host ends only the operation.
        let panics = evaluate(scope, "new Secret(true)");
        assert!(matches!(Message::serialize(scope, panics, &[], options), Err(CloneError::Thrown(_))));
        let thrown =
            evaluate(scope, "class Bad extends Secret { get value() { throw 1 } set value(v) {} } new Bad()");
        set(scope, "bad", thrown);
        let bad = evaluate(scope, "Object.setPrototypeOf({ get value() { throw 1 } }, Secret.prototype)");
        assert!(matches!(Message::serialize(scope, bad, &[], options), Err(CloneError::Thrown(_))));
    });
}
