//! Broken configurations, each with all its problems: line, column and message.

use super::{limits, problems};

fn check(text: &str, expected: &[&str]) {
    // The one limit that depends on how V8 is built.
    let memory = format!("from 8 to {},", limits::MEMORY_MB.max);
    let expected: Vec<String> =
        expected.iter().map(|line| line.replace("from 8 to 4096,", &memory)).collect();
    assert_eq!(problems(text), expected, "in\n{text}");
}

/// The problems of one application, `body` being the text between its braces, which begins in column 14 of
/// line 1.
fn check_app(body: &str, expected: &[&str]) {
    check(&format!("{{ \"apps\": [ {{{body}}} ] }}"), expected);
}

#[test]
fn syntax() {
    let words = "this is not JSON: strings need double quotes; the only words are true, false and null";
    for (text, expected) in [
        (
            "",
            "1:1: the file holds no configuration; the least is { \"apps\": [{ \"name\": …, \"path\": … }] }",
        ),
        (
            "\n // nothing\n",
            "1:1: the file holds no configuration; the least is { \"apps\": [{ \"name\": …, \"path\": … }] }",
        ),
        ("{", "1:1: this { has no matching }"),
        ("{\n  \"apps\": [\n    {\n}", "2:11: this [ has no matching ]"),
        ("{ \"apps\": [ }", "1:13: unexpected }"),
        ("{ \"apps\": ] }", "1:11: unexpected ]"),
        ("{ \"port\": 1\n  \"apps\": [] }", "1:12: a comma is missing here"),
        ("{ \"apps\": [1 2] }", "1:13: a comma is missing here"),
        ("{ \"port\" 1 }", "1:10: a key is followed by a colon and its value"),
        ("{ \"port\": }", "1:11: unexpected }"),
        ("{ \"port\":", "1:10: a value is missing after the colon"),
        ("{ \"port\": , }", "1:11: unexpected comma: a value is missing before it"),
        ("{ \"port\": : }", "1:11: unexpected colon: only a key in { } is followed by one"),
        ("{ port: 1 }", "1:3: keys are written in double quotes: \"port\""),
        ("{ 'port': 1 }", "1:3: strings are written in double quotes"),
        ("{ [] }", "1:3: a key in double quotes is expected here"),
        ("{ \"host\": localhost }", words_at("1:11: ", words).as_str()),
        ("{ \"port\": =1 }", words_at("1:11: ", words).as_str()),
        ("{ \"apps\": [] } }", "1:16: the file goes on after its end: is there a brace too many above?"),
        ("{ /* never closed\n \"apps\": [] }", "1:3: this comment has no closing */"),
        (
            "{\n  \"host\": \"localhost,\n  \"port\": 1\n}",
            "2:11: this string does not end on its line: is a closing quote missing?",
        ),
        ("{ \"host\": \"localhost", "1:11: unterminated string literal"),
        ("{ \"host\": \"\\q\" }", "1:12: invalid escape"),
        ("{ \"port\": 0x10 }", "1:11: hexadecimal numbers are not allowed"),
        ("{ \"port\": +1 }", "1:11: unary plus on numbers is not allowed"),
        ("{ \"port\": 1. }", "1:11: leading or trailing decimal points on numbers are not allowed"),
        ("{ \"port\": NaN }", words_at("1:11: ", words).as_str()),
    ] {
        check(text, &[expected]);
    }
    check(&"[".repeat(100_000), &["1:513: brackets are nested too deeply"]);
}

fn words_at(place: &str, words: &str) -> String {
    format!("{place}{words}")
}

#[test]
fn the_whole() {
    check("[]", &["1:1: a configuration is an object in { }, not a list"]);
    check("3000", &["1:1: a configuration is an object in { }, not a number"]);
    check("{}", &["1:1: missing key \"apps\": the list of applications to serve"]);
    check("{ \"apps\": [] }", &["1:11: \"apps\" is empty: there is nothing to serve"]);
    check("{ \"apps\": {} }", &["1:11: \"apps\" must be a list in [ ], not an object"]);
    check("{ \"apps\": null }", &["1:11: \"apps\" must be a list in [ ], not null"]);
    check("{ \"apps\": [\"./api\"] }", &["1:12: an application is an object in { }, not a string"]);
}

/// `body` stands before a valid list of applications and begins in column 1 of line 2.
fn check_top(body: &str, expected: &[&str]) {
    check(&format!("{{\n{body}, \"apps\": [ {{ \"name\": \"a\", \"path\": \"a\" }} ] }}"), expected);
}

