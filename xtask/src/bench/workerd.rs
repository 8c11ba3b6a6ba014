//! workerd's configuration for an application: its modules listed as they are, or packed into one where it
//! has packages.
//!
//! Knows how an application's folder is read (its entry, the kinds of modules); that is written here a second
//! time on purpose, so that the comparison does not inherit a mistake of NANO's own loader.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::peers;
use crate::util;

/// The day whose behaviour workerd shows.
pub const COMPATIBILITY_DATE: &str = "2026-11-01";

/// One application in workerd's configuration.
pub struct Service {
    pub name: String,
    /// The application's folder.
    pub folder: PathBuf,
    /// A classic script with `addEventListener("fetch")`.
    pub classic: bool,
    pub env: Vec<(String, String)>,
    pub port: u16,
}

/// Lays the applications' modules out under `into` and writes the configuration beside them; gives its path.
pub fn configure(into: &Path, services: &[Service]) -> Result<PathBuf, String> {
    let _ = fs::remove_dir_all(into);
    let mut text = String::from(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\nconst config :Workerd.Config = (\n  services = [\n    \
         (name = \"internet\", network = (allow = [\"public\", \"private\"])),\n",
    );
    for service in services {
        let modules = lay_out(into, service)?;
        let _ = writeln!(text, "    (name = {}, worker = (", quote(&service.name));
        if service.classic {
            let _ = writeln!(
                text,
                "      serviceWorkerScript = embed {},",
                quote(&format!("{}/{}", service.name, modules[0].name))
            );
        } else {
            text.push_str("      modules = [\n");
            for module in &modules {
                let path = quote(&format!("{}/{}", service.name, module.name));
                let _ = writeln!(
                    text,
                    "        (name = {}, {} = embed {path}),",
                    quote(&module.name),
                    module.kind
                );
            }
            text.push_str("      ],\n");
        }
        text.push_str("      bindings = [\n");
        for (name, value) in &service.env {
            let _ = writeln!(text, "        (name = {}, text = {}),", quote(name), quote(value));
        }
        let _ = writeln!(text, "      ],\n      compatibilityDate = {},\n    )),", quote(COMPATIBILITY_DATE));
    }
    text.push_str("  ],\n  sockets = [\n");
    for service in services {
        let (name, port) = (quote(&service.name), service.port);
        let _ = writeln!(
            text,
            "    (name = {name}, address = \"127.0.0.1:{port}\", http = (), service = {name}),"
        );
    }
    text.push_str("  ],\n);\n");
    let path = into.join("config.capnp");
    util::write_whole(&path, &mut text.as_bytes())?;
    Ok(path)
}

/// The command that serves a configuration.
pub fn serve(mut command: Command, config: &Path) -> Command {
    command.arg("serve").arg(config);
    command
}

struct Module {
    /// Relative to the application's folder, as imports resolve it.
    name: String,
    /// workerd's word for what it is.
    kind: &'static str,
}

fn lay_out(into: &Path, service: &Service) -> Result<Vec<Module>, String> {
    let entry = entry(&service.folder)?;
    let target = into.join(&service.name);
    fs::create_dir_all(&target).map_err(|error| format!("cannot make {}: {error}", target.display()))?;
    if service.folder.join("node_modules").is_dir() {
        let output = target.join("bundle.js");
        util::capture(
            Command::new(peers::program("esbuild")?)
                .arg(service.folder.join(&entry))
                .args([
                    "--bundle",
                    "--format=esm",
                    "--platform=neutral",
                    "--target=esnext",
                    "--log-level=warning",
                ])
                .args(["--main-fields=module,main", "--conditions=workerd,worker,import"])
                .arg(format!("--outfile={}", output.display())),
        )?;
        return Ok(vec![Module { name: "bundle.js".into(), kind: "esModule" }]);
    }
    let mut names = Vec::new();
    files(&service.folder, "", &mut names)?;
    // The first module is the entry.
    names.sort_by_key(|name| (*name != entry, name.clone()));
    let mut modules = Vec::new();
    for name in names {
        let kind = match name.rsplit('.').next().unwrap_or_default() {
            "js" | "mjs" => "esModule",
            "json" => "json",
            "txt" => "text",
            "bin" => "data",
            "wasm" => "wasm",
            _ => continue,
        };
        util::copy_whole(&service.folder.join(&name), &target.join(&name))?;
        modules.push(Module { name, kind });
    }
    Ok(modules)
}

/// The entry of an application's folder, as product documentation has it.
fn entry(folder: &Path) -> Result<String, String> {
    if let Ok(text) = fs::read_to_string(folder.join("package.json")) {
        let manifest: Value = serde_json::from_str(&text)
            .map_err(|error| format!("{}/package.json: {error}", folder.display()))?;
        if let Some(main) = manifest["main"].as_str() {
            return Ok(main.trim_start_matches("./").to_string());
        }
    }
    let names = ["index.js", "index.mjs", "worker.js", "worker.mjs", "_worker.js"];
    let found = names.into_iter().find(|name| folder.join(name).is_file());
    found.map(str::to_string).ok_or_else(|| format!("{} has no entry", folder.display()))
}

fn files(root: &Path, below: &str, names: &mut Vec<String>) -> Result<(), String> {
    let folder = root.join(below);
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.path().is_dir() {
            files(root, &path, names)?;
        } else if !matches!(path.as_str(), "requests.json" | "package.json" | "package-lock.json") {
            names.push(path);
        }
    }
    Ok(())
}

/// A text literal of the configuration's language; what is not plain ASCII goes as escaped bytes.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', byte as char]),
            b' '..=b'~' => quoted.push(byte as char),
            _ => {
                let _ = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_quoted_byte_by_byte() {
        assert_eq!(super::quote("a \"b\" \\ ü\n"), r#""a \"b\" \\ \xc3\xbc\x0a""#);
    }
}
