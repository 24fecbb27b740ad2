//! Cuts a stream into server-sent events, however its bytes come in.
//!
//! What one read brought is passed on as it is, without a copy, as far as it holds whole events.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2, memmem};

/// Longest event, without the line ends behind it.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// Line ends that an event may have begun to end with.
const MAX_END_BYTES: usize = 4;

/// An event grew past [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong;

/// Finds where events end.
#[derive(Debug, Default)]
pub struct SseSplitter {
    /// The event that has begun.
    begun: BytesMut,
    /// How much of it holds no end.
    num_scanned: usize,
    /// Whether the last block ended in a carriage return, to which a line feed may belong.
    skips_line_feed: bool,
}

impl SseSplitter {
    /// Takes more bytes; returns the events that they complete, as they came, or nothing. One of
    /// those may be longer than [`MAX_EVENT_BYTES`], by no more than these bytes.
    ///
    /// # Errors
    /// [`EventTooLong`].
    pub fn push(&mut self, mut bytes: Bytes) -> Result<Bytes, EventTooLong> {
        if self.skips_line_feed && !bytes.is_empty() {
            self.skips_line_feed = false;
            if bytes[0] == b'\n' {
                bytes.advance(1);
            }
        }
        let block = if self.begun.is_empty() {
            let end = end_of_last(&bytes, 0).unwrap_or(0);
            let block = bytes.split_to(end);
            self.begun.extend_from_slice(&bytes);
            block
        } else {
            self.begun.extend_from_slice(&bytes);
            match end_of_last(&self.begun, self.num_scanned) {
                Some(end) => self.begun.split_to(end).freeze(),
                None => Bytes::new(),
            }
        };
        self.num_scanned = self.begun.len();
        self.skips_line_feed |= self.begun.is_empty() && block.last() == Some(&b'\r');
        match self.begun.len() > MAX_EVENT_BYTES + MAX_END_BYTES {
            true => Err(EventTooLong),
            false => Ok(block),
        }
    }

    /// There are no more bytes; the event that has begun, ended for those who forget to.
    pub fn finish(&mut self) -> Bytes {
        if self.begun.is_empty() {
            return Bytes::new();
        }
        self.begun.extend_from_slice(b"\n\n");
        self.begun.split().freeze()
    }
}

/// Where the last event of `bytes` ends, which begin with an event; an end before `num_scanned` is
/// known not to be there.
fn end_of_last(bytes: &[u8], num_scanned: usize) -> Option<usize> {
    // An end has at most four bytes.
    let from = num_scanned.saturating_sub(3);
    let new = &bytes[from..];
    if memchr(b'\r', new).is_none() {
        return memmem::rfind(new, b"\n\n").map(|place| from + place + 2);
    }
    let mut last = None;
    let mut line_ended_at = None;
    let mut at = 0;
    while let Some(found) = memchr2(b'\n', b'\r', &new[at..]) {
        let place = at + found;
        at = place + line_end_len(&new[place..]);
        if line_ended_at == Some(place) {
            last = Some(from + at);
        }
        line_ended_at = Some(at);
    }
    last
}

/// How long the line end is with which `bytes` begin.
fn line_end_len(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] => 2,
        _ => 1,
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Its data, lines joined; empty if it has none, as a comment.
    pub data: Cow<'a, str>,
    /// What it is called; empty if it has no name.
    pub name: &'a str,
    /// Where it lies in the block.
    pub place: Range<usize>,
    /// Whether it is one line of data and an empty line, as everybody writes it and everybody reads
    /// it.
    pub is_plain: bool,
}

/// The events of a block, those without data included.
pub fn sse_events(block: &str) -> impl Iterator<Item = SseEvent<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let event = next_event(block, at)?;
        at = event.place.end;
        Some(event)
    })
}

fn next_event(block: &str, start: usize) -> Option<SseEvent<'_>> {
    let mut event = SseEvent {
        data: Cow::Borrowed(""),
        name: "",
        place: start..start,
        is_plain: false,
    };
    let mut num_lines = 0;
    let mut num_data = 0;
    let mut is_odd = false;
    while let Some((line, end)) = next_line(block, event.place.end) {
        is_odd |= &block[event.place.end + line.len()..end] != "\n";
        event.place.end = end;
        if line.is_empty() {
            event.is_plain = num_lines == 1 && num_data == 1 && !is_odd;
            return Some(event);
        }
        num_lines += 1;
        // A byte order mark may stand before the first line.
        let line = match line.strip_prefix('\u{feff}') {
            Some(line) => {
                is_odd = true;
                line
            }
            None => line,
        };
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" if num_data == 0 => {
                event.data = Cow::Borrowed(value);
                num_data = 1;
            }
            "data" => {
                let data = event.data.to_mut();
                data.push('\n');
                data.push_str(value);
                num_data += 1;
            }
            "event" => event.name = value,
            // Comments have an empty field; `id` and `retry` say nothing here.
            _ => {}
        }
    }
    None
}

/// The line that begins at `start`, without its end, and where the next one begins.
fn next_line(block: &str, start: usize) -> Option<(&str, usize)> {
    let rest = &block.as_bytes()[start..];
    let length = memchr2(b'\n', b'\r', rest)?;
    let end = start + length + line_end_len(&rest[length..]);
    Some((&block[start..start + length], end))
}

#[cfg(test)]
mod tests;
