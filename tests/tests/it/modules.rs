//! What an application may be made of, as `nano serve` takes it.

use nano_tests::{Dir, Nano, Options, get, run};

/// A module that answers with what `value` is, as JSON.
fn tell(imports: &str, value: &str) -> String {
    format!(
        "{imports}\nexport default {{ async fetch(request, env, ctx) {{ return Response.json({value}); }} }};\n"
    )
}

#[track_caller]
fn serves(files: &[(&str, &str)], expected: &str) {
    let server = Nano::dir(Dir::new(files), Options::one_thread());
    let response = get(server.port(), "a", "/");
    assert_eq!((response.status, response.text().as_str()), (200, expected));
    server.stop();
}

#[test]
fn relative_cyclic_and_dynamic_imports() {
    serves(
        &[
            (
                "index.js",
                &tell(
                    "import { a } from './lib/a.js'; import * as all from './lib/b.js';",
                    "[a(), Object.keys(all), (await import('./lib/' + 'c.js')).default]",
                ),
            ),
            (
                "lib/a.js",
                "import { b } from './b.js'; export const a = () => 'a' + b(); export const name = 'a';",
            ),
            ("lib/b.js", "import { name } from '../lib/a.js'; export const b = () => 'b of ' + name;"),
            ("lib/c.js", "export default import.meta.url.split('/').pop();"),
        ],
        r#"["ab of a",["b"],"c.js"]"#,
    );
}

#[test]
fn top_level_await_orders_evaluation_and_requests_wait_for_it() {
    serves(
        &[
            (
                "index.js",
                &tell(
                    "import { order } from './order.js'; import './slow.js'; import './fast.js'; order.push('index');",
                    "order",
                ),
            ),
            ("order.js", "export const order = [];"),
            (
                "slow.js",
                "import { order } from './order.js'; await new Promise((done) => setTimeout(done, 20)); order.push('slow');",
            ),
            ("fast.js", "import { order } from './order.js'; order.push('fast');"),
        ],
        r#"["fast","slow","index"]"#,
    );
}

#[test]
fn data_modules() {
    let dir = Dir::new(&[
        (
            "index.js",
            &tell(
                "import json from './d.json' with { type: 'json' }; import text from './d.txt'; import bytes from './d.bin'; import wasm from './add.wasm';",
                "[json, text, [...new Uint8Array(bytes.buffer ?? bytes)], new WebAssembly.Instance(wasm).exports.add(40, 2)]",
            ),
        ),
        ("d.json", "\u{feff}{ \"a\": [1, null] }"),
        ("d.txt", "line\n\u{e9}\n"),
    ]);
    dir.write("d.bin", &[0, 255, 128, 10]);
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    dir.write(
        "add.wasm",
        b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b",
    );
    let server = Nano::dir(dir, Options::one_thread());
    assert_eq!(
        get(server.port(), "a", "/").text(),
        "[{\"a\":[1,null]},\"line\\n\u{e9}\\n\",[0,255,128,10],42]"
    );
    server.stop();
}

#[test]
fn imports_that_fail_again_and_again_end_nobody() {
    let index = "export default { async fetch(request) { \
        const name = '.' + new URL(request.url).pathname; const ends = []; \
        for (let round = 0; round < 3; round++) try { await import(name); ends.push('imported'); } catch (error) { ends.push(error.name); } \
        return new Response(ends.join()); } };";
    let server = Nano::dir(
        Dir::new(&[
            ("index.js", index),
            ("missing.js", "import './none.js';"),
            ("syntax.js", "import './broken.js';"),
            ("broken.js", "const;"),
            ("node.js", "import 'node:fs';"),
            ("json.js", "import './broken.json';"),
            ("broken.json", "{"),
            ("self.js", "import('./self.js'); import('./index.js'); export {};"),
        ]),
        Options::one_thread(),
    );
    let failed = |name: &str| [name; 3].join(",");
    for (path, expected) in [
        ("/missing.js", failed("TypeError")),
        ("/syntax.js", failed("SyntaxError")),
        ("/node.js", failed("TypeError")),
        ("/json.js", failed("SyntaxError")),
        ("/self.js", failed("imported")),
        ("/none.js", failed("TypeError")),
    ] {
        assert_eq!(get(server.port(), "a", path).text(), expected, "{path}");
    }
    server.stop();
}

