//! The one table of the APIs and versions that this client speaks, and the negotiation with a
//! broker's own table (KIP-35).
//!
//! The upper bounds are deliberate where they lie below what `kafka-protocol` could encode:
//! - `Produce` 11, `AddPartitionsToTxn` 3, `EndTxn` 4, `TxnOffsetCommit` 3, `InitProducerId` 4: later
//!   versions switch to the transactions of KIP-890, where `EndTxn` bumps the epoch every time and
//!   the sequence of an idempotent copy would start over.
//! - `Fetch` 16: the later ones serve replicas only.
//! - `OffsetCommit` 9 and `OffsetFetch` 9: version 10 names topics by id.

use crate::error_code::ErrorCode;
use crate::produce_frame;
use crate::request::{Api, Effect, Request};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::VersionRange;
use std::collections::BTreeMap;

macro_rules! apis {
    ($($key:literal $name:literal $request:ident -> $response:ident, $min:literal..=$max:literal, $effect:ident, $throttle:ident $(, $body:path)?;)+) => {
        $(
            impl Request for $request {
                type Response = $response;
                const API: Api = Api { key: $key, name: $name };
                const VERSIONS: VersionRange = VersionRange { min: $min, max: $max };
                const EFFECT: Effect = Effect::$effect;

                fn throttle_time_ms(response: &Self::Response) -> i32 {
                    apis!(@$throttle response)
                }

                fn encode_body(
                    &self,
                    version: i16,
                    frame: &mut crate::frame::FrameBuilder,
                ) -> Result<(), crate::frame::EncodeError> {
                    apis!(@body self, version, frame $(, $body)?)
                }
            }
        )+

        /// Every API that this client speaks, with its versions.
        pub const TABLE: &[(Api, VersionRange)] = &[
            $((<$request as Request>::API, <$request as Request>::VERSIONS),)+
        ];

        /// Whether `api` can leave something behind; one outside of the table is taken to.
        pub(crate) fn effect(api: Api) -> Effect {
            match api.key {
                $($key => Effect::$effect,)+
                _ => Effect::Writes,
            }
        }
    };
    (@body $request:ident, $version:ident, $frame:ident, $body:path) => {
        $body($request, $version, $frame)
    };
    (@body $request:ident, $version:ident, $frame:ident) => {
        crate::request::encode_message($request, $version, $frame)
    };
    (@throttled $response:ident) => { $response.throttle_time_ms };
    (@never $response:ident) => {{ let _ = $response; 0 }};
}

