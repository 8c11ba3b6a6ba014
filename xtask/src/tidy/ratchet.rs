//! The list of exceptions, ratchet.txt, and how it only shrinks.
//!
//! Each test of structure gives findings. A finding that the list does not have fails the test, and so does
//! an exception whose finding is gone: the list never says more than is so. Counts are ceilings.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

const FILE: &str = "xtask/src/tidy/ratchet.txt";

/// What a test of structure has found: more than is allowed without an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub kind: &'static str,
    pub place: String,
    pub count: usize,
}

impl Finding {
    pub(super) fn new(kind: &'static str, place: String, count: usize) -> Finding {
        Finding { kind, place, count }
    }

    fn key(&self) -> (String, String) {
        (self.kind.into(), self.place.clone())
    }

    pub(super) fn circle(owner: &str, members: &[String]) -> Finding {
        Finding { kind: "circle", place: format!("{owner}: {}", members.join(", ")), count: members.len() }
    }
}

/// One line of the list: `kind | place | count | reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exception {
    kind: String,
    place: String,
    count: usize,
    reason: String,
}

impl Exception {
    fn read(line: &str) -> Result<Exception, String> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [kind, place, count, reason] = cells[..] else {
            return Err(format!("{FILE}: not `kind | place | count | reason`: {line}"));
        };
        let count = count.parse().map_err(|_| format!("{FILE}: no count: {line}"))?;
        if reason.is_empty() {
            return Err(format!("{FILE}: no reason: {line}"));
        }
        Ok(Exception { kind: kind.into(), place: place.into(), count, reason: reason.into() })
    }

    fn line(&self) -> String {
        format!("{} | {} | {} | {}", self.kind, self.place, self.count, self.reason)
    }
}

/// What differs between findings and exceptions of the named kinds: messages with the line to delete or to
/// change, and the list as it should be where that is less than before.
fn compare(list: &str, kinds: &[&str], findings: &[Finding]) -> (Vec<String>, String) {
    let mut messages = Vec::new();
    let mut tightened = String::new();
    let mut open: BTreeMap<(String, String), &Finding> =
        findings.iter().map(|finding| (finding.key(), finding)).collect();
    let mut narrowed = Vec::new();
    for line in list.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            let _ = writeln!(tightened, "{line}");
            continue;
        }
        let exception = match Exception::read(line) {
            Ok(exception) => exception,
            Err(message) => {
                messages.push(message);
                let _ = writeln!(tightened, "{line}");
                continue;
            }
        };
        if !kinds.contains(&exception.kind.as_str()) {
            let _ = writeln!(tightened, "{line}");
            continue;
        }
        match open.remove(&(exception.kind.clone(), exception.place.clone())) {
            Some(finding) if finding.count > exception.count => {
                messages.push(format!(
                    "{} grew from {} to {}: {}",
                    exception.kind, exception.count, finding.count, exception.place
                ));
                let _ = writeln!(tightened, "{line}");
            }
            Some(finding) => {
                let _ = writeln!(tightened, "{}", Exception { count: finding.count, ..exception }.line());
            }
            None => narrowed.push((line, exception)),
        }
    }
    for (line, exception) in narrowed {
        // A circle that lost members is smaller under another name.
        let members = |place: &str| -> Vec<String> {
            place
                .split_once(": ")
                .map_or(Vec::new(), |(_, list)| list.split(", ").map(String::from).collect())
        };
        let all = members(&exception.place);
        let rest: Vec<&Finding> = findings
            .iter()
            .filter(|finding| {
                finding.kind == "circle"
                    && exception.kind == "circle"
                    && finding.place.split_once(": ").map(|parts| parts.0)
                        == exception.place.split_once(": ").map(|parts| parts.0)
                    && members(&finding.place).iter().all(|member| all.contains(member))
            })
            .collect();
        let mut message = format!("no longer so: delete this line of {FILE}:\n    {line}");
        for finding in rest {
            open.remove(&finding.key());
            let smaller =
                Exception { place: finding.place.clone(), count: finding.count, ..exception.clone() };
            let _ = write!(message, "\n  and add what is left of it:\n    {}", smaller.line());
            let _ = writeln!(tightened, "{}", smaller.line());
        }
        messages.push(message);
    }
    for finding in open.values() {
        messages.push(format!(
            "new {}: {} ({}). Mend it; an exception needs a reason, in {FILE}:\n    {} | {} | {} | REASON",
            finding.kind, finding.place, finding.count, finding.kind, finding.place, finding.count
        ));
    }
    (messages, tightened)
}

