//! The host of plugins: loads them, and keeps what they share.

use crate::cache::Cache;
use crate::configuration::{self, Configuration, ConfigurationError};
use crate::containment::Containment;
use crate::engine;
use crate::job::Job;
use crate::job_error::JobError;
use crate::load_error::LoadError;
use crate::role::{
    AclGenerator, AclGeneratorJob, DecidingRole, NamingRemapper, NamingRemapperJob,
    OffsetTranslator, OffsetTranslatorJob, TopicFilter, TopicFilterJob,
};
use crate::settings::HostSettings;
use crate::ticker::Ticker;
use crate::v0_1_0::{self, Exports};
use ferry_catalogue::inspection::{Inspection, inspect};
use ferry_catalogue::manifest::{Manifest, PluginName};
use ferry_model::digest::Digest;
use semver::Version;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

/// Loads plugins and holds what they share: the engine, the clock that ends them, the cache.
///
/// Cheap to clone. The clock's thread ends with the last clone, plugin and job.
#[derive(Clone)]
pub struct PluginHost {
    core: Arc<HostCore>,
}

/// What plugins and jobs of a host share.
pub(crate) struct HostCore {
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    pub(crate) settings: HostSettings,
    linker: Linker<Containment>,
    cache: Option<Cache>,
}

impl PluginHost {
    /// A host with these settings.
    ///
    /// # Errors
    /// [`LoadError::Host`] where this machine can't run plugins, or the cache is not safe to use.
    pub fn new(settings: HostSettings) -> Result<Self, LoadError> {
        let engine = engine::engine().map_err(|e| LoadError::Host(format!("{e:#}")))?;
        let mut linker = Linker::new(&engine);
        v0_1_0::offer(&mut linker).map_err(|e| LoadError::Host(format!("{e:#}")))?;
        let ticker = Ticker::start(&engine).map_err(|e| LoadError::Host(e.to_string()))?;
        let cache = settings.cache.as_ref();
        let cache = cache.map(|cache| Cache::open(cache, &engine)).transpose()?;
        Ok(Self {
            core: Arc::new(HostCore {
                engine,
                ticker,
                settings,
                linker,
                cache,
            }),
        })
    }

    /// Reads, checks and compiles a plugin.
    ///
    /// # Errors
    /// [`LoadError`] says why it is refused; nothing is compiled before all that can be seen from
    /// outside is in order.
    pub fn load(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let inspection = inspect(bytes, &self.core.settings.structure)?;
        let label = Arc::new(PluginLabel::of(&inspection));
        let failed = |stage| {
            let label = Arc::clone(&label);
            move |error: wasmtime::Error| LoadError::Compile {
                plugin: label,
                stage,
                message: format!("{error:#}"),
            }
        };
        let component = self
            .compile(&inspection.digest, bytes)
            .map_err(failed("compiled"))?;
        let component = self.core.linker.instantiate_pre(&component);
        let component = component.map_err(failed("linked"))?;
        let role = inspection.manifest.role;
        let exports = Exports::of(role, &component).map_err(failed("linked"))?;
        Ok(Plugin {
            core: Arc::new(PluginCore {
                host: Arc::clone(&self.core),
                label,
                inspection,
                component,
                exports,
            }),
        })
    }

    /// The same as [`load`](Self::load), for a plugin whose digest was written down before.
    ///
    /// # Errors
    /// [`LoadError::Digest`] where it has another one.
    pub fn load_pinned(&self, bytes: &[u8], expected: &Digest) -> Result<Plugin, LoadError> {
        let found = Digest::of(bytes);
        if found != *expected {
            return Err(LoadError::Digest {
                expected: *expected,
                found,
            });
        }
        self.load(bytes)
    }

    fn compile(&self, digest: &Digest, bytes: &[u8]) -> wasmtime::Result<Component> {
        let compile = || Component::from_binary(&self.core.engine, bytes);
        match &self.core.cache {
            Some(cache) => cache.component(&self.core.engine, digest, compile),
            None => compile(),
        }
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("settings", &self.core.settings)
            .finish_non_exhaustive()
    }
}

/// Which plugin is meant: enough for an operator to find the very file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginLabel {
    /// Its name.
    pub name: PluginName,
    /// Its version.
    pub version: Version,
    /// The digest of the file.
    pub digest: Digest,
}

impl PluginLabel {
    fn of(inspection: &Inspection) -> Self {
        Self {
            name: inspection.manifest.name.clone(),
            version: inspection.manifest.version.clone(),
            digest: inspection.digest,
        }
    }
}

impl fmt::Display for PluginLabel {
    /// `acme/retail-names 2.1.0`, without the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A plugin that is checked and compiled. Cheap to clone; each job is an instance of its own.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) core: Arc<PluginCore>,
}

/// What the jobs of a plugin share.
pub(crate) struct PluginCore {
    pub(crate) host: Arc<HostCore>,
    pub(crate) label: Arc<PluginLabel>,
    pub(crate) component: InstancePre<Containment>,
    pub(crate) exports: Exports,
    inspection: Inspection,
}

impl Plugin {
    /// Which plugin it is.
    #[must_use]
    pub fn label(&self) -> &PluginLabel {
        &self.core.label
    }

    /// What could be read of it without compiling.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.core.inspection
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.core.inspection.manifest
    }

    /// Makes the configuration that the plugin gets out of what the operator wrote: defaults filled
    /// in, checked against the plugin's schema, files inlined. Paths are relative to `folder`.
    ///
    /// # Errors
    /// [`ConfigurationError`] names every key that does not fit.
    pub fn configure(
        &self,
        with: &serde_json::Value,
        folder: &Path,
    ) -> Result<Configuration, ConfigurationError> {
        configuration::prepare(&self.core.label, &self.manifest().schema, with, folder)
    }

    /// Starts a job: a fresh instance, configured.
    ///
    /// # Errors
    /// [`JobError`] where the plugin has another role, refuses its configuration, or fails.
    pub fn start<R: DecidingRole>(
        &self,
        configuration: &Configuration,
    ) -> Result<Job<R>, JobError> {
        Job::start(self, configuration)
    }

    /// [`start`](Self::start) for a topic filter.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn topic_filter(&self, configuration: &Configuration) -> Result<TopicFilterJob, JobError> {
        self.start::<TopicFilter>(configuration)
    }

    /// [`start`](Self::start) for a naming remapper.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn naming_remapper(
        &self,
        configuration: &Configuration,
    ) -> Result<NamingRemapperJob, JobError> {
        self.start::<NamingRemapper>(configuration)
    }

    /// [`start`](Self::start) for an offset translator.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn offset_translator(
        &self,
        configuration: &Configuration,
    ) -> Result<OffsetTranslatorJob, JobError> {
        self.start::<OffsetTranslator>(configuration)
    }

    /// [`start`](Self::start) for an ACL generator.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn acl_generator(
        &self,
        configuration: &Configuration,
    ) -> Result<AclGeneratorJob, JobError> {
        self.start::<AclGenerator>(configuration)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plugin").field(self.label()).finish()
    }
}