#[test]
fn packages_by_their_exports_and_main() {
    let package =
        |name: &str, rest: &str| format!("{{ \"name\": \"{name}\", \"type\": \"module\", {rest} }}");
    serves(
        &[
            (
                "index.js",
                &tell(
                    "import one from 'one'; import sub from 'one/sub'; import two from '@scope/two'; import three from 'three'; import inner from './src/inner.js';",
                    "[one, sub, two, three, inner]",
                ),
            ),
            (
                "node_modules/one/package.json",
                &package(
                    "one",
                    r##""exports": { ".": { "node": "./node.js", "workerd": "./workerd.js", "default": "./default.js" }, "./sub": { "require": "./no.cjs", "import": "./sub.js" } }"##,
                ),
            ),
            ("node_modules/one/workerd.js", "export default 'one for workerd';"),
            ("node_modules/one/node.js", "export default 'wrong';"),
            ("node_modules/one/default.js", "export default 'wrong';"),
            ("node_modules/one/sub.js", "import self from 'one'; export default 'sub beside ' + self;"),
            (
                "node_modules/@scope/two/package.json",
                &package(
                    "@scope/two",
                    r#""exports": { "browser": "./b.js", "worker": "./w.js", "default": "./d.js" }"#,
                ),
            ),
            ("node_modules/@scope/two/w.js", "export default 'two for workers';"),
            ("node_modules/@scope/two/b.js", "export default 'wrong';"),
            ("node_modules/@scope/two/d.js", "export default 'wrong';"),
            ("node_modules/three/package.json", &package("three", r#""main": "lib/main.js""#)),
            ("node_modules/three/lib/main.js", "export default 'three by main';"),
            ("src/inner.js", "import three from 'three'; export default 'inner has ' + three;"),
        ],
        r#"["one for workerd","sub beside one for workerd","two for workers","three by main","inner has three by main"]"#,
    );
}

#[test]
fn the_entry_of_a_directory() {
    let answer = |text: &str| format!("export default {{ fetch() {{ return new Response('{text}'); }} }};");
    serves(
        &[
            ("package.json", r#"{ "type": "module", "main": "src/start.js" }"#),
            ("src/start.js", &answer("main")),
            ("index.js", &answer("wrong")),
        ],
        "main",
    );
    serves(
        &[
            ("package.json", r#"{ "exports": { "workerd": "./w.js", "default": "./d.js" } }"#),
            ("w.js", &answer("exports")),
            ("d.js", &answer("wrong")),
        ],
        "exports",
    );
    serves(&[("worker.mjs", &answer("worker"))], "worker");
    serves(&[("_worker.js", &answer("_worker"))], "_worker");
}

#[test]
fn the_service_worker_form() {
    serves(
        &[(
            "index.js",
            "addEventListener('fetch', (event) => { event.respondWith((async () => new Response('from ' + event.type))()); });",
        )],
        "from fetch",
    );
}

#[test]
fn env_has_the_variables_and_nothing_of_the_host() {
    let dir = Dir::new(&[
        ("index.js", &tell("", "[env, typeof process, typeof require]")),
        ("variables", "A=from file\nB=from file\n"),
    ]);
    let file = dir.text("variables");
    let server = Nano::dir(
        dir,
        Options::args(&["--threads", "1", "--env-file", &file, "--env", "B=from line", "--env", "C=a=b"]),
    );
    assert_eq!(
        get(server.port(), "a", "/").text(),
        r#"[{"A":"from file","B":"from line","C":"a=b"},"undefined","undefined"]"#
    );
    server.stop();
    let config = r#"{ "apps": [{ "name": "a", "path": "index.js", "env": { "S": "text", "N": 1.5, "O": { "list": [true, null] } } }] }"#;
    let dir = Dir::new(&[("index.js", &tell("", "env")), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::one_thread());
    assert_eq!(get(server.port(), "a", "/").text(), r#"{"S":"text","N":1.5,"O":{"list":[true,null]}}"#);
    server.stop();
}

#[test]
fn wait_until_goes_on_after_the_response() {
    let code = r#"
        let done = 0;
        const waiters = [];
        export default {
          async fetch(request, env, ctx) {
            if (new URL(request.url).pathname === "/done") {
              while (done === 0) await new Promise((resolve) => waiters.push(resolve));
              return new Response(String(done));
            }
            ctx.waitUntil((async () => {
              await new Promise((resolve) => setTimeout(resolve, 20));
              done++;
              for (const resolve of waiters.splice(0)) resolve();
              console.log("work is done");
            })());
            ctx.waitUntil(Promise.reject(new Error("does not harm the response")));
            return new Response("at once");
          },
        };"#;
    let mut server = Nano::app(code);
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), "at once");
    assert_eq!(client.get("/done").text(), "1");
    // A drain waits for it too.
    assert_eq!(client.get("/").text(), "at once");
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    let done = server.log.all().iter().filter(|line| line.contains("work is done")).count();
    assert_eq!(done, 2, "{:?}", server.log.all());
}

/// Of several applications, one that cannot be loaded fails alone, and is tried again when its files may be
/// right.
#[test]
fn a_broken_application_of_many_fails_alone_and_can_be_repaired() {
    let config = r#"{ "apps": [{ "name": "good", "path": "good.js" }, { "name": "bad", "path": "bad" }] }"#;
    let good = "export default { fetch() { return new Response('good'); } };";
    let server = Nano::config(
        Dir::new(&[
            ("nano.jsonc", config),
            ("good.js", good),
            ("bad/index.js", "import './missing.js';\n"),
            ("bad/x.txt", ""),
        ]),
        Options::one_thread(),
    );
    let response = get(server.port(), "bad", "/");
    assert_eq!((response.status, response.text().as_str()), (500, "Internal Server Error\n"));
    server.log.wait_for("missing.js");
    assert_eq!(get(server.port(), "good", "/").text(), "good");
    server.stop();
}

/// An application of a configuration cannot read files outside of its own directory by importing them.
#[test]
fn imports_stay_within_the_application() {
    let config = r#"{ "apps": [{ "name": "a", "path": "a" }] }"#;
    let dir = Dir::new(&[
        ("nano.jsonc", config),
        ("secret.txt", "the secret"),
        (
            "a/index.js",
            &tell(
                "let found; try { found = (await import('../secret.txt')).default; } catch (error) { found = 'refused'; }",
                "found",
            ),
        ),
    ]);
    let server = Nano::config(dir, Options::one_thread());
    assert_eq!(get(server.port(), "a", "/").text(), "\"refused\"");
    server.stop();
}

/// The applications that are compared with another runtime load, each of them.
#[test]
fn the_applications_under_apps_pass_their_check() {
    let apps = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("apps");
    let mut count = 0;
    for entry in std::fs::read_dir(&apps).unwrap() {
        let path = entry.unwrap().path();
        // Packages are there only after set-up.
        if !path.is_dir() || path.join("package-lock.json").exists() && !path.join("node_modules").exists() {
            continue;
        }
        let output = run(&path, &["check"]);
        assert_eq!(output.code, Some(0), "{}: {}", path.display(), output.stderr);
        count += 1;
    }
    assert!(count >= 8, "{count} applications");
}

#[test]
fn webassembly_is_compiled_as_it_arrives() {
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    let code = "
        const add = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0,
          10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
        const pieces = () => new ReadableStream({ at: 0, pull(c) { this.at < add.length ? c.enqueue(add.slice(this.at, this.at += 7)) : c.close(); } }, { highWaterMark: 0 });
        const headers = { 'content-type': 'Application/WASM' };
        for (const body of [add, pieces(), new Blob([add])]) {
          const { instance, module } = await WebAssembly.instantiateStreaming(Promise.resolve(new Response(body, { headers })));
          console.log(instance.exports.add(40, 2), module instanceof WebAssembly.Module);
        }
        const module = await WebAssembly.compileStreaming(new Response(pieces(), { headers }));
        console.log(WebAssembly.Module.exports(module)[0].name);
        for (const bad of [new Response('text', { headers }), new Response(null, { headers }), new Response(add.slice(0, 20), { headers })]) {
          await WebAssembly.compileStreaming(bad).catch((error) => console.log(error.name));
        }
    ";
    let output = run(Dir::new(&[("x.js", code)]).path(), &["run", "x.js"]);
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    let expected = "42 true\n42 true\n42 true\nadd\nCompileError\nCompileError\nCompileError\n";
    assert_eq!(output.stdout, expected, "{}", output.stderr);
}
