//! Guests made by hand: a core module in text, the description of its world, a manifest.

#![allow(dead_code)]

use ferry_model::problem::Explain;
use ferry_model::topic::TopicFacts;
use ferry_plugins::{
    DecidingRole, HostSettings, JobError, Limits, Plugin, PluginHost, TopicFilter, TopicFilterJob,
};
use std::path::{Path, PathBuf};
use wit_component::StringEncoding;

/// The manifest of guests made by hand.
pub(crate) const MANIFEST: &str = r#"{"description":"Made by hand.","name":"hostile/guest","role":"topic-filter","schema":{"type":"object"},"version":"0.1.0","wit":"0.1.0"}"#;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where `cargo xtask plugins` puts components.
pub(crate) fn built(name: &str) -> Vec<u8> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root().join("target"));
    let file = target.join(format!("plugins/{name}.wasm"));
    std::fs::read(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; run: cargo xtask plugins", file.display()))
}

/// What a guest of a topic filter does. Texts are WebAssembly; both functions return the address of
/// their result. At 1,024 lies an empty success, at 2,048 a success with a list of one decision to
/// keep, for the reason `ok`, whose list starts at 4,096.
pub(crate) struct Guest {
    /// Fields of the module: memories, tables, functions, a start function.
    pub(crate) fields: String,
    /// The body of `configure`.
    pub(crate) configure: String,
    /// The body of `decide`; local 0 is the address of the topics, local 1 their number.
    pub(crate) decide: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            fields: String::new(),
            configure: "(i32.const 1024)".to_owned(),
            decide: "(call $answer (local.get 1))".to_owned(),
        }
    }
}

impl Guest {
    pub(crate) fn deciding(decide: &str) -> Self {
        Self {
            decide: decide.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn configuring(configure: &str) -> Self {
        Self {
            configure: configure.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, fields: &str) -> Self {
        self.fields = fields.to_owned();
        self
    }

    /// The core module.
    pub(crate) fn module(&self) -> Vec<u8> {
        let memory = if self.fields.contains("(memory") {
            ""
        } else {
            "(memory (export \"memory\") 16)"
        };
        let text = format!(
            r#"(module
                (import "ferry:role/log@0.1.0" "write" (func $log (param i32 i32 i32)))
                {memory}
                (global $free (mut i32) (i32.const 1048576))
                {fields}
                (data (i32.const 512) "ok")
                ;; Success with one decision: keep, reason at 512 of 2 bytes, no group.
                (data (i32.const 2048) "\00\00\00\00\00\10\00\00\01\00\00\00")
                (data (i32.const 4096) "\01\00\00\00\00\02\00\00\02\00\00\00\00\00\00\00")
                ;; Gives out memory from 1 MiB on, and grows it as it must.
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (global.set $free (i32.and
                        (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                    (local.set $at (global.get $free))
                    (global.set $free (i32.add (global.get $free) (local.get 3)))
                    (block $enough
                        (br_if $enough (i32.ge_u
                            (i32.mul (memory.size) (i32.const 65536)) (global.get $free)))
                        (drop (memory.grow (i32.add (i32.const 1) (i32.div_u
                            (local.get 3) (i32.const 65536))))))
                    (local.get $at))
                ;; Success with this many decisions, all like the one at 4,096.
                (func $answer (param $count i32) (result i32)
                    (local $left i32)
                    (local.set $left (local.get $count))
                    (block $done (loop $next
                        (br_if $done (i32.eqz (local.get $left)))
                        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                        (memory.copy
                            (i32.add (i32.const 4096)
                                (i32.mul (local.get $left) (i32.const 24)))
                            (i32.const 4096) (i32.const 24))
                        (br $next)))
                    (i32.store (i32.const 2056) (local.get $count))
                    (i32.const 2048))
                (func (export "ferry:role/topic-filter@0.1.0#configure")
                    (param i32 i32) (result i32) {configure})
                (func (export "ferry:role/topic-filter@0.1.0#decide")
                    (param i32 i32) (result i32) {decide}))"#,
            fields = self.fields,
            configure = self.configure,
            decide = self.decide,
        );
        wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    /// The component, without a manifest.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut module = self.module();
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve
            .push_dir(root().join("wit/role/0.1.0"))
            .expect("the interfaces");
        let world = resolve
            .select_world(&[package], Some("topic-filter-plugin"))
            .expect("the world");
        wit_component::embed_component_metadata(
            &mut module,
            &resolve,
            world,
            StringEncoding::UTF8,
            false,
        )
        .expect("described");
        wit_component::ComponentEncoder::default()
            .module(&module)
            .and_then(|encoder| encoder.encode())
            .expect("a component")
    }

    /// The component with a manifest.
    pub(crate) fn plugin(&self) -> Vec<u8> {
        with_manifest(self.component())
    }
}

/// Appends the manifest of guests made by hand.
pub(crate) fn with_manifest(mut component: Vec<u8>) -> Vec<u8> {
    ferry_catalogue::section::append(&mut component, MANIFEST.as_bytes());
    component
}

/// A component in text, with a manifest.
pub(crate) fn component_of(text: &str) -> Vec<u8> {
    with_manifest(wat::parse_str(text).unwrap_or_else(|e| panic!("{e}")))
}

/// Limits that hostile guests reach soon.
pub(crate) fn tight() -> Limits {
    Limits {
        memory_bytes: 8 * 1024 * 1024,
        call_ms: 200,
        job_ms: 2_000,
        answer_bytes: 1024 * 1024,
        ..Limits::default()
    }
}

/// A host with these limits.
pub(crate) fn host(limits: Limits) -> PluginHost {
    PluginHost::new(HostSettings {
        limits,
        ..HostSettings::default()
    })
    .expect("a host")
}

/// Starts a topic filter without configuration.
pub(crate) fn start(plugin: &Plugin) -> Result<TopicFilterJob, JobError> {
    let configuration = plugin
        .configure(&serde_json::json!({}), Path::new("."))
        .expect("configured");
    plugin.topic_filter(&configuration)
}

/// Topics to ask about.
pub(crate) fn topics(count: usize) -> Vec<TopicFacts> {
    (0..count).map(TopicFilter::sample).collect()
}

/// Loads a guest, configures it and asks it about some topics. Whatever comes of it, the host must
/// then still run a plugin that does what it should.
pub(crate) fn ask(host: &PluginHost, guest: &Guest, count: usize) -> Result<usize, JobError> {
    let plugin = host.load(&guest.plugin()).expect("loads");
    let answer = start(&plugin).and_then(|mut job| job.decide(&topics(count)));
    let sound = host.load(&Guest::default().plugin()).expect("loads");
    let decisions = start(&sound)
        .and_then(|mut job| job.decide(&topics(3)))
        .expect("the host lives");
    assert_eq!(decisions.len(), 3);
    answer.map(|decisions| decisions.len())
}

/// The code that an operator is shown.
pub(crate) fn code(error: &impl Explain) -> u16 {
    error.problem().code.0
}
