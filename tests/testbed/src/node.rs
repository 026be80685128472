//! One node of a cluster: its files, its ports, and its process while it runs.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::cluster::Shared;
use crate::error::{NodeError, ReadinessError};
use crate::installation::java;
use crate::listener::Listener;
use crate::port::PortLease;
use crate::process::ChildProcess;
use crate::properties::Ports;
use crate::readiness;

/// How long a node may take to end by itself after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How often a node is started again that ZooKeeper still holds for alive. Its session ends by
/// itself, after a time that is shorter than so many starts that fail.
const STARTS_MAX: u32 = 10;

/// How long it is waited between such starts.
const BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// A node with everything needed to start it again.
#[derive(Debug)]
pub(crate) struct NodeSlot {
    pub(crate) id: u32,
    pub(crate) ports: Ports,
    home: PathBuf,
    arguments: Vec<OsString>,
    state: Mutex<NodeState>,
}

#[derive(Debug)]
struct NodeState {
    process: Option<ChildProcess>,
    paused: bool,
    /// The length of the log when the process was started.
    log_from: u64,
    /// The cluster is gone: nothing may be started any more.
    closed: bool,
    leases: Vec<PortLease>,
}

/// What a look at a node's process shows.
pub(crate) enum Vitality {
    /// It runs.
    Running,
    /// It is stopped by a signal and answers nothing.
    Paused,
    /// It was stopped or killed on purpose.
    Absent,
    /// It ended by itself; the log of its last run begins at this byte.
    Died(ExitStatus, u64),
}

impl NodeSlot {
    pub(crate) fn new(
        id: u32,
        home: PathBuf,
        arguments: Vec<OsString>,
        ports: Ports,
        leases: Vec<PortLease>,
    ) -> Self {
        let state = NodeState {
            process: None,
            paused: false,
            log_from: 0,
            closed: false,
            leases,
        };
        Self {
            id,
            ports,
            home,
            arguments,
            state: Mutex::new(state),
        }
    }

    /// The file that the node's output goes to.
    pub(crate) fn log(&self) -> PathBuf {
        self.home.join("server.log")
    }

    /// Starts the process, without waiting for anything.
    pub(crate) fn launch(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.closed {
            return Err(io::Error::other("the cluster was dropped"));
        }
        for lease in &mut state.leases {
            lease.make_way();
        }
        let log = self.log();
        state.log_from = std::fs::metadata(&log).map_or(0, |log| log.len());
        state.process = Some(ChildProcess::start(
            &java(),
            &self.arguments,
            &self.home,
            &log,
        )?);
        state.paused = false;
        Ok(())
    }

    /// Looks at the process.
    pub(crate) fn vitality(&self) -> io::Result<Vitality> {
        let mut state = self.state();
        let (paused, log_from) = (state.paused, state.log_from);
        let Some(process) = state.process.as_mut() else {
            return Ok(Vitality::Absent);
        };
        Ok(match process.ended()? {
            Some(status) => Vitality::Died(status, log_from),
            None if paused => Vitality::Paused,
            None => Vitality::Running,
        })
    }

    /// Where in the log the last run begins.
    pub(crate) fn log_from(&self) -> u64 {
        self.state().log_from
    }

    /// Kills the process, if there is one, and lets none be started again.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        // Dropped means killed and reaped.
        state.process = None;
    }

    fn state(&self) -> MutexGuard<'_, NodeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless the cluster is gone.
    fn open_state(&self) -> Result<MutexGuard<'_, NodeState>, NodeError> {
        let state = self.state();
        if state.closed {
            return Err(NodeError::ClusterGone { node: self.id });
        }
        Ok(state)
    }

    fn signal_failed(&self) -> impl Fn(io::Error) -> NodeError + use<> {
        let node = self.id;
        move |source| NodeError::Signal { node, source }
    }
}

/// A node of a running cluster. It may outlive its cluster, but then nothing can be done with it
/// any more.
#[derive(Debug, Clone)]
pub struct Node {
    shared: Arc<Shared>,
    position: usize,
}

impl Node {
    pub(crate) fn new(shared: Arc<Shared>, position: usize) -> Self {
        Self { shared, position }
    }

    fn slot(&self) -> &NodeSlot {
        &self.shared.nodes[self.position]
    }

