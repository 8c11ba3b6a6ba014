//! How the program is linked, and which profile it is built with; knows nothing of what is in it.

/// C++'s operators `new` and `delete`, which src/cpp.rs has.
const OPERATORS: [&str; 20] = [
    "_Znwm",
    "_Znam",
    "_ZnwmRKSt9nothrow_t",
    "_ZnamRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZdaPvm",
    "_ZdlPvSt11align_val_t",
    "_ZdaPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t",
    "_ZdaPvmSt11align_val_t",
    "_ZdlPvRKSt9nothrow_t",
    "_ZdaPvRKSt9nothrow_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t",
];

/// The first glibc that relocates what is packed.
const GLIBC_WITH_PACKED_RELOCATIONS: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    println!("cargo::rustc-env=NANO_PROFILE={}", profile(&of("OUT_DIR")));
    let glibc = of("CARGO_CFG_TARGET_OS") == "linux" && of("CARGO_CFG_TARGET_ENV") == "gnu";
    if glibc {
        for operator in OPERATORS {
            println!("cargo::rustc-link-arg-bins=-Wl,--wrap={operator}");
        }
    }
    // A program that is made for another machine may meet an older glibc there.
    if glibc && of("HOST") == of("TARGET") && glibc_version() >= Some(GLIBC_WITH_PACKED_RELOCATIONS) {
        // V8 brings 60,000 addresses that are relocated at each start. Packed they are 20 KB to read instead of 1.4 MB, which
        // makes a start a fifth shorter.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The name of the profile that is built. Cargo's own variable says `release` for every profile that inherits
/// from it; the folder below `target` is the profile's: `target/quick/build/nano-0123/out`.
fn profile(out: &str) -> &str {
    match out.rsplit(['/', '\\']).nth(3) {
        Some("debug") => "dev",
        Some(name) => name,
        None => "unknown",
    }
}

/// The version of the C library here.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn glibc_version() -> Option<(u32, u32)> {
    unsafe extern "C" {
        safe fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    // SAFETY: glibc returns a constant of its own, which ends with a zero.
    let version = unsafe { std::ffi::CStr::from_ptr(gnu_get_libc_version()) };
    let (major, rest) = version.to_str().ok()?.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The version of the C library here: it is another one.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn glibc_version() -> Option<(u32, u32)> {
    None
}
