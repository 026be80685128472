//! Formats the data folders of nodes.
//!
//! Kafka's storage tool writes the cluster's first metadata (feature levels, SCRAM users) into
//! `bootstrap.checkpoint`, and takes a second of Java to do so. Its result depends on the release
//! and the users only, so it is kept and used again; what differs from node to node is in
//! `meta.properties`, four plain lines that are written here.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::builder::User;
use crate::error::StartError;
use crate::folder::root;
use crate::installation::{Installation, java};
use crate::log::summary;
use crate::process::ChildProcess;

/// The file with the cluster's first metadata.
const CHECKPOINT: &str = "bootstrap.checkpoint";

/// How long the storage tool may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What is formatted.
pub(crate) struct Format<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) users: &'a [User],
    /// The configuration of the first node; its `log.dirs` is overridden.
    pub(crate) configuration: &'a str,
    /// What of the configuration may matter to the tool: changes with it, never with the ports.
    pub(crate) significant: &'a str,
    /// A folder of this cluster, for the tool's log.
    pub(crate) scratch: &'a Path,
}

impl Format<'_> {
    /// The checkpoint, made now or earlier.
    pub(crate) fn checkpoint(&self) -> Result<PathBuf, StartError> {
        let kept = root().join("formatted").join(self.digest());
        let checkpoint = kept.join(CHECKPOINT);
        if checkpoint.is_file() {
            return Ok(checkpoint);
        }
        let made = self.run_storage_tool()?;
        // Whoever comes second replaces a file that is as good.
        keep(&made, &kept).map_err(|source| StartError::Folder {
            path: checkpoint.clone(),
            source,
        })?;
        Ok(checkpoint)
    }

    /// Names all that the checkpoint depends on.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.installation.version().release());
        digest.update(self.significant);
        for user in self.users {
            digest.update(format!("\0{}\0{}", user.name, user.password));
        }
        let bytes = digest.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Runs the tool on a folder of its own and returns the checkpoint in it.
    fn run_storage_tool(&self) -> Result<PathBuf, StartError> {
        let folder = self.scratch.join("format");
        let data = folder.join("data");
        let properties = folder.join("format.properties");
        let log = folder.join("format.log");
        let logging = folder.join("logging.properties");
        let version = self.installation.version();
        let configuration = format!("{}\nlog.dirs={}\n", self.configuration, data.display());
        fs::create_dir_all(&data)
            .and_then(|()| fs::write(&properties, configuration))
            .and_then(|()| fs::write(&logging, version.logging_configuration()))
            .map_err(|source| StartError::Folder {
                path: folder.clone(),
                source,
            })?;

        let mut arguments: Vec<OsString> = vec![
            "-Xmx96m".into(),
            "-XX:+UseSerialGC".into(),
            "-XX:TieredStopAtLevel=1".into(),
            "-Xshare:auto".into(),
            version.logging_option(&logging).into(),
        ];
        arguments.extend(self.installation.class_path());
        arguments
            .extend(["kafka.tools.StorageTool", "format", "-t", "testbed", "-c"].map(Into::into));
        arguments.push(properties.into());
        for user in self.users {
            arguments.push("--add-scram".into());
            arguments.push(user.scram_argument().into());
        }
        self.run(arguments, &folder, log)?;
        Ok(data.join(CHECKPOINT))
    }

    fn run(&self, arguments: Vec<OsString>, folder: &Path, log: PathBuf) -> Result<(), StartError> {
        let failed = |source| StartError::Spawn {
            program: "the storage tool".to_owned(),
            source,
        };
        let mut tool = ChildProcess::start(&java(), arguments, folder, &log).map_err(failed)?;
        let status = match tool.wait_at_most(LIMIT).map_err(failed)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => status.to_string(),
            None => format!("no end within {} s", LIMIT.as_secs()),
        };
        let tail = summary(&log, 0);
        Err(StartError::Format { status, log, tail })
    }
}

/// Puts a formatted checkpoint and the node's identity into `data`.
pub(crate) fn prepare(
    data: &Path,
    checkpoint: &Path,
    cluster_id: &str,
    node_id: u32,
    directory_id: &str,
) -> io::Result<()> {
    fs::create_dir_all(data)?;
    fs::copy(checkpoint, data.join(CHECKPOINT))?;
    let identity = format!(
        "version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory_id}\n"
    );
    fs::write(data.join("meta.properties"), identity)
}

/// Moves the checkpoint to the place where it is kept, in one step, so that nobody sees half of it.
fn keep(made: &Path, kept: &Path) -> io::Result<()> {
    fs::create_dir_all(kept)?;
    let partial = kept.join(format!("{CHECKPOINT}.{}", std::process::id()));
    fs::copy(made, &partial)?;
    File::open(&partial)?.sync_all()?;
    fs::rename(partial, kept.join(CHECKPOINT))
}
