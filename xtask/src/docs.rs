//! `cargo xtask docs`: writes the parts of docs/ that come from definitions in the code: the tables of
//! limits.
//!
//! A limit that an operator can set is a row of nano-limits. Any other is a constant whose documentation has
//! `Limit (UNIT): REASON` at its end, or a field of a type named `Limits` or `Timeouts` with its default in
//! the same file. Knows how both look in a source file; a test compares what it would write with what is
//! there.

use crate::util::{no_more, say, take_flag, workspace_root};
use nano_limits::{AppLimits, Limit, PORT, SAMPLE_PERCENT, ServerLimits, THREADS, TIMER_RESOLUTION_US};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const HELP: &str = "\
Writes the tables of limits: docs/limits.md, and parts of docs/configuration.md.

Usage: cargo xtask docs [--check]

  --check   writes nothing and fails if something would change
";

/// The lines around a generated part of a page.
const BEGIN: &str = "<!-- written by `cargo xtask docs`: ";
const END: &str = "<!-- end -->";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let only_check = take_flag(&mut args, "--check");
    no_more(&args)?;
    let mut stale = Vec::new();
    for (path, new) in pages()? {
        let old = fs::read_to_string(&path).unwrap_or_default();
        if old == new {
            continue;
        }
        stale.push(path.display().to_string());
        if !only_check {
            fs::write(&path, new).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            say(&format!("wrote {}", path.display()));
        }
    }
    match only_check && !stale.is_empty() {
        true => {
            Err(format!("run `cargo xtask docs`: these are not what the code says: {}", stale.join(", ")))
        }
        false => Ok(()),
    }
}

/// Each page with the text that it should have.
pub fn pages() -> Result<Vec<(PathBuf, String)>, String> {
    let docs = workspace_root().join("docs");
    let limits = docs.join("limits.md");
    let configuration = docs.join("configuration.md");
    let text = fs::read_to_string(&configuration)
        .map_err(|error| format!("cannot read {}: {error}", configuration.display()))?;
    let server: Vec<Limit> = [PORT, THREADS].into_iter().chain(ServerLimits::ALL).collect();
    let text = replace_part(&text, "limits of the server", &settable(&server))?;
    let text =
        replace_part(&text, "numbers in other objects", &settable(&[SAMPLE_PERCENT, TIMER_RESOLUTION_US]))?;
    let text = replace_part(&text, "limits of an application", &settable(&AppLimits::ALL))?;
    Ok(vec![(configuration, text), (limits, limits_page(&fixed(&workspace_root().join("crates"))?))])
}

/// `page` with `part` between the lines that name it.
fn replace_part(page: &str, name: &str, part: &str) -> Result<String, String> {
    let begin = format!("{BEGIN}{name} -->\n");
    let wrong = || format!("docs/configuration.md has no part between `{}` and `{END}`", begin.trim_end());
    let (before, rest) = page.split_once(&begin).ok_or_else(wrong)?;
    let (_, after) = rest.split_once(END).ok_or_else(wrong)?;
    Ok(format!("{before}{begin}{part}{END}{after}"))
}

fn settable(limits: &[Limit]) -> String {
    let rows: String = limits.iter().map(|limit| limit.row() + "\n").collect();
    format!("| key | range | default | bounds | at the limit |\n| --- | --- | --- | --- | --- |\n{rows}")
}

fn limits_page(fixed: &BTreeMap<String, Vec<Fixed>>) -> String {
    let mut page = String::from(
        "# Limits\n\n\
         Everything that a client, an application or a neighbour can make grow has a bound. `cargo xtask docs` writes this page\n\
         from the definitions in the code, and a test compares them.\n\n\
         ## Limits that the configuration sets\n\n\
         One row of `crates/nano-limits/src/table.rs` defines each; [configuration.md](configuration.md) has ranges, meanings and\n\
         effects. MB are 2^20 bytes, KB 2^10.\n\n\
         | key | default | reason | enforced by |\n| --- | --- | --- | --- |\n",
    );
    for limit in nano_limits::all() {
        let (key, reason, by) = (limit.key, limit.reason, limit.enforced_by);
        let unit = if limit.default_words.is_some() { "" } else { limit.unit.name() };
        let default = format!("{} {unit}", limit.default_text());
        page.push_str(&format!("| `{key}` | {} | {reason} | `{by}` |\n", default.trim_end()));
    }
    page.push_str(
        "\n## Limits that are fixed\n\nEach is a constant, or a default, in the crate that enforces it.\n",
    );
    for (name, limits) in fixed {
        page.push_str(&format!(
            "\n### {name}\n\n| item | value | bounds | reason |\n| --- | --- | --- | --- |\n"
        ));
        for Fixed { item, value, meaning, reason } in limits {
            page.push_str(&format!("| `{item}` | {value} | {meaning} | {reason} |\n"));
        }
    }
    page
}

