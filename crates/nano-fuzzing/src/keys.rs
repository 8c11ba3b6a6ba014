//! The oracle of nano-subtle's key formats: an accepted key is exported, and imported again as the same key.
//! The first byte of an input chooses the algorithm and the usages.

use nano_subtle::*;

/// Raw bytes: points, seeds, secrets.
pub fn raw(data: &[u8]) {
    check_bytes(data, &[Format::Raw, Format::RawPublic, Format::RawSeed, Format::RawSecret]);
}

/// SubjectPublicKeyInfo.
pub fn spki(data: &[u8]) {
    check_bytes(data, &[Format::Spki]);
}

/// PrivateKeyInfo.
pub fn pkcs8(data: &[u8]) {
    check_bytes(data, &[Format::Pkcs8]);
}

/// JSON Web Keys: each line after the first byte is a member, `name=value`.
pub fn jwk(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (params, usages) = choose(*first);
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
    check(Format::Jwk, KeyData::Jwk(&jwk), &params, usages);
}

fn check_bytes(data: &[u8], formats: &[Format]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (params, usages) = choose(*first);
    for format in formats {
        check(*format, KeyData::Bytes(bytes), &params, usages);
    }
}

/// The algorithm to import as, by the input's first byte, and the usages to try.
fn choose(byte: u8) -> (ImportParams, Usages) {
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

/// Exports an accepted key and imports it again.
fn check(format: Format, data: KeyData<'_>, params: &ImportParams, usages: Usages) {
    let Ok(key) = import_key(format, data, params, true, usages) else { return };
    assert!(!format!("{key:?}").is_empty());
    let first = export_key(format, &key).expect("an extractable key is exported as it was imported");
    let again = match &first {
        Exported::Bytes(bytes) => import_key(format, KeyData::Bytes(bytes), params, true, usages),
        Exported::Jwk(jwk) => import_key(format, KeyData::Jwk(jwk), params, true, usages),
    };
    let again = again.expect("an exported key is imported");
    assert_eq!(again.algorithm(), key.algorithm());
    assert_eq!(export_key(format, &again).expect("and exported"), first);
    let (format, bytes) = serialize_key(&key).expect("every key is serialized");
    import_key(format, KeyData::Bytes(&bytes), params, true, usages).expect("and imported again");
    let _ = public_key(&key, Usages::NONE);
}
