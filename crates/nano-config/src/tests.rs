//! Tests of the configuration: broken files, each with every problem and its place; valid files; limits at
//! and beyond.

mod broken;
mod limits_of_files;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::limits;
use super::routes::HostPattern;
use super::*;
use nano_log::Format;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("nano.jsonc"), Path::new("/srv"))
}

fn valid(text: &str) -> Config {
    parse(text).unwrap_or_else(|errors| panic!("{errors}\nin\n{text}"))
}

/// The problems of `text` as `LINE:COLUMN: MESSAGE`.
fn problems(text: &str) -> Vec<String> {
    let Err(errors) = parse(text) else { panic!("no problem found in\n{text}") };
    errors
        .iter()
        .map(|error| {
            assert_eq!(error.file(), "nano.jsonc");
            format!("{}:{}: {}", error.line().unwrap(), error.column().unwrap(), error.message())
        })
        .collect()
}

#[test]
fn an_example_with_most_keys_is_read() {
    let config = valid(
        r#"{
          "port": 3000, "host": "0.0.0.0", "threads": 4,
          "defaults": { "timeout_ms": 5000, "memory_mb": 128 },
          "admin": { "listen": "127.0.0.1:9090", "token_env": "NANO_ADMIN_TOKEN" },
          "apps": [
            { "name": "api", "hostname": "api.example.com", "path": "./apps/api",
              "timeout_ms": 3000,          // CPU time one request may use
              "wall_timeout_ms": 30000,    // time until the response's head is due
              "memory_mb": 64,             /* JavaScript heap and buffers of one isolate */
              "max_body_mb": 100, "max_subrequests": 50,
              "env": { "STAGE": "prod" },
              "fetch": { "allow_private": false } },
          ],
        }"#,
    );
    assert_eq!(
        config,
        Config {
            file: None,
            port: 3000,
            host: [0, 0, 0, 0].into(),
            threads: Some(4),
            admin: Some(Admin {
                listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
                token_env: Some("NANO_ADMIN_TOKEN".into()),
            }),
            limits: ServerLimits { drain_timeout: Duration::from_secs(30), ..ServerLimits::default() },
            apps: vec![App {
                name: "api".into(),
                hosts: vec![HostPattern::parse("api.example.com").unwrap()],
                path: PathBuf::from("/srv/./apps/api"),
                limits: AppLimits {
                    timeout: Duration::from_secs(3),
                    wall_timeout: Duration::from_secs(30),
                    memory_bytes: 64 << 20,
                    max_body_bytes: 100 << 20,
                    max_subrequests: 50,
                    ..AppLimits::default()
                },
                env: vec![("STAGE".into(), EnvValue::Text("prod".into()))],
                services: vec![],
                fetch: FetchPolicy { allow_private: false },
                hardening: Hardening::default(),
            }],
            ..Config::empty()
        }
    );
}

#[test]
fn isolates_have_a_budget_and_a_time() {
    let config = valid(
        r#"{ "isolate_memory_mb": 512, "isolate_idle_ms": 0, "watch": false, "apps": [{"name":"a","path":"a"}] }"#,
    );
    assert_eq!(
        (config.limits.isolate_memory_bytes, config.limits.isolate_idle, config.watch),
        (512 << 20, None, false)
    );
    let config = valid(r#"{ "isolate_idle_ms": 1000, "apps": [{"name":"a","path":"a"}] }"#);
    assert_eq!((config.limits.isolate_idle, config.watch), (Some(Duration::from_secs(1)), true));
}

#[test]
fn applications_inherit_the_defaults_and_may_differ() {
    let config = valid(
        r#"{
          "defaults": { "timeout_ms": 100, "memory_mb": 16, "max_subrequests": 0, "fetch": { "allow_private": true } },
          "apps": [
            { "name": "a", "path": "/opt/a" },
            { "name": "b", "path": "b", "timeout_ms": 200, "fetch": { "allow_private": false } },
            { "name": "c", "path": "c", "fetch": {} } ] }"#,
    );
    let [a, b, c] = &config.apps[..] else { panic!() };
    assert_eq!(a.path, Path::new("/opt/a"));
    assert_eq!((a.limits, a.fetch), (config.defaults.limits, config.defaults.fetch));
    assert_eq!(a.limits.memory_bytes, 16 << 20);
    assert_eq!((a.limits.max_subrequests, a.fetch.allow_private), (0, true));
    assert_eq!((b.limits.timeout, b.limits.memory_bytes), (Duration::from_millis(200), 16 << 20));
    assert!(!b.fetch.allow_private && c.fetch.allow_private);
}

