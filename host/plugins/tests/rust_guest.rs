//! A guest written with the SDK, as authors write theirs. Goal: what it says when it fails reaches
//! the operator. Method: `tests/hostile/panics`, which does what the name of a topic says.

mod support;

use ferry_model::name::TopicName;
use ferry_model::topic::TopicFacts;
use ferry_plugins::log::LogLevel;
use ferry_plugins::{Failure, JobError, Limits, Plugin, TopicFilterJob};
use std::path::Path;
use support::{built, code, host, topics};

fn plugin() -> Plugin {
    let limits = Limits {
        memory_bytes: 32 * 1024 * 1024,
        ..Limits::default()
    };
    host(limits).load(&built("hostile/panics")).expect("loads")
}

fn job(plugin: &Plugin) -> TopicFilterJob {
    support::start(plugin).expect("starts")
}

fn named(name: &str) -> TopicFacts {
    TopicFacts {
        name: TopicName::parse(name).expect("legal"),
        ..topics(1).remove(0)
    }
}

fn fail(name: &str) -> JobError {
    job(&plugin()).decide(&[named(name)]).expect_err("fails")
}

#[test]
fn a_panic_reaches_the_operator_with_its_text_and_line() {
    let error = fail("panic");
    let text = error.failure.to_string();
    assert!(text.contains("no idea what to do with panic"), "{text}");
    assert!(text.contains("src/lib.rs:"), "{text}");
    assert!(text.contains("unreachable"), "{text}");
    assert_eq!(code(&error), 321);
    let text = fail("index").failure.to_string();
    assert!(
        text.contains("out of bounds") || text.contains("out of range"),
        "{text}"
    );
}

#[test]
fn a_panic_in_configure_is_told_too() {
    let plugin = plugin();
    let with = serde_json::json!({"panic-in-configure": true});
    let configuration = plugin.configure(&with, Path::new(".")).expect("fits");
    let error = plugin.topic_filter(&configuration).expect_err("panics");
    assert!(error.to_string().contains("as configured"), "{error}");
}

#[test]
fn no_path_of_the_machine_that_built_it_is_in_a_plugin() {
    let home = std::env::var("HOME").expect("a home");
    for name in ["hostile/panics", "topic-filter"] {
        let component = built(name);
        for path in [home.as_str(), env!("CARGO_MANIFEST_DIR")] {
            let found = component.windows(path.len()).any(|w| w == path.as_bytes());
            assert!(!found, "{name} holds {path}");
        }
    }
}

#[test]
fn a_plugins_own_error_is_shown_in_one_line_that_a_terminal_survives() {
    let error = fail("fail");
    let Failure::Refused { message, about } = &error.failure else {
        panic!("{error}");
    };
    assert_eq!(message, "can't decide\\non this");
    assert_eq!(about, &["fail".to_owned(), "\\u{1b}[2J".to_owned()]);
    assert_eq!(code(&error), 320);
}

#[test]
fn a_guest_that_eats_memory_is_told_what_it_may_have() {
    let error = fail("eat");
    assert!(
        matches!(error.failure, Failure::OutOfMemory { .. }),
        "{error}"
    );
}

#[test]
fn a_guest_that_recurses_is_ended_on_either_stack() {
    let Failure::Trapped { trap, .. } = fail("recurse").failure else {
        panic!("another failure");
    };
    assert!(
        trap.contains("stack") || trap.contains("out of bounds"),
        "{trap}"
    );
}

#[test]
fn lines_are_kept_with_their_level_up_to_the_limit() {
    let plugin = plugin();
    let mut job = job(&plugin);
    job.decide(&[named("log")]).expect("answers");
    let lines = job.log().lines();
    assert_eq!(
        (lines[0].level, lines[0].text.as_str()),
        (LogLevel::Info, "configured")
    );
    assert_eq!(
        (lines[1].level, lines[1].text.as_str()),
        (LogLevel::Warn, "line 0")
    );
    assert_eq!((lines.len(), job.log().dropped()), (1_000, 4_001));
}

#[test]
fn each_job_is_a_fresh_instance_and_one_job_keeps_its_state() {
    let plugin = plugin();
    let reasons = |job: &mut TopicFilterJob| {
        let decisions = job.decide(&[named("a"), named("b")]).expect("answers");
        decisions.into_iter().map(|d| d.reason).collect::<Vec<_>>()
    };
    let mut first = job(&plugin);
    assert_eq!(reasons(&mut first), ["a is number 1", "b is number 2"]);
    assert_eq!(reasons(&mut first), ["a is number 3", "b is number 4"]);
    assert_eq!(reasons(&mut job(&plugin))[0], "a is number 1");
}

#[test]
fn a_plugin_of_another_role_is_not_started() {
    let plugin = plugin();
    let configuration = plugin
        .configure(&serde_json::json!({}), Path::new("."))
        .expect("fits");
    let error = plugin
        .acl_generator(&configuration)
        .expect_err("another role");
    assert_eq!(code(&error), 327);
}
