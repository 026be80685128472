//! What the host allows its plugins.

use crate::cache::CacheSettings;
use ferry_catalogue::structure::StructureLimits;

/// How the host is set up.
#[derive(Debug, Clone, Default)]
pub struct HostSettings {
    /// What plugins may be made of.
    pub structure: StructureLimits,
    /// What a job may use.
    pub limits: Limits,
    /// Where compiled plugins are kept; none compiles anew in each process.
    pub cache: Option<CacheSettings>,
}

/// What one job may use. The defaults leave room for clusters of 100,000 topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories together.
    pub memory_bytes: usize,
    /// Entries of all tables together.
    pub table_entries: usize,
    /// Core instances: a component made from one module has three.
    pub instances: usize,
    /// Linear memories.
    pub memories: usize,
    /// Tables.
    pub tables: usize,
    /// Time of the guest in one call, in milliseconds.
    pub call_ms: u64,
    /// Time of the guest in all calls of the job together, in milliseconds.
    pub job_ms: u64,
    /// Questions in one chunk.
    pub chunk_questions: usize,
    /// Bytes of the questions in one chunk, and of one question.
    pub chunk_bytes: usize,
    /// Bytes that the guest may hand to the host in one call.
    pub answer_bytes: usize,
    /// Lines that the job's log keeps.
    pub log_lines: usize,
    /// Bytes that the job's log keeps.
    pub log_bytes: usize,
    /// Bytes of one line; the rest is cut.
    pub log_line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 * 1024 * 1024,
            table_entries: 100_000,
            instances: 16,
            memories: 4,
            tables: 16,
            call_ms: 10_000,
            job_ms: 60_000,
            chunk_questions: 10_000,
            chunk_bytes: 16 * 1024 * 1024,
            answer_bytes: 16 * 1024 * 1024,
            log_lines: 1_000,
            log_bytes: 256 * 1024,
            log_line_bytes: 4 * 1024,
        }
    }
}
