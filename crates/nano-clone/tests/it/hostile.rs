//! Bytes that no serializer wrote: bytes that would crash V8 or take all memory are refused; all others are
//! an error or a value.

use crate::world::{evaluate, in_isolate};
use nano_clone::{CloneError, Limits, Options, storage};
use proptest::prelude::*;

fn envelope(bytes: &[u8]) -> Vec<u8> {
    [b"NCL\x01\xff\x10", bytes].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn what_would_crash_or_take_all_memory_is_refused() {
    let long = [b"\"".as_slice(), &varint(1 << 20), &vec![b'x'; 1 << 20]].concat();
    // Each of a thousand nested arrays claims as many elements as there are bytes left.
    let nested: Vec<u8> =
        (0..1000).rev().flat_map(|left| [b"A", varint(2_000 + left * 4).as_slice()].concat()).collect();
    let nested = [nested, vec![b'_'; 1 << 20]].concat();
    let arrays = [
        b"A".as_slice(),
        &varint(1000),
        &b"a\x80\x80\x80\x0f@\x00\x80\x80\x80\x0f".repeat(1000),
        b"$\x00",
        &varint(1000),
    ]
    .concat();
    let sparse_keys =
        [b"A".as_slice(), &varint(100_000), &b"oI\xd0\x04_{\x01".repeat(100_000), b"$\x00", &varint(100_000)]
            .concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("no value", envelope(b"")),
        ("an old version", b"NCL\x01\xff\x0c0".to_vec()),
        ("a version to come", b"NCL\x01\xff\x110".to_vec()),
        ("two values", envelope(b"00")),
        (
            "an array of four billion elements",
            envelope(&[b"A".as_slice(), &varint(u32::MAX.into())].concat()),
        ),
        ("a thousand arrays of 30 million elements", envelope(&arrays)),
        ("arrays of all that is left", envelope(&nested)),
        ("objects with one element far out", envelope(&sparse_keys)),
        ("a buffer that may grow beyond memory", envelope(&[b"~\x00".as_slice(), &varint(1 << 50)].concat())),
        ("a buffer larger than it may become", envelope(b"~\x02\x01xx")),
        ("a buffer of more than there is", envelope(&[b"B".as_slice(), &varint(1 << 40)].concat())),
        ("a BigInt that V8 has no room for", envelope(&[b"Z".as_slice(), &varint((1 << 28) * 2)].concat())),
        ("minus zero as a BigInt", envelope(b"Z\x01")),
        ("a transferred buffer", envelope(b"t\x00")),
        ("shared memory", envelope(b"u\x00")),
        ("a shared object", envelope(b"p\x00")),
        ("a module", envelope(b"w\x00")),
        ("a WebAssembly memory", envelope(b"m\x02\x00u\x00r")),
        ("an immutable buffer", envelope(b"C\x01x")),
        ("a host's object", envelope(b"\\\x030")),
        ("a reference to nothing", envelope(b"^\x00")),
        ("a reference to what comes later", envelope(b"A\x01^\x05$\x00\x01")),
        ("a view without a buffer", envelope(b"VB\x00\x00\x00")),
        ("a view beyond its buffer", envelope(b"B\x02abVB\x01\x02\x00")),
        ("a view that claims to track", envelope(b"B\x02abVB\x00\x02\x03")),
        ("a key that is an object", envelope(b"oo{\x000{\x01")),
        ("a key twice", envelope(b"o\"\x01a0\"\x01a0{\x02")),
        ("a wrong count", envelope(b"o\"\x01a0{\x02")),
        ("a map that ends after a key", envelope(b";0:\x01")),
        ("flags of regular expressions that are none", envelope(b"R\"\x01a\xff\x7f")),
        ("a pattern that is none", envelope(b"R\"\x01(\x00")),
        ("an error without an end", envelope(b"rm\"\x01x")),
        ("a number of too many bytes", envelope(b"U\xff\xff\xff\xff\xff\x01")),
        ("a string beyond the end", envelope(b"\"\x05abc")),
        ("two-byte text of odd length", envelope(b"c\x03abc")),
        ("padding only", envelope(&[0; 100])),
        ("checks of counts, inside of each other", envelope(&b"?\x00".repeat(100_000))),
        ("objects, inside of each other", envelope(&b"o\"\x01a".repeat(100_000))),
        ("causes, inside of each other", envelope(&b"rc".repeat(100_000))),
    ];
    in_isolate(|scope| {
        for (name, bytes) in &cases {
            v8::scope!(let scope, scope);
            let result = storage::deserialize(scope, bytes, Options::default());
            assert!(result.is_err(), "{name} was read");
        }
        // Bytes that only look dangerous are read.
        for (name, bytes) in [
            ("a string of a megabyte", envelope(&long)),
            (
                "an empty array that says it is long",
                envelope(b"a\x80\x80\x80\x80\x0f@\x00\x80\x80\x80\x80\x0f"),
            ),
            ("padding", envelope(b"\0\0\0A\x01\0\0y$\0\x01\0\0")),
            ("version 15", b"NCL\x01\xff\x0fB\x02abVB\x00\x02\x00".to_vec()),
        ] {
            let result = storage::deserialize(scope, &bytes, Options::default());
            assert!(result.is_ok(), "{name}: {result:?}");
        }
    });
}

