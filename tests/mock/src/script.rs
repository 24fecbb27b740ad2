//! Behaviours as steps on the socket.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use crate::answers::{Answer, UsageStyle};
use crate::behaviour::Behaviour;
use crate::request::Asked;

/// Bytes of a huge body.
const HUGE_BYTES: usize = 100 << 20;
/// Between two bytes of a slow one.
const SLOW: Duration = Duration::from_millis(20);

/// One thing that is done on the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes are sent.
    Send(Bytes),
    /// These bytes are sent so often.
    Repeat(Bytes, usize),
    /// These bytes are sent one by one, with a pause between two.
    Trickle(Bytes, Duration),
    /// Nothing happens for so long; for no time at all, but others get a turn.
    Wait(Duration),
    /// Nothing happens until the client leaves.
    Hang,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
}

/// The steps of an answer of this status in one piece.
fn respond(
    status: u16,
    content_type: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Vec<Step> {
    let mut bytes = BytesMut::with_capacity(256 + body.len());
    bytes.put_slice(format!("HTTP/1.1 {status} Mock\r\n").as_bytes());
    bytes.put_slice(format!("content-type: {content_type}\r\n").as_bytes());
    for (name, value) in headers {
        bytes.put_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.put_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.put_slice(body);
    vec![Step::Send(bytes.freeze())]
}

/// The head of a stream.
const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
const STREAM_END: &[u8] = b"0\r\n\r\n";

/// Bytes as a chunk of HTTP.
fn http_chunk(bytes: &[u8]) -> Bytes {
    let mut chunk = BytesMut::with_capacity(bytes.len() + 16);
    chunk.put_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
    chunk.put_slice(bytes);
    chunk.put_slice(b"\r\n");
    chunk.freeze()
}

/// Data as an event.
fn event(data: &str) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

/// A request that is answered.
pub(crate) struct Scene<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) is_chat: bool,
    /// What a good answer says.
    pub(crate) good: &'a Answer,
    /// Between two events of a stream; without a pause all are sent at once.
    pub(crate) interval: Duration,
}

