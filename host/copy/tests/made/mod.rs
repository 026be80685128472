//! Logs of all shapes, put together by the book and not with Ferry's own code: batches of format 2
//! with any offsets, bits and codecs, messages of formats 0 and 1, transactions and their markers.

use bytes::{BufMut, Bytes};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::header::{CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, TRANSACTIONAL};
use std::collections::BTreeMap;

/// One record of a log.
#[derive(Debug, Clone)]
pub(crate) struct MadeRecord {
    /// Offsets without a record in front of it.
    pub(crate) hole: u8,
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Option<Vec<u8>>>,
}

/// One thing that happened to a log.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A batch of format 2; of a transaction if it has a producer.
    Batch {
        producer: Option<u8>,
        codec: Codec,
        log_append_time: bool,
        delete_horizon: bool,
        records: Vec<MadeRecord>,
    },
    /// A producer ends its transaction.
    End { producer: u8, commit: bool },
    /// The cleaner took every record of a batch.
    Emptied { offsets: u8, control: bool },
    /// Messages of format 0 or 1, by themselves or as a compressed set.
    Messages {
        magic: u8,
        codec: Codec,
        log_append_time: bool,
        records: Vec<MadeRecord>,
    },
    /// Offsets of batches that are gone altogether.
    Hole { offsets: u8 },
}

/// A record that a consumer of committed data sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visible {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Option<Vec<u8>>>,
}

/// What stands at one place of a log.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    /// The offset behind it.
    next: i64,
}

/// A whole log.
#[derive(Debug, Clone, Default)]
pub(crate) struct MadeLog {
    pieces: Vec<Piece>,
    next: i64,
    visible: Vec<Visible>,
    /// The open transaction of each producer: its first offset, and what will be seen of it.
    open: BTreeMap<u8, (i64, Vec<Visible>)>,
    /// Aborted transactions: producer, first offset, offset of the marker.
    aborted: Vec<(u8, i64, i64)>,
}

impl MadeLog {
    /// The log that `events` leave. Transactions that are open at the end are committed: a broker
    /// serves nothing behind the last stable offset.
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut log = Self::default();
        for event in events {
            log.happen(event);
        }
        while let Some(producer) = log.open.keys().next().copied() {
            log.happen(&Event::End {
                producer,
                commit: true,
            });
        }
        log.visible.sort_by_key(|record| record.offset);
        log
    }

    /// What a consumer of committed data sees from `from` on.
    pub(crate) fn visible(&self, from: i64) -> Vec<Visible> {
        let wanted = |record: &&Visible| record.offset >= from;
        self.visible.iter().filter(wanted).cloned().collect()
    }

    /// The end of the log.
    pub(crate) fn end(&self) -> i64 {
        self.next
    }

    /// How a broker answers who asks from `from` on: records and aborted transactions.
    pub(crate) fn answer(&self, from: i64) -> (Bytes, Vec<(i64, i64)>) {
        let pieces = self.pieces.iter().filter(|piece| piece.next > from);
        let bytes: Vec<u8> = pieces.flat_map(|piece| piece.bytes.clone()).collect();
        let aborted = self.aborted.iter().filter(|(_, _, marker)| *marker >= from);
        let aborted = aborted.map(|(producer, first, _)| (i64::from(*producer), *first));
        (bytes.into(), aborted.collect())
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Hole { offsets } => self.next += i64::from(*offsets),
            Event::Emptied { offsets, control } => {
                let batch = Written {
                    attributes: if *control { CONTROL | TRANSACTIONAL } else { 0 },
                    last_delta: i32::from(*offsets),
                    ..Written::default()
                };
                self.put(batch.bytes(self.next), i64::from(*offsets) + 1);
            }
            Event::End { producer, commit } => self.end_transaction(*producer, *commit),
            Event::Batch {
                producer,
                codec,
                log_append_time,
                delete_horizon,
                records,
            } => {
                let mut attributes = codec.bits();
                attributes |= if *log_append_time { LOG_APPEND_TIME } else { 0 };
                attributes |= if *delete_horizon { DELETE_HORIZON } else { 0 };
                self.batch(*producer, *codec, attributes, records);
            }
            Event::Messages {
                magic,
                codec,
                log_append_time,
                records,
            } => self.messages(*magic, *codec, *log_append_time, records),
        }
    }

    fn put(&mut self, bytes: Vec<u8>, offsets: i64) {
        self.next += offsets;
        self.pieces.push(Piece {
            bytes,
            next: self.next,
        });
    }

    fn batch(
        &mut self,
        producer: Option<u8>,
        codec: Codec,
        attributes: i16,
        records: &[MadeRecord],
    ) {
        let base_timestamp = records[0].timestamp_ms;
        let newest = newest(records);
        let (mut payload, mut delta, mut visible) = (Vec::new(), -1_i64, Vec::new());
        for record in records {
            delta += i64::from(record.hole) + 1;
            payload.put_slice(&framed(record, base_timestamp, delta));
            visible.push(Visible {
                offset: self.next + delta,
                timestamp_ms: match attributes & LOG_APPEND_TIME {
                    0 => record.timestamp_ms,
                    _ => newest,
                },
                key: record.key.clone(),
                value: record.value.clone(),
                headers: record.headers.clone(),
            });
        }
        let batch = Written {
            attributes: attributes | producer.map_or(0, |_| TRANSACTIONAL),
            last_delta: delta as i32,
            base_timestamp,
            max_timestamp: newest,
            producer: producer.map_or(-1, i64::from),
            count: records.len() as i32,
            payload: codec.compress(&payload).expect("compresses"),
        };
        let first = self.next;
        self.put(batch.bytes(first), delta + 1);
        match producer {
            Some(producer) => {
                let open = self.open.entry(producer).or_insert((first, Vec::new()));
                open.1.append(&mut visible);
            }
            None => self.visible.append(&mut visible),
        }
    }

    fn end_transaction(&mut self, producer: u8, commit: bool) {
        let open = self.open.remove(&producer);
        if let Some((first, visible)) = open {
            if commit {
                self.visible.extend(visible);
            } else {
                self.aborted.push((producer, first, self.next));
            }
        }
        let marker = MadeRecord {
            hole: 0,
            timestamp_ms: 5,
            key: Some(vec![0, 0, 0, u8::from(commit)]),
            value: Some(vec![0; 6]),
            headers: Vec::new(),
        };
        let batch = Written {
            attributes: CONTROL | TRANSACTIONAL,
            base_timestamp: 5,
            max_timestamp: 5,
            producer: producer.into(),
            count: 1,
            payload: framed(&marker, 5, 0),
            ..Written::default()
        };
        self.put(batch.bytes(self.next), 1);
    }

    fn messages(&mut self, magic: u8, codec: Codec, log_append_time: bool, records: &[MadeRecord]) {
        let bit = if log_append_time && magic == 1 { 8 } else { 0 };
        let broker_time = newest(records);
        let (base, mut inside) = (self.next, Vec::new());
        let mut offset = base - 1;
        for record in records {
            offset += i64::from(record.hole) + 1;
            let timestamp_ms = match (magic, bit, codec) {
                (0, ..) => -1,
                (_, 8, Codec::None | Codec::Gzip | Codec::Snappy | Codec::Lz4) => broker_time,
                _ => record.timestamp_ms,
            };
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            match codec {
                Codec::None => {
                    let bytes = message(offset, magic, bit, timestamp_ms, key, value);
                    let offsets = offset + 1 - self.next;
                    self.put(bytes, offsets);
                }
                _ => {
                    let written = if magic == 0 { offset } else { offset - base };
                    let time = record.timestamp_ms;
                    inside.extend(message(written, magic, 0, time, key, value));
                }
            }
            self.visible.push(Visible {
                offset,
                timestamp_ms,
                key: record.key.clone(),
                value: record.value.clone(),
                headers: Vec::new(),
            });
        }
        if codec != Codec::None {
            let value = codec.compress(&inside).expect("compresses");
            let attributes = bit | codec.bits() as u8;
            let set = message(offset, magic, attributes, broker_time, None, Some(&value));
            self.put(set, offset + 1 - base);
        }
    }
}

