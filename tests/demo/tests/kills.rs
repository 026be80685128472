//! The migration is killed again and again, and nothing comes of it.

mod support;

use ferry_demo::{Ferry, Stage, StageOptions, operator};
use ferry_estate::EstateOptions;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::process::Child;

/// How often it is killed.
const KILLS: usize = 30;
/// When each of them comes: a step that has to be reached first, and the longest time from there in
/// milliseconds. The early ones hit the copy while it is new, and each run has to settle what the
/// last one left on its way; the late ones hit what comes after it, which is short.
const MOMENTS: [(Option<&str>, u64, usize); 4] = [
    (None, 4_000, 18),
    (Some("drain"), 3_000, 4),
    (Some("groups"), 200, 4),
    (Some("verify"), 300, 4),
];
/// How long a step may take to be reached.
const STEP_LIMIT: Duration = Duration::from_secs(60);
/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// A whole migration is killed with SIGKILL at 30 random moments and started again each time. Every
/// record is more than 30 days old and the brokers look every second which producers they may
/// forget, so that no sequence number protects anything: what a restart does has to be right by
/// itself. In the end a consumer that is not Ferry's own sees the same on both sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_killed_at_30_random_moments_ends_equal() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kills");
    let mut estate = EstateOptions::small();
    estate.now_ms -= 40 * DAY_MS;
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let options = StageOptions {
        name: "kills".to_owned(),
        estate,
        folder: folder.clone(),
        properties: vec![
            set("producer.id.expiration.check.interval.ms", "1000"),
            // Old records must not expire at the source while they are copied, nor at the target
            // while they are compared.
            set("log.initial.task.delay.ms", "3600000"),
        ],
        copy: vec!["bandwidth: 1 MiB/s".to_owned()],
    };
    let mut stage = Stage::set(options, |line| println!("{line}"))
        .await
        .expect("the stage is set");
    stage.stop_applications();
    let ferry = Ferry::beside_this_program(&folder).expect("ferry is built");
    let plan = operator::plan(&ferry, |line| println!("{line}"))
        .await
        .expect("a plan");
    let plan = plan.display().to_string();

    let seed = seed();
    println!("seed {seed}");
    // Nobody has read records as old as these, and none expires in the time that this takes.
    let apply = ["apply", plan.as_str(), "--expire-unread"];
    let mut random = seed;
    let (mut killed, mut ended) = (0, 0);
    let mut moments = BTreeMap::<String, usize>::new();
    while killed < KILLS {
        let mut child = ferry.start(&apply).expect("starts");
        let (step_before, longest) = moment(killed);
        if let Some(step_before) = step_before {
            reached(&ferry, &mut child, step_before).await;
        }
        let moment = Duration::from_millis(next(&mut random) % longest);
        if let Ok(done) = tokio::time::timeout(moment, child.wait()).await {
            // A run that was over before it could be killed has to have ended well.
            let code = done.expect("waited for").code();
            assert_eq!(code, Some(0), "seed {seed}: {}", ferry.said());
            ended += 1;
            assert!(ended < KILLS, "the migration was over after {killed} kills");
            continue;
        }
        child.start_kill().expect("killed");
        child.wait().await.expect("gone");
        killed += 1;
        *moments.entry(step(&ferry.said())).or_default() += 1;
    }
    println!("killed {killed} times, in {moments:?}; {ended} runs were over before");
    for step in ["copy", "drain", "verify"] {
        assert!(moments.contains_key(step), "{step} was never killed");
    }

    let run = ferry.run(&apply).await.expect("runs");
    assert!(
        matches!(run.code, Some(0)),
        "seed {seed}: {:?}\n{}\n{}",
        run.code,
        run.out,
        run.narration
    );
    let run = ferry.run(&["verify"]).await.expect("runs");
    assert_eq!(
        run.code,
        Some(0),
        "seed {seed}: {}\n{}",
        run.out,
        run.narration
    );
    let changelog = |name: &str| {
        name.ends_with("-changelog") || name.contains("table") || name == "sessions.windowed"
    };
    let (partitions, records) = support::compare(&stage, changelog).await;
    println!("{partitions} partitions and {records} records are equal");
    assert!(records > 0);
}

/// When the kill with this number comes.
fn moment(number: usize) -> (Option<&'static str>, u64) {
    let mut left = number;
    for (step, longest, count) in MOMENTS {
        if left < count {
            return (step, longest);
        }
        left -= count;
    }
    (None, 1_000)
}

/// Waits until a run has reached `wanted`, or has ended.
async fn reached(ferry: &Ferry, child: &mut Child, wanted: &str) {
    let began = Instant::now();
    while step(&ferry.said()) != wanted && child.try_wait().expect("waited for").is_none() {
        assert!(
            began.elapsed() < STEP_LIMIT,
            "no {wanted}: {}",
            ferry.said()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The step that a run was at when it last said something.
fn step(said: &str) -> String {
    let last = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix('[')?.split_whitespace().nth(1));
    last.unwrap_or("start").to_owned()
}

fn seed() -> u64 {
    if let Some(seed) = std::env::var("FERRY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        return seed;
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("randomness");
    u64::from_le_bytes(bytes) | 1
}

/// Xorshift (George Marsaglia, "Xorshift RNGs", 2003).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
