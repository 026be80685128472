//! Requests and answers, one file for each group of APIs. Each call sends one request and returns
//! what the answer says; nothing is tried twice.

pub mod deletion;
pub mod epochs;
pub mod fetch;
pub mod log;
pub mod metadata;
pub mod offsets;
pub mod produce;
pub mod producers;
pub mod raw;
pub mod topics;
pub mod transactions;

pub use ferry_kafka::ErrorCode;
pub use fetch::Fetched;
pub use log::Log;
pub use produce::Appended;
pub use transactions::TransactionalId;

use kafka_protocol::protocol::StrBytes;

/// What an answer says: something, or an error code.
pub type Answer<T> = Result<T, ErrorCode>;

/// `value`, unless `code` is an error.
pub(crate) fn answer<T>(code: i16, value: T) -> Answer<T> {
    match code {
        0 => Ok(value),
        code => Err(ErrorCode(code)),
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
