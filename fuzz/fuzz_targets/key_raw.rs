//! Fuzzes nano-subtle's import of keys as raw bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::keys::raw(data));
