//! The quick check without a checkout: the data files of web-platform-tests that lie beside the repository,
//! each case through the product's own classes.
//!
//! Knows where the data lies; data.js knows what it means.

use std::fs;

use serde_json::Value;

use super::run::Job;
use crate::util;

/// The name under which tests/wpt has the expectations.
pub const SUITE: &str = "data";

/// The files that are checked.
const FILES: [&str; 11] = [
    "url/urltestdata.json",
    "url/urltestdata-javascript-only.json",
    "url/setters_tests.json",
    "url/toascii.json",
    "url/percent-encoding.json",
    "url/IdnaTestV2.json",
    "urlpattern/urlpatterntestdata.json",
    "urlpattern/generate.json",
    "urlpattern/compare.json",
    "mimesniff/mime-types.json",
    "mimesniff/generated-mime-types.json",
];

const CHECK: &str = include_str!("data.js");

/// A job for each file, and what stands for the checkout's date: a digest of the data. None if the data is
/// not there.
pub fn jobs() -> Result<Option<(Vec<Job>, String)>, String> {
    let folder = util::workspace_root().join("../shared/wpt/data");
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut jobs = Vec::new();
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for name in FILES {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for byte in text.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // JSON is JavaScript, except that the data has lone surrogates as escapes: those must stay escapes.
        let script = CHECK.replace("__NAME__", &Value::from(name).to_string()).replace("__DATA__", &text);
        jobs.push(Job { name: name.into(), script, long: false });
    }
    Ok(Some((jobs, format!("{digest:016x}"))))
}
