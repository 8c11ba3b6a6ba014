//! Wycheproof: every set of vectors for an algorithm of Web Cryptography. Valid vectors are accepted, invalid
//! ones refused; "acceptable" ones may be either.
//!
//! Vectors of hashes, curves and mask functions that the specification does not have, and ECDSA signatures in
//! DER, do not apply.

use crate::hex;
use nano_subtle::operations::WrapParams;
use nano_subtle::*;
use serde_json::Value;
use wycheproof as w;

/// One vector with its group.
struct Case<'a> {
    set: String,
    group: &'a Value,
    test: &'a Value,
}

impl Case<'_> {
    fn text(&self, name: &str) -> &str {
        let value = self.test.get(name).or_else(|| self.group.get(name));
        value.and_then(Value::as_str).unwrap_or_else(|| panic!("{}: no {name}", self.set))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    fn number(&self, name: &str) -> u64 {
        let value = self.test.get(name).or_else(|| self.group.get(name));
        value.and_then(Value::as_u64).unwrap_or_else(|| panic!("{}: no {name}", self.set))
    }

    /// Compares the result with the vector's.
    fn expect(&self, accepted: bool) {
        let result = self.text("result");
        let wrong = match result {
            "valid" => !accepted,
            "invalid" => accepted,
            _ => false,
        };
        assert!(!wrong, "{} {} is {result}: accepted {accepted}; {}", self.set, self.test["tcId"], self.test);
    }
}

/// Calls `check` with every vector of the sets, which returns whether the vector applies. At least `least`
/// vectors must.
fn run(sets: Vec<(String, &str)>, least: usize, mut check: impl FnMut(&Case<'_>) -> bool) {
    let mut applied = 0;
    for (set, json) in sets {
        let parsed: Value = serde_json::from_str(json).expect("JSON");
        for group in parsed["testGroups"].as_array().expect("groups") {
            for test in group["tests"].as_array().expect("tests") {
                applied += usize::from(check(&Case { set: set.clone(), group, test }));
            }
        }
    }
    assert!(applied >= least, "only {applied} vectors applied");
}

macro_rules! sets {
    ($module:ident: $($name:ident),*) => {
        vec![$((stringify!($name).to_owned(), w::$module::TestName::$name.json_data())),*]
    };
    ($module:ident) => {
        w::$module::TestName::all().iter().map(|name| (format!("{name:?}"), name.json_data())).collect()
    };
}

fn import(format: Format, bytes: &[u8], params: &ImportParams, usages: Usages) -> Result<Key> {
    import_key(
        format,
        KeyData::Bytes(bytes),
        params,
        !matches!(params, ImportParams::Hkdf | ImportParams::Pbkdf2),
        usages,
    )
}

fn curve(name: &str) -> Option<Curve> {
    match name {
        "secp256r1" => Some(Curve::P256),
        "secp384r1" => Some(Curve::P384),
        "secp521r1" => Some(Curve::P521),
        _ => None,
    }
}

#[test]
fn aes_gcm_and_chacha20_poly1305() {
    run(sets!(aead: AesGcm, ChaCha20Poly1305), 600, |case| {
        let (iv, aad) = (case.bytes("iv"), case.bytes("aad"));
        let both = Usages::ENCRYPT | Usages::DECRYPT;
        let tag_length = Some(case.number("tagSize") as u8);
        let (format, kind, params) = if case.set == "AesGcm" {
            let params = CipherParams::AesGcm { iv: &iv, additional_data: &aad, tag_length };
            (Format::Raw, ImportParams::Aes(AesMode::Gcm), params)
        } else {
            let params = CipherParams::ChaCha20Poly1305 { iv: &iv, additional_data: &aad, tag_length };
            (Format::RawSecret, ImportParams::ChaCha20Poly1305, params)
        };
        let key = import(format, &case.bytes("key"), &kind, both).expect("a key");
        let (message, mut expected) = (case.bytes("msg"), case.bytes("ct"));
        expected.extend(case.bytes("tag"));
        match decrypt(&params, &key, &expected) {
            Ok(plain) => case.expect(plain == message),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Operation);
                case.expect(false);
            }
        }
        if case.text("result") == "valid" {
            assert_eq!(encrypt(&params, &key, &message).expect("encrypted"), expected);
        }
        true
    });
}

#[test]
fn aes_cbc() {
    run(sets!(cipher: AesCbcPkcs5), 200, |case| {
        let iv = case.bytes("iv");
        let both = Usages::ENCRYPT | Usages::DECRYPT;
        let key =
            import(Format::Raw, &case.bytes("key"), &ImportParams::Aes(AesMode::Cbc), both).expect("a key");
        let params = CipherParams::AesCbc { iv: &iv };
        let (message, expected) = (case.bytes("msg"), case.bytes("ct"));
        case.expect(decrypt(&params, &key, &expected).is_ok_and(|plain| plain == message));
        if case.text("result") == "valid" {
            assert_eq!(encrypt(&params, &key, &message).expect("encrypted"), expected);
        }
        true
    });
}

