//! Fuzzes nano-config's host patterns and routing table against a model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::config::routes(data));
