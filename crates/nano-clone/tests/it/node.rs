//! Node's `v8.serialize`, with the Node on this machine and with stored bytes of Node 20.

use crate::world::{evaluate, holds, in_isolate, set};
use nano_clone::{CloneError, Options, node};
use std::process::Command;

/// Values that both can write and read. `%` stands for the value.
const VALUES: &[&str] = &[
    "null",
    "[1, -1, 2 ** 31, 1.5, NaN, -0]",
    "({ a: 'latin', b: '\\u20ac', c: undefined, d: [1, , 3], e: new Array(3) })",
    "new Map([[1, new Set(['x'])], ['k', 10n ** 25n]])",
    "[new Date(1e12), /a+/gi, Object(true), Object('s'), Object(1)]",
    "[new Uint8Array([1, 2, 3]), new Float64Array([1.5]), new DataView(new ArrayBuffer(3)), new BigInt64Array([-1n])]",
    "new Uint16Array([1, 2, 3]).buffer",
    "(() => { const o = {}; o.o = o; o.list = [o, o]; return o; })()",
    "[new Error('plain'), new RangeError('r', { cause: new Error('x', { cause: [1, new Error('y', { cause: '\\u20ac' })] }) })]",
];

/// A script that describes a value as text, to compare both sides.
const SHOW: &str = r#"
globalThis.show = (value, seen = new Map()) => {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (Object(value) !== value) return typeof value === "string" ? JSON.stringify(value) : String(value);
  if (seen.has(value)) return `#${seen.get(value)}`;
  seen.set(value, seen.size);
  const name = value.constructor.name === "Buffer" ? "Uint8Array" : value.constructor.name;
  const inner = (list) => list.map((item) => show(item, seen)).join();
  if (value instanceof Map) return `Map{${inner([...value].flat())}}`;
  if (value instanceof Set) return `Set{${inner([...value])}}`;
  if (value instanceof Date || value instanceof RegExp) return name + String(value);
  if (value instanceof Error) return `${name}:${value.message}:${typeof value.stack}:${show(value.cause, seen)}`;
  if (value instanceof ArrayBuffer) return `${name}[${new Uint8Array(value)}]`;
  if (value instanceof DataView) return `${name}[${new Uint8Array(value.buffer, value.byteOffset, value.byteLength)}]`;
  if (ArrayBuffer.isView(value)) return `${name}[${[...value]}]`;
  if ([Boolean, String, Number].some((Class) => value instanceof Class)) return `${name}(${value.valueOf()})`;
  return `${name}{${Array.isArray(value) ? value.length : ""};${inner(Object.entries(value).flat())}}`;
};
"#;

/// Runs a script in Node; `None` without Node.
fn in_node(script: &str) -> Option<String> {
    let output = match Command::new("node").args(["-e", script]).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("node does not start: {error}"),
    };
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn node_reads_our_bytes_and_we_read_its_bytes() {
    for make in VALUES {
        let bytes = in_isolate(|scope| {
            let value = evaluate(scope, make);
            node::serialize(scope, value, Options::default()).unwrap()
        });
        let script = format!(
            "{SHOW} const v8 = require('v8');
             console.log(show(v8.deserialize(Buffer.from('{}', 'hex'))));
             console.log(v8.serialize({make}).toString('hex')); console.log(show({make}));",
            hex(&bytes)
        );
        let Some(output) = in_node(&script) else {
            eprintln!("SKIPPED: there is no node on this machine");
            return;
        };
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[0], lines[2], "Node reads {make}");
        in_isolate(|scope| {
            evaluate(scope, SHOW);
            let value = node::deserialize(scope, &unhex(lines[1]), Options::default())
                .unwrap_or_else(|error| panic!("{make}: {error}"));
            set(scope, "copy", value);
            let shown = evaluate(scope, "show(copy)").to_rust_string_lossy(scope);
            assert_eq!(shown, lines[2], "Node wrote {make}");
        });
    }
}

#[test]
fn bytes_that_node_20_wrote_are_read() {
    in_isolate(|scope| {
        // v8.serialize({ a: new Uint8Array([1, 2]), b: Buffer.from("x") })
        let bytes = unhex("ff0f6f2201615c010201022201625c0a01787b02");
        let value = node::deserialize(scope, &bytes, Options::default()).unwrap();
        set(scope, "copy", value);
        holds(scope, "copy.a[1] === 2 && copy.b[0] === 120 && copy.b instanceof Uint8Array");
        let wrong = unhex("ff0f5c0301ff");
        assert!(matches!(
            node::deserialize(scope, &wrong, Options::default()),
            Err(CloneError::Invalid { .. })
        ));
        let float16 = evaluate(scope, "typeof Float16Array === 'function' ? new Float16Array(1) : () => {}");
        assert!(matches!(
            node::serialize(scope, float16, Options::default()),
            Err(CloneError::NotCloneable(_))
        ));
    });
}
