//! The few words of Kafka's protocol that the test bed needs to see that a node is ready.
//!
//! Written by hand, so that a test bed that does not come up is never the fault of the client under
//! test. Formats: <https://kafka.apache.org/protocol>.

use std::io::{self, Read, Write};

/// The client id of every request.
const CLIENT_ID: &str = "ferry-testbed";

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Asks which APIs the node speaks (ApiVersions, version 0), and returns how many.
///
/// # Errors
/// Those of the connection, and an answer that is not one.
pub fn api_versions(stream: &mut (impl Read + Write)) -> io::Result<usize> {
    let answer = ask(stream, 18, 0, &[])?;
    let mut answer = Answer(&answer);
    answer.no_error("ApiVersions")?;
    let count = answer.i32()?;
    usize::try_from(count).map_err(|_| malformed("a negative count of APIs"))
}

/// Logs in with a name and a password by the mechanism PLAIN (SaslHandshake, version 1;
/// SaslAuthenticate, version 1).
///
/// # Errors
/// Those of the connection; [`io::ErrorKind::PermissionDenied`] when the node refuses the login.
pub fn log_in_plain(
    stream: &mut (impl Read + Write),
    user: &str,
    password: &str,
) -> io::Result<()> {
    start_login(stream, "PLAIN")?;
    let token = format!("\0{user}\0{password}");
    continue_login(stream, token.as_bytes()).map(drop)
}

/// Begins a login by `mechanism` (SaslHandshake, version 1).
///
/// # Errors
/// Those of the connection; [`io::ErrorKind::PermissionDenied`] when the node does not offer it.
pub fn start_login(stream: &mut (impl Read + Write), mechanism: &str) -> io::Result<()> {
    let mut body = Vec::new();
    put_string(&mut body, mechanism)?;
    let answer = ask(stream, 17, 1, &body)?;
    match Answer(&answer).i16()? {
        0 => Ok(()),
        code => Err(denied(format!("SaslHandshake: error code {code}"))),
    }
}

/// Sends one message of a login and returns the node's (SaslAuthenticate, version 1).
///
/// # Errors
/// Those of the connection; [`io::ErrorKind::PermissionDenied`] when the node refuses the login.
pub fn continue_login(stream: &mut (impl Read + Write), message: &[u8]) -> io::Result<Vec<u8>> {
    let length = i32::try_from(message.len()).map_err(|_| malformed("a message too long"))?;
    let mut body = length.to_be_bytes().to_vec();
    body.extend_from_slice(message);
    let answer = ask(stream, 36, 1, &body)?;
    let mut answer = Answer(&answer);
    let code = answer.i16()?;
    let text = answer.nullable_string()?;
    if code != 0 {
        let text = text.unwrap_or_default();
        return Err(denied(format!(
            "SaslAuthenticate: error code {code} {text}"
        )));
    }
    let length = answer.i32()?;
    let length = usize::try_from(length).map_err(|_| malformed("a negative length"))?;
    Ok(answer.take(length)?.to_vec())
}

/// Asks which brokers are alive (DescribeCluster, version 0, KIP-700), and returns their ids in
/// ascending order. Needs no permission.
///
/// # Errors
/// Those of the connection, an error code, and an answer that is not one.
pub fn describe_cluster(stream: &mut (impl Read + Write)) -> io::Result<Vec<i32>> {
    // No authorized operations, no tagged fields.
    let answer = ask_flexible(stream, 60, 0, &[0, 0])?;
    let mut answer = Answer(&answer);
    let _throttle_time_ms = answer.i32()?;
    answer.no_error("DescribeCluster")?;
    answer.compact_bytes()?;
    answer.compact_bytes()?;
    let _controller_id = answer.i32()?;
    let count = answer.unsigned_varint()?.saturating_sub(1);
    let mut brokers = Vec::new();
    for _ in 0..count {
        brokers.push(answer.i32()?);
        answer.compact_bytes()?;
        let _port = answer.i32()?;
        answer.compact_bytes()?;
        answer.skip_tagged_fields()?;
    }
    brokers.sort_unstable();
    Ok(brokers)
}

