//! What can be wrong with a batch.

/// A batch that can't be understood. The offset is the batch's own base offset, as far as it could
/// be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch is written in a message format that this reader does not know: Kafka has had 0, 1
    /// and 2.
    #[error("the batch at offset {offset} has message format {magic}; known are 0, 1 and 2")]
    Format {
        /// Base offset of the batch.
        offset: i64,
        /// Its format (`magic`).
        magic: i8,
    },
    /// The length field of the batch is impossible.
    #[error("the batch at offset {offset} claims {length} bytes")]
    Length {
        /// Base offset of the batch.
        offset: i64,
        /// What its length field holds.
        length: i32,
    },
    /// The first batch of an answer is not whole. Brokers cut an answer off inside its last batch,
    /// never inside its first (KIP-74).
    #[error("the batch at offset {offset} is cut off: {bytes} bytes of it came")]
    CutOff {
        /// Base offset of the batch; -1 where not even that came.
        offset: i64,
        /// How many of its bytes came.
        bytes: usize,
    },
    /// The offset of the batch does not fit its neighbours or what was asked for. Base offsets lie
    /// outside of the checksum, so their place in the log is all that proves them.
    #[error("the batch at offset {offset} is out of place: {reason} {other}")]
    OutOfPlace {
        /// Base offset of the batch.
        offset: i64,
        /// What does not fit, in words that end before `other`.
        reason: &'static str,
        /// The offset that it does not fit.
        other: i64,
    },
    /// The checksum does not fit the contents: the bytes were damaged on disk or on the way.
    #[error(
        "the batch at offset {offset} is damaged: its checksum is {written:#010x}, its contents give {computed:#010x}"
    )]
    Checksum {
        /// Base offset of the batch.
        offset: i64,
        /// The checksum in its header.
        written: u32,
        /// The checksum of its contents.
        computed: u32,
    },
    /// A field of the header holds a value that can't be.
    #[error("the batch at offset {offset} has an impossible {field}: {value}")]
    Field {
        /// Base offset of the batch.
        offset: i64,
        /// The name of the field.
        field: &'static str,
        /// What it holds.
        value: i64,
    },
    /// The records could not be decompressed.
    #[error("the batch at offset {offset} can't be decompressed with {codec}: {reason}")]
    Decompression {
        /// Base offset of the batch.
        offset: i64,
        /// The codec's name.
        codec: &'static str,
        /// What the decompressor said.
        reason: String,
    },
    /// The records decompress to more than any broker would have accepted.
    #[error("the batch at offset {offset} decompresses to more than {limit} bytes")]
    Bomb {
        /// Base offset of the batch.
        offset: i64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A record inside the batch is malformed.
    #[error("record {index} of the batch at offset {offset} is malformed: {reason}")]
    Record {
        /// Base offset of the batch.
        offset: i64,
        /// The number of the record within the batch, from 0.
        index: u32,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A message of format 0 or 1, or a compressed set of them, is malformed.
    #[error("the message at offset {offset}, of format {magic}, is malformed: {reason}")]
    Message {
        /// Its offset, in a compressed set that of the whole set.
        offset: i64,
        /// Its format (`magic`).
        magic: i8,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl BatchError {
    /// The same with `offset` where not even the offset of the batch could be read.
    #[must_use]
    pub(crate) fn at_least(self, offset: i64) -> Self {
        match self {
            Self::CutOff { offset: -1, bytes } => Self::CutOff { offset, bytes },
            other => other,
        }
    }
}
