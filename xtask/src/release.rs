//! `cargo xtask release`: the program as it is shipped, with its debug information in a file beside it.

use crate::util::{ensure_program, no_more, run, say, take_flag, target_dir};
use std::fs;
use std::path::Path;
use std::process::Command;

const HELP: &str = "\
Does all set-up and builds the program in the release profile, for measurements and for shipping.

Usage: cargo xtask release

  target/dist/nano        the program, stripped
  target/dist/nano.debug  its debug information; debuggers and backtraces find it beside the program
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    no_more(&args)?;
    ensure_program("objcopy", "binutils", "separating the program from its debug information")?;
    crate::setup::v8()?;
    crate::build::nano("release", &["--locked"])?;
    let folder = target_dir().join("dist");
    split(&target_dir().join("release/nano"), &folder)?;
    let size = |name: &str| fs::metadata(folder.join(name)).map_or(0.0, |meta| meta.len() as f64 / 1e6);
    say(&format!("{}: {:.0} MB", folder.join("nano").display(), size("nano")));
    say(&format!("{}: {:.0} MB", folder.join("nano.debug").display(), size("nano.debug")));
    Ok(())
}

/// Writes `program` without symbols to `folder`, and what was taken out beside it as `NAME.debug`. The
/// program names that file and its checksum.
fn split(program: &Path, folder: &Path) -> Result<(), String> {
    let name = program.file_name().unwrap_or_default();
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut debug = name.to_os_string();
    debug.push(".debug");
    let objcopy = |option: &str, from: &Path, to: &Path| {
        run(Command::new("objcopy").current_dir(folder).arg(option).arg(from).arg(to))
    };
    objcopy("--only-keep-debug", program, Path::new(&debug))?;
    // Relative, so that the program names the file and not this machine's folder.
    let stripped = Path::new(name);
    objcopy("--strip-all", program, stripped)?;
    let mut link = std::ffi::OsString::from("--add-gnu-debuglink=");
    link.push(&debug);
    run(Command::new("objcopy").current_dir(folder).arg(link).arg(stripped))
}

#[test]
fn debug_information_goes_into_a_file_of_its_own() {
    if crate::util::which("objcopy").is_none() || crate::util::which("readelf").is_none() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("xtask-release-{}", std::process::id()));
    let program = std::env::current_exe().unwrap();
    split(&program, &folder).unwrap();
    let name = program.file_name().unwrap().to_string_lossy().into_owned();
    let sections = |file: &Path| {
        crate::util::capture(Command::new("readelf").args(["--sections", "--wide"]).arg(file)).unwrap()
    };
    let (stripped, debug) = (folder.join(&name), folder.join(format!("{name}.debug")));
    assert!(sections(&program).contains(".debug_info") && sections(&debug).contains(".debug_info"));
    let left = sections(&stripped);
    assert!(
        left.contains(".gnu_debuglink") && !left.contains(".debug_info") && !left.contains(".symtab"),
        "{left}"
    );
    assert!(fs::metadata(&stripped).unwrap().len() < fs::metadata(&program).unwrap().len());
    // It still runs.
    let listed = crate::util::capture(Command::new(&stripped).args(["--list", "debug_information"])).unwrap();
    assert!(listed.contains("debug_information_goes_into_a_file_of_its_own"), "{listed}");
    fs::remove_dir_all(&folder).unwrap();
}
