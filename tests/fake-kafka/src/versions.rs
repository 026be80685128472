//! Which versions of which APIs a release speaks; only what these brokers answer.

/// A release of Apache Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 2.8, the last that many companies stayed on.
    V2_8,
    /// 3.9.
    V3_9,
    /// 4.3.
    V4_3,
}

/// API key, least and greatest version in 2.8, 3.9 and 4.3. Read from
/// `org.apache.kafka.common.protocol.ApiKeys` of each release's clients.
const APIS: &[(i16, [(i16, i16); 3])] = &[
    // 4.3 does not speak 0 to 2 and says so all the same, for the sake of an old client.
    (0, [(0, 9), (0, 11), (0, 13)]),
    (1, [(0, 12), (0, 17), (4, 18)]),
    (2, [(0, 6), (0, 9), (1, 11)]),
    (3, [(0, 11), (0, 12), (0, 13)]),
    (10, [(0, 3), (0, 6), (0, 6)]),
    (18, [(0, 3), (0, 4), (0, 4)]),
    (19, [(0, 7), (0, 7), (2, 7)]),
    (20, [(0, 6), (0, 6), (1, 6)]),
    (21, [(0, 2), (0, 2), (0, 2)]),
    (22, [(0, 4), (0, 5), (0, 5)]),
    (23, [(0, 4), (0, 4), (2, 4)]),
    (24, [(0, 3), (0, 5), (0, 5)]),
    (26, [(0, 3), (0, 4), (0, 5)]),
    (61, [(0, 0), (0, 0), (0, 0)]),
];

impl Release {
    /// Keys of the APIs that these brokers have, with their least and greatest versions.
    pub fn apis(self) -> impl Iterator<Item = (i16, i16, i16)> {
        let column = match self {
            Self::V2_8 => 0,
            Self::V3_9 => 1,
            Self::V4_3 => 2,
        };
        APIS.iter().map(move |(key, ranges)| {
            let (least, greatest) = ranges[column];
            (*key, least, greatest)
        })
    }

    /// Whether `version` of `api_key` is spoken.
    pub(crate) fn speaks(self, api_key: i16, version: i16) -> bool {
        self.apis()
            .any(|(key, least, greatest)| key == api_key && (least..=greatest).contains(&version))
    }
}
