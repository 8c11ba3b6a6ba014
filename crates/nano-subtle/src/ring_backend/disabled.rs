//! Without the feature `ring`: no case is computed here.

use crate::algorithm::{Hash, RsaScheme};
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

pub(crate) fn verify_rsa(_: &rsa::RsaPublicKey, _: RsaScheme, _: Hash, _: &[u8], _: &[u8]) -> Option<bool> {
    None
}
