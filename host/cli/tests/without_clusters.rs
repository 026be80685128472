//! What the command does where no cluster is at hand: input that is wrong, plugins that misbehave,
//! plans that were touched.

mod support;

use std::io::Read as _;
use std::process::Stdio;
use support::{Project, built};

#[test]
fn a_wrong_key_is_named_with_its_line_and_the_nearest_right_one() {
    let project = Project::new("copie:\n  offsets: preserve\n");
    for verb in [
        &["plan"][..],
        &["check"],
        &["apply", "plan.json"],
        &["status"],
    ] {
        let run = project.run(verb);
        assert_eq!(run.code, Some(2), "{verb:?}: {run:?}");
        assert!(run.narration.contains("migration.yaml:4"), "{run:?}");
        assert!(run.narration.contains("did you mean `copy`?"), "{run:?}");
    }
}

#[test]
fn a_wrong_key_of_a_plugins_configuration_is_named_the_same_way() {
    let project = Project::new(
        "plugins:\n  topics:\n    use: ferry/topic-filter@1\n    with: { exlude: [\"a\"] }\n",
    );
    project.topics(&["orders"]);
    let run = project.plan();
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.narration.contains("exlude"), "{run:?}");
    assert!(run.narration.contains("did you mean `exclude`?"), "{run:?}");
    assert!(run.narration.contains("migration.yaml:6"), "{run:?}");
}

#[test]
fn a_configuration_that_is_not_there_is_no_mystery() {
    let project = Project::new("");
    let run = project.run(&["plan", "--config", "elsewhere.yaml"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.narration.contains("elsewhere.yaml"), "{run:?}");
    assert!(run.narration.contains("ferry init"), "{run:?}");
}

#[test]
fn a_plan_is_made_of_a_snapshot_alone_and_twice_the_same() {
    let project = Project::new(
        "plugins:\n  topics: { use: ferry/topic-filter@1, with: { exclude: [\"tmp-*\"] } }\n",
    );
    project.topics(&["orders", "payments", "tmp-1"]);
    let first = project.plan();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.out.contains("2 of 3 move"), "{}", first.out);
    assert!(
        first.out.contains("excluded by rule 1: tmp-*"),
        "{}",
        first.out
    );
    let plans = project.plans();
    assert_eq!(plans.len(), 1);
    let text = project.read(&plans[0]);
    let second = project.plan();
    assert_eq!(first.out, second.out);
    assert_eq!(project.plans(), plans, "the same digest, the same file");
    assert_eq!(project.read(&plans[0]), text);
}

