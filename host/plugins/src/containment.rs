//! What a running guest has used, and where it ends.

use crate::log::{Log, LogLevel};
use crate::settings::Limits;
use wasmtime::ResourceLimiter;

/// The host's side of one instance: its log, and what it has used so far.
///
/// wasmtime's own `StoreLimits` counts each memory by itself; here all memories share one limit.
pub struct Containment {
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    memory_bytes: usize,
    table_entries: usize,
    denied: Option<Denied>,
}

/// A growth that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied {
    /// Of what: `bytes of memory`.
    pub(crate) what: &'static str,
    /// How much it would have had.
    pub(crate) asked: usize,
    /// How much is allowed.
    pub(crate) limit: usize,
}

impl Containment {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            log: Log::default(),
            memory_bytes: 0,
            table_entries: 0,
            denied: None,
        }
    }

    /// The last growth that was refused.
    pub(crate) fn denied(&self) -> Option<Denied> {
        self.denied
    }

    /// Bytes of all linear memories together.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

/// A memory or table that is about to grow.
struct Growth {
    current: usize,
    desired: usize,
    maximum: Option<usize>,
}

impl Growth {
    /// Adds the growth to what is used, where it stays within the limit.
    ///
    /// What is beyond the guest's own maximum fails anyway and is not counted. Nothing is ever taken
    /// back: wasmtime also reports growths as failed that were never asked for here (beyond 4 GiB),
    /// so that taking back would let a guest count itself down and pass the limit.
    fn count(self, used: &mut usize, limit: usize, what: &'static str) -> Result<(), Denied> {
        if self.maximum.is_some_and(|maximum| self.desired > maximum) {
            return Ok(());
        }
        let asked = used.saturating_add(self.desired.saturating_sub(self.current));
        if asked > limit {
            return Err(Denied { what, asked, limit });
        }
        *used = asked;
        Ok(())
    }
}

impl ResourceLimiter for Containment {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.limits.memory_bytes;
        let used = &mut self.memory_bytes;
        let asked = Growth {
            current,
            desired,
            maximum,
        };
        let denied = asked.count(used, limit, "bytes of memory").err();
        self.denied = denied.or(self.denied);
        Ok(denied.is_none())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.limits.table_entries;
        let used = &mut self.table_entries;
        let asked = Growth {
            current,
            desired,
            maximum,
        };
        let denied = asked.count(used, limit, "table entries").err();
        self.denied = denied.or(self.denied);
        Ok(denied.is_none())
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

impl Containment {
    /// Takes a line of the guest's log.
    pub(crate) fn write_log(&mut self, level: LogLevel, text: &str) {
        self.log.write(level, text, &self.limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn containment() -> Containment {
        Containment::new(Limits {
            memory_bytes: 8 * MIB,
            ..Limits::default()
        })
    }

    #[test]
    fn all_memories_share_one_limit() {
        let mut containment = containment();
        let grows = |c: &mut Containment, from: usize, to: usize| {
            c.memory_growing(from * MIB, to * MIB, None)
                .expect("no trap")
        };
        assert!(grows(&mut containment, 0, 5), "the first memory");
        assert!(!grows(&mut containment, 0, 4), "the second: 9 MiB together");
        assert!(grows(&mut containment, 0, 3), "the second, smaller");
        assert!(
            !grows(&mut containment, 5, 6),
            "nothing is left for the first"
        );
        let denied = containment.denied().expect("denied");
        assert_eq!((denied.asked, denied.limit), (9 * MIB, 8 * MIB));
        assert_eq!(containment.memory_bytes(), 8 * MIB);
    }

    #[test]
    fn what_the_guest_itself_forbids_is_not_counted() {
        let mut containment = containment();
        let grown = containment.memory_growing(0, 100 * MIB, Some(MIB));
        assert!(
            grown.expect("no trap"),
            "wasmtime refuses it, by the guest's own maximum"
        );
        assert_eq!(
            (containment.memory_bytes(), containment.denied()),
            (0, None)
        );
    }
}
