//! Native functions of the Web Cryptography API: its source of randomness, and nano-subtle for all else.
//!
//! Small work is done at once, in the function that is called, on the caller's bytes; what takes long is
//! copied and handed to the embedder's threads ([`work`](crate::infra::work)).

mod convert;
pub(crate) mod handles;
mod keys;
mod subtle;

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Error, Ret, Scope, ops, throw};

pub(crate) static STANDARD: Standard = Standard {
    name: "crypto",
    uses: &["domexception", "expose", "hooks", "primordials", "streams", "webidl"],
    ops: &[ops, subtle::ops, keys::ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["crypto/crypto.js"],
        exports: [],
        globals: ["Crypto", "crypto"],
        enumerable: [],
        exercise: r#"crypto.randomUUID(); crypto.getRandomValues(new Uint8Array(1));"#
    }
    {
        files: ["crypto/cryptokey.js", "crypto/normalize.js", "crypto/jwk.js", "crypto/subtle.js"],
        hooks: ["cryptoKeyClone"],
        exports: ["cryptoKeys", "cryptoAlgorithms", "cryptoJwk", "subtle"],
        globals: ["CryptoKey", "SubtleCrypto"],
        enumerable: [],
        exercise: r#"
            const s = crypto.subtle;
            const data = new Uint8Array(16);
            (async () => {
                await s.digest("SHA-256", data);
                const hmac = await s.importKey("raw", data, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
                await s.verify("HMAC", hmac, await s.sign("HMAC", hmac, data), data);
                const aes = await s.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt", "decrypt"]);
                const gcm = { name: "AES-GCM", iv: data };
                await s.decrypt(gcm, aes, await s.encrypt(gcm, aes, data));
                const jwk = await s.exportKey("jwk", aes);
                await s.importKey("jwk", jwk, "AES-GCM", true, ["encrypt"]);
            })();
        "#
    }
    {
        files: ["crypto/digest_stream.js"],
        exports: ["digestStream"],
        globals: [],
        enumerable: [],
        // Without an isolate's state there are no native digests, and so no keys in the part above.
        exercise: r#"try { new crypto.DigestStream("SHA-256"); } catch {}"#
    }
};

ops! { "randomBytes" => random_bytes }

/// `randomBytes(view)`: fills it from the system's generator.
fn random_bytes(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else { return };
    let length = view.byte_length();
    if length == 0 {
        return;
    }
    // SAFETY: `data` points at `byte_length` bytes of the view, which is alive; nothing else runs.
    let bytes = unsafe { std::slice::from_raw_parts_mut(view.data().cast::<u8>(), length) };
    if getrandom::fill(bytes).is_err() {
        throw(scope, Error::Type("the system gave no random bytes"));
    }
}
