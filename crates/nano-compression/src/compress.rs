//! Compressing. The levels are those that people take for content that is made as it is sent: most of the
//! gain, a fraction of the work.

use crate::{Error, Format, Step};
use flate2::{Compress, Compression, FlushCompress, Status};
use std::io::Write;
use zstd::stream::raw::{Encoder, Operation, OutBuffer};

/// zlib's own default.
const DEFLATE_LEVEL: u32 = 6;
/// Of 0 to 11. From 10 on Brotli takes seconds for a megabyte.
const BROTLI_QUALITY: u32 = 5;
/// Its window, as a power of two: 1 MiB.
const BROTLI_WINDOW: u32 = 20;
/// Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;
/// Brotli takes input until it has a block; so much at a time keeps what comes out at once bounded.
const BROTLI_INPUT: usize = 64 << 10;

/// One stream of data that is being compressed.
pub struct Compressor {
    encoder: Inner,
}

enum Inner {
    Deflate(Compress),
    /// None: finished.
    Brotli {
        writer: Option<Box<brotli::CompressorWriter<Vec<u8>>>>,
        pending: Vec<u8>,
        taken: usize,
    },
    Zstd {
        encoder: Encoder<'static>,
        /// The frame is being finished: nothing goes in any more.
        ending: bool,
    },
}

impl Compressor {
    /// A compressor with nothing given to it.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub fn new(format: Format) -> Result<Self, Error> {
        let level = Compression::new(DEFLATE_LEVEL);
        let encoder = match format {
            Format::Gzip => Inner::Deflate(Compress::new_gzip(level, 15)),
            Format::Deflate => Inner::Deflate(Compress::new(level, true)),
            Format::DeflateRaw => Inner::Deflate(Compress::new(level, false)),
            Format::Brotli => Inner::Brotli {
                writer: Some(Box::new(brotli::CompressorWriter::new(
                    Vec::new(),
                    4096,
                    BROTLI_QUALITY,
                    BROTLI_WINDOW,
                ))),
                pending: Vec::new(),
                taken: 0,
            },
            Format::Zstd => {
                Inner::Zstd { encoder: Encoder::new(ZSTD_LEVEL).map_err(|_| Error::NoMemory)?, ending: false }
            }
        };
        Ok(Self { encoder })
    }

    /// About how much memory a compressor of this format takes while it works, in bytes.
    pub fn memory_bytes(format: Format) -> usize {
        match format {
            Format::Gzip | Format::Deflate | Format::DeflateRaw => 300 << 10,
            Format::Brotli => 4 << 20,
            Format::Zstd => 4 << 20,
        }
    }

    /// Takes input and gives output. With `finish` the input is the last: call until nothing is left of it
    /// and [`more`](Step::more) is false. `output` must not be empty.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`]; [`Error::Invalid`] if it is called again after it had finished.
    pub fn step(&mut self, input: &[u8], finish: bool, output: &mut [u8]) -> Result<Step, Error> {
        match &mut self.encoder {
            Inner::Deflate(compress) => {
                let flush = if finish { FlushCompress::Finish } else { FlushCompress::None };
                let (read, written) = (compress.total_in(), compress.total_out());
                let status = compress.compress(input, output, flush).map_err(|_| Error::Invalid)?;
                let consumed = (compress.total_in() - read) as usize;
                let produced = (compress.total_out() - written) as usize;
                let more = match status {
                    Status::StreamEnd => false,
                    _ => finish || produced == output.len() || consumed < input.len(),
                };
                Ok(Step { consumed, produced, more })
            }
            Inner::Brotli { writer, pending, taken } => {
                let mut consumed = 0;
                if *taken == pending.len() {
                    pending.clear();
                    *taken = 0;
                    let Some(encoder) = writer.as_mut() else { return Err(Error::Invalid) };
                    consumed = input.len().min(BROTLI_INPUT);
                    encoder.write_all(&input[..consumed]).map_err(|_| Error::NoMemory)?;
                    std::mem::swap(encoder.get_mut(), pending);
                    if finish
                        && consumed == input.len()
                        && let Some(encoder) = writer.take()
                    {
                        pending.extend(encoder.into_inner());
                    }
                }
                let produced = output.len().min(pending.len() - *taken);
                output[..produced].copy_from_slice(&pending[*taken..*taken + produced]);
                *taken += produced;
                let more = *taken < pending.len() || consumed < input.len();
                Ok(Step { consumed, produced, more })
            }
            Inner::Zstd { encoder, ending } => {
                let (mut consumed, mut produced) = (0, 0);
                if !*ending {
                    let status = encoder.run_on_buffers(input, output).map_err(|_| Error::NoMemory)?;
                    (consumed, produced) = (status.bytes_read, status.bytes_written);
                    if produced == output.len() || consumed < input.len() || !finish {
                        let more = produced == output.len() || consumed < input.len();
                        return Ok(Step { consumed, produced, more });
                    }
                    *ending = true;
                }
                let mut rest = OutBuffer::around(&mut output[produced..]);
                let left = encoder.finish(&mut rest, false).map_err(|_| Error::NoMemory)?;
                produced += rest.pos();
                Ok(Step { consumed, produced, more: left > 0 })
            }
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}
