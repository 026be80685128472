//! A plugin that panics, logs and fails on demand: what it does is the name of the topic.

use ferry_sdk::topic_filter::{Decision, Topic, TopicFilter};
use ferry_sdk::{Error, log};

/// Does what the name of a topic says.
pub struct Panics {
    asked: usize,
}

/// The configuration.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    panic_in_configure: bool,
}

impl TopicFilter for Panics {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Error> {
        assert!(!config.panic_in_configure, "as configured");
        log::info!("configured");
        Ok(Self { asked: 0 })
    }

    fn decide(&mut self, topic: &Topic) -> Result<Decision, Error> {
        self.asked += 1;
        match topic.name.as_str() {
            "panic" => panic!("no idea what to do with {}", topic.name),
            "index" => Ok(Decision::keep(
                topic.name[topic.configs.len() + 99..].to_owned(),
            )),
            "eat" => {
                let mut eaten: Vec<Vec<u8>> = Vec::new();
                loop {
                    eaten.push(vec![1; 1 << 20]);
                    log::debug!("{} MiB", eaten.len());
                }
            }
            "loop" => loop {
                std::hint::spin_loop();
            },
            "recurse" => Ok(Decision::keep(
                deep(u64::from(topic.partitions)).to_string(),
            )),
            "fail" => Err(Error::new("can't decide\non this")
                .about("fail")
                .about("\u{1b}[2J")),
            "log" => {
                for line in 0..5_000 {
                    log::warn!("line {line}");
                }
                Ok(Decision::keep("logged"))
            }
            name => Ok(Decision::keep(format!("{name} is number {}", self.asked))),
        }
    }
}

/// Recurses until no stack is left, in a way that no compiler turns into a loop.
fn deep(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    let mut room = [depth; 64];
    room[(depth % 64) as usize] = std::hint::black_box(depth + 1);
    let below = deep(std::hint::black_box(room[(depth % 64) as usize]));
    below.wrapping_add(std::hint::black_box(room)[0])
}

ferry_sdk::export_topic_filter!(Panics);
