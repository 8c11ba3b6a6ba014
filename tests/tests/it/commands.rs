//! The command line: what is printed where, and with which exit code.

use nano_tests::{Dir, Nano, Options, Output, get, run};

#[track_caller]
fn expect(output: &Output, code: i32) {
    assert_eq!(output.code, Some(code), "stdout: {}\nstderr: {}", output.stdout, output.stderr);
}

#[test]
fn version_and_help() {
    let dir = Dir::new(&[]);
    let output = run(dir.path(), &["--version"]);
    expect(&output, 0);
    let lines: Vec<_> = output.stdout.lines().collect();
    assert!(lines[0].starts_with("nano 0."), "{lines:?}");
    assert!(lines[1].starts_with("v8 ") && lines[1].matches('.').count() >= 2, "{lines:?}");
    let output = run(dir.path(), &["--help"]);
    expect(&output, 0);
    for word in ["serve", "run", "eval", "check", "--version", "export default"] {
        assert!(output.stdout.contains(word), "--help does not mention {word}:\n{}", output.stdout);
    }
    let output = run(dir.path(), &["serve", "--help"]);
    expect(&output, 0);
    for word in
        ["--port", "--host", "--threads", "--config", "--log-format", "--env", "--env-file", "--dev", "3000"]
    {
        assert!(output.stdout.contains(word), "serve --help does not mention {word}:\n{}", output.stdout);
    }
}

