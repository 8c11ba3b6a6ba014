//! What may be stored, for how long, and which request it answers: RFC 9111, and RFC 9110 for conditions and
//! ranges.
//!
//! Pure functions of heads and times.

use crate::Response;
use nano_http::FieldClasses;
use std::time::{Duration, SystemTime};

/// How long a response is fresh that says nothing about it and has no date of change: what Workers' edge
/// does.
const DEFAULT_FRESHNESS: Duration = Duration::from_secs(2 * 60 * 60);
/// Freshness that is guessed from the date of change.
///
/// Limit (s): RFC 9111, section 4.2.2 wants a bound.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Largest number of seconds in a header field.
///
/// Limit (seconds): RFC 9111, section 1.2.2: larger numbers mean this one.
const MAX_SECONDS: u64 = 1 << 31;

pub(crate) type Headers = [(String, String)];

/// All values of a field, joined as a list.
pub(crate) fn get(headers: &Headers, name: &str) -> Option<String> {
    let values: Vec<&str> = headers.iter().filter(|field| field.0 == name).map(|field| &*field.1).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn date(headers: &Headers, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(get(headers, name)?.trim()).ok()
}

/// The directives of Cache-Control, names in lower case, without quotes. RFC 9111, section 5.2
fn directives(headers: &Headers) -> Vec<(String, Option<String>)> {
    let text = get(headers, "cache-control").unwrap_or_default();
    let mut found = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for (at, byte) in text.bytes().chain([b',']).enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        }
        if byte != b',' || quoted && at < text.len() {
            continue;
        }
        let directive = text[start..at].trim();
        start = at + 1;
        if directive.is_empty() {
            continue;
        }
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name, Some(value.trim().trim_matches('"').to_owned())),
            None => (directive, None),
        };
        found.push((name.trim().to_ascii_lowercase(), value));
    }
    found
}

fn seconds(value: Option<&str>) -> Option<Duration> {
    let value = value?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(value.parse::<u64>().unwrap_or(MAX_SECONDS).min(MAX_SECONDS)))
}

/// For how long a response that arrives now is fresh, and its age now; `None` if it may not be stored. RFC
/// 9111, sections 3 and 4.2
pub(crate) fn storable(response: &Response, now: SystemTime) -> Option<(Duration, Duration)> {
    let Response { status, headers, .. } = response;
    if !(200..600).contains(status) || *status == 206 || *status == 304 {
        return None;
    }
    if get(headers, "vary").is_some_and(|vary| vary.split(',').any(|name| name.trim() == "*")) {
        return None;
    }
    let directives = directives(headers);
    let directive = |name: &str| directives.iter().find(|directive| directive.0 == name);
    // `private="name"` and `no-cache="name"` are about those fields alone.
    let whole = |name: &str| directive(name).is_some_and(|directive| directive.1.is_none());
    if directive("no-store").is_some() || whole("private") || whole("no-cache") {
        return None;
    }
    let named = |name: &str| {
        let fields = directive(name).and_then(|directive| directive.1.as_deref()).unwrap_or_default();
        fields.split(',').any(|field| field.trim().eq_ignore_ascii_case("set-cookie"))
    };
    // A cookie is one user's: nobody else may get it.
    if get(headers, "set-cookie").is_some() && !named("private") && !named("no-cache") {
        return None;
    }
    let said = date(headers, "date");
    let explicit = ["s-maxage", "max-age"]
        .iter()
        .find_map(|name| directive(name))
        .map(|directive| seconds(directive.1.as_deref()).unwrap_or_default())
        .or_else(|| {
            let expires = get(headers, "expires")?;
            // What is no date means: in the past.
            let expires = httpdate::parse_http_date(expires.trim()).unwrap_or(SystemTime::UNIX_EPOCH);
            Some(expires.duration_since(said.unwrap_or(now)).unwrap_or_default())
        });
    let lifetime = explicit.unwrap_or_else(|| {
        let changed = date(headers, "last-modified");
        changed
            .and_then(|changed| said.unwrap_or(now).duration_since(changed).ok())
            .map_or(DEFAULT_FRESHNESS, |since| (since / 10).min(HEURISTIC_MAX))
    });
    let apparent = said.and_then(|said| now.duration_since(said).ok()).unwrap_or_default();
    let age = seconds(get(headers, "age").as_deref()).unwrap_or_default().max(apparent);
    let left = lifetime.checked_sub(age).filter(|left| !left.is_zero())?;
    Some((left, age))
}

/// What the fields that Vary names have in a request: the second half of the cache key. RFC 9111, section 4.1
pub(crate) fn variant(response: &Headers, request: &Headers) -> Vec<(String, Option<String>)> {
    let mut names: Vec<String> = get(response, "vary")
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let value = get(request, &name);
            (name, value)
        })
        .collect()
}

/// Removes the fields that must not be stored: those of the connection, and those that Cache-Control names.
pub(crate) fn strip(headers: &mut Vec<(String, String)>) {
    let mut gone: Vec<String> = Vec::new();
    for (name, value) in directives(headers) {
        if let ("private" | "no-cache", Some(fields)) = (name.as_str(), value) {
            gone.extend(fields.split(',').map(|field| field.trim().to_ascii_lowercase()));
        }
    }
    headers.retain(|(name, _)| !gone.contains(name) && !FieldClasses::of(name.as_bytes()).is_not_stored());
}

/// Whether the request's conditions are met by what is stored: then 304 is the answer. RFC 9110, section 13
pub(crate) fn not_modified(request: &Headers, stored: &Headers) -> bool {
    fn weak(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    if let Some(wanted) = get(request, "if-none-match") {
        let Some(tag) = get(stored, "etag") else { return false };
        return wanted.trim() == "*" || wanted.split(',').any(|one| weak(one) == weak(&tag));
    }
    match (date(request, "if-modified-since"), date(stored, "last-modified")) {
        (Some(since), Some(changed)) => changed <= since,
        _ => false,
    }
}

/// The part of a body that a request wants: first byte and length. `Err`: nothing of it can be given. RFC
/// 9110, section 14
pub(crate) fn range(request: &Headers, stored: &Headers, length: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(text) = get(request, "range") else { return Ok(None) };
    if let Some(condition) = get(request, "if-range") {
        let strong = get(stored, "etag").is_some_and(|tag| !tag.starts_with("W/") && tag == condition.trim());
        let same_date = get(stored, "last-modified").is_some_and(|date| date == condition.trim());
        if !strong && !same_date {
            return Ok(None);
        }
    }
    // What is not understood is ignored; so are several ranges, which would want a multipart body.
    let Some(spec) = text.trim().strip_prefix("bytes=").filter(|spec| !spec.contains(',')) else {
        return Ok(None);
    };
    let Some((first, last)) = spec.trim().split_once('-') else { return Ok(None) };
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (number(first.trim()), number(last.trim())) {
        (Some(first), last) if last.is_some() || last_is_absent(spec) => {
            let end = last.unwrap_or(u64::MAX).min(length.saturating_sub(1));
            if last.is_some_and(|last| last < first) {
                return Ok(None);
            }
            if first >= length { Err(()) } else { Ok(Some((first, end - first + 1))) }
        }
        (None, Some(suffix)) if first.trim().is_empty() => {
            if suffix == 0 || length == 0 {
                return Err(());
            }
            let suffix = suffix.min(length);
            Ok(Some((length - suffix, suffix)))
        }
        _ => Ok(None),
    }
}

fn last_is_absent(spec: &str) -> bool {
    spec.trim_end().ends_with('-')
}
