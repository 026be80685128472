//! Guests that loop, grow, flood and lie. Goal: each ends its own job with an error that says what it
//! did, and the host goes on. Method: guests made by hand, each with one fault; after each the same
//! host runs a sound one.

mod support;

use ferry_plugins::{Failure, Limits, Phase};
use std::time::{Duration, Instant};
use support::{Guest, ask, code, host, start, tight, topics};

/// The failure of a guest that is asked about one topic.
fn failure(guest: &Guest) -> Failure {
    let error = ask(&host(tight()), guest, 1).expect_err("fails");
    let text = error.to_string();
    assert!(text.contains("hostile/guest 0.1.0"), "{text}");
    assert!(text.contains("sha256:"), "{text}");
    error.failure
}

#[test]
fn a_sound_guest_answers() {
    assert_eq!(
        ask(&host(tight()), &Guest::default(), 20).expect("answers"),
        20
    );
}

#[test]
fn a_guest_that_loops_is_ended_wherever_it_does() {
    let began = Instant::now();
    for guest in [
        Guest::deciding("(loop $on (br $on)) (unreachable)"),
        Guest::configuring("(loop $on (br $on)) (unreachable)"),
        Guest::default().with("(func $start (loop $on (br $on))) (start $start)"),
    ] {
        assert!(matches!(failure(&guest), Failure::OutOfTime { .. }));
    }
    let limit = Duration::from_millis(tight().call_ms);
    assert!(
        began.elapsed() >= 3 * limit,
        "ended early: {:?}",
        began.elapsed()
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_guest_that_loops_in_calls_of_the_host_is_ended_too() {
    let guest = Guest::deciding(
        "(loop $on (call $log (i32.const 1) (i32.const 512) (i32.const 2)) (br $on)) (unreachable)",
    );
    assert!(matches!(failure(&guest), Failure::OutOfTime { .. }));
}

#[test]
fn many_calls_that_are_each_within_their_time_are_ended_by_that_of_the_job() {
    let limits = Limits {
        call_ms: 1_000,
        job_ms: 150,
        chunk_questions: 1,
        ..tight()
    };
    // Some 100 million rounds: less than a second, more than nothing.
    let busy = Guest::deciding(
        "(local $i i32)
         (loop $on
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $on (i32.lt_u (local.get $i) (i32.const 100000000))))
         (call $answer (local.get 1))",
    );
    let error = ask(&host(limits), &busy, 1_000).expect_err("ends");
    assert!(
        error.failure.to_string().contains("a job may take 150 ms"),
        "{error}"
    );
    assert!(matches!(error.phase, Phase::Decide { of: 1_000, .. }));
    assert_eq!(code(&error), 322);
}

#[test]
fn a_guest_that_eats_memory_is_refused_more_and_named_so_when_it_falls() {
    let guest = Guest::deciding(
        "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)",
    );
    let Failure::OutOfMemory { what, asked, limit } = failure(&guest) else {
        panic!("another failure");
    };
    assert_eq!((what, limit), ("bytes of memory", tight().memory_bytes));
    assert_eq!(asked, limit + 65_536);
}

#[test]
fn a_growth_that_can_not_be_does_not_count_the_guest_down() {
    // Between two pages the guest asks for 4 GiB, which fails before anybody is asked.
    let guest = Guest::deciding(
        "(local $pages i32)
         (loop $on
            (drop (memory.grow (i32.const 65536)))
            (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
            (if (i32.gt_u (local.get $pages) (i32.const 1000)) (then (return (i32.const 1024))))
            (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (unreachable)",
    );
    assert!(matches!(failure(&guest), Failure::OutOfMemory { .. }));
}

#[test]
fn a_guest_that_starts_with_too_much_memory_does_not_start() {
    let guest = Guest::default().with("(memory (export \"memory\") 1024)");
    let error = ask(&host(tight()), &guest, 1).expect_err("fails");
    assert_eq!(error.phase, Phase::Start);
    assert!(
        matches!(error.failure, Failure::OutOfMemory { .. }),
        "{error}"
    );
    assert_eq!(code(&error), 323);
}

#[test]
fn a_guest_that_eats_tables_is_refused_more() {
    let guest = Guest::deciding(
        "(loop $on (br_if $on (i32.ne
            (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable)",
    )
    .with("(table $t 1 funcref)");
    let Failure::OutOfMemory { what, .. } = failure(&guest) else {
        panic!("another failure");
    };
    assert_eq!(what, "table entries");
}

#[test]
fn a_guest_that_recurses_for_ever_runs_out_of_stack() {
    let guest = Guest::deciding("(call $deep)")
        .with("(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))");
    let Failure::Trapped { trap, .. } = failure(&guest) else {
        panic!("another failure");
    };
    assert!(trap.contains("call stack exhausted"), "{trap}");
}

#[test]
fn a_trap_is_told_with_the_last_error_that_the_guest_wrote() {
    let guest =
        Guest::deciding("(call $log (i32.const 3) (i32.const 512) (i32.const 2)) (unreachable)");
    let error = ask(&host(tight()), &guest, 1).expect_err("traps");
    assert!(
        error.failure.to_string().starts_with("ok (trap:"),
        "{error}"
    );
    assert_eq!(code(&error), 321);
}

#[test]
fn too_few_and_too_many_decisions_are_no_decisions() {
    for (decide, answered) in [
        ("(call $answer (i32.const 0))", 0),
        ("(call $answer (i32.add (local.get 1) (i32.const 1)))", 2),
    ] {
        let found = failure(&Guest::deciding(decide));
        assert_eq!(found, Failure::WrongCount { asked: 1, answered });
    }
}

#[test]
fn a_huge_list_or_text_is_cut_off_before_the_host_makes_room_for_it() {
    let grow = "(drop (memory.grow (i32.const 64)))";
    let list = format!("{grow} (i32.store (i32.const 2056) (i32.const 150000)) (i32.const 2048)");
    let text = format!(
        "{grow} (i32.store (i32.const 4104) (i32.const 3000000)) (call $answer (local.get 1))"
    );
    let argument =
        format!("{grow} (call $log (i32.const 1) (i32.const 0) (i32.const 3000000)) (unreachable)");
    for decide in [list, text, argument] {
        assert_eq!(
            failure(&Guest::deciding(&decide)),
            Failure::TooMuchData {
                limit: tight().answer_bytes
            },
            "{decide}"
        );
    }
}

#[test]
fn values_that_are_none_of_the_interface_are_told_as_nonsense() {
    for decide in [
        // A success or an error? 7.
        "(i32.store8 (i32.const 2048) (i32.const 7)) (call $answer (local.get 1))",
        // A reason that is not UTF-8.
        "(i32.store8 (i32.const 512) (i32.const 255)) (call $answer (local.get 1))",
        // A reason outside of memory.
        "(i32.store (i32.const 4100) (i32.const -16)) (call $answer (local.get 1))",
        // A result outside of memory, and one that is not aligned.
        "(i32.const -4)",
        "(i32.const 2049)",
        // A group that is neither there nor not.
        "(i32.store8 (i32.const 4108) (i32.const 9)) (call $answer (local.get 1))",
    ] {
        let found = failure(&Guest::deciding(decide));
        assert!(
            matches!(found, Failure::Malformed { .. }),
            "{decide}: {found}"
        );
    }
    // A level of the log that there is not.
    let guest = Guest::deciding(
        "(call $log (i32.const 9) (i32.const 512) (i32.const 2)) (call $answer (local.get 1))",
    );
    assert!(matches!(failure(&guest), Failure::Malformed { .. }));
}

#[test]
fn a_reason_that_is_empty_or_drives_a_terminal_is_refused() {
    for (decide, text) in [
        (
            "(i32.store (i32.const 4104) (i32.const 0)) (call $answer (local.get 1))",
            "is empty",
        ),
        (
            "(i32.store8 (i32.const 512) (i32.const 27)) (call $answer (local.get 1))",
            "control",
        ),
        (
            "(i32.store (i32.const 4104) (i32.const 2000)) (call $answer (local.get 1))",
            "2000 bytes",
        ),
    ] {
        let found = failure(&Guest::deciding(decide));
        assert!(matches!(&found, Failure::Illegal { .. }), "{found}");
        assert!(found.to_string().contains(text), "{found}");
    }
}

#[test]
fn a_flood_of_lines_is_cut_and_the_guest_goes_on() {
    let guest = Guest::deciding(
        "(local $i i32)
         (loop $on
            (call $log (i32.const 1) (i32.const 512) (i32.const 2))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $on (i32.lt_u (local.get $i) (i32.const 3000))))
         (call $answer (local.get 1))",
    );
    let host = host(Limits::default());
    let plugin = host.load(&guest.plugin()).expect("loads");
    let mut job = start(&plugin).expect("starts");
    assert_eq!(job.decide(&topics(1)).expect("answers").len(), 1);
    assert_eq!(
        (job.log().lines().len(), job.log().dropped()),
        (1_000, 2_000)
    );
}

#[test]
fn a_job_that_failed_is_not_asked_again() {
    let guest = Guest::deciding("(unreachable)");
    let host = host(tight());
    let plugin = host.load(&guest.plugin()).expect("loads");
    let mut job = start(&plugin).expect("starts");
    let first = job.decide(&topics(1)).expect_err("traps");
    assert!(matches!(first.failure, Failure::Trapped { .. }));
    let second = job.decide(&topics(1)).expect_err("over");
    assert_eq!(second.failure, Failure::Over);
    assert!(start(&plugin).is_ok(), "a fresh instance starts");
}

#[test]
fn questions_go_over_in_chunks_and_one_that_is_too_large_is_named() {
    // Answers with a reason of its own for each chunk: its number of topics.
    let guest = Guest::deciding(
        "(i32.store8 (i32.const 512) (i32.add (local.get 1) (i32.const 65)))
         (call $answer (local.get 1))",
    );
    let limits = Limits {
        chunk_questions: 4,
        ..tight()
    };
    let host4 = host(limits);
    let plugin = host4.load(&guest.plugin()).expect("loads");
    let decisions = start(&plugin)
        .expect("starts")
        .decide(&topics(10))
        .expect("answers");
    let reasons: String = decisions.iter().map(|d| &d.reason[..1]).collect();
    assert_eq!(reasons, "EEEEEEEECC");
    let small = host(Limits {
        chunk_bytes: 400,
        ..tight()
    });
    let plugin = small.load(&guest.plugin()).expect("loads");
    let mut asked = topics(2);
    asked[1].configs.insert("long".to_owned(), "x".repeat(500));
    let error = start(&plugin)
        .expect("starts")
        .decide(&asked)
        .expect_err("too large");
    assert!(
        matches!(&error.failure, Failure::QuestionTooLarge { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains(asked[1].name.as_str()),
        "{error}"
    );
}
