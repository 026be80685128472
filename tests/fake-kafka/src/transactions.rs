//! The transaction coordinator (Apache Kafka, `TransactionCoordinator`).
//!
//! `EndTxn` is answered before its markers are written; until they are, everything else is answered
//! with CONCURRENT_TRANSACTIONS.

use std::collections::{BTreeMap, BTreeSet};

/// Kafka's codes.
pub(crate) mod code {
    pub(crate) const INVALID_TXN_STATE: i16 = 48;
    pub(crate) const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
    pub(crate) const CONCURRENT_TRANSACTIONS: i16 = 51;
    pub(crate) const PRODUCER_FENCED: i16 = 90;
}

/// A topic and a partition.
pub(crate) type Place = (String, i32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing,
    Prepared { commit: bool },
    Complete { commit: bool },
}

/// One transactional id.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    state: State,
    partitions: BTreeSet<Place>,
    timeout_ms: i64,
    began_ms: i64,
}

/// Markers to write, in some order, and then to report by [`Coordinator::written`].
#[derive(Debug, Clone)]
pub(crate) struct Markers {
    pub(crate) id: String,
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) commit: bool,
    pub(crate) partitions: Vec<Place>,
}

/// All transactional ids.
#[derive(Debug, Default)]
pub(crate) struct Coordinator {
    transactions: BTreeMap<String, Transaction>,
}

impl Coordinator {
    pub(crate) fn get(&self, id: &str) -> Option<&Transaction> {
        self.transactions.get(id)
    }

    /// Whether `place` is in the open transaction of `id` that this producer began.
    pub(crate) fn holds(&self, id: &str, producer_id: i64, epoch: i16, place: &Place) -> bool {
        self.transactions.get(id).is_some_and(|transaction| {
            transaction.state == State::Ongoing
                && (transaction.producer_id, transaction.epoch) == (producer_id, epoch)
                && transaction.partitions.contains(place)
        })
    }

    /// InitProducerId: producer id and epoch, or an error, and the markers of what it ends.
    pub(crate) fn initialise(
        &mut self,
        id: &str,
        timeout_ms: i64,
        fresh_id: i64,
    ) -> (Result<(i64, i16), i16>, Option<Markers>) {
        let transaction = self
            .transactions
            .entry(id.to_owned())
            .or_insert(Transaction {
                producer_id: fresh_id,
                epoch: -1,
                state: State::Empty,
                partitions: BTreeSet::new(),
                timeout_ms,
                began_ms: 0,
            });
        transaction.timeout_ms = timeout_ms;
        match transaction.state {
            State::Ongoing => {
                // Whoever has it is fenced by the markers' epoch.
                transaction.epoch += 1;
                let markers = prepare(id, transaction, false);
                (Err(code::CONCURRENT_TRANSACTIONS), Some(markers))
            }
            State::Prepared { .. } => (Err(code::CONCURRENT_TRANSACTIONS), None),
            State::Empty | State::Complete { .. } => {
                transaction.epoch += 1;
                transaction.state = State::Empty;
                transaction.partitions.clear();
                (Ok((transaction.producer_id, transaction.epoch)), None)
            }
        }
    }

    fn checked(&mut self, id: &str, producer_id: i64, epoch: i16) -> Result<&mut Transaction, i16> {
        let transaction = self
            .transactions
            .get_mut(id)
            .ok_or(code::INVALID_PRODUCER_ID_MAPPING)?;
        if transaction.producer_id != producer_id {
            return Err(code::INVALID_PRODUCER_ID_MAPPING);
        }
        if transaction.epoch != epoch {
            return Err(code::PRODUCER_FENCED);
        }
        Ok(transaction)
    }

    pub(crate) fn add(
        &mut self,
        id: &str,
        producer_id: i64,
        epoch: i16,
        places: impl IntoIterator<Item = Place>,
        now_ms: i64,
    ) -> Result<(), i16> {
        let transaction = self.checked(id, producer_id, epoch)?;
        match transaction.state {
            State::Prepared { .. } => return Err(code::CONCURRENT_TRANSACTIONS),
            State::Empty | State::Complete { .. } => {
                transaction.state = State::Ongoing;
                transaction.partitions.clear();
                transaction.began_ms = now_ms;
            }
            State::Ongoing => {}
        }
        transaction.partitions.extend(places);
        Ok(())
    }

    pub(crate) fn end(
        &mut self,
        id: &str,
        producer_id: i64,
        epoch: i16,
        commit: bool,
    ) -> Result<Option<Markers>, i16> {
        let transaction = self.checked(id, producer_id, epoch)?;
        match transaction.state {
            State::Ongoing => Ok(Some(prepare(id, transaction, commit))),
            State::Prepared { commit: same } if same == commit => {
                Err(code::CONCURRENT_TRANSACTIONS)
            }
            State::Complete { commit: same } if same == commit => Ok(None),
            _ => Err(code::INVALID_TXN_STATE),
        }
    }

    /// The markers of `id` are all written.
    pub(crate) fn written(&mut self, id: &str) {
        if let Some(transaction) = self.transactions.get_mut(id)
            && let State::Prepared { commit } = transaction.state
        {
            transaction.state = State::Complete { commit };
            transaction.partitions.clear();
        }
    }

    /// Transactions that have been open for too long are aborted.
    pub(crate) fn expire(&mut self, now_ms: i64) -> Vec<Markers> {
        let mut markers = Vec::new();
        for (id, transaction) in &mut self.transactions {
            let late = now_ms - transaction.began_ms > transaction.timeout_ms;
            if transaction.state == State::Ongoing && late {
                transaction.epoch += 1;
                markers.push(prepare(id, transaction, false));
            }
        }
        markers
    }
}

fn prepare(id: &str, transaction: &mut Transaction, commit: bool) -> Markers {
    transaction.state = State::Prepared { commit };
    Markers {
        id: id.to_owned(),
        producer_id: transaction.producer_id,
        epoch: transaction.epoch,
        commit,
        partitions: transaction.partitions.iter().cloned().collect(),
    }
}
