//! docs/benchmarks.md: made from what each suite stored, section by section. A suite that was not run keeps
//! its section.
//!
//! Knows the page's form; knows nothing of how figures are measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::field::{self, Field};
use super::machine;
use super::peers::Peer;
use crate::util;

/// One suite's findings.
pub struct Section {
    pub key: String,
    pub title: String,
    pub text: String,
    pub tables: Vec<Table>,
    /// Every single measurement, for the stored file.
    pub raw: Value,
}

/// Rows of texts under a head.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|text| (*text).to_string()).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// The table in Markdown, its columns aligned so that it reads well as plain text too.
    pub fn markdown(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            for (column, cell) in cells.iter().enumerate() {
                let fill = " ".repeat(widths[column] - cell.chars().count());
                // Names to the left, figures to the right.
                let _ = if column == 0 {
                    write!(text, "| {cell}{fill} ")
                } else {
                    write!(text, "| {fill}{cell} ")
                };
            }
            text.push_str("|\n");
        };
        line(&self.head);
        let rule = |(column, width): (usize, &usize)| {
            if column == 0 { "-".repeat(*width) } else { format!("{}:", "-".repeat(width - 1)) }
        };
        line(&widths.iter().enumerate().map(rule).collect::<Vec<_>>());
        for row in &self.rows {
            line(row);
        }
        text
    }
}

/// Prints a section for the terminal.
pub fn print(section: &Section) {
    println!("\n{}\n", section.title);
    for table in &section.tables {
        println!("{}", table.markdown());
    }
}

/// Stores what a suite found: for the page in `target/bench`, or beside it for a short run, whose figures
/// mean little.
pub fn store(section: &Section, field: &Field, command: &str) -> Result<PathBuf, String> {
    let versions: BTreeMap<&str, &String> =
        field.versions.iter().map(|(peer, version)| (peer.key(), version)).collect();
    let value = json!({
        "title": section.title, "text": section.text,
        "tables": section.tables.iter().map(Table::markdown).collect::<Vec<_>>(),
        "date": machine::today(), "command": command, "machine": machine::describe(), "versions": versions,
        "raw": section.raw,
    });
    let folder = field::work_folder().join(if field.short { "short" } else { "results" });
    let path = folder.join(format!("{}.json", section.key));
    util::write_whole(&path, &mut format!("{value:#}\n").as_bytes())?;
    Ok(path)
}

const INTRODUCTION: &str = "\
# Benchmarks

NANO beside Bun, Deno, Node and workerd on one machine, in one run, one after the other in turn: the same handler (Node: the
same answer in Node's own way of writing it), one worker thread each. `cargo xtask bench` measures all of it again and writes
this page; `cargo xtask bench --help` tells how to measure a part.

- The server has one core, what loads it the other, so that neither takes time from the other (process starts excepted).
- *CPU µs a request* is the processor time that the kernel accounts to all threads of the server while it is loaded, divided by
  the answers. It is steadier than requests a second, and it is what a machine full of applications pays.
- *× NANO* is the figure divided by NANO's.
- The *bare loop* is nano-loop and nano-http answering without JavaScript: what is left when the engine costs nothing.
- NANO runs as `nano serve` does, without a line in the log for each request, which no peer writes either.
";

const NOTES: (&str, &str) = ("<!-- notes: written by hand, kept as they are -->", "<!-- end of notes -->");

fn page_path() -> PathBuf {
    util::workspace_root().join("docs/benchmarks.md")
}

fn marks(key: &str) -> (String, String) {
    (format!("<!-- suite {key} -->"), format!("<!-- end of suite {key} -->"))
}

/// What stands between two marks in a text.
fn between<'a>(text: &'a str, marks: (&str, &str)) -> Option<&'a str> {
    let (_, rest) = text.split_once(marks.0)?;
    Some(rest.split_once(marks.1)?.0.trim())
}

/// Writes the page: `keys` are all suites in their order.
pub fn write(keys: &[&str]) -> Result<PathBuf, String> {
    let path = page_path();
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut text = format!("{INTRODUCTION}\n");
    for key in keys {
        let (begin, end) = marks(key);
        let stored = field::work_folder().join("results").join(format!("{key}.json"));
        let section = match fs::read_to_string(&stored) {
            Ok(stored_text) => {
                let value: Value = serde_json::from_str(&stored_text)
                    .map_err(|error| format!("{}: {error}", stored.display()))?;
                Some(markdown(&value))
            }
            Err(_) => between(&before, (&begin, &end)).map(str::to_string),
        };
        if let Some(section) = section {
            let _ = write!(text, "{begin}\n\n{}\n\n{end}\n\n", section.trim());
        }
    }
    let notes = between(&before, NOTES).unwrap_or_default();
    let _ = writeln!(text, "{}\n\n{notes}\n\n{}", NOTES.0, NOTES.1);
    util::write_whole(&path, &mut text.replace("\n\n\n", "\n\n").as_bytes())?;
    Ok(path)
}

fn markdown(stored: &Value) -> String {
    let text = |key: &str| stored[key].as_str().unwrap_or_default();
    let mut section = format!("## {}\n\n{}\n\n", text("title"), text("text"));
    for table in stored["tables"].as_array().into_iter().flatten() {
        let _ = writeln!(section, "{}", table.as_str().unwrap_or_default());
    }
    let versions: Vec<String> = Peer::ALL
        .into_iter()
        .filter_map(|peer| Some(format!("{} {}", peer.title(), stored["versions"][peer.key()].as_str()?)))
        .collect();
    let _ = writeln!(
        section,
        "Measured {} with `{}` on {}. {}.",
        text("date"),
        text("command"),
        text("machine"),
        versions.join(", ")
    );
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["", "µs"]);
        table.row(&["NANO".into(), "6.00".into()]);
        assert_eq!(table.markdown(), "|      |   µs |\n| ---- | ---: |\n| NANO | 6.00 |\n");
    }

    #[test]
    fn sections_are_found_by_their_marks() {
        let (begin, end) = marks("hello");
        let text = format!("before {begin}\n\nthe section\n\n{end} after");
        assert_eq!(between(&text, (&begin, &end)), Some("the section"));
        assert_eq!(between("nothing", (&begin, &end)), None);
    }
}
