//! Generation and formats that ML-KEM and ML-DSA share: a public key's bytes and a private key's seed.
//!
//! JWK's `AKP` and the private key's CHOICE are of the drafts that "Modern Algorithms" refers to (RFC 9881,
//! RFC 9935 and draft-ietf-cose-dilithium).

use crate::algorithm::Format;
use crate::asn1::{self, Parameters};
use crate::error::{Error, Result};
use crate::format::{Exported, Half, KeyData, cannot_export_half, cannot_import};
use crate::jwk::{JsonWebKey, encode, required};
use crate::random;
use crate::usage::Usages;
use der::Decode;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use zeroize::Zeroizing;

/// A parameter set of one of the two, with public keys of type `P` and private keys of type `S`. JSON Web Key
/// calls them "algorithm key pairs".
pub(crate) struct Akp<P, S> {
    pub(crate) name: &'static str,
    pub(crate) oid: ObjectIdentifier,
    pub(crate) seed_bytes: usize,
    pub(crate) public_usages: Usages,
    pub(crate) private_usages: Usages,
    /// The value of `use` in a JWK.
    pub(crate) jwk_use: &'static str,
    pub(crate) make_public: fn(&[u8]) -> Result<P>,
    pub(crate) make_private: fn(&[u8]) -> Result<PrivateAndPublicBytes<S>>,
}

/// A private key and the bytes of its public key.
pub(crate) type PrivateAndPublicBytes<S> = (S, Vec<u8>);

impl<P, S> Akp<P, S> {
    /// Refuses usages that a public key cannot have.
    pub(crate) fn check_public_usages(&self, usages: Usages) -> Result<()> {
        usages.require_within(self.public_usages, "public key", self.name)
    }

    fn check_private_usages(&self, usages: Usages) -> Result<()> {
        usages.require_within(self.private_usages, "private key", self.name)
    }

    pub(crate) fn generate(&self, usages: Usages) -> Result<(P, S)> {
        usages.require_within(self.public_usages | self.private_usages, "new key", self.name)?;
        usages.intersection(self.private_usages).require_some()?;
        let seed = random::secret(self.seed_bytes)?;
        let (private, public) = (self.make_private)(&seed)?;
        Ok(((self.make_public)(&public)?, private))
    }

    pub(crate) fn import(
        &self,
        format: Format,
        data: KeyData<'_>,
        extractable: bool,
        usages: Usages,
    ) -> Result<Half<P, S>> {
        match (format, data) {
            (Format::Spki, KeyData::Bytes(bytes)) => {
                self.check_public_usages(usages)?;
                let bytes = asn1::public_key(bytes, self.oid, Parameters::Absent)?;
                Ok(Half::Public((self.make_public)(bytes)?))
            }
            (Format::RawPublic, KeyData::Bytes(bytes)) => {
                self.check_public_usages(usages)?;
                Ok(Half::Public((self.make_public)(bytes)?))
            }
            (Format::Pkcs8, KeyData::Bytes(bytes)) => {
                self.check_private_usages(usages)?;
                let (inner, _) = asn1::private_key(bytes, self.oid, Parameters::Absent)?;
                Ok(Half::Private((self.make_private)(self.seed_of(inner)?)?.0))
            }
            (Format::RawSeed, KeyData::Bytes(bytes)) => {
                self.check_private_usages(usages)?;
                Ok(Half::Private((self.make_private)(bytes)?.0))
            }
            (Format::Jwk, KeyData::Jwk(jwk)) => self.import_jwk(jwk, extractable, usages),
            _ => Err(cannot_import(self.name, format)),
        }
    }

    /// The seed in `CHOICE { seed [0] OCTET STRING, expandedKey OCTET STRING, both SEQUENCE { seed,
    /// expandedKey } }`. Forms without the seed are refused.
    fn seed_of<'a>(&self, inner: &'a [u8]) -> Result<&'a [u8]> {
        let length = u8::try_from(self.seed_bytes).unwrap_or(0);
        match inner {
            [0x80, given, seed @ ..] if *given == length && seed.len() == self.seed_bytes => Ok(seed),
            [0x04, ..] => Err(Error::unsupported("a private key without its seed is not supported")),
            [0x30, ..] => {
                let both = Vec::<&OctetStringRef>::from_der(inner);
                match both.as_deref() {
                    Ok([seed, _]) => Ok(seed.as_bytes()),
                    _ => Err(Error::data("the PrivateKeyInfo holds no private key of this algorithm")),
                }
            }
            _ => Err(Error::data("the PrivateKeyInfo holds no private key of this algorithm")),
        }
    }

    fn import_jwk(&self, jwk: &JsonWebKey, extractable: bool, usages: Usages) -> Result<Half<P, S>> {
        if jwk.priv_.is_some() {
            self.check_private_usages(usages)?;
        } else {
            self.check_public_usages(usages)?;
        }
        jwk.check_kty("AKP")?;
        if jwk.alg.as_deref() != Some(self.name) {
            return Err(Error::data(format!("the JWK's alg is not {}", self.name)));
        }
        jwk.check_use(self.jwk_use, usages, extractable)?;
        let public = required(&jwk.pub_, "pub")?;
        if jwk.priv_.is_none() {
            return Ok(Half::Public((self.make_public)(&public)?));
        }
        let (key, public_of_key) = (self.make_private)(&required(&jwk.priv_, "priv")?)?;
        if public_of_key != *public {
            return Err(Error::data("the JWK's pub and priv do not belong together"));
        }
        Ok(Half::Private(key))
    }

    pub(crate) fn export_public(&self, format: Format, bytes: Vec<u8>) -> Result<Exported> {
        match format {
            Format::RawPublic => Ok(Exported::Bytes(bytes.into())),
            Format::Spki => {
                Ok(Exported::Bytes(asn1::encode_public(self.oid, Parameters::Absent, &bytes)?.into()))
            }
            Format::Jwk => Ok(Exported::Jwk(self.jwk(&bytes, None))),
            _ => Err(cannot_export_half("public", self.name, format)),
        }
    }

    pub(crate) fn export_private(&self, format: Format, seed: &[u8], public: &[u8]) -> Result<Exported> {
        match format {
            Format::RawSeed => Ok(Exported::Bytes(Zeroizing::new(seed.to_vec()))),
            Format::Pkcs8 => {
                let mut inner = Zeroizing::new(vec![0x80, u8::try_from(self.seed_bytes).unwrap_or(0)]);
                inner.extend_from_slice(seed);
                Ok(Exported::Bytes(asn1::encode_private(self.oid, Parameters::Absent, &inner)?))
            }
            Format::Jwk => Ok(Exported::Jwk(self.jwk(public, Some(seed)))),
            _ => Err(cannot_export_half("private", self.name, format)),
        }
    }

    fn jwk(&self, public: &[u8], seed: Option<&[u8]>) -> JsonWebKey {
        let mut jwk = JsonWebKey::of_type("AKP");
        jwk.alg = Some(self.name.into());
        jwk.pub_ = Some(encode(public));
        jwk.priv_ = seed.map(encode);
        jwk
    }
}

pub(crate) fn wrong_length(name: &str) -> Error {
    Error::data(format!("the data does not have the length of a key for {name}"))
}
