//! JSON Web Key, RFC 7517: its members, and the checks that all kinds of keys share. Web Cryptography,
//! section 15.
//!
//! It is a structure, not text: the caller parses and prints JSON.

use crate::error::{Error, Result};
use crate::usage::Usages;
use base64_simd::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The members of a JWK that keys of this crate have. Each is absent, or the text of the JSON.
///
/// Members that may be secret are wiped from memory when it is dropped; `Debug` shows only the kind of key.
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 7517 and RFC 7518, section 6")]
pub struct JsonWebKey {
    pub kty: Option<String>,
    /// `use`
    pub use_: Option<String>,
    pub key_ops: Option<Vec<String>>,
    pub alg: Option<String>,
    pub ext: Option<bool>,
    pub crv: Option<String>,
    pub x: Option<String>,
    pub y: Option<String>,
    pub d: Option<String>,
    pub n: Option<String>,
    pub e: Option<String>,
    pub p: Option<String>,
    pub q: Option<String>,
    pub dp: Option<String>,
    pub dq: Option<String>,
    pub qi: Option<String>,
    /// Whether there is an `oth` member: keys of more than two primes are not supported.
    pub oth: bool,
    pub k: Option<String>,
    /// `pub`, of algorithm key pairs (kty `AKP`)
    pub pub_: Option<String>,
    /// `priv`, likewise
    pub priv_: Option<String>,
}

impl JsonWebKey {
    /// The members whose values are text, with their names, in alphabetical order, as Web IDL converts the
    /// members of a dictionary.
    pub fn texts_mut(&mut self) -> [(&'static str, &mut Option<String>); 17] {
        [
            ("alg", &mut self.alg),
            ("crv", &mut self.crv),
            ("d", &mut self.d),
            ("dp", &mut self.dp),
            ("dq", &mut self.dq),
            ("e", &mut self.e),
            ("k", &mut self.k),
            ("kty", &mut self.kty),
            ("n", &mut self.n),
            ("p", &mut self.p),
            ("priv", &mut self.priv_),
            ("pub", &mut self.pub_),
            ("q", &mut self.q),
            ("qi", &mut self.qi),
            ("use", &mut self.use_),
            ("x", &mut self.x),
            ("y", &mut self.y),
        ]
    }

    pub(crate) fn for_octets(bytes: &[u8], alg: Option<String>) -> Self {
        let mut jwk = Self::of_type("oct");
        jwk.k = Some(encode(bytes));
        jwk.alg = alg;
        jwk
    }

    pub(crate) fn of_type(kty: &str) -> Self {
        let mut jwk = Self::default();
        jwk.kty = Some(kty.into());
        jwk
    }

    /// The key of `kty: "oct"`. RFC 7518, section 6.4
    pub(crate) fn octets(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.check_kty("oct")?;
        required(&self.k, "k")
    }

    pub(crate) fn check_kty(&self, expected: &str) -> Result<()> {
        if self.kty.as_deref() == Some(expected) {
            return Ok(());
        }
        Err(Error::data(format!("the JWK's kty is not {expected}")))
    }

    pub(crate) fn check_crv(&self, expected: &str) -> Result<()> {
        if self.crv.as_deref() == Some(expected) {
            return Ok(());
        }
        Err(Error::data(format!("the JWK's crv is not {expected}")))
    }

    /// Checks that `alg`, if present, is the expected one.
    pub(crate) fn check_alg(&self, expected: Option<String>) -> Result<()> {
        match (&self.alg, expected) {
            (Some(alg), Some(expected)) if *alg != expected => {
                Err(Error::data(format!("the JWK's alg is not {expected}")))
            }
            _ => Ok(()),
        }
    }

    /// Checks that `use`, `key_ops` and `ext`, if present, permit these usages.
    pub(crate) fn check_use(&self, expected: &str, usages: Usages, extractable: bool) -> Result<()> {
        if let Some(use_) = &self.use_
            && !usages.is_empty()
            && use_ != expected
        {
            return Err(Error::data(format!("the JWK's use is not {expected}")));
        }
        if let Some(operations) = &self.key_ops {
            let twice = operations
                .iter()
                .enumerate()
                .any(|(index, operation)| operations[..index].contains(operation));
            if twice {
                return Err(Error::data("the JWK's key_ops names an operation twice"));
            }
            if !usages.names().all(|usage| operations.iter().any(|operation| operation == usage)) {
                return Err(Error::data("the JWK's key_ops does not permit these usages"));
            }
        }
        if self.ext == Some(false) && extractable {
            return Err(Error::data("the JWK's ext says that the key is not extractable"));
        }
        Ok(())
    }

    /// Sets `key_ops` and `ext`, which every exported key has.
    pub(crate) fn with_use(mut self, usages: Usages, extractable: bool) -> Self {
        self.key_ops = Some(usages.names().map(str::to_owned).collect());
        self.ext = Some(extractable);
        self
    }
}

impl Drop for JsonWebKey {
    fn drop(&mut self) {
        for secret in [
            &mut self.d,
            &mut self.p,
            &mut self.q,
            &mut self.dp,
            &mut self.dq,
            &mut self.qi,
            &mut self.k,
            &mut self.priv_,
        ] {
            secret.zeroize();
        }
    }
}

impl fmt::Debug for JsonWebKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonWebKey")
            .field("kty", &self.kty)
            .field("alg", &self.alg)
            .field("crv", &self.crv)
            .finish_non_exhaustive()
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The bytes of a member that must be present.
pub(crate) fn required(member: &Option<String>, name: &str) -> Result<Zeroizing<Vec<u8>>> {
    let Some(text) = member else { return Err(Error::data(format!("the JWK has no {name}"))) };
    URL_SAFE_NO_PAD
        .decode_to_vec(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| Error::data(format!("the JWK's {name} is not base64url")))
}

/// The bytes of a member that must be present and have `N` bytes.
pub(crate) fn required_of<const N: usize>(member: &Option<String>, name: &str) -> Result<Zeroizing<[u8; N]>> {
    let bytes = required(member, name)?;
    match <[u8; N]>::try_from(bytes.as_slice()) {
        Ok(array) => Ok(Zeroizing::new(array)),
        Err(_) => Err(Error::data(format!("the JWK's {name} does not have {N} bytes"))),
    }
}
