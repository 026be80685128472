//! Where the tasks of a client run.

use std::future::Future;

#[cfg(feature = "simulation")]
thread_local! {
    /// The runtime's moment and the time of day that it stands for.
    static SIMULATED: std::cell::Cell<Option<(tokio::time::Instant, i64)>> =
        const { std::cell::Cell::new(None) };
}

/// Begins a simulation on this thread, at `now_ms` (milliseconds since 1970), or ends it. Every task
/// that is begun from now on runs in the `LocalSet` that begins it, so that a client and everything
/// that belongs to it can be stopped or taken away; and the time of day goes with the runtime's.
#[cfg(feature = "simulation")]
pub fn simulate(now_ms: Option<i64>) {
    SIMULATED.set(now_ms.map(|now_ms| (tokio::time::Instant::now(), now_ms)));
}

/// The time of day in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    #[cfg(feature = "simulation")]
    if let Some((began, began_ms)) = SIMULATED.get() {
        let passed = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        return began_ms.saturating_add(passed);
    }
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since the host was started: a clock that nobody sets, and that goes on while the
/// host sleeps (`CLOCK_BOOTTIME`, clock_gettime(2)).
#[must_use]
pub fn since_boot_ms() -> i64 {
    #[cfg(feature = "simulation")]
    if let Some((began, _)) = SIMULATED.get() {
        return i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    }
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
}

/// Begins a task.
pub fn spawn<F>(task: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    #[cfg(feature = "simulation")]
    if SIMULATED.get().is_some() {
        tokio::task::spawn_local(task);
        return;
    }
    tokio::spawn(task);
}

/// Begins a task of `set`.
pub fn spawn_in<T, F>(set: &mut tokio::task::JoinSet<T>, task: F)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    #[cfg(feature = "simulation")]
    if SIMULATED.get().is_some() {
        set.spawn_local(task);
        return;
    }
    set.spawn(task);
}

/// Runs `work`, which keeps a processor busy for a while, beside the tasks; in a simulation at once.
///
/// # Errors
/// What became of a thread that did not come to its end.
pub async fn beside<T, F>(work: F) -> Result<T, tokio::task::JoinError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    #[cfg(feature = "simulation")]
    if SIMULATED.get().is_some() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}
