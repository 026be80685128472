//! Ctrl-C and SIGTERM: the first asks for a stop at a safe point, the second ends the process.

use crate::exit::Exit;
use crate::output;
use ferry_engine::{StopSignal, StopSource};

/// Listens for signals from now on.
pub(crate) fn listen() -> StopSignal {
    let (source, signal) = StopSource::new();
    tokio::spawn(async move {
        next().await;
        output::narrate("stopping at the next safe point; once more ends at once");
        source.request();
        next().await;
        std::process::exit(Exit::Stopped as i32);
    });
    signal
}

async fn next() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
