//! What the fuzz target checks of decompressors, for its seeds and for seeds with a few bytes changed: so that each run of the tests is a
//! short run of the fuzzer.

#[path = "../../../../fuzz/src/decompress.rs"]
mod decompress;
#[path = "../../../../fuzz/src/mutate.rs"]
mod mutate;

use mutate::{Numbers, mutate};
use std::path::Path;

/// How many changed forms of each seed.
const MUTANTS: usize = 300;

#[test]
fn seeds_and_their_mutants() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/decompress");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut seen = 0;
    let entries = std::fs::read_dir(folder).expect("seeds lie beside the fuzz targets");
    // In an order of their own, so that every run makes the same mutants.
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let seed = std::fs::read(&path).expect("a seed");
        decompress::check(&seed);
        let bomb = path.to_string_lossy().ends_with("bomb");
        for _ in 0..if bomb { MUTANTS / 10 } else { MUTANTS } {
            let mutant = mutate(&seed, &mut numbers);
            // What fails is printed before it does.
            let run = std::panic::catch_unwind(|| decompress::check(&mutant));
            assert!(run.is_ok(), "{}: {mutant:02x?}", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} seeds");
}