#[test]
fn aes_kw() {
    run(sets!(keywrap: AesKeyWrap), 160, |case| {
        let both = Usages::WRAP_KEY | Usages::UNWRAP_KEY;
        let key =
            import(Format::Raw, &case.bytes("key"), &ImportParams::Aes(AesMode::Kw), both).expect("a key");
        let (message, wrapped) = (case.bytes("msg"), case.bytes("ct"));
        let unwrapped = unwrap_bytes(&WrapParams::AesKw, &key, &wrapped);
        case.expect(unwrapped.is_ok_and(|plain| *plain == message));
        if case.text("result") == "valid" {
            assert_eq!(wrap_bytes(&WrapParams::AesKw, &key, &message).expect("wrapped"), wrapped);
        }
        true
    });
}

#[test]
fn hmac() {
    run(sets!(mac), 1000, |case| {
        let hash = match case.set.as_str() {
            "HmacSha1" => Hash::Sha1,
            "HmacSha256" => Hash::Sha256,
            "HmacSha384" => Hash::Sha384,
            "HmacSha512" => Hash::Sha512,
            "HmacSha3_256" => Hash::Sha3_256,
            "HmacSha3_384" => Hash::Sha3_384,
            "HmacSha3_512" => Hash::Sha3_512,
            _ => return false,
        };
        let params = ImportParams::Hmac { hash, length: None };
        let both = Usages::SIGN | Usages::VERIFY;
        let key = import(Format::Raw, &case.bytes("key"), &params, both).expect("a key");
        let (message, tag) = (case.bytes("msg"), case.bytes("tag"));
        if tag.len() == hash.output_bytes() {
            case.expect(verify(&SignParams::Hmac, &key, &tag, &message).expect("an answer"));
        }
        // Truncation is up to the application, but the bytes are the same.
        let made = sign(&SignParams::Hmac, &key, &message).expect("a signature");
        case.expect(made.starts_with(&tag));
        true
    });
}

#[test]
fn hkdf() {
    run(sets!(hkdf), 300, |case| {
        let hash = match case.set.as_str() {
            "HkdfSha1" => Hash::Sha1,
            "HkdfSha256" => Hash::Sha256,
            "HkdfSha384" => Hash::Sha384,
            "HkdfSha512" => Hash::Sha512,
            _ => return false,
        };
        let key =
            import(Format::Raw, &case.bytes("ikm"), &ImportParams::Hkdf, Usages::DERIVE_BITS).expect("a key");
        let (salt, info) = (case.bytes("salt"), case.bytes("info"));
        let params = DeriveParams::Hkdf { hash, salt: &salt, info: &info };
        let derived = derive_bits(&params, &key, Some(case.number("size") as u32 * 8));
        case.expect(derived.is_ok_and(|derived| *derived == case.bytes("okm")));
        true
    });
}

#[test]
fn pbkdf2() {
    run(sets!(pbkdf2), 200, |case| {
        let hash = match case.set.as_str() {
            "Pbkdf2HmacSha1" => Hash::Sha1,
            "Pbkdf2HmacSha256" => Hash::Sha256,
            "Pbkdf2HmacSha384" => Hash::Sha384,
            "Pbkdf2HmacSha512" => Hash::Sha512,
            _ => return false,
        };
        let password = case.bytes("password");
        let key = import(Format::Raw, &password, &ImportParams::Pbkdf2, Usages::DERIVE_BITS).expect("a key");
        let salt = case.bytes("salt");
        let params =
            DeriveParams::Pbkdf2 { hash, salt: &salt, iterations: case.number("iterationCount") as u32 };
        let derived = derive_bits(&params, &key, Some(case.number("dkLen") as u32 * 8));
        case.expect(derived.is_ok_and(|derived| *derived == case.bytes("dk")));
        true
    });
}

#[test]
fn ecdsa() {
    run(sets!(ecdsa), 1300, |case| {
        if case.text("type") != "EcdsaP1363Verify" {
            return false;
        }
        let name = case.group["publicKey"]["curve"].as_str().unwrap_or_default();
        let (Some(curve), Some(hash)) = (curve(name), Hash::from_name(case.text("sha"))) else {
            return false;
        };
        let params = ImportParams::Ec { scheme: EcScheme::Ecdsa, curve };
        let key = import(Format::Spki, &case.bytes("publicKeyDer"), &params, Usages::VERIFY).expect("a key");
        let accepted = verify(&SignParams::Ecdsa { hash }, &key, &case.bytes("sig"), &case.bytes("msg"));
        case.expect(accepted.expect("an answer"));
        true
    });
}

