//! The two envelopes in DER: SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) and PrivateKeyInfo (RFC 5208,
//! RFC 5958).
//!
//! The content of an envelope belongs to the algorithm.

use crate::error::{Error, Result};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};
use zeroize::Zeroizing;

/// rsaEncryption. RFC 8017, appendix A.1
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey. RFC 5480, section 2.1.1
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// id-X25519. RFC 8410, section 3
pub(crate) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// id-Ed25519
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The parameters of an algorithm identifier, as the algorithms of this crate have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    Absent,
    Null,
    Oid(ObjectIdentifier),
}

fn not_a(what: &str) -> Error {
    Error::data(format!("the data is not a {what}"))
}

fn check(algorithm: &AlgorithmIdentifierRef<'_>, oid: ObjectIdentifier, expected: Parameters) -> Result<()> {
    if algorithm.oid != oid {
        return Err(Error::data("the key is of another algorithm"));
    }
    let given = match algorithm.parameters {
        None => Parameters::Absent,
        Some(any) if any.is_null() => Parameters::Null,
        Some(any) => match any.decode_as::<ObjectIdentifier>() {
            Ok(oid) => Parameters::Oid(oid),
            Err(_) => return Err(Error::data("the key's algorithm has parameters that are not supported")),
        },
    };
    if given == expected {
        return Ok(());
    }
    Err(Error::data(match expected {
        Parameters::Oid(_) => "the key is on another curve",
        _ => "the key's algorithm has parameters that it should not have",
    }))
}

fn with_parameters<R>(
    oid: ObjectIdentifier,
    parameters: Parameters,
    with: impl FnOnce(AlgorithmIdentifierRef<'_>) -> der::Result<R>,
) -> Result<R> {
    let parameters = match &parameters {
        Parameters::Absent => None,
        Parameters::Null => Some(AnyRef::NULL),
        Parameters::Oid(oid) => Some(AnyRef::from(oid)),
    };
    // Our own keys are short and well formed, so only a lack of memory could make this fail.
    with(AlgorithmIdentifierRef { oid, parameters })
        .map_err(|_| Error::operation("the key cannot be encoded"))
}

/// Reads the bytes of the key in a SubjectPublicKeyInfo of this algorithm.
pub(crate) fn public_key(data: &[u8], oid: ObjectIdentifier, parameters: Parameters) -> Result<&[u8]> {
    let info = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(data)
        .map_err(|_| not_a("SubjectPublicKeyInfo"))?;
    check(&info.algorithm, oid, parameters)?;
    info.subject_public_key.as_bytes().ok_or_else(|| not_a("SubjectPublicKeyInfo"))
}

/// Encodes a SubjectPublicKeyInfo.
pub(crate) fn encode_public(oid: ObjectIdentifier, parameters: Parameters, key: &[u8]) -> Result<Vec<u8>> {
    with_parameters(oid, parameters, |algorithm| {
        SubjectPublicKeyInfo { algorithm, subject_public_key: BitStringRef::from_bytes(key)? }.to_der()
    })
}

/// Reads the bytes of the key in a PrivateKeyInfo of this algorithm, and of its public key if it has one.
pub(crate) fn private_key(
    data: &[u8],
    oid: ObjectIdentifier,
    parameters: Parameters,
) -> Result<(&[u8], Option<&[u8]>)> {
    let info = PrivateKeyInfoRef::from_der(data).map_err(|_| not_a("PrivateKeyInfo"))?;
    check(&info.algorithm, oid, parameters)?;
    let public = info.public_key.as_ref().and_then(|bits| bits.as_bytes());
    Ok((info.private_key.as_bytes(), public))
}

/// Encodes a PrivateKeyInfo.
pub(crate) fn encode_private(
    oid: ObjectIdentifier,
    parameters: Parameters,
    key: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    with_parameters(oid, parameters, |algorithm| {
        PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(key)?).to_der().map(Zeroizing::new)
    })
}
