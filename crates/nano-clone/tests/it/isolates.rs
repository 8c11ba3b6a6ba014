//! Between isolates on different threads: memory that moves, and the account that it is charged to.

use crate::world::{evaluate, holds, in_isolate, set};
use nano_clone::{Account, Message, Options};
use std::sync::Arc;

#[test]
fn a_gigabyte_moves_between_isolates_without_a_copy() {
    const BYTES: usize = 1 << 30;
    let (message, address) = in_isolate(|scope| {
        let buffer =
            evaluate(scope, "globalThis.b = new ArrayBuffer(2 ** 30); new Uint8Array(b)[12345] = 7; b");
        let buffer = v8::Local::<v8::ArrayBuffer>::try_from(buffer).unwrap();
        let address = buffer.data().unwrap().as_ptr() as usize;
        let value = evaluate(scope, "({ view: new Uint8Array(b, 12345, 1) })");
        let message = Message::serialize(scope, value, &[buffer], Options::default()).unwrap();
        assert!(buffer.was_detached());
        holds(scope, "b.byteLength === 0");
        (message, address)
    });
    assert_eq!(message.moved_len(), BYTES);
    assert!(message.len() < 100, "{}", message.len());
    let resident = resident_bytes();
    in_isolate(move |scope| {
        let received = message.deserialize(scope, Options::default()).unwrap();
        assert_eq!(received.buffers[0].data().unwrap().as_ptr() as usize, address);
        assert_eq!(received.buffers[0].byte_length(), BYTES);
        set(scope, "copy", received.value);
        holds(scope, "copy.view[0] === 7 && copy.view.buffer.byteLength === 2 ** 30");
    });
    // The gigabyte was never touched but for one page; a copy would have made it resident.
    if let (Some(before), Some(after)) = (resident, resident_bytes()) {
        assert!(after < before + BYTES / 4, "{before} bytes resident before, {after} after");
    }
}

fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib << 10)
}

/// A buffer whose bytes are charged when it is made and released when it is freed, as an allocator would do.
fn allocated(account: &Account, bytes: usize) -> v8::SharedRef<v8::BackingStore> {
    struct Owner(Account, Vec<u8>);
    impl AsMut<[u8]> for Owner {
        fn as_mut(&mut self) -> &mut [u8] {
            &mut self.1
        }
    }
    unsafe extern "C" fn free(_: *mut std::ffi::c_void, _: usize, owner: *mut std::ffi::c_void) {
        // SAFETY: from `Box::into_raw` below.
        let owner = unsafe { Box::from_raw(owner.cast::<Owner>()) };
        owner.0.release_bytes(owner.1.len());
    }
    account.charge_bytes(bytes).unwrap();
    let mut owner = Box::new(Owner(account.clone(), vec![0; bytes]));
    let data = owner.as_mut().as_mut().as_mut_ptr();
    // SAFETY: the vector's memory is the owner's until `free`.
    unsafe {
        v8::ArrayBuffer::new_backing_store_from_ptr(data.cast(), bytes, free, Box::into_raw(owner).cast())
    }
    .make_shared()
}

#[test]
fn memory_is_charged_to_its_current_holder() {
    let [a, b] = [Account::new(1 << 20), Account::new(1500)];
    let message = in_isolate(|scope| {
        let options = Options { account: Some(&a), ..Options::default() };
        let buffer = v8::ArrayBuffer::with_backing_store(scope, &allocated(&a, 1000));
        Message::serialize(scope, buffer.into(), &[buffer], options).unwrap()
    });
    assert!(a.used() >= 1000, "on its way it counts for the sender");
    // There and back many times: no wrapper is wrapped again.
    let mut message = message;
    for round in 0..100 {
        let (account, from) = if round % 2 == 0 { (&b, &a) } else { (&a, &b) };
        message = in_isolate(move |scope| {
            let options = Options { account: Some(account), ..Options::default() };
            let received = message.deserialize(scope, options).unwrap();
            assert_eq!(from.used(), 0);
            let buffer = received.buffers[0];
            Message::serialize(scope, buffer.into(), &[buffer], options).unwrap()
        });
    }
    in_isolate(|scope| {
        let options = Options { account: Some(&b), ..Options::default() };
        drop(message.deserialize(scope, options).unwrap());
    });
    assert_eq!((a.used(), b.used()), (0, 0), "the isolate is gone, and its memory with it");
    // A buffer that exceeds the receiver's account.
    let message = in_isolate(|scope| {
        let options = Options { account: Some(&a), ..Options::default() };
        let buffer = v8::ArrayBuffer::with_backing_store(scope, &allocated(&a, 1501));
        Message::serialize(scope, buffer.into(), &[buffer], options).unwrap()
    });
    in_isolate(|scope| {
        let options = Options { account: Some(&b), ..Options::default() };
        assert!(matches!(message.deserialize(scope, options), Err(nano_clone::CloneError::OutOfMemory)));
    });
    assert_eq!((a.used(), b.used()), (0, 0));
}

#[test]
fn one_message_is_received_many_times() {
    let message = in_isolate(|scope| {
        let value = evaluate(scope, "({ a: [1, new Map([['k', new Date(5)]])] })");
        Arc::new(Message::serialize(scope, value, &[], Options::default()).unwrap())
    });
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                in_isolate(|scope| {
                    let copy = message.deserialize_copy(scope, Options::default()).unwrap();
                    set(scope, "copy", copy);
                    holds(scope, "+copy.a[1].get('k') === 5");
                });
            });
        }
    });
    in_isolate(|scope| {
        let buffer = v8::ArrayBuffer::new(scope, 1);
        let message = Message::serialize(scope, buffer.into(), &[buffer], Options::default()).unwrap();
        assert!(message.deserialize_copy(scope, Options::default()).is_err());
    });
}
