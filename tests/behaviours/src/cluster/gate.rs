//! Who is at a cluster that many behaviours share.
//!
//! One that wants the broker restarted waits until each of the others wants the same or is done; then
//! there is one restart for all of them. One that does something to brokers that others would not
//! bear has them alone. Meanwhile no new behaviour begins but such as want the same restart.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Who is at a cluster.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Behaviours that are under way, those that wait for a restart included.
    inside: usize,
    /// Behaviours that wait for a restart.
    waiting: usize,
    /// Somebody restarts brokers right now, or has them alone.
    taken: bool,
    /// How many restarts there were.
    restarts: usize,
}

/// What one that wants a restart has to do next.
enum Turn<'a> {
    /// Restart, and drop this when it is done.
    Restart(Restarting<'a>),
    /// Nothing: somebody else did it.
    Done,
}

/// A behaviour that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.inside -= 1);
    }
}

/// A behaviour that has the brokers alone, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alone<'a>(&'a Gate);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.taken = false);
    }
}

/// A restart that is going on. However it ends, those who wait go on.
struct Restarting<'a>(&'a Gate);

impl Drop for Restarting<'_> {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.taken = false;
            state.waiting = 0;
            state.restarts += 1;
        });
    }
}

impl Gate {
    /// Waits until a behaviour may begin. One that `restarts` brokers itself may begin while others wait
    /// for a restart.
    pub(crate) async fn enter(&self, restarts: bool) -> Inside<'_> {
        self.when(|state| {
            let free = (state.waiting == 0 || restarts) && !state.taken;
            free.then(|| state.inside += 1)
        })
        .await;
        Inside(self)
    }

    /// Waits until nobody is at the brokers.
    pub(crate) async fn alone(&self) -> Alone<'_> {
        self.when(|state| {
            let free = state.inside == 0 && !state.taken;
            free.then(|| state.taken = true)
        })
        .await;
        Alone(self)
    }

    /// Has `restart` done once for all who wait for it. The caller is inside.
    pub(crate) async fn restart(&self, restart: impl Future<Output = ()>) {
        let mut restarts = 0;
        self.change(|state| {
            state.waiting += 1;
            restarts = state.restarts;
        });
        let turn = self.when(|state| {
            if state.restarts > restarts {
                return Some(Turn::Done);
            }
            let free = state.waiting == state.inside && !state.taken;
            free.then(|| {
                state.taken = true;
                Turn::Restart(Restarting(self))
            })
        });
        if let Turn::Restart(going_on) = turn.await {
            restart.await;
            drop(going_on);
        }
    }

    /// Waits until `take` gives something.
    async fn when<T>(&self, mut take: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(taken) = take(&mut self.state()) {
                return taken;
            }
            changed.await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::{Duration, sleep};

    #[tokio::test(start_paused = true)]
    async fn all_who_want_a_restart_share_one_behind_everybody_else() {
        let gate = Arc::new(Gate::default());
        let (running, restarts) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut tasks = Vec::new();
        for number in 0..6 {
            let (gate, running, restarts) = (gate.clone(), running.clone(), restarts.clone());
            tasks.push(tokio::spawn(async move {
                let _inside = gate.enter(number % 2 == 1).await;
                if number % 2 == 0 {
                    running.fetch_add(1, Ordering::SeqCst);
                    // Longer than it takes the others to ask.
                    sleep(Duration::from_secs(1 + number)).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
                gate.restart(async {
                    assert_eq!(running.load(Ordering::SeqCst), 0, "somebody is disturbed");
                    sleep(Duration::from_secs(1)).await;
                    restarts.fetch_add(1, Ordering::SeqCst);
                })
                .await;
                assert_eq!(restarts.load(Ordering::SeqCst), 1);
            }));
        }
        for task in tasks {
            task.await.expect("ends");
        }
        assert_eq!(restarts.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_the_brokers_alone_meets_nobody() {
        let gate = Arc::new(Gate::default());
        let at_them = Arc::new(AtomicU32::new(0));
        let mut tasks = Vec::new();
        for number in 0..6 {
            let (gate, at_them) = (gate.clone(), at_them.clone());
            tasks.push(tokio::spawn(async move {
                if number % 2 == 0 {
                    let _inside = gate.enter(number % 2 == 1).await;
                    at_them.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_secs(1)).await;
                    at_them.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
                let _alone = gate.alone().await;
                assert_eq!(at_them.load(Ordering::SeqCst), 0);
                sleep(Duration::from_secs(1)).await;
                assert_eq!(at_them.load(Ordering::SeqCst), 0);
            }));
        }
        for task in tasks {
            task.await.expect("ends");
        }
    }
}
