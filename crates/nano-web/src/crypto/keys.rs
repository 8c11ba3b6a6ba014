//! Making, importing, exporting and describing keys. JavaScript gets `[number, type, extractable, usages]` of
//! each and makes a CryptoKey of it; of a pair, the public key's and then the private one's.

use super::convert::{
    ALGORITHMS, Algorithm, algorithm, bug, bytes, failure, give, give_promise, hash, key, number, one_of,
    optional,
};
use super::handles;
use crate::infra::work;
use crate::infra::{Args, NO_ROOM, Ret, Scope, ops, string, with_bytes};
use nano_subtle::operations::{self, WrapParams};
use nano_subtle::{
    AesMode, Curve, DeriveParams, Error, ErrorKind, Exported, Format, GenerateParams, Generated, Hash,
    ImportParams, JsonWebKey, Key, KeyAlgorithm, KeyData, KeyType, Result, Usages,
};

ops! {
    "subtleKeep" => keep,
    "subtleGenerate" => generate,
    "subtleImport" => import,
    "subtleImportJwk" => import_jwk,
    "subtleExport" => export,
    "subtleDescribe" => describe,
    "subtleCheckWrap" => check_wrap,
    "subtlePublicKey" => public_key,
    "subtleClone" => clone,
    "subtleSerialize" => serialize,
}

/// `subtleKeep(object, key)`: the key lives as long as the object.
fn keep(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let key = number(scope, &args, 1);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) {
        handles::keep(scope, object, key);
    }
}

// ---- Results ----

/// Appends what JavaScript gets of a key.
fn push<'s>(scope: &mut Scope<'s, '_>, list: &mut Vec<v8::Local<'s, v8::Value>>, key: Key) -> Result<()> {
    let kind = match key.kind() {
        KeyType::Secret => 0,
        KeyType::Public => 1,
        KeyType::Private => 2,
    };
    let (extractable, usages) = (key.extractable(), u32::from(key.usages().bits()));
    let number = handles::add_key(scope, key).ok_or_else(|| Error::new(ErrorKind::Operation, NO_ROOM))?;
    list.push(v8::Integer::new_from_unsigned(scope, number).into());
    list.push(v8::Integer::new_from_unsigned(scope, kind).into());
    list.push(v8::Boolean::new(scope, extractable).into());
    list.push(v8::Integer::new_from_unsigned(scope, usages).into());
    Ok(())
}

fn keys_value<'s>(scope: &mut Scope<'s, '_>, keys: Result<Vec<Key>>) -> Option<v8::Local<'s, v8::Value>> {
    let mut list = Vec::with_capacity(8);
    let pushed = keys.and_then(|keys| keys.into_iter().try_for_each(|key| push(scope, &mut list, key)));
    match pushed {
        Ok(()) => Some(v8::Array::new_with_elements(scope, &list).into()),
        Err(error) => failure(scope, &error),
    }
}

/// What JavaScript gets of a key that was made, or why there is none.
pub(super) fn key_value<'s>(scope: &mut Scope<'s, '_>, key: Result<Key>) -> Option<v8::Local<'s, v8::Value>> {
    keys_value(scope, key.map(|key| vec![key]))
}

pub(super) fn give_key(scope: &mut Scope<'_, '_>, mut ret: Ret<'_>, key: Result<Key>) {
    if let Some(value) = key_value(scope, key) {
        ret.set(value);
    }
}

fn of_generated(made: Generated) -> Vec<Key> {
    match made {
        Generated::Secret(key) => vec![key],
        Generated::Pair(pair) => vec![pair.public, pair.private],
    }
}

// ---- Arguments ----

