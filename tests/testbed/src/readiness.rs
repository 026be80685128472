//! Waits until a cluster is whole: every running node answers and knows every running node.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::Shared;
use crate::error::ReadinessError;
use crate::log::{read_from, summary};
use crate::node::{NodeSlot, Vitality};
use crate::probe;
use crate::properties::NODE_USER;

/// How often the nodes are asked.
const POLL: Duration = Duration::from_millis(25);

/// How long one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// What a failed start says in the log when another program has its port.
const ADDRESS_IN_USE: &str = "Address already in use";

/// What a failed start says in the log when ZooKeeper still knows the node's last run.
const STILL_REGISTERED: &str = "NodeExistsException";

/// Waits until every running node has opened all its listeners and knows every running node.
pub(crate) fn wait(shared: &Shared) -> Result<(), ReadinessError> {
    let began = Instant::now();
    loop {
        let mut running = Vec::new();
        for node in &shared.nodes {
            if look_at(node)? {
                running.push(node);
            }
        }
        let Some((node, answer)) = first_not_ready(shared, &running) else {
            return Ok(());
        };
        let waited = began.elapsed();
        if waited >= shared.ready_limit {
            return Err(ReadinessError::NotReady {
                node: node.id,
                waited_ms: waited.as_millis(),
                answer,
                log: node.log(),
                tail: summary(&node.log(), node.log_from()),
            });
        }
        thread::sleep(POLL);
    }
}

/// Whether the node runs and can be asked; an error when it ended by itself.
fn look_at(node: &NodeSlot) -> Result<bool, ReadinessError> {
    match node.vitality() {
        Ok(Vitality::Running) => Ok(true),
        Ok(Vitality::Paused | Vitality::Absent) => Ok(false),
        Ok(Vitality::Died(status, log_from)) => {
            let said = read_from(&node.log(), log_from).unwrap_or_default();
            Err(ReadinessError::Died {
                node: node.id,
                status,
                address_in_use: said.contains(ADDRESS_IN_USE),
                still_registered: said.contains(STILL_REGISTERED),
                tail: summary(&node.log(), log_from),
                log: node.log(),
            })
        }
        Err(source) => Err(ReadinessError::Unknown {
            node: node.id,
            source,
        }),
    }
}

/// The first node that is not ready, and what its answer lacks.
fn first_not_ready<'a>(
    shared: &Shared,
    running: &[&'a NodeSlot],
) -> Option<(&'a NodeSlot, String)> {
    for node in running {
        match ask(node, &shared.node_password) {
            Ok(known) => {
                let missing = running
                    .iter()
                    .find(|other| !known.iter().any(|id| u32::try_from(*id) == Ok(other.id)));
                if let Some(missing) = missing {
                    return Some((node, format!("it does not know node {} yet", missing.id)));
                }
            }
            Err(error) => return Some((node, error.to_string())),
        }
    }
    None
}

/// Which brokers the node knows to be alive.
fn ask(node: &NodeSlot, password: &str) -> io::Result<Vec<i32>> {
    for (_, port) in &node.ports.clients {
        connect(*port)?;
    }
    let mut stream = connect(node.ports.internal)?;
    probe::log_in_plain(&mut stream, NODE_USER, password)?;
    probe::describe_cluster(&mut stream)
}

/// Connects to a loopback port, with a limit on everything.
fn connect(port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
