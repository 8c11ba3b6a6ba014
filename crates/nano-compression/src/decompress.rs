//! Decompressing what strangers sent: nothing that comes out is larger than the caller's buffer, and no window larger than its format
//! may have on the web.

use crate::{Error, Format, MAX_WINDOW_LOG, Step};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder, Operation};

type Brotli = BrotliState<brotli::enc::StandardAlloc, brotli::enc::StandardAlloc, brotli::enc::StandardAlloc>;

/// One stream of data that is being decompressed.
pub struct Decompressor {
    decoder: Inner,
    /// All that belongs together was seen. Zstandard may begin anew, a frame after the other.
    complete: bool,
}

enum Inner {
    Deflate(Decompress),
    Brotli(Box<Brotli>),
    Zstd(Decoder<'static>),
}

impl Decompressor {
    /// A decompressor with nothing given to it.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub fn new(format: Format) -> Result<Self, Error> {
        let decoder = match format {
            Format::Gzip => Inner::Deflate(Decompress::new_gzip(15)),
            Format::Deflate => Inner::Deflate(Decompress::new(true)),
            Format::DeflateRaw => Inner::Deflate(Decompress::new(false)),
            Format::Brotli => {
                let alloc = brotli::enc::StandardAlloc::default;
                Inner::Brotli(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
            }
            Format::Zstd => {
                let mut decoder = Decoder::new().map_err(|_| Error::NoMemory)?;
                decoder
                    .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
                    .map_err(|_| Error::NoMemory)?;
                Inner::Zstd(decoder)
            }
        };
        Ok(Self { decoder, complete: false })
    }

    /// About how much memory a decompressor of this format takes while it works, in bytes, with the windows that are
    /// common. The largest that Brotli allows takes 16 MiB, of Zstandard 8 MiB.
    pub fn memory_bytes(format: Format) -> usize {
        match format {
            Format::Gzip | Format::Deflate | Format::DeflateRaw => 48 << 10,
            Format::Brotli => 4 << 20,
            Format::Zstd => 4 << 20,
        }
    }

    /// Takes input and gives output. `output` must not be empty.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::Trailing`] if input is left after the end.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Error> {
        if self.complete && !matches!(self.decoder, Inner::Zstd(_)) {
            return if input.is_empty() { Ok(Step::default()) } else { Err(Error::Trailing) };
        }
        match &mut self.decoder {
            Inner::Deflate(decompress) => {
                let (read, written) = (decompress.total_in(), decompress.total_out());
                let status = decompress
                    .decompress(input, output, FlushDecompress::None)
                    .map_err(|_| Error::Invalid)?;
                let consumed = (decompress.total_in() - read) as usize;
                let produced = (decompress.total_out() - written) as usize;
                self.complete = status == Status::StreamEnd;
                let more = if self.complete {
                    consumed < input.len()
                } else {
                    produced == output.len() || consumed < input.len()
                };
                if status == Status::BufError && consumed == 0 && produced == 0 && !input.is_empty() {
                    return Err(Error::Invalid);
                }
                Ok(Step { consumed, produced, more })
            }
            Inner::Brotli(state) => {
                let (mut left, mut consumed) = (input.len(), 0);
                let (mut room, mut produced, mut total) = (output.len(), 0, 0);
                let result = BrotliDecompressStream(
                    &mut left,
                    &mut consumed,
                    input,
                    &mut room,
                    &mut produced,
                    output,
                    &mut total,
                    state,
                );
                let more = match result {
                    BrotliResult::ResultFailure => return Err(Error::Invalid),
                    BrotliResult::ResultSuccess => {
                        self.complete = true;
                        consumed < input.len()
                    }
                    BrotliResult::NeedsMoreInput => false,
                    BrotliResult::NeedsMoreOutput => true,
                };
                Ok(Step { consumed, produced, more })
            }
            Inner::Zstd(decoder) => {
                if input.is_empty() && self.complete {
                    return Ok(Step::default());
                }
                let status = decoder.run_on_buffers(input, output).map_err(|_| Error::Invalid)?;
                let (consumed, produced) = (status.bytes_read, status.bytes_written);
                self.complete = status.remaining == 0;
                let more = consumed < input.len() || produced == output.len() && !self.complete;
                Ok(Step { consumed, produced, more })
            }
        }
    }

    /// Whether all was seen that belongs together.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// There is no more input.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if more was to come.
    pub fn finish(&self) -> Result<(), Error> {
        if self.complete { Ok(()) } else { Err(Error::Truncated) }
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").field("complete", &self.complete).finish_non_exhaustive()
    }
}
