//! The usages of a key: `KeyUsage` of the specification, section 13, and those that "Modern Algorithms" adds.

use crate::error::{Error, Result};
use std::fmt;

/// A set of usages.
///
/// ```
/// use nano_subtle::Usages;
/// let usages = Usages::SIGN | Usages::VERIFY;
/// assert!(usages.contains(Usages::SIGN));
/// assert_eq!(usages.names().collect::<Vec<_>>(), ["sign", "verify"]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Usages(u16);

/// The names in the order of the bits, which is the order in which the specification lists them.
const NAMES: [&str; 12] = [
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "deriveKey",
    "deriveBits",
    "wrapKey",
    "unwrapKey",
    "encapsulateKey",
    "encapsulateBits",
    "decapsulateKey",
    "decapsulateBits",
];

impl Usages {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// `encrypt`
    pub const ENCRYPT: Self = Self(1);
    /// `decrypt`
    pub const DECRYPT: Self = Self(1 << 1);
    /// `sign`
    pub const SIGN: Self = Self(1 << 2);
    /// `verify`
    pub const VERIFY: Self = Self(1 << 3);
    /// `deriveKey`
    pub const DERIVE_KEY: Self = Self(1 << 4);
    /// `deriveBits`
    pub const DERIVE_BITS: Self = Self(1 << 5);
    /// `wrapKey`
    pub const WRAP_KEY: Self = Self(1 << 6);
    /// `unwrapKey`
    pub const UNWRAP_KEY: Self = Self(1 << 7);
    /// `encapsulateKey`
    pub const ENCAPSULATE_KEY: Self = Self(1 << 8);
    /// `encapsulateBits`
    pub const ENCAPSULATE_BITS: Self = Self(1 << 9);
    /// `decapsulateKey`
    pub const DECAPSULATE_KEY: Self = Self(1 << 10);
    /// `decapsulateBits`
    pub const DECAPSULATE_BITS: Self = Self(1 << 11);

    pub(crate) const CIPHER: Self = Self(1 | 1 << 1 | 1 << 6 | 1 << 7);
    pub(crate) const SIGNATURE: Self = Self(1 << 2 | 1 << 3);
    pub(crate) const WRAP: Self = Self(1 << 6 | 1 << 7);
    pub(crate) const DERIVE: Self = Self(1 << 4 | 1 << 5);
    pub(crate) const ENCAPSULATE: Self = Self(1 << 8 | 1 << 9);
    pub(crate) const DECAPSULATE: Self = Self(1 << 10 | 1 << 11);

    /// The set of these bits, one for each name in the order of the specification; `None` if other bits are
    /// set.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits < 1 << NAMES.len() { Some(Self(bits)) } else { None }
    }

    /// The bits, one for each name in the order of the specification.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The usage of this name, as `KeyUsage` spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().position(|known| *known == name).map(|index| Self(1 << index))
    }

    /// Whether every usage of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether some usage of `other` is in this set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The usages that are in both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the usages, in the order of the specification.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(index, _)| self.0 & 1 << index != 0).map(|(_, name)| *name)
    }

    /// Refuses usages that a key cannot have. `key` and `algorithm` describe the key in the error.
    pub(crate) fn require_within(self, allowed: Self, key: &str, algorithm: &str) -> Result<()> {
        if allowed.contains(self) {
            return Ok(());
        }
        Err(Error::syntax(format!("a {key} for {algorithm} cannot have all of these usages")))
    }

    /// Refuses a secret or private key without a usage.
    pub(crate) fn require_some(self) -> Result<()> {
        if self.is_empty() { Err(Error::syntax("the key would have no usage")) } else { Ok(()) }
    }
}

impl std::ops::BitOr for Usages {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Usages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
