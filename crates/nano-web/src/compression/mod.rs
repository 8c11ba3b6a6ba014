//! Native functions of the Compression Standard, on `nano-compression`.
//!
//! A coder's memory counts against its isolate from its first chunk to its end, and V8 sees it as the size of
//! a buffer, so that forgotten streams are collected in time.

use crate::host::Accountant;
use crate::infra::{
    Args, Error, Ret, Scope, buffer, collect, fill_u32, ops, state, text, throw, uint8_array, with_bytes,
};
use nano_compression::{Compressor, Decompressor, Format};
use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::Arc;

ops! {
    "compressionNew" => compression_new,
    "compressionStep" => compression_step,
    "compressionFree" => compression_free,
}

/// What one step gives at most: one chunk of the readable side.
const OUTPUT_BYTES: usize = 64 << 10;

enum Codec {
    Compress(Compressor),
    Decompress(Decompressor),
    /// It has ended, or failed.
    Over,
}

/// What JavaScript holds as an ArrayBuffer that no tenant ever sees: the buffer's memory begins with this
/// struct. The rest of it is never touched and takes no memory; its length tells V8 what the codec takes
/// elsewhere.
struct Coder {
    codec: Codec,
    accountant: Arc<dyn Accountant>,
    counted: usize,
    layout: Layout,
}

impl Coder {
    fn end(&mut self) {
        self.codec = Codec::Over;
        self.accountant.give_back(std::mem::take(&mut self.counted));
    }
}

unsafe extern "C" fn drop_coder(data: *mut c_void, _: usize, _: *mut c_void) {
    let coder = data.cast::<Coder>();
    // SAFETY: `data` was allocated with this layout and initialized in `compression_new`; V8 calls this once.
    unsafe {
        (*coder).end();
        let layout = (*coder).layout;
        std::ptr::drop_in_place(coder);
        dealloc(data.cast::<u8>(), layout);
    }
}

/// `compressionNew(format, decompress)`.
fn compression_new(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<32>();
    let name = text(scope, args.get(0), &mut stack);
    let Some(format) = Format::from_name(&name) else { return };
    let decompress = args.get(1).is_true();
    let Some(accountant) = state(scope).map(|state| Arc::clone(state.accountant())) else { return };
    let cost = if decompress { Decompressor::memory_bytes(format) } else { Compressor::memory_bytes(format) };
    let no_room =
        Error::Range("the application's memory limit leaves no room for another compression stream");
    if !accountant.take(cost) {
        // Streams that were forgotten may still hold what is missing.
        if !collect(scope) || !accountant.take(cost) {
            return throw(scope, no_room);
        }
    }
    let codec = if decompress {
        Decompressor::new(format).map(Codec::Decompress)
    } else {
        Compressor::new(format).map(Codec::Compress)
    };
    let layout = Layout::from_size_align(cost.max(size_of::<Coder>()), align_of::<Coder>());
    let (Ok(codec), Ok(layout)) = (codec, layout) else {
        accountant.give_back(cost);
        return throw(scope, no_room);
    };
    // SAFETY: the layout's size is not zero.
    let data = unsafe { alloc(layout) };
    if data.is_null() {
        accountant.give_back(cost);
        return throw(scope, no_room);
    }
    // SAFETY: `data` is valid, aligned and large enough for a `Coder`, and for `layout.size()` bytes until
    // `drop_coder`.
    let store = unsafe {
        data.cast::<Coder>().write(Coder { codec, accountant, counted: cost, layout });
        v8::ArrayBuffer::new_backing_store_from_ptr(
            data.cast::<c_void>(),
            layout.size(),
            drop_coder,
            std::ptr::null_mut(),
        )
    };
    ret.set(v8::ArrayBuffer::with_backing_store(scope, &store.make_shared()).into());
}

/// Calls `with` with the coder in a buffer that `compression_new` made. `with` must not enter JavaScript.
fn with_coder<R>(holder: v8::Local<'_, v8::Value>, with: impl FnOnce(&mut Coder) -> R) -> Option<R> {
    let holder = v8::Local::<v8::ArrayBuffer>::try_from(holder).ok()?;
    let data = holder.data()?;
    // SAFETY: only `compression_new` makes the buffers that the platform's JavaScript passes here; `holder`
    // keeps it alive, and nothing else runs while it is borrowed.
    Some(with(unsafe { &mut *data.as_ptr().cast::<Coder>() }))
}

/// `compressionStep(coder, chunk, offset, finish, said)`: some of what the chunk gives from `offset` on, or
/// undefined; `said` gets the bytes consumed, and 1 if there is more.
fn compression_step(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    thread_local! {
        static OUTPUT: RefCell<Vec<u8>> = RefCell::new(vec![0; OUTPUT_BYTES]);
    }
    let offset = args.get(2).integer_value(scope).unwrap_or(0) as usize;
    let finish = args.get(3).is_true();
    let step = with_coder(args.get(0), |coder| {
        let step = with_bytes(args.get(1), |bytes| {
            let input = bytes.get(offset..).unwrap_or(&[]);
            OUTPUT.with_borrow_mut(|output| {
                let step = match &mut coder.codec {
                    Codec::Compress(compressor) => compressor.step(input, finish, output),
                    Codec::Decompress(decompressor) => match decompressor.step(input, output) {
                        Ok(step) if finish && !step.more => decompressor.finish().map(|()| step),
                        step => step,
                    },
                    Codec::Over => Err(nano_compression::Error::Trailing),
                }?;
                Ok::<_, nano_compression::Error>((step, output[..step.produced].to_vec()))
            })
        });
        if step.as_ref().map_or(true, |(step, _)| finish && !step.more) {
            coder.end();
        }
        step
    });
    match step {
        None => {}
        Some(Ok((step, output))) => {
            fill_u32(args.get(4), &[step.consumed as u32, u32::from(step.more)]);
            if step.produced > 0
                && let Some(array) = uint8_array(scope, output)
            {
                ret.set(array.into());
            }
        }
        Some(Err(error)) => throw(scope, Error::Type(&error.to_string())),
    }
}

/// `compressionFree(coder)`: nobody will read what it gives.
fn compression_free(_: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    with_coder(args.get(0), Coder::end);
}
