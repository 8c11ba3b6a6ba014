//! Native functions of `navigator`: what runs, and how many of it can run at a time.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Ret, Scope, ops, string};

pub(crate) static STANDARD: Standard = Standard {
    name: "navigator",
    uses: &["expose", "primordials", "webidl"],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["navigator/navigator.js"],
        exports: [],
        globals: ["Navigator"],
        enumerable: ["navigator"],
        exercise: r#"navigator.userAgent;"#
    }
};

ops! { "userAgent" => user_agent, "hardwareConcurrency" => hardware_concurrency, "platform" => platform }

/// `NANO/x.y`: what tells runtimes apart has no use for the rest of the version.
const USER_AGENT: &str =
    concat!("NANO/", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

fn user_agent(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    if let Some(text) = string(scope, USER_AGENT) {
        ret.set(text.into());
    }
}

fn hardware_concurrency(_: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ret.set_uint32(u32::try_from(threads).unwrap_or(u32::MAX));
}

/// As browsers have it: the system and the processor.
fn platform(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    let system = if cfg!(target_os = "macos") {
        "MacIntel".into()
    } else {
        format!("Linux {}", std::env::consts::ARCH)
    };
    if let Some(text) = string(scope, &system) {
        ret.set(text.into());
    }
}
