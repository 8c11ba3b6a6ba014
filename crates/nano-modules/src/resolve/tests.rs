//! Resolution in directories made for it: each case is an import and what it means.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;

/// A directory with files, and the application's root in it.
struct Tree {
    _directory: tempfile::TempDir,
    base: PathBuf,
}

/// What an import is expected to be: a file relative to the tree, or a part of the error's message.
type Expected<'a> = Result<&'a str, &'a str>;

impl Tree {
    /// Files are `path` or `path: content`.
    fn new(files: &[(&str, &str)]) -> Tree {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let tree = Tree { _directory: directory, base };
        for (path, content) in files {
            tree.write(path, content.as_bytes());
        }
        tree
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(self.base.join(target), path).unwrap();
    }

    fn resolve(
        &self,
        specifier: &str,
        referrer: &str,
        root: &str,
        confine: bool,
    ) -> Result<Resolved, ResolveError> {
        resolve(specifier, &self.base.join(referrer), &self.base.join(root), None, confine)
    }

    /// Imports from `referrer`, in the application `app`, confined.
    #[track_caller]
    fn check(&self, referrer: &str, cases: &[(&str, Expected<'_>)]) {
        for (specifier, expected) in cases {
            self.check_one(specifier, referrer, "app", true, expected);
        }
    }

    #[track_caller]
    fn check_one(&self, specifier: &str, referrer: &str, root: &str, confine: bool, expected: &Expected<'_>) {
        match (self.resolve(specifier, referrer, root, confine), expected) {
            (Ok(found), Ok(path)) => assert_eq!(found.path, self.base.join(path), "{specifier}"),
            (Err(error), Err(part)) => {
                let message = error.to_string();
                assert!(message.contains(part), "{specifier}: {message}\nwithout {part}");
                assert!(
                    error.specifier() == specifier && error.referrer() == Some(&self.base.join(referrer))
                );
                assert!(message.contains(&format!("{specifier:?}")), "{message}");
            }
            (found, _) => panic!("{specifier}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn relative_imports() {
    let tree = Tree::new(&[
        ("app/index.js", ""),
        ("app/lib/a.js", ""),
        ("app/lib/b.mjs", ""),
        ("app/lib/c.ts", ""),
        ("app/lib/both.js", ""),
        ("app/lib/both/index.js", ""),
        ("app/lib/dir/index.mjs", ""),
        ("app/lib/index.js", ""),
        ("app/lib/a b ä.js", ""),
        ("app/lib/odd#name?.js", ""),
        ("app/lib/jquery.min.js", ""),
        ("app/data.json", "{}"),
        ("app/page.html", ""),
        ("app/m.wasm", ""),
        ("app/x.cjs", ""),
        ("app/x.css", ""),
        ("outside.js", ""),
        ("app2/a.js", ""),
    ]);
    tree.check(
        "app/lib/a.js",
        &[
            ("./a.js", Ok("app/lib/a.js")),
            ("./b.mjs", Ok("app/lib/b.mjs")),
            ("../index.js", Ok("app/index.js")),
            ("../lib/../lib/./a.js", Ok("app/lib/a.js")),
            ("./a.js?v=1", Ok("app/lib/a.js")),
            ("./a.js#part?", Ok("app/lib/a.js")),
            ("./a%20b%20%C3%A4.js", Ok("app/lib/a b ä.js")),
            ("./a b ä.js", Ok("app/lib/a b ä.js")),
            ("./odd%23name%3F.js", Ok("app/lib/odd#name?.js")),
            (".\\b.mjs", Ok("app/lib/b.mjs")),
            ("..//lib//a.js", Ok("app/lib/a.js")),
            ("../data.json", Ok("app/data.json")),
            ("../page.html", Ok("app/page.html")),
            ("../m.wasm?module", Ok("app/m.wasm")),
            // As with bundlers.
            ("./a", Ok("app/lib/a.js")),
            ("./b", Ok("app/lib/b.mjs")),
            ("./c", Ok("app/lib/c.ts")),
            ("./jquery.min", Ok("app/lib/jquery.min.js")),
            ("./both", Ok("app/lib/both.js")),
            ("./both/", Ok("app/lib/both/index.js")),
            ("./dir", Ok("app/lib/dir/index.mjs")),
            (".", Ok("app/lib/index.js")),
            ("./", Ok("app/lib/index.js")),
            ("..", Ok("app/index.js")),
            // What is not there.
            ("./none.js", Err("from lib/a.js: there is no such file; tried lib/none.js")),
            (
                "./none",
                Err("tried lib/none, lib/none.js, lib/none.mjs, lib/none.ts, lib/none/index.js, lib/none/index.mjs, lib/none/index.ts"),
            ),
            ("./a.js/x.js", Err("there is no such file")),
            ("./c.js", Err("there is no such file; tried lib/c.js")),
            ("../x.cjs", Err("x.cjs is a CommonJS module")),
            ("../x.css", Err("x.css: the extension names no kind")),
            ("./a%2fb.js", Err("encoded slash")),
            ("./%00", Err("NUL")),
            // Out of the application.
            ("../../outside.js", Err("outside.js is outside the application's directory")),
            ("../../app2/a.js", Err("outside the application's directory")),
            ("../../nothing.js", Err("outside the application's directory")),
            ("./%2e%2e/../../outside.js", Err("outside the application's directory")),
            ("../../../../../../../../../etc/passwd", Err("/etc/passwd is outside")),
        ],
    );
    tree.check("app/lib/c.ts", &[("./c.js", Ok("app/lib/c.ts")), ("./a.js", Ok("app/lib/a.js"))]);
    let long = format!("./{}", "x".repeat(5000));
    tree.check("app/index.js", &[(&long, Err("there is no such file"))]);
    tree.check_one("../outside.js", "app/index.js", "app", false, &Ok("outside.js"));
}

#[test]
fn absolute_imports_and_other_schemes() {
    let tree = Tree::new(&[("app/a.js", ""), ("app/b c.js", ""), ("outside.js", "")]);
    let app = tree.base.join("app").display().to_string();
    let inside = format!("{app}/a.js");
    let url = format!("file://{app}/b%20c.js");
    let outside = format!("file://{}", tree.base.join("outside.js").display());
    tree.check(
        "app/a.js",
        &[
            (&inside, Ok("app/a.js")),
            (&url, Ok("app/b c.js")),
            (&outside, Err("outside the application's directory")),
            ("/a.js", Err("/a.js is outside the application's directory")),
            ("file:///etc/passwd", Err("outside the application's directory")),
            ("file://host/a.js", Err("names a host")),
            ("//host/a.js", Err("names a host")),
            ("https://a.example/a.js", Err("not loaded from https: URLs")),
            ("data:text/javascript,0", Err("not loaded from data: URLs")),
            ("node:fs", Err("NANO runs the web platform")),
            ("node:", Err("Node's")),
            ("fs", Err("a module of Node's own")),
            ("fs/promises", Err("a module of Node's own")),
            ("", Err("it is empty")),
        ],
    );
    tree.check_one(&outside, "app/a.js", "app", false, &Ok("outside.js"));
}

#[test]
fn packages_with_exports() {
    let tree = Tree::new(&[
        ("app/index.js", ""),
        ("app/src/deep/a.js", ""),
        (
            "app/node_modules/p/package.json",
            r##"{
                "name": "p", "main": "./main.js",
                "exports": {
                    ".": {"node": "./node.js", "worker": "./worker.mjs", "default": "./main.js"},
                    "./sub": [{"workerd": "./sub.workerd.js"}, "./sub.js"],
                    "./f/*": "./lib/*.js", "./f/secret": null,
                    "./gone": "./gone.js", "./cjs": {"require": "./x.cjs"}, "./node": {"node": "./node.js"},
                    "./bad": "../bad.js", "./dir": "./lib", "./data": "./data.json", "./e": "./a%20b.js"
                },
                "imports": {"#self": "./node.js", "#q": "q", "#q/*": "q/*", "#none": null, "#bad": "./..", "#r": "@s/r/x.js"}
            }"##,
        ),
        ("app/node_modules/p/node.js", "import 'x'"),
        ("app/node_modules/p/worker.mjs", ""),
        ("app/node_modules/p/main.js", ""),
        ("app/node_modules/p/sub.workerd.js", ""),
        ("app/node_modules/p/lib/one.js", ""),
        ("app/node_modules/p/lib/two/three.js", ""),
        ("app/node_modules/p/x.cjs", ""),
        ("app/node_modules/p/data.json", "{}"),
        ("app/node_modules/p/a b.js", ""),
        ("app/node_modules/q/package.json", r#"{"exports": "./q.js", "type": "module"}"#),
        ("app/node_modules/q/q.js", ""),
        ("app/node_modules/@s/r/package.json", r#"{"exports": {"./x.js": "./x.js"}}"#),
        ("app/node_modules/@s/r/x.js", ""),
        (
            "app/node_modules/p/node_modules/q/package.json",
            r#"{"exports": {".": "./inner.js", "./w": "./w.js"}}"#,
        ),
        ("app/node_modules/p/node_modules/q/inner.js", ""),
        ("app/node_modules/p/node_modules/q/w.js", ""),
        ("app/src/node_modules/q/package.json", r#"{"exports": {"import": "./near.js"}}"#),
        ("app/src/node_modules/q/near.js", ""),
        ("app/node_modules/mixed/package.json", r#"{"exports": {".": "./a.js", "import": "./b.js"}}"#),
        ("app/node_modules/old/package.json", r#"{"exports": {"require": "./i.cjs"}}"#),
        ("app/node_modules/old/i.cjs", ""),
        ("app/node_modules/older/package.json", r#"{"exports": "./i.js"}"#),
        ("app/node_modules/older/i.js", "exports.a = require('b')"),
        ("app/node_modules/typed/package.json", r#"{"exports": "./i.js", "type": "module"}"#),
        ("app/node_modules/typed/i.js", "exports.a = require('b')"),
        ("app/node_modules/buffer/package.json", r#"{"exports": "./i.js"}"#),
        ("app/node_modules/buffer/i.js", ""),
        ("node_modules/above/package.json", r#"{"exports": "./i.js"}"#),
        ("node_modules/above/i.js", ""),
    ]);
    let p = |file: &str| format!("app/node_modules/p/{file}");
    let (worker, sub, one, three, data) =
        (p("worker.mjs"), p("sub.workerd.js"), p("lib/one.js"), p("lib/two/three.js"), p("data.json"));
    tree.check(
        "app/index.js",
        &[
            ("p", Ok(&worker)),
            ("p/sub", Ok(&sub)),
            ("p/f/one", Ok(&one)),
            ("p/f/two/three", Ok(&three)),
            ("p/data", Ok(&data)),
            ("p/e", Ok("app/node_modules/p/a b.js")),
            ("q", Ok("app/node_modules/q/q.js")),
            ("@s/r/x.js", Ok("app/node_modules/@s/r/x.js")),
            ("typed", Ok("app/node_modules/typed/i.js")),
            // A package in the place of one of Node's modules is taken.
            ("buffer", Ok("app/node_modules/buffer/i.js")),
            ("p/f/secret", Err("\"exports\" of node_modules/p/package.json has no \"./f/secret\" for the conditions workerd, worker, import, default")),
            ("p/main.js", Err("has no \"./main.js\"")),
            ("p/node", Err("has no \"./node\"")),
            ("p/f/../../x", Err("it leads out of the package")),
            ("p/f/%2e%2e/x", Err("it leads out of the package")),
            ("p/f/none", Err("\"exports\" of node_modules/p/package.json says \"./lib/none.js\", and that file is not there")),
            ("p/gone", Err("says \"./gone.js\"")),
            ("p/dir", Err("says \"./lib\"")),
            ("p/bad", Err("node_modules/p/package.json: \"exports\" has the target \"../bad.js\"")),
            ("p/", Err("ends with a slash")),
            ("p/cjs", Err("node_modules/p/x.cjs is a CommonJS module, which NANO does not run")),
            ("old", Err("node_modules/old/i.cjs is a CommonJS module")),
            ("older", Err("node_modules/older/i.js is a CommonJS module")),
            ("mixed", Err("\"exports\" mixes subpaths")),
            ("@s/r", Err("has no \".\"")),
            ("none", Err("the package \"none\" is not installed (a file of the application starts with ./ or ../); tried node_modules/none")),
            ("@s/none/x", Err("the package \"@s/none\" is not installed")),
            ("above", Err("the package \"above\" is not installed")),
            ("%70", Err("no package's name")),
        ],
    );
    tree.check("app/src/deep/a.js", &[("q", Ok("app/src/node_modules/q/near.js")), ("p", Ok(&worker))]);
    tree.check(
        "app/node_modules/p/lib/one.js",
        &[
            ("q", Ok("app/node_modules/p/node_modules/q/inner.js")),
            ("#self", Ok("app/node_modules/p/node.js")),
            ("#q", Ok("app/node_modules/p/node_modules/q/inner.js")),
            ("#q/w", Ok("app/node_modules/p/node_modules/q/w.js")),
            ("#r", Ok("app/node_modules/@s/r/x.js")),
            // By its own name, through its exports.
            ("p", Ok(&worker)),
            ("p/main.js", Err("has no \"./main.js\"")),
            ("#none", Err("\"imports\" of node_modules/p/package.json does not define it")),
            ("#bad", Err("\"imports\" has the target \"./..\"")),
            ("#", Err("# needs a name")),
            ("#q/..", Err("has no \"./..\"")),
        ],
    );
    tree.check(
        "app/node_modules/q/q.js",
        &[("#x", Err("\"imports\" of node_modules/q/package.json does not define it"))],
    );
    tree.check("app/index.js", &[("#x", Err("there is none"))]);
    tree.check_one("above", "app/index.js", "app", false, &Ok("node_modules/above/i.js"));
}

#[test]
fn an_application_imports_itself() {
    let tree = Tree::new(&[
        (
            "app/package.json",
            r##"{"name": "@me/app", "exports": {".": "./index.js", "./x": "./x.js"}, "imports": {"#db": {"workerd": "./db.js"}}}"##,
        ),
        ("app/index.js", ""),
        ("app/x.js", ""),
        ("app/db.js", ""),
        ("app/src/a.js", ""),
    ]);
    tree.check(
        "app/src/a.js",
        &[
            ("@me/app", Ok("app/index.js")),
            ("@me/app/x", Ok("app/x.js")),
            ("#db", Ok("app/db.js")),
            ("@me/app/y", Err("has no \"./y\"")),
        ],
    );
}

#[test]
fn packages_without_exports() {
    let tree = Tree::new(&[
        ("app/index.js", ""),
        ("app/node_modules/both/package.json", r#"{"main": "lib/main.js", "module": "es/main"}"#),
        ("app/node_modules/both/lib/main.js", "module.exports = 1"),
        ("app/node_modules/both/es/main.js", "export default 1"),
        ("app/node_modules/both/hooks/package.json", r#"{"module": "../es/hooks.js"}"#),
        ("app/node_modules/both/es/hooks.js", ""),
        ("app/node_modules/both/es/util.mjs", ""),
        ("app/node_modules/main/package.json", r#"{"main": "./lib"}"#),
        ("app/node_modules/main/lib/index.js", "export {}"),
        ("app/node_modules/main/lib/x.js", "'use strict'; module.exports = require('y')"),
        ("app/node_modules/wrong/package.json", r#"{"main": "gone.js", "module": 7}"#),
        ("app/node_modules/wrong/index.js", ""),
        ("app/node_modules/index/index.mjs", ""),
        ("app/node_modules/cjs/package.json", r#"{"main": "main.js"}"#),
        ("app/node_modules/cjs/main.js", "'use strict';\nconst a = require('a');\nmodule.exports = a;\n"),
        ("app/node_modules/cjs2/package.json", r#"{"main": "main.cjs"}"#),
        ("app/node_modules/cjs2/main.cjs", ""),
        ("app/node_modules/empty/package.json", "{}"),
        ("app/node_modules/escapes/package.json", r#"{"main": "../../../outside.js"}"#),
        ("app/node_modules/types/package.json", r#"{"types": "x.d.ts"}"#),
        ("app/node_modules/broken/package.json", "{\n  \"main\": \"a.js\"\n  \"module\": 1\n}"),
        ("app/node_modules/file", ""),
        ("outside.js", ""),
    ]);
    tree.check(
        "app/index.js",
        &[
            ("both", Ok("app/node_modules/both/es/main.js")),
            ("both/es/util.mjs", Ok("app/node_modules/both/es/util.mjs")),
            ("both/es/util", Ok("app/node_modules/both/es/util.mjs")),
            ("both/hooks", Ok("app/node_modules/both/es/hooks.js")),
            ("main", Ok("app/node_modules/main/lib/index.js")),
            ("main/lib", Ok("app/node_modules/main/lib/index.js")),
            ("wrong", Ok("app/node_modules/wrong/index.js")),
            ("index", Ok("app/node_modules/index/index.mjs")),
            ("main/lib/x", Err("node_modules/main/lib/x.js is a CommonJS module")),
            ("both/lib/main.js", Err("is a CommonJS module")),
            ("both/../main", Err("it leads out of the package")),
            ("both/%2e%2e/main", Err("it leads out of the package")),
            (
                "cjs",
                Err("node_modules/cjs/main.js is a CommonJS module, which NANO does not run; use a version"),
            ),
            ("cjs2", Err("node_modules/cjs2/main.cjs is a CommonJS module")),
            ("empty", Err("there is no such file; tried node_modules/empty/index.js, ")),
            ("types", Err("there is no such file")),
            ("both/none", Err("tried node_modules/both/none, node_modules/both/none.js")),
            ("escapes", Err("outside.js is outside the application's directory")),
            ("broken", Err("node_modules/broken/package.json:3:3: expected `,` or `}`")),
            ("file", Err("not installed")),
        ],
    );
}

#[test]
fn links() {
    let tree = Tree::new(&[
        ("app/index.js", ""),
        ("app/real/index.js", ""),
        ("shared/lib.js", ""),
        ("shared/package.json", r#"{"exports": "./lib.js"}"#),
        ("store/s@1/node_modules/s/package.json", r#"{"exports": "./s.js"}"#),
        ("store/s@1/node_modules/s/s.js", ""),
        ("store/s@1/node_modules/t/index.js", ""),
        ("app/node_modules/l/index.js", ""),
        ("app/node_modules/stolen/i.js", ""),
    ]);
    tree.link("app/inside", "app/real");
    tree.link("app/alias.js", "app/index.js");
    tree.link("app/out.js", "shared/lib.js");
    tree.link("app/outdir", "shared");
    tree.link("app/loop.js", "app/loop.js");
    tree.link("app/node_modules/w", "shared");
    tree.link("app/node_modules/s", "store/s@1/node_modules/s");
    tree.link("app/node_modules/stolen/package.json", "shared/package.json");
    tree.check(
        "app/index.js",
        &[
            ("./inside/index.js", Ok("app/real/index.js")),
            ("./alias.js", Ok("app/index.js")),
            ("./out.js", Err("shared/lib.js is outside the application's directory")),
            ("./outdir/lib.js", Err("outside the application's directory")),
            ("./loop.js", Err("")),
            ("w", Err("outside the application's directory")),
            ("s", Err("outside the application's directory")),
            ("stolen", Err("shared/package.json is outside the application's directory")),
        ],
    );
    for (specifier, referrer, path) in [
        ("./out.js", "app/index.js", "shared/lib.js"),
        ("w", "app/index.js", "shared/lib.js"),
        ("s", "app/index.js", "store/s@1/node_modules/s/s.js"),
        // From where the package really is, as package managers with a store need it.
        ("t", "store/s@1/node_modules/s/s.js", "store/s@1/node_modules/t/index.js"),
    ] {
        tree.check_one(specifier, referrer, "app", false, &Ok(path));
    }
}

#[test]
fn directories_and_sockets_are_no_modules() {
    let tree = Tree::new(&[("app/index.js", ""), ("app/dir.js/x", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(tree.base.join("app/socket.js")).unwrap();
    tree.check(
        "app/index.js",
        &[("./socket.js", Err("there is no such file")), ("./dir.js", Err("there is no such file"))],
    );
}

#[test]
fn kinds_by_attribute() {
    let tree = Tree::new(&[("app/index.js", ""), ("app/a.json", "{}"), ("app/README", "")]);
    let root = tree.base.join("app");
    let import = |specifier: &str, attribute| {
        resolve(specifier, &root.join("index.js"), &root, attribute, true).map(|resolved| resolved.kind)
    };
    assert_eq!(import("./a.json", None).unwrap(), ModuleKind::Json);
    assert_eq!(import("./a.json", Some("json")).unwrap(), ModuleKind::Json);
    assert_eq!(import("./a.json", Some("bytes")).unwrap(), ModuleKind::Bytes);
    assert_eq!(import("./README", Some("text")).unwrap(), ModuleKind::Text);
    let error = import("./index.js", Some("json")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot import \"./index.js\" from index.js: index.js: type \"json\" is for files that end in .json"
    );
}

#[test]
fn entries() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Expected<'a>);
    let cases: &[Case<'_>] = &[
        ("index before worker", &[("index.mjs", ""), ("worker.js", "")], Ok("index.mjs")),
        ("js before mjs", &[("index.mjs", ""), ("index.js", "")], Ok("index.js")),
        ("worker", &[("worker.ts", ""), ("_worker.js", "")], Ok("worker.ts")),
        ("_worker", &[("_worker.js", "")], Ok("_worker.js")),
        ("a package.json without an entry", &[("package.json", "{}"), ("index.ts", "")], Ok("index.ts")),
        (
            "main",
            &[("package.json", r#"{"main": "src/a.js"}"#), ("src/a.js", ""), ("index.js", "")],
            Ok("src/a.js"),
        ),
        (
            "main without extension",
            &[("package.json", r#"{"main": "./src/a"}"#), ("src/a.ts", "")],
            Ok("src/a.ts"),
        ),
        (
            "main is a directory",
            &[("package.json", r#"{"main": "src"}"#), ("src/index.mjs", "")],
            Ok("src/index.mjs"),
        ),
        (
            "exports before main",
            &[
                ("package.json", r#"{"main": "m.js", "exports": {"workerd": "./w.js"}}"#),
                ("m.js", ""),
                ("w.js", ""),
            ],
            Ok("w.js"),
        ),
        (
            "exports of subpaths only",
            &[
                ("package.json", r#"{"main": "m.js", "exports": {"./x": "./w.js"}}"#),
                ("m.js", ""),
                ("w.js", ""),
            ],
            Ok("m.js"),
        ),
        (
            "nothing",
            &[("readme.md", "")],
            Err(
                "the directory has no entry module; tried package.json, index.js, index.mjs, index.ts, worker.js, worker.mjs, worker.ts, _worker.js",
            ),
        ),
        ("a directory named so", &[("index.js/x", "")], Err("no entry module")),
        (
            "main is not there",
            &[("package.json", r#"{"main": "gone.js"}"#), ("index.js", "")],
            Err("\"main\" of package.json says \"gone.js\", and that file is not there"),
        ),
        (
            "exports is not there",
            &[("package.json", r#"{"exports": "./gone.js"}"#)],
            Err("\"exports\" of package.json"),
        ),
        (
            "exports is malformed",
            &[("package.json", r#"{"exports": "gone.js"}"#)],
            Err("does not start with ./"),
        ),
        (
            "broken",
            &[("package.json", "{\n\"main\": }"), ("index.js", "")],
            Err("package.json:2:9: expected value"),
        ),
        (
            "a kind that is none",
            &[("package.json", r#"{"main": "a.css"}"#), ("a.css", "")],
            Err("names no kind"),
        ),
        (
            "main leads out",
            &[("package.json", r#"{"main": "../x.js"}"#)],
            Err("outside the application's directory"),
        ),
    ];
    for (name, files, expected) in cases {
        let tree = Tree::new(files);
        match (find_entry(&tree.base, true), expected) {
            (Ok(entry), Ok(path)) => {
                assert_eq!((entry.path, entry.root), (tree.base.join(path), tree.base.clone()), "{name}");
            }
            (Err(error), Err(part)) => {
                let message = error.to_string();
                assert!(message.contains(part) && error.referrer().is_none(), "{name}: {message}");
                assert!(message.starts_with(&tree.base.display().to_string()), "{name}: {message}");
            }
            (found, _) => panic!("{name}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn an_entry_that_is_a_file() {
    let tree =
        Tree::new(&[("app/a.ts", ""), ("package.json", r#"{"main": "x"}"#), ("a.cjs", ""), ("x.js", "")]);
    let entry = find_entry(&tree.base.join("app/a.ts"), true).unwrap();
    assert_eq!(entry.root, tree.base.join("app"));
    assert_eq!((entry.path, entry.kind), (tree.base.join("app/a.ts"), ModuleKind::TypeScript));
    let error = |path: &str| find_entry(&tree.base.join(path), true).unwrap_err();
    assert_eq!(error("none").reason(), &Reason::NotFound);
    assert!(error("none").to_string().ends_with("none: there is no such file"));
    assert!(error("a.cjs").to_string().contains("CommonJS"));
    // A link to an application is the application that it leads to.
    tree.link("link", "app/a.ts");
    assert_eq!(find_entry(&tree.base.join("link"), true).unwrap().root, tree.base.join("app"));
    // A link in a confined application is not.
    tree.link("app2/index.js", "app/a.ts");
    assert!(matches!(error("app2").reason(), Reason::OutsideRoot { .. }));
    assert_eq!(find_entry(&tree.base.join("app2"), false).unwrap().path, tree.base.join("app/a.ts"));
    tree.link("app3/package.json", "package.json");
    tree.write("app3/x.js", b"");
    assert!(matches!(error("app3").reason(), Reason::OutsideRoot { .. }));
    assert!(Path::new(error("app3").specifier()).ends_with("app3"));
}
