//! The connections of a client: one for each broker and lane, dialled again when dead.

use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::dial::Dialer;
use crate::error::KafkaError;
use crate::retry::Backoff;
use crate::settings::Address;
use crate::throttle::{Throttle, ThrottleGauge};
use ferry_model::identity::BrokerId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What a connection is used for. Requests of one connection are answered one after the other, so a
/// fetch that waits for data would hold up everything behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Everything that is short.
    Admin,
    /// Fetches, several side by side by number.
    Fetch(u16),
    /// Produce requests, several side by side by number.
    Produce(u16),
    /// Small requests of which it is measured how long they take.
    Canary,
}

/// The pool.
pub(crate) struct Pool {
    dialer: Arc<Dialer>,
    slots: Mutex<BTreeMap<(BrokerId, Lane), Arc<Slot>>>,
    throttles: Mutex<BTreeMap<BrokerId, ThrottleGauge>>,
}

#[derive(Default)]
struct Slot {
    current: Mutex<Option<Connection>>,
    /// Held while dialling, so that one dial serves everybody who waits.
    dialling: tokio::sync::Mutex<Failures>,
}

/// When a broker that could not be reached may be dialled again.
#[derive(Default)]
struct Failures {
    backoff: Option<Backoff>,
    not_before: Option<Instant>,
    last: Option<(Instant, Arc<ConnectError>)>,
}

impl Pool {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self {
            dialer,
            slots: Mutex::default(),
            throttles: Mutex::default(),
        }
    }

    /// A live connection to `broker` at `address`.
    pub(crate) async fn connection(
        &self,
        broker: BrokerId,
        lane: Lane,
        address: &Address,
    ) -> Result<Connection, KafkaError> {
        let slot = Arc::clone(lock(&self.slots).entry((broker, lane)).or_default());
        if let Some(alive) = slot.alive() {
            return Ok(alive);
        }
        let asked = Instant::now();
        let mut failures = slot.dialling.lock().await;
        if let Some(alive) = slot.alive() {
            return Ok(alive);
        }
        // A dial that failed while this one waited its turn speaks for it too.
        if let Some((_, source)) = failures
            .last
            .as_ref()
            .filter(|(failed, _)| *failed >= asked)
        {
            return Err(KafkaError::Connect {
                source: Arc::clone(source),
            });
        }
        if let Some(moment) = failures.not_before {
            tokio::time::sleep_until(moment).await;
        }
        let throttle = self.gauge(broker);
        let deadline = self.dialer.deadline();
        match self
            .dialer
            .dial(address, Some(broker), throttle, deadline)
            .await
        {
            Ok(connection) => {
                *failures = Failures::default();
                *lock(&slot.current) = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                let settings = self.dialer.settings();
                let backoff = failures.backoff.get_or_insert_with(|| {
                    Backoff::new(settings.reconnect_backoff, settings.reconnect_backoff_max)
                });
                let (now, source) = (Instant::now(), Arc::new(error));
                failures.not_before = Some(now + backoff.next_wait());
                failures.last = Some((now, Arc::clone(&source)));
                Err(KafkaError::Connect { source })
            }
        }
    }

    /// The live connection, if there is one.
    pub(crate) fn existing(&self, broker: BrokerId, lane: Lane) -> Option<Connection> {
        lock(&self.slots).get(&(broker, lane))?.alive()
    }

    pub(crate) fn throttle(&self, broker: BrokerId) -> Throttle {
        self.gauge(broker).read()
    }

    fn gauge(&self, broker: BrokerId) -> ThrottleGauge {
        lock(&self.throttles).entry(broker).or_default().clone()
    }
}

impl Slot {
    fn alive(&self) -> Option<Connection> {
        lock(&self.current)
            .as_ref()
            .filter(|connection| connection.is_alive())
            .cloned()
    }
}

/// A panic elsewhere leaves these tables whole: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
