//! Every limit that a file can set, at its range's ends, beyond them, and with values of other types.

use std::time::Duration;

use super::{problems, valid};
use crate::Config;
use crate::limits::{self, AppLimits, Limit, Place, ServerLimits};

/// Configurations that set `limit` to `value`, and nothing else that matters.
fn with_limit(limit: &Limit, value: &str) -> Vec<String> {
    let key = format!("\"{}\": {value}", limit.key);
    let app = r#""name": "a", "path": "a""#;
    match limit.place {
        Place::Top => vec![format!("{{ {key}, \"apps\": [{{ {app} }}] }}")],
        Place::Telemetry => {
            let telemetry = format!("\"telemetry\": {{ \"endpoint\": \"http://c\", {key} }}");
            vec![format!("{{ {telemetry}, \"apps\": [{{ {app} }}] }}")]
        }
        Place::App => vec![
            format!("{{ \"apps\": [{{ {app}, {key} }}] }}"),
            format!("{{ \"defaults\": {{ {key} }}, \"apps\": [{{ {app} }}] }}"),
        ],
        Place::Hardening => vec![
            format!("{{ \"apps\": [{{ {app}, \"hardening\": {{ {key} }} }}] }}"),
            format!("{{ \"defaults\": {{ \"hardening\": {{ {key} }} }}, \"apps\": [{{ {app} }}] }}"),
        ],
    }
}

/// The number that `config` has for `limit`, in the limit's unit.
fn number_of(config: &Config, limit: &Limit) -> u64 {
    if let Some(index) = AppLimits::ALL.iter().position(|other| other == limit) {
        return config.apps[0].limits.get(index);
    }
    if let Some(index) = ServerLimits::ALL.iter().position(|other| other == limit) {
        return config.limits.get(index);
    }
    match limit.key {
        "port" => config.port.into(),
        "threads" => config.threads.unwrap().into(),
        "sample_percent" => config.telemetry.as_ref().unwrap().sample_percent,
        "timer_resolution_us" => config.apps[0].hardening.timer_resolution.as_micros() as u64,
        other => panic!("where is {other}?"),
    }
}

#[test]
fn every_limit_is_accepted_in_its_range_and_refused_beyond() {
    for limit in limits::all() {
        let Limit { key, min, max, .. } = limit;
        for number in [min, max] {
            for spelling in [number.to_string(), format!("{number}.0e0")] {
                for text in with_limit(&limit, &spelling) {
                    assert_eq!(number_of(&valid(&text), &limit), number, "{text}");
                }
            }
        }
        let refused = |value: &str, message: &str| {
            for text in with_limit(&limit, value) {
                let column = text.find(&format!("\"{key}\": ")).unwrap() + key.len() + 5;
                assert_eq!(problems(&text), [format!("1:{column}: \"{key}\" must be {message}")], "{text}");
            }
        };
        for beyond in [(max + 1).to_string(), (min as i64 - 1).to_string(), "1e99".into(), "-1e99".into()] {
            refused(&beyond, &format!("from {min} to {max}, not {beyond}"));
        }
        refused("1.5", "a whole number, not 1.5");
        refused("\"many\"", "a number, not a string");
        refused(&format!("\"{max}\""), &format!("a number, not a string (write {max} without the quotes)"));
        refused("null", "a number, not null");
        refused("[]", "a number, not a list");
    }
    assert_eq!(valid(&with_limit(&limits::DRAIN_TIMEOUT_MS, "0")[0]).limits.drain_timeout, Duration::ZERO);
}

#[test]
fn a_limit_of_an_application_wins_over_the_default() {
    for limit in AppLimits::ALL {
        let Limit { key, min, max, .. } = limit;
        let text = format!(
            r#"{{ "defaults": {{ "{key}": {min} }}, "apps": [{{ "name": "a", "path": "a", "{key}": {max} }}, {{ "name": "b", "path": "b" }}] }}"#
        );
        let config = valid(&text);
        let index = AppLimits::ALL.iter().position(|other| *other == limit).unwrap();
        assert_eq!((config.apps[0].limits.get(index), config.apps[1].limits.get(index)), (max, min), "{key}");
    }
}
