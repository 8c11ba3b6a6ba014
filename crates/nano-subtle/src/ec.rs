//! ECDSA and ECDH on the NIST curves. Web Cryptography, sections 23 and 24; FIPS 186-5, SP 800-56A.

use crate::algorithm::{Curve, EcScheme, Format, Hash};
use crate::asn1::{self, Parameters};
use crate::digest::digest;
use crate::error::{Error, Result};
use crate::format::{Exported, Half, KeyData, cannot_export_half, cannot_import};
use crate::jwk::{JsonWebKey, encode, required};
use crate::usage::Usages;
use crate::{random, ring_backend};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use p256::elliptic_curve::Generate;
use sec1::{EcParameters, EcPrivateKey};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// A public key: a point.
pub(crate) enum EcPublic {
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
}

/// A private key: a scalar, and the point that belongs to it.
pub(crate) enum EcPrivate {
    P256(P256Private),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

/// A private key on P-256, and ring's form of it, made with the first signature.
pub(crate) struct P256Private {
    key: p256::ecdsa::SigningKey,
    ring: OnceLock<Option<Box<ring_backend::P256>>>,
}

impl P256Private {
    fn new(key: p256::ecdsa::SigningKey) -> Self {
        Self { key, ring: OnceLock::new() }
    }

    /// Ring's form of the key; `None` if ring does not have it.
    fn ring(&self) -> Option<&ring_backend::P256> {
        let make = || {
            let scalar = Zeroizing::new(self.key.to_bytes());
            let point = self.key.verifying_key().to_sec1_point(false);
            ring_backend::P256::new(&scalar, point.as_bytes()).map(Box::new)
        };
        self.ring.get_or_init(make).as_deref()
    }
}

impl std::ops::Deref for P256Private {
    type Target = p256::ecdsa::SigningKey;
    fn deref(&self) -> &p256::ecdsa::SigningKey {
        &self.key
    }
}

/// Runs `$body` with the curve's crate as `$curve` and its key as `$key`.
macro_rules! with_public {
    ($public:expr, $key:ident, $curve:ident => $body:expr) => {
        match $public {
            EcPublic::P256($key) => {
                #[allow(unused_imports)]
                use p256 as $curve;
                $body
            }
            EcPublic::P384($key) => {
                #[allow(unused_imports)]
                use p384 as $curve;
                $body
            }
            EcPublic::P521($key) => {
                #[allow(unused_imports)]
                use p521 as $curve;
                $body
            }
        }
    };
}
macro_rules! with_private {
    ($private:expr, $key:ident, $curve:ident => $body:expr) => {
        match $private {
            EcPrivate::P256($key) => {
                #[allow(unused_imports)]
                use p256 as $curve;
                $body
            }
            EcPrivate::P384($key) => {
                #[allow(unused_imports)]
                use p384 as $curve;
                $body
            }
            EcPrivate::P521($key) => {
                #[allow(unused_imports)]
                use p521 as $curve;
                $body
            }
        }
    };
}

fn oid(curve: Curve) -> ObjectIdentifier {
    // RFC 5480, section 2.1.1.1
    match curve {
        Curve::P256 => ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        Curve::P384 => ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        Curve::P521 => ObjectIdentifier::new_unwrap("1.3.132.0.35"),
    }
}

fn not_a_point() -> Error {
    Error::data("the data is not a point of the curve")
}

impl EcPublic {
    /// Reads a point, compressed or not; the point at infinity is refused. SEC 1, section 2.3.4
    fn from_sec1(curve: Curve, bytes: &[u8]) -> Result<Self> {
        match curve {
            Curve::P256 => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map(|key| Self::P256(Box::new(key)))
            }
            Curve::P384 => {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map(|key| Self::P384(Box::new(key)))
            }
            Curve::P521 => {
                p521::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map(|key| Self::P521(Box::new(key)))
            }
        }
        .map_err(|_| not_a_point())
    }

    /// The point, uncompressed.
    fn to_sec1(&self) -> Vec<u8> {
        with_public!(self, key, curve => key.to_sec1_point(false).as_bytes().to_vec())
    }

