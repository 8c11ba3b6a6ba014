//! The part of a connection that its requests share: the wire, and the way to have the connection driven.

use super::Wire;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

/// Connections that the thread drives soon, by their places in its table.
#[derive(Debug, Default)]
pub(crate) struct WakeList(RefCell<VecDeque<u32>>);

impl WakeList {
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn pop(&self) -> Option<u32> {
        self.0.borrow_mut().pop_front()
    }
}

/// Whether the thread drives a connection now, or soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// It waits for an event.
    Idle,
    /// It is in the thread's [`WakeList`].
    Listed,
    /// The thread drives it: a frame of [`Worker::drive`](crate::thread) for it is on the stack.
    Driven,
    /// The same, and there is more to do.
    DrivenAgain,
    /// The socket is closed.
    Closed,
}

/// The wire of one connection, as the connection and its requests hold it.
pub(crate) struct Channel {
    place: u32,
    peer: IpAddr,
    wire: RefCell<Wire>,
    wake: Cell<Wake>,
    list: Rc<WakeList>,
}

impl Channel {
    /// `place`: the connection's in the thread's table.
    pub(crate) fn new(place: u32, peer: IpAddr, wire: Wire, list: Rc<WakeList>) -> Rc<Self> {
        Rc::new(Self { place, peer, wire: RefCell::new(wire), wake: Cell::new(Wake::Idle), list })
    }

    #[inline]
    pub(crate) fn place(&self) -> u32 {
        self.place
    }

    /// The client's address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The socket and its protocols. Borrowed briefly: never across a call into JavaScript.
    #[inline]
    pub(crate) fn wire(&self) -> RefMut<'_, Wire> {
        self.wire.borrow_mut()
    }

    /// Has the thread drive the connection soon.
    pub(crate) fn wake(&self) {
        match self.wake.get() {
            Wake::Idle => {
                self.wake.set(Wake::Listed);
                self.list.0.borrow_mut().push_back(self.place);
            }
            Wake::Driven => self.wake.set(Wake::DrivenAgain),
            Wake::Listed | Wake::DrivenAgain | Wake::Closed => {}
        }
    }

    /// The thread begins to drive the connection. False: it is closed, or is driven by a frame further down
    /// the stack, which goes on.
    pub(crate) fn start_driving(&self) -> bool {
        match self.wake.get() {
            Wake::Idle | Wake::Listed => {
                self.wake.set(Wake::Driven);
                true
            }
            Wake::Driven | Wake::DrivenAgain => {
                self.wake.set(Wake::DrivenAgain);
                false
            }
            Wake::Closed => false,
        }
    }

    pub(crate) fn is_driven(&self) -> bool {
        matches!(self.wake.get(), Wake::Driven | Wake::DrivenAgain)
    }

    /// The thread has done everything that the connection was woken for so far.
    pub(crate) fn clear_again(&self) {
        if self.wake.get() == Wake::DrivenAgain {
            self.wake.set(Wake::Driven);
        }
    }

    /// The thread stops driving the connection; what is left to do is done soon.
    pub(crate) fn finish_driving(&self) {
        let before = self.wake.get();
        if before != Wake::Closed {
            self.wake.set(Wake::Idle);
        }
        if before == Wake::DrivenAgain {
            self.wake();
        }
    }

    /// The socket is closed: the connection is not driven any more.
    pub(crate) fn close(&self) {
        self.wake.set(Wake::Closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Parts;
    use mio::net::TcpStream;
    use nano_http::{Connection as Http, Limits};

    /// A channel on a socket, and the list that it is in.
    fn channel(place: u32) -> (Rc<Channel>, Rc<WakeList>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let parts = Parts { stream, http: Http::new(Limits::default()), tls: None, charge: None };
        let list = Rc::new(WakeList::default());
        (Channel::new(place, [127, 0, 0, 1].into(), Wire::new(parts), Rc::clone(&list)), list)
    }

    #[test]
    fn a_connection_is_woken_once_until_it_is_driven() {
        let (channel, list) = channel(7);
        channel.wake();
        channel.wake();
        assert_eq!((list.pop(), list.pop()), (Some(7), None));
        assert!(channel.start_driving());
        channel.finish_driving();
        assert_eq!(list.len(), 0);
        channel.wake();
        assert_eq!(list.pop(), Some(7));
    }

    #[test]
    fn a_driven_connection_is_not_driven_from_within() {
        let (channel, list) = channel(0);
        assert!(channel.start_driving() && channel.is_driven());
        // A nested turn has an event for it, and its application writes. Its own frame looks at both.
        assert!(!channel.start_driving());
        channel.wake();
        assert_eq!(list.len(), 0);
        channel.clear_again();
        // After that frame has looked: it is driven soon.
        channel.wake();
        channel.finish_driving();
        assert!(!channel.is_driven());
        assert_eq!(list.pop(), Some(0));
    }

    #[test]
    fn a_closed_connection_is_not_driven_any_more() {
        let (channel, list) = channel(0);
        assert!(channel.start_driving());
        channel.close();
        channel.wake();
        channel.finish_driving();
        assert!(!channel.start_driving() && !channel.is_driven());
        assert_eq!(list.len(), 0);
    }
}
