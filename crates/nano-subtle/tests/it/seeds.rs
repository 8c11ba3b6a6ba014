//! What the fuzz targets check of keys, for their seeds and for seeds with a few bytes changed: so that each run of the tests is a
//! short run of the fuzzer.

#[path = "../../../../fuzz/src/keys.rs"]
mod keys;
#[path = "../../../../fuzz/src/mutate.rs"]
mod mutate;

use mutate::{Numbers, mutate};
use nano_subtle::{Format, JsonWebKey, KeyData};
use std::path::Path;

/// How many changed forms of each seed.
const MUTANTS: usize = 300;

fn try_key(target: &str, data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (params, usages) = keys::choose(*first);
    let formats: &[Format] = match target {
        "key_raw" => &[Format::Raw, Format::RawPublic, Format::RawSeed, Format::RawSecret],
        "key_spki" => &[Format::Spki],
        "key_pkcs8" => &[Format::Pkcs8],
        _ => {
            let mut jwk = JsonWebKey::default();
            for line in String::from_utf8_lossy(bytes).lines() {
                let Some((name, value)) = line.split_once('=') else { continue };
                for (known, member) in jwk.texts_mut() {
                    if known == name {
                        *member = Some(value.to_owned());
                    }
                }
            }
            return keys::check(Format::Jwk, KeyData::Jwk(&jwk), &params, usages);
        }
    };
    for format in formats {
        keys::check(*format, KeyData::Bytes(bytes), &params, usages);
    }
}

#[test]
fn seeds_and_their_mutants() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut seen = 0;
    for target in ["key_raw", "key_spki", "key_pkcs8", "key_jwk"] {
        for entry in std::fs::read_dir(folder.join(target)).expect("seeds lie beside the fuzz targets") {
            let path = entry.expect("an entry").path();
            let seed = std::fs::read(&path).expect("a seed");
            try_key(target, &seed);
            // RSA's are expensive.
            let mutants = if path.ends_with("rsa") { MUTANTS / 10 } else { MUTANTS };
            for _ in 0..mutants {
                let mutant = mutate(&seed, &mut numbers);
                // What fails is printed before it does.
                let run = std::panic::catch_unwind(|| try_key(target, &mutant));
                assert!(run.is_ok(), "{target}: {mutant:02x?}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} seeds");
}
