//! Curve25519: Ed25519 signatures and X25519 key agreement. Web Cryptography, sections 25 and 26; RFC 8032,
//! RFC 7748.

use crate::algorithm::{Format, KeyAlgorithm};
use crate::asn1::{self, Parameters};
use crate::error::{Error, Result};
use crate::format::{Exported, Half, KeyData, cannot_export_half, cannot_import};
use crate::jwk::{JsonWebKey, encode, required_of};
use crate::random;
use crate::usage::Usages;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// A public key of one of the two.
pub(crate) enum Public {
    Ed25519(Box<Ed25519Public>),
    X25519([u8; 32]),
}

/// A private key of one of the two.
pub(crate) enum Private {
    Ed25519(Box<Ed25519Private>),
    X25519(Box<X25519Private>),
}

/// Every 32 bytes are imported; bytes that are not a point verify no signature.
pub(crate) struct Ed25519Public {
    bytes: [u8; 32],
    point: Option<VerifyingKey>,
}

pub(crate) struct Ed25519Private(SigningKey);

pub(crate) struct X25519Private {
    secret: StaticSecret,
    public: [u8; 32],
}

/// One of the two algorithms: an "octet key pair", as JSON Web Key calls them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Okp {
    Ed25519,
    X25519,
}

impl Okp {
    const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => KeyAlgorithm::Ed25519.name(),
            Self::X25519 => KeyAlgorithm::X25519.name(),
        }
    }

    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Ed25519 => asn1::ED25519,
            Self::X25519 => asn1::X25519,
        }
    }

    pub(crate) fn public_usages(self) -> Usages {
        match self {
            Self::Ed25519 => Usages::VERIFY,
            Self::X25519 => Usages::NONE,
        }
    }

    pub(crate) fn private_usages(self) -> Usages {
        match self {
            Self::Ed25519 => Usages::SIGN,
            Self::X25519 => Usages::DERIVE,
        }
    }

    fn jwk_use(self) -> &'static str {
        match self {
            Self::Ed25519 => "sig",
            Self::X25519 => "enc",
        }
    }

    /// Refuses usages that a public key cannot have.
    pub(crate) fn check_public_usages(self, usages: Usages) -> Result<()> {
        usages.require_within(self.public_usages(), "public key", self.name())
    }

    fn check_private_usages(self, usages: Usages) -> Result<()> {
        usages.require_within(self.private_usages(), "private key", self.name())
    }

    fn public(self, bytes: [u8; 32]) -> Public {
        match self {
            Self::Ed25519 => {
                let point = VerifyingKey::from_bytes(&bytes).ok();
                Public::Ed25519(Box::new(Ed25519Public { bytes, point }))
            }
            Self::X25519 => Public::X25519(bytes),
        }
    }

    fn private(self, secret: &[u8; 32]) -> Private {
        match self {
            Self::Ed25519 => Private::Ed25519(Box::new(Ed25519Private(SigningKey::from_bytes(secret)))),
            Self::X25519 => {
                let secret = StaticSecret::from(*secret);
                let public = PublicKey::from(&secret).to_bytes();
                Private::X25519(Box::new(X25519Private { secret, public }))
            }
        }
    }

    pub(crate) fn generate(self, usages: Usages) -> Result<Private> {
        usages.require_within(self.public_usages() | self.private_usages(), "new key", self.name())?;
        usages.intersection(self.private_usages()).require_some()?;
        let mut secret = Zeroizing::new([0; 32]);
        random::fill(&mut *secret)?;
        Ok(self.private(&secret))
    }

    pub(crate) fn import(
        self,
        format: Format,
        data: KeyData<'_>,
        extractable: bool,
        usages: Usages,
    ) -> Result<Half<Public, Private>> {
        match (format, data) {
            (Format::Spki, KeyData::Bytes(bytes)) => {
                self.check_public_usages(usages)?;
                let bytes = asn1::public_key(bytes, self.oid(), Parameters::Absent)?;
                Ok(Half::Public(self.public(self.key_bytes(bytes)?)))
            }
            (Format::Pkcs8, KeyData::Bytes(bytes)) => {
                self.check_private_usages(usages)?;
                let (inner, _) = asn1::private_key(bytes, self.oid(), Parameters::Absent)?;
                // CurvePrivateKey ::= OCTET STRING. RFC 8410, section 7
                let inner = <&OctetStringRef>::from_der(inner)
                    .map_err(|_| Error::data("the PrivateKeyInfo holds no CurvePrivateKey"))?;
                let secret = Zeroizing::new(self.key_bytes(inner.as_bytes())?);
                Ok(Half::Private(self.private(&secret)))
            }
            (Format::Raw | Format::RawPublic, KeyData::Bytes(bytes)) => {
                self.check_public_usages(usages)?;
                Ok(Half::Public(self.public(self.key_bytes(bytes)?)))
            }
            (Format::Jwk, KeyData::Jwk(jwk)) => self.import_jwk(jwk, extractable, usages),
            _ => Err(cannot_import(self.name(), format)),
        }
    }

    /// RFC 8037, section 2
    fn import_jwk(
        self,
        jwk: &JsonWebKey,
        extractable: bool,
        usages: Usages,
    ) -> Result<Half<Public, Private>> {
        if jwk.d.is_some() {
            self.check_private_usages(usages)?;
        } else {
            self.check_public_usages(usages)?;
        }
        jwk.check_kty("OKP")?;
        jwk.check_crv(self.name())?;
        if self == Self::Ed25519
            && let Some(alg) = &jwk.alg
            && alg != "Ed25519"
            && alg != "EdDSA"
        {
            return Err(Error::data("the JWK's alg is neither Ed25519 nor EdDSA"));
        }
        jwk.check_use(self.jwk_use(), usages, extractable)?;
        let x = required_of::<32>(&jwk.x, "x")?;
        if jwk.d.is_none() {
            return Ok(Half::Public(self.public(*x)));
        }
        let d = required_of::<32>(&jwk.d, "d")?;
        let key = self.private(&d);
        if key.public_bytes() != *x {
            return Err(Error::data("the JWK's x and d do not belong together"));
        }
        Ok(Half::Private(key))
    }

    fn key_bytes(self, bytes: &[u8]) -> Result<[u8; 32]> {
        bytes.try_into().map_err(|_| Error::data(format!("a key for {} has 32 bytes", self.name())))
    }

    fn jwk(self, public: &[u8; 32], secret: Option<&[u8; 32]>) -> JsonWebKey {
        let mut jwk = JsonWebKey::of_type("OKP");
        jwk.crv = Some(self.name().into());
        // RFC 9864 has this name; X25519 has none.
        jwk.alg = (self == Self::Ed25519).then(|| "Ed25519".into());
        jwk.x = Some(encode(public));
        jwk.d = secret.map(|secret| encode(secret));
        jwk
    }
}

