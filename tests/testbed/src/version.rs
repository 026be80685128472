//! The releases of Apache Kafka that the test bed starts.

use std::fmt;

/// A release of Apache Kafka that the test bed can start.
///
/// More will come: code outside this crate matches with a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KafkaVersion {
    /// 2.8, the last release that many companies stayed on; with ZooKeeper, and with listeners without
    /// encryption and login only.
    V2_8,
    /// 3.9, the last release of the 3.x line, as an older source.
    V3_9,
    /// 4.3, the newest release that the package registry has in full.
    V4_3,
}

impl KafkaVersion {
    /// The full release, which is also the name of the folder that holds its jars: `4.3.1`.
    #[must_use]
    pub fn release(self) -> &'static str {
        match self {
            Self::V2_8 => "2.8.2",
            Self::V3_9 => "3.9.2",
            Self::V4_3 => "4.3.1",
        }
    }

    /// Whether its metadata are in ZooKeeper; those of later releases are in the nodes (KRaft).
    pub(crate) fn needs_zookeeper(self) -> bool {
        self == Self::V2_8
    }

    /// The class that decides by ACLs.
    pub(crate) fn authorizer(self) -> &'static str {
        match self {
            Self::V2_8 => "kafka.security.authorizer.AclAuthorizer",
            Self::V3_9 | Self::V4_3 => "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        }
    }

    /// The option that points the release's logging library to `file`.
    ///
    /// Kafka 4.0 moved from Log4j 1 (reload4j at last) to Log4j 2 (KIP-653).
    pub(crate) fn logging_option(self, file: &std::path::Path) -> String {
        match self {
            Self::V2_8 | Self::V3_9 => format!("-Dlog4j.configuration=file:{}", file.display()),
            Self::V4_3 => format!("-Dlog4j2.configurationFile=file:{}", file.display()),
        }
    }

    /// The logging configuration: everything goes to standard output, without the hundreds of
    /// lines that repeat the configuration, which lies next to the log anyway.
    pub(crate) fn logging_configuration(self) -> &'static str {
        match self {
            Self::V2_8 | Self::V3_9 => {
                "log4j.rootLogger=INFO, console\n\
                 log4j.appender.console=org.apache.log4j.ConsoleAppender\n\
                 log4j.appender.console.layout=org.apache.log4j.PatternLayout\n\
                 log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p [%t] %m (%c{1})%n\n\
                 log4j.logger.kafka.server.KafkaConfig=WARN\n\
                 log4j.logger.org.apache.kafka.common.config.AbstractConfig=WARN\n\
                 log4j.logger.org.apache.kafka.clients=WARN\n"
            }
            Self::V4_3 => {
                "status = ERROR\n\
                 appender.console.type = Console\n\
                 appender.console.name = console\n\
                 appender.console.layout.type = PatternLayout\n\
                 appender.console.layout.pattern = %d{ISO8601} %p [%t] %m (%c{1})%n\n\
                 rootLogger.level = INFO\n\
                 rootLogger.appenderRef.console.ref = console\n\
                 logger.config.name = org.apache.kafka.common.config.AbstractConfig\n\
                 logger.config.level = WARN\n\
                 logger.kafkaconfig.name = kafka.server.KafkaConfig\n\
                 logger.kafkaconfig.level = WARN\n\
                 logger.clients.name = org.apache.kafka.clients\n\
                 logger.clients.level = WARN\n"
            }
        }
    }
}

impl fmt::Display for KafkaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.release())
    }
}
