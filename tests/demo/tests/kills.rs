//! The migration is killed again and again, and nothing comes of it.

mod support;

use ferry_demo::{Ferry, Stage, StageOptions, operator};
use ferry_estate::EstateOptions;
use std::path::Path;
use std::time::Duration;

/// How often it is killed.
const KILLS: usize = 30;
/// The longest time that it runs before it is killed.
const RUN_MS_MAX: u64 = 4_000;
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
            // Old records must not expire at the source while they are copied.
            set("log.retention.check.interval.ms", "3600000"),
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
    let mut random = seed;
    let mut killed = 0;
    for _ in 0..KILLS {
        let mut child = ferry.start(&["apply", &plan]).expect("starts");
        let moment = Duration::from_millis(next(&mut random) % RUN_MS_MAX);
        if let Ok(ended) = tokio::time::timeout(moment, child.wait()).await {
            // Too early is never too late: a run that ended has to have ended well.
            let code = ended.expect("waited for").code();
            assert!(
                matches!(code, Some(0 | 7)),
                "apply ended with {code:?}, seed {seed}"
            );
            continue;
        }
        child.start_kill().expect("killed");
        child.wait().await.expect("gone");
        killed += 1;
    }
    println!("killed {killed} times");
    assert!(
        killed >= KILLS / 2,
        "the migration was over after {killed} kills"
    );

    let run = ferry.run(&["apply", &plan]).await.expect("runs");
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
        name.ends_with("-changelog") || name.contains("table") || name.contains("compact")
    };
    let (partitions, records) = support::compare(&stage, changelog).await;
    println!("{partitions} partitions and {records} records are equal");
    assert!(records > 0);
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
