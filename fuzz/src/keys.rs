//! What the fuzz targets of key formats share: the algorithms to import as, and what must hold of a key that was accepted.

use nano_subtle::*;

/// What to import as, by the input's first byte, and the usages to try.
pub fn choose(byte: u8) -> (ImportParams, Usages) {
    let signing = if byte & 0x80 == 0 { Usages::VERIFY } else { Usages::SIGN };
    let deriving = if byte & 0x80 == 0 { Usages::NONE } else { Usages::DERIVE_BITS };
    let curve = |index: u8| Curve::ALL[usize::from(index) % Curve::ALL.len()];
    match byte & 0x7f {
        at @ 0..=2 => (ImportParams::Ec { scheme: EcScheme::Ecdsa, curve: curve(at) }, signing),
        at @ 3..=5 => (ImportParams::Ec { scheme: EcScheme::Ecdh, curve: curve(at) }, deriving),
        6 => (ImportParams::Ed25519, signing),
        7 => (ImportParams::X25519, deriving),
        8 => (ImportParams::Rsa { scheme: RsaScheme::Pkcs1, hash: Hash::Sha256 }, signing),
        9 => (ImportParams::Rsa { scheme: RsaScheme::Pss, hash: Hash::Sha512 }, signing),
        at @ 10..=12 => (ImportParams::MlDsa(MlDsaSet::ALL[usize::from(at) - 10]), signing),
        at @ 13..=15 => {
            let usage = if byte & 0x80 == 0 { Usages::ENCAPSULATE_BITS } else { Usages::DECAPSULATE_BITS };
            (ImportParams::MlKem(MlKemSet::ALL[usize::from(at) - 13]), usage)
        }
        16 => (ImportParams::Hmac { hash: Hash::Sha256, length: None }, Usages::SIGN),
        17 => (ImportParams::ChaCha20Poly1305, Usages::ENCRYPT),
        at => (ImportParams::Aes(AesMode::ALL[usize::from(at) % AesMode::ALL.len()]), Usages::WRAP_KEY),
    }
}

/// An accepted key goes out as it is imported again, and nothing about it panics.
pub fn check(format: Format, data: KeyData<'_>, params: &ImportParams, usages: Usages) {
    let Ok(key) = import_key(format, data, params, true, usages) else { return };
    assert!(!format!("{key:?}").is_empty());
    let first = export_key(format, &key).expect("an extractable key goes out as it came in");
    let again = match &first {
        Exported::Bytes(bytes) => import_key(format, KeyData::Bytes(bytes), params, true, usages),
        Exported::Jwk(jwk) => import_key(format, KeyData::Jwk(jwk), params, true, usages),
    };
    let again = again.expect("what went out comes in");
    assert_eq!(again.algorithm(), key.algorithm());
    assert_eq!(export_key(format, &again).expect("and goes out"), first);
    let (format, bytes) = serialize_key(&key).expect("every key is serialized");
    import_key(format, KeyData::Bytes(&bytes), params, true, usages).expect("and comes back");
    let _ = public_key(&key, Usages::NONE);
}
