//! A hub on this machine, as good or as bad as a test wants it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use engine::synth::{self, SynthSpec};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "6cee5e81ee83917806bbde320786a8fb61efebee";
pub(crate) const SHARD: &str = "model-00000-of-00001.safetensors";

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// The first byte asked for.
    pub(crate) fn offset(&self) -> Option<usize> {
        let range = self.header("range")?;
        let first = range.strip_prefix("bytes=")?.strip_suffix('-')?;
        Some(first.parse().unwrap())
    }

    pub(crate) fn is_for(&self, name: &str) -> bool {
        self.target.ends_with(&format!("/resolve/{COMMIT}/{name}"))
    }

    pub(crate) fn is_listing(&self) -> bool {
        self.target.starts_with("/api/models/")
    }
}

type Behaviour = dyn Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync;

/// A listener whose every connection serves one request.
pub(crate) struct FakeHub {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl FakeHub {
    pub(crate) fn start(
        behaviour: impl Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let (log, over) = (requests.clone(), is_over.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (log, behaviour) = (log.clone(), behaviour.clone());
                thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    if let Ok(request) = read_request(&stream) {
                        log.lock().unwrap().push(request.clone());
                        // The client may hang up whenever it likes.
                        let _ = behaviour(&request, &mut stream);
                    }
                });
            }
        });
        Self {
            address,
            requests,
            is_over,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests so far for a file of the model.
    pub(crate) fn requests_for(&self, name: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.is_for(name));
        requests
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let mut next = || {
        lines
            .next()
            .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    };
    let line = next()?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let line = next()?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Request { target, headers });
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// A model to serve: a small gpt-oss checkpoint and what else lies in a repository.
#[derive(Clone)]
pub(crate) struct Repository {
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Repository {
    /// A checkpoint that loads, with the names of the official one.
    pub(crate) fn gpt_oss() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoint");
        synth::write(&SynthSpec::tiny(), 7, &path, 1, &mut |_| {
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        let mut files: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect();
        for name in ["README.md", "original/config.json", "metal/model.bin"] {
            files.push((name.to_owned(), name.repeat(10).into_bytes()));
        }
        files.sort();
        Self { files }
    }

    pub(crate) fn file(&self, name: &str) -> &[u8] {
        let (_, bytes) = self.files.iter().find(|(file, _)| file == name).unwrap();
        bytes
    }

    /// The list of files as the hub gives it; large files are those of weights.
    pub(crate) fn listing(&self) -> Value {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(name, bytes)| {
                let size = bytes.len();
                match is_large(name) {
                    true => json!({
                        "rfilename": name, "size": size, "blobId": "0".repeat(40),
                        "lfs": {"sha256": checksum(name, bytes), "size": size, "pointerSize": 134}
                    }),
                    false => {
                        json!({"rfilename": name, "size": size, "blobId": checksum(name, bytes)})
                    }
                }
            })
            .collect();
        json!({"id": "openai/gpt-oss-20b", "sha": COMMIT, "private": false, "siblings": files})
    }

    /// Does what a hub does.
    pub(crate) fn serve(&self, request: &Request, stream: &mut TcpStream) -> io::Result<()> {
        if request.is_listing() {
            return respond(stream, 200, &[], self.listing().to_string().as_bytes());
        }
        match self.files.iter().find(|(name, _)| request.is_for(name)) {
            Some((_, bytes)) => respond_with_file(request, stream, bytes, bytes.len()),
            None => respond(
                stream,
                404,
                &[("x-error-code", "EntryNotFound")],
                b"no such file",
            ),
        }
    }
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".bin")
}

/// The name of a file's blob.
pub(crate) fn checksum(name: &str, bytes: &[u8]) -> String {
    let digest = match is_large(name) {
        true => Sha256::digest(bytes).to_vec(),
        false => Sha1::new_with_prefix(format!("blob {}\0", bytes.len()))
            .chain_update(bytes)
            .finalize()
            .to_vec(),
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a whole answer.
pub(crate) fn respond(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let length = body.len().to_string();
    let mut headers = headers.to_vec();
    headers.push(("content-length", &length));
    head(stream, status, &headers)?;
    stream.write_all(body)
}

/// Sends the part of a file that is asked for, as if `max_bytes` were all the network could bear.
pub(crate) fn respond_with_file(
    request: &Request,
    stream: &mut TcpStream,
    bytes: &[u8],
    max_bytes: usize,
) -> io::Result<()> {
    let total = bytes.len();
    let offset = request.offset().unwrap_or(0);
    let part = &bytes[offset..];
    let length = part.len().to_string();
    let range = format!("bytes {offset}-{}/{total}", total - 1);
    let length = ("content-length", length.as_str());
    match request.offset() {
        Some(_) => head(stream, 206, &[length, ("content-range", &range)])?,
        None => head(stream, 200, &[length])?,
    }
    stream.write_all(&part[..part.len().min(max_bytes)])
}

/// Sends a head; a body may follow.
pub(crate) fn head(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, &str)],
) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())
}
