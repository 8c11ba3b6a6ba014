//! The additions of each folder to the platform, and their sum. `standards.rs` fills the registry before the
//! first isolate is made.

use super::Op;
use super::part::{File, Part};
use crate::state::ExchangeRemoved;
use std::sync::OnceLock;

/// The additions of one folder to the platform: its `STANDARD`.
///
/// The files of JavaScript share an object, `internal`. A folder offers names of it and uses those of earlier
/// folders; where an earlier one has to call a later one, it declares a hook, which the later one implements.
/// A snapshot is made only if each file keeps to that ([`check`]).
pub(crate) struct Standard {
    /// The folder.
    pub(crate) name: &'static str,
    /// The names of `internal` that its files use and earlier folders offer.
    pub(crate) uses: &'static [&'static str],
    /// The names of `internal.hooks` that its files call and later folders implement.
    pub(crate) hooks: &'static [&'static str],
    /// The native functions.
    pub(crate) ops: &'static [fn() -> Vec<Op>],
    /// The files that are evaluated when the startup snapshot is made, in this order.
    pub(crate) snapshot_files: &'static [File],
    /// The names of `internal` that these files offer.
    pub(crate) snapshot_exports: &'static [&'static str],
    /// The hooks that they implement.
    pub(crate) snapshot_hooks: &'static [&'static str],
    /// The parts that are evaluated when an isolate first needs them.
    pub(crate) parts: &'static [Part],
    /// Ends what the standard has begun for an exchange.
    pub(crate) exchange_removed: Option<ExchangeRemoved>,
}

impl Standard {
    /// A standard that adds nothing.
    pub(crate) const EMPTY: Self = Self {
        name: "",
        uses: &[],
        hooks: &[],
        ops: &[],
        snapshot_files: &[],
        snapshot_exports: &[],
        snapshot_hooks: &[],
        parts: &[],
        exchange_removed: None,
    };

    fn files(&self) -> impl Iterator<Item = &'static File> {
        self.snapshot_files.iter().chain(self.parts.iter().flat_map(|part| part.files))
    }

    /// The names of `internal` that the folder offers.
    fn exports(&self) -> impl Iterator<Item = &'static str> {
        self.snapshot_exports.iter().chain(self.parts.iter().flat_map(|part| part.exports)).copied()
    }

    fn implemented_hooks(&self) -> impl Iterator<Item = &'static str> {
        self.snapshot_hooks.iter().chain(self.parts.iter().flat_map(|part| part.hooks)).copied()
    }
}

/// The additions of all standards, in the order of their list.
#[derive(Default)]
pub(crate) struct Platform {
    pub(crate) ops: Vec<Op>,
    pub(crate) snapshot_files: Vec<&'static File>,
    pub(crate) parts: Vec<&'static Part>,
    pub(crate) exchange_removed: Vec<ExchangeRemoved>,
}

static PLATFORM: OnceLock<Platform> = OnceLock::new();

