//! Fuzzes nano-log's formats: no field of a record forges a line.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::log::check(data));
