//! Fuzzes nano-subtle's import of keys as JSON Web Keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::keys::jwk(data));
