//! The algorithms' names and parameters, as types.
//!
//! Strings become these in [`from_name`](Hash::from_name) functions, which compare without case, as the specification's
//! "normalize an algorithm" does (section 18.4.4).

/// Defines an enum of named things with `name` and `from_name`.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$doc])* $variant),* }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the specification's spelling.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The one of this name, whatever its case.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

named! {
    /// Hash functions. Web Cryptography section 30; the SHA-3 ones are of "Modern Algorithms".
    Hash {
        /// SHA-1: broken for signatures; kept for what exists.
        Sha1 = "SHA-1",
        /// SHA-256
        Sha256 = "SHA-256",
        /// SHA-384
        Sha384 = "SHA-384",
        /// SHA-512
        Sha512 = "SHA-512",
        /// SHA3-256
        Sha3_256 = "SHA3-256",
        /// SHA3-384
        Sha3_384 = "SHA3-384",
        /// SHA3-512
        Sha3_512 = "SHA3-512",
    }
}

impl Hash {
    /// Bytes of a digest.
    pub const fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// Bytes of a block: the length that an HMAC key has by default. FIPS 180-4, FIPS 202.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            Self::Sha3_256 => 136,
            Self::Sha3_384 => 104,
            Self::Sha3_512 => 72,
        }
    }

    /// What JSON Web Algorithms call it behind `HS`, `RS`, `PS`. The SHA-3 ones have no such name.
    pub(crate) const fn jwa_suffix(self) -> Option<&'static str> {
        match self {
            Self::Sha1 => Some("1"),
            Self::Sha256 => Some("256"),
            Self::Sha384 => Some("384"),
            Self::Sha512 => Some("512"),
            _ => None,
        }
    }
}

named! {
    /// What an AES key is for.
    AesMode {
        /// Galois/Counter mode. Section 29.
        Gcm = "AES-GCM",
        /// Cipher block chaining with PKCS#7 padding. Section 28.
        Cbc = "AES-CBC",
        /// Counter mode. Section 27.
        Ctr = "AES-CTR",
        /// Key wrap, RFC 3394. Section 30.
        Kw = "AES-KW",
    }
}

named! {
    /// What an RSA key is for.
    RsaScheme {
        /// Signatures with the padding of PKCS#1 v1.5. Section 20.
        Pkcs1 = "RSASSA-PKCS1-v1_5",
        /// Signatures with probabilistic padding. Section 21.
        Pss = "RSA-PSS",
        /// Encryption with optimal asymmetric padding. Section 22.
        Oaep = "RSA-OAEP",
    }
}

named! {
    /// What a key on a NIST curve is for.
    EcScheme {
        /// Signatures. Section 23.
        Ecdsa = "ECDSA",
        /// Key agreement. Section 24.
        Ecdh = "ECDH",
    }
}

named! {
    /// The NIST curves.
    Curve {
        /// secp256r1
        P256 = "P-256",
        /// secp384r1
        P384 = "P-384",
        /// secp521r1
        P521 = "P-521",
    }
}

