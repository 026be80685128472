//! What a process has used so far, as the kernel tells about any process (proc(5)).

use std::fs;

/// Ticks a second of the times in `/proc/PID/stat`, the same on every Linux that Rust supports.
const TICKS_PER_S: f64 = 100.0;

/// What a process has used since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processor time, user and system, of all its threads.
    pub(crate) cpu_seconds: f64,
    /// Pages that had to be given to it without reading from disk: `ru_minflt` of getrusage(2).
    pub(crate) minor_faults: u64,
    /// It has ended, and only its figures are left.
    pub(crate) ended: bool,
}

/// What `process` has used; none when there is no such process any more.
///
/// A process that has ended keeps its figures until it is waited for.
pub(crate) fn of(process: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    parse(&stat)
}

fn parse(stat: &str) -> Option<Usage> {
    // The second field is the program's name in parentheses, which may hold spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Usage {
        cpu_seconds: (number(11)? + number(12)?) as f64 / TICKS_PER_S,
        minor_faults: number(7)?,
        ended: matches!(*fields.first()?, "Z" | "X"),
    })
}

/// The most memory of `process` that was resident at once (`VmHWM`), in MiB; none once it has
/// ended.
pub(crate) fn peak_mib(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a (b) c) Z 1 7 7 0 -1 4 321 0 5 0 250 50 0 0 20 0 1 0 99";
        let usage = parse(stat).unwrap();
        assert_eq!(
            usage,
            Usage {
                cpu_seconds: 3.0,
                minor_faults: 321,
                ended: true,
            }
        );
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_runs_and_has_used_memory() {
        let this = std::process::id();
        let usage = of(this).unwrap();
        assert!(!usage.ended);
        assert!(usage.minor_faults > 0);
        assert!(peak_mib(this).unwrap() > 0.1);
    }
}
