//! The type declarations of `types/`, with TypeScript's own compiler: an application that uses them, and each
//! global of the program.

use nano_tests::{Dir, Nano, Options, run};
use std::path::{Path, PathBuf};
use std::process::Command;

fn application() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/types");
    assert!(
        folder.join("node_modules/typescript").is_dir(),
        "the packages of {} are not installed: cargo xtask test does so",
        folder.display()
    );
    folder
}

/// What the compiler says of a tsconfig.json, and whether it is content.
fn compile(config: &Path) -> (bool, String) {
    let compiler = application().join("node_modules/typescript/bin/tsc");
    let output = Command::new("node").arg(compiler).arg("-p").arg(config).output();
    let output = output.expect("node is there: cargo xtask test sees to it");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn an_application_has_types_and_is_served() {
    let folder = application();
    let (fine, said) = compile(&folder.join("tsconfig.json"));
    assert!(fine, "{said}");
    let server = Nano::serve(&folder, Options::one_thread());
    let answer = server.connect().get("/world");
    let digest = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7";
    let expected =
        format!(r#"{{"greeting":"a text","path":"/world","main":true,"status":200,"digest":"{digest}"}}"#);
    assert_eq!((answer.status, answer.text()), (200, expected));
    server.stop();
}

#[test]
fn every_global_has_a_type() {
    let names = run(Path::new("."), &["eval", "console.log(Object.getOwnPropertyNames(globalThis).join())"]);
    let names = names.stdout.lines().next().unwrap_or_default().to_owned();
    assert!(names.contains(",scheduler,"), "{names}");
    let uses: String = names.split(',').map(|name| format!("void globalThis.{name};\n")).collect();
    let config = |files: &str| {
        let declarations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../types/nano.d.ts");
        format!(
            r#"{{ "extends": "{}", "files": [{files}, "{}"] }}"#,
            application().join("tsconfig.json").display(),
            declarations.display()
        )
    };
    let folder = Dir::new(&[("globals.ts", &uses), ("tsconfig.json", &config("\"globals.ts\""))]);
    let (fine, said) = compile(&folder.join("tsconfig.json"));
    assert!(fine, "{said}");
    // What would not be noticed proves nothing.
    folder.write("globals.ts", b"void globalThis.nobody;\n");
    let (fine, said) = compile(&folder.join("tsconfig.json"));
    assert!(!fine && said.contains("globals.ts(1,"), "{said}");
}
