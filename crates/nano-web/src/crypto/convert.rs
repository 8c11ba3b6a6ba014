//! From JavaScript's numbers and buffers to nano-subtle's parameters, and from its results to values: what
//! [`subtle`](super::subtle) and [`keys`](super::keys) share.

use super::handles::Handles;
use crate::infra::{self, Args, NO_ROOM, Ret, Scope, state, throw, try_array_buffer};
use nano_subtle::{
    AesMode, EcScheme, Error, ErrorKind, Hash, Key, KeyAlgorithm, MlDsaSet, MlKemSet, Result, RsaScheme,
};

/// The algorithms that have keys, under the numbers by which JavaScript names them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Aes(AesMode),
    Hmac,
    Rsa(RsaScheme),
    Ec(EcScheme),
    Ed25519,
    X25519,
    Hkdf,
    Pbkdf2,
    ChaCha20Poly1305,
    MlKem(MlKemSet),
    MlDsa(MlDsaSet),
}

pub(super) const ALGORITHMS: [Algorithm; 21] = [
    Algorithm::Aes(AesMode::Gcm),
    Algorithm::Aes(AesMode::Cbc),
    Algorithm::Aes(AesMode::Ctr),
    Algorithm::Aes(AesMode::Kw),
    Algorithm::Hmac,
    Algorithm::Rsa(RsaScheme::Pkcs1),
    Algorithm::Rsa(RsaScheme::Pss),
    Algorithm::Rsa(RsaScheme::Oaep),
    Algorithm::Ec(EcScheme::Ecdsa),
    Algorithm::Ec(EcScheme::Ecdh),
    Algorithm::Ed25519,
    Algorithm::X25519,
    Algorithm::Hkdf,
    Algorithm::Pbkdf2,
    Algorithm::ChaCha20Poly1305,
    Algorithm::MlKem(MlKemSet::MlKem512),
    Algorithm::MlKem(MlKemSet::MlKem768),
    Algorithm::MlKem(MlKemSet::MlKem1024),
    Algorithm::MlDsa(MlDsaSet::MlDsa44),
    Algorithm::MlDsa(MlDsaSet::MlDsa65),
    Algorithm::MlDsa(MlDsaSet::MlDsa87),
];

impl Algorithm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Aes(mode) => mode.name(),
            Self::Hmac => "HMAC",
            Self::Rsa(scheme) => scheme.name(),
            Self::Ec(scheme) => scheme.name(),
            Self::Ed25519 => KeyAlgorithm::Ed25519.name(),
            Self::X25519 => KeyAlgorithm::X25519.name(),
            Self::Hkdf => KeyAlgorithm::Hkdf.name(),
            Self::Pbkdf2 => KeyAlgorithm::Pbkdf2.name(),
            Self::ChaCha20Poly1305 => KeyAlgorithm::ChaCha20Poly1305.name(),
            Self::MlKem(set) => set.name(),
            Self::MlDsa(set) => set.name(),
        }
    }
}

// ---- Arguments ----

/// A number that JavaScript made; what is none is one that nothing has.
pub(super) fn number(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> u32 {
    let value = args.get(index);
    if value.is_uint32() { value.uint32_value(scope).unwrap_or(u32::MAX) } else { u32::MAX }
}

/// The same where it may be absent.
pub(super) fn optional(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Option<u32> {
    let value = args.get(index);
    if value.is_undefined() { None } else { value.uint32_value(scope) }
}

pub(super) fn bug() -> Error {
    Error::new(ErrorKind::Operation, "a fault of the runtime: its own arguments make no sense")
}

/// One of a list, by its place.
pub(super) fn one_of<T: Copy>(all: &[T], number: u32) -> Result<T> {
    all.get(number as usize).copied().ok_or_else(bug)
}

pub(super) fn algorithm(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Result<Algorithm> {
    one_of(&ALGORITHMS, number(scope, args, index))
}

pub(super) fn hash(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Result<Hash> {
    one_of(Hash::ALL, number(scope, args, index))
}

pub(super) fn key(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Result<Key> {
    let number = number(scope, args, index);
    state(scope).and_then(|state| state.get::<Handles>().key(number)).ok_or_else(bug)
}

// ---- Results ----

/// Throws the exception that a failure is to JavaScript: a TypeError, or a DOMException of its kind's name.
pub(super) fn failure<T>(scope: &mut Scope<'_, '_>, error: &Error) -> Option<T> {
    match error.kind() {
        ErrorKind::Type => throw(scope, infra::Error::Type(error.message())),
        kind => throw(scope, infra::Error::Dom(kind.name(), error.message())),
    }
    None
}

pub(super) fn no_room() -> Error {
    Error::new(ErrorKind::Operation, NO_ROOM)
}

/// Bytes as an ArrayBuffer. `None`: the failure was thrown.
pub(super) fn bytes<'s>(
    scope: &mut Scope<'s, '_>,
    result: Result<Vec<u8>>,
) -> Option<v8::Local<'s, v8::Value>> {
    match result {
        Ok(bytes) => match try_array_buffer(scope, bytes) {
            Some(buffer) => Some(buffer.into()),
            None => failure(scope, &no_room()),
        },
        Err(error) => failure(scope, &error),
    }
}

pub(super) fn give(scope: &mut Scope<'_, '_>, mut ret: Ret<'_>, result: Result<Vec<u8>>) {
    if let Some(value) = bytes(scope, result) {
        ret.set(value);
    }
}

/// Returns the promise of work that another thread does.
pub(super) fn give_promise(mut ret: Ret<'_>, promise: Option<v8::Local<'_, v8::Promise>>) {
    if let Some(promise) = promise {
        ret.set(promise.into());
    }
}
