//! `import()` of what cannot be had, again and again: each time it is an error of the import, and never the
//! end of the process.

use crate::{directory, run_script};
use nano_runtime::Limits;

/// Imports `what` three times and prints how each import ends.
const THRICE: &str = "\
for (let round = 0; round < 3; round++) {
    try {
        console.log(Object.keys(await import(WHAT)).join());
    } catch (error) {
        console.log(`${error.name}: ${error.message}`.slice(0, 200));
    }
}
";

/// Imports the expression `what` three times in a directory with these files. Each time the outcome contains
/// `expected`.
#[track_caller]
fn check(files: &[(&str, &[u8])], what: &str, expected: &str) {
    let directory = directory(files);
    check_in(directory.path(), what, expected);
}

#[track_caller]
fn check_in(directory: &std::path::Path, what: &str, expected: &str) {
    let script = directory.join("script.js");
    std::fs::write(&script, THRICE.replace("WHAT", what)).unwrap();
    let (lines, error) = run_script(&script, Limits::default());
    assert_eq!(error, None, "{lines:?}");
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in &lines {
        assert!(line.contains(expected), "{line}\nwithout {expected}");
    }
}

#[test]
fn a_dependency_that_is_missing() {
    check(
        &[("a.js", b"import './missing.js';")],
        "'./a.js'",
        "TypeError: a.js:1:8: cannot import \"./missing.js\"",
    );
}

#[test]
fn a_dependency_with_a_syntax_error() {
    check(&[("a.js", b"import './b.js';"), ("b.js", b"const;")], "'./a.js'", "SyntaxError: ");
}

#[test]
fn a_dependency_of_node() {
    check(&[("a.js", b"import 'node:fs';")], "'./a.js'", "a module of Node's own");
}

#[test]
fn a_dependency_of_a_dependency_that_is_missing() {
    check(
        &[
            ("a.js", b"import './b.js'; import './c.js';"),
            ("b.js", b"import './c.js';"),
            ("c.js", b"import 'd';"),
        ],
        "'./a.js'",
        "TypeError: c.js:1:8: cannot import \"d\"",
    );
}

#[test]
fn a_name_that_is_not_exported() {
    check(
        &[("a.js", b"import { x } from './b.js';"), ("b.js", b"")],
        "'./a.js'",
        "SyntaxError: The requested module",
    );
}

#[test]
fn json_that_is_none() {
    check(&[("a.json", b"{")], "'./a.json'", "SyntaxError: ");
    check(&[("a.js", b"import './b.json';"), ("b.json", b"{")], "'./a.js'", "SyntaxError: ");
}

#[test]
fn webassembly_that_is_none() {
    check(&[("a.wasm", b"\0asm!")], "'./a.wasm'", "CompileError: ");
    check(&[("a.js", b"import './b.wasm';"), ("b.wasm", b"")], "'./a.js'", "CompileError: ");
}

#[test]
fn a_type_that_is_not_supported() {
    check(&[("a.js", b"")], "'./a.js', { with: { type: 'css' } }", "the type \"css\" is not supported");
    check(
        &[("a.js", b"")],
        "'./a.js', { with: { type: 'x'.repeat(2 ** 28) } }",
        "the type \"…\" is not supported",
    );
}

#[test]
fn a_specifier_as_long_as_a_string_may_be() {
    check(
        &[],
        "'x'.repeat(2 ** 29 - 24)",
        "TypeError: …: this is not a valid specifier: it is longer than 16384 bytes",
    );
    check(&[], "'\\u{e9}'.repeat(16384)", "it is longer than 16384 bytes");
    check(&[], "'./x?'.padEnd(16384)", "TypeError: cannot import \"./x?  ");
}

#[test]
fn a_file_that_is_longer_than_a_string_may_be() {
    let directory = directory(&[("a.js", b"import './b.txt';")]);
    for name in ["b.txt", "c.json", "d.js"] {
        std::fs::File::create(directory.path().join(name)).unwrap().set_len(600 << 20).unwrap();
    }
    for what in ["'./a.js'", "'./c.json'", "'./d.js'"] {
        check_in(directory.path(), what, "is larger than 500 MB");
    }
}

/// By ECMAScript an import is loaded at once, and linked and evaluated in a job. In the midst of an
/// evaluation V8 would end the process.
#[test]
fn a_module_imports_itself_and_its_importers_while_it_is_evaluated() {
    let directory = directory(&[
        ("script.js", b"import './a.js'; import('./script.js').then((all) => console.log('script', Object.keys(all))); export const x = 1;"),
        (
            "a.js",
            b"import('./script.js').then((all) => console.log('a', all.x)); import('./a.js').then((all) => console.log(Object.keys(all))); export const y = 1;",
        ),
    ]);
    let (lines, error) = run_script(&directory.path().join("script.js"), Limits::default());
    assert_eq!(error, None);
    assert_eq!(lines, ["a 1", "[ 'y' ]", "script [ 'x' ]"]);
}

#[test]
fn an_import_that_failed_succeeds_once_its_dependency_is_there() {
    let directory = directory(&[
        ("script.js", b"for (const name of ['./a.js', './b.js']) await import(name).then((all) => console.log(all.x), (error) => console.log(error.name));"),
        ("a.js", b"export * from './missing.js';"),
        ("b.js", b"export * from './c.js'; export { default } from './d.json';"),
        ("c.js", b"export const x = 'c';"),
        ("d.json", b"{}"),
    ]);
    let (lines, error) = run_script(&directory.path().join("script.js"), Limits::default());
    assert_eq!((lines, error), (vec!["TypeError".to_owned(), "c".to_owned()], None));
}
