//! Oracles of nano-config: configuration files, files of variables, and the table of routes.

use std::path::Path;

use nano_config::routes::{HostPattern, Routes};
use nano_config::{AppLimits, Config, EnvValue, ServerLimits, env_file, limits};

/// A configuration file: every problem has a place in the text. A file without problems reads the same again,
/// routes each of its hosts, and holds only values within their limits.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parse = || Config::parse(text, Path::new("nano.jsonc"), Path::new("/srv"));
    match parse() {
        Ok(config) => {
            assert_eq!(parse().as_ref(), Ok(&config));
            accepted(&config, text);
        }
        Err(errors) => {
            assert!(errors.count() > 0 && errors.iter().count() <= limits::ERRORS_MAX);
            for error in &errors {
                let (Some(line), Some(column)) = (error.line(), error.column()) else { panic!("{error}") };
                let line = text.split('\n').nth(line - 1).expect("the line is in the text");
                assert!(column <= line.chars().count() + 1, "{error}");
                assert!(error.to_string().chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
            }
        }
    }
}

fn accepted(config: &Config, text: &str) {
    let routes = config.routes();
    assert_eq!(routes.len(), config.apps.iter().map(|app| app.hosts.len()).sum::<usize>());
    assert!(config.threads.is_none_or(|threads| limits::THREADS.allows(threads.into())));
    for (index, limit) in ServerLimits::ALL.iter().enumerate() {
        assert!(limit.allows(config.limits.get(index)), "{}", limit.key);
    }
    for (index, app) in config.apps.iter().enumerate() {
        assert!(!app.name.is_empty() && !app.hosts.is_empty());
        for (index, limit) in AppLimits::ALL.iter().enumerate() {
            assert!(limit.allows(app.limits.get(index)), "{}", limit.key);
        }
        for host in &app.hosts {
            let host = host.to_string();
            if !host.starts_with('*') {
                for spelling in [host.clone(), host.to_ascii_uppercase(), format!("{host}:3000")] {
                    assert_eq!(routes.get(spelling.as_bytes()), Some(&index), "{spelling}");
                }
            }
        }
        for (name, value) in &app.env {
            if let EnvValue::Json(json) = value {
                let read = serde_json::from_str::<serde_json::Value>(json);
                assert!(read.is_ok() || is_beyond_serde(json), "{name}: {json}");
            }
        }
    }
    for word in text.split('"') {
        assert_eq!(routes.get(word.as_bytes()), routes.get(word.to_ascii_lowercase().as_bytes()));
    }
}

/// serde_json reads JSON that JavaScript reads too, but for numbers beyond 64-bit floating point.
fn is_beyond_serde(json: &str) -> bool {
    matches!(serde_json::from_str::<serde_json::Value>(json), Err(error) if error.to_string().starts_with("number out of range"))
}

/// A file of variables: every problem has a place in the text, and the variables of a file without problems
/// are read again from a file in which all values are quoted.
pub fn variables(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match env_file::parse(text) {
        Ok(variables) => {
            assert!(variables.len() <= text.matches('=').count());
            let mut again = String::new();
            for (name, value) in &variables {
                assert!(nano_config::is_variable_name(name), "{name:?}");
                again.push_str(name);
                again.push_str("=\"");
                for c in value.chars() {
                    match c {
                        '\\' | '"' | '$' => again.extend(['\\', c]),
                        '\n' => again.push_str("\\n"),
                        '\r' => again.push_str("\\r"),
                        '\t' => again.push_str("\\t"),
                        c => again.push(c),
                    }
                }
                again.push_str("\"\n");
            }
            assert_eq!(env_file::parse(&again), Ok(variables), "{again:?}");
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                let line = text.split('\n').nth(problem.line - 1).expect("the line is in the text");
                assert!(problem.column <= line.chars().count() + 1, "{problem}");
            }
        }
    }
}

/// Host patterns, one a line; after an empty line, hosts of requests. A pattern in its canonical form is the
/// same pattern, and the table finds what a comparison with every pattern finds.
pub fn routes(data: &[u8]) {
    let (patterns, hosts) = match data.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &b""[..]),
    };
    let mut table = Routes::new();
    let mut kept: Vec<String> = Vec::new();
    for line in patterns.split(|&byte| byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Ok(pattern) = HostPattern::parse(line) else { continue };
        let canonical = pattern.to_string();
        assert_eq!(HostPattern::parse(&canonical).as_ref(), Ok(&pattern), "{line:?}");
        assert!(canonical.is_ascii() && canonical == canonical.to_ascii_lowercase(), "{canonical:?}");
        let is_new = !kept.contains(&canonical);
        assert_eq!(table.insert(pattern, kept.len()).is_ok(), is_new, "{canonical:?}");
        if is_new {
            kept.push(canonical);
        }
    }
    assert_eq!((table.len(), table.is_empty()), (kept.len(), kept.is_empty()));
    for host in hosts.split(|&byte| byte == b'\n') {
        assert_eq!(table.get(host).copied(), find(&kept, host), "{:?}", host.escape_ascii().to_string());
    }
    for (index, pattern) in kept.iter().enumerate().filter(|(_, pattern)| !pattern.starts_with('*')) {
        assert_eq!(table.get(pattern.as_bytes()), Some(&index), "{pattern:?}");
    }
}

/// The place of the most specific of `patterns` for `host`, found by comparing with each.
fn find(patterns: &[String], host: &[u8]) -> Option<usize> {
    let every = patterns.iter().position(|pattern| pattern == "*");
    if let Some(rest) = host.strip_prefix(b"[") {
        let end = rest.iter().position(|&byte| byte == b']');
        let literal = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
        let address = literal.and_then(|literal| literal.parse::<std::net::Ipv6Addr>().ok());
        let exact = address
            .and_then(|address| patterns.iter().position(|pattern| *pattern == format!("[{address}]")));
        return exact.or(every);
    }
    let host = host.split(|&byte| byte == b':').next().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_suffix(b".").unwrap_or(&host);
    let exact = patterns.iter().position(|pattern| pattern.as_bytes() == host);
    let is_below = |pattern: &&String| match pattern.strip_prefix('*') {
        Some(suffix) => !suffix.is_empty() && host.len() > suffix.len() && host.ends_with(suffix.as_bytes()),
        None => false,
    };
    let longest = patterns.iter().filter(is_below).max_by_key(|pattern| pattern.len());
    let below = longest.and_then(|longest| patterns.iter().position(|pattern| pattern == longest));
    exact.or(below).or(every)
}
