#![doc = include_str!("../README.md")]
// The functions here are for tests: each says what it checks at its top, and panics are their answer.
#![allow(missing_docs)]

#[cfg(feature = "compression")]
pub mod compression;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "keys")]
pub mod keys;
#[cfg(feature = "log")]
pub mod log;
pub mod multipart;
pub mod mutate;

use std::path::Path;

use mutate::{Numbers, mutate};

/// The seeds of a fuzz target, each with its file's name, in the order of the names.
///
/// # Panics
///
/// If there is none.
pub fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("a folder entry");
            let seed = std::fs::read(entry.path()).expect("a seed is a readable file");
            (entry.file_name().to_string_lossy().into_owned(), seed)
        })
        .collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds.sort();
    seeds
}

/// Hands `check` every seed of `target` and, for each, as many changed forms as `mutants` says for the seed's
/// name. The changed forms are the same in each run.
///
/// # Panics
///
/// If `check` does. The message shows the input.
pub fn replay(
    target: &str,
    mutants: impl Fn(&str) -> usize,
    check: impl Fn(&[u8]) + std::panic::RefUnwindSafe,
) {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (name, seed) in seeds(target) {
        check(&seed);
        for _ in 0..mutants(&name) {
            let mutant = mutate(&seed, &mut numbers);
            let run = std::panic::catch_unwind(|| check(&mutant));
            assert!(run.is_ok(), "{target}/{name}, changed: {}", mutant.escape_ascii());
        }
    }
}