/// Fails unless the findings of these kinds are exactly the list's. With `TIDY_UPDATE=1` it first takes out
/// of the list what is no longer so, lowers counts, and adds nothing.
pub(super) fn check(kinds: &[&str], findings: &[Finding]) {
    let path: PathBuf = crate::util::workspace_root().join(FILE);
    // Tests run side by side: one at a time reads and writes the list.
    static LIST: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let one_at_a_time = LIST.lock();
    let list = fs::read_to_string(&path).unwrap();
    let (mut messages, tightened) = compare(&list, kinds, findings);
    if std::env::var_os("TIDY_UPDATE").is_some() && tightened != list {
        fs::write(&path, &tightened).unwrap();
        messages = compare(&tightened, kinds, findings).0;
    }
    drop(one_at_a_time);
    assert!(
        messages.is_empty(),
        "{} to mend (`TIDY_UPDATE=1 cargo test -p xtask tidy` deletes and lowers, and adds nothing):\n- {}",
        messages.len(),
        messages.join("\n- ")
    );
}

#[test]
fn the_list_only_shrinks() {
    let finding = |kind, place: &str, count| Finding::new(kind, place.into(), count);
    let list = "# Comment\nlines | a.rs | 700 | table\nlines | b.rs | 650 | table\nother | x | 1 | not asked for\n\
                circle | c: a, b, d, e | 4 | in work\n";
    let circle =
        |members: &[&str]| Finding::circle("c", &members.iter().map(ToString::to_string).collect::<Vec<_>>());
    let all = circle(&["a", "b", "d", "e"]);
    let kinds = ["lines", "circle"];
    let same = [finding("lines", "a.rs", 700), finding("lines", "b.rs", 650), all.clone()];
    assert_eq!(compare(list, &kinds, &same), (vec![], list.into()));

    // Lower counts pass; the update writes them down.
    let lower = [finding("lines", "a.rs", 640), finding("lines", "b.rs", 650), all.clone()];
    let (messages, tightened) = compare(list, &kinds, &lower);
    assert!(messages.is_empty() && tightened.contains("a.rs | 640 | table"), "{messages:?} {tightened}");

    // What is gone, what grew, what is new and what shrank.
    let other = [finding("lines", "a.rs", 701), finding("lines", "n.rs", 601), circle(&["a", "b", "e"])];
    let (messages, tightened) = compare(list, &kinds, &other);
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert!(messages[0].contains("grew from 700 to 701"), "{messages:?}");
    assert!(messages[1].contains("delete this line") && messages[1].contains("b.rs | 650"), "{messages:?}");
    assert!(
        messages[2].contains("add what is left of it") && messages[2].contains("c: a, b, e | 3 | in work"),
        "{messages:?}"
    );
    assert!(messages[3].contains("new lines: n.rs (601)"), "{messages:?}");
    assert!(
        !tightened.contains("b.rs") && !tightened.contains("n.rs") && tightened.contains("other | x | 1"),
        "{tightened}"
    );
    // After the update the same findings complain only about what grew and what is new.
    assert_eq!(compare(&tightened, &kinds, &other).0.len(), 2);

    for bad in ["lines | a.rs | 700 |", "lines | a.rs | many | x", "lines"] {
        assert_eq!(compare(bad, &kinds, &[]).0.len(), 1, "{bad}");
    }
}
