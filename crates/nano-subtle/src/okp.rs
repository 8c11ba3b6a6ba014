//! Curve25519: Ed25519 signatures and X25519 key agreement. Web Cryptography, sections 25 and 26; RFC 8032, RFC 7748.

use crate::algorithm::{Format, KeyAlgorithm};
use crate::asn1::{self, Parameters};
use crate::error::{Error, Result};
use crate::jwk::{JsonWebKey, encode, required_of};
use crate::key::{Key, KeyPair, KeyType, Material};
use crate::usage::Usages;
use crate::{Exported, KeyData, random};
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Any 32 bytes are imported; those that are no point verify nothing.
pub(crate) struct Ed25519Public {
    bytes: [u8; 32],
    point: Option<VerifyingKey>,
}

pub(crate) struct Ed25519Private(SigningKey);

pub(crate) struct X25519Private {
    secret: StaticSecret,
    public: [u8; 32],
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Okp {
    Ed25519,
    X25519,
}

impl Okp {
    const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::Ed25519 => KeyAlgorithm::Ed25519,
            Self::X25519 => KeyAlgorithm::X25519,
        }
    }

    const fn name(self) -> &'static str {
        self.algorithm_name()
    }

    const fn algorithm_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::X25519 => "X25519",
        }
    }

    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Ed25519 => asn1::ED25519,
            Self::X25519 => asn1::X25519,
        }
    }

    fn public_usages(self) -> Usages {
        match self {
            Self::Ed25519 => Usages::VERIFY,
            Self::X25519 => Usages::NONE,
        }
    }

    fn private_usages(self) -> Usages {
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

    fn check_usages(self, usages: Usages, allowed: Usages, what: &str) -> Result<()> {
        if allowed.contains(usages) {
            return Ok(());
        }
        Err(Error::syntax(format!("a {what} key for {} cannot have all of these usages", self.name())))
    }

    fn public(self, bytes: [u8; 32], extractable: bool, usages: Usages) -> Key {
        let material = match self {
            Self::Ed25519 => {
                let point = VerifyingKey::from_bytes(&bytes).ok();
                Material::Ed25519Public(Box::new(Ed25519Public { bytes, point }))
            }
            Self::X25519 => Material::X25519Public(bytes),
        };
        Key::new(KeyType::Public, self.algorithm(), extractable, usages, material)
    }

    /// The private key and the bytes of its public one.
    fn private(self, secret: &[u8; 32], extractable: bool, usages: Usages) -> (Key, [u8; 32]) {
        let (material, public) = match self {
            Self::Ed25519 => {
                let key = SigningKey::from_bytes(secret);
                let public = key.verifying_key().to_bytes();
                (Material::Ed25519Private(Box::new(Ed25519Private(key))), public)
            }
            Self::X25519 => {
                let secret = StaticSecret::from(*secret);
                let public = PublicKey::from(&secret).to_bytes();
                (Material::X25519Private(Box::new(X25519Private { secret, public })), public)
            }
        };
        (Key::new(KeyType::Private, self.algorithm(), extractable, usages, material), public)
    }

    pub(crate) fn generate(self, extractable: bool, usages: Usages) -> Result<KeyPair> {
        self.check_usages(usages, self.public_usages() | self.private_usages(), "new")?;
        crate::require_some(usages.intersection(self.private_usages()))?;
        let mut secret = Zeroizing::new([0; 32]);
        random::fill(&mut *secret)?;
        let (private, public) =
            self.private(&secret, extractable, usages.intersection(self.private_usages()));
        Ok(KeyPair { public: self.public(public, true, usages.intersection(self.public_usages())), private })
    }

    pub(crate) fn import(
        self,
        format: Format,
        data: KeyData<'_>,
        extractable: bool,
        usages: Usages,
    ) -> Result<Key> {
        match (format, data) {
            (Format::Spki, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.public_usages(), "public")?;
                let bytes = asn1::public_key(bytes, self.oid(), Parameters::Absent)?;
                Ok(self.public(self.exactly(bytes)?, extractable, usages))
            }
            (Format::Pkcs8, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.private_usages(), "private")?;
                let (inner, _) = asn1::private_key(bytes, self.oid(), Parameters::Absent)?;
                // CurvePrivateKey ::= OCTET STRING. RFC 8410, section 7
                let inner = <&OctetStringRef>::from_der(inner)
                    .map_err(|_| Error::data("the PrivateKeyInfo holds no CurvePrivateKey"))?;
                let secret = Zeroizing::new(self.exactly(inner.as_bytes())?);
                Ok(self.private(&secret, extractable, usages).0)
            }
            (Format::Raw | Format::RawPublic, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.public_usages(), "public")?;
                Ok(self.public(self.exactly(bytes)?, extractable, usages))
            }
            (Format::Jwk, KeyData::Jwk(jwk)) => self.import_jwk(jwk, extractable, usages),
            _ => {
                let message = format!("a key for {} cannot be imported as {}", self.name(), format.name());
                Err(Error::unsupported(message))
            }
        }
    }

    /// RFC 8037, section 2
    fn import_jwk(self, jwk: &JsonWebKey, extractable: bool, usages: Usages) -> Result<Key> {
        if jwk.d.is_some() {
            self.check_usages(usages, self.private_usages(), "private")?;
        } else {
            self.check_usages(usages, self.public_usages(), "public")?;
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
            return Ok(self.public(*x, extractable, usages));
        }
        let d = required_of::<32>(&jwk.d, "d")?;
        let (key, public) = self.private(&d, extractable, usages);
        if public != *x {
            return Err(Error::data("the JWK's x and d do not belong together"));
        }
        Ok(key)
    }

    fn exactly(self, bytes: &[u8]) -> Result<[u8; 32]> {
        bytes.try_into().map_err(|_| Error::data(format!("a key for {} has 32 bytes", self.name())))
    }

    pub(crate) fn export_public(self, format: Format, bytes: &[u8; 32]) -> Result<Exported> {
        match format {
            Format::Raw | Format::RawPublic => Ok(Exported::Bytes(bytes.to_vec().into())),
            Format::Spki => {
                Ok(Exported::Bytes(asn1::encode_public(self.oid(), Parameters::Absent, bytes)?.into()))
            }
            Format::Jwk => Ok(Exported::Jwk(self.jwk(bytes, None))),
            _ => Err(self.cannot_export("public", format)),
        }
    }

    pub(crate) fn export_private(
        self,
        format: Format,
        secret: &[u8; 32],
        public: &[u8; 32],
    ) -> Result<Exported> {
        match format {
            Format::Pkcs8 => {
                let inner = OctetStringRef::new(secret).and_then(|inner| inner.to_der()).map(Zeroizing::new);
                let inner = inner.map_err(|_| Error::operation("the key cannot be encoded"))?;
                Ok(Exported::Bytes(asn1::encode_private(self.oid(), Parameters::Absent, &inner)?))
            }
            Format::Jwk => Ok(Exported::Jwk(self.jwk(public, Some(secret)))),
            _ => Err(self.cannot_export("private", format)),
        }
    }

    fn jwk(self, public: &[u8; 32], secret: Option<&[u8; 32]>) -> JsonWebKey {
        let mut jwk = JsonWebKey::of_type("OKP");
        jwk.crv = Some(self.name().into());
        // "Modern" RFC 9864 name; X25519 has none.
        jwk.alg = (self == Self::Ed25519).then(|| "Ed25519".into());
        jwk.x = Some(encode(public));
        jwk.d = secret.map(|secret| encode(secret));
        jwk
    }

    fn cannot_export(self, what: &str, format: Format) -> Error {
        crate::cannot_export(what, self.name(), format)
    }
}

impl Ed25519Public {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Section 25.3.2: RFC 8032, section 5.1.7, without the cofactor, and refusing points of small order.
    pub(crate) fn verify(&self, signature: &[u8], data: &[u8]) -> bool {
        match (&self.point, Signature::from_slice(signature)) {
            (Some(point), Ok(signature)) => point.verify_strict(data, &signature).is_ok(),
            _ => false,
        }
    }
}

impl Ed25519Private {
    pub(crate) fn secret(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.0.sign(data).to_bytes().to_vec()
    }
}

impl X25519Private {
    pub(crate) fn secret(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Section 26.3.1
    pub(crate) fn derive(&self, public: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*public));
        if !shared.was_contributory() {
            return Err(Error::operation("the other side's key is of small order"));
        }
        Ok(Zeroizing::new(shared.as_bytes().to_vec()))
    }
}
