//! Fuzzes nano-compression's decompressors: whatever the bytes and however they are cut, they keep to their room and come to an end.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzz::decompress::check(data));