impl Scene<'_> {
    /// The steps of a behaviour.
    pub(crate) fn steps(&self, behaviour: &Behaviour) -> Vec<Step> {
        if let Some(steps) = self.error(behaviour) {
            return steps;
        }
        if let Some(answer) = self.says(behaviour) {
            return self.answer(&answer);
        }
        self.breaks(behaviour)
    }

    /// What behaviours say that differ from a good answer only in what they say.
    fn says(&self, behaviour: &Behaviour) -> Option<Answer> {
        let words = |words: &[&str]| Some(Answer::of_words(words.iter().copied()));
        let call = |arguments: &[&str]| {
            Some(Answer {
                call: Some((
                    self.asked.function().to_owned(),
                    arguments.iter().map(|&text| text.to_owned()).collect(),
                )),
                ..Answer::default()
            })
        };
        let thoughts = || vec!["Let me ".to_owned(), "think.".to_owned()];
        match behaviour {
            Behaviour::Good => Some(self.good.clone()),
            Behaviour::Says(answer) => Some(answer.clone()),
            Behaviour::Reasons => Some(Answer {
                reasoning: thoughts(),
                ..self.good.clone()
            }),
            Behaviour::Calls => call(&["{\"city\":", " \"Oslo\"}"]),
            Behaviour::BadArguments => call(&["{\"city\":", " Oslo}"]),
            Behaviour::GroqUsage => Some(Answer {
                usage: UsageStyle::Groq,
                ..self.good.clone()
            }),
            Behaviour::EmptyAnswer => words(&[]),
            Behaviour::OnlyReasons => Some(Answer {
                reasoning: thoughts(),
                finish_reason: "length".to_owned(),
                ..Answer::default()
            }),
            Behaviour::LeaksHarmony => words(&[
                "<|channel|>",
                "analysis",
                "<|message|>",
                "User greets.",
                "<|end|>",
                "<|start|>",
                "assistant",
                "<|channel|>",
                "final",
                "<|mess",
                "age|>",
                "Hello",
                " there.",
                "<|return|>",
            ]),
            Behaviour::LeaksBareHarmony => words(&[
                "analysis",
                "User gre",
                "ets.assist",
                "antfinal",
                "Hello",
                " there.",
            ]),
            Behaviour::LeaksCall => {
                let function = self.asked.function();
                let header = format!("commentary to=functions.{function} ");
                words(&[
                    "<|channel|>",
                    &header,
                    "<|constrain|>",
                    "json",
                    "<|message|>",
                    "{\"city\": \"Oslo\"}",
                    "<|call|>",
                ])
            }
            Behaviour::LeaksLater => words(&["Hello", " there.", "<|end|>"]),
            Behaviour::CallInText => {
                let call = json!({"name": self.asked.function(), "arguments": {"city": "Oslo"}});
                words(&[&call.to_string()])
            }
            Behaviour::WordsForJson => words(&["Here is ", "your JSON: ", "{\"a\": 1}"]),
            _ => None,
        }
    }

    fn answer(&self, answer: &Answer) -> Vec<Step> {
        match self.asked.stream {
            true if !self.interval.is_zero() => {
                let mut steps = vec![Step::Send(Bytes::from_static(STREAM_HEAD))];
                for event in self.events(answer) {
                    steps.push(Step::Send(http_chunk(&event)));
                    steps.push(Step::Wait(self.interval));
                }
                steps.push(Step::Send(Bytes::from_static(STREAM_END)));
                steps
            }
            true => {
                let mut bytes = BytesMut::from(STREAM_HEAD);
                for event in self.events(answer) {
                    bytes.put_slice(&http_chunk(&event));
                }
                bytes.put_slice(STREAM_END);
                vec![Step::Send(bytes.freeze())]
            }
            false => json_answer(answer.whole(&self.asked.model, self.is_chat).as_bytes()),
        }
    }

    /// The events of a stream, `[DONE]` included.
    fn events(&self, answer: &Answer) -> Vec<Vec<u8>> {
        let asks_usage = self.asked.asks_usage();
        let chunks = answer.chunks(&self.asked.model, self.is_chat, asks_usage);
        let mut events: Vec<_> = chunks.iter().map(|data| event(data)).collect();
        events.push(event("[DONE]"));
        events
    }

    /// A stream of these pieces, which then goes on with `rest`.
    fn stream(&self, pieces: &[&[u8]], rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut bytes = BytesMut::from(STREAM_HEAD);
        for piece in pieces {
            bytes.put_slice(&http_chunk(piece));
            if !self.interval.is_zero() {
                steps.push(Step::Send(bytes.split().freeze()));
                steps.push(Step::Wait(self.interval));
            }
        }
        steps.push(Step::Send(bytes.freeze()));
        steps.extend(rest);
        steps
    }

    /// The good answer's events up to its second word.
    fn few_words(&self) -> Vec<u8> {
        let events = self.events(self.good);
        events[..events.len().min(3)].concat()
    }

    /// What goes wrong on the way.
    fn breaks(&self, behaviour: &Behaviour) -> Vec<Step> {
        let is_stream = self.asked.stream;
        let end = || [Step::Send(Bytes::from_static(STREAM_END))];
        let events = self.events(self.good);
        let few = self.few_words();
        let all = events.concat();
        let whole = self.good.whole(&self.asked.model, self.is_chat);
        // The first half of a whole answer, in a body that should be longer.
        let half_whole = |rest: Step| {
            let half = &whole.as_bytes()[..whole.len() / 2];
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                whole.len()
            );
            vec![Step::Send([head.as_bytes(), half].concat().into()), rest]
        };
        let broken = |rest: Step| match is_stream {
            true => self.stream(&[&few], [rest]),
            false => half_whole(rest),
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
        match behaviour {
            Behaviour::Raw(steps) => steps.clone(),
            Behaviour::Status(status, headers, body) => {
                respond(*status, "application/json", headers, body)
            }
            Behaviour::Comments if is_stream => {
                let comment = b": OPENROUTER PROCESSING\n\n".to_vec();
                let pieces: Vec<_> = events.iter().flat_map(|event| [&*comment, event]).collect();
                self.stream(&pieces, end())
            }
            Behaviour::Comments => json_answer(format!("\n   \n{whole}").as_bytes()),
            Behaviour::OddLines if is_stream => {
                let odd = |event: &Vec<u8>| {
                    let text = String::from_utf8_lossy(event);
                    // Between two tokens of the JSON, where a line end means nothing.
                    let text = text
                        .trim_end()
                        .replacen(",\"object\"", ",\r\ndata: \"object\"", 1);
                    format!("event: message\r\nid: 7\r\n{text}\r\n\r\n").into_bytes()
                };
                let pieces: Vec<_> = events.iter().map(odd).collect();
                let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
                self.stream(&pieces, end())
            }
            Behaviour::OddLines => json_answer(whole.as_bytes()),
            Behaviour::NoDone if is_stream => {
                self.stream(&[&events[..events.len() - 1].concat()], end())
            }
            Behaviour::NoDone => json_answer(whole.as_bytes()),
            Behaviour::HangBeforeHead => vec![Step::Hang],
            Behaviour::HangAfterHead => match is_stream {
                true => self.stream(&[], [Step::Hang]),
                false => {
                    let head = format!("{head}content-length: 9\r\n\r\n")
                        .replace("text/event-stream", "application/json");
                    vec![Step::Send(head.into()), Step::Hang]
                }
            },
            Behaviour::OnlyComments => {
                let comment = http_chunk(b": OPENROUTER PROCESSING\n\n");
                self.stream(
                    &[],
                    [
                        Step::Trickle(comment.repeat(1000).into(), Duration::from_millis(1)),
                        Step::Hang,
                    ],
                )
            }
            Behaviour::HangInStream => broken(Step::Hang),
            Behaviour::SlowHead => vec![Step::Trickle(head.repeat(100).into(), SLOW), Step::Hang],
            Behaviour::SlowBody => match is_stream {
                true => self.stream(&[], [Step::Trickle(http_chunk(&all), SLOW), Step::Hang]),
                false => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                         content-length: {}\r\n\r\n",
                        whole.len()
                    );
                    vec![
                        Step::Send(head.into()),
                        Step::Trickle(whole.into(), SLOW),
                        Step::Hang,
                    ]
                }
            },
            Behaviour::ResetBeforeHead => vec![Step::Reset],
            Behaviour::CloseBeforeHead => vec![Step::Close],
            Behaviour::ResetInStream => broken(Step::Reset),
            Behaviour::HalfEvent => match is_stream {
                true => self.stream(
                    &[&events[0], &events[1][..events[1].len() / 2]],
                    [Step::Close],
                ),
                false => half_whole(Step::Close),
            },
            Behaviour::HalfEventLater => match is_stream {
                true => self.stream(&[&few, &events[0][..events[0].len() / 2]], [Step::Close]),
                false => half_whole(Step::Close),
            },
            Behaviour::NoFinish => match is_stream {
                true => self.stream(&[&few], end()),
                false => half_whole(Step::Close),
            },
            Behaviour::ErrorInStream => {
                let error = json!({"id": "gen-mock", "choices": [{"index": 0,
                    "delta": {"content": ""}, "finish_reason": "error"}],
                    "error": {"code": "server_error", "message": "Provider disconnected"}});
                match is_stream {
                    true => self.stream(&[&few, &event(&error.to_string())], end()),
                    false => json_answer(error.to_string().as_bytes()),
                }
            }
            Behaviour::NotHttp => {
                let garbage = "\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n";
                vec![Step::Send(garbage.into()), Step::Close]
            }
            Behaviour::EndlessHead => {
                let line = format!("x-filler: {}\r\n", "y".repeat(1000));
                vec![
                    Step::Send(head.into()),
                    Step::Repeat(line.into(), 100_000),
                    Step::Hang,
                ]
            }
            Behaviour::Huge => {
                let filler = Bytes::from(vec![b' '; 1 << 16]);
                let head = match is_stream {
                    true => format!("{head}content-length: {HUGE_BYTES}\r\n\r\n"),
                    false => format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                         content-length: {HUGE_BYTES}\r\n\r\n"
                    ),
                };
                vec![
                    Step::Send(head.into()),
                    Step::Repeat(filler, HUGE_BYTES >> 16),
                ]
            }
            Behaviour::InvalidUtf8 => {
                let bad = b"{\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"},\
                            \"message\":{\"content\":\"\xff\"}}]}";
                let bad_event = [b"data: ", bad.as_slice(), b"\n\n"].concat();
                match is_stream {
                    true => self.stream(&[&events[0], &bad_event], end()),
                    false => json_answer(bad),
                }
            }
            Behaviour::Html => respond(200, "text/html", &[], b"<html><body>Welcome</body></html>"),
            Behaviour::Gzip => {
                let headers = [("content-encoding", "gzip".to_owned())];
                respond(200, "application/json", &headers, b"\x1f\x8b\x08\x00\x00")
            }
            Behaviour::CutJson => json_answer(&whole.as_bytes()[..whole.len() / 2]),
            Behaviour::OtherJson => json_answer(b"{\"hello\": \"world\"}"),
            Behaviour::Redirect => {
                let headers = [("location", "https://example.invalid/".to_owned())];
                respond(302, "text/html", &headers, b"")
            }
            Behaviour::EmptyBody => {
                let kind = if is_stream {
                    "text/event-stream"
                } else {
                    "application/json"
                };
                respond(200, kind, &[], b"")
            }
            // Every other one is an error or says something.
            _ => respond(501, "text/plain", &[], b"the mock cannot do that"),
        }
    }

    /// Errors as a status and JSON.
    fn error(&self, behaviour: &Behaviour) -> Option<Vec<Step>> {
        let error = |status: u16, headers: &[(&'static str, &str)], body: Value| {
            let headers: Vec<_> = headers
                .iter()
                .map(|&(name, value)| (name, value.to_owned()))
                .collect();
            Some(respond(
                status,
                "application/json",
                &headers,
                body.to_string().as_bytes(),
            ))
        };
        let said = |code: u16, message: &str| json!({"error": {"code": code, "message": message}});
        let model = &self.asked.model;
        match behaviour {
            Behaviour::AccountMinute => {
                let headers = [
                    ("X-RateLimit-Limit", "20"),
                    ("X-RateLimit-Remaining", "0"),
                    ("X-RateLimit-Reset", "12"),
                ];
                error(
                    429,
                    &headers,
                    said(429, "Rate limit exceeded: free-models-per-min. "),
                )
            }
            Behaviour::AccountDay => error(
                429,
                &[],
                json!({"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day. \
                    Add 10 credits to unlock 1000 free model requests per day", "metadata": {
                    "headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "4000000000000"}, "provider_name": null}}}),
            ),
            Behaviour::UpstreamBusy => error(
                429,
                &[],
                json!({"error": {"code": 429, "message": "Provider returned error", "metadata": {
                    "raw": format!("{model} is temporarily rate-limited upstream"),
                    "provider_name": "Chutes"}}}),
            ),
            Behaviour::GroqMinute => error(
                429,
                &[
                    ("retry-after", "8"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "7.66s"),
                ],
                json!({"error": {"message": format!("Rate limit reached for model `{model}` on \
                    tokens per minute (TPM): Limit 8000, Used 7900, Requested 1121. Please try \
                    again in 7.66s."), "type": "tokens", "code": "rate_limit_exceeded"}}),
            ),
            Behaviour::GroqDay => error(
                429,
                &[
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "2m59.56s"),
                ],
                json!({"error": {"message": format!("Rate limit reached for model `{model}` on \
                    requests per day (RPD): Limit 1000, Used 1000, Requested 1."),
                    "type": "requests", "code": "rate_limit_exceeded"}}),
            ),
            Behaviour::CloudflareDay => error(
                429,
                &[],
                json!({"success": false, "result": null, "messages": [], "errors": [{"code": 3036,
                    "message": "you have used up your daily free allocation of 10,000 neurons"}]}),
            ),
            Behaviour::CloudflareBusy => error(
                429,
                &[],
                json!({"success": false, "errors": [{"code": 3040,
                    "message": "Capacity temporarily exceeded, please try again."}]}),
            ),
            Behaviour::WantsMoney => error(402, &[], said(402, "Insufficient credits")),
            Behaviour::BadKey => error(401, &[], said(401, "No auth credentials found: sk-secret")),
            Behaviour::Moderated => error(
                403,
                &[],
                json!({"error": {"code": 403, "message": "Your input was flagged", "metadata": {
                    "reasons": ["violence"], "flagged_input": "…", "provider_name": "OpenAI"}}}),
            ),
            Behaviour::NoEndpoints => error(
                404,
                &[],
                said(404, &format!("No endpoints found for {model}.")),
            ),
            Behaviour::DataPolicy => error(
                404,
                &[],
                said(
                    404,
                    "No endpoints found matching your data policy (Free model publication). \
                    Configure: https://openrouter.ai/settings/privacy",
                ),
            ),
            Behaviour::BadRequest => error(400, &[], said(400, "temperature: must be at most 2")),
            Behaviour::TooLong => error(
                400,
                &[],
                json!({"error": {"code": 400, "message": "This endpoint's maximum context length \
                    is 131072 tokens. However, you requested about 200011 tokens"}}),
            ),
            Behaviour::Internal => error(500, &[], said(500, "Internal Server Error")),
            Behaviour::BadGateway => Some(respond(
                502,
                "text/html",
                &[],
                b"<html><head><title>502 Bad Gateway</title></head></html>",
            )),
            Behaviour::Unavailable => error(
                503,
                &[("Retry-After", "3")],
                said(503, "Service temporarily unavailable"),
            ),
            Behaviour::Overloaded => error(529, &[], said(529, "Provider is overloaded")),
            Behaviour::ErrorIn200 => {
                let body = json!({"error": {"code": 502, "message": "Upstream failed"}});
                match self.asked.stream {
                    true => {
                        let end = [Step::Send(Bytes::from_static(STREAM_END))];
                        Some(self.stream(&[&event(&body.to_string())], end))
                    }
                    false => error(200, &[], body),
                }
            }
            Behaviour::ErrorIn200Text => error(
                200,
                &[],
                json!({"error": {"code": "rate_limit_exceeded", "message": "Provider returned error",
                    "metadata": {"provider_name": "Chutes"}}}),
            ),
            _ => None,
        }
    }
}

/// The steps of a good answer in one piece.
pub(crate) fn json_answer(body: &[u8]) -> Vec<Step> {
    respond(200, "application/json", &[], body)
}