#[test]
fn wrong_command_lines_are_2_and_say_why() {
    let dir = Dir::new(&[("index.js", "export default { fetch() {} }"), ("nano.jsonc", "{ \"apps\": [] ")]);
    for (args, said) in [
        (&["serev"][..], "serev"),
        (&["serve", "--prot", "1"], "--prot"),
        (&["serve", "--port", "65536"], "65536"),
        (&["serve", "--port", "x"], "x"),
        (&["serve", "--threads", "0"], "0"),
        (&["serve", "--host", "not an address"], "not an address"),
        (&["serve", "--log-format", "xml"], "xml"),
        (&["serve", "--env", "NOVALUE"], "NOVALUE"),
        (&["serve", "nowhere"], "nowhere"),
        (&["serve", ".", "--config", "nano.jsonc"], "--config"),
        (&["serve", "--config", "missing.jsonc"], "missing.jsonc"),
        (&["serve", "--config", "nano.jsonc"], "nano.jsonc:1"),
        (&["serve", "--env-file", "missing"], "missing"),
        (&["run"], "FILE"),
        (&["run", "missing.js"], "missing.js"),
        (&["eval"], "CODE"),
        (&["check", "missing"], "missing"),
        (&[], "nano"),
    ] {
        let output = run(dir.path(), args);
        assert_eq!(output.code, Some(2), "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains(said), "{args:?} does not mention {said}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{args:?}");
    }
}

#[test]
fn an_application_that_cannot_be_loaded_or_a_port_in_use_is_told() {
    let dir = Dir::new(&[("index.js", "export default {\n  fetch() { return 1 +; }\n};\n")]);
    let output = run(dir.path(), &["serve", "-p", "0"]);
    expect(&output, 2);
    assert!(output.stderr.contains("index.js:2:"), "{}", output.stderr);

    let server = Nano::app("export default { fetch() { return new Response(); } };");
    let fine = Dir::app("export default { fetch() { return new Response(); } };");
    let output = run(fine.path(), &["serve", "-p", &server.port().to_string()]);
    expect(&output, 1);
    assert!(output.stderr.contains("in use"), "{}", output.stderr);
    server.stop();
}

#[test]
fn check_names_file_line_and_column() {
    let good = "export default { fetch() { return new Response(); } };\n";
    for (files, place, said) in [
        (&[("index.js", "const a = 1;\nlet a = 2;\n")][..], "index.js:2:5", "already been declared"),
        (&[("index.js", "\n\n  function ( {}\n")], "index.js:3:3", "SyntaxError"),
        (&[("index.js", "\nimport \"./missing.js\";\n")], "index.js:2:8", "missing.js"),
        (&[("index.js", "import x from \"nothing-like-it\";\n")], "index.js:1:15", "nothing-like-it"),
        (
            &[("index.js", "import { b } from \"./a.js\";\n"), ("a.js", "export const a = 1;\n")],
            "index.js:1:10",
            "b",
        ),
        (
            &[
                ("index.js", "import j from \"./j.json\" with { type: \"json\" };\n"),
                ("j.json", "{\n  \"a\": }\n"),
            ],
            "j.json:2:8",
            "JSON",
        ),
        (
            &[("index.js", "import \"./deep/a.js\";\n"), ("deep/a.js", "let x = ;\n")],
            "deep/a.js:1:9",
            "SyntaxError",
        ),
    ] {
        let dir = Dir::new(files);
        let output = run(dir.path(), &["check"]);
        assert_eq!(output.code, Some(2), "{files:?}: {}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(place), "{files:?}: no {place} in: {}", output.stderr);
        assert!(output.stderr.contains(said), "{files:?}: no {said} in: {}", output.stderr);
    }
    let output = run(Dir::new(&[("index.js", good)]).path(), &["check"]);
    expect(&output, 0);
    assert!(output.stdout.contains("no problems"), "{}", output.stdout);
    // Nothing is evaluated.
    let output = run(Dir::new(&[("index.js", "throw new Error('evaluated');\n")]).path(), &["check"]);
    expect(&output, 0);
    // All problems of a directory without an entry, and of a configuration.
    let output = run(Dir::new(&[("readme.txt", "")]).path(), &["check"]);
    expect(&output, 2);
    assert!(output.stderr.contains("index.js"), "{}", output.stderr);
}

#[test]
fn check_finds_every_problem_of_a_configuration() {
    let config = "{\n  \"prot\": 1,\n  \"apps\": [\n    { \"name\": \"a\", \"path\": \"a.js\", \"memory_mb\": \"many\" },\n    { \"name\": \"a\", \"path\": \"a.js\" },\n    { \"name\": \"b\", \"path\": \"missing.js\" }\n  ]\n}\n";
    let dir = Dir::new(&[("nano.jsonc", config), ("a.js", "export default {};")]);
    let output = run(dir.path(), &["check", "--config", "nano.jsonc"]);
    expect(&output, 2);
    for place in ["nano.jsonc:2:3: ", "nano.jsonc:4:49: ", "nano.jsonc:5:", "nano.jsonc:6:"] {
        assert!(output.stderr.contains(place), "no {place} in:\n{}", output.stderr);
    }
    // Broken modules of two applications, both told.
    let config = r#"{ "apps": [{ "name": "a", "path": "a.js" }, { "name": "b", "path": "b.js" }, { "name": "c", "path": "c.js" }] }"#;
    let dir = Dir::new(&[
        ("nano.jsonc", config),
        ("a.js", "let = ;"),
        ("b.js", "export default {};"),
        ("c.js", "\n import './no.js';"),
    ]);
    let output = run(dir.path(), &["check", "--config", "nano.jsonc"]);
    expect(&output, 2);
    for place in ["a.js:1:", "c.js:2:9"] {
        assert!(output.stderr.contains(place), "no {place} in:\n{}", output.stderr);
    }
    assert!(output.stderr.contains("2 problems"), "{}", output.stderr);
}

#[test]
fn run_runs_scripts_to_their_end() {
    let dir = Dir::new(&[
        (
            "module.mjs",
            "import { a } from './a.js';\nconsole.log(a, typeof this, JSON.stringify(scriptArgs));\n",
        ),
        ("a.js", "export const a = await Promise.resolve('from a');\n"),
        (
            "sloppy.cjs",
            "undeclared = 7; console.log(undeclared, typeof this, (function () { return typeof this; })());\n",
        ),
        (
            "timers.js",
            "setTimeout(() => console.log('second'), 20); setTimeout(() => console.log('first'), 1); console.log('begin');\n",
        ),
        (
            "interval.js",
            "let n = 0; const i = setInterval(() => { if (++n === 3) { clearInterval(i); console.log('three'); } }, 1);\n",
        ),
        ("awaits.js", "console.log(await new Promise((done) => setTimeout(() => done('awaited'), 5)));\n"),
        ("dynamic.js", "const { a } = await import('./a.js'); console.log(a);\n"),
        (
            "throws.js",
            "console.log('before');\nfunction inner() { throw new TypeError('not caught'); }\ninner();\n",
        ),
        ("rejects.js", "Promise.reject(new Error('nobody handles'));\n"),
        (
            "handled.js",
            "const p = Promise.reject(new Error('late')); queueMicrotask(() => p.catch(() => console.log('handled')));\n",
        ),
        (
            "later.js",
            "setTimeout(() => { throw new Error('thrown later'); }, 1); setTimeout(() => console.log('after'), 1000);\n",
        ),
        ("stalled.js", "console.log('begin'); await new Promise(() => {}); console.log('never');\n"),
        ("syntax.js", "let a = ;\n"),
        ("errors.js", "console.error('to stderr'); console.log('to stdout');\n"),
    ]);
    let stdout = |file: &str, args: &[&str], expected: &str| {
        let output = run(dir.path(), &[&["run", file], args].concat());
        assert_eq!(output.code, Some(0), "{file}: {}{}", output.stdout, output.stderr);
        assert_eq!(output.stdout, expected, "{file}");
    };
    stdout("module.mjs", &["one", "--two", "drei"], "from a undefined [\"one\",\"--two\",\"drei\"]\n");
    stdout("sloppy.cjs", &[], "7 object object\n");
    stdout("timers.js", &[], "begin\nfirst\nsecond\n");
    stdout("interval.js", &[], "three\n");
    stdout("awaits.js", &[], "awaited\n");
    stdout("dynamic.js", &[], "from a\n");
    stdout("handled.js", &[], "handled\n");
    let output = run(dir.path(), &["run", "errors.js"]);
    expect(&output, 0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("to stdout\n", "to stderr\n"));
    for (file, said) in [
        ("throws.js", "TypeError: not caught"),
        ("rejects.js", "nobody handles"),
        ("later.js", "thrown later"),
        ("stalled.js", "promise"),
        ("syntax.js", "syntax.js:1:9"),
    ] {
        let output = run(dir.path(), &["run", file]);
        assert_eq!(output.code, Some(1), "{file}: {}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(said), "{file}: no {said:?} in {}", output.stderr);
        assert!(
            !output.stdout.contains("never") && !output.stdout.contains("after"),
            "{file}: {}",
            output.stdout
        );
    }
    let output = run(dir.path(), &["run", "throws.js"]);
    assert_eq!(output.stdout, "before\n");
    assert!(output.stderr.contains("throws.js:2"), "the place of the throw: {}", output.stderr);
}

#[test]
fn eval_prints_the_value() {
    let dir = Dir::new(&[]);
    for (code, expected) in [
        ("6 * 7", "42\n"),
        ("await Promise.resolve(3)", "3\n"),
        ("const a = 2; a + 3", "5\n"),
        ("new URL('http://a/b').pathname.length", "2\n"),
        ("-1", "-1\n"),
        ("undefined", "undefined\n"),
        ("await new Promise((done) => setTimeout(done, 2, 7))", "7\n"),
    ] {
        let output = run(dir.path(), &["eval", code]);
        assert_eq!(output.code, Some(0), "{code}: {}", output.stderr);
        assert_eq!(output.stdout, expected, "{code}");
    }
    for (code, said) in
        [("throw new Error('x y')", "x y"), ("1 +", "SyntaxError"), ("nothing", "ReferenceError")]
    {
        let output = run(dir.path(), &["eval", code]);
        assert_eq!(output.code, Some(1), "{code}: {}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(said), "{code}: {}", output.stderr);
    }
}

const LOGGED: &str = r#"export default { fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/throw") throw new Error("to the log");
  console.warn("stock is low:\n  coffee");
  return new Response("thirteen byte", { status: 201 });
} };"#;

fn logged(format: &str, hit: &str) -> (Nano, String) {
    let config = r#"{ "apps": [{ "name": "shop", "path": "a.js", "hostname": "a" }] }"#;
    let dir = Dir::new(&[("a.js", LOGGED), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::args(&["--threads", "1", "--log-format", format]));
    assert_eq!(get(server.port(), "a", "/hit?x=1").status, 201);
    let line = server.log.wait_for(hit);
    (server, line)
}

#[test]
fn the_text_log_has_what_an_operator_needs() {
    let (server, line) = logged("text", "/hit");
    let fields: Vec<_> = line.split(' ').collect();
    assert_eq!(fields[1..6], ["shop", "GET", "/hit?x=1", "201", "13B"], "{line}");
    assert!(fields[6].ends_with("ms") && fields[6].trim_end_matches("ms").parse::<f64>().is_ok(), "{line}");
    assert_eq!(fields[7], "127.0.0.1", "{line}");
    assert!(fields[8].len() == 16 && fields[8].bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
    server.log.wait_for("shop console.warn: stock is low:");
    server.log.wait_for("    |   coffee");
    // The failure and its request have one id.
    get(server.port(), "a", "/throw");
    let failed = server.log.wait_for("/throw");
    let id = failed.split(' ').nth(8).unwrap().to_owned();
    server.log.wait("the message with that id", |line| {
        (line.contains("to the log") && line.contains(&format!("id={id}"))).then_some(())
    });
    server.stop();
}

#[test]
fn the_json_log_has_what_a_collector_needs() {
    let (server, line) = logged("json", "\"path\":\"/hit?x=1\"");
    for part in [
        "\"type\":\"request\"",
        "\"app\":\"shop\"",
        "\"id\":\"",
        "\"method\":\"GET\"",
        "\"status\":201",
        "\"bytes\":13",
        "\"duration_ms\":",
        "\"client\":\"127.0.0.1\"",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    server.log.wait_for(r#""text":"stock is low:\n  coffee""#);
    server.stop();
    // Without a terminal, json is the default.
    let server = Nano::app(LOGGED);
    get(server.port(), "a", "/x");
    server.log.wait_for("\"status\":201");
    server.stop();
}

#[test]
fn the_apache_log_is_the_combined_format_and_more() {
    let (server, line) = logged("apache", "/hit");
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let rest = line.split("] ").nth(1).unwrap();
    assert!(rest.starts_with("\"GET /hit?x=1 HTTP/1.1\" 201 13 \"-\" \"-\" shop "), "{line}");
    let tail: Vec<_> = rest.rsplitn(3, ' ').collect();
    assert!(tail[0].parse::<u64>().is_ok(), "the duration: {line}");
    assert_eq!(tail[1].len(), 16, "the id: {line}");
    server.log.wait_for("[warn] [shop] stock is low:");
    server.stop();
}

/// What a client sends cannot forge a record.
#[test]
fn the_log_cannot_be_forged() {
    let server = Nano::app_with(LOGGED, Options::args(&["--threads", "1", "--log-format", "text"]));
    let mut client = server.connect();
    let sent = nano_tests::request(
        "GET",
        "/a%0a\"x\"\\",
        "a",
        &[("User-Agent", "b\"\\\u{e9}\u{9b}31m \u{202e}x")],
        b"",
    );
    assert_eq!(client.send(&sent).response().status, 201);
    let line = server.log.wait_for("/a%0a");
    assert!(!line.contains('\u{9b}') && !line.contains('\u{202e}') && !line.contains('\u{1b}'), "{line:?}");
    server.stop();
}

/// Data that is broken is found by `check`, and when it is served it fails that application and nothing else.
#[test]
fn broken_data_modules_are_problems_of_their_application() {
    let dir = Dir::new(&[
        (
            "nano.jsonc",
            r#"{ "apps": [{ "name": "w", "path": "w.js" }, { "name": "j", "path": "j.js" }, { "name": "ok", "path": "ok.js" }] }"#,
        ),
        ("w.js", "import w from './w.wasm'; export default { fetch() { return new Response(String(w)); } };"),
        ("w.wasm", "no wasm"),
        (
            "j.js",
            "import j from './j.json' with { type: 'json' }; export default { fetch() { return Response.json(j); } };",
        ),
        ("j.json", "{ \"a\" }"),
        ("ok.js", "export default { fetch() { return new Response('ok'); } };"),
    ]);
    let output = run(dir.path(), &["check", "--config", "nano.jsonc"]);
    expect(&output, 2);
    for said in ["w.wasm", "CompileError", "j.json:1:7", "2 problems"] {
        assert!(output.stderr.contains(said), "no {said} in:\n{}", output.stderr);
    }
    let server = Nano::config(dir, Options::one_thread());
    for (host, status) in [("w", 500), ("j", 500), ("ok", 200)] {
        assert_eq!(get(server.port(), host, "/").status, status, "{host}");
    }
    server.stop();
}