/// The platform, which the first call makes of `standards`.
pub(crate) fn register(standards: &[&'static Standard]) -> &'static Platform {
    PLATFORM.get_or_init(|| {
        let mut platform = Platform::default();
        for standard in standards {
            platform.ops.extend(standard.ops.iter().flat_map(|ops| ops()));
            platform.snapshot_files.extend(standard.snapshot_files);
            platform.parts.extend(standard.parts);
            platform.exchange_removed.extend(standard.exchange_removed);
        }
        platform
    })
}

/// The platform. Native functions may call it: an isolate that has them was made after [`register`].
pub(crate) fn get() -> &'static Platform {
    PLATFORM.get().expect("standards.rs registers the standards before an isolate is made")
}

/// Whether each folder uses what it says, offered by earlier folders, and each hook is implemented by a later
/// one.
///
/// # Errors
///
/// The first folder and name of which that is not so.
pub(crate) fn check(standards: &[&'static Standard]) -> Result<(), String> {
    for (place, standard) in standards.iter().enumerate() {
        let folder = standard.name;
        let (before, after) = (&standards[..place], &standards[place + 1..]);
        for name in standard.uses {
            if !before.iter().any(|earlier| earlier.exports().any(|export| export == *name)) {
                return Err(format!("{folder} uses internal.{name}, which no earlier folder offers"));
            }
        }
        for name in standard.hooks {
            if !after.iter().any(|later| later.implemented_hooks().any(|hook| hook == *name)) {
                return Err(format!("{folder} has the hook {name}, which no later folder implements"));
            }
        }
        for hook in standard.implemented_hooks() {
            if !before.iter().any(|earlier| earlier.hooks.contains(&hook)) {
                return Err(format!("{folder} implements the hook {hook}, which no earlier folder has"));
            }
        }
        let mut unused: Vec<&str> = standard.uses.iter().chain(standard.hooks).copied().collect();
        for (file, text) in standard.files() {
            for name in names(text.as_str()) {
                unused.retain(|used| *used != name);
                let own = standard.exports().chain(standard.implemented_hooks()).any(|known| known == name);
                if !own && !standard.uses.contains(&name) && !standard.hooks.contains(&name) {
                    return Err(format!("{file} uses internal.{name}, which its folder does not declare"));
                }
            }
        }
        if let Some(name) = unused.first() {
            return Err(format!("{folder} declares internal.{name} and does not use it"));
        }
    }
    Ok(())
}

/// The names of `internal`, of `internal.loaded` and of `internal.hooks` in a file's text, outside of
/// comments.
fn names(text: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let members = lines.flat_map(|line| {
        ["internal.", "internal.hooks.", "loaded.", "loaded?."].into_iter().flat_map(move |prefix| {
            line.match_indices(prefix).map(move |(at, _)| identifier(&line[at + prefix.len()..]))
        })
    });
    // `const { a, b } = internal;`
    let destructured =
        [" = internal;", " = internal.loaded;", " = internal.hooks;"].into_iter().flat_map(|end| {
            text.match_indices(end).filter_map(|(at, _)| {
                let list = text[..at].trim_end().strip_suffix('}')?;
                Some(list[list.rfind('{')? + 1..].split(',').map(|name| identifier(name.trim())))
            })
        });
    members.chain(destructured.flatten()).filter(|name| !name.is_empty())
}

/// The identifier that a text begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$');
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn file(text: &'static str) -> File {
        ("a/b.js", v8::String::create_external_onebyte_const(text.as_bytes()))
    }

    static LOADER: Standard = Standard { name: "infra", snapshot_exports: &["hooks"], ..Standard::EMPTY };
    static LOW: Standard = Standard {
        name: "low",
        uses: &["hooks"],
        hooks: &["high"],
        snapshot_files: {
            static FILES: &[File] =
                &[file("internal.low = () => internal.hooks.high();\n// internal.comment\n")];
            FILES
        },
        snapshot_exports: &["low"],
        ..Standard::EMPTY
    };
    static HIGH: Standard = Standard {
        name: "high",
        uses: &["hooks", "low"],
        snapshot_files: {
            static FILES: &[File] =
                &[file("const {\n  low,\n} = internal;\ninternal.hooks.high = () => low;")];
            FILES
        },
        snapshot_hooks: &["high"],
        ..Standard::EMPTY
    };
    static SILENT: Standard = Standard {
        name: "silent",
        snapshot_files: {
            static FILES: &[File] = &[file("internal.low();")];
            FILES
        },
        ..Standard::EMPTY
    };

    #[test]
    fn folders_keep_to_what_they_declare() {
        let fault = |list: &[&'static Standard]| check(list).err().unwrap_or_default();
        assert_eq!(fault(&[&LOADER, &LOW, &HIGH]), "");
        assert_eq!(fault(&[&LOADER, &HIGH, &LOW]), "high uses internal.low, which no earlier folder offers");
        assert_eq!(fault(&[&LOADER, &LOW]), "low has the hook high, which no later folder implements");
        assert_eq!(
            fault(&[&LOADER, &LOW, &HIGH, &SILENT]),
            "a/b.js uses internal.low, which its folder does not declare"
        );
    }
}