#[test]
fn telemetry_has_an_endpoint_a_share_and_headers() {
    let telemetry = |inside: &str| {
        parse(&format!(r#"{{ "telemetry": {inside}, "apps": [{{ "name": "a", "path": "a" }}] }}"#))
    };
    let config = telemetry(
        r#"{ "endpoint": "https://otel.example:4318/base/", "sample_percent": 5,
        "headers": { "x-key": "k" } }"#,
    );
    let read = config.unwrap().telemetry.unwrap();
    assert_eq!(read.url.as_str(), "https://otel.example:4318/base/v1/traces");
    assert_eq!((read.sample_percent, read.headers), (5, vec![("x-key".into(), "k".into())]));
    let default = telemetry(r#"{ "endpoint": "http://127.0.0.1:4318" }"#).unwrap().telemetry.unwrap();
    assert_eq!((default.url.as_str(), default.sample_percent), ("http://127.0.0.1:4318/v1/traces", 100));
    for (wrong, told) in [
        (r#"{}"#, "missing key \"endpoint\""),
        (r#"{ "url": "x", "endpoint": "http://c" }"#, "\"endpoint\" is the collector's URL"),
        (r#"{ "endpoint": "ftp://c" }"#, "must be the URL of a collector"),
        (r#"{ "endpoint": "c:4317" }"#, "must be the URL of a collector"),
        (r#"{ "endpoint": "http://c", "sample_percent": 101 }"#, "sample_percent"),
        (r#"{ "endpoint": "http://c", "headers": { "a": "b\r\nc" } }"#, "cannot be a field"),
        (r#"{ "endpoint": "http://c", "headers": { "a b": "c" } }"#, "cannot be a field"),
    ] {
        let errors = telemetry(wrong).unwrap_err().to_string();
        assert!(errors.contains(told), "{wrong}: {errors}");
    }
}

#[test]
fn the_network_has_a_proxy_and_authorities() {
    let config = valid(
        r#"{ "network": { "proxy": "http://u:p@10.0.0.1:3128", "no_proxy": "a.example", "ca_file": "ca.pem" },
             "apps": [{ "name": "a", "path": "a" }] }"#,
    );
    let network = Network {
        proxy: Some("http://u:p@10.0.0.1:3128".into()),
        no_proxy: Some("a.example".into()),
        ca_file: Some("/srv/ca.pem".into()),
    };
    assert_eq!(config.network, network);
    for wrong in ["socks5://10.0.0.1", "10.0.0.1:3128", "", "http://"] {
        let found = problems(&format!(
            r#"{{ "network": {{ "proxy": "{wrong}" }}, "apps": [{{ "name": "a", "path": "a" }}] }}"#
        ));
        assert_eq!(
            found,
            ["1:25: \"proxy\" must be the URL of an HTTP proxy, such as \"http://10.0.0.1:3128\""],
            "{wrong}"
        );
    }
}

#[test]
fn hosts_may_be_names_lists_wildcards_and_addresses() {
    let config = valid(
        r#"{ "apps": [
            { "name": "Example.com", "path": "a" },
            { "name": "b", "hostname": ["b.example.com", "*.B.example.com.", "[::1]"], "path": "b" },
            { "name": "c", "hostname": "*", "path": "c" },
            { "name": "bücher.example", "path": "d" } ] }"#,
    );
    let routes = config.routes();
    for (host, app) in [
        ("EXAMPLE.com:80", 0),
        ("b.example.com", 1),
        ("x.y.b.example.com", 1),
        ("[::1]:3000", 1),
        ("127.0.0.1", 2),
        ("", 2),
        ("xn--bcher-kva.example", 3),
    ] {
        assert_eq!(routes.get(host.as_bytes()), Some(&app), "{host}");
    }
}

#[test]
fn variables_hold_strings_and_any_json() {
    let config = valid(
        r#"{ "apps": [ { "name": "a", "path": "a", "env": {
            "TEXT": "a \"b\" \u00e9\n", "EMPTY": "", "NUMBER": -1.5e3, "YES": true, "NOTHING": null,
            "LIST": [1, "\u0007", [],], // a comment
            "OBJECT": { "a": { "b": "\\" }, "c": {} } } } ] }"#,
    );
    let json = |text: &str| EnvValue::Json(text.into());
    let expected = [
        ("TEXT", EnvValue::Text("a \"b\" é\n".into())),
        ("EMPTY", EnvValue::Text(String::new())),
        ("NUMBER", json("-1.5e3")),
        ("YES", json("true")),
        ("NOTHING", json("null")),
        ("LIST", json(r#"[1,"\u0007",[]]"#)),
        ("OBJECT", json(r#"{"a":{"b":"\\"},"c":{}}"#)),
    ];
    assert_eq!(config.apps[0].env, expected.map(|(name, value)| (name.to_string(), value)));
}

#[test]
fn services_are_sockets_beside_the_variables() {
    let app = |members: &str| format!(r#"{{ "apps": [{{ "name": "a", "path": "a", {members} }}] }}"#);
    let config =
        valid(&app(r#""env": { "A": "1" }, "services": { "B": "unix:run/b.sock", "c d": "unix:/run/c" }"#));
    let socket = |name: &str, path: &str| (name.to_owned(), Service::Unix(path.into()));
    assert_eq!(config.apps[0].services, [socket("B", "/srv/run/b.sock"), socket("c d", "/run/c")]);

    for (services, problem) in [
        (r#""A": "unix:/a""#, "\"A\" is a variable in \"env\" already"),
        (r#""B": "unix:/b", "B": "unix:/c""#, "duplicate key \"B\": it is set on line 1 already"),
        (r#""": "unix:/b""#, "the name of a service has 1 to 256 bytes and no control characters"),
        (r#""B": 1"#, "\"B\" must be a string, not a number"),
    ] {
        let found = problems(&app(&format!(r#""env": {{ "A": "1" }}, "services": {{ {services} }}"#)));
        assert!(found.len() == 1 && found[0].ends_with(problem), "{found:?}");
    }
    let with = |address: &str| app(&format!(r#""services": {{ "B": "{address}" }}"#));
    let long = |length: usize| with(&format!("unix:/{}", "s".repeat(length - 1)));
    valid(&long(limits::SOCKET_PATH_BYTES_MAX));
    for wrong in [
        long(limits::SOCKET_PATH_BYTES_MAX + 1),
        with("unix:"),
        with("/run/b"),
        with("http://b/"),
        with("unix:/\\u0000"),
    ] {
        let found = problems(&wrong);
        assert!(
            found.len() == 1 && found[0].contains("a service is \"unix:\" and the path of a socket"),
            "{found:?}"
        );
    }
}

#[test]
fn names_are_accepted_at_their_longest() {
    let app = |name: &str, env: &str| {
        format!(
            r#"{{ "apps": [{{ "name": "{name}", "hostname": "h", "path": "p", "env": {{ "{env}": 1 }} }}] }}"#
        )
    };
    let (name, env) = ("n".repeat(limits::NAME_BYTES_MAX), "E".repeat(limits::ENV_NAME_BYTES_MAX));
    valid(&app(&name, &env));
    assert_eq!(problems(&app(&format!("{name}n"), &format!("{env}E"))).len(), 2);

    let nested =
        |depth: usize| app("a", "b").replace('1', &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    valid(&nested(limits::ENV_DEPTH_MAX + 1));
    assert_eq!(problems(&nested(limits::ENV_DEPTH_MAX + 2)).len(), 1);
    // Far deeper than any stack.
    assert_eq!(problems(&nested(100_000)).len(), 1);
}

#[test]
fn a_file_is_read_and_the_paths_in_it_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nano.jsonc");
    fs::create_dir_all(directory.path().join("apps/a")).unwrap();
    let text = "\u{feff}{ \"apps\": [\n  { \"name\": \"a\", \"path\": \"./apps/a\" },\n  \
                { \"name\": \"b\", \"path\": \"apps/b\" } ] }";
    fs::write(&file, text).unwrap();
    let errors = Config::from_file(&file).unwrap_err();
    let [error] = errors.iter().as_slice() else { panic!("{errors}") };
    assert_eq!((error.line(), error.column()), (Some(3), Some(26)));
    let missing = directory.path().join("apps/b");
    assert_eq!(
        error.message(),
        format!("there is no {missing:?} (paths are relative to the configuration file)")
    );

    fs::create_dir(missing).unwrap();
    let config = Config::from_file(&file).unwrap();
    assert_eq!(config.file.as_deref(), Some(&*file));
    assert!(config.apps[1].path.is_dir());
}

#[test]
fn an_unreadable_file_is_reported_with_its_cause() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nano.jsonc");
    let message = Config::from_file(&file).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: the configuration cannot be read: ", file.display())),
        "{message}"
    );
    let errors = Config::from_file(&file).unwrap_err();
    let source =
        std::error::Error::source(&errors).and_then(|source| source.downcast_ref::<std::io::Error>());
    assert_eq!(source.unwrap().kind(), std::io::ErrorKind::NotFound);

    fs::write(&file, b"{\n  \"apps\": \"\xff\" }").unwrap();
    let errors = Config::from_file(&file).unwrap_err();
    let error = errors.iter().next().unwrap();
    assert_eq!((error.line(), error.column()), (Some(2), Some(12)));
    assert_eq!(error.message(), "the file is not UTF-8 from here on");

    // At the limit a file is read (and, here, found to say nothing); beyond, it is not.
    fs::File::create(&file).unwrap().set_len(0).unwrap();
    let spaces = vec![b' '; limits::FILE_BYTES_MAX as usize];
    fs::write(&file, &spaces).unwrap();
    assert!(Config::from_file(&file).unwrap_err().to_string().contains("holds no configuration"));
    fs::write(&file, [&spaces[..], b" "].concat()).unwrap();
    assert!(Config::from_file(&file).unwrap_err().to_string().contains("has at most 64 MB"));
}

#[test]
fn a_single_application_answers_every_host() {
    let directory = tempfile::tempdir().unwrap();
    let app = directory.path().join("shop.v2");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("hello.js"), "").unwrap();
    let overrides = Overrides { port: Some(0), threads: Some(2), ..Overrides::default() };
    let config = Config::single(&app.join("."), Vec::new(), &overrides);
    assert_eq!((config.port, config.worker_threads(), config.host), (0, 2, DEFAULT_HOST));
    assert_eq!(config.apps[0].name, "shop.v2");
    assert!(config.apps[0].fetch.allow_private);
    assert_eq!(config.routes().get(b"anything"), Some(&0));
    assert_eq!(config.routes().get(b""), Some(&0));
    assert_eq!(Config::single(&app.join("hello.js"), Vec::new(), &overrides).apps[0].name, "hello");
}

#[test]
fn the_command_line_wins_over_the_file() {
    let mut config = valid(
        r#"{ "port": 1, "threads": 3, "log": { "format": "apache" }, "apps": [{"name":"a","path":"a"}] }"#,
    );
    config.apply(&Overrides::default());
    assert_eq!((config.port, config.threads, config.log_format), (1, Some(3), Some(Format::Apache)));
    let host = "::".parse().unwrap();
    config.apply(&Overrides {
        port: Some(2),
        host: Some(host),
        threads: None,
        log_format: Some(Format::Text),
        admin: Some("127.0.0.1:9".parse().unwrap()),
        watch: true,
        no_sandbox: true,
    });
    assert!(config.watch && !config.sandbox.enabled);
    assert_eq!((config.port, config.threads, config.log_format), (2, Some(3), Some(Format::Text)));
    assert_eq!(config.listen_address().to_string(), "[::]:2");
}

#[test]
fn an_error_shows_the_line_with_a_caret() {
    let errors =
        parse("{ \"apps\": [\n\t{ \"name\": \"é\", \"hostnam\": 1, \"path\": \"a\" }] }").unwrap_err();
    assert_eq!(
        errors.to_string(),
        "nano.jsonc:2:17: unknown key \"hostnam\" (did you mean \"hostname\"?)\n    \
         \t{ \"name\": \"é\", \"hostnam\": 1, \"path\": \"a\" }] }\n    \
         \t               ^^^^^^^^^"
    );
}

#[test]
fn a_very_long_line_is_cut_around_the_caret() {
    let text = format!("{{ \"apps\": [{{ {} \"name\": 1 }}] }} // {}", " ".repeat(5000), "x".repeat(5000));
    let errors = parse(&text).unwrap_err();
    let shown = errors.iter().nth(1).unwrap().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() < 140), "{shown}");
    let caret = lines[2].find('^').unwrap();
    assert_eq!(lines[1].as_bytes()[caret], b'1', "{shown}");
}

#[test]
fn control_characters_of_the_file_do_not_reach_the_terminal() {
    let shown = parse("{ \"\u{1b}[31m\": 1, \"apps\": [] }").unwrap_err().to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn a_hundred_problems_are_listed_and_the_rest_counted() {
    let text = format!("{{ \"apps\": [ {} ] }}", "1, ".repeat(250));
    let errors = parse(&text).unwrap_err();
    assert_eq!((errors.iter().count(), errors.count()), (limits::ERRORS_MAX, 250));
    assert!(errors.to_string().ends_with("\nand 150 more problems"));
}

#[test]
fn the_documentation_names_every_limit_and_its_examples_parse() {
    let docs = fs::read_to_string(DOCS).unwrap();
    for limit in limits::all() {
        if limit.key.contains("memory") && !cfg!(feature = "pointer-compression") {
            continue; // The page describes the default build.
        }
        assert!(
            docs.contains(&limit.row()),
            "docs/configuration.md lacks {:?}: run cargo xtask docs",
            limit.row()
        );
    }
    let examples: Vec<&str> =
        docs.split("```jsonc\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        valid(example);
    }
    // The message that the page shows is the one that its file gives.
    let report = docs.split("```text nano check\n").nth(1).unwrap().split("```").next().unwrap();
    let text = docs.split("```json broken\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(parse(text).unwrap_err().to_string(), report.trim_end());
}

/// Whatever the text, every problem has a place in it; and a configuration without problems keeps what it
/// promises.
fn check(text: &str) {
    match parse(text) {
        Ok(config) => {
            assert_eq!(parse(text).as_ref(), Ok(&config));
            let hosts: usize = config.apps.iter().map(|app| app.hosts.len()).sum();
            assert_eq!(config.routes().len(), hosts);
            for app in &config.apps {
                assert!(!app.name.is_empty() && !app.hosts.is_empty());
                assert!(limits::MEMORY_MB.allows(app.limits.memory_bytes >> 20));
                for (_, value) in &app.env {
                    if let EnvValue::Json(json) = value {
                        serde_json::from_str::<serde_json::Value>(json).unwrap();
                    }
                }
            }
        }
        Err(errors) => {
            assert!(errors.count() > 0);
            for error in &errors {
                let line = text.split('\n').nth(error.line().unwrap() - 1).unwrap();
                assert!(error.column().unwrap() <= line.chars().count() + 1, "{error}");
            }
            let _ = errors.to_string();
        }
    }
}

/// Text that looks like a configuration often enough to get past the syntax.
fn likely_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "\"[a-z*.\\[\\]:0-9é]{0,9}\"",
        "-?[0-9]{1,6}(\\.[0-9])?",
        Just("true".to_string()),
        Just("null".to_string()),
        Just("\"127.0.0.1:80\"".to_string()),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "port",
            "host",
            "threads",
            "apps",
            "defaults",
            "admin",
            "listen",
            "log",
            "format",
            "name",
            "hostname",
            "path",
            "env",
            "fetch",
            "allow_private",
            "timeout_ms",
            "memory_mb"
        ])
        .prop_map(str::to_string),
        "[a-z_]{0,6}",
    ];
    scalar.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(",\n"))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in "\\PC{0,200}|[\\[\\]{}\",:/*\n\\\\a-e0-9 \u{feff}é-]{0,80}") {
        check(&text);
    }

    #[test]
    fn any_tree_is_read_or_refused_with_a_place(text in likely_text()) {
        check(&text);
    }

    #[test]
    fn a_mutilated_file_is_read_or_refused_with_a_place(cut in 0usize..400, length in 0usize..40, insert in "\\PC{0,3}") {
        let mut text = r#"{ "port": 3000, "admin": { "listen": "127.0.0.1:9090", "token_env": "T" }, // x
            "apps": [ { "name": "api", "hostname": ["a.example", "*.b.example"], "path": "./apps/api",
            "memory_mb": 64, "env": { "STAGE": "prod", "LIST": [1, { "a": null }] } /* y */,
            "fetch": { "allow_private": false } }, { "name": "b", "path": "b" } ], }"#.to_string();
        let start = cut.min(text.len());
        let end = (start + length).min(text.len());
        text.replace_range(start..end, &insert);
        check(&text);
    }
}