fn usages(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Result<Usages> {
    let bits = u16::try_from(number(scope, args, index)).map_err(|_| bug())?;
    Usages::from_bits(bits).ok_or_else(bug)
}

/// A length that was converted to an unsigned short; one that is none fits no key.
fn short(length: Option<u32>) -> u16 {
    length.and_then(|length| u16::try_from(length).ok()).unwrap_or(0)
}

/// A curve; JavaScript passes on that it does not know one.
fn curve(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Result<Curve> {
    one_of(Curve::ALL, number(scope, args, index))
        .map_err(|_| Error::new(ErrorKind::NotSupported, "the curve is not supported"))
}

/// What a key is imported as, and with which rights.
pub(super) struct Target {
    params: ImportParams,
    aes_length: Option<u16>,
    extractable: bool,
    usages: Usages,
}

/// `algorithm, parameter, length, extractable, usages` from the argument `at` on: `parameter` is a hash or a
/// curve.
pub(super) fn target(scope: &mut Scope<'_, '_>, args: &Args<'_>, at: i32) -> Result<Target> {
    let length = optional(scope, args, at + 2);
    let params = match algorithm(scope, args, at)? {
        Algorithm::Aes(mode) => ImportParams::Aes(mode),
        Algorithm::Hmac => ImportParams::Hmac { hash: hash(scope, args, at + 1)?, length },
        Algorithm::Rsa(scheme) => ImportParams::Rsa { scheme, hash: hash(scope, args, at + 1)? },
        Algorithm::Ec(scheme) => ImportParams::Ec { scheme, curve: curve(scope, args, at + 1)? },
        Algorithm::Ed25519 => ImportParams::Ed25519,
        Algorithm::X25519 => ImportParams::X25519,
        Algorithm::Hkdf => ImportParams::Hkdf,
        Algorithm::Pbkdf2 => ImportParams::Pbkdf2,
        Algorithm::ChaCha20Poly1305 => ImportParams::ChaCha20Poly1305,
        Algorithm::MlKem(set) => ImportParams::MlKem(set),
        Algorithm::MlDsa(set) => ImportParams::MlDsa(set),
    };
    Ok(Target {
        params,
        aes_length: length.map(|length| short(Some(length))),
        extractable: args.get(at + 3).is_true(),
        usages: usages(scope, args, at + 4)?,
    })
}

impl Target {
    fn import(&self, format: Format, data: KeyData<'_>) -> Result<Key> {
        nano_subtle::import_key(format, data, &self.params, self.extractable, self.usages)
    }

    pub(super) fn derived_length(&self) -> Result<Option<u32>> {
        operations::derived_length(&self.params, self.aes_length)
    }

    pub(super) fn derive(&self, params: &DeriveParams<'_>, key: &Key) -> Result<Key> {
        operations::derive_key(params, key, &self.params, self.aes_length, self.extractable, self.usages)
    }
}

// ---- Operations ----

/// `subtleGenerate(algorithm, parameter, length, exponent, extractable, usages)`: `parameter` is a hash or a
/// curve, `length` that of a key or a modulus in bits.
fn generate(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let length = optional(scope, &args, 2);
    let extractable = args.get(4).is_true();
    let prepared = (|| {
        let params = match algorithm(scope, &args, 0)? {
            Algorithm::Aes(mode) => GenerateParams::Aes { mode, length: short(length) },
            Algorithm::Hmac => GenerateParams::Hmac { hash: hash(scope, &args, 1)?, length },
            Algorithm::Rsa(scheme) => GenerateParams::Rsa {
                scheme,
                modulus_length: length.unwrap_or(0),
                public_exponent: with_bytes(args.get(3), <[u8]>::to_vec),
                hash: hash(scope, &args, 1)?,
            },
            Algorithm::Ec(scheme) => GenerateParams::Ec { scheme, curve: curve(scope, &args, 1)? },
            Algorithm::Ed25519 => GenerateParams::Ed25519,
            Algorithm::X25519 => GenerateParams::X25519,
            Algorithm::ChaCha20Poly1305 => GenerateParams::ChaCha20Poly1305,
            Algorithm::MlKem(set) => GenerateParams::MlKem(set),
            Algorithm::MlDsa(set) => GenerateParams::MlDsa(set),
            Algorithm::Hkdf | Algorithm::Pbkdf2 => return Err(bug()),
        };
        let usages = usages(scope, &args, 5)?;
        // What is wrong with it is said now, not in a queue.
        operations::check_generate_key(&params, usages)?;
        Ok((params, usages))
    })();
    let (params, usages) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return give(scope, ret, Err(error)),
    };
    if matches!(params, GenerateParams::Rsa { .. }) {
        let promise = work::promise(
            scope,
            move |cancelled| operations::generate_key_unless(&params, extractable, usages, cancelled),
            |scope, made| keys_value(scope, made.map(of_generated)),
        );
        return give_promise(ret, promise);
    }
    let made = nano_subtle::generate_key(&params, extractable, usages);
    if let Some(value) = keys_value(scope, made.map(of_generated)) {
        ret.set(value);
    }
}

/// `subtleImport(format, data, algorithm, parameter, length, extractable, usages)`
fn import(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let made = (|| {
        let format = one_of(Format::ALL, number(scope, &args, 0))?;
        let target = target(scope, &args, 2)?;
        with_bytes(args.get(1), |bytes| target.import(format, KeyData::Bytes(bytes)))
    })();
    give_key(scope, ret, made);
}

/// `subtleImportJwk(jwk, algorithm, parameter, length, extractable, usages)`: of an object with members as
/// Web IDL converts them.
fn import_jwk(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let made = (|| {
        let target = target(scope, &args, 1)?;
        let object = v8::Local::<v8::Object>::try_from(args.get(0)).map_err(|_| bug())?;
        let jwk = read_jwk(scope, object).ok_or_else(bug)?;
        target.import(Format::Jwk, KeyData::Jwk(&jwk))
    })();
    give_key(scope, ret, made);
}

fn member<'s>(
    scope: &mut Scope<'s, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let name = v8::String::new(scope, name)?;
    object.get(scope, name.into())
}

