#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! One file for each family of algorithms, which makes, imports, exports and uses its keys; [`Key`] joins them. The functions of
//! [`operations`] dispatch, after the checks that all algorithms share, in the order of the specification. Nothing here
//! knows JavaScript: converting its values, and running what takes long on another thread, is the caller's.

mod aes;
mod akp;
mod algorithm;
mod asn1;
mod chacha;
mod digest;
mod ec;
mod error;
#[cfg_attr(not(feature = "ring"), path = "fast_none.rs")]
mod fast;
mod gcm;
mod hmac;
mod jwk;
mod key;
pub mod limits;
mod ml_dsa;
mod ml_kem;
mod okp;
pub mod operations;
mod random;
mod rsa;
mod rsa_format;
mod rsa_private;
mod usage;
mod wiping;

pub use algorithm::{
    AesMode, CipherParams, Curve, DeriveParams, EcScheme, Format, GenerateParams, Hash, ImportParams,
    KeyAlgorithm, MlDsaSet, MlKemSet, RsaScheme, SignParams,
};
pub use digest::{Digester, MAX_OUTPUT_BYTES, Output, digest};
pub use error::{Error, ErrorKind, Result};
pub use jwk::JsonWebKey;
pub use key::{Generated, Key, KeyPair, KeyType};
pub use operations::{
    decapsulate_bits, decrypt, derive_bits, encapsulate_bits, encrypt, export_key, generate_key, import_key,
    public_key, serialize_key, sign, unwrap_bytes, verify, wrap_bytes,
};
pub use usage::Usages;
pub use wiping::is_wiping;
pub use zeroize::Zeroizing;

/// What a key is imported from.
#[derive(Clone, Copy, Debug)]
pub enum KeyData<'a> {
    /// For every format but [`Format::Jwk`].
    Bytes(&'a [u8]),
    /// For [`Format::Jwk`].
    Jwk(&'a JsonWebKey),
}

/// What a key was exported to; wiped when it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Exported {
    /// In every format but [`Format::Jwk`].
    Bytes(Zeroizing<Vec<u8>>),
    /// In [`Format::Jwk`].
    Jwk(JsonWebKey),
}

/// Whether two runs of bytes are the same, in a time that depends on their lengths only.
///
/// ```
/// assert!(nano_subtle::timing_safe_equal(b"same", b"same"));
/// assert!(!nano_subtle::timing_safe_equal(b"same", b"sane"));
/// ```
pub fn timing_safe_equal(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}

/// Secret and private keys that nothing may be done with are not made.
fn require_some(usages: Usages) -> Result<()> {
    if usages.is_empty() { Err(Error::syntax("the key would have no usage")) } else { Ok(()) }
}

fn cannot_export(what: &str, algorithm: &str, format: Format) -> Error {
    Error::access(format!("a {what} key for {algorithm} cannot be exported as {}", format.name()))
}