    /// Section 23.7.2. A signature is r and s, each as long as a coordinate.
    pub(crate) fn verify(&self, hash: Hash, signature: &[u8], data: &[u8]) -> bool {
        if let (Self::P256(key), Hash::Sha256) = (self, hash)
            && let Some(genuine) =
                ring_backend::verify_p256(key.to_sec1_point(false).as_bytes(), signature, data)
        {
            return genuine;
        }
        let digest = digest(hash, data);
        with_public!(self, key, curve => {
            let Ok(signature) = curve::ecdsa::Signature::from_slice(signature) else { return false };
            let point = curve::ProjectivePoint::from(*key.as_affine());
            ecdsa::hazmat::verify_prehashed(&point, &digest, &signature).is_ok()
        })
    }
}

impl EcPrivate {
    fn from_scalar(curve: Curve, bytes: &[u8]) -> Result<Self> {
        // Some encoders drop leading zeros, and others add some.
        let mut padded = Zeroizing::new(vec![0; curve.field_bytes()]);
        let significant = bytes.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &bytes[start..]);
        let Some(start) = padded.len().checked_sub(significant.len()) else {
            return Err(Error::data("the private key is too long for its curve"));
        };
        padded[start..].copy_from_slice(significant);
        match curve {
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(&padded).map(P256Private::new).map(Self::P256),
            Curve::P384 => p384::ecdsa::SigningKey::from_slice(&padded).map(Self::P384),
            Curve::P521 => p521::ecdsa::SigningKey::from_slice(&padded).map(Self::P521),
        }
        .map_err(|_| Error::data("the private key is not in the range of its curve"))
    }

    fn generate(curve: Curve) -> Result<Self> {
        let mut rng = random::rng();
        random::check()?;
        Ok(match curve {
            Curve::P256 => Self::P256(P256Private::new(p256::ecdsa::SigningKey::generate_from_rng(&mut rng))),
            Curve::P384 => Self::P384(p384::ecdsa::SigningKey::generate_from_rng(&mut rng)),
            Curve::P521 => Self::P521(p521::ecdsa::SigningKey::generate_from_rng(&mut rng)),
        })
    }

    pub(crate) fn public(&self) -> EcPublic {
        match self {
            Self::P256(key) => EcPublic::P256(Box::new(*key.verifying_key())),
            Self::P384(key) => EcPublic::P384(Box::new(*key.verifying_key())),
            Self::P521(key) => EcPublic::P521(Box::new(*key.verifying_key())),
        }
    }

    fn scalar(&self) -> Zeroizing<Vec<u8>> {
        with_private!(self, key, curve => {
            let bytes = Zeroizing::new(key.to_bytes());
            Zeroizing::new(bytes.to_vec())
        })
    }

    /// Section 23.7.1. The nonce is RFC 6979's with random bytes added (section 3.6 there): neither a weak
    /// generator nor a fault in the computation gives the key away.
    pub(crate) fn sign(&self, hash: Hash, data: &[u8]) -> Result<Vec<u8>> {
        if let (Self::P256(key), Hash::Sha256) = (self, hash)
            && let Some(ring) = key.ring()
        {
            return ring.sign(data);
        }
        let digest = digest(hash, data);
        let mut added = Zeroizing::new([0; 32]);
        random::fill(&mut *added)?;
        Ok(match self {
            Self::P256(key) => ecdsa::hazmat::sign_prehashed_rfc6979::<_, sha2::Sha256>(
                key.as_nonzero_scalar(),
                &digest,
                &*added,
            )
            .0
            .to_bytes()
            .to_vec(),
            Self::P384(key) => ecdsa::hazmat::sign_prehashed_rfc6979::<_, sha2::Sha384>(
                key.as_nonzero_scalar(),
                &digest,
                &*added,
            )
            .0
            .to_bytes()
            .to_vec(),
            Self::P521(key) => ecdsa::hazmat::sign_prehashed_rfc6979::<_, sha2::Sha512>(
                key.as_nonzero_scalar(),
                &digest,
                &*added,
            )
            .0
            .to_bytes()
            .to_vec(),
        })
    }

    /// The x coordinate of the shared point; `None` if the keys are on different curves. Section 24.4.2
    pub(crate) fn derive(&self, public: &EcPublic) -> Option<Zeroizing<Vec<u8>>> {
        macro_rules! agree {
            ($curve:ident, $private:expr, $public:expr) => {
                $curve::ecdh::diffie_hellman($private.as_nonzero_scalar(), $public.as_affine())
                    .raw_secret_bytes()
                    .to_vec()
            };
        }
        Some(Zeroizing::new(match (self, public) {
            (Self::P256(private), EcPublic::P256(public)) => agree!(p256, private, public),
            (Self::P384(private), EcPublic::P384(public)) => agree!(p384, private, public),
            (Self::P521(private), EcPublic::P521(public)) => agree!(p521, private, public),
            _ => return None,
        }))
    }
}