#[test]
fn ecdh() {
    run(sets!(ecdh), 2000, |case| {
        let (Some(curve), kind) = (curve(case.text("curve")), case.text("type")) else { return false };
        let format = match kind {
            "EcdhEcpointTest" => Format::Raw,
            "EcdhTest" => Format::Spki,
            _ => return false,
        };
        let params = ImportParams::Ec { scheme: EcScheme::Ecdh, curve };
        let public = import(format, &case.bytes("public"), &params, Usages::NONE);
        let private = private_ec(curve, &case.bytes("private"));
        let shared =
            public.and_then(|public| derive_bits(&DeriveParams::Ecdh { public: &public }, &private, None));
        case.expect(shared.is_ok_and(|shared| *shared == case.bytes("shared")));
        true
    });
}

/// A private key of its scalar, imported as PKCS#8 without a public key.
fn private_ec(curve: Curve, scalar: &[u8]) -> Key {
    let size = curve.field_bytes();
    let zeros = scalar.iter().take_while(|byte| **byte == 0).count();
    let scalar = &scalar[zeros..];
    let mut padded = vec![0; size - scalar.len()];
    padded.extend(scalar);
    let oid = match curve {
        Curve::P256 => hex("06082a8648ce3d030107"),
        Curve::P384 => hex("06052b81040022"),
        Curve::P521 => hex("06052b81040023"),
    };
    let der = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let mut out = vec![tag];
        if content.len() >= 128 {
            out.push(0x81);
        }
        out.push(content.len() as u8);
        out.extend(content);
        out
    };
    let inner = der(0x30, &[&hex("020101"), &der(0x04, &[&padded])]);
    let algorithm = der(0x30, &[&hex("06072a8648ce3d0201"), &oid]);
    let info = der(0x30, &[&hex("020100"), &algorithm, &der(0x04, &[&inner])]);
    let params = ImportParams::Ec { scheme: EcScheme::Ecdh, curve };
    import(Format::Pkcs8, &info, &params, Usages::DERIVE_BITS).expect("a private key")
}

#[test]
fn ed25519() {
    run(sets!(eddsa: Ed25519), 150, |case| {
        let key = import(Format::Spki, &case.bytes("publicKeyDer"), &ImportParams::Ed25519, Usages::VERIFY);
        let key = key.expect("a key");
        let accepted = verify(&SignParams::Ed25519, &key, &case.bytes("sig"), &case.bytes("msg"));
        case.expect(accepted.expect("an answer"));
        true
    });
}

#[test]
fn x25519() {
    run(sets!(xdh: X25519), 500, |case| {
        let mut info = hex("302e020100300506032b656e04220420");
        info.extend(case.bytes("private"));
        let private =
            import(Format::Pkcs8, &info, &ImportParams::X25519, Usages::DERIVE_BITS).expect("a key");
        let public =
            import(Format::Raw, &case.bytes("public"), &ImportParams::X25519, Usages::NONE).expect("a key");
        let shared = derive_bits(&DeriveParams::X25519 { public: &public }, &private, None);
        let is_zero = case.bytes("shared").iter().all(|byte| *byte == 0);
        // Web Cryptography refuses a shared secret of all zeros, which the vectors call acceptable.
        assert_eq!(shared.is_err(), is_zero, "{}", case.test);
        case.expect(shared.is_ok_and(|shared| *shared == case.bytes("shared")));
        true
    });
}

#[test]
fn rsassa_pkcs1_v1_5() {
    run(sets!(rsa_pkcs1_verify), 3000, |case| {
        let Some(hash) = Hash::from_name(case.text("sha")) else { return false };
        let params = ImportParams::Rsa { scheme: RsaScheme::Pkcs1, hash };
        let Ok(key) = import(Format::Spki, &case.bytes("publicKeyDer"), &params, Usages::VERIFY) else {
            panic!("{}: the key is refused", case.set);
        };
        let accepted = verify(&SignParams::RsaPkcs1, &key, &case.bytes("sig"), &case.bytes("msg"));
        case.expect(accepted.expect("an answer"));
        true
    });
}

#[test]
fn rsa_pss() {
    run(sets!(rsa_pss_verify), 700, |case| {
        if case.text("mgf") != "MGF1"
            || case.text("mgfSha") != case.text("sha")
            || case.set.contains("WithParams")
        {
            return false;
        }
        let Some(hash) = Hash::from_name(case.text("sha")) else { return false };
        let params = ImportParams::Rsa { scheme: RsaScheme::Pss, hash };
        let key = import(Format::Spki, &case.bytes("publicKeyDer"), &params, Usages::VERIFY).expect("a key");
        let params = SignParams::RsaPss { salt_length: case.number("sLen") as u32 };
        case.expect(verify(&params, &key, &case.bytes("sig"), &case.bytes("msg")).expect("an answer"));
        true
    });
}

