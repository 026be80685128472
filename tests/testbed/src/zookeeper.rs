//! The ZooKeeper that keeps the metadata of a cluster from before KRaft.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::StartError;
use crate::installation::{Installation, java};
use crate::port::PortLease;
use crate::process::ChildProcess;

/// The unit of ZooKeeper's time; a session lasts from two to twenty of them.
const TICK_MS: u32 = 1_000;

/// How long a node that was killed stays registered. It may come back only after that. One that is
/// merely slow, on a machine whose processors are all busy, must not lose its session.
pub(crate) const SESSION_MS: u32 = 15_000;

/// A running ZooKeeper of one node. When it is dropped or closed, its process is killed and reaped.
#[derive(Debug)]
pub(crate) struct ZooKeeper {
    process: Mutex<Option<ChildProcess>>,
    /// Held as long as the port is in use.
    lease: PortLease,
}

impl ZooKeeper {
    /// Starts it in `home`, which is made, on the leased port. Brokers connect again and again while
    /// they start, so nobody waits for it here.
    pub(crate) fn start(
        installation: &Installation,
        home: &Path,
        mut lease: PortLease,
    ) -> Result<Self, StartError> {
        let configuration = home.join("zookeeper.properties");
        let logging = home.join("logging.properties");
        let version = installation.version();
        let text = format!(
            "dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\ntickTime={TICK_MS}\n\
             admin.enableServer=false\nmaxClientCnxns=0\n",
            home.join("data").display(),
            lease.port()
        );
        fs::create_dir_all(home.join("data"))
            .and_then(|()| fs::write(&configuration, text))
            .and_then(|()| fs::write(&logging, version.logging_configuration()))
            .map_err(|source| StartError::Folder {
                path: home.to_owned(),
                source,
            })?;
        let mut arguments: Vec<OsString> = vec![
            "-Xmx64m".into(),
            "-XX:+UseSerialGC".into(),
            "-XX:TieredStopAtLevel=1".into(),
            "-Xshare:auto".into(),
            // What a test writes need not outlive the machine.
            "-Dzookeeper.forceSync=no".into(),
            version.logging_option(&logging).into(),
        ];
        arguments.extend(installation.class_path());
        arguments.push("org.apache.zookeeper.server.quorum.QuorumPeerMain".into());
        arguments.push(configuration.into());
        lease.make_way();
        let process = ChildProcess::start(&java(), arguments, home, &home.join("server.log"))
            .map_err(|source| StartError::Spawn {
                program: "java".to_owned(),
                source,
            })?;
        Ok(Self {
            process: Mutex::new(Some(process)),
            lease,
        })
    }

    /// Its port on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.lease.port()
    }

    /// Kills the process.
    pub(crate) fn close(&self) {
        // Dropped means killed and reaped.
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The cluster's id, which the first node made up and wrote into its data folder.
pub(crate) fn cluster_id(data: &Path) -> Result<String, StartError> {
    let path = data.join("meta.properties");
    let failed = |source| StartError::Folder {
        path: path.clone(),
        source,
    };
    let text = fs::read_to_string(&path).map_err(failed)?;
    text.lines()
        .find_map(|line| line.strip_prefix("cluster.id="))
        .map(str::to_owned)
        .ok_or_else(|| failed(io::Error::other("it names no cluster.id")))
}
