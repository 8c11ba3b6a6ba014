//! Fuzzes nano-subtle's import of keys as PrivateKeyInfo.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nano_fuzzing::keys::pkcs8(data));
