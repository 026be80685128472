//! One connection: requests are read, worked on and answered one after the other, as brokers do.
//!
//! A client that hangs up leaves what it sent: the requests that have arrived whole are still
//! worked on.

use crate::answers::produce;
use crate::faults::{Reply, Seen, Treatment, Work};
use crate::shared::Shared;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// The greatest request that is read (`socket.request.max.bytes`).
const REQUEST_BYTES_MAX: usize = 100 << 20;

/// Why a connection ends from this side.
#[derive(Debug)]
enum End {
    /// The stream is over, or broken.
    Stream,
    /// A request that no broker understands.
    NotUnderstood,
    /// On purpose.
    OnPurpose,
}

pub(crate) async fn serve<S>(shared: Arc<Shared>, broker: i32, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let lives = shared.lives(broker);
    let mut connection = Connection {
        shared,
        broker,
        stream,
        gone: false,
        held_back: None,
    };
    tokio::select! {
        biased;
        // A broker that stops, or a cut of its connections.
        () = lives.notified() => {}
        _ = connection.run() => {}
    }
}

struct Connection<S> {
    shared: Arc<Shared>,
    broker: i32,
    stream: S,
    /// The client has hung up.
    gone: bool,
    /// An answer that waits until the next one has overtaken it.
    held_back: Option<Bytes>,
}

