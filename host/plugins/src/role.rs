//! The roles: what each is asked, and what it answers.

use crate::containment::Containment;
use crate::job::Job;
use crate::v0_1_0::{Exports, PluginError};
use ferry_model::decision::Role;
#[cfg(doc)]
use ferry_model::decision::{
    AclDecision, AclQuestion, NameDecision, NameQuestion, OffsetDecision, OffsetQuestion,
    TopicDecision,
};
#[cfg(doc)]
use ferry_model::topic::TopicFacts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::Store;
use wasmtime::component::Instance;

/// A role as a type: what a plugin is asked and what it answers.
///
/// There are exactly four, and nobody else can add one.
pub trait DecidingRole: sealed::Sealed + Sized + 'static {
    /// What a plugin of the role is asked.
    type Question: Serialize + DeserializeOwned + PartialEq;
    /// What it answers.
    type Decision: Serialize + DeserializeOwned + PartialEq;
    /// The role as a value.
    const ROLE: Role;

    /// What a question is about, for people: the topic, the name, group and partition, the binding.
    fn subject(question: &Self::Question) -> String;

    /// Question `number` of a bench: plausible facts, the same in every run.
    fn sample(number: usize) -> Self::Question;

    /// The exports of one instance, for calls.
    #[doc(hidden)]
    type Guest;
    /// A decision as the guest gave it.
    #[doc(hidden)]
    type Raw;
    /// What is known of all questions together.
    #[doc(hidden)]
    type Context;

    /// The exports of `instance`; none where it has another role.
    #[doc(hidden)]
    fn guest(
        exports: &Exports,
        store: &mut Store<Containment>,
        instance: &Instance,
    ) -> Option<wasmtime::Result<Self::Guest>>;

    /// Calls `configure`.
    #[doc(hidden)]
    fn configure(guest: &Self::Guest, store: &mut Store<Containment>, config: &str) -> Answer<()>;

    /// Whether the question is asked after all those that are not: it is about the others.
    #[doc(hidden)]
    fn later(_question: &Self::Question) -> bool {
        false
    }

    /// What is known of all questions together.
    #[doc(hidden)]
    fn context(questions: &[Self::Question]) -> Self::Context;

    /// Calls `decide` with one chunk.
    #[doc(hidden)]
    fn decide(
        guest: &Self::Guest,
        store: &mut Store<Containment>,
        questions: &[&Self::Question],
        context: &Self::Context,
    ) -> Answer<Vec<Self::Raw>>;

    /// Bytes that the question takes on its way to the guest, about.
    #[doc(hidden)]
    fn weight_bytes(question: &Self::Question) -> usize;

    /// Takes a decision out of the sandbox, or says what is wrong with it.
    #[doc(hidden)]
    fn accept(question: &Self::Question, raw: Self::Raw) -> Result<Self::Decision, String>;
}

/// What a guest answers to a call: a value, an error of its own, or a trap.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, PluginError>>;

mod sealed {
    /// Only types of this crate are roles.
    pub trait Sealed {}
    impl Sealed for super::TopicFilter {}
    impl Sealed for super::NamingRemapper {}
    impl Sealed for super::OffsetTranslator {}
    impl Sealed for super::AclGenerator {}
}

/// The role that decides which topics move: [`TopicFacts`] to [`TopicDecision`].
#[derive(Debug)]
pub enum TopicFilter {}

/// The role that decides what things are called: [`NameQuestion`] to [`NameDecision`].
#[derive(Debug)]
pub enum NamingRemapper {}

/// The role that decides where groups go on: [`OffsetQuestion`] to [`OffsetDecision`].
#[derive(Debug)]
pub enum OffsetTranslator {}

/// The role that decides on access control lists: [`AclQuestion`] to [`AclDecision`].
#[derive(Debug)]
pub enum AclGenerator {}

/// A job that decides which topics move.
pub type TopicFilterJob = Job<TopicFilter>;
/// A job that decides what things are called at the target. Ask it about all names at once, topics,
/// groups and subjects together: what belongs together is found among the questions.
pub type NamingRemapperJob = Job<NamingRemapper>;
/// A job that decides where consumer groups go on reading.
pub type OffsetTranslatorJob = Job<OffsetTranslator>;
/// A job that decides which access control lists the target gets.
pub type AclGeneratorJob = Job<AclGenerator>;

/// The greatest length of a reason, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 1_024;

/// Takes a reason out of the sandbox: one line that a person can read.
pub(crate) fn accept_reason(reason: String) -> Result<String, String> {
    if reason.trim().is_empty() {
        return Err("the reason is empty".to_owned());
    }
    if reason.len() > REASON_BYTES_MAX {
        return Err(format!(
            "the reason has {} bytes; {REASON_BYTES_MAX} are allowed",
            reason.len()
        ));
    }
    if reason.chars().any(crate::printable::hostile) {
        return Err("the reason holds control characters".to_owned());
    }
    Ok(reason)
}
