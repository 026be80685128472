//! Who this process is, for others to tell whether it is gone.

use ferry_copy::lease::Holder;

/// This process.
#[must_use]
pub fn this_process() -> Holder {
    let process_id = std::process::id();
    Holder {
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        boot: place().unwrap_or_default(),
        process_id,
        started_ticks: started_ticks(process_id).unwrap_or_default(),
    }
}

/// Whether a process is certain to be gone: it was one of this host, in this run of it and seen from
/// here, and it is not there any more. Of others nothing is certain.
#[must_use]
pub fn is_gone(holder: &Holder) -> bool {
    let here = this_process();
    if here.boot.is_empty() || (&holder.host, &holder.boot) != (&here.host, &here.boot) {
        return false;
    }
    // Process ids are given again, but not to a process that was started at the same time.
    started_ticks(holder.process_id) != Some(holder.started_ticks)
}

/// What tells this run of the host, and this view of its processes, from others
/// (proc(5), `/proc/sys/kernel/random/boot_id`; pid_namespaces(7)).
fn place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let view = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), view.display()))
}

/// When a process was started, in ticks since the host was (proc(5), `/proc/PID/stat`, field 22). None
/// where there is no such process, or only what is left of it.
fn started_ticks(process_id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_there_until_it_has_ended_and_another_hosts_is_never_certain_to_be_gone() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .expect("starts");
        let holder = Holder {
            process_id: child.id(),
            started_ticks: started_ticks(child.id()).expect("is there"),
            ..this_process()
        };
        assert!(!is_gone(&holder));
        assert!(!is_gone(&this_process()));
        child.kill().expect("is ours");
        child.wait().expect("ends");
        assert!(is_gone(&holder));
        let elsewhere = Holder {
            host: "another".into(),
            ..holder.clone()
        };
        assert!(!is_gone(&elsewhere));
        let before = Holder {
            boot: "an earlier run".into(),
            ..holder
        };
        assert!(!is_gone(&before));
    }

    #[test]
    fn a_process_id_that_was_given_again_is_another_process() {
        let earlier = Holder {
            started_ticks: 1,
            ..this_process()
        };
        assert!(is_gone(&earlier));
    }
}