fn read_jwk(scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>) -> Option<JsonWebKey> {
    let mut jwk = JsonWebKey::default();
    for (name, text) in jwk.texts_mut() {
        let value = member(scope, object, name)?;
        if value.is_string() {
            *text = Some(value.to_rust_string_lossy(scope));
        }
    }
    let ext = member(scope, object, "ext")?;
    jwk.ext = ext.is_boolean().then(|| ext.is_true());
    jwk.oth = !member(scope, object, "oth")?.is_undefined();
    if let Ok(list) = v8::Local::<v8::Array>::try_from(member(scope, object, "key_ops")?) {
        let mut operations = Vec::new();
        for index in 0..list.length() {
            operations.push(list.get_index(scope, index)?.to_rust_string_lossy(scope));
        }
        jwk.key_ops = Some(operations);
    }
    Some(jwk)
}

/// `subtleExport(format, key)`: bytes, or a JWK's names and values in turn.
fn export(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let exported = (|| {
        let format = one_of(Format::ALL, number(scope, &args, 0))?;
        nano_subtle::export_key(format, &key(scope, &args, 1)?)
    })();
    let value = match exported {
        Ok(Exported::Bytes(made)) => bytes(scope, Ok(made.to_vec())),
        Ok(Exported::Jwk(jwk)) => jwk_value(scope, jwk),
        Err(error) => failure(scope, &error),
    };
    if let Some(value) = value {
        ret.set(value);
    }
}

fn jwk_value<'s>(scope: &mut Scope<'s, '_>, mut jwk: JsonWebKey) -> Option<v8::Local<'s, v8::Value>> {
    let mut list = Vec::new();
    for (name, text) in jwk.texts_mut() {
        if let Some(text) = text {
            list.push(string(scope, name)?.into());
            list.push(string(scope, text)?.into());
        }
    }
    if let Some(operations) = &jwk.key_ops {
        let mut names = Vec::new();
        for operation in operations {
            names.push(string(scope, operation)?.into());
        }
        list.push(string(scope, "key_ops")?.into());
        list.push(v8::Array::new_with_elements(scope, &names).into());
    }
    if let Some(ext) = jwk.ext {
        list.push(string(scope, "ext")?.into());
        list.push(v8::Boolean::new(scope, ext).into());
    }
    Some(v8::Array::new_with_elements(scope, &list).into())
}

/// `subtleDescribe(key)`: its algorithm as `[name, length, hash, curve, exponent]`, with undefined for what
/// it does not have.
fn describe(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let key = match key(scope, &args, 0) {
        Ok(key) => key,
        Err(error) => return give(scope, ret, Err(error)),
    };
    let (mut length, mut hash, mut curve, mut exponent) = (None, None, None, None);
    match key.algorithm() {
        KeyAlgorithm::Aes { length: bits, .. } => length = Some(u32::from(*bits)),
        KeyAlgorithm::Hmac { hash: inner, length: bits } => {
            (hash, length) = (Some(inner.name()), Some(*bits))
        }
        KeyAlgorithm::Rsa { modulus_length, public_exponent, hash: inner, .. } => {
            (hash, length, exponent) =
                (Some(inner.name()), Some(*modulus_length), Some(public_exponent.to_vec()));
        }
        KeyAlgorithm::Ec { curve: named, .. } => curve = Some(named.name()),
        _ => {}
    }
    let undefined: v8::Local<'_, v8::Value> = v8::undefined(scope).into();
    let text = |scope: &mut _, text: Option<&str>| {
        text.and_then(|text| string(scope, text)).map_or(undefined, Into::into)
    };
    let name = text(scope, Some(key.algorithm().name()));
    let (hash, curve) = (text(scope, hash), text(scope, curve));
    let length = length.map_or(undefined, |length| v8::Integer::new_from_unsigned(scope, length).into());
    let exponent = match exponent {
        Some(exponent) => {
            let Some(exponent) = bytes(scope, Ok(exponent)) else { return };
            exponent
        }
        None => undefined,
    };
    ret.set(v8::Array::new_with_elements(scope, &[name, length, hash, curve, exponent]).into());
}

