//! A worker's process, as far as a schedule is concerned: it runs, stands still, or is gone.
//!
//! All tasks of a worker live in one set. While the process is stopped none of them runs, though the
//! world goes on and their timers fire: what SIGSTOP does. When it is killed they are dropped, and
//! what they had written to their connections is left to the brokers: what SIGKILL does.

use std::cell::RefCell;
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

/// A running process.
#[derive(Debug)]
pub(crate) struct Process<T> {
    switch: Rc<RefCell<Switch>>,
    task: JoinHandle<()>,
    result: oneshot::Receiver<T>,
}

impl<T> Drop for Process<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T: 'static> Process<T> {
    /// Starts `work`. Call it inside of a `LocalSet`.
    pub(crate) fn start(work: impl Future<Output = T> + 'static) -> Self {
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
