//! The files in docs/deploy say what the binary understands: their options are there, their configuration is
//! valid, their probes are answered.

use nano_tests::{Dir, Nano, Options, get, run};
use std::path::PathBuf;

fn deployed(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploy")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The configuration in the manifest's ConfigMap.
fn configuration() -> String {
    let manifest = deployed("kubernetes.yaml");
    let block =
        manifest.split("nano.jsonc: |\n").nth(1).expect("a configuration").split("\n---").next().unwrap();
    block.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The manifest's number of this name.
fn number(name: &str) -> u64 {
    let manifest = deployed("kubernetes.yaml");
    let after = manifest.split(&format!("{name}: ")).nth(1).unwrap_or_else(|| panic!("no {name}"));
    after.split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn the_options_of_the_deployment_files_are_there() {
    let dir = Dir::new(&[]);
    let help = run(dir.path(), &["serve", "--help"]).stdout + &run(dir.path(), &["check", "--help"]).stdout;
    let mut found = 0;
    for file in ["Dockerfile", "kubernetes.yaml", "nano.service"] {
        let text = deployed(file);
        let commands = text
            .lines()
            .filter(|line| line.contains("nano\"") || line.contains("serve") || line.contains("check"));
        let words = commands
            .flat_map(|line| line.split(|letter: char| letter.is_whitespace() || "\",[]".contains(letter)));
        for option in words.filter(|word| word.starts_with("--") && word.len() > 2) {
            assert!(help.contains(option), "{file}: {option} is not an option of nano serve or nano check");
            found += 1;
        }
    }
    assert!(found >= 5, "{found}");
}

#[test]
fn the_manifest_of_kubernetes_serves_and_its_probes_are_answered() {
    let dir = Dir::new(&[("site/index.js", "export default { fetch: () => new Response('deployed') };")]);
    let config = configuration()
        .replace("/apps/site", &dir.text("site"))
        .replace("\"/apps\"", &format!("{:?}", dir.text("")))
        .replace("0.0.0.0:9090", "127.0.0.1:0");
    assert!(config.contains("NANO_ADMIN_TOKEN") && !config.contains("/apps"), "{config}");
    dir.write("nano.jsonc", config.as_bytes());
    let checked = run(dir.path(), &["check", "--config", "nano.jsonc"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let server = Nano::config(dir, Options::default());
    let admin = server.errors.wait("the administration's address", |line| {
        line.split("administration at http://").nth(1)?.rsplit(':').next()?.trim().parse().ok()
    });
    assert_eq!(get(server.port(), "any.example", "/").text(), "deployed");
    let manifest = deployed("kubernetes.yaml");
    let probes: Vec<_> =
        manifest.split("httpGet: { path: ").skip(1).map(|rest| rest.split(',').next().unwrap()).collect();
    assert!(probes.len() >= 3, "{probes:?}");
    for path in probes {
        assert_eq!(get(admin, "probe", path).status, 200, "{path}");
    }
    server.stop();
}

#[test]
fn the_deployment_files_leave_the_drain_its_time() {
    // Half a minute by default, and before it the pause of the manifest.
    assert!(number("terminationGracePeriodSeconds") > 30 + number("seconds"));
    let unit = deployed("nano.service");
    let stop: u64 =
        unit.split("TimeoutStopSec=").nth(1).unwrap().split('\n').next().unwrap().parse().unwrap();
    assert!(stop > 30);
    let configuration = configuration();
    assert!(!configuration.contains("drain_timeout_ms"), "another time than the default: {configuration}");
}
