//! A worker's process, as far as a schedule is concerned: it runs, stands still, or is gone.
//!
//! All tasks of a worker live in one set. While the process is stopped none of them runs, though the
//! world goes on and their timers fire: what SIGSTOP does. When it is killed they are dropped, and
//! what they had written to their connections is left to the brokers: what SIGKILL does.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet};

#[derive(Debug, Default)]
struct Switch {
    stopped: bool,
    waker: Option<Waker>,
}

thread_local! {
    /// The number of the next process, and those that are gone.
    static PROCESSES: RefCell<(u32, BTreeSet<u32>)> = const { RefCell::new((1, BTreeSet::new())) };
}

/// Forgets all processes, before a schedule begins.
pub(crate) fn forget_all() {
    PROCESSES.with_borrow_mut(|(next, gone)| {
        *next = 1;
        gone.clear();
    });
}

/// The number of a process that is about to start.
pub(crate) fn next_number() -> u32 {
    PROCESSES.with_borrow_mut(|(next, _)| {
        *next += 1;
        *next
    })
}

/// Whether a process is certain to be gone.
pub(crate) fn is_gone(number: u32) -> bool {
    PROCESSES.with_borrow(|(_, gone)| gone.contains(&number))
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process<T> {
    number: u32,
    switch: Rc<RefCell<Switch>>,
    task: JoinHandle<()>,
    result: oneshot::Receiver<T>,
}

impl<T> Drop for Process<T> {
    fn drop(&mut self) {
        self.task.abort();
        PROCESSES.with_borrow_mut(|(_, gone)| gone.insert(self.number));
    }
}

impl<T: 'static> Process<T> {
    /// Starts `work` as process `number`. Call it inside of a `LocalSet`.
    pub(crate) fn start(number: u32, work: impl Future<Output = T> + 'static) -> Self {
        let (done, result) = oneshot::channel();
        let tasks = LocalSet::new();
        tasks.spawn_local(async move {
            // Nobody listens any more when the process was given up.
            let _ = done.send(work.await);
        });
        let switch = Rc::new(RefCell::new(Switch::default()));
        let running = Running {
            tasks,
            switch: Rc::clone(&switch),
        };
        Self {
            number,
            task: tokio::task::spawn_local(running),
            switch,
            result,
        }
    }

    /// SIGSTOP.
    pub(crate) fn stop(&self) {
        self.switch.borrow_mut().stopped = true;
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        let mut switch = self.switch.borrow_mut();
        switch.stopped = false;
        if let Some(waker) = switch.waker.take() {
            waker.wake();
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Waits for its end; none if it was ended from outside.
    pub(crate) async fn ended(&mut self) -> Option<T> {
        (&mut self.result).await.ok()
    }
}

struct Running {
    tasks: LocalSet,
    switch: Rc<RefCell<Switch>>,
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut switch = self.switch.borrow_mut();
            if switch.stopped {
                switch.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.tasks).poll(context)
    }
}
