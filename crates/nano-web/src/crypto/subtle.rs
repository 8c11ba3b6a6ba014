//! Digest, ciphers, signatures, derivation: JavaScript's numbers and buffers become nano-subtle's parameters,
//! and back.
//!
//! A function returns the operation's result, or a promise of it where another thread does the work; a
//! failure is thrown.

use super::convert::{
    ALGORITHMS, Algorithm, algorithm, bug, bytes, failure, give, give_promise, hash, key, no_room, number,
    one_of, optional,
};
use super::handles::{self, Handles};
use super::keys;
use crate::infra::work;
use crate::infra::{Args, Ret, Scope, ops, state, with_bytes};
use nano_subtle::operations::{self, WrapParams};
use nano_subtle::{
    AesMode, CipherParams, Curve, DeriveParams, Digester, EcScheme, Format, Hash, Key, KeyType, MlKemSet,
    Result, RsaScheme, SignParams, Usages, Zeroizing,
};

/// More bytes than this go to another thread: until then copying them would cost more than it gives others.
/// At least half a gigabyte a second goes through every algorithm, so this thread is held up for two
/// milliseconds at most: a time slice.
const AT_ONCE_BYTES: usize = 1 << 20;

/// More iterations of PBKDF2 than this go to another thread: about a quarter of a millisecond.
const AT_ONCE_ITERATIONS: u64 = 2000;

ops! {
    "subtleNames" => names,
    "subtleDigest" => digest,
    "subtleCipher" => cipher,
    "subtleSign" => sign,
    "subtleVerify" => verify,
    "subtleDerive" => derive,
    "subtleEncapsulate" => encapsulate,
    "subtleDecapsulate" => decapsulate,
    "timingSafeEqual" => timing_safe_equal,
    "digesterNew" => digester_new,
    "digesterUpdate" => digester_update,
    "digesterFinish" => digester_finish,
}

/// `subtleNames(kind)`: the names of algorithms (0), hashes (1), curves (2), formats (3) and usages (4). A
/// name's place is the number by which the other functions know it.
fn names(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let names: Vec<&str> = match number(scope, &args, 0) {
        0 => ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect(),
        1 => Hash::ALL.iter().map(|hash| hash.name()).collect(),
        2 => Curve::ALL.iter().map(|curve| curve.name()).collect(),
        3 => Format::ALL.iter().map(|format| format.name()).collect(),
        _ => (0..).map_while(|bit| Usages::from_bits(1 << bit)).flat_map(Usages::names).collect(),
    };
    let names: Vec<_> =
        names.iter().filter_map(|name| v8::String::new(scope, name).map(Into::into)).collect();
    ret.set(v8::Array::new_with_elements(scope, &names).into());
}

// ---- Arguments ----

fn handles<'a>(scope: &'a Scope<'_, '_>) -> Option<&'a Handles> {
    state(scope).map(|state| state.get::<Handles>())
}

/// The bytes of an argument, copied: for another thread.
fn copied(args: &Args<'_>, index: i32) -> Zeroizing<Vec<u8>> {
    with_bytes(args.get(index), |bytes| Zeroizing::new(bytes.to_vec()))
}

fn byte_length(value: v8::Local<'_, v8::Value>) -> usize {
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        return view.byte_length();
    }
    v8::Local::<v8::ArrayBuffer>::try_from(value).map_or(0, |buffer| buffer.byte_length())
}

fn is_large(args: &Args<'_>, index: i32) -> bool {
    byte_length(args.get(index)) > AT_ONCE_BYTES
}

// ---- Results ----

/// Has `work`, whose result is bytes, done on another thread.
fn offload_bytes(
    scope: &mut Scope<'_, '_>,
    ret: Ret<'_>,
    work: impl FnOnce() -> Result<Vec<u8>> + Send + 'static,
) {
    let promise = work::promise(scope, move |_| work(), bytes);
    give_promise(ret, promise);
}

// ---- Operations ----