pub(crate) fn public_usages(scheme: EcScheme) -> Usages {
    match scheme {
        EcScheme::Ecdsa => Usages::VERIFY,
        EcScheme::Ecdh => Usages::NONE,
    }
}

pub(crate) fn private_usages(scheme: EcScheme) -> Usages {
    match scheme {
        EcScheme::Ecdsa => Usages::SIGN,
        EcScheme::Ecdh => Usages::DERIVE,
    }
}

/// Refuses usages that a public key cannot have.
pub(crate) fn check_public_usages(scheme: EcScheme, usages: Usages) -> Result<()> {
    usages.require_within(public_usages(scheme), "public key", scheme.name())
}

fn check_private_usages(scheme: EcScheme, usages: Usages) -> Result<()> {
    usages.require_within(private_usages(scheme), "private key", scheme.name())
}

/// Sections 23.7.3, 24.4.1
pub(crate) fn generate(scheme: EcScheme, curve: Curve, usages: Usages) -> Result<Box<EcPrivate>> {
    usages.require_within(public_usages(scheme) | private_usages(scheme), "new key", scheme.name())?;
    usages.intersection(private_usages(scheme)).require_some()?;
    Ok(Box::new(EcPrivate::generate(curve)?))
}

type Imported = Half<EcPublic, Box<EcPrivate>>;

/// Sections 23.7.4, 24.4.3
pub(crate) fn import(
    format: Format,
    data: KeyData<'_>,
    scheme: EcScheme,
    curve: Curve,
    extractable: bool,
    usages: Usages,
) -> Result<Imported> {
    let parameters = Parameters::Oid(oid(curve));
    match (format, data) {
        (Format::Spki, KeyData::Bytes(bytes)) => {
            check_public_usages(scheme, usages)?;
            let point = asn1::public_key(bytes, asn1::EC, parameters)?;
            Ok(Half::Public(EcPublic::from_sec1(curve, point)?))
        }
        (Format::Pkcs8, KeyData::Bytes(bytes)) => {
            check_private_usages(scheme, usages)?;
            let (inner, _) = asn1::private_key(bytes, asn1::EC, parameters)?;
            Ok(Half::Private(Box::new(from_sec1_der(curve, inner)?)))
        }
        (Format::Raw | Format::RawPublic, KeyData::Bytes(bytes)) => {
            check_public_usages(scheme, usages)?;
            Ok(Half::Public(EcPublic::from_sec1(curve, bytes)?))
        }
        (Format::Jwk, KeyData::Jwk(jwk)) => import_jwk(jwk, scheme, curve, extractable, usages),
        _ => Err(cannot_import(scheme.name(), format)),
    }
}

/// Reads an ECPrivateKey, whose curve and public key must match if it has them. RFC 5915, section 3
fn from_sec1_der(curve: Curve, der: &[u8]) -> Result<EcPrivate> {
    let info =
        EcPrivateKey::from_der(der).map_err(|_| Error::data("the PrivateKeyInfo holds no ECPrivateKey"))?;
    if let Some(EcParameters::NamedCurve(named)) = info.parameters
        && named != oid(curve)
    {
        return Err(Error::data("the key is on another curve"));
    }
    let key = EcPrivate::from_scalar(curve, info.private_key)?;
    if let Some(public) = info.public_key {
        let given = EcPublic::from_sec1(curve, public)?;
        if given.to_sec1() != key.public().to_sec1() {
            return Err(Error::data("the public and the private key do not belong together"));
        }
    }
    Ok(key)
}

