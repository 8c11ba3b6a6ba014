//! TypeScript as `nano serve`, `run` and `check` take it, and stack traces in the coordinates of the source
//! that a person wrote.

use nano_tests::{Dir, Nano, Options, get, run};

#[test]
fn an_application_in_typescript_is_served() {
    let server = Nano::dir(
        Dir::new(&[
            (
                "index.ts",
                "import { type Answer, Kind, Counter } from './lib/answer.js';\nimport { Unused } from './missing-at-run-time';\n\
                 interface Env { STAGE?: string }\nexport default {\n  async fetch(request: Request, env: Env): Promise<Response> {\n\
                 const answer: Answer = { kind: Kind.Two, count: new Counter(40).next()! + 1 };\n\
                 return Response.json(answer satisfies Answer);\n  },\n} as { fetch: unknown };\n",
            ),
            (
                "lib/answer.ts",
                "export type Answer = { kind: Kind; count: number };\nexport enum Kind { One, Two }\n\
                 export class Counter {\n  constructor(private readonly start: number) {}\n  next(): number | undefined { return this.start + 1; }\n}\n",
            ),
        ]),
        Options::one_thread(),
    );
    let response = get(server.port(), "a", "/");
    assert_eq!((response.status, response.text().as_str()), (200, r#"{"kind":1,"count":42}"#));
    server.stop();
}

#[test]
fn a_script_in_typescript_runs_and_its_stack_is_in_its_own_coordinates() {
    let dir = Dir::new(&[(
        "x.ts",
        "interface A {\n  b: string;\n}\nfunction thrower<T extends A>(value: T): never { throw new TypeError(value.b); }\n\
         console.log((1 as number) + 1);\nthrower({ b: 'on purpose' } as A);\n",
    )]);
    let output = run(dir.path(), &["run", "x.ts"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), "2\n"), "{}", output.stderr);
    for part in ["TypeError: on purpose", "thrower (x.ts:4:56)", "x.ts:6:1"] {
        assert!(output.stderr.contains(part), "no {part} in: {}", output.stderr);
    }
}

#[test]
fn what_is_wrong_in_typescript_is_told_with_its_place() {
    for (source, place, said) in [
        ("const x: = 1;\n", "index.ts:1:10", "SyntaxError"),
        ("type A = 1;\nlet b: A = 1; let b = 2;\n", "index.ts:2:19", "already been declared"),
        (
            "import type { A } from './a';\nimport { c } from './missing.js'; c;\n",
            "index.ts:2:19",
            "missing.js",
        ),
        ("namespace A { export const b = 1; }\n", "index.ts:1:1", "namespace"),
    ] {
        let output = run(Dir::new(&[("index.ts", source)]).path(), &["check"]);
        assert_eq!(output.code, Some(2), "{source}: {}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(place), "{source}: no {place} in: {}", output.stderr);
        assert!(output.stderr.contains(said), "{source}: no {said} in: {}", output.stderr);
    }
}

/// `dist/index.js`, compiled from `src/index.ts`: line 1, column 1 from 3:5; line 1, column 11 from 10:3;
/// line 2, column 1 from 21:7.
const MAP: &str = r#"{"version":3,"sources":["../src/index.ts"],"names":[],"mappings":"AAEI,UAOF;AAWI"}"#;

#[test]
fn stacks_follow_source_maps() {
    let code = "try {     throw new Error('a') } catch (e) { console.log(e.stack) }\nconsole.log(new Error('b').stack.split('\\n').length);\n";
    let inline: String = MAP.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let inline = format!("{code}//# sourceMappingURL=data:application/json,{inline}\n");
    let file = format!("{code}//# sourceMappingURL=index.js.map\n");
    for files in [
        &[("dist/index.js", inline.as_str())][..],
        &[("dist/index.js", file.as_str()), ("dist/index.js.map", MAP)],
    ] {
        let dir = Dir::new(files);
        let output = run(dir.path(), &["run", "dist/index.js"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(output.stdout.contains("Error: a\n    at ../src/index.ts:10:3\n"), "{}", output.stdout);
    }
    // Without its map, and with a broken one, the code's own coordinates.
    for files in [
        &[("dist/index.js", file.as_str())][..],
        &[("dist/index.js", file.as_str()), ("dist/index.js.map", "{")],
    ] {
        let output = run(Dir::new(files).path(), &["run", "dist/index.js"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(output.stdout.contains("Error: a\n    at index.js:1:17\n"), "{}", output.stdout);
    }
    // What a tenant does with its stacks stays its own business.
    let own = format!(
        "Error.prepareStackTrace = (error, sites) => `${{error.message}} ${{sites.length > 0}}`;\nconsole.log(new Error('c').stack);\n//# sourceMappingURL=data:,{}",
        MAP.replace('"', "%22")
    );
    let output = run(Dir::new(&[("x.js", &own)]).path(), &["run", "x.js"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "c true\n"), "{}", output.stderr);
}

#[test]
fn a_place_that_is_told_follows_the_map_too() {
    let file = "          missing();\n//# sourceMappingURL=index.js.map\n";
    let dir = Dir::new(&[("index.js", file), ("index.js.map", MAP)]);
    let output = run(dir.path(), &["run", "index.js"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("src/index.ts:10:3"), "{}", output.stderr);
}