/// A limit that is a constant or a default in the code.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    item: String,
    value: String,
    meaning: String,
    reason: String,
}

/// The fixed limits of every crate that has some.
fn fixed(crates: &Path) -> Result<BTreeMap<String, Vec<Fixed>>, String> {
    let mut all = BTreeMap::new();
    let entries =
        fs::read_dir(crates).map_err(|error| format!("cannot read {}: {error}", crates.display()))?;
    for entry in entries.flatten() {
        let mut files = Vec::new();
        sources(&entry.path().join("src"), &mut files);
        files.sort();
        let mut limits = Vec::new();
        for file in files {
            let text = fs::read_to_string(&file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            limits.extend(of_source(&text).map_err(|error| format!("{}: {error}", file.display()))?);
        }
        // A file may move without a change of the page.
        limits.sort_by(|a, b| a.item.cmp(&b.item));
        if !limits.is_empty() {
            all.insert(entry.file_name().to_string_lossy().into_owned(), limits);
        }
    }
    Ok(all)
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The fixed limits of one file, in its order.
fn of_source(text: &str) -> Result<Vec<Fixed>, String> {
    let mut limits = Vec::new();
    let mut paragraphs: Vec<String> = vec![String::new()];
    // The type, named as limits are, whose fields are read.
    let mut inside: Option<&str> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(doc) = trimmed.strip_prefix("///") {
            match (doc.trim(), paragraphs.last_mut()) {
                ("", _) => paragraphs.push(String::new()),
                (doc, Some(last)) => {
                    last.push_str(if last.is_empty() { "" } else { " " });
                    last.push_str(doc);
                }
                (_, None) => unreachable!("there is always a paragraph"),
            }
            continue;
        }
        if trimmed.starts_with("#[") {
            continue;
        }
        if let Some(name) = struct_name(trimmed) {
            inside = Some(name).filter(|name| matches!(*name, "Limits" | "Timeouts"));
        } else if line == "}" {
            inside = None;
        }
        let doc = paragraphs.join(" ");
        if let (Some((meaning, limit)), Some((name, mut value))) =
            (doc.split_once("Limit ("), constant(trimmed))
        {
            while !value.contains(';') {
                let Some(next) = lines.next() else { return Err(format!("{name} has no end")) };
                value.push_str(next.trim());
            }
            let (unit, reason) =
                limit.split_once("): ").ok_or_else(|| format!("{name}: write `Limit (UNIT): REASON`"))?;
            limits.push(Fixed {
                item: name.to_string(),
                value: show(value.split(';').next().unwrap_or_default().trim(), unit),
                meaning: cell(meaning.trim_end()),
                reason: cell(reason),
            });
        } else if let (Some(of), Some(name)) = (inside, field(trimmed)) {
            // A default that is no number (a folder, say) is not a limit.
            if let Some(value) =
                default_of(text, of, name).filter(|value| value.starts_with(|c: char| c.is_ascii_digit()))
            {
                let (meaning, reason) = match &paragraphs[..] {
                    [only] => {
                        only.split_once(". ").map_or((only.as_str(), ""), |(first, rest)| (first, rest))
                    }
                    [first, rest @ ..] => (first.as_str(), rest[0].as_str()),
                    [] => ("", ""),
                };
                limits.push(Fixed {
                    item: format!("{of}::{name}"),
                    value,
                    meaning: cell(meaning),
                    reason: cell(reason),
                });
            }
        }
        paragraphs = vec![String::new()];
    }
    Ok(limits)
}

fn struct_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub(crate) struct "))?;
    rest.strip_suffix(" {")
}

/// The name of a constant and the beginning of its value.
fn constant(line: &str) -> Option<(&str, String)> {
    let rest =
        line.split_once("const ").filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?.1;
    let (name, rest) = rest.split_once(':')?;
    let (_, value) = rest.split_once(" =")?;
    name.bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        .then_some(())?;
    Some((name, value.trim().to_string()))
}

fn field(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix("pub ")?.split_once(": ")?;
    rest.ends_with(',').then_some(name)
}

