//! The thread that starts every child process.
//!
//! Children ask the kernel to kill them when their parent dies (`PR_SET_PDEATHSIG`), and the kernel
//! means the parent *thread*. A test's own thread ends with the test, a runtime's worker may end at
//! any time, so the children are all started by one thread that lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What the thread is asked to start, and where the child goes.
struct Request {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

static SPAWNER: Mutex<Option<Sender<Request>>> = Mutex::new(None);

/// Starts `command` on the spawner's thread and waits until it runs.
///
/// # Errors
/// Those of [`Command::spawn`], and those of starting the thread itself.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (reply, answer) = sync_channel(1);
    let request = Request { command, reply };
    spawner()?
        .send(request)
        .map_err(|_| io::Error::other("the spawner's thread has ended"))?;
    answer
        .recv()
        .map_err(|_| io::Error::other("the spawner's thread has ended"))?
}

/// A way to the spawner's thread, which is started at the first call.
fn spawner() -> io::Result<Sender<Request>> {
    let mut spawner = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(requests) = spawner.as_ref() {
        return Ok(requests.clone());
    }
    let (requests, received) = channel();
    thread::Builder::new()
        .name("testbed-spawner".into())
        .spawn(move || serve(&received))?;
    *spawner = Some(requests.clone());
    Ok(requests)
}

/// Starts what is asked for, one after the other; never ends, because `SPAWNER` keeps a sender.
fn serve(requests: &Receiver<Request>) {
    for mut request in requests {
        // Whoever asked waits for the answer; if it is gone, the child is dropped and must not
        // stay behind.
        if let Err(unclaimed) = request.reply.send(request.command.spawn())
            && let Ok(mut child) = unclaimed.0
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
