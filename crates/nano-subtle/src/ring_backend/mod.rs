//! Cases that ring computes faster than RustCrypto: AES-GCM with the usual lengths, ECDSA on P-256, and the
//! verification of RSA signatures. Reasons and figures are in docs/decisions/cryptography.md.
//!
//! A function returns `None` where ring does not have the case; the caller then computes it with RustCrypto,
//! with the same result. Without the feature `ring` every function returns `None`. It does not know the
//! formats of keys.

#[cfg(feature = "ring")]
mod enabled;
#[cfg(feature = "ring")]
pub(crate) use enabled::{Gcm, P256, verify_p256, verify_rsa};

#[cfg(not(feature = "ring"))]
mod disabled;
#[cfg(not(feature = "ring"))]
pub(crate) use disabled::{Gcm, P256, verify_p256, verify_rsa};
