//! Isolates of one thread beside each other, without any platform in them. `cargo xtask sanitize --v8` runs
//! this under AddressSanitizer.

use nano_isolate::{
    IsolateStack, Need, Realm, RealmOptions, THREAD_STACK_BYTES, YOUNG_BYTES, address_of, initialize,
    stack_base,
};
use std::rc::Rc;

fn on_thread<R: Send + 'static>(with: impl FnOnce() -> R + Send + 'static) -> R {
    initialize("");
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(with).unwrap();
    thread.join().unwrap()
}

fn realm(stack: &Rc<IsolateStack>) -> Rc<Realm<()>> {
    let options = RealmOptions {
        snapshot: None,
        external_references: Default::default(),
        stack,
        stack_base: stack_base(),
        young_bytes: YOUNG_BYTES,
        need: Need::Request,
    };
    Realm::new(options, |_, _| (), |_, ()| Some(())).unwrap()
}

/// A realm as an embedder makes it that forbids `eval`: it is entered before it has its place in the
/// embedder's table.
#[inline(never)]
fn realm_without_eval(stack: &Rc<IsolateStack>) -> Rc<Realm<()>> {
    let realm = realm(stack);
    realm.forbid_eval();
    realm
}

/// Runs code in the realm: its value as text, or the exception's.
fn run(realm: &Realm<()>, code: &str) -> String {
    realm.enter(|scope, realm| {
        assert_eq!(address_of(scope), realm.address(), "V8 has another isolate entered");
        v8::tc_scope!(let scope, scope);
        let code = v8::String::new(scope, code).unwrap();
        let value = v8::Script::compile(scope, code, None).and_then(|script| script.run(scope));
        let value = value.or_else(|| scope.exception()).unwrap();
        value.to_rust_string_lossy(scope)
    })
}

#[test]
fn realms_are_entered_before_they_have_their_place() {
    on_thread(|| {
        let stack = Rc::new(IsolateStack::default());
        let mut realms = Vec::new();
        for _ in 0..3 {
            realms.push(realm_without_eval(&stack));
        }
        for (index, realm) in realms.iter().enumerate() {
            assert_eq!(run(realm, &format!("globalThis.x = {index}")), index.to_string());
        }
        // The last one again, and the others.
        for (index, realm) in realms.iter().enumerate().rev() {
            assert_eq!(run(realm, "x"), index.to_string());
            assert!(run(realm, "eval('1')").starts_with("EvalError"));
        }
        // In any order, the parked one among them.
        run(&realms[1], "x");
        drop(realms.remove(1));
        drop(realms.remove(0));
        assert_eq!(run(&realms[0], "x"), "2");
    });
}

#[test]
fn realms_are_entered_within_each_other() {
    on_thread(|| {
        let stack = Rc::new(IsolateStack::default());
        let (outer, inner) = (realm(&stack), realm(&stack));
        run(&inner, "globalThis.x = 'inner'");
        outer.enter(|scope, outer| {
            assert_eq!(run(&inner, "x"), "inner");
            assert!(outer.is_entered() && !inner.is_entered());
            assert_eq!(address_of(scope), outer.address());
            // One that is made and dropped meanwhile.
            assert_eq!(run(&realm(&stack), "1"), "1");
        });
        assert_eq!(run(&outer, "2"), "2");
    });
}

/// Before a worker's state goes to another thread, V8 has none of its isolates entered on this one.
#[test]
fn a_parked_isolate_is_exited_before_the_state_moves() {
    on_thread(|| {
        let stack = Rc::new(IsolateStack::default());
        let realm = realm(&stack);
        assert_eq!(run(&realm, "1"), "1");
        stack.exit_parked();
        stack.exit_parked();
        assert_eq!(run(&realm, "2"), "2");
    });
}
