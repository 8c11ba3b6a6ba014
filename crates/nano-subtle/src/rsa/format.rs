//! Formats of RSA keys: SubjectPublicKeyInfo, PrivateKeyInfo, JWK. Web Cryptography, section 20.8.2 and the
//! same sections of the other schemes.

use super::private::PrivateKey;
use super::public::PublicKey;
use super::usages::{check_private_usages, check_public_usages};
use crate::algorithm::{Format, Hash, RsaScheme};
use crate::asn1::{self, Parameters};
use crate::error::{Error, Result};
use crate::format::{Exported, Half, KeyData, cannot_export_half, cannot_import};
use crate::integer::without_leading_zeros;
use crate::jwk::{JsonWebKey, encode, required};
use crate::limits;
use crate::usage::Usages;
use ::rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use ::rsa::traits::{PrivateKeyParts, PublicKeyParts};
use ::rsa::{RsaPrivateKey, RsaPublicKey, pkcs1};
use crypto_bigint::{BoxedUint, Odd};
use der::Decode;
use zeroize::Zeroizing;

type Imported = Half<Box<PublicKey>, Box<PrivateKey>>;

/// A number as wide as its bytes, or of `wide_bits`.
fn number(bytes: &[u8], wide_bits: Option<u32>) -> Result<BoxedUint> {
    let bytes = without_leading_zeros(bytes);
    let bits = u32::try_from(bytes.len() * 8).map_err(|_| malformed())?.max(8);
    BoxedUint::from_be_slice(bytes, wide_bits.unwrap_or(bits)).map_err(|_| malformed())
}

/// Refuses a number that cannot be a modulus: by its size, or because it is even.
fn check_modulus(n: &BoxedUint) -> Result<()> {
    let bits = n.bits_vartime();
    if !(limits::RSA_IMPORT_BITS_MIN..=limits::RSA_BITS_MAX).contains(&bits) {
        return Err(Error::data(format!(
            "RSA keys of {} to {} bits are imported, this one has {bits}",
            limits::RSA_IMPORT_BITS_MIN,
            limits::RSA_BITS_MAX
        )));
    }
    if Odd::new(n.clone()).is_none().into() {
        return Err(Error::data("an RSA modulus is odd"));
    }
    Ok(())
}

fn malformed() -> Error {
    Error::data("the numbers of the RSA key do not fit together")
}

fn new_public(n: &[u8], e: &[u8]) -> Result<Box<PublicKey>> {
    let n = number(n, None)?;
    check_modulus(&n)?;
    let key = RsaPublicKey::new(n, number(e, None)?).map_err(|_| malformed())?;
    Ok(Box::new(PublicKey::new(key)))
}

/// Makes a private key of its numbers. Without `primes`, they are computed.
fn new_private(n: &[u8], e: &[u8], d: &[u8], primes: Option<(&[u8], &[u8])>) -> Result<Box<PrivateKey>> {
    let n = number(n, None)?;
    check_modulus(&n)?;
    let bits = n.bits_precision();
    let primes = match primes {
        Some((p, q)) => vec![number(p, Some(bits))?, number(q, Some(bits))?],
        None => Vec::new(),
    };
    let d = number(d, Some(bits))?;
    let key = RsaPrivateKey::from_components(n, number(e, None)?, d, primes).map_err(|_| malformed())?;
    Ok(Box::new(PrivateKey::new(key)))
}

