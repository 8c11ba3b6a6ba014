//! The operations of `SubtleCrypto` (Web Cryptography, section 14.3), each with the checks of the
//! specification in its order. They find the function of the key's algorithm, and know nothing of how it
//! computes.
//!
//! Every operation runs to its end on the calling thread. These take longer than about a millisecond:
//! [`generate_key`] of RSA (seconds), private operations of RSA, PBKDF2, and megabytes of data.

mod cipher;
mod derive;
mod encapsulate;
mod export;
mod generate;
mod import;
mod public_key;
mod sign;
mod wrap;

pub use cipher::{decrypt, encrypt};
pub use derive::{DeriveParams, derive_bits, derive_key, derived_length, pbkdf2_work};
pub use encapsulate::{decapsulate_bits, encapsulate_bits};
pub use export::{export_key, serialize_key};
pub use generate::{check_generate_key, generate_key, generate_key_unless};
pub use import::import_key;
pub use public_key::public_key;
pub use sign::{sign, verify};
pub use wrap::{WrapParams, check_unwrap, check_wrap, unwrap_bytes, wrap_bytes};
