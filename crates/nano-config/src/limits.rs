//! The limits that a file can set (see [`nano_limits`]), and those of the file itself.

pub use nano_limits::*;

/// Largest configuration file.
///
/// Limit (bytes): a hundred thousand applications fit; a wrong file (an image, a database) is refused before
/// it fills the memory.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Problems of one file that are reported one by one. The rest are counted.
///
/// Limit (problems of a file): nobody reads more at once.
pub const ERRORS_MAX: usize = 100;

/// Longest application name.
///
/// Limit (bytes): that of a host name, since the name is the host when none is given.
pub const NAME_BYTES_MAX: usize = 253;

/// Longest name of a variable or service.
///
/// Limit (bytes): longer names are mistakes, and each costs every isolate its bytes.
pub const ENV_NAME_BYTES_MAX: usize = 256;

/// Longest path of a service's socket.
///
/// Limit (bytes): the system's own limit, without the zero at the end.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Nesting of objects and lists inside a variable.
///
/// Limit (levels): deeper values have no use and would cost stack.
pub const ENV_DEPTH_MAX: usize = 64;
