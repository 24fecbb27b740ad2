//! A host that sends any bytes in any pieces, and what the router makes of them. The fuzz target
//! `upstream` has this file too.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use mock::{Behaviour, Mock, Step};
use router::config::{Bounds, ProviderConfig, RateHeaders, Timeouts};
use router::openai::{ChatRequest, CompletionRequest, RelayedReader};
use router::provider::upstream::{UpstreamProvider, sse_events};
use router::provider::{AnswerEvent, AnswerStream, Delta, Provider, QuotaWindow};
use router::{FailureKind, RouterError};
use serde::de::IgnoredAny;

/// Nothing waits for so long but what hangs.
const LONG: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest message of an error.
const MAX_MESSAGE_BYTES: usize = 4096;

/// What hosts say, to be mixed.
pub(crate) const WORDS: [&str; 31] = [
    "data: ",
    "\n\n",
    "\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello 💖\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\" \"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"<|channel|>analysis<|message|>a<|end|>\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"<|start|>assistant<|channel|>final<|mess\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"age|>b<|return|>\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"analysis\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"We.assist\"}}]}\r\r",
    "data: {\"choices\":[{\"delta\":{\"content\":\"antfinal\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"commentary to=functions.f {}\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\
     \"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\
     \"function\":{\"arguments\":\"}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[{\"delta\":{},\ndata: \"finish_reason\":\"length\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
    "data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n",
    "data: {\"choices\":[{\"index\":0,\"text\":\"once\"}]}\n\n",
    "data: [DONE]\n\n",
    "event: error\n",
    ": comment\n\n",
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
    "\"},\"finish_reason\":\"stop\"}],\"usage\":null}",
    "{\"error\":{\"message\":\"",
    "\",\"type\":\"x\",\"code\":\"rate_limit_exceeded\"}}",
    "\u{feff}",
    "<|call|>",
    "data: {\"choices\":[{\"index\":2,\"delta\":{\"content\":\"<|\"}}]}\n\n",
];

/// What is asked, and of which host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) is_stream: bool,
    pub(crate) kind: AskKind,
    /// Whether the host is known to let Harmony into its words.
    pub(crate) leaks_harmony: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskKind {
    Words,
    Call,
    Json,
    Usage,
    /// A text that is continued.
    Text,
}

impl AskKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Words, Self::Call, Self::Json, Self::Usage, Self::Text];
}

/// What is answered.
#[derive(Clone)]
pub(crate) struct Sent {
    /// Of those that have a body.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        write!(f, "{}", self.body.escape_ascii())
    }
}

/// Where the body is cut: so many bytes of it, and whether all who read get a turn before the rest.
pub(crate) type Cut = (usize, bool);

/// What became of an answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// What went on as it came.
    pub(crate) relayed: Vec<u8>,
    /// What was made of it here, where it did not.
    pub(crate) events: Vec<String>,
    /// What the first choice says.
    pub(crate) content: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<(String, String)>,
    /// Why it is no answer, whenever that was seen, and whether it is said when to come back.
    pub(crate) failure: Option<FailureKind>,
    pub(crate) tells_wait: bool,
    /// Tokens of the prompt and of the answer.
    pub(crate) usage: Option<(usize, usize)>,
}

/// A host on loopback, and two ways to see it.
pub(crate) struct Host {
    mock: Mock,
    honest: UpstreamProvider,
    leaky: UpstreamProvider,
}

impl Host {
    /// Of its answers so many bytes are taken.
    pub(crate) async fn start(max_bytes: usize) -> Self {
        let mock = Mock::start().await.expect("a free port");
        let provider = |leaks_harmony| {
            let mut config = ProviderConfig::new("host", mock.base_url());
            config.dialect.leaks_harmony = leaks_harmony;
            config.dialect.rate_headers = Some(RateHeaders {
                requests: QuotaWindow::RequestsPerDay,
                tokens: QuotaWindow::TokensPerMinute,
            });
            config.bounds = Bounds {
                max_answer_bytes: max_bytes,
                max_stream_bytes: max_bytes,
                ..Bounds::default()
            };
            config.timeouts = Timeouts {
                connect: LONG,
                first_byte: LONG,
                first_content: LONG,
                idle: LONG,
                stream: LONG,
                whole: LONG,
                list: LONG,
            };
            UpstreamProvider::new(config).expect("a configuration")
        };
        let (honest, leaky) = (provider(false), provider(true));
        Self {
            mock,
            honest,
            leaky,
        }
    }

    /// What becomes of an answer that comes in these pieces, and its rest at once.
    pub(crate) async fn outcome(&self, ask: Ask, sent: &Sent, cuts: &[Cut]) -> Outcome {
        self.mock.set("m", Behaviour::Raw(steps(sent, cuts)));
        let outcome = tokio::time::timeout(PATIENCE, self.asked(ask));
        outcome.await.expect("an answer, or an error: it hangs")
    }

    async fn asked(&self, ask: Ask) -> Outcome {
        let provider = match ask.leaks_harmony {
            true => &self.leaky,
            false => &self.honest,
        };
        let body = request(ask);
        let answer = match ask.kind {
            AskKind::Text => {
                let request = CompletionRequest::from_json(body.into()).expect("a request");
                provider.complete("m", &Arc::new(request)).await
            }
            _ => {
                let request = ChatRequest::from_json(body.into()).expect("a request");
                provider.chat("m", &Arc::new(request)).await
            }
        };
        let mut outcome = Outcome::default();
        provider.take_quota_reports();
        match answer {
            Ok(answer) => outcome.read(answer).await,
            Err(RouterError::Provider(error)) => outcome.fail(&error),
            Err(error) => panic!("{error}"),
        }
        outcome
    }
}

