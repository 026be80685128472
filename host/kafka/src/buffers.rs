//! Memory for large answers, used again and again.
//!
//! The records of an answer live in one buffer until the last batch of it is written to the target.
//! Memory that goes back to the system and comes again costs a page fault for every 4 KiB; so it
//! comes back here instead.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// What is kept for later at most, in bytes.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Buffers are made in multiples of this, so that answers of about the same size can share them.
const STEP_BYTES: usize = 1 << 20;

/// A buffer may be so many times as large as what it is used for.
const WASTE_MAX: usize = 4;

/// The buffers of one client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers {
    free: Arc<Mutex<Free>>,
}

#[derive(Debug, Default)]
struct Free {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    /// An empty buffer with room for `bytes`.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Vec<u8>| {
            let capacity = buffer.capacity();
            capacity >= bytes && capacity <= bytes.max(STEP_BYTES) * WASTE_MAX
        };
        // The last one that came back is the likeliest to be in the processor's cache.
        if let Some(at) = free.buffers.iter().rposition(fits) {
            let buffer = free.buffers.swap_remove(at);
            free.bytes -= buffer.capacity();
            return buffer;
        }
        drop(free);
        Vec::with_capacity(bytes.next_multiple_of(STEP_BYTES))
    }

    /// `buffer` as bytes that can be shared; it comes back when the last share is gone.
    pub(crate) fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            home: self.clone(),
        })
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.bytes += buffer.capacity();
        free.buffers.push(buffer);
        while free.bytes > KEPT_BYTES_MAX {
            let oldest = free.buffers.remove(0);
            free.bytes -= oldest.capacity();
        }
    }
}

/// A buffer that is in use.
struct Lent {
    buffer: Vec<u8>,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_last_share_is_gone() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(3 << 20);
        buffer.extend_from_slice(b"records");
        let memory = buffer.as_ptr();
        let answer = buffers.lend(buffer);
        let batch = answer.slice(2..4);
        drop(answer);
        let other = buffers.take(3 << 20);
        assert_ne!(other.as_ptr(), memory, "still in use");
        assert_eq!(&batch[..], b"co");
        drop(batch);
        let again = buffers.take(3 << 20);
        assert_eq!(again.as_ptr(), memory);
        assert!(again.is_empty());
    }

    #[test]
    fn what_is_kept_has_a_limit_and_small_answers_take_no_large_buffers() {
        let buffers = Buffers::default();
        let lent: Vec<Bytes> = (0..10)
            .map(|_| buffers.lend(buffers.take(16 << 20)))
            .collect();
        drop(lent);
        let kept = buffers.free.lock().expect("free").bytes;
        assert!(kept <= KEPT_BYTES_MAX, "{kept}");
        assert!(buffers.take(100_000).capacity() <= STEP_BYTES);
    }
}