pub(crate) fn import(
    format: Format,
    data: KeyData<'_>,
    scheme: RsaScheme,
    hash: Hash,
    extractable: bool,
    usages: Usages,
) -> Result<Imported> {
    match (format, data) {
        (Format::Spki, KeyData::Bytes(bytes)) => {
            check_public_usages(scheme, usages)?;
            let inner = asn1::public_key(bytes, asn1::RSA, Parameters::Null)?;
            let key = pkcs1::RsaPublicKeyRef::from_der(inner)
                .map_err(|_| Error::data("the SubjectPublicKeyInfo holds no RSAPublicKey"))?;
            let key = new_public(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
            Ok(Half::Public(key))
        }
        (Format::Pkcs8, KeyData::Bytes(bytes)) => {
            check_private_usages(scheme, usages)?;
            let (inner, _) = asn1::private_key(bytes, asn1::RSA, Parameters::Null)?;
            let key = pkcs1::RsaPrivateKeyRef::from_der(inner)
                .map_err(|_| Error::data("the PrivateKeyInfo holds no RSAPrivateKey"))?;
            if key.other_prime_infos.is_some() {
                return Err(Error::unsupported("RSA keys of more than two primes are not supported"));
            }
            let key = new_private(
                key.modulus.as_bytes(),
                key.public_exponent.as_bytes(),
                key.private_exponent.as_bytes(),
                Some((key.prime1.as_bytes(), key.prime2.as_bytes())),
            )?;
            Ok(Half::Private(key))
        }
        (Format::Jwk, KeyData::Jwk(jwk)) => import_jwk(jwk, scheme, hash, extractable, usages),
        _ => Err(cannot_import(scheme.name(), format)),
    }
}

/// `alg` of a key. RFC 7518, sections 3.1 and 4.1
fn jwk_alg(scheme: RsaScheme, hash: Hash) -> Option<String> {
    let suffix = hash.jwa_suffix()?;
    Some(match (scheme, hash) {
        (RsaScheme::Pkcs1, _) => format!("RS{suffix}"),
        (RsaScheme::Pss, _) => format!("PS{suffix}"),
        (RsaScheme::Oaep, Hash::Sha1) => "RSA-OAEP".into(),
        (RsaScheme::Oaep, _) => format!("RSA-OAEP-{suffix}"),
    })
}

/// RFC 7518, section 6.3
fn import_jwk(
    jwk: &JsonWebKey,
    scheme: RsaScheme,
    hash: Hash,
    extractable: bool,
    usages: Usages,
) -> Result<Imported> {
    if jwk.d.is_some() {
        check_private_usages(scheme, usages)?;
    } else {
        check_public_usages(scheme, usages)?;
    }
    jwk.check_kty("RSA")?;
    jwk.check_use(if scheme == RsaScheme::Oaep { "enc" } else { "sig" }, usages, extractable)?;
    match jwk_alg(scheme, hash) {
        expected @ Some(_) => jwk.check_alg(expected)?,
        None if jwk.alg.is_some() => return Err(Error::data("the JWK's alg is of another hash")),
        None => {}
    }
    let n = required(&jwk.n, "n")?;
    let e = required(&jwk.e, "e")?;
    if jwk.d.is_none() {
        return Ok(Half::Public(new_public(&n, &e)?));
    }
    if jwk.oth {
        return Err(Error::unsupported("RSA keys of more than two primes are not supported"));
    }
    let d = required(&jwk.d, "d")?;
    let members = [&jwk.p, &jwk.q, &jwk.dp, &jwk.dq, &jwk.qi];
    let key = if members.iter().all(|member| member.is_none()) {
        new_private(&n, &e, &d, None)?
    } else {
        // If one of them is there, all must be. Section 6.3.2
        for (member, name) in members.iter().zip(["p", "q", "dp", "dq", "qi"]) {
            required(member, name)?;
        }
        new_private(&n, &e, &d, Some((&required(&jwk.p, "p")?, &required(&jwk.q, "q")?)))?
    };
    Ok(Half::Private(key))
}

fn encoding_failed() -> Error {
    Error::operation("the key cannot be encoded")
}

pub(crate) fn export_public(
    key: &PublicKey,
    scheme: RsaScheme,
    hash: Hash,
    format: Format,
) -> Result<Exported> {
    match format {
        Format::Spki => {
            let inner = key.inner().to_pkcs1_der().map_err(|_| encoding_failed())?;
            Ok(Exported::Bytes(asn1::encode_public(asn1::RSA, Parameters::Null, inner.as_bytes())?.into()))
        }
        Format::Jwk => Ok(Exported::Jwk(public_jwk(key.inner(), scheme, hash))),
        _ => Err(cannot_export_half("public", scheme.name(), format)),
    }
}

pub(crate) fn export_private(
    key: &PrivateKey,
    scheme: RsaScheme,
    hash: Hash,
    format: Format,
) -> Result<Exported> {
    match format {
        Format::Pkcs8 => {
            let inner = key.inner().to_pkcs1_der().map_err(|_| encoding_failed())?;
            Ok(Exported::Bytes(asn1::encode_private(asn1::RSA, Parameters::Null, inner.as_bytes())?))
        }
        Format::Jwk => {
            let inner = key.inner().to_pkcs1_der().map_err(|_| encoding_failed())?;
            // The numbers of the DER encoding, which has dp, dq and qi.
            let parts = pkcs1::RsaPrivateKeyRef::from_der(inner.as_bytes()).map_err(|_| encoding_failed())?;
            let mut jwk = public_jwk(key.inner().as_public_key(), scheme, hash);
            let d = Zeroizing::new(key.inner().d().to_be_bytes());
            jwk.d = Some(encode(without_leading_zeros(&d)));
            jwk.p = Some(encode(parts.prime1.as_bytes()));
            jwk.q = Some(encode(parts.prime2.as_bytes()));
            jwk.dp = Some(encode(parts.exponent1.as_bytes()));
            jwk.dq = Some(encode(parts.exponent2.as_bytes()));
            jwk.qi = Some(encode(parts.coefficient.as_bytes()));
            Ok(Exported::Jwk(jwk))
        }
        _ => Err(cannot_export_half("private", scheme.name(), format)),
    }
}

fn public_jwk(key: &RsaPublicKey, scheme: RsaScheme, hash: Hash) -> JsonWebKey {
    let mut jwk = JsonWebKey::of_type("RSA");
    jwk.alg = jwk_alg(scheme, hash);
    jwk.n = Some(encode(without_leading_zeros(&key.n().to_be_bytes())));
    jwk.e = Some(encode(without_leading_zeros(&key.e().to_be_bytes())));
    jwk
}
