//! Measures a plugin file: `cargo run --release -p ferry-plugins --example bench FILE [CONFIG]`.

use ferry_plugins::{HostSettings, PluginHost, bench};
use std::io::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file?")?;
    let config = match arguments.next() {
        Some(config) => serde_json::from_slice(&std::fs::read(config)?)?,
        None => serde_json::Value::Null,
    };
    let host = PluginHost::new(HostSettings::default())?;
    let plugin = host.load(&std::fs::read(file)?)?;
    let configuration = plugin.configure(&config, Path::new("."))?;
    let report = bench::bench(&plugin, &configuration)?;
    writeln!(std::io::stdout(), "{}\n{report}", plugin.label())?;
    Ok(())
}
