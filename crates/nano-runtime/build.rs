//! Makes the startup snapshot: an isolate's heap with the whole web platform in it, which the runtime carries
//! in its binary.

use std::path::PathBuf;

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=build.rs");
    v8::V8::set_flags_from_string(nano_web::snapshot::V8_FLAGS);
    v8::V8::initialize_platform(v8::new_default_platform(1, false).make_shared());
    v8::V8::initialize();
    let made = nano_web::snapshot::create()?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo gives OUT_DIR to build scripts")?);
    for (name, bytes) in [("snapshot.bin", made.blob), ("caches.bin", made.caches)] {
        let path = out.join(name);
        std::fs::write(&path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