#[test]
fn rsa_oaep() {
    run(sets!(rsa_oaep), 350, |case| {
        let Some(hash) = Hash::from_name(case.text("sha")) else { return false };
        if case.text("mgfSha") != case.text("sha") {
            return false;
        }
        let params = ImportParams::Rsa { scheme: RsaScheme::Oaep, hash };
        let key =
            import(Format::Pkcs8, &case.bytes("privateKeyPkcs8"), &params, Usages::DECRYPT).expect("a key");
        let label = case.bytes("label");
        let plain = decrypt(&CipherParams::RsaOaep { label: &label }, &key, &case.bytes("ct"));
        case.expect(plain.is_ok_and(|plain| plain == case.bytes("msg")));
        true
    });
}

#[test]
fn ml_kem() {
    run(sets!(mlkem), 500, |case| {
        let kind = case.text("type");
        if kind != "MLKEMTest" && kind != "MLKEMKeyGen" {
            // The API has no encapsulation with given randomness and no expanded keys, but it checks public
            // keys.
            if kind == "MLKEMEncapsTest" {
                let set = MlKemSet::from_name(case.text("parameterSet")).expect("a set");
                let params = ImportParams::MlKem(set);
                let key = import(Format::RawPublic, &case.bytes("ek"), &params, Usages::ENCAPSULATE_BITS);
                case.expect(key.is_ok());
                return true;
            }
            return false;
        }
        let set = MlKemSet::from_name(case.text("parameterSet")).expect("a set");
        let seed = case.bytes("seed");
        let key = import(Format::RawSeed, &seed, &ImportParams::MlKem(set), Usages::DECAPSULATE_BITS);
        let Ok(key) = key else {
            case.expect(false);
            return true;
        };
        let public = public_key(&key, Usages::ENCAPSULATE_BITS).expect("its public key");
        let Ok(Exported::Bytes(bytes)) = export_key(Format::RawPublic, &public) else { panic!("no bytes") };
        let mut accepted = *bytes == case.bytes("ek");
        if kind == "MLKEMTest" {
            let shared = decapsulate_bits(set, &key, Usages::DECAPSULATE_BITS, &case.bytes("c"));
            accepted &= shared.is_ok_and(|shared| *shared == case.bytes("K"));
        }
        case.expect(accepted);
        true
    });
}

#[test]
fn ml_dsa() {
    run(sets!(mldsa_verify), 400, |case| {
        let set = match case.set.as_str() {
            "MlDsa44Verify" => MlDsaSet::MlDsa44,
            "MlDsa65Verify" => MlDsaSet::MlDsa65,
            _ => MlDsaSet::MlDsa87,
        };
        let context = case.test.get("ctx").and_then(Value::as_str).map(hex).unwrap_or_default();
        let accepted =
            import(Format::RawPublic, &case.bytes("publicKey"), &ImportParams::MlDsa(set), Usages::VERIFY)
                .and_then(|key| {
                    let params = SignParams::MlDsa { set, context: &context };
                    verify(&params, &key, &case.bytes("sig"), &case.bytes("msg"))
                });
        case.expect(accepted == Ok(true));
        true
    });
}

#[test]
fn ml_dsa_keys_of_seeds() {
    run(sets!(mldsa_sign: MlDsa44SignSeed, MlDsa65SignSeed, MlDsa87SignSeed), 200, |case| {
        let set = match case.set.as_str() {
            "MlDsa44SignSeed" => MlDsaSet::MlDsa44,
            "MlDsa65SignSeed" => MlDsaSet::MlDsa65,
            _ => MlDsaSet::MlDsa87,
        };
        let seed = case.bytes("privateSeed");
        let Ok(key) = import(Format::RawSeed, &seed, &ImportParams::MlDsa(set), Usages::SIGN) else {
            case.expect(false);
            return true;
        };
        let public = public_key(&key, Usages::VERIFY).expect("its public key");
        let Ok(Exported::Bytes(bytes)) = export_key(Format::RawPublic, &public) else { panic!("no bytes") };
        assert_eq!(*bytes, case.bytes("publicKey"), "{} {}", case.set, case.test["tcId"]);
        if let Some(message) = case.test.get("msg").and_then(Value::as_str).map(hex)
            && case.text("result") == "valid"
        {
            // The vectors' signatures are deterministic and ours are not, so both are verified.
            let context = case.test.get("ctx").and_then(Value::as_str).map(hex).unwrap_or_default();
            let params = SignParams::MlDsa { set, context: &context };
            assert!(verify(&params, &public, &case.bytes("sig"), &message).expect("an answer"));
            let made = sign(&params, &key, &message).expect("a signature");
            assert!(verify(&params, &public, &made, &message).expect("an answer"));
        }
        true
    });
}
