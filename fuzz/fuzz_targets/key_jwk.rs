//! Fuzzes the import of keys as JSON Web Keys: what is accepted goes out and comes in again as the same key. The first byte says as
//! what; each line after it is a member: `name=value`.
#![no_main]

use nano_subtle::{Format, JsonWebKey, KeyData};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let (params, usages) = nano_fuzz::keys::choose(*first);
    let mut jwk = JsonWebKey::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        match name {
            "ext" => jwk.ext = Some(value == "true"),
            "key_ops" => jwk.key_ops = Some(value.split(',').map(str::to_owned).collect()),
            "oth" => jwk.oth = true,
            _ => {
                for (known, member) in jwk.texts_mut() {
                    if known == name {
                        *member = Some(value.to_owned());
                    }
                }
            }
        }
    }
    nano_fuzz::keys::check(Format::Jwk, KeyData::Jwk(&jwk), &params, usages);
});
