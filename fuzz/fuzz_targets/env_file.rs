//! Fuzzes nano-config's files of variables.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::config::variables(data));
