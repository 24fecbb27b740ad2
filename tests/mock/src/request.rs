//! Reads requests: HTTP/1.1 with a body of known length or in chunks.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head and body.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_BODY_BYTES: usize = 64 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/v1/chat/completions`.
    pub path: String,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl SeenRequest {
    /// A header, if it came.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(other, _)| other == name)?;
        Some(&header.1)
    }
}

/// What the mock reads of the body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) stream: bool,
    stream_options: Option<StreamOptions>,
    tools: Vec<Tool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tool {
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: String,
}

impl Asked {
    pub(crate) fn asks_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage)
    }

    /// The first declared function.
    pub(crate) fn function(&self) -> &str {
        self.tools
            .first()
            .map_or("lookup", |tool| &tool.function.name)
    }
}

/// Reads the next request; `None` if the client is gone.
pub(crate) async fn read(
    socket: &mut TcpStream,
    buffer: &mut BytesMut,
) -> io::Result<Option<SeenRequest>> {
    let head_len = loop {
        if let Some(place) = buffer.windows(4).position(|end| end == b"\r\n\r\n") {
            break place + 4;
        }
        if buffer.len() > MAX_HEAD_BYTES || !more(socket, buffer).await? {
            return Ok(None);
        }
    };
    let head = buffer.split_to(head_len);
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut request = SeenRequest {
        method: first.next().unwrap_or_default().to_owned(),
        path: first.next().unwrap_or_default().to_owned(),
        headers: Vec::with_capacity(12),
        body: Bytes::new(),
    };
    for line in lines {
        if let Some((name, value)) = line.split_once(':') {
            let header = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            request.headers.push(header);
        }
    }
    if request.header("expect").is_some() {
        socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let is_chunked = request
        .header("transfer-encoding")
        .is_some_and(|encoding| encoding.contains("chunked"));
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok());
    request.body = match (is_chunked, length) {
        (true, _) => match read_chunks(socket, buffer).await? {
            Some(body) => body,
            None => return Ok(None),
        },
        (false, None) => Bytes::new(),
        (false, Some(length)) if length > MAX_BODY_BYTES => return Ok(None),
        (false, Some(length)) => {
            if !fill(socket, buffer, length).await? {
                return Ok(None);
            }
            buffer.split_to(length).freeze()
        }
    };
    Ok(Some(request))
}

async fn read_chunks(socket: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    loop {
        let line_len = loop {
            if let Some(place) = buffer.windows(2).position(|end| end == b"\r\n") {
                break place;
            }
            if buffer.len() > MAX_HEAD_BYTES || !more(socket, buffer).await? {
                return Ok(None);
            }
        };
        let line = buffer.split_to(line_len + 2);
        let text = String::from_utf8_lossy(&line);
        let digits = text.trim().split(';').next().unwrap_or_default();
        let Ok(length) = usize::from_str_radix(digits, 16) else {
            return Ok(None);
        };
        if body.len() + length > MAX_BODY_BYTES || !fill(socket, buffer, length + 2).await? {
            return Ok(None);
        }
        body.extend_from_slice(&buffer[..length]);
        buffer.advance(length + 2);
        if length == 0 {
            return Ok(Some(body.freeze()));
        }
    }
}

async fn fill(socket: &mut TcpStream, buffer: &mut BytesMut, length: usize) -> io::Result<bool> {
    while buffer.len() < length {
        if !more(socket, buffer).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether there was more to read.
async fn more(socket: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<bool> {
    buffer.reserve(8192);
    Ok(socket.read_buf(buffer).await? > 0)
}
