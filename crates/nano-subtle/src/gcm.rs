//! Galois/Counter mode for every length that the specification has: NIST SP 800-38D, of the AES, CTR and
//! GHASH of RustCrypto.
//!
//! The `aes-gcm` crate fixes the lengths of nonce and tag by type, and has no tags below 96 bits. Here cipher
//! and hash process the data piece by piece, so that it is read from memory once.

use crate::error::{Error, Result};
use aes::cipher::{Array, StreamCipher};
use aes::cipher::{
    BlockCipherEncrypt, BlockSizeUser, InnerIvInit, StreamCipherCore, StreamCipherCoreWrapper, consts::U16,
};
use ctr::{CtrCore, flavors::Ctr32BE};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Plaintext that one nonce of AES-GCM may protect.
///
/// Limit (bytes): 2^39 - 256 bits (SP 800-38D, section 5.2.1.1).
const PLAINTEXT_BYTES_MAX: u64 = (1 << 36) - 32;

/// The bytes that cipher and hash process at a time, so that they stay in the first-level cache. A multiple
/// of the block.
const PIECE_BYTES: usize = 8192;

type Block = Array<u8, U16>;
type Ctr<'a, C> = StreamCipherCoreWrapper<CtrCore<&'a C, Ctr32BE>>;

/// The hash under the subkey H of a cipher.
pub(crate) fn hash_key<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(cipher: &C) -> GHash {
    let mut h = Block::default();
    cipher.encrypt_block(&mut h);
    let hash = GHash::new(&h);
    h.zeroize();
    hash
}

/// The state that both functions of the mode share: counter, hash, and the mask of the tag.
struct Gcm<'a, C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> {
    counter: Ctr<'a, C>,
    hash: GHash,
    mask: Block,
    additional_bits: u64,
}

impl<'a, C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> Gcm<'a, C> {
    /// SP 800-38D, section 7.1, steps 2 to 4.
    fn new(cipher: &'a C, hash: &GHash, iv: &[u8], additional_data: &[u8]) -> Result<Self> {
        if iv.is_empty() {
            return Err(Error::operation("AES-GCM needs an iv of one byte or more"));
        }
        let mut first = Block::default();
        if iv.len() == 12 {
            first[..12].copy_from_slice(iv);
            first[15] = 1;
        } else {
            let mut hash = hash.clone();
            hash.update_padded(iv);
            hash.update(&[lengths(0, iv.len() as u64 * 8)]);
            first = hash.finalize();
        }
        let mut core = CtrCore::inner_iv_init(cipher, &first);
        let mut mask = Block::default();
        core.write_keystream_block(&mut mask);
        let mut hash = hash.clone();
        hash.update_padded(additional_data);
        Ok(Self {
            counter: StreamCipherCoreWrapper::from_core(core),
            hash,
            mask,
            additional_bits: additional_data.len() as u64 * 8,
        })
    }

    fn tag(mut self, text_bytes: usize) -> [u8; 16] {
        self.hash.update(&[lengths(self.additional_bits, text_bytes as u64 * 8)]);
        let mut tag: [u8; 16] = self.hash.finalize().into();
        for (byte, mask) in tag.iter_mut().zip(self.mask) {
            *byte ^= mask;
        }
        tag
    }
}

fn lengths(first_bits: u64, second_bits: u64) -> Block {
    let mut block = Block::default();
    block[..8].copy_from_slice(&first_bits.to_be_bytes());
    block[8..].copy_from_slice(&second_bits.to_be_bytes());
    block
}

/// Ciphertext and tag. SP 800-38D, section 7.1
pub(crate) fn encrypt<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(
    cipher: &C,
    hash: &GHash,
    iv: &[u8],
    additional_data: &[u8],
    tag_bytes: usize,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    if plaintext.len() as u64 > PLAINTEXT_BYTES_MAX {
        return Err(Error::operation("AES-GCM takes less than 64 GiB at once"));
    }
    let mut gcm = Gcm::new(cipher, hash, iv, additional_data)?;
    let mut output = vec![0; plaintext.len() + tag_bytes];
    for (from, to) in plaintext.chunks(PIECE_BYTES).zip(output.chunks_mut(PIECE_BYTES)) {
        let to = &mut to[..from.len()];
        gcm.counter.apply_keystream_b2b(from, to);
        gcm.hash.update_padded(to);
    }
    let tag = gcm.tag(plaintext.len());
    output[plaintext.len()..].copy_from_slice(&tag[..tag_bytes]);
    Ok(output)
}

/// The plaintext, if the tag is right. SP 800-38D, section 7.2
pub(crate) fn decrypt<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(
    cipher: &C,
    hash: &GHash,
    iv: &[u8],
    additional_data: &[u8],
    tag_bytes: usize,
    ciphertext: &[u8],
) -> Result<Vec<u8>> {
    let Some(length) = ciphertext.len().checked_sub(tag_bytes) else {
        return Err(Error::operation("the data is shorter than its tag"));
    };
    if length as u64 > PLAINTEXT_BYTES_MAX {
        return Err(Error::opaque());
    }
    let (ciphertext, given) = ciphertext.split_at(length);
    let mut gcm = Gcm::new(cipher, hash, iv, additional_data)?;
    let mut output = vec![0; length];
    for (from, to) in ciphertext.chunks(PIECE_BYTES).zip(output.chunks_mut(PIECE_BYTES)) {
        gcm.hash.update_padded(from);
        gcm.counter.apply_keystream_b2b(from, to);
    }
    let tag = gcm.tag(length);
    if bool::from(tag[..tag_bytes].ct_eq(given)) {
        Ok(output)
    } else {
        // Plaintext that is not authentic must not leave this function.
        output.zeroize();
        Err(Error::opaque())
    }
}
