//! The requests that wait for their answers, in the order in which they were written.
//!
//! A request is entered right before it is written. One that is still queued when the connection
//! ends was therefore not sent, and its waiter learns it by the loss of its channel.

use crate::error::{CloseReason, KafkaError, Peer};
use crate::gate::Gate;
use crate::request::Api;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

/// What a request gets: its answer without the length, from the correlation id on.
pub(super) type Reply = Result<Bytes, KafkaError>;

/// One request that waits.
pub(super) struct Waiting {
    api: Api,
    reply: oneshot::Sender<Reply>,
    started: Instant,
    deadline: Instant,
    /// Given back when the request is answered.
    slot: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    /// A request that waits for at most `timeout` from now on.
    pub(super) fn new(
        api: Api,
        timeout: Duration,
        slot: Option<OwnedSemaphorePermit>,
    ) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, receiver) = oneshot::channel();
        let started = Instant::now();
        (
            Self {
                api,
                reply,
                started,
                deadline: started + timeout,
                slot,
            },
            receiver,
        )
    }
}

/// The table of a connection.
pub(super) struct InFlight {
    peer: Arc<Peer>,
    limit: usize,
    slots: Arc<Semaphore>,
    open: AtomicBool,
    closed: Notify,
    gate: OnceLock<Gate>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the next request, counted from 0; its low 31 bits are the correlation id.
    next: u64,
    /// The number of the first request in `waiting`.
    first: u64,
    /// In order of their numbers.
    waiting: VecDeque<Waiting>,
    closed: Option<CloseReason>,
    /// Nobody can send any more: close once nothing waits.
    draining: bool,
}

/// The correlation id of the request with number `ordinal`.
fn correlation_id(ordinal: u64) -> i32 {
    (ordinal & 0x7fff_ffff) as i32
}

impl InFlight {
    pub(super) fn new(peer: Arc<Peer>, limit: usize) -> Self {
        Self {
            peer,
            limit,
            slots: Arc::new(Semaphore::new(limit)),
            open: AtomicBool::new(true),
            closed: Notify::new(),
            gate: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Lets nothing more out while `gate` is shut.
    pub(super) fn heed(&self, gate: &Gate) {
        self.gate.get_or_init(|| gate.clone());
    }

    /// Whether anything may leave.
    pub(super) fn may_send(&self) -> bool {
        self.gate.get().is_none_or(Gate::is_open)
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Resolves once the connection is closed.
    pub(super) async fn closed(&self) {
        let closed = self.closed.notified();
        // Whoever closes it later wakes this up; whoever did before has said so already.
        if self.is_open() {
            closed.await;
        }
    }

    /// A place in the table.
    pub(super) fn slot(&self, api: Api) -> Result<Option<OwnedSemaphorePermit>, KafkaError> {
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(slot) => Ok(Some(slot)),
            Err(_) => Err(KafkaError::TooManyInFlight {
                peer: self.peer.clone(),
                api,
                limit: self.limit,
            }),
        }
    }

    /// Enters a request whose frame is about to be written, and returns its correlation id. Called
    /// by the writer only, so that the order of the table is the order on the socket.
    pub(super) fn register(&self, waiting: Waiting) -> Result<i32, KafkaError> {
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(self.disconnected(waiting.api, false, reason));
        }
        let ordinal = state.next;
        state.next += 1;
        state.waiting.push_back(waiting);
        Ok(correlation_id(ordinal))
    }

    /// Hands `frame` to the request that waits for it. Brokers answer in the order of the requests,
    /// so that is the first one.
    pub(super) fn answer(&self, frame: Bytes) -> Result<(), CloseReason> {
        let Some(mut id) = frame.first_chunk::<4>().map(|bytes| &bytes[..]) else {
            return Err(CloseReason::NotAFrame([0; 4]));
        };
        let id = id.get_i32();
        let (waiting, drained) = {
            let mut state = self.lock();
            if state.waiting.is_empty() || correlation_id(state.first) != id {
                return Err(CloseReason::NobodyWaits { correlation_id: id });
            }
            state.first += 1;
            let waiting = state.waiting.pop_front();
            (waiting, state.draining && state.waiting.is_empty())
        };
        if let Some(waiting) = waiting {
            drop(waiting.slot);
            // Whoever dropped the receiver does not want to know.
            let _ = waiting.reply.send(Ok(frame));
        }
        if drained {
            self.close(&CloseReason::ClosedHere);
        }
        Ok(())
    }

    /// Closes the connection if a request has waited for too long.
    pub(super) fn expire(&self, now: Instant) {
        let late = {
            let state = self.lock();
            state
                .waiting
                .iter()
                .find(|waiting| waiting.deadline <= now)
                .map(|late| late.api)
        };
        if let Some(api) = late {
            self.close(&CloseReason::TimedOut(api));
        }
    }

    /// Gives everything that waits more time: the broker said that it holds answers back.
    pub(super) fn postpone(&self, by: Duration) {
        for waiting in &mut self.lock().waiting {
            waiting.deadline += by;
        }
    }

    /// Nobody can send any more: the connection closes once nothing waits.
    pub(super) fn drain(&self) {
        let empty = {
            let mut state = self.lock();
            state.draining = true;
            state.waiting.is_empty()
        };
        if empty {
            self.close(&CloseReason::ClosedHere);
        }
    }

    /// Closes the connection and fails everything that waits. Only the first call has an effect.
    pub(super) fn close(&self, reason: &CloseReason) {
        let now = Instant::now();
        let waiting = {
            let mut state = self.lock();
            if state.closed.is_some() {
                return;
            }
            state.closed = Some(reason.clone());
            self.open.store(false, Ordering::Release);
            std::mem::take(&mut state.waiting)
        };
        tracing::debug!(peer = %self.peer, %reason, waiting = waiting.len(), "connection closed");
        for waiting in waiting {
            let late = waiting.deadline <= now && matches!(reason, CloseReason::TimedOut(_));
            let error = if late {
                let waited = now.saturating_duration_since(waiting.started);
                KafkaError::TimedOut {
                    peer: self.peer.clone(),
                    api: waiting.api,
                    sent: true,
                    waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                }
            } else {
                self.disconnected(waiting.api, true, reason)
            };
            let _ = waiting.reply.send(Err(error));
        }
        self.closed.notify_waiters();
    }

    /// The error of a request that the end of the connection left unanswered.
    pub(super) fn disconnected(&self, api: Api, sent: bool, reason: &CloseReason) -> KafkaError {
        KafkaError::Disconnected {
            peer: self.peer.clone(),
            api,
            sent,
            reason: reason.clone(),
        }
    }

    /// Why the connection is closed.
    pub(super) fn reason(&self) -> CloseReason {
        self.lock()
            .closed
            .clone()
            .unwrap_or(CloseReason::ClosedHere)
    }

    /// A panic elsewhere leaves the table as it was: every change is one assignment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