/// Sends a request with header version 1 and returns the answer's body.
fn ask(
    stream: &mut (impl Read + Write),
    api_key: i16,
    api_version: i16,
    body: &[u8],
) -> io::Result<Vec<u8>> {
    exchange(stream, api_key, api_version, body)
}

/// Sends a request with header version 2, which ends with tagged fields (KIP-482), and returns the
/// answer's body.
fn ask_flexible(
    stream: &mut (impl Read + Write),
    api_key: i16,
    api_version: i16,
    body: &[u8],
) -> io::Result<Vec<u8>> {
    let mut tagged = vec![0];
    tagged.extend_from_slice(body);
    let answer = exchange(stream, api_key, api_version, &tagged)?;
    let mut rest = Answer(&answer);
    rest.skip_tagged_fields()?;
    Ok(rest.0.to_vec())
}

/// Sends a request whose header is followed by `rest`, and returns what follows the answer's
/// correlation id.
fn exchange(
    stream: &mut (impl Read + Write),
    api_key: i16,
    api_version: i16,
    rest: &[u8],
) -> io::Result<Vec<u8>> {
    const CORRELATION_ID: i32 = 1;
    let mut request = Vec::new();
    request.extend_from_slice(&api_key.to_be_bytes());
    request.extend_from_slice(&api_version.to_be_bytes());
    request.extend_from_slice(&CORRELATION_ID.to_be_bytes());
    put_string(&mut request, CLIENT_ID)?;
    request.extend_from_slice(rest);
    let length = i32::try_from(request.len()).map_err(|_| malformed("a request too long"))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.append(&mut request);
    stream.write_all(&frame)?;
    stream.flush()?;

    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length))
        .ok()
        .filter(|length| (4..=ANSWER_BYTES_MAX).contains(length))
        .ok_or_else(|| malformed("a length that no answer has"))?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    let mut answer = Answer(&answer);
    if answer.i32()? != CORRELATION_ID {
        return Err(malformed("an answer to another request"));
    }
    Ok(answer.0.to_vec())
}

/// Appends a string with its length in two bytes.
fn put_string(bytes: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let length = i16::try_from(text.len()).map_err(|_| malformed("a string too long"))?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}

/// What is left of an answer.
struct Answer<'a>(&'a [u8]);

impl<'a> Answer<'a> {
    fn take(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| malformed("an answer that ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn i16(&mut self) -> io::Result<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    fn i32(&mut self) -> io::Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn no_error(&mut self, api: &str) -> io::Result<()> {
        match self.i16()? {
            0 => Ok(()),
            code => Err(io::Error::other(format!("{api}: error code {code}"))),
        }
    }

    /// A string whose length is in two bytes; -1 means that there is none.
    fn nullable_string(&mut self) -> io::Result<Option<String>> {
        match usize::try_from(self.i16()?) {
            Ok(length) => Ok(Some(
                String::from_utf8_lossy(self.take(length)?).into_owned(),
            )),
            Err(_) => Ok(None),
        }
    }

    /// Bytes whose length plus one is a varint; 0 means that there are none.
    fn compact_bytes(&mut self) -> io::Result<&'a [u8]> {
        let length = self.unsigned_varint()?.saturating_sub(1);
        self.take(usize::try_from(length).map_err(|_| malformed("a length too large"))?)
    }

    fn unsigned_varint(&mut self) -> io::Result<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = u32::from(self.array::<1>()?[0]);
            value |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed("a varint that does not end"))
    }

    fn skip_tagged_fields(&mut self) -> io::Result<()> {
        for _ in 0..self.unsigned_varint()? {
            let _tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()?;
            self.take(usize::try_from(length).map_err(|_| malformed("a length too large"))?)?;
        }
        Ok(())
    }
}

/// An answer that is not what the protocol says.
fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A login that was refused.
fn denied(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, what)
}
