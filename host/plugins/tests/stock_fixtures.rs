//! The fixtures of the stock plugins. Method: the components under `target/plugins`, as users get
//! them, against the fixture folders in their sources. `UPDATE_EXPECT=1` writes the expectations anew.

mod support;

use ferry_plugins::fixtures::{self, Expectation, Outcome};
use ferry_plugins::{HostSettings, PluginHost};
use support::{built, root};

fn run(name: &str) {
    let host = PluginHost::new(HostSettings::default()).expect("host");
    let plugin = host.load(&built(name)).expect("loads");
    let folder = root().join("plugins").join(name).join("fixtures");
    let bless = std::env::var_os("UPDATE_EXPECT").is_some();
    let expectation = if bless {
        Expectation::Bless
    } else {
        Expectation::Compare
    };
    let mut wrong = Vec::new();
    for result in fixtures::run(&plugin, &folder, expectation).expect("runs") {
        if let Outcome::Differs(lines) = result.outcome {
            wrong.push(format!("{}\n    {}", result.name, lines.join("\n    ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{name} differs:\n  {}",
        wrong.join("\n  ")
    );
}

#[test]
fn the_topic_filter_decides_as_its_fixtures_say() {
    run("topic-filter");
}

#[test]
fn the_naming_remapper_decides_as_its_fixtures_say() {
    run("naming-remapper");
}

#[test]
fn the_offset_translator_decides_as_its_fixtures_say() {
    run("offset-translator");
}

#[test]
fn the_acl_generator_decides_as_its_fixtures_say() {
    run("acl-generator");
}
