//! The trace that a request belongs to, as the W3C recommendation "Trace Context" has it.

use std::fmt;

use tokio::task_local;

use crate::random_id::random_bytes;

/// Flags of `traceparent`.
const SAMPLED: u8 = 1;

task_local! {
    /// The attempt that a provider is being asked by.
    static CURRENT: TraceContext;
}

/// A trace. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(pub(super) [u8; 16]);

/// A span of a trace. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId(pub(super) [u8; 8]);

/// A place in a trace: a span below which there may be others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) is_sampled: bool,
}

impl TraceId {
    fn random() -> Self {
        Self(nonzero())
    }
}

impl SpanId {
    pub(super) fn random() -> Self {
        Self(nonzero())
    }
}

/// Random bytes that are not all zero, which would mean none.
fn nonzero<const N: usize>() -> [u8; N] {
    loop {
        let bytes = random_bytes();
        if bytes != [0; N] {
            return bytes;
        }
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl TraceContext {
    /// The context that was given to the question under way with [`TraceContext::within`].
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_get().ok()
    }

    /// Asks within this context, so that a provider may pass it on.
    pub(crate) async fn within<F: Future>(self, question: F) -> F::Output {
        CURRENT.scope(self, question).await
    }

    /// Reads the value of a header `traceparent`; `None` if it is not exactly of the form that its
    /// version has.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let [version] = hex(bytes.get(..2)?)?;
        // Later versions begin in the same way, and may go on behind another dash.
        let is_of_length = match version {
            0 => bytes.len() == 55,
            255 => false,
            _ => bytes.len() == 55 || bytes.get(55) == Some(&b'-'),
        };
        let has_dashes = [2, 35, 52].iter().all(|&at| bytes.get(at) == Some(&b'-'));
        if !is_of_length || !has_dashes {
            return None;
        }
        let [flags] = hex(bytes.get(53..55)?)?;
        let trace_id = hex(bytes.get(3..35)?).filter(|id| *id != [0; 16])?;
        let span_id = hex(bytes.get(36..52)?).filter(|id| *id != [0; 8])?;
        Some(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            is_sampled: flags & SAMPLED != 0,
        })
    }

    /// The value of a header `traceparent`.
    pub(crate) fn to_text(self) -> String {
        let flags = u8::from(self.is_sampled) * SAMPLED;
        format!("00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// Bytes of lower-case hexadecimal digits; upper-case ones are not allowed there.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Whether a request that is part of a trace already is traced if, and only if, that trace is
    /// recorded where it comes from.
    pub is_parent_based: bool,
    /// Of all others, how many: 0 to 1. It is the id of the trace that decides, so that everybody who
    /// records the same share of a trace records the same traces.
    pub ratio: f64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            is_parent_based: true,
            ratio: 1.0,
        }
    }
}

impl Sampler {
    fn takes(&self, trace_id: TraceId, parent: Option<&TraceContext>) -> bool {
        if let Some(parent) = parent
            && self.is_parent_based
        {
            return parent.is_sampled;
        }
        let [.., a, b, c, d, e, f, g, h] = trace_id.0;
        let drawn = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
        self.ratio >= 1.0 || (drawn as f64) < self.ratio * (1_u64 << 63) as f64
    }

    /// The context of a request whose client says that `parent` is its own; `None` if it is not
    /// traced.
    pub(super) fn context(&self, parent: Option<&TraceContext>) -> Option<TraceContext> {
        let trace_id = parent.map_or_else(TraceId::random, |parent| parent.trace_id);
        self.takes(trace_id, parent).then(|| TraceContext {
            trace_id,
            span_id: SpanId::random(),
            is_sampled: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_read() {
        let context = TraceContext::parse(GOOD).unwrap();
        assert!(context.is_sampled);
        assert_eq!(context.to_text(), GOOD);
        let drawn = Sampler::default().context(None).unwrap();
        assert_eq!(TraceContext::parse(&drawn.to_text()), Some(drawn));
        let off = TraceContext::parse(&GOOD.replace("-01", "-00")).unwrap();
        assert!(!off.is_sampled);
        assert_eq!(off.to_text(), GOOD.replace("-01", "-00"));
    }

    #[test]
    fn later_versions_may_say_more() {
        let read = |text: &str| TraceContext::parse(text).map(TraceContext::to_text);
        let later = format!("cc{}-what-else", &GOOD[2..]);
        assert_eq!(read(&later).as_deref(), Some(GOOD));
        assert_eq!(read(&format!("cc{}", &GOOD[2..])).as_deref(), Some(GOOD));
        // Flags that are not known mean nothing.
        assert_eq!(read(&GOOD.replace("-01", "-ff")).as_deref(), Some(GOOD));
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        let zero_trace = GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = GOOD.replace("00f067aa0ba902b7", &"0".repeat(16));
        let wrong = [
            String::new(),
            "00".to_owned(),
            GOOD.to_uppercase(),
            GOOD.replace('-', "_"),
            format!("{GOOD}-more"),
            format!("{GOOD} "),
            format!(" {GOOD}"),
            format!("ff{}", &GOOD[2..]),
            format!("cc{}more", &GOOD[2..]),
            format!("cc{}.more", &GOOD[2..]),
            format!("0x{}", &GOOD[2..]),
            GOOD.replace("-01", "-0g"),
            zero_trace,
            zero_span,
            "é".repeat(30),
        ];
        for text in wrong {
            assert_eq!(TraceContext::parse(&text), None, "{text:?}");
        }
        // Every byte that is lost or exchanged makes it malformed, or other ids.
        for at in 0..GOOD.len() {
            assert_eq!(TraceContext::parse(&GOOD[..at]), None);
            for byte in ['g', 'A', '-', '\u{e9}'] {
                let mut text = GOOD.to_owned();
                if text[at..].starts_with(byte) {
                    continue;
                }
                text.replace_range(at..=at, &byte.to_string());
                assert_eq!(TraceContext::parse(&text), None, "{text:?}");
            }
        }
    }

    #[test]
    fn a_trace_goes_on_if_it_is_recorded_where_it_comes_from() {
        let sampler = Sampler::default();
        let parent = TraceContext::parse(GOOD).unwrap();
        let own = sampler.context(Some(&parent)).unwrap();
        assert_eq!(own.trace_id, parent.trace_id);
        assert_ne!(own.span_id, parent.span_id);
        let unsampled = TraceContext {
            is_sampled: false,
            ..parent
        };
        assert_eq!(sampler.context(Some(&unsampled)), None);
        let always = Sampler {
            is_parent_based: false,
            ratio: 1.0,
        };
        assert!(always.context(Some(&unsampled)).is_some());
        let never = Sampler {
            is_parent_based: true,
            ratio: 0.0,
        };
        assert_eq!(never.context(None), None);
        assert!(never.context(Some(&parent)).is_some());
    }

    #[test]
    fn a_share_of_traces_is_taken_by_their_ids() {
        let quarter = Sampler {
            is_parent_based: true,
            ratio: 0.25,
        };
        let id = |byte: u8| {
            let mut id = [0xff; 16];
            id[8..].fill(byte);
            TraceId(id)
        };
        assert!(quarter.takes(id(0x3f), None));
        assert!(!quarter.takes(id(0x40), None));
        assert!(Sampler::default().takes(id(0xff), None));
        let taken = (0..10_000).filter(|_| quarter.context(None).is_some());
        let count = taken.count();
        assert!((2200..2800).contains(&count), "{count}");
    }
}