/// `subtleDigest(hash, data)`
fn digest(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let hash = match hash(scope, &args, 0) {
        Ok(hash) => hash,
        Err(error) => return give(scope, ret, Err(error)),
    };
    if is_large(&args, 1) {
        let data = copied(&args, 1);
        return offload_bytes(scope, ret, move || Ok(nano_subtle::digest(hash, &data).to_vec()));
    }
    let output = with_bytes(args.get(1), |data| nano_subtle::digest(hash, data));
    give(scope, ret, Ok(output.to_vec()));
}

/// What is to be done with a key.
#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
    Wrap,
    Unwrap,
}

const DIRECTIONS: [Direction; 4] =
    [Direction::Encrypt, Direction::Decrypt, Direction::Wrap, Direction::Unwrap];

/// `subtleCipher(direction, key, algorithm, first, second, number, data)`: `first` is iv, counter or label,
/// `second` additional data, `number` the length of a tag or a counter.
fn cipher(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let prepared = (|| {
        let direction = one_of(&DIRECTIONS, number(scope, &args, 0))?;
        Ok((direction, key(scope, &args, 1)?, algorithm(scope, &args, 2)?))
    })();
    let (direction, key, algorithm) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return give(scope, ret, Err(error)),
    };
    let number = optional(scope, &args, 5);
    let slow = algorithm == Algorithm::Rsa(RsaScheme::Oaep) && key.kind() == KeyType::Private;
    if slow || is_large(&args, 6) {
        let (first, second, data) = (copied(&args, 3), copied(&args, 4), copied(&args, 6));
        return offload_bytes(scope, ret, move || {
            run_cipher(direction, &key, algorithm, &first, &second, number, &data)
        });
    }
    let result = with_bytes(args.get(3), |first| {
        with_bytes(args.get(4), |second| {
            with_bytes(args.get(6), |data| {
                run_cipher(direction, &key, algorithm, first, second, number, data)
            })
        })
    });
    give(scope, ret, result);
}

fn run_cipher(
    direction: Direction,
    key: &Key,
    algorithm: Algorithm,
    first: &[u8],
    second: &[u8],
    number: Option<u32>,
    data: &[u8],
) -> Result<Vec<u8>> {
    // Lengths were converted to octets; one that is none fits no algorithm.
    let octet = |number: Option<u32>| number.map(|number| u8::try_from(number).unwrap_or(0));
    let params = match algorithm {
        Algorithm::Aes(AesMode::Gcm) => {
            CipherParams::AesGcm { iv: first, additional_data: second, tag_length: octet(number) }
        }
        Algorithm::Aes(AesMode::Cbc) => CipherParams::AesCbc { iv: first },
        Algorithm::Aes(AesMode::Ctr) => {
            CipherParams::AesCtr { counter: first, length: octet(number).unwrap_or(0) }
        }
        Algorithm::Rsa(RsaScheme::Oaep) => CipherParams::RsaOaep { label: first },
        Algorithm::ChaCha20Poly1305 => {
            CipherParams::ChaCha20Poly1305 { iv: first, additional_data: second, tag_length: octet(number) }
        }
        Algorithm::Aes(AesMode::Kw) => {
            return match direction {
                Direction::Wrap => operations::wrap_bytes(&WrapParams::AesKw, key, data),
                Direction::Unwrap => {
                    operations::unwrap_bytes(&WrapParams::AesKw, key, data).map(|bytes| bytes.to_vec())
                }
                _ => Err(bug()),
            };
        }
        _ => return Err(bug()),
    };
    match direction {
        Direction::Encrypt => operations::encrypt(&params, key, data),
        Direction::Decrypt => operations::decrypt(&params, key, data),
        Direction::Wrap => operations::wrap_bytes(&WrapParams::Cipher(params), key, data),
        Direction::Unwrap => {
            operations::unwrap_bytes(&WrapParams::Cipher(params), key, data).map(|bytes| bytes.to_vec())
        }
    }
}

