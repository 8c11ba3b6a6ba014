//! Tests of the table as a whole. What happens at a limit is tested where it is enforced; ranges, by
//! nano-config.

use std::collections::HashSet;
use std::time::Duration;

use super::*;

#[test]
fn keys_are_unique_and_name_their_unit() {
    let mut keys = HashSet::new();
    for limit in all() {
        assert!(keys.insert(limit.key), "{} is there twice", limit.key);
        let ending = match limit.unit {
            Unit::Count | Unit::Port => continue,
            Unit::Percent => "_percent",
            Unit::Milliseconds => "_ms",
            Unit::Microseconds => "_us",
            Unit::Kilobytes => "_kb_per_second",
            Unit::Megabytes => "_mb",
        };
        assert!(limit.key.ends_with(ending), "{} has no {ending}", limit.key);
    }
}

#[test]
fn every_row_says_what_it_is_for() {
    for limit in all() {
        for text in [limit.meaning, limit.reason, limit.enforced_by] {
            assert!(
                !text.is_empty() && !text.ends_with('.') && !text.contains('|'),
                "{}: {text:?}",
                limit.key
            );
        }
        assert!(!limit.effect.ends_with('.') && !limit.effect.contains('|'), "{}", limit.key);
        assert!(limit.help().contains(&limit.default_text()));
    }
}

#[test]
fn fields_hold_every_number_of_their_range() {
    for (index, limit) in AppLimits::ALL.iter().enumerate() {
        let mut limits = AppLimits::default();
        assert_eq!(limits.get(index), limit.default, "{}", limit.key);
        for number in [limit.min, limit.max, limit.default] {
            limits.set(index, number);
            assert_eq!(limits.get(index), number, "{}", limit.key);
        }
        assert_eq!(limits, AppLimits::default(), "{} sets another limit too", limit.key);
    }
    for (index, limit) in ServerLimits::ALL.iter().enumerate() {
        let mut limits = ServerLimits::default();
        for number in [limit.min, limit.max, limit.default] {
            limits.set(index, number);
            assert_eq!(limits.get(index), number, "{}", limit.key);
        }
        assert_eq!(limits, ServerLimits::default(), "{} sets another limit too", limit.key);
    }
}

#[test]
fn numbers_become_typed_values() {
    let limits = AppLimits::default();
    assert_eq!(limits.timeout, Duration::from_secs(5));
    assert_eq!(limits.memory_bytes, 128 << 20);
    assert_eq!(limits.max_websockets, 10_000);
    assert_eq!(limits.log_bytes_per_second, 1 << 20);
    let mut server = ServerLimits::default();
    assert_eq!(server.isolate_idle, Some(Duration::from_secs(600)));
    let index = ServerLimits::ALL.iter().position(|limit| *limit == ISOLATE_IDLE_MS).unwrap();
    server.set(index, 0);
    assert_eq!(server.isolate_idle, None);
}

#[test]
fn every_range_fits_its_field() {
    for limit in all() {
        assert!(limit.max < 1 << 32, "{}", limit.key);
    }
}
