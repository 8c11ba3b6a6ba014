//! What is taken from tenants and from the process: code from text, fine clocks, files, programs.

use nano_tests::{Dir, Nano, Options, get};

#[test]
fn code_from_text_and_fine_clocks_are_taken_by_option() {
    let config = r#"{
      "watch": false,
      "apps": [
        { "name": "free", "path": "a.js" },
        { "name": "hard", "path": "a.js", "hardening": { "allow_eval": false, "timer_resolution_us": 100000 } } ] }"#;
    let code = r#"
      const attempt = (work) => { try { return work(); } catch (error) { return error.constructor.name; } };
      export default { async fetch() {
        const ways = [
          attempt(() => eval("1 + 1")), attempt(() => (0, eval)("1 + 1")), attempt(() => new Function("return 2")()),
          attempt(() => (async () => {}).constructor("return 2") && 2), attempt(() => new (function* () {}).constructor("") && 2),
        ];
        await new Promise((go) => setTimeout(go, 3));
        const now = performance.now();
        return Response.json({ ways, coarse: Math.abs(now / 100 - Math.round(now / 100)) < 1e-9 });
      } };"#;
    let dir = Dir::new(&[("a.js", code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::one_thread());
    assert_eq!(get(server.port(), "free", "/").text(), r#"{"ways":[2,2,2,2,2],"coarse":false}"#);
    let refused = r#"{"ways":["EvalError","EvalError","EvalError","EvalError","EvalError"],"coarse":true}"#;
    assert_eq!(get(server.port(), "hard", "/").text(), refused);
    server.stop();
}

#[test]
fn nothing_of_the_host_reaches_an_isolate() {
    let code = r#"
      export default { async fetch(request, env) {
        const names = ["process", "Deno", "Bun", "require", "module", "__dirname", "Buffer", "scriptArgs"];
        const there = names.filter((name) => name in globalThis);
        const loads = [];
        for (const name of ["/etc/passwd", "file:///etc/passwd", "node:fs", "fs", "../nano.jsonc", "./link.txt"]) {
          try { await import(name, { with: { type: "text" } }); loads.push(name); } catch {}
          try { await import(name); loads.push(name); } catch {}
        }
        return Response.json({ there, loads, env });
      } };"#;
    let config = r#"{ "watch": false, "apps": [{ "name": "a", "path": "a", "env": { "ONE": "1" } }] }"#;
    let dir = Dir::new(&[("a/index.js", code), ("nano.jsonc", config)]);
    std::os::unix::fs::symlink("/etc/passwd", dir.join("a/link.txt")).unwrap();
    let server = Nano::config(dir, Options::default());
    assert_eq!(get(server.port(), "a", "/").text(), r#"{"there":[],"loads":[],"env":{"ONE":"1"}}"#);
    server.stop();
}

/// What /proc says of every thread of a process.
fn threads_status(id: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok()).collect()
}

#[test]
fn the_process_gives_up_what_it_needs_no_more_and_says_so() {
    let config = r#"{ "watch": true, "apps": [{ "name": "a", "path": "a" }] }"#;
    let one = "export default { fetch: () => new Response('one') };";
    let dir = Dir::new(&[("a/index.js", one), ("nano.jsonc", config)]);
    let path = dir.path().to_owned();
    let server = Nano::config(dir, Options::default());
    let line = server.log.wait_for("\"sandbox\"");
    assert!(line.contains("seccomp"), "{line}");
    assert_eq!(get(server.port(), "a", "/").text(), "one");
    for status in threads_status(server.id()) {
        assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    }
    // What reloading needs it has kept: another version, and another application beside the first.
    std::fs::write(path.join("a/index.js"), one.replace("one", "two")).unwrap();
    server.log.wait_for("\"deployed\"");
    assert_eq!(get(server.port(), "a", "/").text(), "two");
    std::fs::create_dir(path.join("b")).unwrap();
    std::fs::write(path.join("b/index.js"), one).unwrap();
    let config = config.replace("] }", ", { \"name\": \"b\", \"path\": \"b\" }] }");
    std::fs::write(path.join("nano.jsonc"), config).unwrap();
    server.log.wait_for("\"app\":\"b\",\"version\":1");
    assert_eq!(get(server.port(), "b", "/").text(), "one");
    server.stop();

    let server = Nano::app_with(one, Options::args(&["--no-sandbox"]));
    assert!(threads_status(server.id()).iter().all(|status| status.contains("Seccomp:\t0")));
    assert!(!server.log.all().iter().any(|line| line.contains("sandbox")));
    server.stop();
}
