//! The names and parameters of the algorithms, as types.
//!
//! The [`from_name`](Hash::from_name) functions compare without case, as the specification's "normalize an
//! algorithm" does (section 18.4.4).

/// Defines an enum of named things with `name` and `from_name`.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$doc])* $variant),* }

        impl $type {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the specification's spelling.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The value with this name, in any case.
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
    /// The bytes of a digest.
    pub const fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The bytes of a block, the default length of an HMAC key. FIPS 180-4, FIPS 202.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            Self::Sha3_256 => 136,
            Self::Sha3_384 => 104,
            Self::Sha3_512 => 72,
        }
    }

    /// The name in JSON Web Algorithms after `HS`, `RS`, `PS`. SHA-3 has none.
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
    /// The mode of AES that a key is for.
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
    /// The scheme of RSA that a key is for.
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
    /// The scheme that a key on a NIST curve is for.
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
    /// The bytes of a coordinate and of a secret scalar.
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
    /// The form of an imported or exported key: `KeyFormat`, section 13. The three long names are of "Modern
    /// Algorithms".
    Format {
        /// The bytes of a secret key, or the point of a public key.
        Raw = "raw",
        /// PKCS#8 `PrivateKeyInfo`, DER.
        Pkcs8 = "pkcs8",
        /// X.509 `SubjectPublicKeyInfo`, DER.
        Spki = "spki",
        /// JSON Web Key.
        Jwk = "jwk",
        /// The bytes of a public key.
        RawPublic = "raw-public",
        /// The seed of a private key.
        RawSeed = "raw-seed",
        /// The bytes of a secret key.
        RawSecret = "raw-secret",
    }
}

/// The algorithm of a key with its parameters: `CryptoKey.algorithm`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// `AesKeyAlgorithm`
    Aes {
        /// The mode that the key is for.
        mode: AesMode,
        /// The length in bits: 128, 192 or 256.
        length: u16,
    },
    /// `HmacKeyAlgorithm`
    Hmac {
        /// The inner hash.
        hash: Hash,
        /// The length in bits.
        length: u32,
    },
    /// `RsaHashedKeyAlgorithm`
    Rsa {
        /// The scheme that the key is for.
        scheme: RsaScheme,
        /// The length of the modulus in bits.
        modulus_length: u32,
        /// The public exponent, big endian, without leading zeros.
        public_exponent: Box<[u8]>,
        /// The hash that it is used with.
        hash: Hash,
    },
    /// `EcKeyAlgorithm`
    Ec {
        /// The scheme that the key is for.
        scheme: EcScheme,
        /// The curve.
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

/// The parameters of [`generate_key`](crate::generate_key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerateParams {
    /// `AesKeyGenParams`
    Aes {
        /// The mode that the key is for.
        mode: AesMode,
        /// The length in bits: 128, 192 or 256.
        length: u16,
    },
    /// `HmacKeyGenParams`
    Hmac {
        /// The inner hash.
        hash: Hash,
        /// The length in bits; that of a block of the hash if absent.
        length: Option<u32>,
    },
    /// `RsaHashedKeyGenParams`
    Rsa {
        /// The scheme that the key is for.
        scheme: RsaScheme,
        /// The length of the modulus in bits: [`RSA_GENERATE_BITS_MIN`](crate::limits::RSA_GENERATE_BITS_MIN)
        /// to [`RSA_BITS_MAX`](crate::limits::RSA_BITS_MAX).
        modulus_length: u32,
        /// The public exponent, big endian; odd, from 3 to
        /// [`RSA_EXPONENT_MAX`](crate::limits::RSA_EXPONENT_MAX).
        public_exponent: Vec<u8>,
        /// The hash that it is used with.
        hash: Hash,
    },
    /// `EcKeyGenParams`
    Ec {
        /// The scheme that the key is for.
        scheme: EcScheme,
        /// The curve.
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

/// The parameters of [`import_key`](crate::import_key).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportParams {
    /// A secret key of 128, 192 or 256 bits, by the length of the data.
    Aes(AesMode),
    /// `HmacImportParams`
    Hmac {
        /// The inner hash.
        hash: Hash,
        /// The length in bits; that of the data if absent.
        length: Option<u32>,
    },
    /// `RsaHashedImportParams`
    Rsa {
        /// The scheme that the key is for.
        scheme: RsaScheme,
        /// The hash that it is used with.
        hash: Hash,
    },
    /// `EcKeyImportParams`
    Ec {
        /// The scheme that the key is for.
        scheme: EcScheme,
        /// The curve.
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

/// The parameters of [`encrypt`](crate::encrypt) and [`decrypt`](crate::decrypt).
#[derive(Clone, Copy, Debug)]
pub enum CipherParams<'a> {
    /// `AesGcmParams`
    AesGcm {
        /// The nonce, at least one byte; it should have 12 bytes.
        iv: &'a [u8],
        /// Data that is authenticated and not encrypted.
        additional_data: &'a [u8],
        /// The length of the tag in bits: 32, 64, 96, 104, 112, 120 or 128, which is the default.
        tag_length: Option<u8>,
    },
    /// `AesCbcParams`
    AesCbc {
        /// The initialization vector, 16 bytes.
        iv: &'a [u8],
    },
    /// `AesCtrParams`
    AesCtr {
        /// The first block of the counter, 16 bytes.
        counter: &'a [u8],
        /// The number of low bits that count: 1 to 128.
        length: u8,
    },
    /// `RsaOaepParams`
    RsaOaep {
        /// Data that is bound to the message; usually empty.
        label: &'a [u8],
    },
    /// `AeadParams` for ChaCha20-Poly1305
    ChaCha20Poly1305 {
        /// The nonce, 12 bytes.
        iv: &'a [u8],
        /// Data that is authenticated and not encrypted.
        additional_data: &'a [u8],
        /// The length of the tag in bits; only 128 is allowed.
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

/// The parameters of [`sign`](crate::sign) and [`verify`](crate::verify).
#[derive(Clone, Copy, Debug)]
pub enum SignParams<'a> {
    /// HMAC with the hash of the key.
    Hmac,
    /// RSASSA-PKCS1-v1_5 with the hash of the key.
    RsaPkcs1,
    /// `RsaPssParams`
    RsaPss {
        /// The bytes of salt.
        salt_length: u32,
    },
    /// `EcdsaParams`
    Ecdsa {
        /// The hash of the message.
        hash: Hash,
    },
    /// Pure Ed25519.
    Ed25519,
    /// `ContextParams` for ML-DSA
    MlDsa {
        /// The key's parameter set.
        set: MlDsaSet,
        /// The context, at most 255 bytes.
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
