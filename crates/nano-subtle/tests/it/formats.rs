//! Keys are exported and imported again in each of their formats, and stay the same; bytes that are not a key
//! are refused.

use nano_subtle::*;
use proptest::prelude::*;

/// A pair of every algorithm, with the parameters of its import and the formats of its public and its private
/// key.
fn pairs() -> Vec<(KeyPair, ImportParams, &'static [Format], &'static [Format])> {
    use Format::*;
    let mut all = Vec::new();
    let mut add = |params, import, usages, public, private| {
        let Generated::Pair(pair) = generate_key(&params, true, usages).expect("a pair") else {
            panic!("no pair")
        };
        all.push((pair, import, public, private));
    };
    let signing = Usages::SIGN | Usages::VERIFY;
    let deriving = Usages::DERIVE_BITS | Usages::DERIVE_KEY;
    const CURVE: (&[Format], &[Format]) = (&[Raw, RawPublic, Spki, Jwk], &[Pkcs8, Jwk]);
    const LATTICE: (&[Format], &[Format]) = (&[RawPublic, Spki, Jwk], &[RawSeed, Pkcs8, Jwk]);
    for curve in Curve::ALL {
        let (scheme, curve) = (EcScheme::Ecdsa, *curve);
        add(
            GenerateParams::Ec { scheme, curve },
            ImportParams::Ec { scheme, curve },
            signing,
            CURVE.0,
            CURVE.1,
        );
        let scheme = EcScheme::Ecdh;
        add(
            GenerateParams::Ec { scheme, curve },
            ImportParams::Ec { scheme, curve },
            deriving,
            CURVE.0,
            CURVE.1,
        );
    }
    add(GenerateParams::Ed25519, ImportParams::Ed25519, signing, CURVE.0, CURVE.1);
    add(GenerateParams::X25519, ImportParams::X25519, deriving, CURVE.0, CURVE.1);
    for set in MlDsaSet::ALL {
        add(GenerateParams::MlDsa(*set), ImportParams::MlDsa(*set), signing, LATTICE.0, LATTICE.1);
    }
    let both = Usages::ENCAPSULATE_BITS | Usages::DECAPSULATE_BITS;
    for set in MlKemSet::ALL {
        add(GenerateParams::MlKem(*set), ImportParams::MlKem(*set), both, LATTICE.0, LATTICE.1);
    }
    let (scheme, hash) = (RsaScheme::Pss, Hash::Sha256);
    let params = GenerateParams::Rsa { scheme, modulus_length: 2048, public_exponent: vec![1, 0, 1], hash };
    add(params, ImportParams::Rsa { scheme, hash }, signing, &[Spki, Jwk], &[Pkcs8, Jwk]);
    all
}

fn reimport(format: Format, key: &Key, params: &ImportParams) -> Key {
    match export_key(format, key).unwrap_or_else(|error| panic!("{key:?} as {format:?}: {error}")) {
        Exported::Bytes(bytes) => import_key(format, KeyData::Bytes(&bytes), params, true, key.usages()),
        Exported::Jwk(jwk) => {
            assert_eq!(jwk.ext, Some(true));
            import_key(format, KeyData::Jwk(&jwk), params, true, key.usages())
        }
    }
    .unwrap_or_else(|error| panic!("{key:?} as {format:?}: {error}"))
}

#[test]
fn exported_pairs_are_imported_again() {
    for (pair, params, public, private) in pairs() {
        for (key, formats) in [(&pair.public, public), (&pair.private, private)] {
            let first = export_key(formats[0], key).unwrap();
            for format in Format::ALL {
                if !formats.contains(format) {
                    let kind = export_key(*format, key).unwrap_err().kind();
                    assert!(
                        matches!(kind, ErrorKind::InvalidAccess | ErrorKind::NotSupported),
                        "{key:?} {format:?}"
                    );
                    continue;
                }
                let again = reimport(*format, key, &params);
                assert_eq!(again.kind(), key.kind());
                assert_eq!(again.algorithm(), key.algorithm());
                assert_eq!(export_key(formats[0], &again).unwrap(), first);
            }
        }
        let public_again = public_key(&pair.private, pair.public.usages()).unwrap();
        assert_eq!(
            export_key(public[0], &public_again).unwrap(),
            export_key(public[0], &pair.public).unwrap()
        );
    }
}

#[test]
fn keys_that_are_not_extractable_are_serialized_too() {
    for (pair, params, public, private) in pairs() {
        for (key, formats) in [(&pair.public, public), (&pair.private, private)] {
            let (format, bytes) = serialize_key(key).unwrap();
            let again = import_key(format, KeyData::Bytes(&bytes), &params, true, key.usages()).unwrap();
            assert_eq!(export_key(formats[0], &again).unwrap(), export_key(formats[0], key).unwrap());
        }
    }
    let password =
        import_key(Format::Raw, KeyData::Bytes(b"p"), &ImportParams::Pbkdf2, false, Usages::DERIVE_BITS)
            .unwrap();
    assert_eq!(*serialize_key(&password).unwrap().1, b"p");
}

