//! What can be wrong with a batch.

/// A batch that can't be understood. The offset is the batch's own base offset, as far as it could
/// be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch is written in message format 0 or 1, which ended with Kafka 0.11.
    #[error("the batch at offset {offset} has message format {magic}; only format 2 can be copied")]
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
}
