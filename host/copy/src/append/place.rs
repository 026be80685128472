//! Whether batches lie where they say.
//!
//! The checksum of a batch does not cover its base offset, which the broker writes. What protects
//! it is its place: offsets ascend without overlapping, an answer begins with the batch that holds
//! the wanted offset, and nothing lies behind the end of the log.

use super::Bounds;
use crate::batch::error::BatchError;
use crate::batch::header::BatchHeader;

/// Follows the offsets of one answer.
#[derive(Debug)]
pub(super) struct Place {
    from: i64,
    end: i64,
    from_is_boundary: bool,
    /// The offset behind the batch before.
    next: Option<i64>,
    /// The base offset of the batch before, if that ends before what is wanted.
    skipped: Option<i64>,
}

impl Place {
    /// An answer to a fetch from `from`.
    pub(super) fn new(from: i64, bounds: &Bounds) -> Self {
        Self {
            from,
            end: bounds.source_end,
            from_is_boundary: bounds.from_is_boundary,
            next: None,
            skipped: None,
        }
    }

    /// Checks the next batch, in front of one at `behind`. Returns whether it has anything that is
    /// wanted.
    pub(super) fn check(
        &mut self,
        header: &BatchHeader,
        behind: Option<i64>,
    ) -> Result<bool, BatchError> {
        let offset = header.base_offset;
        let out_of_place = |reason, other| {
            Err(BatchError::OutOfPlace {
                offset,
                reason,
                other,
            })
        };
        let next = header.next_offset();
        if let Some(before) = self.next
            && offset < before
        {
            return out_of_place("the batch before it reaches to", before);
        }
        if let Some(behind) = behind
            && behind < next
        {
            return out_of_place("it reaches behind the next one, which is at", behind);
        }
        if next > self.end {
            return out_of_place("it reaches behind the end of the log, which is", self.end);
        }
        if self.from_is_boundary && offset < self.from {
            return out_of_place("it begins before what was asked for, offset", self.from);
        }
        // A batch with nothing wanted in it can be left out only if its offset is sure: the next
        // one has to begin where it ends.
        if self.skipped.is_some() && self.next != Some(offset) {
            return self.end().map(|()| false);
        }
        self.next = Some(next);
        self.skipped = (next <= self.from).then_some(offset);
        Ok(self.skipped.is_none())
    }

    /// Checks that the answer had anything that was wanted, if it had anything.
    pub(super) fn end(&self) -> Result<(), BatchError> {
        match self.skipped {
            Some(offset) => Err(BatchError::OutOfPlace {
                offset,
                reason: "it ends before what was asked for, offset",
                other: self.from,
            }),
            None => Ok(()),
        }
    }
}
