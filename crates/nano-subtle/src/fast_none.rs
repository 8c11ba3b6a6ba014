//! In the place of `fast.rs` where the feature `ring` is off: nothing is done in another way.

use crate::algorithm::Hash;
use crate::error::Result;

pub(crate) enum Gcm {}

impl Gcm {
    pub(crate) fn new(_: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) fn encrypt(&self, _: &[u8], _: &[u8], _: usize, _: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(crate) fn decrypt(&self, _: &[u8], _: &[u8], _: usize, _: &[u8]) -> Option<Result<Vec<u8>>> {
        match *self {}
    }
}

pub(crate) enum P256 {}

impl P256 {
    pub(crate) fn new(_: &[u8], _: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) fn sign(&self, _: &[u8]) -> Result<Vec<u8>> {
        match *self {}
    }
}

pub(crate) fn verify_p256(_: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
    None
}

#[derive(Clone, Copy)]
pub(crate) enum Padding {
    Pkcs1,
    Pss,
}

pub(crate) fn verify_rsa(_: &rsa::RsaPublicKey, _: Padding, _: Hash, _: &[u8], _: &[u8]) -> Option<bool> {
    None
}