fn request(ask: Ask) -> String {
    let more = match ask.kind {
        AskKind::Words => "",
        AskKind::Text => {
            return format!(
                "{{\"model\":\"m\",\"prompt\":\"a\",\"stream\":{}}}",
                ask.is_stream
            );
        }
        AskKind::Call => {
            ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}]"
        }
        AskKind::Json => ",\"response_format\":{\"type\":\"json_object\"}",
        AskKind::Usage if ask.is_stream => ",\"stream_options\":{\"include_usage\":true}",
        AskKind::Usage => "",
    };
    format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\
         \"stream\":{}{more}}}",
        ask.is_stream
    )
}

/// The answer as HTTP: whole with its length, else a chunk for each piece.
fn steps(sent: &Sent, cuts: &[Cut]) -> Vec<Step> {
    let mut bytes = format!("HTTP/1.1 {} Mock\r\n", sent.status).into_bytes();
    for (name, value) in &sent.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend(value.iter().filter(|byte| !b"\r\n\0".contains(byte)));
        bytes.extend_from_slice(b"\r\n");
    }
    let mut rest = &sent.body[..];
    if cuts.is_empty() {
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", rest.len()).as_bytes());
        bytes.extend_from_slice(rest);
        return vec![Step::Send(bytes.into())];
    }
    bytes.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    let mut steps = Vec::new();
    for &(size, pauses) in cuts.iter().chain([&(usize::MAX, false)]) {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        if !piece.is_empty() {
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        if pauses {
            steps.push(Step::Send(std::mem::take(&mut bytes).into()));
            steps.push(Step::Wait(Duration::ZERO));
        }
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    steps.push(Step::Send(bytes.into()));
    steps
}

impl Outcome {
    async fn read(&mut self, mut answer: AnswerStream) {
        let mut reader = RelayedReader::default();
        let mut is_over = false;
        while let Some(item) = answer.next().await {
            assert!(!is_over, "something came after the last item");
            match item {
                Ok(AnswerEvent::Relayed(bytes)) => {
                    check_events(&bytes);
                    for event in reader.read(&bytes) {
                        self.hear(&event);
                    }
                    self.relayed.extend_from_slice(&bytes);
                }
                Ok(AnswerEvent::Whole(bytes)) => {
                    check_json(std::str::from_utf8(&bytes).expect("UTF-8"));
                    self.relayed.extend_from_slice(&bytes);
                }
                Ok(AnswerEvent::Ended { fault, .. }) => {
                    self.failure = fault;
                    is_over = true;
                }
                Err(error) => {
                    self.fail(&error);
                    is_over = true;
                }
                Ok(event) => {
                    self.hear(&event);
                    self.events.push(shown(event));
                }
            }
        }
        assert!(is_over, "the stream ended without a last item");
        let usage = answer.progress().usage;
        self.usage = usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens));
    }

    fn fail(&mut self, error: &router::ProviderError) {
        assert!(
            error.message.len() <= MAX_MESSAGE_BYTES,
            "{}",
            error.message
        );
        self.failure = Some(error.kind);
        self.tells_wait = error.retry_after.is_some();
    }

    fn hear(&mut self, event: &AnswerEvent) {
        let AnswerEvent::Delta {
            choice: 0, delta, ..
        } = event
        else {
            return;
        };
        match delta {
            Delta::Content(text) => self.content.push_str(text),
            Delta::Reasoning(text) => self.reasoning.push_str(text),
            Delta::CallStarted { name, .. } => self.calls.push((name.clone(), String::new())),
            Delta::CallArguments { index, text } => {
                let call = usize::try_from(*index)
                    .ok()
                    .and_then(|index| self.calls.get_mut(index));
                call.expect("a call that began").1.push_str(text);
            }
        }
    }

    /// Fails unless this is what became of the same answer that came in one piece.
    pub(crate) fn check(&self, whole: &Self) {
        assert_eq!(self.failure, whole.failure);
        if self.failure.is_some() {
            // What went on before it was seen cannot be taken back.
            return;
        }
        assert_eq!(self.usage, whole.usage);
        assert_eq!(self.content, whole.content);
        assert_eq!(self.reasoning, whole.reasoning);
        assert_eq!(self.calls, whole.calls);
        if self.events.is_empty() && whole.events.is_empty() {
            assert_eq!(self.relayed, whole.relayed);
        }
    }
}

/// Every relayed event is a line of JSON and an empty line.
fn check_events(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let events = text.strip_suffix("\n\n").expect("whole events");
    for event in events.split("\n\n") {
        let data = event.strip_prefix("data:").expect("data and nothing else");
        assert!(!data.contains(['\n', '\r']), "{event:?}");
        check_json(data);
    }
    assert!(sse_events(text).all(|event| event.is_plain));
}

fn check_json(text: &str) {
    let json: Result<IgnoredAny, _> = serde_json::from_str(text);
    json.unwrap_or_else(|error| panic!("{error}: {text:?}"));
}

/// An event without the name that a call was given by chance.
fn shown(mut event: AnswerEvent) -> String {
    if let AnswerEvent::Delta {
        delta: Delta::CallStarted { id, .. },
        ..
    } = &mut event
    {
        id.clear();
    }
    format!("{event:?}")
}
