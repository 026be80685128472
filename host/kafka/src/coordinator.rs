//! Who coordinates a group or a transactional id.

use crate::client::{Client, answered};
use crate::connection::Connection;
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::pool::Lane;
use crate::request::{Api, Request};
use ferry_model::identity::BrokerId;
use ferry_model::name::GroupId;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoordinatorKind {
    /// A consumer group.
    Group,
    /// A transactional id.
    Transaction,
}

impl CoordinatorKind {
    fn code(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::Transaction => 1,
        }
    }

    fn subject(self, key: &str) -> Subject {
        match self {
            Self::Group => Subject::Group(GroupId(key.to_owned())),
            Self::Transaction => Subject::TransactionalId(key.to_owned()),
        }
    }
}

/// From this version on several keys are asked for at once (KIP-699).
const BATCHED_FROM: i16 = 4;

/// How many coordinators are remembered; beyond it all are forgotten and asked for again.
const REMEMBERED_MAX: usize = 100_000;

/// The coordinators found so far.
#[derive(Debug, Default)]
pub(crate) struct CoordinatorCache {
    known: Mutex<HashMap<(CoordinatorKind, String), BrokerId>>,
}

impl CoordinatorCache {
    fn get(&self, kind: CoordinatorKind, key: &str) -> Option<BrokerId> {
        self.lock().get(&(kind, key.to_owned())).copied()
    }

    fn put(&self, kind: CoordinatorKind, key: &str, broker: BrokerId) {
        let mut known = self.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert((kind, key.to_owned()), broker);
    }

    fn forget(&self, kind: CoordinatorKind, key: &str) {
        self.lock().remove(&(kind, key.to_owned()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(CoordinatorKind, String), BrokerId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// The coordinator of a group or transactional id, asked for where it is not known.
    ///
    /// # Errors
    /// [`KafkaError`]: the principal lacks DESCRIBE, or no coordinator was found within
    /// `default.api.timeout.ms`.
    pub async fn coordinator(
        &self,
        key: &str,
        kind: CoordinatorKind,
    ) -> Result<BrokerId, KafkaError> {
        if let Some(known) = self.inner.coordinators.get(kind, key) {
            return Ok(known);
        }
        let found = self
            .retrying(FindCoordinatorRequest::API, Repeat::Safe, || async {
                self.find_coordinator(key, kind).await
            })
            .await?;
        self.inner.coordinators.put(kind, key, found);
        Ok(found)
    }

    /// Forgets a coordinator that turned out not to be one.
    pub fn forget_coordinator(&self, key: &str, kind: CoordinatorKind) {
        self.inner.coordinators.forget(kind, key);
    }

    /// Runs `attempt` with a connection to the coordinator of `key`, until it succeeds, fails for
    /// good or time runs out. The coordinator is found again whenever the error asks for it.
    pub(crate) async fn with_coordinator<T, Attempt: Future<Output = Result<T, KafkaError>>>(
        &self,
        api: Api,
        repeat: Repeat,
        key: &str,
        kind: CoordinatorKind,
        attempt: impl Fn(Connection) -> Attempt,
    ) -> Result<T, KafkaError> {
        self.retrying(api, repeat, || async {
            let broker = self.coordinator(key, kind).await?;
            let outcome = match self.connection(broker, Lane::Admin).await {
                Ok(connection) => attempt(connection).await,
                Err(error) => Err(error),
            };
            if outcome
                .as_ref()
                .is_err_and(|error| error.retry().worth_it())
            {
                self.forget_coordinator(key, kind);
            }
            outcome
        })
        .await
    }

    async fn find_coordinator(
        &self,
        key: &str,
        kind: CoordinatorKind,
    ) -> Result<BrokerId, KafkaError> {
        let connection = self.any_connection().await?;
        let batched = connection
            .negotiated::<FindCoordinatorRequest>()
            .is_ok_and(|v| v >= BATCHED_FROM);
        let wire_key = StrBytes::from_string(key.to_owned());
        let request = FindCoordinatorRequest::default().with_key_type(kind.code());
        let request = match batched {
            true => request.with_coordinator_keys(vec![wire_key]),
            false => request.with_key(wire_key),
        };
        let answer = connection.call(&request).await?;
        let (code, message, node) = match answer.coordinators.first() {
            Some(found) => (
                found.error_code,
                found.error_message.as_ref(),
                found.node_id,
            ),
            None => (
                answer.error_code,
                answer.error_message.as_ref(),
                answer.node_id,
            ),
        };
        let subject = Some(kind.subject(key));
        let peer = connection.peer();
        if code != 0 {
            let code = ErrorCode(code);
            return Err(answered::<FindCoordinatorRequest>(
                peer, subject, code, message,
            ));
        }
        Ok(BrokerId(node.0))
    }
}
