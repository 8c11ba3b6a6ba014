//! Fuzzes nano-http's request side with any bytes in any pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::http::check(data));
