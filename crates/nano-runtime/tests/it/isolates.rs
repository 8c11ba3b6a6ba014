//! Isolates of one thread beside each other.

use crate::{Lines, directory, on_thread};
use nano_loop::{Config, Loop};
use nano_runtime::{Application, Bindings, Console, Limits, Runtime, RuntimeOptions, YOUNG_BYTES};
use std::rc::Rc;

/// Each isolate is entered once before its application has it, to forbid `eval`. V8 is to have the right one
/// entered afterwards.
#[test]
fn isolates_that_forbid_eval_are_made_one_after_the_other() {
    let code = b"try { new Function('return 1'); } catch (error) { console.log(error.name); } export default { fetch() {} };";
    let directory = directory(&[("index.js", code)]);
    let path = directory.path().to_owned();
    let printed = on_thread(move || {
        let lines = Rc::new(Lines::default());
        let runtime = Runtime::new(
            Rc::new(Loop::new(Config::default()).unwrap()),
            RuntimeOptions {
                spares: 1,
                young_bytes: YOUNG_BYTES,
                console: Rc::clone(&lines) as Rc<dyn Console>,
                network: Default::default(),
            },
        )
        .unwrap();
        assert!(runtime.idle(), "a spare isolate is made");
        let limits = Limits { allow_eval: false, ..Limits::default() };
        let open = |name: &str| Application::open(name, &path, Bindings::default(), limits, true).unwrap();
        let made = [open("a"), open("b"), open("c")].map(|app| runtime.create(&app).unwrap());
        for instance in &made {
            runtime.load(instance);
            assert!(instance.is_ready(), "{:?}", instance.failure().map(|error| error.to_string()));
        }
        for instance in &made {
            assert!(!instance.is_running());
            runtime.close(instance);
        }
        lines.take()
    });
    assert_eq!(printed, ["EvalError"; 3]);
}