#[test]
fn top_level_keys() {
    check_top("\"prot\": 1", &["2:1: unknown key \"prot\" (did you mean \"port\"?)"]);
    check_top("\"Port\": 1", &["2:1: unknown key \"Port\" (did you mean \"port\"?)"]);
    check_top(
        "\"drain-timeout-ms\": 1",
        &["2:1: unknown key \"drain-timeout-ms\" (did you mean \"drain_timeout_ms\"?)"],
    );
    check_top(
        "\"colour\": 1",
        &[
            "2:1: unknown key \"colour\" (known here: port, host, threads, drain_timeout_ms, isolate_memory_mb, isolate_idle_ms, watch, tls, sandbox, log, defaults, admin, network, telemetry, apps)",
        ],
    );
    check_top(
        "\"timeout_ms\": 1",
        &["2:1: unknown key \"timeout_ms\" (\"timeout_ms\" belongs in \"defaults\" or in an application)"],
    );
    check_top(
        "\"env\": {}",
        &["2:1: unknown key \"env\" (\"env\" belongs in an application, an entry of \"apps\")"],
    );
    check_top("\"port\": 1, \"port\": 2", &["2:12: duplicate key \"port\": it is set on line 2 already"]);
    check_top(
        "\"port\": \"3000\"",
        &["2:9: \"port\" must be a number, not a string (write 3000 without the quotes)"],
    );
    check_top("\"port\": \"http\"", &["2:9: \"port\" must be a number, not a string"]);
    check_top("\"port\": true", &["2:9: \"port\" must be a number, not true"]);
    check_top("\"port\": 70000", &["2:9: \"port\" must be from 0 to 65535, not 70000"]);
    check_top("\"port\": -1", &["2:9: \"port\" must be from 0 to 65535, not -1"]);
    check_top("\"port\": 80.5", &["2:9: \"port\" must be a whole number, not 80.5"]);
    check_top("\"threads\": 0", &["2:12: \"threads\" must be from 1 to 256, not 0"]);
    check_top("\"host\": 127", &["2:9: \"host\" must be a string, not a number"]);
    check_top(
        "\"host\": \"example.com\"",
        &[
            "2:9: \"host\": \"example.com\" is not an IP address (127.0.0.1 for this machine only, 0.0.0.0 or :: for every network)",
        ],
    );
    check_top("\"log\": \"json\"", &["2:8: \"log\" must be an object in { }, not a string"]);
    check_top(
        "\"log\": { \"format\": \"xml\" }",
        &["2:20: \"format\" must be \"text\", \"json\" or \"apache\", not \"xml\""],
    );
    check_top(
        "\"log\": { \"formt\": \"json\" }",
        &["2:10: unknown key \"formt\" (did you mean \"format\"?)"],
    );
    check_top("\"defaults\": []", &["2:13: \"defaults\" must be an object in { }, not a list"]);
    check_top(
        "\"defaults\": { \"memory\": 1 }",
        &["2:15: unknown key \"memory\" (did you mean \"memory_mb\"?)"],
    );
    check_top("\"defaults\": { \"env\": {} }", &["2:15: unknown key \"env\" (each application has its own)"]);
    check_top("\"defaults\": { \"memory_mb\": 1 }", &["2:28: \"memory_mb\" must be from 8 to 4096, not 1"]);
}

#[test]
fn administration() {
    let listen = "\"listen\" must be an IP address and a port, such as \"127.0.0.1:9090\", not";
    check_top("\"admin\": true", &["2:10: \"admin\" must be an object in { }, not true"]);
    check_top(
        "\"admin\": {}",
        &["2:10: missing key \"listen\": the address of the administration, such as \"127.0.0.1:9090\""],
    );
    check_top("\"admin\": { \"listen\": 9090 }", &["2:22: \"listen\" must be a string, not a number"]);
    check_top("\"admin\": { \"listen\": \"9090\" }", &[&format!("2:22: {listen} \"9090\"")]);
    check_top("\"admin\": { \"listen\": \"localhost:x\" }", &[&format!("2:22: {listen} \"localhost:x\"")]);
    check_top(
        "\"admin\": { \"listen\": \"[::1]:1\", \"token\": \"secret\" }",
        &["2:33: unknown key \"token\" (\"token_env\" names the environment variable that holds the token)"],
    );
    check_top(
        "\"admin\": { \"listen\": \"localhost:1\", \"token_env\": \"my token\" }",
        &["2:50: \"token_env\" must be the name of an environment variable (letters, digits and _)"],
    );
}

