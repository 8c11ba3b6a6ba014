//! Vectors of the standards for algorithms that Wycheproof does not have: hashes, counter mode; and GCM
//! against the aes-gcm crate.

use crate::hex;
use nano_subtle::*;
use proptest::prelude::*;

/// FIPS 180-4 and FIPS 202: the examples "abc" and the empty message (NIST CAVP, SHA*ShortMsg).
#[test]
fn hashes_equal_the_vectors_of_nist() {
    let cases = [
        (Hash::Sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (Hash::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hash::Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Hash::Sha384,
            "abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Hash::Sha512,
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (Hash::Sha3_256, "", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
        (Hash::Sha3_256, "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        (
            Hash::Sha3_384,
            "abc",
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
        ),
        (
            Hash::Sha3_512,
            "abc",
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
        ),
    ];
    for (hash, message, expected) in cases {
        assert_eq!(*digest(hash, message.as_bytes()), *hex(expected), "{hash:?} of {message:?}");
        assert_eq!(digest(hash, b"").len(), hash.output_bytes());
    }
}

/// NIST SP 800-38A, F.5.1 and F.5.5: CTR-AES128 and CTR-AES256.
#[test]
fn aes_ctr_equals_the_vectors_of_nist() {
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    let counter = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let cases = [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        ),
    ];
    for (key, expected) in cases {
        let key = ctr_key(&hex(key));
        for length in [128, 64, 16] {
            let params = CipherParams::AesCtr { counter: &counter, length };
            assert_eq!(encrypt(&params, &key, &hex(plain)).unwrap(), hex(expected));
            assert_eq!(decrypt(&params, &key, &hex(expected)).unwrap(), hex(plain));
        }
    }
}

fn ctr_key(bytes: &[u8]) -> Key {
    let both = Usages::ENCRYPT | Usages::DECRYPT;
    import_key(Format::Raw, KeyData::Bytes(bytes), &ImportParams::Aes(AesMode::Ctr), false, both).unwrap()
}

/// A counter that wraps does not change the bits above it: each block equals that of its own counter.
#[test]
fn counters_wrap_within_their_bits() {
    let key = ctr_key(&[9; 16]);
    let data = [0; 16 * 6];
    for (counter, length) in [([0xff; 16], 8), ([0xff; 16], 3), ([0xff; 16], 128)] {
        let all = encrypt(&CipherParams::AesCtr { counter: &counter, length }, &key, &data).unwrap();
        let mut low = u128::from_be_bytes(counter);
        let mask = if length == 128 { u128::MAX } else { (1 << length) - 1 };
        for block in all.chunks(16) {
            let counter = low.to_be_bytes();
            let one =
                encrypt(&CipherParams::AesCtr { counter: &counter, length: 128 }, &key, &[0; 16]).unwrap();
            assert_eq!(block, one);
            low = low & !mask | low.wrapping_add(1) & mask;
        }
    }
    // Two bits count only four blocks.
    let params = CipherParams::AesCtr { counter: &[7; 16], length: 2 };
    assert!(encrypt(&params, &key, &data[..64]).is_ok());
    assert_eq!(encrypt(&params, &key, &data[..65]).unwrap_err().kind(), ErrorKind::Operation);
}

/// RFC 6979, A.2.5: signatures of the standard verify; and hedged signatures differ.
#[test]
fn ecdsa_signatures_are_hedged() {
    let params = GenerateParams::Ec { scheme: EcScheme::Ecdsa, curve: Curve::P521 };
    let Generated::Pair(pair) = generate_key(&params, false, Usages::SIGN | Usages::VERIFY).unwrap() else {
        panic!()
    };
    // Also with a digest shorter than half of the scalar.
    for hash in [Hash::Sha1, Hash::Sha512] {
        let params = SignParams::Ecdsa { hash };
        let (a, b) =
            (sign(&params, &pair.private, b"m").unwrap(), sign(&params, &pair.private, b"m").unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 132);
        assert!(
            verify(&params, &pair.public, &a, b"m").unwrap()
                && verify(&params, &pair.public, &b, b"m").unwrap()
        );
        assert!(!verify(&params, &pair.public, &a, b"n").unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Pieces of 8 KiB, tails and empty data equal the output of the aes-gcm crate.
    #[test]
    fn gcm_equals_the_aes_gcm_crate(
        key in any::<[u8; 32]>(), iv in any::<[u8; 12]>(),
        data in prop::collection::vec(any::<u8>(), 0..40_000), aad in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        use aes_gcm::aead::{Aead, KeyInit, Payload};
        let theirs = aes_gcm::Aes256Gcm::new(&key.into());
        let expected = theirs.encrypt(&iv.into(), Payload { msg: &data, aad: &aad }).unwrap();
        let both = Usages::ENCRYPT | Usages::DECRYPT;
        let key = import_key(Format::Raw, KeyData::Bytes(&key), &ImportParams::Aes(AesMode::Gcm), false, both).unwrap();
        for bits in [32u8, 64, 96, 104, 112, 120, 128] {
            let params = CipherParams::AesGcm { iv: &iv, additional_data: &aad, tag_length: Some(bits) };
            let made = encrypt(&params, &key, &data).unwrap();
            prop_assert_eq!(&made[..], &expected[..data.len() + usize::from(bits) / 8]);
            prop_assert_eq!(&decrypt(&params, &key, &made).unwrap(), &data);
            let mut wrong = made;
            let last = wrong.len() - 1;
            wrong[last] ^= 1;
            prop_assert!(decrypt(&params, &key, &wrong).is_err());
        }
    }

    #[test]
    fn digests_do_not_depend_on_the_pieces(data in prop::collection::vec(any::<u8>(), 0..1000), cut in 0usize..1000) {
        let cut = cut.min(data.len());
        for hash in Hash::ALL {
            let mut digester = Digester::new(*hash);
            digester.update(&data[..cut]);
            digester.update(&data[cut..]);
            prop_assert_eq!(&*digester.finish(), &*digest(*hash, &data));
        }
    }
}
