//! RSA keys in and out: SubjectPublicKeyInfo, PrivateKeyInfo, JWK. Web Cryptography, section 20.8.2 and its siblings.

use crate::algorithm::{Format, Hash, RsaScheme};
use crate::asn1::{self, Parameters};
use crate::error::{Error, Result};
use crate::jwk::{JsonWebKey, encode, required};
use crate::key::Key;
use crate::rsa::{self, PrivateKey, PublicKey, check_modulus, check_usages, private_usages, public_usages};
use crate::usage::Usages;
use crate::{Exported, KeyData};
use ::rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use ::rsa::traits::{PrivateKeyParts, PublicKeyParts};
use ::rsa::{RsaPrivateKey, RsaPublicKey, pkcs1};
use crypto_bigint::BoxedUint;
use der::Decode;
use zeroize::Zeroizing;

/// Without leading zeros.
pub(crate) fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// A number as wide as its bytes, or as wide as asked.
fn number(bytes: &[u8], wide_bits: Option<u32>) -> Result<BoxedUint> {
    let bytes = minimal(bytes);
    let bits = u32::try_from(bytes.len() * 8).map_err(|_| malformed())?.max(8);
    BoxedUint::from_be_slice(bytes, wide_bits.unwrap_or(bits)).map_err(|_| malformed())
}

fn malformed() -> Error {
    Error::data("the numbers of the RSA key do not fit together")
}

fn new_public(n: &[u8], e: &[u8]) -> Result<RsaPublicKey> {
    let n = number(n, None)?;
    check_modulus(&n)?;
    RsaPublicKey::new(n, number(e, None)?).map_err(|_| malformed())
}

/// `primes` are both there or neither: then they are found.
fn new_private(n: &[u8], e: &[u8], d: &[u8], primes: Option<(&[u8], &[u8])>) -> Result<RsaPrivateKey> {
    let n = number(n, None)?;
    check_modulus(&n)?;
    let bits = n.bits_precision();
    let primes = match primes {
        Some((p, q)) => vec![number(p, Some(bits))?, number(q, Some(bits))?],
        None => Vec::new(),
    };
    let d = number(d, Some(bits))?;
    RsaPrivateKey::from_components(n, number(e, None)?, d, primes).map_err(|_| malformed())
}

pub(crate) fn import(
    format: Format,
    data: KeyData<'_>,
    scheme: RsaScheme,
    hash: Hash,
    extractable: bool,
    usages: Usages,
) -> Result<Key> {
    match (format, data) {
        (Format::Spki, KeyData::Bytes(bytes)) => {
            check_usages(scheme, usages, public_usages(scheme), "public")?;
            let inner = asn1::public_key(bytes, asn1::RSA, Parameters::Null)?;
            let key = pkcs1::RsaPublicKeyRef::from_der(inner)
                .map_err(|_| Error::data("the SubjectPublicKeyInfo holds no RSAPublicKey"))?;
            let key = new_public(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
            Ok(rsa::public_key(scheme, hash, key, extractable, usages))
        }
        (Format::Pkcs8, KeyData::Bytes(bytes)) => {
            check_usages(scheme, usages, private_usages(scheme), "private")?;
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
            Ok(rsa::private_key(scheme, hash, key, extractable, usages))
        }
        (Format::Jwk, KeyData::Jwk(jwk)) => import_jwk(jwk, scheme, hash, extractable, usages),
        _ => {
            let message = format!("a key for {} cannot be imported as {}", scheme.name(), format.name());
            Err(Error::unsupported(message))
        }
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
) -> Result<Key> {
    if jwk.d.is_some() {
        check_usages(scheme, usages, private_usages(scheme), "private")?;
    } else {
        check_usages(scheme, usages, public_usages(scheme), "public")?;
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
        return Ok(rsa::public_key(scheme, hash, new_public(&n, &e)?, extractable, usages));
    }
    if jwk.oth {
        return Err(Error::unsupported("RSA keys of more than two primes are not supported"));
    }
    let d = required(&jwk.d, "d")?;
    let members = [&jwk.p, &jwk.q, &jwk.dp, &jwk.dq, &jwk.qi];
    let key = if members.iter().all(|member| member.is_none()) {
        new_private(&n, &e, &d, None)?
    } else {
        // One of them, and all have to be there. section 6.3.2
        for (member, name) in members.iter().zip(["p", "q", "dp", "dq", "qi"]) {
            required(member, name)?;
        }
        new_private(&n, &e, &d, Some((&required(&jwk.p, "p")?, &required(&jwk.q, "q")?)))?
    };
    Ok(rsa::private_key(scheme, hash, key, extractable, usages))
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
            let inner = key.0.to_pkcs1_der().map_err(|_| encoding_failed())?;
            Ok(Exported::Bytes(asn1::encode_public(asn1::RSA, Parameters::Null, inner.as_bytes())?.into()))
        }
        Format::Jwk => Ok(Exported::Jwk(public_jwk(&key.0, scheme, hash))),
        _ => Err(crate::cannot_export("public", scheme.name(), format)),
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
            // The same numbers as in DER, which knows dp, dq and qi.
            let parts = pkcs1::RsaPrivateKeyRef::from_der(inner.as_bytes()).map_err(|_| encoding_failed())?;
            let mut jwk = public_jwk(key.inner().as_public_key(), scheme, hash);
            let d = Zeroizing::new(key.inner().d().to_be_bytes());
            jwk.d = Some(encode(minimal(&d)));
            jwk.p = Some(encode(parts.prime1.as_bytes()));
            jwk.q = Some(encode(parts.prime2.as_bytes()));
            jwk.dp = Some(encode(parts.exponent1.as_bytes()));
            jwk.dq = Some(encode(parts.exponent2.as_bytes()));
            jwk.qi = Some(encode(parts.coefficient.as_bytes()));
            Ok(Exported::Jwk(jwk))
        }
        _ => Err(crate::cannot_export("private", scheme.name(), format)),
    }
}

fn public_jwk(key: &RsaPublicKey, scheme: RsaScheme, hash: Hash) -> JsonWebKey {
    let mut jwk = JsonWebKey::of_type("RSA");
    jwk.alg = jwk_alg(scheme, hash);
    jwk.n = Some(encode(minimal(&key.n().to_be_bytes())));
    jwk.e = Some(encode(minimal(&key.e().to_be_bytes())));
    jwk
}