/// RFC 7518, section 6.2
fn import_jwk(
    jwk: &JsonWebKey,
    scheme: EcScheme,
    curve: Curve,
    extractable: bool,
    usages: Usages,
) -> Result<Imported> {
    if jwk.d.is_some() {
        check_private_usages(scheme, usages)?;
    } else {
        check_public_usages(scheme, usages)?;
    }
    jwk.check_kty("EC")?;
    let jwk_use = match scheme {
        EcScheme::Ecdsa => "sig",
        EcScheme::Ecdh => "enc",
    };
    jwk.check_use(jwk_use, usages, extractable)?;
    jwk.check_crv(curve.name())?;
    if scheme == EcScheme::Ecdsa {
        let wrong = match jwk.alg.as_deref() {
            Some("ES256") => curve != Curve::P256,
            Some("ES384") => curve != Curve::P384,
            Some("ES512") => curve != Curve::P521,
            Some(_) => true,
            None => false,
        };
        if wrong {
            return Err(Error::data("the JWK's alg is not that of its curve"));
        }
    }
    let size = curve.field_bytes();
    let coordinate = |member: &Option<String>, name| {
        let bytes = required(member, name)?;
        if bytes.len() == size {
            Ok(bytes)
        } else {
            Err(Error::data(format!("the JWK's {name} does not have {size} bytes")))
        }
    };
    let mut point = vec![4];
    point.extend_from_slice(&coordinate(&jwk.x, "x")?);
    point.extend_from_slice(&coordinate(&jwk.y, "y")?);
    let public = EcPublic::from_sec1(curve, &point)?;
    if jwk.d.is_none() {
        return Ok(Half::Public(public));
    }
    let key = EcPrivate::from_scalar(curve, &coordinate(&jwk.d, "d")?)?;
    if key.public().to_sec1() != point {
        return Err(Error::data("the JWK's d does not belong to its x and y"));
    }
    Ok(Half::Private(Box::new(key)))
}

pub(crate) fn export_public(
    key: &EcPublic,
    scheme: EcScheme,
    curve: Curve,
    format: Format,
) -> Result<Exported> {
    let point = key.to_sec1();
    match format {
        Format::Raw | Format::RawPublic => Ok(Exported::Bytes(point.into())),
        Format::Spki => {
            let parameters = Parameters::Oid(oid(curve));
            Ok(Exported::Bytes(asn1::encode_public(asn1::EC, parameters, &point)?.into()))
        }
        Format::Jwk => Ok(Exported::Jwk(jwk(curve, &point))),
        _ => Err(cannot_export_half("public", scheme.name(), format)),
    }
}

pub(crate) fn export_private(
    key: &EcPrivate,
    scheme: EcScheme,
    curve: Curve,
    format: Format,
) -> Result<Exported> {
    let point = key.public().to_sec1();
    let scalar = key.scalar();
    match format {
        Format::Pkcs8 => {
            let inner = EcPrivateKey { private_key: &scalar, parameters: None, public_key: Some(&point) };
            let inner = inner.to_der().map(Zeroizing::new);
            let inner = inner.map_err(|_| Error::operation("the key cannot be encoded"))?;
            Ok(Exported::Bytes(asn1::encode_private(asn1::EC, Parameters::Oid(oid(curve)), &inner)?))
        }
        Format::Jwk => {
            let mut jwk = jwk(curve, &point);
            jwk.d = Some(encode(&scalar));
            Ok(Exported::Jwk(jwk))
        }
        _ => Err(cannot_export_half("private", scheme.name(), format)),
    }
}

fn jwk(curve: Curve, point: &[u8]) -> JsonWebKey {
    let (x, y) = point[1..].split_at(curve.field_bytes());
    let mut jwk = JsonWebKey::of_type("EC");
    jwk.crv = Some(curve.name().into());
    jwk.x = Some(encode(x));
    jwk.y = Some(encode(y));
    jwk
}