    /// The node's id, which is also the broker's id; the first is 1.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.slot().id
    }

    /// The loopback port of a listener, `None` when the cluster has no such listener.
    #[must_use]
    pub fn port(&self, listener: Listener) -> Option<u16> {
        let clients = &self.slot().ports.clients;
        clients
            .iter()
            .find(|(kind, _)| *kind == listener)
            .map(|(_, port)| *port)
    }

    /// The process id, `None` when the node does not run.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.slot().state().process.as_ref().map(ChildProcess::id)
    }

    /// The file with the node's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.slot().log()
    }

    /// The folder with the node's configuration, log and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.slot().home
    }

    /// Stops the node in order (SIGTERM) and waits until it has ended.
    ///
    /// # Errors
    /// It does not run, or did not end within a minute and was killed instead.
    pub async fn stop(&self) -> Result<(), NodeError> {
        let node = self.clone();
        tokio::task::spawn_blocking(move || node.stop_blocking())
            .await
            .unwrap_or(Err(NodeError::Cancelled))
    }

    /// Does what [`stop`](Self::stop) does, for callers that are not asynchronous.
    ///
    /// # Errors
    /// Those of [`stop`](Self::stop).
    pub fn stop_blocking(&self) -> Result<(), NodeError> {
        let slot = self.slot();
        let failed = slot.signal_failed();
        // Taken out, so that the lock is not held while it ends; should the cluster be dropped
        // meanwhile, this call still ends it.
        let mut process = {
            let mut state = slot.open_state()?;
            state.paused = false;
            state.process.take()
        }
        .ok_or(NodeError::NotRunning { node: slot.id })?;
        if process.ended().map_err(&failed)?.is_some() {
            return Err(NodeError::NotRunning { node: slot.id });
        }
        process.signal(Signal::TERM).map_err(&failed)?;
        process.signal(Signal::CONT).map_err(&failed)?;
        match process.wait_at_most(STOP_LIMIT).map_err(&failed)? {
            Some(_) => Ok(()),
            None => Err(NodeError::StopTimedOut {
                node: slot.id,
                limit_ms: STOP_LIMIT.as_millis(),
            }),
        }
    }

    /// Kills the node (SIGKILL), as a crash would, and reaps it.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&self) -> Result<(), NodeError> {
        let slot = self.slot();
        let mut state = slot.open_state()?;
        let mut process = state
            .process
            .take()
            .ok_or(NodeError::NotRunning { node: slot.id })?;
        state.paused = false;
        process.kill().map(drop).map_err(slot.signal_failed())
    }

    /// Stops the node in the middle of what it does (SIGSTOP): connections stay open, nothing
    /// answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<(), NodeError> {
        self.signal(Signal::STOP, true)
    }

    /// Lets a paused node go on (SIGCONT).
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<(), NodeError> {
        self.signal(Signal::CONT, false)
    }

    fn signal(&self, signal: Signal, paused: bool) -> Result<(), NodeError> {
        let slot = self.slot();
        let mut state = slot.open_state()?;
        let process = state
            .process
            .as_ref()
            .ok_or(NodeError::NotRunning { node: slot.id })?;
        process.signal(signal).map_err(slot.signal_failed())?;
        state.paused = paused;
        Ok(())
    }

    /// Starts the node again on the same ports and data, and waits until every running node knows
    /// every running node. One that still runs is stopped in order first.
    ///
    /// # Errors
    /// It does not start, dies, or is not ready in time.
    pub async fn restart(&self) -> Result<(), NodeError> {
        let node = self.clone();
        tokio::task::spawn_blocking(move || node.restart_blocking())
            .await
            .unwrap_or(Err(NodeError::Cancelled))
    }

    /// Does what [`restart`](Self::restart) does, for callers that are not asynchronous.
    ///
    /// # Errors
    /// Those of [`restart`](Self::restart).
    pub fn restart_blocking(&self) -> Result<(), NodeError> {
        let slot = self.slot();
        match self.stop_blocking() {
            Ok(()) | Err(NodeError::NotRunning { .. }) => {}
            Err(error) => return Err(error),
        }
        let start = || {
            slot.launch().map_err(|source| NodeError::Spawn {
                node: slot.id,
                source,
            })?;
            readiness::wait(&self.shared).map_err(NodeError::Readiness)
        };
        for _ in 1..STARTS_MAX {
            match start() {
                Err(NodeError::Readiness(ReadinessError::Died {
                    still_registered: true,
                    ..
                })) => std::thread::sleep(BETWEEN_STARTS),
                result => return result,
            }
        }
        start()
    }
}
