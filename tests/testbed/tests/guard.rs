//! Nothing stays behind: no process, whatever ends the test, and no folder but logs of failures.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use ferry_testbed::{Cluster, KafkaVersion, Listener, StartError};
use support::until;

/// Set for the process that is to be killed.
const VICTIM: &str = "FERRY_TESTBED_VICTIM";

/// Whether a process is there; one that ended and was not yet reaped is not.
fn lives(process_id: u32) -> bool {
    fs::read_to_string(format!("/proc/{process_id}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

/// Starts a cluster, says where, and waits until its input ends.
fn be_the_victim() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("victim")
        .start_blocking()
        .unwrap();
    let process = cluster.node(1).process_id().unwrap();
    println!("victim {process} {}", cluster.folder().display());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[test]
fn a_killed_test_process_leaves_no_server_and_the_next_run_removes_its_folder() {
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim();
    }
    // This test again, as a process of its own.
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "a_killed_test_process_leaves_no_server_and_the_next_run_removes_its_folder",
            "--exact",
            "--nocapture",
        ])
        .env(VICTIM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let line = lines
        .map(Result::unwrap)
        .find_map(|line| line.split("victim ").nth(1).map(str::to_owned))
        .expect("the victim did not start its cluster");
    let (process, folder) = line.split_once(' ').unwrap();
    let process: u32 = process.parse().unwrap();
    assert!(lives(process));

    // SIGKILL: no destructor runs.
    victim.kill().unwrap();
    victim.wait().unwrap();
    until("the server is gone", || (!lives(process)).then_some(()));

    let _next = Cluster::builder(KafkaVersion::V4_3)
        .start_blocking()
        .unwrap();
    assert!(!Path::new(folder).exists(), "{folder}");
}

#[test]
fn a_panic_ends_the_server_and_keeps_its_logs() {
    let (tell, told) = channel();
    let failed = thread::spawn(move || {
        let cluster = Cluster::builder(KafkaVersion::V4_3)
            .name("panic")
            .start_blocking()
            .unwrap();
        let process = cluster.node(1).process_id().unwrap();
        tell.send((process, cluster.folder().to_owned())).unwrap();
        panic!("on purpose: a failed test");
    })
    .join();
    assert!(failed.is_err());
    let (process, folder): (u32, PathBuf) = told.recv().unwrap();
    assert!(!lives(process));
    let log = fs::read_to_string(folder.join("node-1/server.log")).unwrap();
    assert!(log.contains("Kafka Server started"), "{log}");
    assert!(!folder.join("node-1/data").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_given_up_leaves_no_server() {
    let name = format!("given-up-{}", std::process::id());
    let folder = {
        let start = Cluster::builder(KafkaVersion::V4_3).name(&name).start();
        let start = tokio::spawn(start);
        let folder = until("the node is being started", || {
            let runs = fs::read_dir(runs()).ok()?;
            runs.flatten()
                .map(|run| run.path())
                .find(|run| run.display().to_string().contains(&name))
                .filter(|run| run.join("node-1/server.log").exists())
        });
        start.abort();
        folder
    };
    // The start goes on where it can not be interrupted, and then undoes itself.
    until("the folder is gone", || (!folder.exists()).then_some(()));
    assert_eq!(processes_that_mention(&folder), Vec::<u32>::new());
}

#[test]
fn a_node_that_dies_at_its_start_says_why() {
    let error = Cluster::builder(KafkaVersion::V4_3)
        .name("dies")
        .property("process.roles", "nonsense")
        .start_blocking()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("nonsense"), "{text}");
    let log = match error {
        StartError::Format { log, .. } => log,
        error => panic!("{error}"),
    };
    fs::remove_dir_all(log.parent().unwrap().parent().unwrap()).unwrap();

    // This one passes the format, and fails when the node starts.
    let error = Cluster::builder(KafkaVersion::V4_3)
        .name("dies")
        .property("ssl.keystore.location", "/nowhere.pem")
        .listener(Listener::Ssl)
        .start_blocking()
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("node 1 died") && text.contains("/nowhere.pem"),
        "{text}"
    );
    let log = match error {
        StartError::Readiness(ferry_testbed::ReadinessError::Died { log, .. }) => log,
        error => panic!("{error}"),
    };
    fs::remove_dir_all(log.parent().unwrap().parent().unwrap()).unwrap();
}

#[test]
fn settings_that_can_not_work_are_refused_by_name() {
    let cases = [
        (Cluster::builder(KafkaVersion::V4_3).nodes(0), "nodes"),
        (
            Cluster::builder(KafkaVersion::V4_3).listener(Listener::SaslSsl),
            "user",
        ),
        (
            Cluster::builder(KafkaVersion::V4_3).user("a", "b\"c"),
            "user",
        ),
        (
            Cluster::builder(KafkaVersion::V4_3)
                .user("a", "b")
                .user("a", "c"),
            "user",
        ),
        (Cluster::builder(KafkaVersion::V4_3).name("../up"), "name"),
        (
            Cluster::builder(KafkaVersion::V2_8)
                .listener(Listener::SaslSsl)
                .user("a", "b"),
            "listener",
        ),
    ];
    for (builder, expected) in cases {
        match builder.start_blocking() {
            Err(StartError::InvalidSetting { setting, .. }) => assert_eq!(setting, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

/// The folder of all runs: that of a cluster is in it.
fn runs() -> PathBuf {
    match std::env::var_os("FERRY_TESTBED_DIR") {
        Some(root) => PathBuf::from(root).join("runs"),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("../testbed/runs"),
    }
}

/// The processes whose arguments mention a path.
fn processes_that_mention(path: &Path) -> Vec<u32> {
    let path = path.file_name().unwrap().to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|process: &u32| {
            let arguments = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(path)
        })
        .collect()
}
