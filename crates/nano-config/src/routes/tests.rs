//! Tests of host patterns and of the routing table, the latter against a model that compares strings.

use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn patterns_are_kept_in_the_form_of_requests() {
    for (text, expected) in [
        ("localhost", "localhost"),
        ("API.Example.COM", "api.example.com"),
        ("example.com.", "example.com"),
        ("my_service.internal", "my_service.internal"),
        ("*.Example.com.", "*.example.com"),
        ("*", "*"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("bu\u{308}cher.example", "xn--bcher-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("127.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[2001:DB8:0::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(pattern(text).to_string(), expected);
        // The canonical form stands for itself.
        assert_eq!(pattern(expected), pattern(text));
    }
}

#[test]
fn invalid_hosts_are_refused_with_the_reason() {
    use HostPatternError::*;
    let long_label = format!("{}.example", "a".repeat(64));
    let long_name = format!("{}com", "abcdefg.".repeat(32));
    for (text, expected) in [
        ("", Empty),
        ("http://example.com", Url),
        ("example.com/path", Url),
        ("user@example.com", Url),
        ("example.com:80", Port),
        ("[::1]:80", Port),
        ("*.", Wildcard),
        ("**.example.com", Wildcard),
        ("a*.example.com", Wildcard),
        ("a.*.example.com", Wildcard),
        ("*.*.example.com", Wildcard),
        ("*.127.0.0.1", WildcardAddress),
        ("*.[::1]", WildcardAddress),
        (".", Length),
        (".example.com", Length),
        ("a..b", Length),
        ("example.com..", Length),
        (&long_label, Length),
        (&long_name, Length),
        ("exa mple.com", Invalid),
        ("exam%70le.com", Invalid),
        ("a<b", Invalid),
        ("a!b", Invalid),
        ("\u{b2a}\u{fe61}", Invalid),
        ("1.2.3.400", Invalid),
        ("xn--a", Invalid),
        ("\u{ad}", Invalid),
    ] {
        assert_eq!(HostPattern::parse(text), Err(expected), "{text:?}");
    }
    let longest = format!("{}.example", "a".repeat(63));
    assert_eq!(pattern(&longest).to_string(), longest);
    let longest = "abcdefg.".repeat(31) + "abcde";
    assert_eq!(longest.len(), DOMAIN_BYTES_MAX);
    assert_eq!(pattern(&longest).to_string(), longest);
}

#[test]
fn the_most_specific_route_wins() {
    let mut routes = Routes::new();
    for text in
        ["example.com", "a.example.com", "*.example.com", "*.b.example.com", "10.0.0.1", "[::1]", "com"]
    {
        routes.insert(pattern(text), text).unwrap();
    }
    let long = format!("{}.example.com:3000", "x".repeat(100_000));
    let deep = format!("{}b.example.com", "x.".repeat(50_000));
    let cases: &[(&str, Option<&str>)] = &[
        ("example.com", Some("example.com")),
        ("EXAMPLE.COM.:443", Some("example.com")),
        ("example.com:", Some("example.com")),
        ("a.example.com", Some("a.example.com")),
        ("A.example.com", Some("a.example.com")),
        ("c.example.com", Some("*.example.com")),
        ("b.example.com", Some("*.example.com")),
        ("x.b.example.com", Some("*.b.example.com")),
        ("x.y.b.example.com", Some("*.b.example.com")),
        (&long, Some("*.example.com")),
        (&deep, Some("*.b.example.com")),
        ("com", Some("com")),
        ("10.0.0.1:80", Some("10.0.0.1")),
        ("[::1]", Some("[::1]")),
        ("[0:0:0:0:0:0:0:1]:80", Some("[::1]")),
        (".example.com", None),
        ("notexample.com", None),
        ("example.org", None),
        ("[::2]", None),
        ("[::1", None),
        ("[]", None),
        ("::1", None),
        ("", None),
        (".", None),
        (":80", None),
        ("\u{e9}", None),
    ];
    for (host, expected) in cases {
        assert_eq!(routes.get(host.as_bytes()), expected.as_ref(), "{host:?}");
    }
    assert_eq!(routes.get(b"\xff\x00"), None);

    routes.insert(HostPattern::EVERY, "*").unwrap();
    for (host, expected) in cases {
        assert_eq!(routes.get(host.as_bytes()), Some(&expected.unwrap_or("*")), "{host:?}");
    }
}

#[test]
fn a_host_is_routed_once() {
    let mut routes = Routes::new();
    for text in ["example.com", "*.example.com", "[::1]", "*"] {
        routes.insert(pattern(text), 1).unwrap();
        assert_eq!(routes.insert(pattern(text), 2), Err(DuplicateHost(pattern(text))));
    }
    assert_eq!((routes.len(), routes.is_empty()), (4, false));
    assert_eq!(routes.get(b"example.com"), Some(&1));
}

#[test]
fn a_single_target_answers_everything() {
    let routes = Routes::single(7);
    for host in ["", "example.com", "[::1]", "..", "\u{e9}"] {
        assert_eq!(routes.get(host.as_bytes()), Some(&7));
    }
}

#[test]
fn many_hosts_are_all_found() {
    let mut routes = Routes::new();
    for number in 0..5000 {
        routes.insert(pattern(&format!("app-{number}.example.com")), number).unwrap();
        routes.insert(pattern(&format!("*.app-{number}.example.com")), number + 10_000).unwrap();
    }
    for number in 0..5000 {
        assert_eq!(routes.get(format!("app-{number}.example.com").as_bytes()), Some(&number));
        assert_eq!(routes.get(format!("x.app-{number}.example.com").as_bytes()), Some(&(number + 10_000)));
    }
    assert_eq!(routes.get(b"app-5000.example.com"), None);
}

/// What [`Routes::get`] is to answer, by comparing with every pattern.
fn model<'p>(patterns: &'p [String], host: &str) -> Option<&'p String> {
    let host = host.to_ascii_lowercase();
    let host = host.split(':').next().unwrap();
    let host = host.strip_suffix('.').unwrap_or(host);
    let exact = patterns.iter().find(|pattern| *pattern == host);
    let below = patterns
        .iter()
        .filter(|pattern| {
            let suffix = pattern.strip_prefix('*');
            suffix.is_some_and(|suffix| {
                !suffix.is_empty() && host.len() > suffix.len() && host.ends_with(suffix)
            })
        })
        .max_by_key(|pattern| pattern.len());
    exact.or(below).or_else(|| patterns.iter().find(|pattern| *pattern == "*"))
}

proptest! {
    #[test]
    fn the_table_agrees_with_the_model(
        mut patterns in prop::collection::vec("\\*|(\\*\\.)?[ab](\\.[abc]){0,3}", 0..40),
        hosts in prop::collection::vec("([abcABC]\\.){0,4}[abcABC.]{0,2}(:[0-9]{0,2})?", 1..60),
    ) {
        patterns.sort();
        patterns.dedup();
        let mut routes = Routes::new();
        for text in &patterns {
            routes.insert(pattern(text), text.clone()).unwrap();
        }
        for host in &hosts {
            prop_assert_eq!(routes.get(host.as_bytes()), model(&patterns, host), "{}", host);
        }
    }

    #[test]
    fn no_host_panics(text in "\\PC{0,40}|[\\[\\]*.:a1%/-]{0,20}", host in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut routes = Routes::new();
        if let Ok(pattern) = HostPattern::parse(&text) {
            let canonical = pattern.to_string();
            prop_assert_eq!(HostPattern::parse(&canonical), Ok(pattern.clone()), "{}", canonical);
            routes.insert(pattern, ()).unwrap();
            // A pattern that is no wildcard matches itself.
            if !canonical.starts_with('*') {
                prop_assert!(routes.get(canonical.as_bytes()).is_some());
            }
        }
        routes.get(&host);
    }
}