apis! {
    0 "Produce" ProduceRequest -> ProduceResponse, 3..=11, Writes, throttled, produce_frame::encode;
    1 "Fetch" FetchRequest -> FetchResponse, 4..=16, Reads, throttled;
    2 "ListOffsets" ListOffsetsRequest -> ListOffsetsResponse, 1..=9, Reads, throttled;
    3 "Metadata" MetadataRequest -> MetadataResponse, 1..=13, Reads, throttled;
    8 "OffsetCommit" OffsetCommitRequest -> OffsetCommitResponse, 2..=9, Writes, throttled;
    9 "OffsetFetch" OffsetFetchRequest -> OffsetFetchResponse, 2..=9, Reads, throttled;
    10 "FindCoordinator" FindCoordinatorRequest -> FindCoordinatorResponse, 1..=4, Reads, throttled;
    13 "LeaveGroup" LeaveGroupRequest -> LeaveGroupResponse, 3..=5, Writes, throttled;
    15 "DescribeGroups" DescribeGroupsRequest -> DescribeGroupsResponse, 0..=6, Reads, throttled;
    16 "ListGroups" ListGroupsRequest -> ListGroupsResponse, 0..=5, Reads, throttled;
    17 "SaslHandshake" SaslHandshakeRequest -> SaslHandshakeResponse, 1..=1, Reads, never;
    18 "ApiVersions" ApiVersionsRequest -> ApiVersionsResponse, 0..=3, Reads, throttled;
    19 "CreateTopics" CreateTopicsRequest -> CreateTopicsResponse, 2..=7, Writes, throttled;
    20 "DeleteTopics" DeleteTopicsRequest -> DeleteTopicsResponse, 1..=6, Writes, throttled;
    21 "DeleteRecords" DeleteRecordsRequest -> DeleteRecordsResponse, 0..=2, Writes, throttled;
    22 "InitProducerId" InitProducerIdRequest -> InitProducerIdResponse, 0..=4, Writes, throttled;
    23 "OffsetForLeaderEpoch" OffsetForLeaderEpochRequest -> OffsetForLeaderEpochResponse, 2..=4, Reads, throttled;
    24 "AddPartitionsToTxn" AddPartitionsToTxnRequest -> AddPartitionsToTxnResponse, 0..=3, Writes, throttled;
    25 "AddOffsetsToTxn" AddOffsetsToTxnRequest -> AddOffsetsToTxnResponse, 0..=3, Writes, throttled;
    26 "EndTxn" EndTxnRequest -> EndTxnResponse, 0..=4, Writes, throttled;
    28 "TxnOffsetCommit" TxnOffsetCommitRequest -> TxnOffsetCommitResponse, 0..=3, Writes, throttled;
    29 "DescribeAcls" DescribeAclsRequest -> DescribeAclsResponse, 1..=3, Reads, throttled;
    30 "CreateAcls" CreateAclsRequest -> CreateAclsResponse, 1..=3, Writes, throttled;
    31 "DeleteAcls" DeleteAclsRequest -> DeleteAclsResponse, 1..=3, Writes, throttled;
    32 "DescribeConfigs" DescribeConfigsRequest -> DescribeConfigsResponse, 1..=4, Reads, throttled;
    35 "DescribeLogDirs" DescribeLogDirsRequest -> DescribeLogDirsResponse, 1..=4, Reads, throttled;
    36 "SaslAuthenticate" SaslAuthenticateRequest -> SaslAuthenticateResponse, 0..=2, Reads, never;
    37 "CreatePartitions" CreatePartitionsRequest -> CreatePartitionsResponse, 0..=3, Writes, throttled;
    42 "DeleteGroups" DeleteGroupsRequest -> DeleteGroupsResponse, 0..=2, Writes, throttled;
    44 "IncrementalAlterConfigs" IncrementalAlterConfigsRequest -> IncrementalAlterConfigsResponse, 0..=1, Writes, throttled;
    47 "OffsetDelete" OffsetDeleteRequest -> OffsetDeleteResponse, 0..=0, Writes, throttled;
    60 "DescribeCluster" DescribeClusterRequest -> DescribeClusterResponse, 0..=1, Reads, throttled;
    61 "DescribeProducers" DescribeProducersRequest -> DescribeProducersResponse, 0..=0, Reads, throttled;
    65 "DescribeTransactions" DescribeTransactionsRequest -> DescribeTransactionsResponse, 0..=0, Reads, throttled;
    66 "ListTransactions" ListTransactionsRequest -> ListTransactionsResponse, 0..=1, Reads, throttled;
    69 "ConsumerGroupDescribe" ConsumerGroupDescribeRequest -> ConsumerGroupDescribeResponse, 0..=1, Reads, throttled;
}

/// What one broker said it speaks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerVersions {
    ranges: BTreeMap<i16, VersionRange>,
}

impl BrokerVersions {
    /// Reads the broker's answer.
    ///
    /// # Errors
    /// The error code of the answer, where it is one.
    pub fn read(response: &ApiVersionsResponse) -> Result<Self, ErrorCode> {
        if response.error_code != 0 {
            return Err(ErrorCode(response.error_code));
        }
        let ranges = response
            .api_keys
            .iter()
            .map(|api| {
                let range = VersionRange {
                    min: api.min_version,
                    max: api.max_version,
                };
                (api.api_key, range)
            })
            .collect();
        Ok(Self { ranges })
    }

    /// The highest version of `R` that both sides speak; none where there is no such version.
    #[must_use]
    pub fn negotiate<R: Request>(&self) -> Option<i16> {
        self.negotiate_at_most::<R>(i16::MAX)
    }

    /// The highest version of `R` up to `limit` that both sides speak.
    #[must_use]
    pub fn negotiate_at_most<R: Request>(&self, limit: i16) -> Option<i16> {
        let common = self.ranges.get(&R::API.key)?.intersect(&R::VERSIONS);
        let highest = common.max.min(limit);
        (common.min <= highest).then_some(highest)
    }

    /// What the broker said about `api`.
    #[must_use]
    pub fn range(&self, api: Api) -> Option<VersionRange> {
        self.ranges.get(&api.key).copied()
    }

    /// The release of Apache Kafka that these versions point to, as `4.3` or `2.8`: the newest one
    /// whose tell-tale API version is present. Managed services may speak versions of their own;
    /// then it is the nearest.
    #[must_use]
    pub fn release(&self) -> &'static str {
        RELEASES
            .iter()
            .find(|(api_key, version, _)| {
                self.ranges
                    .get(api_key)
                    .is_some_and(|range| range.max >= *version)
            })
            .map_or("before 2.8", |(_, _, release)| release)
    }
}

