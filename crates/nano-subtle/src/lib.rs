#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! In reading order: `algorithm`, `usage` and `error` have the specification's names; `asn1`, `jwk` and
//! `format` the forms of keys; one file for each family of algorithms (`aes`, `chacha`, `hmac`, `ec`, `okp`,
//! `rsa`, `ml_kem`, `ml_dsa`) makes, reads, writes and uses its key material; `key` joins the families in
//! [`Key`]; [`operations`] checks and dispatches, in the order of the specification.
//!
//! Nothing here knows JavaScript. The caller converts values, and runs operations that take long on another
//! thread.
//!
//! # Features
//!
//! - `ring` (default): ring computes AES-GCM, ECDSA on P-256 and the verification of RSA signatures, in the
//!   cases that it has. Without it RustCrypto computes everything, with the same results.

mod aes;
mod akp;
mod algorithm;
mod asn1;
mod chacha;
mod digest;
mod ec;
mod error;
mod format;
mod gcm;
mod hmac;
mod integer;
mod jwk;
mod key;
pub mod limits;
mod ml_dsa;
mod ml_kem;
mod okp;
pub mod operations;
mod random;
mod ring_backend;
mod rsa;
mod usage;
mod wiping;

pub use algorithm::{
    AesMode, CipherParams, Curve, EcScheme, Format, GenerateParams, Hash, ImportParams, KeyAlgorithm,
    MlDsaSet, MlKemSet, RsaScheme, SignParams,
};
pub use digest::{Digester, MAX_OUTPUT_BYTES, Output, digest};
pub use error::{Error, ErrorKind, Result};
pub use format::{Exported, KeyData};
pub use jwk::JsonWebKey;
pub use key::{Generated, Key, KeyPair, KeyType};
pub use operations::{
    DeriveParams, decapsulate_bits, decrypt, derive_bits, encapsulate_bits, encrypt, export_key,
    generate_key, import_key, public_key, serialize_key, sign, unwrap_bytes, verify, wrap_bytes,
};
pub use usage::Usages;
pub use wiping::is_wiping;
pub use zeroize::Zeroizing;

/// Whether two byte strings are equal, in a time that depends only on their lengths.
///
/// ```
/// assert!(nano_subtle::timing_safe_equal(b"same", b"same"));
/// assert!(!nano_subtle::timing_safe_equal(b"same", b"sane"));
/// ```
pub fn timing_safe_equal(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}