fn newest(records: &[MadeRecord]) -> i64 {
    let newest = records.iter().map(|record| record.timestamp_ms).max();
    newest.expect("no batch is empty")
}

/// A batch of format 2 before it is written.
#[derive(Debug, Default)]
struct Written {
    attributes: i16,
    last_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    producer: i64,
    count: i32,
    payload: Vec<u8>,
}

impl Written {
    fn bytes(&self, base: i64) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.put_i16(self.attributes);
        checked.put_i32(self.last_delta);
        checked.put_i64(self.base_timestamp);
        checked.put_i64(self.max_timestamp);
        checked.put_i64(self.producer);
        checked.put_i16(0);
        checked.put_i32(17);
        checked.put_i32(self.count);
        checked.put_slice(&self.payload);
        let mut out = Vec::new();
        out.put_i64(base);
        out.put_i32(checked.len() as i32 + 9);
        out.put_i32(7);
        out.put_u8(2);
        out.put_u32(crc32c::crc32c(&checked));
        out.put_slice(&checked);
        out
    }
}

/// A record as it stands in a batch of format 2.
fn framed(record: &MadeRecord, base_timestamp: i64, delta: i64) -> Vec<u8> {
    let mut out = vec![0];
    put_varint(&mut out, record.timestamp_ms.wrapping_sub(base_timestamp));
    put_varint(&mut out, delta);
    let put_bytes = |out: &mut Vec<u8>, bytes: Option<&[u8]>| {
        put_varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
        out.put_slice(bytes.unwrap_or_default());
    };
    put_bytes(&mut out, record.key.as_deref());
    put_bytes(&mut out, record.value.as_deref());
    put_varint(&mut out, record.headers.len() as i64);
    for (number, value) in record.headers.iter().enumerate() {
        put_bytes(&mut out, Some(header_key(number).as_bytes()));
        put_bytes(&mut out, value.as_deref());
    }
    let mut framed = Vec::new();
    put_varint(&mut framed, out.len() as i64);
    framed.extend(out);
    framed
}

/// The key of the header with this number.
pub(crate) fn header_key(number: usize) -> String {
    format!("h{number}")
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        out.push(rest as u8 & 0x7f | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A message of format 0 or 1.
fn message(
    offset: i64,
    magic: u8,
    attributes: u8,
    timestamp_ms: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Vec<u8> {
    let mut checked = vec![magic, attributes];
    if magic == 1 {
        checked.put_i64(timestamp_ms);
    }
    for bytes in [key, value] {
        checked.put_i32(bytes.map_or(-1, |bytes| bytes.len() as i32));
        checked.put_slice(bytes.unwrap_or_default());
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(&checked);
    let mut out = Vec::new();
    out.put_i64(offset);
    out.put_i32(checked.len() as i32 + 4);
    out.put_u32(checksum.sum());
    out.put_slice(&checked);
    out
}