#[test]
fn applications() {
    check_app(
        "",
        &[
            "1:13: missing key \"name\": what logs and metrics call the application",
            "1:13: missing key \"path\": the directory or file of the application",
        ],
    );
    check_app("\"name\": \"a\"", &["1:13: missing key \"path\": the directory or file of the application"]);
    let named = |body: &str| format!("\"name\": \"a\", \"path\": \"a\", {body}");
    let name = "\"name\" must be 1 to 253 letters, digits, \"-\", \"_\" and \".\"";
    check_app("\"name\": \"\", \"path\": \"a\"", &[&format!("1:22: {name}")]);
    check_app("\"name\": \"a b\", \"path\": \"a\"", &[&format!("1:22: {name}")]);
    check_app("\"name\": \"a/b\", \"path\": \"a\"", &[&format!("1:22: {name}")]);
    check_app("\"name\": 7, \"path\": \"a\"", &["1:22: \"name\" must be a string, not a number"]);
    check_app(
        "\"name\": \"a..b\", \"path\": \"a\"",
        &[
            "1:22: the name cannot serve as host name (the labels of a host name have 1 to 63 characters, all together at most 253); add \"hostname\"",
        ],
    );
    check_app("\"name\": \"a\", \"path\": \"\"", &["1:35: \"path\" must be the path of a directory or file"]);
    check_app(
        "\"name\": \"a\", \"path\": \"\\u0000\"",
        &["1:35: \"path\" must be the path of a directory or file"],
    );
    check_app("\"name\": \"a\", \"path\": [\"a\"]", &["1:35: \"path\" must be a string, not a list"]);
    check_app(&named("\"host\": \"h\""), &["1:40: unknown key \"host\" (did you mean \"hostname\"?)"]);
    check_app(&named("\"main\": \"h\""), &["1:40: unknown key \"main\" (did you mean \"path\"?)"]);
    check_app(&named("\"vars\": {}"), &["1:40: unknown key \"vars\" (did you mean \"env\"?)"]);
    check_app(
        &named("\"allow_private\": true"),
        &["1:40: unknown key \"allow_private\" (it belongs in \"fetch\")"],
    );
    check_app(
        &named("\"port\": 1"),
        &["1:40: unknown key \"port\" (\"port\" belongs at the top of the file, not in an application)"],
    );
    check_app(&named("\"name\": \"b\""), &["1:40: duplicate key \"name\": it is set on line 1 already"]);
    check_app(&named("\"timeout_ms\": 0"), &["1:54: \"timeout_ms\" must be from 1 to 300000, not 0"]);
    check_app(
        &named("\"wall_timeout_ms\": \"1s\""),
        &["1:59: \"wall_timeout_ms\" must be a number, not a string"],
    );
    check_app(&named("\"memory_mb\": 1e6"), &["1:53: \"memory_mb\" must be from 8 to 4096, not 1e6"]);
    check_app(&named("\"max_body_mb\": null"), &["1:55: \"max_body_mb\" must be a number, not null"]);
    check_app(
        &named("\"max_subrequests\": 0.1"),
        &["1:59: \"max_subrequests\" must be a whole number, not 0.1"],
    );
    check_app(&named("\"fetch\": false"), &["1:49: \"fetch\" must be an object in { }, not false"]);
    check_app(
        &named("\"fetch\": { \"allow_private\": \"true\" }"),
        &["1:68: \"allow_private\" must be true or false, not a string (write true without the quotes)"],
    );
    check_app(
        &named("\"fetch\": { \"allow_privat\": true }"),
        &["1:51: unknown key \"allow_privat\" (did you mean \"allow_private\"?)"],
    );
}