impl Curve {
    /// Bytes of a coordinate and of a secret scalar.
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

named! {
    /// Parameter sets of ML-KEM, FIPS 203. "Modern Algorithms".
    MlKemSet {
        /// Security category 1.
        MlKem512 = "ML-KEM-512",
        /// Security category 3.
        MlKem768 = "ML-KEM-768",
        /// Security category 5.
        MlKem1024 = "ML-KEM-1024",
    }
}

named! {
    /// Parameter sets of ML-DSA, FIPS 204. "Modern Algorithms".
    MlDsaSet {
        /// Security category 2.
        MlDsa44 = "ML-DSA-44",
        /// Security category 3.
        MlDsa65 = "ML-DSA-65",
        /// Security category 5.
        MlDsa87 = "ML-DSA-87",
    }
}

named! {
    /// In which form a key comes or goes. Section 13, `KeyFormat`; the three long ones are of "Modern Algorithms".
    Format {
        /// Bytes: a secret key, or a public key's point.
        Raw = "raw",
        /// PKCS#8 `PrivateKeyInfo`, DER.
        Pkcs8 = "pkcs8",
        /// X.509 `SubjectPublicKeyInfo`, DER.
        Spki = "spki",
        /// JSON Web Key.
        Jwk = "jwk",
        /// Bytes of a public key.
        RawPublic = "raw-public",
        /// The seed that a private key is made of.
        RawSeed = "raw-seed",
        /// Bytes of a secret key.
        RawSecret = "raw-secret",
    }
}

/// What `CryptoKey.algorithm` says of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// `AesKeyAlgorithm`
    Aes {
        /// What it is for.
        mode: AesMode,
        /// Bits: 128, 192 or 256.
        length: u16,
    },
    /// `HmacKeyAlgorithm`
    Hmac {
        /// The inner hash.
        hash: Hash,
        /// Bits.
        length: u32,
    },
    /// `RsaHashedKeyAlgorithm`
    Rsa {
        /// What it is for.
        scheme: RsaScheme,
        /// Bits of the modulus.
        modulus_length: u32,
        /// The public exponent, big endian, without leading zeros.
        public_exponent: Box<[u8]>,
        /// The hash that it is used with.
        hash: Hash,
    },
    /// `EcKeyAlgorithm`
    Ec {
        /// What it is for.
        scheme: EcScheme,
        /// Its curve.
        curve: Curve,
    },
    /// Ed25519, section 25.
    Ed25519,
    /// X25519, section 26.
    X25519,
    /// Input of HKDF, section 32.
    Hkdf,
    /// A password for PBKDF2, section 33.
    Pbkdf2,
    /// ChaCha20-Poly1305 of "Modern Algorithms"; always 256 bits.
    ChaCha20Poly1305,
    /// A key of ML-KEM.
    MlKem(MlKemSet),
    /// A key of ML-DSA.
    MlDsa(MlDsaSet),
}

impl KeyAlgorithm {
    /// `KeyAlgorithm.name`
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Aes { mode, .. } => mode.name(),
            Self::Hmac { .. } => "HMAC",
            Self::Rsa { scheme, .. } => scheme.name(),
            Self::Ec { scheme, .. } => scheme.name(),
            Self::Ed25519 => "Ed25519",
            Self::X25519 => "X25519",
            Self::Hkdf => "HKDF",
            Self::Pbkdf2 => "PBKDF2",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Self::MlKem(set) => set.name(),
            Self::MlDsa(set) => set.name(),
        }
    }
}

/// What [`generate_key`](crate::generate_key) is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerateParams {
    /// `AesKeyGenParams`
    Aes {
        /// What it is for.
        mode: AesMode,
        /// Bits: 128, 192 or 256.
        length: u16,
    },
    /// `HmacKeyGenParams`
    Hmac {
        /// The inner hash.
        hash: Hash,
        /// Bits; a block of the hash if absent.
        length: Option<u32>,
    },
    /// `RsaHashedKeyGenParams`
    Rsa {
        /// What it is for.
        scheme: RsaScheme,
        /// Bits: [`RSA_GENERATE_BITS_MIN`](crate::limits::RSA_GENERATE_BITS_MIN) to
        /// [`RSA_BITS_MAX`](crate::limits::RSA_BITS_MAX).
        modulus_length: u32,
        /// Big endian; odd, from 3 to [`RSA_EXPONENT_MAX`](crate::limits::RSA_EXPONENT_MAX).
        public_exponent: Vec<u8>,
        /// The hash that it is used with.
        hash: Hash,
    },
    /// `EcKeyGenParams`
    Ec {
        /// What it is for.
        scheme: EcScheme,
        /// Its curve.
        curve: Curve,
    },
    /// A pair for signatures.
    Ed25519,
    /// A pair for key agreement.
    X25519,
    /// A secret key.
    ChaCha20Poly1305,
    /// A pair for encapsulation.
    MlKem(MlKemSet),
    /// A pair for signatures.
    MlDsa(MlDsaSet),
}

/// What [`import_key`](crate::import_key) is to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportParams {
    /// A secret key; its length says which of the three it is.
    Aes(AesMode),
    /// `HmacImportParams`
    Hmac {
        /// The inner hash.
        hash: Hash,
        /// Bits; those of the data if absent.
        length: Option<u32>,
    },
    /// `RsaHashedImportParams`
    Rsa {
        /// What it is for.
        scheme: RsaScheme,
        /// The hash that it is used with.
        hash: Hash,
    },
    /// `EcKeyImportParams`
    Ec {
        /// What it is for.
        scheme: EcScheme,
        /// Its curve.
        curve: Curve,
    },
    /// A key for signatures.
    Ed25519,
    /// A key for key agreement.
    X25519,
    /// Input of HKDF.
    Hkdf,
    /// A password.
    Pbkdf2,
    /// A secret key.
    ChaCha20Poly1305,
    /// A key for encapsulation.
    MlKem(MlKemSet),
    /// A key for signatures.
    MlDsa(MlDsaSet),
}

