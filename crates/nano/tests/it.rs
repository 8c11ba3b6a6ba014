//! The program starts, and says what it is. All else about it is tested over real sockets by nano-tests, in
//! `/tests`; that this test exists has cargo build the program together with the tests of the workspace.

use std::process::Command;

#[test]
fn it_says_its_version_and_v8s() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_nano")).arg("--version").output().expect("nano can be started");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    assert!(text.starts_with(concat!("nano ", env!("CARGO_PKG_VERSION"), "\nv8 ")), "{text}");
}
