//! The README's example is the one in examples/.

#[test]
fn the_example_equals_the_one_in_the_readme() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../examples/echo.rs");
    let (_, code) = readme.split_once("```rust,no_run\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    assert!(example.ends_with(code), "examples/echo.rs differs from the README");
}
