//! RSA: signatures with both paddings, encryption with OAEP. Web Cryptography, sections 20 to 22; RFC 8017.
//!
//! Every private operation is blinded, by `private` (signatures) or by the rsa crate (decryption), and its
//! result is checked with the public key.

mod format;
mod generate;
mod private;
mod public;
mod usages;

pub(crate) use format::{export_private, export_public, import};
pub(crate) use generate::{check_generate, generate};
pub(crate) use private::PrivateKey;
pub(crate) use public::PublicKey;
pub(crate) use usages::{check_public_usages, private_usages, public_usages};
