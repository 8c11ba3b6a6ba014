//! Growing bytes and text: a list of bytes with what writers need.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::str::{self, Utf8Error};

use crate::arena::Arena;
use crate::error::{Exhausted, FormatError};
use crate::handle::{Bytes, Text};
use crate::list::{Draft, List};

/// Growing bytes in an arena, for binary data and text.
///
/// ```
/// # use nano_arena::{Buffer, Pool};
/// let arena = Pool::default().arena();
/// let mut head = Buffer::new(&arena);
/// head.push_str("HTTP/1.1 ")?;
/// head.push_fmt(format_args!("{} OK\r\n", 200))?;
/// let head = head.freeze();
/// assert_eq!(arena.get(head), b"HTTP/1.1 200 OK\r\n");
/// # Ok::<(), nano_arena::FormatError>(())
/// ```
///
/// It implements [`fmt::Write`] and [`io::Write`] as well, whose errors cannot say what refused.
#[derive(Debug)]
pub struct Buffer<'a> {
    list: List<'a, u8>,
}

impl<'a> Buffer<'a> {
    /// An empty buffer, without memory yet.
    pub fn new(arena: &'a Arena) -> Buffer<'a> {
        Buffer { list: List::new(arena) }
    }

    /// An empty buffer with room for `capacity` bytes.
    ///
    /// # Errors
    /// [`Exhausted`] if a limit or the system refuses, as for all that grows it.
    pub fn with_capacity(arena: &'a Arena, capacity: usize) -> Result<Buffer<'a>, Exhausted> {
        Ok(Buffer { list: List::with_capacity(arena, capacity)? })
    }

    /// Appends bytes, all or none.
    ///
    /// # Errors
    /// As [`Buffer::with_capacity`]; then the buffer is as it was.
    #[inline]
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Exhausted> {
        self.list.extend_from_slice(bytes)
    }

    /// Appends text, all or nothing.
    ///
    /// # Errors
    /// As [`Buffer::push_bytes`].
    #[inline]
    pub fn push_str(&mut self, text: &str) -> Result<(), Exhausted> {
        self.list.extend_from_slice(text.as_bytes())
    }

    /// Appends formatted text, all or nothing.
    ///
    /// # Errors
    /// As [`Arena::format`]; then the buffer's content is as it was.
    pub fn push_fmt(&mut self, args: fmt::Arguments<'_>) -> Result<(), FormatError> {
        struct Remember<'b, 'a> {
            list: &'b mut List<'a, u8>,
            refusal: Option<Exhausted>,
        }
        impl fmt::Write for Remember<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.list.extend_from_slice(text.as_bytes()).map_err(|refusal| {
                    self.refusal = Some(refusal);
                    fmt::Error
                })
            }
        }
        let before = self.list.len();
        let mut writer = Remember { list: &mut self.list, refusal: None };
        let outcome = fmt::Write::write_fmt(&mut writer, args);
        let refusal = writer.refusal;
        // A `Display` may swallow the writer's error; what was refused is an error all the same.
        let error = match (outcome, refusal) {
            (_, Some(refusal)) => FormatError::Exhausted(refusal),
            (Err(fmt::Error), None) => FormatError::Display,
            (Ok(()), None) => return Ok(()),
        };
        self.list.truncate(before);
        Err(error)
    }

    /// Makes room for `more` bytes.
    ///
    /// # Errors
    /// As [`Buffer::push_bytes`].
    pub fn reserve(&mut self, more: usize) -> Result<(), Exhausted> {
        self.list.reserve(more)
    }

    /// How many bytes fit without growing.
    pub fn capacity(&self) -> usize {
        self.list.capacity()
    }

    /// Forgets the bytes from `len` on. The room stays.
    pub fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    /// Forgets all bytes. The room stays.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Ends the buffer; the handle names its bytes.
    pub fn freeze(self) -> Bytes {
        self.list.freeze()
    }

    /// Ends the buffer; the handle names its text.
    ///
    /// # Errors
    /// If the bytes are not UTF-8.
    pub fn freeze_text(self) -> Result<Text, Utf8Error> {
        str::from_utf8(&self.list)?;
        // SAFETY: the line above has checked it.
        Ok(unsafe { Text::new(self.list.freeze()) })
    }

    /// Ends the buffer; the reference is to its bytes.
    pub fn into_slice(self) -> &'a mut [u8] {
        self.list.into_slice()
    }

    /// Takes the buffer out of the arena's borrow, to be stored beside it.
    /// `Buffer::from(arena.attach(draft))` goes on with it.
    pub fn detach(self) -> Draft<u8> {
        self.list.detach()
    }
}

impl Arena {
    /// Copies strings in, one behind the other.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`].
    pub fn alloc_concat(&self, parts: &[&str]) -> Result<&str, Exhausted> {
        let len = parts.iter().try_fold(0usize, |sum, part| sum.checked_add(part.len()));
        let len = len.ok_or_else(|| self.refuse_system(usize::MAX))?;
        let mut buffer = Buffer::with_capacity(self, len)?;
        for part in parts {
            buffer.push_str(part)?;
        }
        // SAFETY: strings one behind the other are UTF-8.
        Ok(unsafe { str::from_utf8_unchecked(buffer.into_slice()) })
    }

    /// Writes formatted text into the arena.
    ///
    /// ```
    /// # use nano_arena::Pool;
    /// let arena = Pool::default().arena();
    /// assert_eq!(arena.format(format_args!("{}:{}", "host", 80))?, "host:80");
    /// # Ok::<(), nano_arena::FormatError>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError::Exhausted`] as for all that allocates, [`FormatError::Display`] if one of the arguments
    /// fails to format.
    pub fn format(&self, args: fmt::Arguments<'_>) -> Result<&str, FormatError> {
        if let Some(text) = args.as_str() {
            return Ok(self.alloc_str(text)?);
        }
        let mut buffer = Buffer::new(self);
        buffer.push_fmt(args)?;
        // SAFETY: only `str`s were written.
        Ok(unsafe { str::from_utf8_unchecked(buffer.into_slice()) })
    }
}

impl<'a> From<List<'a, u8>> for Buffer<'a> {
    fn from(list: List<'a, u8>) -> Buffer<'a> {
        Buffer { list }
    }
}

impl Deref for Buffer<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.list
    }
}

impl DerefMut for Buffer<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.list
    }
}

impl fmt::Write for Buffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text).map_err(|_| fmt::Error)
    }
}

impl io::Write for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push_bytes(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
