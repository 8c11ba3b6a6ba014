//! Hash functions by name: of whole data, of data in pieces, and as a type for generic code.

use crate::algorithm::Hash;
use ::digest::Digest;

/// Calls generic code with the type of a hash: `with_hash!(hash, D => f::<D>(…))`.
macro_rules! with_hash {
    ($hash:expr, $D:ident => $body:expr) => {
        match $hash {
            $crate::algorithm::Hash::Sha1 => {
                type $D = sha1::Sha1;
                $body
            }
            $crate::algorithm::Hash::Sha256 => {
                type $D = sha2::Sha256;
                $body
            }
            $crate::algorithm::Hash::Sha384 => {
                type $D = sha2::Sha384;
                $body
            }
            $crate::algorithm::Hash::Sha512 => {
                type $D = sha2::Sha512;
                $body
            }
            $crate::algorithm::Hash::Sha3_256 => {
                type $D = sha3::Sha3_256;
                $body
            }
            $crate::algorithm::Hash::Sha3_384 => {
                type $D = sha3::Sha3_384;
                $body
            }
            $crate::algorithm::Hash::Sha3_512 => {
                type $D = sha3::Sha3_512;
                $body
            }
        }
    };
}
pub(crate) use with_hash;

/// The bytes of the longest digest.
pub const MAX_OUTPUT_BYTES: usize = 64;

/// A digest, stored without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    bytes: [u8; MAX_OUTPUT_BYTES],
    length: usize,
}

impl Output {
    pub(crate) fn of(slice: &[u8]) -> Self {
        let mut bytes = [0; MAX_OUTPUT_BYTES];
        bytes[..slice.len()].copy_from_slice(slice);
        Self { bytes, length: slice.len() }
    }
}

impl std::ops::Deref for Output {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The digest of `data`. Web Cryptography, section 14.3.5.
///
/// ```
/// use nano_subtle::{Hash, digest};
/// assert_eq!(digest(Hash::Sha256, b"")[..4], [0xe3, 0xb0, 0xc4, 0x42]);
/// ```
pub fn digest(hash: Hash, data: &[u8]) -> Output {
    with_hash!(hash, D => Output::of(&D::digest(data)))
}

/// Computes the digest of data that comes in pieces.
///
/// ```
/// use nano_subtle::{Digester, Hash, digest};
/// let mut digester = Digester::new(Hash::Sha512);
/// digester.update(b"a");
/// digester.update(b"bc");
/// assert_eq!(*digester.finish(), *digest(Hash::Sha512, b"abc"));
/// ```
#[derive(Clone)]
pub struct Digester(State);

#[derive(Clone)]
enum State {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
    Sha3_256(sha3::Sha3_256),
    Sha3_384(sha3::Sha3_384),
    Sha3_512(sha3::Sha3_512),
}

/// Runs the same code for every variant.
macro_rules! each {
    ($state:expr, $inner:ident => $body:expr) => {
        match $state {
            State::Sha1($inner) => $body,
            State::Sha256($inner) => $body,
            State::Sha384($inner) => $body,
            State::Sha512($inner) => $body,
            State::Sha3_256($inner) => $body,
            State::Sha3_384($inner) => $body,
            State::Sha3_512($inner) => $body,
        }
    };
}

impl Digester {
    /// Starts with no data.
    pub fn new(hash: Hash) -> Self {
        Self(match hash {
            Hash::Sha1 => State::Sha1(Digest::new()),
            Hash::Sha256 => State::Sha256(Digest::new()),
            Hash::Sha384 => State::Sha384(Digest::new()),
            Hash::Sha512 => State::Sha512(Digest::new()),
            Hash::Sha3_256 => State::Sha3_256(Digest::new()),
            Hash::Sha3_384 => State::Sha3_384(Digest::new()),
            Hash::Sha3_512 => State::Sha3_512(Digest::new()),
        })
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        each!(&mut self.0, inner => Digest::update(inner, data));
    }

    /// Returns the digest of all data.
    pub fn finish(self) -> Output {
        each!(self.0, inner => Output::of(&inner.finalize()))
    }
}

impl std::fmt::Debug for Digester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digester").finish_non_exhaustive()
    }
}