impl Public {
    fn okp(&self) -> Okp {
        match self {
            Self::Ed25519(_) => Okp::Ed25519,
            Self::X25519(_) => Okp::X25519,
        }
    }

    fn bytes(&self) -> &[u8; 32] {
        match self {
            Self::Ed25519(public) => &public.bytes,
            Self::X25519(bytes) => bytes,
        }
    }

    pub(crate) fn export(&self, format: Format) -> Result<Exported> {
        let (okp, bytes) = (self.okp(), self.bytes());
        match format {
            Format::Raw | Format::RawPublic => Ok(Exported::Bytes(bytes.to_vec().into())),
            Format::Spki => {
                Ok(Exported::Bytes(asn1::encode_public(okp.oid(), Parameters::Absent, bytes)?.into()))
            }
            Format::Jwk => Ok(Exported::Jwk(okp.jwk(bytes, None))),
            _ => Err(cannot_export_half("public", okp.name(), format)),
        }
    }
}

impl Private {
    pub(crate) fn okp(&self) -> Okp {
        match self {
            Self::Ed25519(_) => Okp::Ed25519,
            Self::X25519(_) => Okp::X25519,
        }
    }

    fn secret(&self) -> &[u8; 32] {
        match self {
            Self::Ed25519(private) => private.0.as_bytes(),
            Self::X25519(private) => private.secret.as_bytes(),
        }
    }

    fn public_bytes(&self) -> [u8; 32] {
        match self {
            Self::Ed25519(private) => private.0.verifying_key().to_bytes(),
            Self::X25519(private) => private.public,
        }
    }

    pub(crate) fn public(&self) -> Public {
        self.okp().public(self.public_bytes())
    }

    pub(crate) fn export(&self, format: Format) -> Result<Exported> {
        let (okp, secret) = (self.okp(), self.secret());
        match format {
            Format::Pkcs8 => {
                let inner = OctetStringRef::new(secret).and_then(|inner| inner.to_der()).map(Zeroizing::new);
                let inner = inner.map_err(|_| Error::operation("the key cannot be encoded"))?;
                Ok(Exported::Bytes(asn1::encode_private(okp.oid(), Parameters::Absent, &inner)?))
            }
            Format::Jwk => Ok(Exported::Jwk(okp.jwk(&self.public_bytes(), Some(secret)))),
            _ => Err(cannot_export_half("private", okp.name(), format)),
        }
    }
}

impl Ed25519Public {
    /// Section 25.3.2: RFC 8032, section 5.1.7, without the cofactor; points of small order are refused.
    pub(crate) fn verify(&self, signature: &[u8], data: &[u8]) -> bool {
        match (&self.point, Signature::from_slice(signature)) {
            (Some(point), Ok(signature)) => point.verify_strict(data, &signature).is_ok(),
            _ => false,
        }
    }
}

impl Ed25519Private {
    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.0.sign(data).to_bytes().to_vec()
    }
}

impl X25519Private {
    /// Section 26.3.1
    pub(crate) fn derive(&self, public: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*public));
        if !shared.was_contributory() {
            return Err(Error::operation("the other side's key is of small order"));
        }
        Ok(Zeroizing::new(shared.as_bytes().to_vec()))
    }
}