/// How to sign: `number` is the hash or the length of the salt.
fn sign_params<'a>(algorithm: Algorithm, number: u32, context: &'a [u8]) -> Result<SignParams<'a>> {
    Ok(match algorithm {
        Algorithm::Hmac => SignParams::Hmac,
        Algorithm::Rsa(RsaScheme::Pkcs1) => SignParams::RsaPkcs1,
        Algorithm::Rsa(RsaScheme::Pss) => SignParams::RsaPss { salt_length: number },
        Algorithm::Ec(EcScheme::Ecdsa) => SignParams::Ecdsa { hash: one_of(Hash::ALL, number)? },
        Algorithm::Ed25519 => SignParams::Ed25519,
        Algorithm::MlDsa(set) => SignParams::MlDsa { set, context },
        _ => return Err(bug()),
    })
}

/// `subtleSign(key, algorithm, number, context, data)`
fn sign(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let prepared = (|| Ok((key(scope, &args, 0)?, algorithm(scope, &args, 1)?)))();
    let (key, algorithm) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return give(scope, ret, Err(error)),
    };
    let number = number(scope, &args, 2);
    if matches!(algorithm, Algorithm::Rsa(_)) || is_large(&args, 4) {
        let (context, data) = (copied(&args, 3), copied(&args, 4));
        return offload_bytes(scope, ret, move || {
            nano_subtle::sign(&sign_params(algorithm, number, &context)?, &key, &data)
        });
    }
    let result = with_bytes(args.get(3), |context| {
        let params = sign_params(algorithm, number, context)?;
        with_bytes(args.get(4), |data| nano_subtle::sign(&params, &key, data))
    });
    give(scope, ret, result);
}

/// `subtleVerify(key, algorithm, number, context, signature, data)`
fn verify(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let prepared = (|| Ok((key(scope, &args, 0)?, algorithm(scope, &args, 1)?)))();
    let (key, algorithm) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return give(scope, ret, Err(error)),
    };
    let number = number(scope, &args, 2);
    if is_large(&args, 5) {
        let (context, signature, data) = (copied(&args, 3), copied(&args, 4), copied(&args, 5));
        let promise = work::promise(
            scope,
            move |_| nano_subtle::verify(&sign_params(algorithm, number, &context)?, &key, &signature, &data),
            |scope, result| match result {
                Ok(genuine) => Some(v8::Boolean::new(scope, genuine).into()),
                Err(error) => failure(scope, &error),
            },
        );
        return give_promise(ret, promise);
    }
    let result = with_bytes(args.get(3), |context| {
        let params = sign_params(algorithm, number, context)?;
        with_bytes(args.get(4), |signature| {
            with_bytes(args.get(5), |data| nano_subtle::verify(&params, &key, signature, data))
        })
    });
    match result {
        Ok(genuine) => ret.set_bool(genuine),
        Err(error) => give(scope, ret, Err(error)),
    }
}

/// How to derive, as it can go to another thread.
struct Derivation {
    algorithm: Algorithm,
    public: Option<Key>,
    hash: u32,
    salt: Zeroizing<Vec<u8>>,
    info: Zeroizing<Vec<u8>>,
    iterations: u32,
}

impl Derivation {
    fn params(&self) -> Result<DeriveParams<'_>> {
        let hash = || one_of(Hash::ALL, self.hash);
        Ok(match (self.algorithm, &self.public) {
            (Algorithm::Ec(EcScheme::Ecdh), Some(public)) => DeriveParams::Ecdh { public },
            (Algorithm::X25519, Some(public)) => DeriveParams::X25519 { public },
            (Algorithm::Hkdf, _) => DeriveParams::Hkdf { hash: hash()?, salt: &self.salt, info: &self.info },
            (Algorithm::Pbkdf2, _) => {
                DeriveParams::Pbkdf2 { hash: hash()?, salt: &self.salt, iterations: self.iterations }
            }
            _ => return Err(bug()),
        })
    }
}