/// How to encrypt or decrypt.
#[derive(Clone, Copy, Debug)]
pub enum CipherParams<'a> {
    /// `AesGcmParams`
    AesGcm {
        /// One byte or more; 12 is what it should be.
        iv: &'a [u8],
        /// Authenticated, not encrypted.
        additional_data: &'a [u8],
        /// Bits of the tag: 32, 64, 96, 104, 112, 120 or 128, which is the default.
        tag_length: Option<u8>,
    },
    /// `AesCbcParams`
    AesCbc {
        /// 16 bytes.
        iv: &'a [u8],
    },
    /// `AesCtrParams`
    AesCtr {
        /// 16 bytes: the first block.
        counter: &'a [u8],
        /// How many of its low bits count: 1 to 128.
        length: u8,
    },
    /// `RsaOaepParams`
    RsaOaep {
        /// Bound to the message; mostly empty.
        label: &'a [u8],
    },
    /// `AeadParams` for ChaCha20-Poly1305
    ChaCha20Poly1305 {
        /// 12 bytes.
        iv: &'a [u8],
        /// Authenticated, not encrypted.
        additional_data: &'a [u8],
        /// Bits of the tag: 128 if it is given.
        tag_length: Option<u8>,
    },
}

impl CipherParams<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AesGcm { .. } => AesMode::Gcm.name(),
            Self::AesCbc { .. } => AesMode::Cbc.name(),
            Self::AesCtr { .. } => AesMode::Ctr.name(),
            Self::RsaOaep { .. } => RsaScheme::Oaep.name(),
            Self::ChaCha20Poly1305 { .. } => KeyAlgorithm::ChaCha20Poly1305.name(),
        }
    }
}

/// How to sign or verify.
#[derive(Clone, Copy, Debug)]
pub enum SignParams<'a> {
    /// With the hash of the key.
    Hmac,
    /// With the hash of the key.
    RsaPkcs1,
    /// `RsaPssParams`
    RsaPss {
        /// Bytes of salt.
        salt_length: u32,
    },
    /// `EcdsaParams`
    Ecdsa {
        /// Of the message.
        hash: Hash,
    },
    /// Pure Ed25519.
    Ed25519,
    /// `ContextParams` for ML-DSA
    MlDsa {
        /// The key's parameter set.
        set: MlDsaSet,
        /// 255 bytes at most.
        context: &'a [u8],
    },
}

impl SignParams<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hmac => "HMAC",
            Self::RsaPkcs1 => RsaScheme::Pkcs1.name(),
            Self::RsaPss { .. } => RsaScheme::Pss.name(),
            Self::Ecdsa { .. } => EcScheme::Ecdsa.name(),
            Self::Ed25519 => KeyAlgorithm::Ed25519.name(),
            Self::MlDsa { set, .. } => set.name(),
        }
    }
}

/// How to derive bits.
#[derive(Clone, Copy, Debug)]
pub enum DeriveParams<'a> {
    /// `EcdhKeyDeriveParams`
    Ecdh {
        /// The other side's key.
        public: &'a crate::Key,
    },
    /// The same on Curve25519
    X25519 {
        /// The other side's key.
        public: &'a crate::Key,
    },
    /// `HkdfParams`
    Hkdf {
        /// Of the HMAC inside.
        hash: Hash,
        /// Any bytes.
        salt: &'a [u8],
        /// Any bytes.
        info: &'a [u8],
    },
    /// `Pbkdf2Params`
    Pbkdf2 {
        /// Of the HMAC inside.
        hash: Hash,
        /// Any bytes.
        salt: &'a [u8],
        /// One or more, at most what [`PBKDF2_WORK_MAX`](crate::limits::PBKDF2_WORK_MAX) leaves.
        iterations: u32,
    },
}

impl DeriveParams<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ecdh { .. } => EcScheme::Ecdh.name(),
            Self::X25519 { .. } => KeyAlgorithm::X25519.name(),
            Self::Hkdf { .. } => KeyAlgorithm::Hkdf.name(),
            Self::Pbkdf2 { .. } => KeyAlgorithm::Pbkdf2.name(),
        }
    }
}