struct Request {
    api_key: i16,
    version: i16,
    correlation_id: i32,
    body: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Connection<S> {
    async fn run(&mut self) -> End {
        loop {
            let request = match self.read().await {
                Ok(request) => request,
                Err(end) => return end,
            };
            let seen = Seen {
                broker: self.broker,
                api_key: request.api_key,
                alone: self.gone,
            };
            if self.gone {
                self.shared.lock().counts.requests_without_client += 1;
            }
            let treatment = self.shared.treat(seen);
            if let Err(end) = self.work(&request, treatment).await {
                return end;
            }
        }
    }

    async fn read(&mut self) -> Result<Request, End> {
        let mut length = [0; 4];
        self.exact(&mut length).await?;
        let length = usize::try_from(i32::from_be_bytes(length)).map_err(|_| End::NotUnderstood)?;
        if length > REQUEST_BYTES_MAX {
            return Err(End::NotUnderstood);
        }
        let mut frame = vec![0; length];
        self.exact(&mut frame).await?;
        let mut frame = Bytes::from(frame);
        if frame.len() < 8 {
            return Err(End::NotUnderstood);
        }
        let mut front = frame.clone();
        let (api_key, version) = (front.get_i16(), front.get_i16());
        let header_version = ApiKey::try_from(api_key)
            .map_err(|()| End::NotUnderstood)?
            .request_header_version(version);
        let header =
            RequestHeader::decode(&mut frame, header_version).map_err(|_| End::NotUnderstood)?;
        Ok(Request {
            api_key,
            version,
            correlation_id: header.correlation_id,
            body: frame,
        })
    }

    async fn exact(&mut self, buffer: &mut [u8]) -> Result<(), End> {
        match self.stream.read_exact(buffer).await {
            Ok(_) => Ok(()),
            Err(_) => Err(End::Stream),
        }
    }

    async fn work(&mut self, request: &Request, treatment: Treatment) -> Result<(), End> {
        pause(treatment.before).await;
        self.shared.moves(self.broker).await;
        let answer = match treatment.work {
            Work::Done => self.answer(request, None, treatment.throttle).await?,
            Work::Refused(code) => self.answer(request, Some(code), treatment.throttle).await?,
            Work::DoneAndRefused(code) => {
                self.answer(request, None, treatment.throttle).await?;
                self.answer(request, Some(code), treatment.throttle).await?
            }
        };
        pause(treatment.after).await;
        self.shared.moves(self.broker).await;
        if self.gone {
            return Ok(());
        }
        match treatment.reply {
            Reply::Sent => self.send(answer).await,
            Reply::Lost => {
                // The client is left to its own patience.
                std::future::pending::<()>().await;
                Err(End::OnPurpose)
            }
            Reply::Closed => Err(End::OnPurpose),
            Reply::Cut(bytes) => {
                let bytes = bytes.min(answer.len());
                self.send(answer.slice(..bytes)).await?;
                Err(End::OnPurpose)
            }
            Reply::Twice => {
                self.send(answer.clone()).await?;
                self.send(answer).await
            }
            Reply::Swapped => {
                self.held_back = Some(answer);
                Ok(())
            }
        }
    }

    async fn send(&mut self, answer: Bytes) -> Result<(), End> {
        let overtaken = self.held_back.take();
        for bytes in std::iter::once(answer).chain(overtaken) {
            let written = self.stream.write_all(&bytes).await;
            if written.is_err() {
                self.gone = true;
                if !self.shared.works_on() {
                    return Err(End::Stream);
                }
            }
        }
        Ok(())
    }

    /// The whole frame of the answer.
    async fn answer(
        &self,
        request: &Request,
        forced: Option<i16>,
        throttle: Duration,
    ) -> Result<Bytes, End> {
        let throttle_ms = i32::try_from(throttle.as_millis()).unwrap_or(i32::MAX);
        let version = request.version;
        let shared = &self.shared;
        let broker = self.broker;
        let spoken = shared
            .lock()
            .options
            .release
            .speaks(request.api_key, version);
        if request.api_key == ApiKey::ApiVersions as i16 {
            // An unknown version of this one is answered in version 0 (KIP-511).
            let (version, code) = if spoken { (version, 0) } else { (0, 35) };
            let answer = shared
                .lock()
                .api_versions()
                .with_error_code(forced.unwrap_or(code));
            return frame(request.correlation_id, version, &answer);
        }
        if !spoken {
            return Err(End::NotUnderstood);
        }
        let key = ApiKey::try_from(request.api_key).map_err(|()| End::NotUnderstood)?;
        let body = &request.body;
        macro_rules! reply {
            ($answer:expr) => {
                frame(
                    request.correlation_id,
                    version,
                    &$answer.with_throttle_time_ms(throttle_ms),
                )
            };
        }
        match key {
            ApiKey::Produce => {
                let asked: ProduceRequest = read(body, version)?;
                let mut appended = shared.lock().produce(broker, &asked, forced);
                shared.replicate(&appended);
                let limit = Duration::from_millis(asked.timeout_ms.max(0) as u64);
                self.replicated(&mut appended, limit).await;
                reply!(produce::response(appended))
            }
            ApiKey::Fetch => {
                let asked: FetchRequest = read(body, version)?;
                let answer = self.fetched(&asked, version, forced).await;
                reply!(answer)
            }
            ApiKey::ListOffsets => {
                let asked: ListOffsetsRequest = read(body, version)?;
                let answer = shared.lock().list_offsets(broker, &asked, forced);
                reply!(answer)
            }
            ApiKey::Metadata => {
                let asked: MetadataRequest = read(body, version)?;
                let answer = shared.lock().metadata(&asked);
                reply!(answer)
            }
            ApiKey::FindCoordinator => {
                let asked: FindCoordinatorRequest = read(body, version)?;
                let answer = shared.lock().find_coordinator(&asked, version, forced);
                reply!(answer)
            }
            ApiKey::CreateTopics => {
                let asked: CreateTopicsRequest = read(body, version)?;
                let answer = shared.lock().create_topics(&asked, forced);
                shared.changed();
                reply!(answer)
            }
            ApiKey::DeleteTopics => {
                let asked: DeleteTopicsRequest = read(body, version)?;
                let answer = shared.lock().delete_topics(&asked, forced);
                shared.changed();
                reply!(answer)
            }
            ApiKey::DeleteRecords => {
                let asked: DeleteRecordsRequest = read(body, version)?;
                let answer = shared.lock().delete_records(broker, &asked, forced);
                shared.changed();
                reply!(answer)
            }
            ApiKey::InitProducerId => {
                let asked: InitProducerIdRequest = read(body, version)?;
                let (answer, markers) = shared.lock().init_producer_id(broker, &asked, forced);
                shared.write_markers(markers);
                reply!(answer)
            }
            ApiKey::OffsetForLeaderEpoch => {
                let asked: OffsetForLeaderEpochRequest = read(body, version)?;
                let answer = shared.lock().epoch_ends(broker, &asked, forced);
                reply!(answer)
            }
            ApiKey::AddPartitionsToTxn => {
                let asked: AddPartitionsToTxnRequest = read(body, version)?;
                let answer = shared.lock().add_partitions(broker, &asked, forced);
                reply!(answer)
            }
            ApiKey::EndTxn => {
                let asked: EndTxnRequest = read(body, version)?;
                let (answer, markers) = shared.lock().end_txn(broker, &asked, forced);
                shared.write_markers(markers);
                reply!(answer)
            }
            ApiKey::DescribeProducers => {
                let asked: DescribeProducersRequest = read(body, version)?;
                let answer = shared.lock().describe_producers(broker, &asked, forced);
                reply!(answer)
            }
            _ => Err(End::NotUnderstood),
        }
    }

    /// Waits until what was appended is replicated, or can't be.
    async fn replicated(&self, appended: &mut [produce::Appended], limit: Duration) {
        let deadline = Instant::now() + limit;
        let changes = self.shared.changes();
        loop {
            let changed = changes.notified();
            if self.shared.lock().acknowledge(self.broker, appended) {
                return;
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                produce::late(&self.shared.lock(), appended);
                return;
            }
        }
    }

    /// Waits until there is something to answer with, at most as long as the client says.
    async fn fetched(
        &self,
        asked: &FetchRequest,
        version: i16,
        forced: Option<i16>,
    ) -> FetchResponse {
        let limit = Duration::from_millis(asked.max_wait_ms.max(0) as u64);
        let deadline = Instant::now() + limit;
        let changes = self.shared.changes();
        loop {
            let changed = changes.notified();
            let answer = self
                .shared
                .lock()
                .fetch(self.broker, asked, version, forced);
            let enough = usize::try_from(asked.min_bytes).unwrap_or(0);
            let ready = answer.urgent || answer.bytes >= enough;
            if ready || tokio::time::timeout_at(deadline, changed).await.is_err() {
                self.shared.lock().count_fetch(&answer);
                return answer.response;
            }
        }
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn read<T: Decodable>(body: &Bytes, version: i16) -> Result<T, End> {
    T::decode(&mut body.clone(), version).map_err(|_| End::NotUnderstood)
}

/// Length, header, body.
fn frame<T: Encodable + HeaderVersion>(
    correlation_id: i32,
    version: i16,
    answer: &T,
) -> Result<Bytes, End> {
    let mut out = BytesMut::new();
    out.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(correlation_id)
        .encode(&mut out, T::header_version(version))
        .map_err(|_| End::NotUnderstood)?;
    answer
        .encode(&mut out, version)
        .map_err(|_| End::NotUnderstood)?;
    let length = (out.len() - 4) as i32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out.freeze())
}
