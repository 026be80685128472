//! Asking a run to stop at its next safe point.

use tokio::sync::watch;

/// The hand that asks for a stop: the handler of Ctrl-C has it.
#[derive(Debug, Clone)]
pub struct StopSource(watch::Sender<bool>);

/// Tells whether a stop was asked for.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<bool>);

impl StopSource {
    /// A source and its signal.
    #[must_use]
    pub fn new() -> (Self, StopSignal) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), StopSignal(receiver))
    }

    /// Asks for a stop. It can't be taken back.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// A signal that never comes.
    #[must_use]
    pub fn never() -> Self {
        StopSource::new().1
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is asked for; for ever where nobody does. Safe in `tokio::select!`.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            // The source is gone without having asked.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_request_wakes_everyone_who_waits_and_is_never_missed() {
        let (source, signal) = StopSource::new();
        let waiting = tokio::spawn({
            let signal = signal.clone();
            async move { signal.requested().await }
        });
        assert!(!signal.is_requested());
        source.request();
        timeout(Duration::from_secs(10), waiting)
            .await
            .expect("woken")
            .expect("no panic");
        drop(source);
        timeout(Duration::from_secs(10), signal.requested())
            .await
            .expect("asked before the source went");
    }

    #[tokio::test]
    async fn a_source_that_goes_without_asking_stops_nobody() {
        let signal = StopSignal::never();
        tokio::select! {
            biased;
            () = signal.requested() => panic!("stopped by nobody"),
            () = tokio::task::yield_now() => {}
        }
        assert!(!signal.is_requested());
    }
}
