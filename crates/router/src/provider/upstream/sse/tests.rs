use proptest::prelude::*;

use super::*;

/// What [`SseSplitter`] and [`sse_events`] make of pieces.
fn streamed(pieces: &[&[u8]]) -> Vec<(String, String)> {
    let mut splitter = SseSplitter::default();
    let mut found = Vec::new();
    let mut take = |block: Bytes| {
        // Whole events are whole characters wherever the whole is.
        if let Ok(text) = std::str::from_utf8(&block) {
            let events = sse_events(text).filter(|event| !event.data.is_empty());
            found.extend(events.map(|event| (event.name.to_owned(), event.data.into_owned())));
        }
    };
    for piece in pieces {
        take(splitter.push(Bytes::copy_from_slice(piece)).unwrap());
    }
    take(splitter.finish());
    found
}

/// The same from the whole text, as plainly as the standard says it.
fn oracle(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n") + "\n\n";
    let mut found = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    for line in text.split('\n') {
        // More is forgiven than has to be: a byte order mark before any line.
        let line = match line {
            "\u{feff}" => line,
            line => line.strip_prefix('\u{feff}').unwrap_or(line),
        };
        if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        } else if line == "data" {
            data.push(String::new());
        } else if let Some(value) = line.strip_prefix("event:") {
            name = value.strip_prefix(' ').unwrap_or(value).to_owned();
        } else if line == "event" {
            name.clear();
        } else if line.is_empty() {
            let joined = std::mem::take(&mut data).join("\n");
            let name = std::mem::take(&mut name);
            if !joined.is_empty() {
                found.push((name, joined));
            }
        }
    }
    found
}

#[test]
fn what_one_read_brought_is_one_block_of_the_same_memory() {
    let bytes = Bytes::from_static(b"data: 1\n\ndata: 2\n\ndata: 3");
    let mut splitter = SseSplitter::default();
    let block = splitter.push(bytes.clone()).unwrap();
    assert_eq!(&block[..], b"data: 1\n\ndata: 2\n\n");
    assert_eq!(block.as_ptr(), bytes.as_ptr());
    let events: Vec<_> = sse_events(std::str::from_utf8(&block).unwrap()).collect();
    assert!(events.iter().all(|event| event.is_plain));
    assert_eq!(events[1].place, 9..18);
    let rest = splitter.push(Bytes::from_static(b"4\n\n")).unwrap();
    assert_eq!(&rest[..], b"data: 34\n\n");
}

#[test]
fn only_one_line_of_data_and_line_feeds_are_plain() {
    for (text, is_plain) in [
        ("data: x\n\n", true),
        ("data:x\n\n", true),
        ("data: x\r\n\r\n", false),
        ("data: x\r\r", false),
        ("\u{feff}data: x\n\n", false),
        ("data: x\ndata: y\n\n", false),
        ("event: a\ndata: x\n\n", false),
        (": comment\n\n", false),
        (": comment\ndata: x\n\n", false),
        ("\n", false),
    ] {
        let events: Vec<_> = sse_events(text).collect();
        assert_eq!(events.len(), 1, "{text:?}");
        assert_eq!(events[0].is_plain, is_plain, "{text:?}");
        assert_eq!(events[0].place, 0..text.len(), "{text:?}");
    }
}

#[test]
fn an_event_without_end_is_given_up() {
    let mut splitter = SseSplitter::default();
    let piece = Bytes::from(vec![b'x'; 1 << 18]);
    for _ in 0..4 {
        assert_eq!(splitter.push(piece.clone()), Ok(Bytes::new()));
    }
    assert_eq!(splitter.push(piece), Err(EventTooLong));
}

#[test]
fn a_line_feed_after_the_last_carriage_return_belongs_to_it() {
    let pieces: [&[u8]; 4] = [b"data: a\r\n\r", b"", b"\ndata: b\r\r", b"\ndata: c\n\n"];
    let events: Vec<String> = streamed(&pieces)
        .into_iter()
        .map(|(_, data)| data)
        .collect();
    assert_eq!(events, ["a", "b", "c"]);
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("data: ".to_owned()),
        Just("data:".to_owned()),
        Just("data".to_owned()),
        Just("event: error".to_owned()),
        Just(": OPENROUTER PROCESSING".to_owned()),
        Just("id: 7".to_owned()),
        Just("[DONE]".to_owned()),
        Just("{\"a\": \"💖é\"}".to_owned()),
        Just("\u{feff}".to_owned()),
        ".{0,3}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_cuts_give_the_events_of_the_whole(
        text in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let bytes = text.as_bytes();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(streamed(&pieces), oracle(&text));
    }

    #[test]
    fn any_bytes_are_taken_and_none_is_lost(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
        size in 1usize..20,
    ) {
        let mut splitter = SseSplitter::default();
        let mut all = Vec::new();
        for piece in bytes.chunks(size) {
            all.extend_from_slice(&splitter.push(Bytes::copy_from_slice(piece)).unwrap());
        }
        let rest = splitter.finish();
        all.extend_from_slice(rest.strip_suffix(b"\n\n").unwrap_or(&rest));
        // A line feed behind a carriage return that ended a block is skipped.
        let without = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().filter(|&byte| byte != b'\n').collect()
        };
        prop_assert_eq!(without(&all), without(&bytes));
    }
}