#[test]
fn pairs_belong_together() {
    for (pair, ..) in pairs() {
        let algorithm = pair.private.algorithm().clone();
        let params = match &algorithm {
            KeyAlgorithm::Rsa { .. } => SignParams::RsaPss { salt_length: 32 },
            KeyAlgorithm::Ec { scheme: EcScheme::Ecdsa, .. } => SignParams::Ecdsa { hash: Hash::Sha384 },
            KeyAlgorithm::Ed25519 => SignParams::Ed25519,
            KeyAlgorithm::MlDsa(set) => SignParams::MlDsa { set: *set, context: b"c" },
            KeyAlgorithm::MlKem(set) => {
                let (secret, ciphertext) =
                    encapsulate_bits(*set, &pair.public, Usages::ENCAPSULATE_BITS).unwrap();
                let other =
                    decapsulate_bits(*set, &pair.private, Usages::DECAPSULATE_BITS, &ciphertext).unwrap();
                assert_eq!(secret, other);
                assert!(
                    decapsulate_bits(*set, &pair.private, Usages::DECAPSULATE_BITS, &ciphertext[1..])
                        .is_err()
                );
                continue;
            }
            _ => continue,
        };
        let signature = sign(&params, &pair.private, b"message").unwrap();
        assert!(verify(&params, &pair.public, &signature, b"message").unwrap());
        assert!(!verify(&params, &pair.public, &signature, b"massage").unwrap());
        assert!(!verify(&params, &pair.public, &signature[1..], b"message").unwrap());
        assert_eq!(sign(&params, &pair.public, b"").unwrap_err().kind(), ErrorKind::InvalidAccess);
    }
}

#[test]
fn nothing_shows_key_material() {
    let secret = [0xab; 32];
    let params = ImportParams::Hmac { hash: Hash::Sha256, length: None };
    let key = import_key(Format::Raw, KeyData::Bytes(&secret), &params, true, Usages::SIGN).unwrap();
    let Exported::Jwk(jwk) = export_key(Format::Jwk, &key).unwrap() else { panic!() };
    for text in [format!("{key:?}"), format!("{jwk:?}")] {
        assert!(
            !text.contains("171") && !text.to_lowercase().contains("abab") && !text.contains("q6ur"),
            "{text}"
        );
    }
}

#[test]
fn jwks_are_checked() {
    let params = ImportParams::Aes(AesMode::Gcm);
    let good = || {
        let mut jwk = JsonWebKey::default();
        jwk.kty = Some("oct".into());
        jwk.k = Some("AAECAwQFBgcICQoLDA0ODw".into());
        jwk
    };
    let import =
        |jwk: &JsonWebKey| import_key(Format::Jwk, KeyData::Jwk(jwk), &params, true, Usages::ENCRYPT);
    assert!(import(&good()).is_ok());
    let spoilers: [fn(&mut JsonWebKey); 9] = [
        |jwk| jwk.kty = None,
        |jwk| jwk.kty = Some("RSA".into()),
        |jwk| jwk.k = None,
        |jwk| jwk.k = Some("AAECAwQFBgcICQoLDA0ODw==".into()),
        |jwk| jwk.k = Some("AAEC".into()),
        |jwk| jwk.alg = Some("A256GCM".into()),
        |jwk| jwk.use_ = Some("sig".into()),
        |jwk| jwk.key_ops = Some(vec!["decrypt".into()]),
        |jwk| jwk.ext = Some(false),
    ];
    for (index, spoil) in spoilers.iter().enumerate() {
        let mut jwk = good();
        spoil(&mut jwk);
        assert_eq!(import(&jwk).unwrap_err().kind(), ErrorKind::Data, "{index}");
    }
}

proptest! {
    /// No bytes cause a panic, and an accepted key is exported as the same bytes (public keys have one
    /// encoding here).
    #[test]
    fn any_bytes_are_imported_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for params in [
            ImportParams::Ec { scheme: EcScheme::Ecdsa, curve: Curve::P256 },
            ImportParams::Ed25519,
            ImportParams::X25519,
            ImportParams::Rsa { scheme: RsaScheme::Pss, hash: Hash::Sha256 },
            ImportParams::MlDsa(MlDsaSet::MlDsa44),
            ImportParams::MlKem(MlKemSet::MlKem512),
        ] {
            for format in [Format::Raw, Format::Spki, Format::Pkcs8, Format::RawPublic] {
                let _ = import_key(format, KeyData::Bytes(&bytes), &params, true, Usages::VERIFY);
                let _ = import_key(format, KeyData::Bytes(&bytes), &params, true, Usages::SIGN);
            }
        }
    }

    /// A valid key with one byte changed is refused or is another key; it never causes a panic.
    #[test]
    fn damaged_keys_cause_no_panic(at in any::<prop::sample::Index>(), with in 1u8..) {
        let params = GenerateParams::Ec { scheme: EcScheme::Ecdsa, curve: Curve::P256 };
        let Ok(Generated::Pair(pair)) = generate_key(&params, true, Usages::SIGN) else { panic!() };
        let Ok(Exported::Bytes(mut bytes)) = export_key(Format::Pkcs8, &pair.private) else { panic!() };
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let params = ImportParams::Ec { scheme: EcScheme::Ecdsa, curve: Curve::P256 };
        // The encoding has the public key too, so nearly every change is noticed: all but bits of the version
        // and of tags with the same meaning.
        let _ = import_key(Format::Pkcs8, KeyData::Bytes(&bytes), &params, true, Usages::SIGN);
    }
}
