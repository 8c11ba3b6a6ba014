//! What ML-KEM and ML-DSA keys have in common: formats around a public key's bytes and a private key's seed.
//!
//! JWK's `AKP` and the private key's CHOICE are of the drafts that "Modern Algorithms" refers to (RFC 9881, RFC 9935 and
//! draft-ietf-cose-dilithium).

use crate::algorithm::Format;
use crate::asn1::{self, Parameters};
use crate::error::{Error, Result};
use crate::jwk::{JsonWebKey, encode, required};
use crate::key::Key;
use crate::usage::Usages;
use crate::{Exported, KeyData};
use der::Decode;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use zeroize::Zeroizing;

/// One parameter set of one of the two.
pub(crate) struct Akp {
    pub(crate) name: &'static str,
    pub(crate) oid: ObjectIdentifier,
    pub(crate) seed_bytes: usize,
    pub(crate) public_usages: Usages,
    pub(crate) private_usages: Usages,
    /// What a JWK says in `use`.
    pub(crate) jwk_use: &'static str,
    pub(crate) make_public: fn(&[u8], bool, Usages) -> Result<Key>,
    pub(crate) make_private: fn(&[u8], bool, Usages) -> Result<Private>,
}

/// A private key, and its public key's bytes.
pub(crate) type Private = (Key, Vec<u8>);

impl Akp {
    pub(crate) fn check_usages(&self, usages: Usages, allowed: Usages, what: &str) -> Result<()> {
        if allowed.contains(usages) {
            return Ok(());
        }
        Err(Error::syntax(format!("a {what} key for {} cannot have all of these usages", self.name)))
    }

    pub(crate) fn import(
        &self,
        format: Format,
        data: KeyData<'_>,
        extractable: bool,
        usages: Usages,
    ) -> Result<Key> {
        match (format, data) {
            (Format::Spki, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.public_usages, "public")?;
                let bytes = asn1::public_key(bytes, self.oid, Parameters::Absent)?;
                (self.make_public)(bytes, extractable, usages)
            }
            (Format::RawPublic, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.public_usages, "public")?;
                (self.make_public)(bytes, extractable, usages)
            }
            (Format::Pkcs8, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.private_usages, "private")?;
                let (inner, _) = asn1::private_key(bytes, self.oid, Parameters::Absent)?;
                (self.make_private)(self.seed_of(inner)?, extractable, usages).map(|made| made.0)
            }
            (Format::RawSeed, KeyData::Bytes(bytes)) => {
                self.check_usages(usages, self.private_usages, "private")?;
                (self.make_private)(bytes, extractable, usages).map(|made| made.0)
            }
            (Format::Jwk, KeyData::Jwk(jwk)) => self.import_jwk(jwk, extractable, usages),
            _ => {
                let message = format!("a key for {} cannot be imported as {}", self.name, format.name());
                Err(Error::unsupported(message))
            }
        }
    }

    /// `CHOICE { seed [0] OCTET STRING, expandedKey OCTET STRING, both SEQUENCE { seed, expandedKey } }`: only forms with the
    /// seed are keys here.
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

    fn import_jwk(&self, jwk: &JsonWebKey, extractable: bool, usages: Usages) -> Result<Key> {
        if jwk.priv_.is_some() {
            self.check_usages(usages, self.private_usages, "private")?;
        } else {
            self.check_usages(usages, self.public_usages, "public")?;
        }
        jwk.check_kty("AKP")?;
        if jwk.alg.as_deref() != Some(self.name) {
            return Err(Error::data(format!("the JWK's alg is not {}", self.name)));
        }
        jwk.check_use(self.jwk_use, usages, extractable)?;
        let public = required(&jwk.pub_, "pub")?;
        if jwk.priv_.is_none() {
            return (self.make_public)(&public, extractable, usages);
        }
        let (key, of_private) = (self.make_private)(&required(&jwk.priv_, "priv")?, extractable, usages)?;
        if of_private != *public {
            return Err(Error::data("the JWK's pub and priv do not belong together"));
        }
        Ok(key)
    }

    pub(crate) fn export_public(&self, format: Format, bytes: Vec<u8>) -> Result<Exported> {
        match format {
            Format::RawPublic => Ok(Exported::Bytes(bytes.into())),
            Format::Spki => {
                Ok(Exported::Bytes(asn1::encode_public(self.oid, Parameters::Absent, &bytes)?.into()))
            }
            Format::Jwk => Ok(Exported::Jwk(self.jwk(&bytes, None))),
            _ => Err(crate::cannot_export("public", self.name, format)),
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
            _ => Err(crate::cannot_export("private", self.name, format)),
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
    Error::data(format!("the data has not the length of a key for {name}"))
}