#[test]
fn results_go_to_stdout_and_are_json_where_asked() {
    let project = Project::new("");
    project.topics(&["orders"]);
    let run = project.run(&["plan", "--snapshot", "snapshot.json", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let plan: serde_json::Value = serde_json::from_str(&run.out).expect("nothing but JSON");
    assert_eq!(plan["migration"], "retail");
    assert!(run.narration.contains("Saved ./plan-"), "{run:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::new("");
    let names: Vec<_> = (0..3_000)
        .map(|number| format!("topic-{number:06}"))
        .collect();
    project.topics(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = project
        .command(&["plan", "--snapshot", "snapshot.json", "--show", "topics"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ferry runs");
    let mut first = [0; 10];
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut first).expect("something is written");
    drop(out);
    let mut narration = String::new();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut narration).expect("text");
    assert_eq!(child.wait().expect("ends").code(), Some(0), "{narration}");
    assert!(!narration.contains("panicked"), "{narration}");
}

/// What a plugin does wrong is told with its name and its own words, and the command goes on living
/// until it has told it.
#[test]
fn a_plugin_that_panics_recurses_eats_or_loops_fails_the_plan_by_name() {
    let project = Project::new(&format!(
        "plugins:\n  topics:\n    use: {}\n    with: {{ panic-in-configure: false }}\n",
        built("hostile/panics")
    ));
    for (topic, words) in [
        ("panic", "no idea what to do with panic"),
        ("recurse", "wasm trap"),
        ("eat", "memory"),
        ("loop", "ran too long"),
    ] {
        project.topics(&["orders", topic]);
        let run = project.plan();
        assert_eq!(run.code, Some(2), "{topic}: {run:?}");
        assert!(run.narration.contains("hostile/panics"), "{topic}: {run:?}");
        assert!(run.narration.contains(words), "{topic}: {run:?}");
        assert!(
            !run.narration.contains("panicked at host"),
            "{topic}: {run:?}"
        );
        assert!(project.plans().is_empty(), "{topic}: no plan");
    }
    project.topics(&["orders"]);
    assert_eq!(project.plan().code, Some(0));
}

#[test]
fn a_file_that_is_no_plugin_is_refused() {
    let project = Project::new("plugins:\n  topics: { use: ./filter.wasm }\n");
    project.topics(&["orders"]);
    project.write("filter.wasm", "not a component");
    let run = project.plan();
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.narration.contains("is not WebAssembly"), "{run:?}");
}

#[test]
fn two_topics_with_one_new_name_fail_the_plan_and_both_are_named() {
    let project = Project::new(
        "plugins:\n  names:\n    use: ferry/naming-remapper@1\n    \
         with: { topics: { table: { orders-eu: orders, orders-us: orders } } }\n",
    );
    project.topics(&["orders-eu", "orders-us"]);
    let run = project.plan();
    assert_eq!(run.code, Some(2), "{run:?}");
    for word in ["orders-eu", "orders-us", "naming-remapper"] {
        assert!(run.narration.contains(word), "{word}: {run:?}");
    }
}

#[test]
fn an_illegal_new_name_fails_the_plan_with_topic_and_plugin() {
    let project = Project::new(
        "plugins:\n  names:\n    use: ferry/naming-remapper@1\n    \
         with: { topics: { table: { orders: \"or ders\" } } }\n",
    );
    project.topics(&["orders"]);
    let run = project.plan();
    assert_eq!(run.code, Some(2), "{run:?}");
    for word in ["orders", "or ders", "naming-remapper"] {
        assert!(run.narration.contains(word), "{word}: {run:?}");
    }
}

#[test]
fn a_plan_that_was_edited_is_refused_before_any_cluster_is_asked() {
    let project = Project::new("");
    project.topics(&["orders"]);
    project.plan();
    let [plan] = &project.plans()[..] else {
        panic!("one plan");
    };
    let text = project.read(plan);
    assert!(text.contains("orders"));
    project.write(plan, &text.replacen("orders", "orderz", 1));
    let run = project.run(&["apply", plan]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(
        run.narration.contains("was changed after it was made"),
        "{run:?}"
    );
    assert!(!project.path(".ferry/retail/journal").exists());
}

#[test]
fn a_configuration_that_changed_since_the_plan_is_a_drift() {
    let project = Project::new("");
    project.topics(&["orders"]);
    project.plan();
    let [plan] = &project.plans()[..] else {
        panic!("one plan");
    };
    let text = project.read("migration.yaml");
    project.write(
        "migration.yaml",
        &format!("{text}copy: {{ bandwidth: 1 MiB/s }}\n"),
    );
    let run = project.run(&["apply", plan]);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.narration.contains("the configuration"), "{run:?}");
}

#[test]
fn a_cluster_where_nothing_listens_is_named_with_the_setting_to_look_at() {
    let project = Project::new("");
    let run = project.run(&["plan"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for word in ["source 127.0.0.1:1", "nothing listens", "bootstrap.servers"] {
        assert!(run.narration.contains(word), "{word}: {run:?}");
    }
}

#[test]
fn status_report_and_rollback_before_the_start_say_so() {
    let project = Project::new("");
    let run = project.run(&["status"]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(run.narration.contains("not started"), "{run:?}");
    let run = project.run(&["rollback", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.narration.contains("nothing to undo"), "{run:?}");
    let run = project.run(&["report"]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(!project.path("ferry-report.html").exists());
}

#[test]
fn init_writes_what_plan_can_read_and_never_over_something() {
    let project = Project::new("");
    let run = project.run(&["init", "retail-emea", "--config", "new.yaml"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let text = project.read("new.yaml");
    assert!(text.contains("migration: retail-emea"), "{text}");
    project.topics(&["orders"]);
    let run = project.run(&[
        "plan",
        "--snapshot",
        "snapshot.json",
        "--config",
        "new.yaml",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = project.run(&["init", "other", "--config", "new.yaml"]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert_eq!(project.read("new.yaml"), text);
}

#[test]
fn a_problem_can_be_explained_by_its_code() {
    let project = Project::new("");
    let run = project.run(&["explain", "FERRY-E213"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("FERRY-E213"), "{run:?}");
    let run = project.run(&["explain", "FERRY-E999"]);
    assert_eq!(run.code, Some(2), "{run:?}");
}

#[test]
fn the_schema_of_the_configuration_is_json_and_knows_its_keys() {
    let run = Project::new("").run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert!(schema["properties"]["copy"].is_object(), "{schema}");
}

/// Limits and pauses need no cluster: they are kept beside the journal for whoever copies.
#[test]
fn limits_and_pauses_are_kept_for_the_next_run_and_shown() {
    let project = Project::new(
        "plugins:\n  topics: { use: ferry/topic-filter@1, with: { groups: { orders: [\"ord*\"] } } }\n",
    );
    project.topics(&["ord-1", "payments"]);
    assert_eq!(project.plan().code, Some(0));
    std::fs::create_dir_all(project.path(".ferry/retail")).expect("a folder");
    let plan = project.read(&project.plans()[0]);
    project.write(".ferry/retail/plan.json", &plan);

    let run = project.run(&["copy", "limit", "--bandwidth", "50MiB/s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.out, "set by hand:\n  all: 50 MiB/s\n");
    assert!(
        run.narration.contains("holds from the next run on"),
        "{run:?}"
    );
    project.run(&["copy", "limit", "--group", "other", "--records", "10000/s"]);
    project.run(&["copy", "limit", "--broker", "3", "--bandwidth", "none"]);
    let run = project.run(&["copy", "pause", "orders"]);
    assert_eq!(
        run.out,
        "set by hand:\n  all: 50 MiB/s\n  group other: 10,000 records/s\n  \
         broker 3 of the source: no limit on bytes\n  paused: group orders\n"
    );
    let run = project.run(&["copy", "limit", "--reset", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(shown["followed"], false);
    assert_eq!(shown["overrides"]["paused-groups"][0], "orders");
    assert!(shown["overrides"].get("all").is_none(), "{shown}");

    let run = project.run(&["copy", "pause"]);
    assert_eq!(run.out, "set by hand:\n  paused: everything\n");
    let run = project.run(&["copy", "resume", "orders"]);
    assert_eq!(run.out, "set by hand:\n  paused: group other\n");
    let run = project.run(&["copy", "resume"]);
    assert!(run.out.starts_with("nothing is set by hand"), "{run:?}");
}

#[test]
fn a_group_that_is_not_there_and_a_limit_that_is_none_are_refused_with_what_is_right() {
    let project = Project::new("copy: { groups: { orders: { bandwidth: 1 MiB/s } } }\n");
    for arguments in [
        &["copy", "pause", "order"][..],
        &["copy", "resume", "order"],
        &["copy", "limit", "--group", "order", "--records", "1/s"],
    ] {
        let run = project.run(arguments);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.narration.contains("FERRY-E612"), "{run:?}");
        assert!(
            run.narration.contains("there are: orders, other"),
            "{run:?}"
        );
        assert!(run.narration.contains("no plan was applied yet"), "{run:?}");
    }
    for (arguments, complaint) in [
        (&["--bandwidth", "fast"][..], "as `200 MiB/s`; units: B/s"),
        (&["--records", "1000"], "as `10000/s`"),
        (&["--group", "orders"], "no limit is named"),
    ] {
        let run = project.run(&[&["copy", "limit"][..], arguments].concat());
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.narration.contains("FERRY-E613"), "{run:?}");
        assert!(run.narration.contains(complaint), "{run:?}");
    }
    assert!(!project.path(".ferry").exists(), "nothing was kept");
}
