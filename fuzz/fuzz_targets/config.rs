//! Fuzzes the configuration: no text makes it panic; every problem has a place in the text; what has no problem reads
//! the same again, routes each of its hosts and holds only values within their limits; and routing agrees with itself
//! on the file's own words as hosts.
#![no_main]

use std::path::Path;
use std::time::Duration;

use nano_config::{Config, limits};

libfuzzer_sys::fuzz_target!(|text: &str| {
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
});

fn accepted(config: &Config, text: &str) {
    let routes = config.routes();
    assert_eq!(routes.len(), config.apps.iter().map(|app| app.hosts.len()).sum::<usize>());
    assert!(config.threads.is_none_or(|threads| limits::THREADS.allows(threads.into())));
    assert!(config.drain_timeout <= Duration::from_millis(limits::DRAIN_TIMEOUT_MS.max));
    for (index, app) in config.apps.iter().enumerate() {
        assert!(!app.name.is_empty() && !app.hosts.is_empty());
        assert!(limits::TIMEOUT_MS.allows(app.limits.timeout.as_millis() as u64));
        assert!(limits::WALL_TIMEOUT_MS.allows(app.limits.wall_timeout.as_millis() as u64));
        assert!(limits::MEMORY_MB.allows(app.limits.memory_bytes >> 20));
        assert!(limits::MAX_BODY_MB.allows(app.limits.max_body_bytes >> 20));
        assert!(limits::MAX_SUBREQUESTS.allows(app.limits.max_subrequests.into()));
        for host in &app.hosts {
            let host = host.to_string();
            if !host.starts_with('*') {
                for spelling in [host.clone(), host.to_ascii_uppercase(), format!("{host}:3000")] {
                    assert_eq!(routes.get(spelling.as_bytes()), Some(&index), "{spelling}");
                }
            }
        }
    }
    for word in text.split('"') {
        assert_eq!(routes.get(word.as_bytes()), routes.get(word.to_ascii_lowercase().as_bytes()));
    }
}
