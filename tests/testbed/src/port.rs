//! Loopback ports that nobody else takes while a cluster holds them.
//!
//! Asking the kernel for "any free port" is not enough here: a node that is stopped and restarted
//! wants the same port again, and until then the kernel would give it to any outgoing connection.
//! So ports are taken from below the range of outgoing connections, and each is held by a locked
//! file, so that test processes that run at the same time never choose the same one.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// The lowest port that is taken.
const LOWEST: u16 = 15_000;

/// The first port of outgoing connections where the kernel does not say (its own default).
const FIRST_OUTGOING: u16 = 32_768;

/// How many ports are tried before giving up.
const TRIES: u32 = 2_000;

/// A loopback port that is held for as long as this lives.
#[derive(Debug)]
pub(crate) struct PortLease {
    port: u16,
    /// Keeps programs that know nothing of the lock away until the server starts.
    reservation: Option<TcpListener>,
    /// Locked while it is open; the kernel unlocks it however this process ends.
    _lock: File,
}

impl PortLease {
    /// Takes a free port.
    pub(crate) fn take() -> Result<Self, StartError> {
        let folder = lock_folder();
        fs::create_dir_all(&folder).map_err(|source| StartError::Folder {
            path: folder.clone(),
            source,
        })?;
        let highest = highest_port();
        let count = u32::from(highest - LOWEST) + 1;
        let first = RandomState::new().build_hasher().finish() % u64::from(count);
        let mut candidate = u32::try_from(first).unwrap_or(0);
        for _ in 0..TRIES {
            let port = LOWEST + u16::try_from(candidate).unwrap_or(0);
            if let Some(lease) = Self::try_take(&folder, port) {
                return Ok(lease);
            }
            candidate = (candidate + 1) % count;
        }
        Err(StartError::NoFreePort { tried: TRIES })
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes way for the server, which is started next.
    pub(crate) fn make_way(&mut self) {
        self.reservation = None;
    }

    /// Takes `port`, unless another process holds it.
    fn try_take(folder: &Path, port: u16) -> Option<Self> {
        let lock = File::create(folder.join(port.to_string())).ok()?;
        lock.try_lock().ok()?;
        let reservation = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(Self {
            port,
            reservation: Some(reservation),
            _lock: lock,
        })
    }
}

/// The folder of locks, shared by all checkouts of this user on this machine.
fn lock_folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("ferry-testbed-ports-{user}"))
}

/// The highest port below those of outgoing connections.
fn highest_port() -> u16 {
    let first_outgoing = read_first_outgoing().unwrap_or(FIRST_OUTGOING);
    // A machine that uses nearly all ports for outgoing connections leaves no room below them.
    if first_outgoing > LOWEST + 1_000 {
        first_outgoing - 1
    } else {
        FIRST_OUTGOING - 1
    }
}

/// The first port of outgoing connections, as the kernel says.
fn read_first_outgoing() -> io::Result<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    range
        .split_whitespace()
        .next()
        .and_then(|first| first.parse().ok())
        .ok_or_else(|| io::Error::other("the range of outgoing ports is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leased_port_is_not_given_twice_even_after_its_reservation_made_way() {
        let mut lease = PortLease::take().unwrap();
        lease.make_way();
        assert!(
            PortLease::try_take(&lock_folder(), lease.port()).is_none(),
            "the lock must hold without the listener"
        );
        let port = lease.port();
        drop(lease);
        assert!(PortLease::try_take(&lock_folder(), port).is_some());
    }

    #[test]
    fn ports_lie_below_those_of_outgoing_connections() {
        let lease = PortLease::take().unwrap();
        assert!(lease.port() >= LOWEST);
        assert!(lease.port() <= highest_port());
    }
}
