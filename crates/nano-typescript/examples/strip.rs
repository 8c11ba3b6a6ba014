//! Removes the types from the named files and prints the time; with `--print` the results too. For example:
//! `cargo run --release -p nano-typescript --example strip -- $(find src -name '*.ts')`.

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;
use std::time::{Duration, Instant};

fn main() {
    let mut print = false;
    let (mut files, mut bytes, mut bad, mut time) = (0, 0, 0, Duration::ZERO);
    for path in std::env::args().skip(1) {
        if path == "--print" {
            print = true;
            continue;
        }
        let source = match std::fs::read_to_string(&path) {
            Ok(source) => source,
            Err(error) => {
                eprintln!("{path}: {error}");
                continue;
            }
        };
        let began = Instant::now();
        let stripped = nano_typescript::strip(&source);
        time += began.elapsed();
        (files, bytes) = (files + 1, bytes + source.len());
        match stripped {
            Ok(code) => {
                let allocator = Allocator::default();
                let parsed = Parser::new(&allocator, &code, SourceType::mjs()).parse();
                if let Some(error) = parsed.diagnostics.errors().next() {
                    bad += 1;
                    println!("{path}: the result is not JavaScript: {error} {:?}", error.labels);
                }
                if print {
                    print!("{code}");
                }
            }
            Err(problems) => {
                bad += 1;
                println!("{path}:{}", problems[0]);
            }
        }
    }
    println!("{files} files, {bytes} bytes, {bad} refused or wrong, {time:?}");
}
