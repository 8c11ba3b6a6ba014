//! CPU time: which request it is charged to.
//!
//! No clock is read for a short run. The watchdog reads each busy worker's CPU clock when it looks, and
//! whatever runs then is charged with the time since the look before: over many short runs that comes out
//! right. A run that is met twice is measured exactly from then on, in interrupts on its own thread
//! (`Runtime::charge`), and ends when its request has used what [`Limits::cpu`](crate::Limits) allows. The
//! clock stands still for a tenant while others run in its slices.
//!
//! Which request: V8 carries its id along with promises; timers, bodies and work on other threads belong to
//! the request that started them. What runs in no request's name (modules being evaluated, timers of requests
//! that are over) is charged to an allowance of the isolate, which refills ([`CpuAllowance`]).

use nano_isolate::CpuAllowance;
use nano_loop::Moment;
use nano_web::ExchangeId;
use std::cell::Cell;
use std::time::Duration;

/// The most that one look charges a request with, in nanoseconds: the usual time between two looks. A
/// watchdog that was late must not end who happened to run then.
pub(crate) const SAMPLE_NS: u64 = 2_000_000;

/// The error of a request that has used too much.
pub(crate) const EXCEEDED: &str = "the application has exceeded its CPU time limit";

/// In whose name an isolate runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Owner {
    Nobody,
    Request(ExchangeId),
}

/// One isolate's account.
pub(crate) struct Account {
    /// The request whose JavaScript runs, or ran last.
    pub(crate) owner: Cell<Owner>,
    /// The limit of one request, and what runs in no request's name.
    allowance: CpuAllowance,
}

impl Account {
    pub(crate) fn new(limit: Option<Duration>, now: Moment) -> Self {
        Self { owner: Cell::new(Owner::Nobody), allowance: CpuAllowance::new(limit, now) }
    }

    /// Whether a request that has used so much (`None`: no request has) is beyond its limit, with `ns` just
    /// charged.
    pub(crate) fn is_exceeded(&self, used: Option<u64>, ns: u64, now: Moment) -> bool {
        match used {
            Some(used) => used > self.allowance.limit_ns(),
            None => self.allowance.charge_unowned(ns, now),
        }
    }
}
