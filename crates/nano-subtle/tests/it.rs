//! The crate against vectors of others, and against itself.

#[path = "it/formats.rs"]
mod formats;
#[path = "it/limits.rs"]
mod limits;
#[path = "it/vectors.rs"]
mod vectors;
#[path = "it/wycheproof.rs"]
mod wycheproof_vectors;

/// Bytes of a text in hexadecimal.
fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2) && text.is_ascii(), "{text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}