/// The default of a field, from the `impl Default` of its type.
fn default_of(text: &str, of: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("impl Default for {of} {{"))?;
    let rest = rest.split("\n}").next()?;
    let line = rest.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")))?;
    let unit = if name.ends_with("bytes") || name.ends_with("_ahead") || name.ends_with("_low") {
        "bytes"
    } else {
        ""
    };
    Some(show(line.trim_end_matches(','), unit))
}

/// Text for a cell of a table, without links and without a full stop at its end.
fn cell(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    // [`Name`](target) and [`Name`] become `Name`.
    while let Some((before, after)) = rest.split_once("[`") {
        shown.push_str(before);
        let Some((name, after)) = after.split_once("`]") else {
            rest = after;
            continue;
        };
        shown.push_str(&format!("`{name}`"));
        rest = after;
        if let Some((_, after)) = rest.strip_prefix('(').and_then(|target| target.split_once(')')) {
            rest = after;
        }
    }
    shown.push_str(rest);
    let shown = shown.replace('|', "\\|");
    shown.strip_suffix('.').unwrap_or(&shown).to_string()
}

/// A value as people read it: `64 << 10` bytes are 64 KiB.
fn show(expression: &str, unit: &str) -> String {
    let plain = expression.replace("std::time::", "").replace("Duration::from_", "").replace('_', "");
    for (function, one, name) in [
        ("secs(", 1_000_000_000, "s"),
        ("seconds(", 1_000_000_000, "s"),
        ("millis(", 1_000_000, "ms"),
        ("micros(", 1_000, "µs"),
    ] {
        let argument = plain.strip_prefix(function).and_then(|rest| rest.strip_suffix(')'));
        if let Some(number) = argument.and_then(evaluate) {
            let whole_seconds = one == 1_000_000 && number.is_multiple_of(1000);
            return if whole_seconds {
                format!("{} s", grouped(number / 1000))
            } else {
                format!("{} {name}", grouped(number))
            };
        }
    }
    let Some(number) = evaluate(&plain) else { return format!("`{expression}`") };
    if unit.starts_with("bytes") {
        for (shift, name) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if number >= 1 << shift && number.is_multiple_of(1 << shift) {
                return format!("{} {name}", grouped(number >> shift));
            }
        }
        return format!("{} bytes", grouped(number));
    }
    if unit.is_empty() { grouped(number) } else { format!("{} {unit}", grouped(number)) }
}

/// A number with its thousands apart.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// The value of an expression of whole numbers with `<<`, `+`, `-`, `*` and brackets.
fn evaluate(expression: &str) -> Option<u128> {
    let expression = expression.split(" as ").next()?;
    let mut tokens = Vec::new();
    let mut rest = expression.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '0'..='9' => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
            '<' if rest.starts_with("<<") => 2,
            '*' | '+' | '-' | '(' | ')' => 1,
            _ => return None,
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    let mut at = 0;
    let value = level(&tokens, &mut at, 0)?;
    (at == tokens.len()).then_some(value)
}

/// The operators of each level, the weakest first.
const OPERATORS: [&[&str]; 3] = [&["<<"], &["+", "-"], &["*"]];

