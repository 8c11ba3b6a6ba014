//! Each limit, at it and beyond it; and parameters that are refused before any work.

use nano_subtle::*;
use std::sync::atomic::AtomicBool;

fn rsa(modulus_length: u32, public_exponent: &[u8]) -> GenerateParams {
    let public_exponent = public_exponent.to_vec();
    GenerateParams::Rsa { scheme: RsaScheme::Pss, modulus_length, public_exponent, hash: Hash::Sha256 }
}

#[test]
fn rsa_parameters_are_bounded() {
    let kind = |params: &GenerateParams, usages| {
        operations::check_generate_key(params, usages).err().map(|e| e.kind())
    };
    let sign = Usages::SIGN;
    assert_eq!(kind(&rsa(limits::RSA_GENERATE_BITS_MIN, &[3]), sign), None);
    assert_eq!(kind(&rsa(limits::RSA_BITS_MAX, &[1, 0, 1]), sign), None);
    assert_eq!(kind(&rsa(limits::RSA_BITS_MAX, &[0, 1, 255, 255, 255, 255]), sign), None);
    for bad in [
        rsa(limits::RSA_GENERATE_BITS_MIN - 8, &[3]),
        rsa(limits::RSA_BITS_MAX + 8, &[3]),
        rsa(2049, &[3]),
        rsa(2048, &[]),
        rsa(2048, &[1]),
        rsa(2048, &[4]),
        rsa(2048, &[2, 0, 0, 0, 1]),
        rsa(2048, &[1; 300]),
    ] {
        assert_eq!(kind(&bad, sign), Some(ErrorKind::Operation), "{bad:?}");
    }
    assert_eq!(kind(&rsa(2048, &[3]), Usages::ENCRYPT), Some(ErrorKind::Syntax));
    assert_eq!(kind(&rsa(2048, &[3]), Usages::VERIFY), Some(ErrorKind::Syntax));
}

#[test]
fn rsa_with_a_small_exponent() {
    let Generated::Pair(pair) =
        generate_key(&rsa(2048, &[0, 3]), true, Usages::SIGN | Usages::VERIFY).unwrap()
    else {
        panic!()
    };
    let KeyAlgorithm::Rsa { public_exponent, modulus_length, .. } = pair.public.algorithm() else { panic!() };
    assert_eq!((&**public_exponent, *modulus_length), (&[3][..], 2048));
    let params = SignParams::RsaPss { salt_length: 0 };
    let signature = sign(&params, &pair.private, b"m").unwrap();
    assert!(verify(&params, &pair.public, &signature, b"m").unwrap());
    // A salt that fills the key, one that is a byte too long, and the longest one.
    assert!(sign(&SignParams::RsaPss { salt_length: 222 }, &pair.private, b"m").is_ok());
    for salt_length in [223, u32::MAX] {
        let params = SignParams::RsaPss { salt_length };
        assert_eq!(sign(&params, &pair.private, b"m").unwrap_err().kind(), ErrorKind::Operation);
        assert!(!verify(&params, &pair.public, &signature, b"m").unwrap());
    }
}

#[test]
fn a_cancelled_generation_ends() {
    let cancelled = AtomicBool::new(true);
    let result = operations::generate_key_unless(&rsa(8192, &[1, 0, 1]), true, Usages::SIGN, &cancelled);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Operation);
}

#[test]
fn pbkdf2_is_bounded() {
    let key =
        import_key(Format::Raw, KeyData::Bytes(b"p"), &ImportParams::Pbkdf2, false, Usages::DERIVE_BITS)
            .unwrap();
    let derive = |iterations, bits| {
        let params = DeriveParams::Pbkdf2 { hash: Hash::Sha256, salt: b"s", iterations };
        derive_bits(&params, &key, bits).map_err(|error| error.kind())
    };
    assert_eq!(derive(1, Some(0)).unwrap().len(), 0);
    assert_eq!(derive(1, Some(256)).unwrap().len(), 32);
    assert_eq!(derive(1, Some(limits::PBKDF2_BYTES_MAX as u32 * 8)).unwrap().len(), limits::PBKDF2_BYTES_MAX);
    let over = limits::PBKDF2_WORK_MAX as u32 + 1;
    for (iterations, bits) in [
        (0, Some(256)),
        (1, None),
        (1, Some(255)),
        (over, Some(256)),
        (over / 2 + 1, Some(512)),
        (1, Some(limits::PBKDF2_BYTES_MAX as u32 * 8 + 8)),
    ] {
        assert_eq!(derive(iterations, bits), Err(ErrorKind::Operation), "{iterations} {bits:?}");
    }
}

#[test]
fn hmac_keys_are_bounded() {
    let generate = |length| {
        let params = GenerateParams::Hmac { hash: Hash::Sha384, length };
        generate_key(&params, true, Usages::SIGN).map(|made| {
            let Generated::Secret(key) = made else { panic!() };
            let Ok(Exported::Bytes(bytes)) = export_key(Format::Raw, &key) else { panic!() };
            bytes.to_vec()
        })
    };
    assert_eq!(generate(None).unwrap().len(), 128);
    assert_eq!(generate(Some(limits::HMAC_BITS_MAX)).unwrap().len(), limits::HMAC_BITS_MAX as usize / 8);
    assert_eq!(generate(Some(9)).unwrap()[1] & 0x7f, 0);
    assert!(generate(Some(0)).is_err() && generate(Some(limits::HMAC_BITS_MAX + 1)).is_err());
}

#[test]
fn usages_are_enforced() {
    let params = GenerateParams::Aes { mode: AesMode::Gcm, length: 128 };
    assert_eq!(generate_key(&params, true, Usages::NONE).unwrap_err().kind(), ErrorKind::Syntax);
    assert_eq!(generate_key(&params, true, Usages::SIGN).unwrap_err().kind(), ErrorKind::Syntax);
    let Generated::Secret(key) = generate_key(&params, false, Usages::ENCRYPT).unwrap() else { panic!() };
    let gcm = CipherParams::AesGcm { iv: &[0; 12], additional_data: b"", tag_length: None };
    assert!(encrypt(&gcm, &key, b"").is_ok());
    assert_eq!(decrypt(&gcm, &key, &[0; 16]).unwrap_err().kind(), ErrorKind::InvalidAccess);
    assert_eq!(export_key(Format::Raw, &key).unwrap_err().kind(), ErrorKind::InvalidAccess);
    let cbc = CipherParams::AesCbc { iv: &[0; 16] };
    assert_eq!(encrypt(&cbc, &key, b"").unwrap_err().kind(), ErrorKind::InvalidAccess);
    for bits in [0, 8, 33, 129] {
        let params = CipherParams::AesGcm { iv: &[0; 12], additional_data: b"", tag_length: Some(bits) };
        assert_eq!(encrypt(&params, &key, b"").unwrap_err().kind(), ErrorKind::Operation);
    }
    let params = CipherParams::AesGcm { iv: b"", additional_data: b"", tag_length: None };
    assert_eq!(encrypt(&params, &key, b"").unwrap_err().kind(), ErrorKind::Operation);
}