/// `subtleCheckWrap(key, algorithm, unwrap)`: throws if the key may not wrap, or unwrap, with this algorithm.
fn check_wrap(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    use nano_subtle::CipherParams::*;
    let checked = (|| {
        let params = match algorithm(scope, &args, 1)? {
            Algorithm::Aes(AesMode::Kw) => WrapParams::AesKw,
            Algorithm::Aes(AesMode::Gcm) => {
                WrapParams::Cipher(AesGcm { iv: &[], additional_data: &[], tag_length: None })
            }
            Algorithm::Aes(AesMode::Cbc) => WrapParams::Cipher(AesCbc { iv: &[] }),
            Algorithm::Aes(AesMode::Ctr) => WrapParams::Cipher(AesCtr { counter: &[], length: 0 }),
            Algorithm::Rsa(_) => WrapParams::Cipher(RsaOaep { label: &[] }),
            Algorithm::ChaCha20Poly1305 => {
                WrapParams::Cipher(ChaCha20Poly1305 { iv: &[], additional_data: &[], tag_length: None })
            }
            _ => return Err(bug()),
        };
        let key = key(scope, &args, 0)?;
        if args.get(2).is_true() {
            operations::check_unwrap(&params, &key)
        } else {
            operations::check_wrap(&params, &key)
        }
    })();
    if let Err(error) = checked {
        failure::<()>(scope, &error);
    }
}

/// `subtlePublicKey(key, usages)`
fn public_key(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let made = (|| {
        let usages = usages(scope, &args, 1)?;
        nano_subtle::public_key(&key(scope, &args, 0)?, usages)
    })();
    give_key(scope, ret, made);
}

/// `subtleClone(key)`: another handle to the same key, for a clone in this isolate.
fn clone(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let key = key(scope, &args, 0);
    give_key(scope, ret, key);
}

/// `subtleSerialize(key)`: `[format, bytes, algorithm, parameter, length, extractable, usages]`, of which
/// `subtleImport` makes the key again. Web Cryptography, section 13.6
fn serialize(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let made = (|| {
        let key = key(scope, &args, 0)?;
        let name = key.algorithm().name();
        let algorithm = ALGORITHMS.iter().position(|algorithm| algorithm.name() == name).ok_or_else(bug)?;
        Ok((algorithm, nano_subtle::serialize_key(&key)?, key))
    })();
    let (algorithm, (format, material), key) = match made {
        Ok(made) => made,
        Err(error) => return give(scope, ret, Err(error)),
    };
    let of_hash = |hash: &Hash| Hash::ALL.iter().position(|known| known == hash);
    let (parameter, length) = match key.algorithm() {
        KeyAlgorithm::Hmac { hash, length } => (of_hash(hash), Some(*length)),
        KeyAlgorithm::Rsa { hash, .. } => (of_hash(hash), None),
        KeyAlgorithm::Ec { curve, .. } => (Curve::ALL.iter().position(|known| known == curve), None),
        _ => (None, None),
    };
    let format = Format::ALL.iter().position(|known| *known == format).unwrap_or_default();
    let undefined: v8::Local<'_, v8::Value> = v8::undefined(scope).into();
    let Some(material) = bytes(scope, Ok(material.to_vec())) else { return };
    let list = [
        v8::Integer::new_from_unsigned(scope, format as u32).into(),
        material,
        v8::Integer::new_from_unsigned(scope, algorithm as u32).into(),
        parameter
            .map_or(undefined, |parameter| v8::Integer::new_from_unsigned(scope, parameter as u32).into()),
        length.map_or(undefined, |length| v8::Integer::new_from_unsigned(scope, length).into()),
        v8::Boolean::new(scope, key.extractable()).into(),
        v8::Integer::new_from_unsigned(scope, u32::from(key.usages().bits())).into(),
    ];
    ret.set(v8::Array::new_with_elements(scope, &list).into());
}
