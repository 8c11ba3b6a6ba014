//! ES modules in an isolate: compiling an application's graph, linking and evaluating it, `import()`,
//! `import.meta`. HTML, section 8.1.3 "JavaScript module scripts". Sources and resolutions are
//! [`nano_modules::Sources`] and shared by all threads; here are one isolate's module records. May use V8 and
//! nano-modules; must not know the embedder's platform.
//!
//! In reading order: `map` (the records), `traces` (stack traces), `content` (one module), `graph` (what it
//! imports), `dynamic` (`import()`).

mod content;
mod dynamic;
mod graph;
mod map;
mod traces;

pub use content::{evaluate_code, produce_caches, run_classic};
pub(crate) use dynamic::install;
pub use graph::{Describe, check_graph, compile_graph, link_and_evaluate};
pub use map::{Failure, MODULES_SLOT, ModuleMap};

type Scope<'s, 'i> = v8::PinScope<'s, 'i>;