#[test]
fn a_value_at_the_limit_of_memory_is_read_and_a_larger_one_refused() {
    in_isolate(|scope| {
        let value = evaluate(scope, "new Uint8Array(1000000)");
        let bytes = storage::serialize(scope, value, Options::default()).unwrap();
        let with = |memory| Options { limits: Limits { memory, ..Limits::default() }, ..Options::default() };
        assert!(storage::deserialize(scope, &bytes, with(1_002_000)).is_ok());
        assert!(matches!(
            storage::deserialize(scope, &bytes, with(1_000_000)),
            Err(CloneError::TooMuchMemory { limit: 1_000_000, .. })
        ));
        let less = Options { limits: Limits { bytes: 1000, ..Limits::default() }, ..Options::default() };
        assert!(matches!(
            storage::deserialize(scope, &bytes, less),
            Err(CloneError::TooLarge { limit: 1000 })
        ));
    });
}

/// Values of every kind, whose bytes are then damaged.
const SEEDS: &[&str] = &[
    "({ a: 1, b: [1.5, 'x', null, , undefined], c: { d: true }, 5: 'five', 1000000: 1 })",
    "new Map([[1, new Set(['a', { b: 1 }])], ['k', new Date(0)]])",
    "(() => { const b = new ArrayBuffer(16, { maxByteLength: 64 }); return [new Uint8Array(b), new DataView(b, 2, 4), new Float64Array(b, 8, 1), b]; })()",
    "[/a(b)*/gu, Object('s'), Object(1n), Object(false), 12345678901234567890n, -5n, 2 ** 31, -1]",
    "(() => { const e = new TypeError('m\\u20ac', { cause: new Error('c') }); const o = { e }; o.o = o; return [o, o, e]; })()",
    "Object.assign([1, 2, 3], { p: 1 })",
    "Object.assign(new Array(1000), { 7: 1 })",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// An isolate for each case, and in it hundreds of damaged values: each is an error or a value.
    #[test]
    fn damaged_bytes_are_an_error_or_a_value(
        damages in prop::collection::vec((0..SEEDS.len(), prop::collection::vec((any::<u16>(), any::<u8>(), 0..4u8), 1..6)), 200)
    ) {
        in_isolate(|scope| {
            let seeds: Vec<Vec<u8>> = SEEDS.iter().map(|seed| {
                let value = evaluate(scope, seed);
                storage::serialize(scope, value, Options::default()).unwrap()
            }).collect();
            for (seed, edits) in &damages {
                v8::scope!(let scope, scope);
                let mut bytes = seeds[*seed].clone();
                for (at, byte, how) in edits {
                    let at = 6 + *at as usize % (bytes.len() - 6).max(1);
                    match how {
                        0 if at < bytes.len() => bytes[at] = *byte,
                        1 => bytes.insert(at.min(bytes.len()), *byte),
                        2 if at < bytes.len() => drop(bytes.remove(at)),
                        _ => bytes.truncate(at.max(7)),
                    }
                }
                let _ = storage::deserialize(scope, &bytes, Options::default());
            }
        });
    }
}