#[test]
fn hosts() {
    let named = |body: &str| format!("\"name\": \"a\", \"path\": \"a\", \"hostname\": {body}");
    for (host, expected) in [
        ("7", "1:52: \"hostname\" must be a string or a list of strings, not a number"),
        ("[]", "1:52: \"hostname\" is an empty list: leave it out to answer the name as host"),
        ("[true]", "1:53: a host name must be a string, not true"),
        ("\"\"", "1:52: \"\": a host name must not be empty"),
        ("\"h:80\"", "1:52: \"h:80\": give the host name without a port: it matches on every port"),
        ("\"http://h\"", "1:52: \"http://h\": give the host name alone, without scheme, path or user"),
        ("\"h/\"", "1:52: \"h/\": give the host name alone, without scheme, path or user"),
        (
            "\"a.*.b\"",
            "1:52: \"a.*.b\": a wildcard stands for whole labels at the front: *.example.com, or * for every host",
        ),
        (
            "\"*a.b\"",
            "1:52: \"*a.b\": a wildcard stands for whole labels at the front: *.example.com, or * for every host",
        ),
        ("\"*.1.2.3.4\"", "1:52: \"*.1.2.3.4\": a wildcard cannot stand before an IP address"),
        ("\"a b\"", "1:52: \"a b\": this is not a valid host name"),
        ("[\"ok\", \"a%20b\"]", "1:59: \"a%20b\": this is not a valid host name"),
        ("[\"H\", \"h.\"]", "1:58: duplicate host \"h\": \"a\" on line 1 has it already"),
    ] {
        check_app(&named(host), &[expected]);
    }
}

#[test]
fn duplicates_between_applications() {
    check(
        "{ \"apps\": [\n { \"name\": \"a\", \"path\": \"a\" },\n { \"name\": \"a\", \"hostname\": \"b\", \"path\": \"a\" } ] }",
        &["3:12: duplicate name \"a\": the application on line 2 has it already"],
    );
    check(
        "{ \"apps\": [\n { \"name\": \"a.b\", \"path\": \"a\" },\n { \"name\": \"c\", \"hostname\": \"A.B.\", \"path\": \"a\" } ] }",
        &["3:29: duplicate host \"a.b\": \"a.b\" on line 2 has it already"],
    );
    check(
        "{ \"apps\": [\n { \"name\": \"a\", \"hostname\": [\"*.é.b\", \"c\"], \"path\": \"a\" },\n \
         { \"name\": \"c\", \"path\": \"a\" },\n { \"name\": \"d\", \"hostname\": \"*.xn--9ca.b\", \"path\": \"a\" } ] }",
        &[
            "3:12: duplicate host \"c\": \"a\" on line 2 has it already",
            "4:29: duplicate host \"*.xn--9ca.b\": \"a\" on line 2 has it already",
        ],
    );
}

#[test]
fn variables() {
    let named = |body: &str| format!("\"name\": \"a\", \"path\": \"a\", \"env\": {body}");
    let name = "the name of a variable has 1 to 256 bytes and no control characters";
    check_app(&named("[]"), &["1:47: \"env\" must be an object in { }, not a list"]);
    check_app(&named("{ \"\": 1 }"), &[&format!("1:49: {name}")]);
    check_app(&named("{ \"a\\n\": 1 }"), &[&format!("1:49: {name}")]);
    check_app(&named("{ \"A\": 1, \"A\": 2 }"), &["1:57: duplicate key \"A\": it is set on line 1 already"]);
    check_app(
        &named("{ \"A\": [{ \"x\": 1,\n\"x\": 2 }] }"),
        &["2:1: duplicate key \"x\": it is set on line 1 already"],
    );
}

#[test]
fn all_problems_of_a_file_are_found() {
    check(
        r#"{
  "prot": 3000,
  "host": "everywhere",
  "defaults": { "timeout_ms": "5s", "memory": 128 },
  "admin": { "listen": "9090" },
  "apps": [
    { "name": "api", "hostname": "api.example.com", "path": 1 },
    { "name": "api", "hostname": "API.example.com", "path": "b", "timeout_ms": 0 },
    { "nam": "c" },
    7
  ]
}"#,
        &[
            "2:3: unknown key \"prot\" (did you mean \"port\"?)",
            "3:11: \"host\": \"everywhere\" is not an IP address (127.0.0.1 for this machine only, 0.0.0.0 or :: for every network)",
            "4:31: \"timeout_ms\" must be a number, not a string",
            "4:37: unknown key \"memory\" (did you mean \"memory_mb\"?)",
            "5:24: \"listen\" must be an IP address and a port, such as \"127.0.0.1:9090\", not \"9090\"",
            "7:61: \"path\" must be a string, not a number",
            "8:15: duplicate name \"api\": the application on line 7 has it already",
            "8:34: duplicate host \"api.example.com\": \"api\" on line 7 has it already",
            "8:80: \"timeout_ms\" must be from 1 to 300000, not 0",
            "9:5: missing key \"name\": what logs and metrics call the application",
            "9:5: missing key \"path\": the directory or file of the application",
            "9:7: unknown key \"nam\" (did you mean \"name\"?)",
            "10:5: an application is an object in { }, not a number",
        ],
    );
}
