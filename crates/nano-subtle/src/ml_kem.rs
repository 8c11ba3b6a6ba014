//! ML-KEM, FIPS 203: shared secrets by encapsulation. "Modern Algorithms in the Web Cryptography API".

use crate::akp::{Akp, wrong_length};
use crate::algorithm::{Format, MlKemSet};
use crate::error::{Error, Result};
use crate::format::Exported;
use crate::random;
use crate::usage::Usages;
use ::ml_kem::{
    Decapsulate, DecapsulationKey, Encapsulate, EncapsulationKey, KeyExport, MlKem512, MlKem768, MlKem1024,
    Seed,
};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

const SEED_BYTES: usize = 64;

pub(crate) enum Public {
    MlKem512(Box<EncapsulationKey<MlKem512>>),
    MlKem768(Box<EncapsulationKey<MlKem768>>),
    MlKem1024(Box<EncapsulationKey<MlKem1024>>),
}

pub(crate) enum Private {
    MlKem512(Box<DecapsulationKey<MlKem512>>),
    MlKem768(Box<DecapsulationKey<MlKem768>>),
    MlKem1024(Box<DecapsulationKey<MlKem1024>>),
}

macro_rules! each {
    ($type:ident, $key:expr, $inner:ident => $body:expr) => {
        match $key {
            $type::MlKem512($inner) => $body,
            $type::MlKem768($inner) => $body,
            $type::MlKem1024($inner) => $body,
        }
    };
}

/// The parts that depend on the parameter set.
macro_rules! akp {
    ($variant:ident, $arc:literal) => {
        Akp {
            name: MlKemSet::$variant.name(),
            oid: ObjectIdentifier::new_unwrap(concat!("2.16.840.1.101.3.4.4.", $arc)),
            seed_bytes: SEED_BYTES,
            public_usages: Usages::ENCAPSULATE,
            private_usages: Usages::DECAPSULATE,
            jwk_use: "enc",
            make_public: |bytes| {
                let bytes = bytes.try_into().map_err(|_| wrong_length(MlKemSet::$variant.name()))?;
                let key = EncapsulationKey::<$variant>::new(bytes)
                    .map_err(|_| Error::data("the data is not an encapsulation key"))?;
                Ok(Public::$variant(Box::new(key)))
            },
            make_private: |bytes| {
                let seed = Zeroizing::new(
                    Seed::try_from(bytes).map_err(|_| wrong_length(MlKemSet::$variant.name()))?,
                );
                let key = DecapsulationKey::<$variant>::from_seed(*seed);
                let public = key.encapsulation_key().to_bytes().to_vec();
                Ok((Private::$variant(Box::new(key)), public))
            },
        }
    };
}

static ML_KEM_512: Akp<Public, Private> = akp!(MlKem512, "1");
static ML_KEM_768: Akp<Public, Private> = akp!(MlKem768, "2");
static ML_KEM_1024: Akp<Public, Private> = akp!(MlKem1024, "3");

pub(crate) fn akp(set: MlKemSet) -> &'static Akp<Public, Private> {
    match set {
        MlKemSet::MlKem512 => &ML_KEM_512,
        MlKemSet::MlKem768 => &ML_KEM_768,
        MlKemSet::MlKem1024 => &ML_KEM_1024,
    }
}

/// A new shared secret and its ciphertext. FIPS 203, algorithm 20
pub(crate) fn encapsulate(key: &Public) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    random::check()?;
    Ok(each!(Public, key, key => {
        let (ciphertext, shared) = key.encapsulate_with_rng(&mut random::rng());
        let shared = Zeroizing::new(shared);
        (Zeroizing::new(shared.to_vec()), ciphertext.to_vec())
    }))
}

/// The shared secret of a ciphertext. A ciphertext that is not genuine gives a secret that nobody knows. FIPS
/// 203, algorithm 21
pub(crate) fn decapsulate(key: &Private, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    each!(Private, key, key => {
        let ciphertext = ciphertext
            .try_into()
            .map_err(|_| Error::operation("the ciphertext does not have the length that this algorithm has"))?;
        let shared = Zeroizing::new(key.decapsulate(ciphertext));
        Ok(Zeroizing::new(shared.to_vec()))
    })
}

pub(crate) fn public_of(set: MlKemSet, key: &Private) -> Result<Public> {
    let bytes = each!(Private, key, key => key.encapsulation_key().to_bytes().to_vec());
    (akp(set).make_public)(&bytes)
}

pub(crate) fn export_public(set: MlKemSet, key: &Public, format: Format) -> Result<Exported> {
    akp(set).export_public(format, each!(Public, key, key => key.to_bytes().to_vec()))
}

pub(crate) fn export_private(set: MlKemSet, key: &Private, format: Format) -> Result<Exported> {
    each!(Private, key, key => {
        let Some(seed) = key.to_seed() else { return Err(Error::opaque()) };
        let seed = Zeroizing::new(seed);
        akp(set).export_private(format, &seed[..], &key.encapsulation_key().to_bytes())
    })
}
