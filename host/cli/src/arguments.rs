//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Moves a company from one Kafka to another.
///
/// Results go to stdout, narration to stderr.
/// Exit codes: 0 done, 1 failed, 2 bad input, 3 decisions open, 4 differences, 5 the world has moved
/// since the plan, 6 another process works on this migration, 7 done but for what waits, 130 stopped.
#[derive(Debug, Parser)]
#[command(
    name = "ferry",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// The migration's configuration.
    #[arg(
        long,
        global = true,
        default_value = "migration.yaml",
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
    /// The form of results on stdout.
    #[arg(long, global = true, value_enum, default_value_t = OutputForm::Table)]
    pub(crate) output: OutputForm,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For programs that prefer it.
    Yaml,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write a commented migration.yaml to begin with.
    Init {
        /// The name of the migration: a to z, 0 to 9 and dashes.
        name: String,
    },
    /// Read what both clusters look like into a snapshot file. Writes nothing anywhere else.
    Discover {
        /// Where to write the snapshot; stdout unless told.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Decide what will happen, show it, and save it as a plan file. Changes nothing.
    Plan(PlanArguments),
    /// Look whether everything that a migration needs is there. Changes nothing.
    Check {
        /// Only checks whose name begins so: `source`, `target.login`.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Carry out a plan; started again, go on where it stopped.
    Apply {
        /// The plan file.
        #[arg(value_name = "PLAN")]
        plan: PathBuf,
        /// Stop after this step.
        #[arg(long, value_name = "STEP")]
        until: Option<String>,
        /// How long to wait for the source to fall quiet, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        drain_limit: u64,
        /// Let records expire by the final settings of topics that groups have not read yet.
        #[arg(long)]
        expire_unread: bool,
    },
    /// Show where the migration stands.
    Status {
        /// Ask both clusters how far the copy of every partition is, and who copies.
        #[arg(long)]
        partitions: bool,
    },
    /// Compare everything that was copied, record by record.
    Verify {
        /// The plan file; the plan that was applied unless told.
        #[arg(value_name = "PLAN")]
        plan: Option<PathBuf>,
    },
    /// Write a report of the migration as HTML.
    Report {
        /// Where to write it.
        #[arg(long, value_name = "FILE", default_value = "ferry-report.html")]
        save: PathBuf,
    },
    /// Undo everything that this migration made at the target, and nothing else.
    Rollback {
        /// Only show what would be undone.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Copy as one of several workers, or work on the copy.
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Copy {
        /// Copy as worker I of N until you are told to stop, following the source. Its partitions
        /// follow from the plan that was applied; `ferry apply` is worker 1 while it runs.
        #[arg(long, value_name = "I/N")]
        worker: Option<String>,
        #[command(subcommand)]
        verb: Option<CopyVerb>,
    },
    /// Look at, test and measure plugins.
    Plugin {
        #[command(subcommand)]
        verb: PluginVerb,
    },
    /// Explain a problem by its code, such as FERRY-E213.
    Explain {
        /// The code.
        code: String,
    },
    /// Print the JSON Schema of migration.yaml.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// What to show.
    #[arg(long, value_name = "PART", default_value = "summary")]
    pub(crate) show: String,
    /// Use this snapshot instead of reading the clusters.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,
    /// Where to put the plan file.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CopyVerb {
    /// Start the copy of one topic over: delete it at the target, create it, copy it.
    Recopy {
        /// The topic, by its name at the source.
        topic: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Change how fast the source is read. A running copy follows within a second.
    Limit(LimitArguments),
    /// Let a topic group rest, or all of them: nothing new is fetched, what was fetched is sent.
    Pause {
        /// The topic group; all of them unless told.
        group: Option<String>,
    },
    /// Let a topic group go on, or all of them.
    Resume {
        /// The topic group; all of them unless told.
        group: Option<String>,
    },
    /// Switch off what slows the copy to protect the source, or on again.
    Guard {
        /// Whether it is on.
        #[arg(value_enum)]
        switch: Switch,
    },
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// As the configuration says.
    On,
    /// Not at all.
    Off,
}

/// What limits hold for, and which.
#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    /// Only for this topic group.
    #[arg(long, value_name = "GROUP", conflicts_with = "broker")]
    pub(crate) group: Option<String>,
    /// Only for this broker of the source.
    #[arg(long, value_name = "ID")]
    pub(crate) broker: Option<i32>,
    /// Bytes a second, such as 50MiB/s, or none.
    #[arg(long, value_name = "RATE")]
    pub(crate) bandwidth: Option<String>,
    /// Records a second, such as 10000/s, or none.
    #[arg(long, value_name = "RATE")]
    pub(crate) records: Option<String>,
    /// Go back to what the configuration says: for the group or the broker, or everywhere.
    #[arg(long, conflicts_with_all = ["bandwidth", "records"])]
    pub(crate) reset: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginVerb {
    /// Show what a plugin is, without compiling or running it.
    Inspect {
        /// A component file, or a stock plugin such as ferry/topic-filter.
        plugin: String,
    },
    /// Run a plugin's fixtures.
    Test {
        /// A component file, or a stock plugin such as ferry/topic-filter.
        plugin: String,
        /// The folder of fixtures.
        #[arg(long, value_name = "FOLDER", default_value = "fixtures")]
        fixtures: PathBuf,
        /// Write what the plugin answers as what is expected.
        #[arg(long)]
        bless: bool,
    },
    /// Measure a plugin: instantiation, and 100,000 questions.
    Bench {
        /// A component file, or a stock plugin such as ferry/topic-filter.
        plugin: String,
        /// Its configuration as JSON.
        #[arg(long, value_name = "JSON", default_value = "{}")]
        with: String,
    },
    /// List the stock plugins that this ferry carries.
    List,
}
