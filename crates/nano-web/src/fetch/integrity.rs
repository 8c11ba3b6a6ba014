//! Subresource integrity: whether a body's bytes are those that a request's integrity metadata names.
//! Subresource Integrity, section 3.3.
//!
//! Knows texts and bytes; what becomes of a body that is another one is decided in `client.js`.

use crate::infra::work;
use crate::infra::{Args, Ret, Scope, buffer, ops, text, with_bytes};
use nano_subtle::Hash;

ops! {
    "integrityMatches" => integrity_matches,
}

/// Bodies up to so many bytes are looked at at once: under a millisecond. Larger ones would hold the thread
/// up.
const AT_ONCE_BYTES: usize = 1 << 20;

/// The algorithms, from the weakest to the strongest.
const ALGORITHMS: [(&str, Hash); 3] =
    [("sha256", Hash::Sha256), ("sha384", Hash::Sha384), ("sha512", Hash::Sha512)];

/// The strongest algorithm that metadata names, and its digests, one of which must be the body's. A digest
/// that is not base64 (`None`) matches no body.
struct Metadata {
    hash: Hash,
    digests: Vec<Option<Vec<u8>>>,
}

impl Metadata {
    /// "parse metadata" and "get the strongest metadata". `None`: it names no known algorithm, so any body
    /// fits.
    fn parse(metadata: &str) -> Option<Self> {
        let mut strongest: Option<(usize, Vec<Option<Vec<u8>>>)> = None;
        for item in metadata.split_ascii_whitespace() {
            // Options follow a question mark; the standard defines none yet.
            let expression = item.split('?').next().unwrap_or_default();
            let (algorithm, digest) = expression.split_once('-').unwrap_or((expression, ""));
            let known = ALGORITHMS.iter().position(|(name, _)| name.eq_ignore_ascii_case(algorithm));
            let Some(strength) = known else { continue };
            let digest = decode(digest);
            match &mut strongest {
                Some((other, _)) if *other > strength => {}
                Some((other, digests)) if *other == strength => digests.push(digest),
                _ => strongest = Some((strength, vec![digest])),
            }
        }
        strongest.map(|(strength, digests)| Self { hash: ALGORITHMS[strength].1, digests })
    }

    /// "Do bytes match metadataList?"
    fn fits(&self, bytes: &[u8]) -> bool {
        let actual = nano_subtle::digest(self.hash, bytes);
        self.digests.iter().flatten().any(|digest| digest[..] == actual[..])
    }
}

/// Base64 in either alphabet: the grammar allows both.
fn decode(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .trim_end_matches('=')
        .chars()
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    base64_simd::STANDARD_NO_PAD.decode_to_vec(standard).ok()
}

/// `integrityMatches(Uint8Array, metadata)`: a boolean, or a promise of it where the bytes are many.
fn integrity_matches(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<256>();
    let Some(metadata) = Metadata::parse(&text(scope, args.get(1), &mut stack)) else {
        ret.set_bool(true);
        return;
    };
    let given = args.get(0);
    let large = with_bytes(given, |bytes| (bytes.len() > AT_ONCE_BYTES).then(|| bytes.to_vec()));
    let Some(large) = large else {
        ret.set_bool(with_bytes(given, |bytes| metadata.fits(bytes)));
        return;
    };
    let promise = work::promise(
        scope,
        move |_| metadata.fits(&large),
        |scope, fits| Some(v8::Boolean::new(scope, fits).into()),
    );
    if let Some(promise) = promise {
        ret.set(promise.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: [&str; 3] = [
        "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn",
        "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
    ];

    fn fits(metadata: &str, bytes: &[u8]) -> bool {
        Metadata::parse(metadata).is_none_or(|metadata| metadata.fits(bytes))
    }

    #[test]
    fn the_strongest_algorithm_decides() {
        for metadata in ABC {
            assert!(fits(metadata, b"abc"), "{metadata}");
            assert!(!fits(metadata, b"abd"), "{metadata}");
        }
        let [weak, middle, strong] = ABC;
        let wrong = "sha512-AAAA";
        assert!(fits(&format!("{wrong} {strong}"), b"abc"), "one of several is enough");
        assert!(!fits(&format!("{wrong} {middle} {weak}"), b"abc"), "weaker ones do not count");
        assert!(fits(&format!("sha256-AAAA {middle}"), b"abc"));
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let [weak, ..] = ABC;
        for metadata in ["", " \t", "md5-AAAA", "sha1-AAAA", "nonsense", "-"] {
            assert!(fits(metadata, b"anything"), "{metadata:?}");
        }
        assert!(fits(&format!("md5-AAAA\n{weak}"), b"abc") && !fits(&format!("md5-AAAA\n{weak}"), b"x"));
        // Of a known algorithm, but no digest.
        for metadata in ["sha256", "sha256-", "sha256-!", "sha256-ungWv48Bz"] {
            assert!(!fits(metadata, b"abc"), "{metadata:?}");
        }
    }

    #[test]
    fn spellings() {
        let [weak, _, strong] = ABC;
        let other = strong.replace('/', "_").replace('+', "-").replacen("sha512_", "sha512-", 1);
        for metadata in
            [&other, &weak.replace("sha256", "SHA256"), &format!("{weak}?later"), weak.trim_end_matches('=')]
        {
            assert!(fits(metadata, b"abc"), "{metadata}");
            assert!(!fits(metadata, b""), "{metadata}");
        }
    }
}
