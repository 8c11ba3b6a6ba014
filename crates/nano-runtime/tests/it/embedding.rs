//! The example that README.md shows: an application in another program.

#[path = "../../examples/embed.rs"]
#[allow(dead_code)]
mod embed;

#[test]
fn the_example_gets_its_answer() {
    embed::main().unwrap();
}
