//! The places that a prebuilt static library may come from: what the `v8` crate's own variables name, the
//! folder that lies beside the checkout, and the crate's release page.
//!
//! Each gives the library's file, checked, in the cache; or says in words why it cannot.

use super::artifact::{Build, V8_VERSION, cache_dir, cache_name, check_library, sha256};
use crate::util::{capture, copy_whole, say, which, workspace_root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RELEASE_PAGE: &str = "https://github.com/denoland/rusty_v8/releases/download";

/// A place, as messages call it, with what came of trying it.
pub struct Tried {
    /// What and where.
    pub place: String,
    /// Why it gave nothing; `None` if it did.
    pub failure: Option<String>,
}

/// Tries every place in order until one gives the library. `near` leaves out those that take long.
pub fn provide(build: Build, target: &str, near: bool) -> Vec<Tried> {
    let mut tried = Vec::new();
    for (place, far, fetch) in places(build, target) {
        if far && near {
            continue;
        }
        match fetch() {
            Ok(()) => {
                tried.push(Tried { place, failure: None });
                return tried;
            }
            Err(error) => tried.push(Tried { place, failure: Some(error) }),
        }
    }
    tried
}

type Fetch = Box<dyn Fn() -> Result<(), String>>;

fn places(build: Build, target: &str) -> Vec<(String, bool, Fetch)> {
    let (library, binding) = (build.library(target), build.binding(target));
    let mut places: Vec<(String, bool, Fetch)> = Vec::new();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(archive) = variable("RUSTY_V8_ARCHIVE") {
        let (library, binding) = (library.clone(), binding.clone());
        let far = remote(&archive);
        let place = format!("RUSTY_V8_ARCHIVE, {archive}");
        places.push((place, far, Box::new(move || from_archive(&archive, &library, &binding))));
    } else {
        places.push(("RUSTY_V8_ARCHIVE".into(), false, Box::new(|| Err("not set".into()))));
    }
    let mirror = variable("RUSTY_V8_MIRROR");
    if let Some(mirror) = &mirror {
        for base in mirror_urls(mirror, build, target, &library) {
            let (library, binding) = (library.clone(), binding.clone());
            let place = format!("RUSTY_V8_MIRROR, {base}");
            let beside = base.replace(&library, &binding);
            places.push((place, remote(&base), Box::new(move || take(&base, &beside, &library, &binding))));
        }
    } else {
        places.push(("RUSTY_V8_MIRROR".into(), false, Box::new(|| Err("not set".into()))));
    }
    let shared = shared_folder();
    let (name, other) = (library.clone(), binding.clone());
    let place = format!("the folder beside the checkout, {}", shared.display());
    places.push((place, false, Box::new(move || from_shared(&shared, &name, &other))));
    // As for the crate itself: who sets a mirror does not want the release page asked behind it, unless said
    // so.
    let fallback = variable("RUSTY_V8_MIRROR_FALLBACK")
        .is_some_and(|value| matches!(value.as_str(), "1" | "true" | "yes"));
    let url = format!("{RELEASE_PAGE}/v{V8_VERSION}");
    let place = format!("the crate's release page, {url}/{library}");
    if mirror.is_none() || fallback {
        places.push((
            place,
            true,
            Box::new(move || {
                take(&format!("{url}/{library}"), &format!("{url}/{binding}"), &library, &binding)
            }),
        ));
    } else {
        places.push((
            place,
            true,
            Box::new(|| {
                Err("not asked, since RUSTY_V8_MIRROR is set and RUSTY_V8_MIRROR_FALLBACK is not".into())
            }),
        ));
    }
    places
}

/// Where the library lies for those who have it beside their checkouts.
pub fn shared_folder() -> PathBuf {
    let root = workspace_root();
    root.parent().unwrap_or(&root).join("shared/v8/lib")
}

fn remote(place: &str) -> bool {
    place.starts_with("http:") || place.starts_with("https:")
}

/// The places that a mirror's value stands for, as the crate's README documents them.
fn mirror_urls(mirror: &str, build: Build, target: &str, file: &str) -> Vec<String> {
    let tag = std::env::var("RUSTY_V8_MIRROR_TAG").unwrap_or_else(|_| format!("v{V8_VERSION}"));
    if mirror.contains('{') {
        let filled =
            mirror.replace("{tag}", &tag).replace("{version}", V8_VERSION).replace("{target}", target);
        return vec![
            filled
                .replace("{profile}", "release")
                .replace("{features}", build.features())
                .replace("{file}", file),
        ];
    }
    let mut urls = vec![format!("{mirror}/{tag}/{file}")];
    if !remote(mirror) {
        urls.push(format!("{mirror}/{file}"));
    }
    urls
}

fn from_archive(archive: &str, library: &str, binding: &str) -> Result<(), String> {
    let folder = Path::new(archive);
    if folder.is_dir() {
        let plain = folder.join(library.trim_end_matches(".gz"));
        let gzipped = folder.join(library);
        let found = if gzipped.exists() || !plain.exists() { gzipped } else { plain };
        return install(&found, Some(&folder.join(binding)), library, binding, true);
    }
    if remote(archive) {
        return take(archive, "", library, binding);
    }
    // A single file does not say which build it is, unless it kept its name.
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if name.contains("rusty_v8") && name.contains("_ptrcomp") != library.contains("_ptrcomp") {
        return Err(format!("by its name it is another build than {library}"));
    }
    install(folder, None, library, binding, true)
}

fn from_shared(folder: &Path, library: &str, binding: &str) -> Result<(), String> {
    let file = folder.join(library);
    if !file.exists() {
        return Err(if folder.exists() {
            format!("it has no {library}")
        } else {
            "there is no such folder".into()
        });
    }
    let sums = fs::read_to_string(folder.join("SHA256SUMS"))
        .map_err(|error| format!("cannot read its SHA256SUMS: {error}"))?;
    for name in [library, binding] {
        let expected = sums.lines().find_map(|line| {
            let (sum, file) = line.split_once(char::is_whitespace)?;
            (file.trim_start().trim_start_matches('*') == name).then_some(sum)
        });
        let expected = expected.ok_or_else(|| format!("its SHA256SUMS does not list {name}"))?;
        let found = sha256(&folder.join(name))?;
        if !found.eq_ignore_ascii_case(expected) {
            return Err(format!("{name} is not what SHA256SUMS says: its SHA-256 is {found}"));
        }
    }
    install(&file, Some(&folder.join(binding)), library, binding, false)
}

/// Takes library and binding from two URLs or paths.
fn take(library_at: &str, binding_at: &str, library: &str, binding: &str) -> Result<(), String> {
    if !remote(library_at) {
        return install(Path::new(library_at), Some(Path::new(binding_at)), library, binding, true);
    }
    let cache = cache_dir()?;
    fs::create_dir_all(&cache).map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
    let part = cache.join(format!("{}.{}.part", cache_name(library), std::process::id()));
    let binding_part = part.with_extension("binding.part");
    let taken = download(library_at, &part).and_then(|()| {
        // The published crate has the binding in it; the file is only for completeness.
        let with_binding = !binding_at.is_empty() && download(binding_at, &binding_part).is_ok();
        install(&part, with_binding.then_some(binding_part.as_path()), library, binding, true)
    });
    let _ = fs::remove_file(&part);
    let _ = fs::remove_file(&binding_part);
    taken
}

fn download(url: &str, to: &Path) -> Result<(), String> {
    if which("curl").is_none() {
        return Err("there is no curl to fetch it with".into());
    }
    let mut curl = Command::new("curl");
    // Five seconds to connect; then it may take as long as it moves.
    curl.args(["--fail", "--location", "--silent", "--show-error", "--connect-timeout", "5"]);
    curl.args(["--speed-limit", "1000", "--speed-time", "20", "--output"]).arg(to).arg(url);
    say(&format!("trying {url}"));
    capture(&mut curl).map(drop).map_err(|error| {
        let _ = fs::remove_file(to);
        let reason = error.lines().last().unwrap_or_default().trim().to_string();
        if reason.is_empty() { error } else { reason }
    })
}

/// Puts a library, and a binding if there is one, into the cache under their documented names; the binding
/// first, so that a library that is there means that all is.
pub fn install(
    from: &Path,
    binding_from: Option<&Path>,
    library: &str,
    binding: &str,
    pinned: bool,
) -> Result<(), String> {
    if !from.exists() {
        return Err(format!("there is no {}", from.display()));
    }
    if let Some(pin) = std::env::var("RUSTY_V8_ARCHIVE_SHA256").ok().filter(|pin| pinned && !pin.is_empty()) {
        let found = sha256(from)?;
        if !found.eq_ignore_ascii_case(&pin) {
            return Err(format!("its SHA-256 is {found}, and RUSTY_V8_ARCHIVE_SHA256 wants {pin}"));
        }
    }
    check_library(from).map_err(|error| format!("{}: {error}", from.display()))?;
    let cache = cache_dir()?;
    if let Some(file) = binding_from.filter(|file| file.exists()) {
        copy_whole(file, &cache.join(cache_name(binding)))?;
    }
    copy_whole(from, &cache.join(cache_name(library)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "x86_64-unknown-linux-gnu";

    #[test]
    fn cache_names_are_the_documented_ones() {
        assert_eq!(
            cache_name(&Build::Plain.library(TARGET)),
            "v152_2_0_librusty_v8_release_x86_64_unknown_linux_gnu_a_gz"
        );
        assert_eq!(
            cache_name(&Build::Compressed.binding(TARGET)),
            "v152_2_0_src_binding_ptrcomp_release_x86_64_unknown_linux_gnu_rs"
        );
    }

    #[test]
    fn a_mirror_may_be_a_base_a_folder_or_a_template() {
        let file = Build::Compressed.library(TARGET);
        let urls = |mirror| mirror_urls(mirror, Build::Compressed, TARGET, &file);
        assert_eq!(urls("https://mirror.example"), [format!("https://mirror.example/v152.2.0/{file}")]);
        assert_eq!(urls("/opt/v8"), [format!("/opt/v8/v152.2.0/{file}"), format!("/opt/v8/{file}")]);
        assert_eq!(
            urls("https://m.example/{version}{features}/{file}"),
            [format!("https://m.example/152.2.0_ptrcomp/{file}")]
        );
    }

    #[test]
    fn a_damaged_or_foreign_file_is_no_library() {
        let folder = std::env::temp_dir().join(format!("xtask-places-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("lib");
        fs::write(&file, b"!<arch>\nrest").unwrap();
        assert_eq!(check_library(&file), Ok(()));
        fs::write(&file, b"<html>not found").unwrap();
        assert!(check_library(&file).unwrap_err().contains("neither"));
        fs::write(&file, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2]).unwrap();
        assert!(check_library(&file).unwrap_err().contains("damaged"));
        assert!(from_shared(&folder, "lib", "binding").unwrap_err().contains("SHA256SUMS"));
        fs::write(folder.join("binding"), "").unwrap();
        fs::write(
            folder.join("SHA256SUMS"),
            format!("{}  lib\n{}  binding\n", "0".repeat(64), "0".repeat(64)),
        )
        .unwrap();
        assert!(from_shared(&folder, "lib", "binding").unwrap_err().contains("is not what SHA256SUMS says"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
