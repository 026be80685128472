//! What a plugin may say beside its decisions.
//!
//! In the sandbox the lines go to the host, which limits them (1,000 lines, 262,144 bytes, 4,096
//! bytes each, per job). Natively, in unit tests, they go to stderr.
//!
//! ```
//! ferry_sdk::log::info!("{} principals in the table", 12);
//! ```

pub use crate::bindings::topic_filter::ferry::role::log::Level;
use std::fmt;

#[doc(inline)]
pub use crate::__log_debug as debug;
#[doc(inline)]
pub use crate::__log_error as error;
#[doc(inline)]
pub use crate::__log_info as info;
#[doc(inline)]
pub use crate::__log_warn as warn;

/// Writes one line. The macros of this module are shorter.
pub fn write(level: Level, text: fmt::Arguments<'_>) {
    let text = text.to_string();
    #[cfg(target_arch = "wasm32")]
    crate::bindings::topic_filter::ferry::role::log::write(level, &text);
    #[cfg(not(target_arch = "wasm32"))]
    {
        use std::io::Write as _;
        // A test whose stderr is gone has nobody who could be told.
        let _ = writeln!(std::io::stderr(), "{level:?}: {text}");
    }
}

/// Writes a line for the plugin's author.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_debug {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($text)*)) };
}

/// Writes a line about progress, for the operator.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_info {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($text)*)) };
}

/// Writes a line about something that the operator should look at.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_warn {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($text)*)) };
}

/// Writes a line about something that went wrong.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_error {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($text)*)) };
}