/// `subtleDerive(key, algorithm, public, hash, salt, info, iterations, length)`: bits. With more arguments,
/// `(…, undefined, algorithm, parameter, length, extractable, usages)`, a key that is imported from them.
fn derive(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let prepared = (|| {
        let algorithm = algorithm(scope, &args, 1)?;
        let public = match algorithm {
            Algorithm::Ec(_) | Algorithm::X25519 => Some(self::key(scope, &args, 2)?),
            _ => None,
        };
        let derivation = Derivation {
            algorithm,
            public,
            hash: number(scope, &args, 3),
            salt: copied(&args, 4),
            info: copied(&args, 5),
            iterations: number(scope, &args, 6),
        };
        let target = if args.length() > 8 { Some(keys::target(scope, &args, 8)?) } else { None };
        Ok((self::key(scope, &args, 0)?, derivation, target))
    })();
    let (key, derivation, target) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return give(scope, ret, Err(error)),
    };
    let length = match &target {
        Some(target) => target.derived_length().ok().flatten(),
        None => optional(scope, &args, 7),
    };
    let slow =
        derivation.params().is_ok_and(|params| operations::pbkdf2_work(&params, length) > AT_ONCE_ITERATIONS);
    match target {
        Some(target) => {
            let work = move || target.derive(&derivation.params()?, &key);
            if slow {
                let promise = work::promise(scope, move |_| work(), keys::key_value);
                return give_promise(ret, promise);
            }
            let made = work();
            keys::give_key(scope, ret, made);
        }
        None => {
            let work = move || {
                operations::derive_bits(&derivation.params()?, &key, length).map(|bits| bits.to_vec())
            };
            if slow {
                return offload_bytes(scope, ret, work);
            }
            let made = work();
            give(scope, ret, made);
        }
    }
}

fn kem(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> Result<MlKemSet> {
    match algorithm(scope, args, index)? {
        Algorithm::MlKem(set) => Ok(set),
        _ => Err(bug()),
    }
}

/// `subtleEncapsulate(key, usage, algorithm)`: an array of the shared secret and its ciphertext.
fn encapsulate(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let usage = Usages::from_bits(number(scope, &args, 1) as u16).unwrap_or_default();
    let made = (|| nano_subtle::encapsulate_bits(kem(scope, &args, 2)?, &key(scope, &args, 0)?, usage))();
    match made {
        Ok((secret, ciphertext)) => {
            let Some(secret) = bytes(scope, Ok(secret.to_vec())) else { return };
            let Some(ciphertext) = bytes(scope, Ok(ciphertext)) else { return };
            ret.set(v8::Array::new_with_elements(scope, &[secret, ciphertext]).into());
        }
        Err(error) => give(scope, ret, Err(error)),
    }
}

/// `subtleDecapsulate(key, usage, algorithm, ciphertext)`
fn decapsulate(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let usage = Usages::from_bits(number(scope, &args, 1) as u16).unwrap_or_default();
    let made = (|| {
        let (set, key) = (kem(scope, &args, 2)?, key(scope, &args, 0)?);
        with_bytes(args.get(3), |ciphertext| nano_subtle::decapsulate_bits(set, &key, usage, ciphertext))
    })();
    give(scope, ret, made.map(|secret| secret.to_vec()));
}

/// `timingSafeEqual(a, b)`
fn timing_safe_equal(_: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let same = with_bytes(args.get(0), |a| with_bytes(args.get(1), |b| nano_subtle::timing_safe_equal(a, b)));
    ret.set_bool(same);
}

// ---- Digests in pieces ----

/// `digesterNew(object, hash)`: its number; it lives as long as the object.
fn digester_new(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let (Ok(object), Ok(hash)) = (v8::Local::<v8::Object>::try_from(args.get(0)), hash(scope, &args, 1))
    else {
        return;
    };
    match handles::add_digester(scope, Digester::new(hash)) {
        Some(number) => {
            handles::keep(scope, object, number);
            ret.set_uint32(number);
        }
        None => give(scope, ret, Err(no_room())),
    }
}

/// `digesterUpdate(number, data)`: how many bytes that were.
fn digester_update(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let number = number(scope, &args, 0);
    if let Some(handles) = handles(scope) {
        with_bytes(args.get(1), |data| handles.with_digester(number, |digester| digester.update(data)));
    }
    ret.set_double(byte_length(args.get(1)) as f64);
}

/// `digesterFinish(number)`
fn digester_finish(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    let number = number(scope, &args, 0);
    let output = handles(scope)
        .and_then(|handles| handles.with_digester(number, |digester| digester.clone().finish()));
    give(scope, ret, output.map(|output| output.to_vec()).ok_or_else(bug));
}