/// Tell-tale versions, newest release first: API key, version, release. Read from
/// `org.apache.kafka.common.protocol.ApiKeys` of each release's clients; 3.4 speaks what 3.3 does.
const RELEASES: &[(i16, i16, &str)] = &[
    (35, 5, "4.3"),
    (8, 10, "4.2"),
    (1, 18, "4.1"),
    (3, 13, "4.0"),
    (18, 4, "3.9"),
    (16, 5, "3.8"),
    (0, 10, "3.7"),
    (24, 4, "3.6"),
    (1, 15, "3.5"),
    (29, 3, "3.3"),
    (13, 5, "3.2"),
    (3, 12, "3.1"),
    (2, 7, "3.0"),
    (60, 0, "2.8"),
];

/// How old a release is: 0 is the newest that is known.
pub(crate) fn age(release: &str) -> usize {
    RELEASES
        .iter()
        .position(|(_, _, known)| *known == release)
        .unwrap_or(RELEASES.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    use kafka_protocol::protocol::Message;

    fn broker(ranges: &[(i16, i16, i16)]) -> BrokerVersions {
        let keys = ranges
            .iter()
            .map(|&(key, min, max)| {
                ApiVersion::default()
                    .with_api_key(key)
                    .with_min_version(min)
                    .with_max_version(max)
            })
            .collect();
        BrokerVersions::read(&ApiVersionsResponse::default().with_api_keys(keys)).expect("no error")
    }

    #[test]
    fn takes_the_highest_version_that_both_sides_speak() {
        let versions = broker(&[(3, 0, 9), (0, 0, 99), (24, 4, 5)]);
        assert_eq!(versions.negotiate::<MetadataRequest>(), Some(9));
        assert_eq!(
            versions.negotiate::<ProduceRequest>(),
            Some(11),
            "our own bound"
        );
        assert_eq!(
            versions.negotiate::<AddPartitionsToTxnRequest>(),
            None,
            "no common version"
        );
        assert_eq!(
            versions.negotiate::<FetchRequest>(),
            None,
            "the broker lacks it"
        );
        assert_eq!(versions.negotiate_at_most::<MetadataRequest>(7), Some(7));
        assert_eq!(versions.negotiate_at_most::<MetadataRequest>(0), None);
    }

    #[test]
    fn an_error_instead_of_versions_is_told() {
        let refused = ApiVersionsResponse::default().with_error_code(35);
        assert_eq!(
            BrokerVersions::read(&refused),
            Err(ErrorCode::UNSUPPORTED_VERSION)
        );
    }

    #[test]
    fn every_version_of_the_table_can_be_encoded_and_decoded() {
        macro_rules! bounds {
            ($($request:ident),+) => { $(
                let (ours, theirs) = (<$request as Request>::VERSIONS, <$request as Message>::VERSIONS);
                assert!(theirs.min <= ours.min && ours.max <= theirs.max, stringify!($request));
                let theirs = <<$request as Request>::Response as Message>::VERSIONS;
                assert!(theirs.min <= ours.min && ours.max <= theirs.max, stringify!($request));
            )+ };
        }
        bounds!(
            ProduceRequest,
            FetchRequest,
            ListOffsetsRequest,
            MetadataRequest,
            OffsetCommitRequest,
            OffsetFetchRequest,
            FindCoordinatorRequest,
            LeaveGroupRequest,
            DescribeGroupsRequest,
            ListGroupsRequest,
            SaslHandshakeRequest,
            ApiVersionsRequest,
            CreateTopicsRequest,
            DeleteTopicsRequest,
            DeleteRecordsRequest,
            InitProducerIdRequest,
            OffsetForLeaderEpochRequest,
            AddPartitionsToTxnRequest,
            AddOffsetsToTxnRequest,
            EndTxnRequest,
            TxnOffsetCommitRequest,
            DescribeAclsRequest,
            CreateAclsRequest,
            DeleteAclsRequest,
            DescribeConfigsRequest,
            DescribeLogDirsRequest,
            SaslAuthenticateRequest,
            CreatePartitionsRequest,
            DeleteGroupsRequest,
            IncrementalAlterConfigsRequest,
            OffsetDeleteRequest,
            DescribeClusterRequest,
            DescribeProducersRequest,
            DescribeTransactionsRequest,
            ListTransactionsRequest,
            ConsumerGroupDescribeRequest
        );
        assert_eq!(TABLE.len(), 36, "the list above and the table are the same");
    }
}
