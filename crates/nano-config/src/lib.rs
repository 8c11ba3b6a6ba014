#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod env;
pub mod env_file;
mod error;
mod file;
pub mod limits;
mod model;
mod reader;
pub mod routes;
mod schema;
mod suggest;
mod syntax;

pub use address::{DEFAULT_HOST, parse_admin_address, parse_listen_host};
pub use env::is_variable_name;
pub use error::{ConfigError, ConfigErrors};
pub use limits::{AppLimits, ServerLimits};
pub use model::{
    Admin, App, Certificate, Config, DEFAULT_TOKEN_ENV, Defaults, EnvValue, FetchPolicy, Hardening, Network,
    Overrides, Sandbox, Service, Telemetry,
};

#[cfg(test)]
mod tests;
