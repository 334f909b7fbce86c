//! A TCP proxy that simulates network failures: refused, closed and stalled connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Traffic {
    /// Bytes pass.
    Open,
    /// Connections stay open, and no byte passes, as when packets are dropped.
    Stalled,
    /// Connections are closed, and new ones refused, as when a process has ended.
    Cut,
}

#[derive(Debug)]
struct State {
    traffic: Traffic,
    target: Option<u16>,
    connections: Vec<TcpStream>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits while connections are stalled. `false` when they are cut.
    fn wait_for_passage(&self) -> bool {
        let stalled = |state: &mut State| state.traffic == Traffic::Stalled;
        let state = self.changed.wait_while(self.state(), stalled).unwrap();
        state.traffic == Traffic::Open
    }

    fn set(&self, traffic: Traffic) {
        let mut state = self.state();
        state.traffic = traffic;
        if traffic == Traffic::Cut {
            for connection in state.connections.drain(..) {
                // The other side may have closed it.
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }
}

/// A proxy on a loopback port. Everything ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Opens a port. Connections are closed until [`Proxy::forward_to`].
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        let state = State { traffic: Traffic::Open, target: None, connections: vec![] };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let weak = Arc::downgrade(&shared);
        thread::spawn(move || {
            for incoming in listener.incoming() {
                let (Ok(incoming), Some(shared)) = (incoming, weak.upgrade()) else { return };
                accept(&shared, incoming);
            }
        });
        Self { port, shared }
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sets the port that connections are forwarded to.
    pub(crate) fn forward_to(&self, port: u16) {
        self.shared.state().target = Some(port);
    }

    /// Closes all connections and refuses new ones.
    pub(crate) fn cut(&self) {
        self.shared.set(Traffic::Cut);
    }

    /// Keeps connections open, and lets no byte pass.
    pub(crate) fn hold(&self) {
        self.shared.set(Traffic::Stalled);
    }

    /// Lets everything pass again.
    pub(crate) fn open(&self) {
        self.shared.set(Traffic::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        // One more connection wakes the listening thread, which then ends.
        let port = self.port;
        self.shared.state().target = None;
        thread::spawn(move || TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
    }
}

fn accept(shared: &Arc<Shared>, incoming: TcpStream) {
    let mut state = shared.state();
    let (Some(target), false) = (state.target, state.traffic == Traffic::Cut) else { return };
    let Ok(outgoing) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
    let mut ways = vec![];
    for (from, to) in [(&incoming, &outgoing), (&outgoing, &incoming)] {
        let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone())
        else {
            return;
        };
        state.connections.push(kept);
        ways.push((from, to));
    }
    drop(state);
    for (from, to) in ways {
        let shared = Arc::clone(shared);
        thread::spawn(move || pass(&shared, from, to));
    }
}

fn pass(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !shared.wait_for_passage() || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The end of one direction closes both: Kafka's protocol has no half-closed connections.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
