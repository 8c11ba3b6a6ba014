//! How two answers differ, in words a person can act on.

use super::cases::Case;
use crate::bench::client::Answer;

type Outcome = Result<Answer, String>;

/// What is wrong: first where an answer is not what the case expects, then where the two differ. Empty if
/// nothing is. Where workerd departs from the standard, only NANO's answer is looked at.
pub fn judge(case: &Case, nano: Option<&Outcome>, workerd: &Outcome, ignored: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let workerd = if case.deviates.is_none() { Some(workerd) } else { None };
    for (who, outcome) in [("workerd", workerd), ("NANO", nano)] {
        match outcome {
            Some(Ok(answer)) => {
                found.extend(unexpected(case, answer).into_iter().map(|text| format!("{who}: {text}")))
            }
            Some(Err(error)) => found.push(format!("{who}: {error}")),
            None => {}
        }
    }
    if let (Some(Ok(ours)), Some(Ok(theirs))) = (nano, workerd) {
        found.extend(differences(case, ours, theirs, ignored));
    }
    found
}

fn unexpected(case: &Case, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(status) = case.status.filter(|status| *status != answer.status) {
        found.push(format!("status {}, expected {status}; body {}", answer.status, excerpt(&answer.body, 0)));
    } else if let Some(expected) = case.expect.as_ref().or(case.until.as_ref())
        && answer.body != expected.as_bytes()
    {
        found.push(format!(
            "body {}, expected {}",
            excerpt(&answer.body, 0),
            excerpt(expected.as_bytes(), 0)
        ));
    }
    if let Some(part) = &case.contains
        && !String::from_utf8_lossy(&answer.body).contains(part)
    {
        found.push(format!("body {} does not contain {part:?}", excerpt(&answer.body, 0)));
    }
    let headers = headers(answer);
    for (name, expected) in &case.expect_headers {
        let value = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        if value != expected.as_ref() {
            found.push(format!("header {name}: {value:?}, expected {expected:?}"));
        }
    }
    found
}

fn differences(case: &Case, ours: &Answer, theirs: &Answer, ignored: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    if ours.status != theirs.status {
        found.push(format!("status: NANO {}, workerd {}", ours.status, theirs.status));
    }
    if case.status_only {
        return found;
    }
    let skip = |name: &str| {
        ignored.contains(&name) || case.ignore.iter().any(|other| other.eq_ignore_ascii_case(name))
    };
    let (our_headers, their_headers) = (headers(ours), headers(theirs));
    let mut names: Vec<&String> = our_headers.iter().chain(&their_headers).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    for name in names.into_iter().filter(|name| !skip(name)) {
        let value = |headers: &[(String, String)]| {
            headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        let (our, their) = (value(&our_headers), value(&their_headers));
        if our != their {
            let show = |value: Option<String>| {
                value.map_or_else(|| "none".to_string(), |value| format!("{value:?}"))
            };
            found.push(format!("header {name}: NANO {}, workerd {}", show(our), show(their)));
        }
    }
    if ours.body != theirs.body {
        let at = ours.body.iter().zip(&theirs.body).position(|(a, b)| a != b);
        let at = at.unwrap_or_else(|| ours.body.len().min(theirs.body.len()));
        found.push(format!(
            "body: differs from byte {at} on\n  NANO    {} bytes {}\n  workerd {} bytes {}",
            ours.body.len(),
            excerpt(&ours.body, at),
            theirs.body.len(),
            excerpt(&theirs.body, at)
        ));
    }
    found
}

/// Names in lower case, values of the same name joined as a list is; cookies cannot be joined by a comma.
fn headers(answer: &Answer) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in &answer.headers {
        let name = name.to_ascii_lowercase();
        let between = if name == "set-cookie" { "\n" } else { ", " };
        match all.iter_mut().find(|(key, _)| *key == name) {
            Some((_, joined)) => {
                joined.push_str(between);
                joined.push_str(value);
            }
            None => all.push((name, value.clone())),
        }
    }
    all
}

/// Up to 160 bytes around a place, as a quoted text.
fn excerpt(bytes: &[u8], at: usize) -> String {
    const BEFORE: usize = 40;
    const LENGTH: usize = 160;
    let from = at.saturating_sub(BEFORE).min(bytes.len());
    let to = bytes.len().min(from + LENGTH);
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < bytes.len() { "…" } else { "" });
    format!("{before}\"{}\"{after}", String::from_utf8_lossy(&bytes[from..to]).escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::client::Body;

    fn case() -> Case {
        Case {
            method: "GET".into(),
            path: "/".into(),
            app: None,
            headers: Vec::new(),
            body: Body::None,
            requires: Vec::new(),
            status: None,
            expect: None,
            contains: None,
            expect_headers: Vec::new(),
            until: None,
            status_only: false,
            deviates: None,
            ignore: Vec::new(),
            note: None,
        }
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Ok(Answer { status, headers, body: body.into(), keep_alive: true })
    }

    fn found(case: &Case, ours: &Outcome, theirs: &Outcome) -> String {
        judge(case, Some(ours), theirs, &["date"]).join("\n")
    }

    #[test]
    fn the_same_answer_in_another_spelling_is_the_same() {
        let ours = answer(200, &[("Vary", "a, b"), ("Date", "now"), ("B", "2")], "x");
        let theirs = answer(200, &[("b", "2"), ("vary", "a"), ("vary", "b"), ("date", "then")], "x");
        assert_eq!(found(&case(), &ours, &theirs), "");
    }

    #[test]
    fn each_difference_is_named() {
        let ours = answer(200, &[("set-cookie", "a=1"), ("set-cookie", "b=2")], "same until here");
        let theirs = answer(201, &[("set-cookie", "a=1, b=2"), ("x", "1")], "same until there");
        let text = found(&case(), &ours, &theirs);
        for part in [
            "status: NANO 200, workerd 201",
            "header set-cookie",
            "header x: NANO none, workerd \"1\"",
            "from byte 11",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let status_only = Case { status_only: true, ..case() };
        assert_eq!(found(&status_only, &ours, &theirs), "status: NANO 200, workerd 201");
    }

    #[test]
    fn expectations_hold_for_both() {
        let expecting = Case {
            status: Some(200),
            expect: Some("yes".into()),
            expect_headers: vec![("x".into(), None)],
            ..case()
        };
        let text = found(&expecting, &answer(200, &[("x", "1")], "no"), &answer(500, &[], "yes"));
        for part in [
            "NANO: body \"no\", expected \"yes\"",
            "NANO: header x: Some(\"1\"), expected None",
            "workerd: status 500",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(found(&expecting, &Err("closed".into()), &answer(200, &[], "yes")).contains("NANO: closed"));
    }
}
