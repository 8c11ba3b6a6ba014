//! How the program is linked, and the name of the profile that builds it.

/// C++'s operators `new` and `delete`, which src/cpp.rs implements.
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

/// The first version of glibc that reads packed relocations.
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
    // A program that is built for another machine may run with an older glibc there.
    if glibc && of("HOST") == of("TARGET") && glibc_version() >= Some(GLIBC_WITH_PACKED_RELOCATIONS) {
        // V8 has 60,000 addresses that are relocated at each start. Packed, they are 20 KB instead of 1.4 MB,
        // which makes a start a fifth shorter.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The name of the profile. Cargo's own variable is `release` for every profile that inherits from it, but
/// the folder below `target` has the name of the profile: `target/quick/build/nano-0123/out`.
fn profile(out: &str) -> &str {
    match out.rsplit(['/', '\\']).nth(3) {
        Some("debug") => "dev",
        Some(name) => name,
        None => "unknown",
    }
}

/// The version of glibc on this machine.
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

/// Not glibc.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn glibc_version() -> Option<(u32, u32)> {
    None
}
