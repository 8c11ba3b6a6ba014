//! Fuzzes nano-config's configuration file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::config::file(data));
