//! Every oracle with its seeds, and with a few hundred changed forms of each: a short run of each fuzz target
//! that needs no V8.

use nano_fuzzing::{compression, config, http, keys, log, replay};

/// Changed forms of a seed.
const MUTANTS: usize = 300;
/// Changed forms of a seed whose check takes milliseconds: bombs, RSA keys.
const FEW_MUTANTS: usize = 30;

#[test]
fn decompress() {
    replay(
        "decompress",
        |name| if name.ends_with("bomb") { FEW_MUTANTS } else { MUTANTS },
        compression::check,
    );
}

#[test]
fn keys_in_every_format() {
    let mutants = |name: &str| if name.contains("rsa") { FEW_MUTANTS } else { MUTANTS };
    replay("key_raw", mutants, keys::raw);
    replay("key_spki", mutants, keys::spki);
    replay("key_pkcs8", mutants, keys::pkcs8);
    replay("key_jwk", mutants, keys::jwk);
}

#[test]
fn http_request() {
    replay("http_request", |_| MUTANTS, http::check);
}

#[test]
fn configuration_file() {
    replay("config", |_| MUTANTS, config::file);
}

#[test]
fn variable_file() {
    replay("env_file", |_| MUTANTS, config::variables);
}

#[test]
fn routes() {
    replay("routes", |_| MUTANTS, config::routes);
}

#[test]
fn log_formats() {
    replay("log", |_| MUTANTS, log::check);
}
