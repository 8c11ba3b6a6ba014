//! Fuzzes the import of keys as SubjectPublicKeyInfo: what is accepted goes out and comes in again as the same key. The first byte
//! says as what.
#![no_main]

use nano_subtle::{Format, KeyData};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let (params, usages) = nano_fuzz::keys::choose(*first);
    for format in [Format::Spki] {
        nano_fuzz::keys::check(format, KeyData::Bytes(bytes), &params, usages);
    }
});