fn level(tokens: &[&str], at: &mut usize, depth: usize) -> Option<u128> {
    let Some(operators) = OPERATORS.get(depth) else {
        let token = *tokens.get(*at)?;
        *at += 1;
        if token == "(" {
            let value = level(tokens, at, 0)?;
            *at += 1;
            return (tokens.get(*at - 1) == Some(&")")).then_some(value);
        }
        return token.parse().ok();
    };
    let mut value = level(tokens, at, depth + 1)?;
    while let Some(operator) = tokens.get(*at).filter(|token| operators.contains(*token)) {
        *at += 1;
        let right = level(tokens, at, depth + 1)?;
        value = match *operator {
            "<<" => value.checked_shl(u32::try_from(right).ok()?)?,
            "+" => value.checked_add(right)?,
            "-" => value.checked_sub(right)?,
            _ => value.checked_mul(right)?,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_limits_are_those_of_the_code() {
        for (path, expected) in pages().unwrap() {
            let there = fs::read_to_string(&path).unwrap_or_default();
            let differs = there.lines().zip(expected.lines()).find(|(there, expected)| there != expected);
            assert!(there == expected, "run `cargo xtask docs`: {} differs: {differs:?}", path.display());
        }
    }

    #[test]
    fn an_item_that_enforces_a_limit_exists() {
        let mut files = Vec::new();
        for entry in fs::read_dir(workspace_root().join("crates")).unwrap() {
            sources(&entry.unwrap().path().join("src"), &mut files);
        }
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        for limit in nano_limits::all() {
            let name = limit.enforced_by;
            let exists = ["struct", "enum", "trait", "fn"]
                .iter()
                .any(|kind| text.contains(&format!("{kind} {name}")) && text.contains(&format!(" {name}")));
            assert!(exists, "{}: there is no {name}", limit.key);
        }
    }

    /// Constants whose names sound like limits, and what they are instead.
    const OTHERS: [(&str, &str); 7] = [
        ("BYTES_MAX", "the longest URL of a fast path"),
        ("COUNTED_MAX", "the end of a text where one way of encoding changes to another"),
        ("FAST_INDEX_MAX", "how V8 allocates arrays"),
        ("FAST_LENGTH_MAX", "how V8 allocates arrays"),
        ("MAX_OUTPUT_BYTES", "the size of the longest digest"),
        ("MEMORY_MB_MAX", "the range of two rows of nano-limits"),
        ("SLEEP_AT_MOST", "the period of the watchdog while nothing runs"),
    ];

    #[test]
    fn a_constant_that_sounds_like_a_limit_is_on_the_page() {
        let known: Vec<String> = fixed(&workspace_root().join("crates"))
            .unwrap()
            .into_values()
            .flatten()
            .map(|limit| limit.item)
            .collect();
        let mut files = Vec::new();
        for entry in fs::read_dir(workspace_root().join("crates")).unwrap() {
            sources(&entry.unwrap().path().join("src"), &mut files);
        }
        let mut missing = Vec::new();
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for (name, _) in text.lines().filter_map(|line| constant(line.trim())) {
                let sounds = name.starts_with("MAX_") || name.ends_with("_MAX") || name.ends_with("_AT_MOST");
                if sounds
                    && !known.iter().any(|item| item == name)
                    && !OTHERS.iter().any(|(other, _)| *other == name)
                {
                    missing.push(format!("{}: {name}", file.display()));
                }
            }
        }
        assert!(
            missing.is_empty(),
            "end the documentation of these with `Limit (UNIT): REASON` and run `cargo xtask docs`, or enter them in OTHERS: {missing:#?}"
        );
    }

    #[test]
    fn limits_are_read_from_a_source_file() {
        let text = "\
/// Timers of one isolate.
///
/// Limit (timers): each takes
/// about [`Size::BYTES`](size) bytes.
pub const MAX_TIMERS: usize = 100_000;
/// No limit.
const OTHER: usize = 1;
/// Waiting.
///
/// Limit (bytes): enough | more.
#[doc(hidden)]
pub(crate) const WAIT_BYTES: usize =
    3 * (64 << 10);
/// Patience.
///
/// Limit (time): long.
const PATIENCE: Duration = Duration::from_millis(5_000);
/// All.
pub struct Limits {
    /// Head. Beyond: 431.
    ///
    /// 32 KiB: enough.
    pub head_bytes: usize,
    /// A folder.
    pub folder: PathBuf,
}
impl Default for Limits {
    fn default() -> Self {
        Limits { 
            head_bytes: 32 << 10,
            folder: temp(),
        }
    }
}
";
        let fixed = |item: &str, value: &str, meaning: &str, reason: &str| Fixed {
            item: item.into(),
            value: value.into(),
            meaning: meaning.into(),
            reason: reason.into(),
        };
        let expected = [
            fixed(
                "MAX_TIMERS",
                "100,000 timers",
                "Timers of one isolate",
                "each takes about `Size::BYTES` bytes",
            ),
            fixed("WAIT_BYTES", "192 KiB", "Waiting", "enough \\| more"),
            fixed("PATIENCE", "5 s", "Patience", "long"),
            fixed("Limits::head_bytes", "32 KiB", "Head. Beyond: 431", "32 KiB: enough"),
        ];
        assert_eq!(of_source(text).unwrap(), expected);
        assert!(of_source("/// A.\n///\n/// Limit (bytes) no reason\nconst A: u8 = 1;\n").is_err());
    }

    #[test]
    fn values_are_shown_as_people_read_them() {
        for (expression, unit, expected) in [
            ("1 << 16", "", "65,536"),
            ("4 * 8 << 10", "bytes", "32 KiB"),
            ("(1 << 29) - 24", "bytes", "536,870,888 bytes"),
            ("1024", "bytes in a second", "1 KiB"),
            ("Duration::from_micros(200)", "time", "200 µs"),
            ("std::time::Duration::from_secs(24 * 60 * 60)", "", "86,400 s"),
            ("u64::MAX", "bytes", "`u64::MAX`"),
        ] {
            assert_eq!(show(expression, unit), expected, "{expression}");
        }
    }
}
