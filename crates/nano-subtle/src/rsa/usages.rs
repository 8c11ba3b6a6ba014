//! The usages that RSA keys can have. Web Cryptography, sections 20 to 22.

use crate::algorithm::RsaScheme;
use crate::error::Result;
use crate::usage::Usages;

pub(crate) fn public_usages(scheme: RsaScheme) -> Usages {
    match scheme {
        RsaScheme::Oaep => Usages::ENCRYPT | Usages::WRAP_KEY,
        _ => Usages::VERIFY,
    }
}

pub(crate) fn private_usages(scheme: RsaScheme) -> Usages {
    match scheme {
        RsaScheme::Oaep => Usages::DECRYPT | Usages::UNWRAP_KEY,
        _ => Usages::SIGN,
    }
}

/// Refuses usages that a public key cannot have.
pub(crate) fn check_public_usages(scheme: RsaScheme, usages: Usages) -> Result<()> {
    usages.require_within(public_usages(scheme), "public key", scheme.name())
}

/// Refuses usages that a private key cannot have.
pub(super) fn check_private_usages(scheme: RsaScheme, usages: Usages) -> Result<()> {
    usages.require_within(private_usages(scheme), "private key", scheme.name())
}
