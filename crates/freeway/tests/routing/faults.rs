//! Every fault of a host through the whole server: what the client sees of it when nobody else could
//! answer, what is recorded against whom, and that somebody else answers where there is one.

use mock::{Behaviour, Mock, Pace};
use router::FailureKind;
use tempfile::tempdir;

use super::gateway::{Gateway, Reply, chat, provider, send};

/// What a client gets from one host alone, and what is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    /// An answer.
    Answer,
    /// An answer that is recorded as a failure: it showed too late.
    Poor(FailureKind),
    /// An error with this status.
    Refused(u16, FailureKind),
    /// Words, and then an error.
    Breaks(FailureKind),
}

/// What becomes of a stream that comes event by event, and of an answer in one piece.
type Row = (Behaviour, [Seen; 2]);

const TABLE: &[Row] = {
    use Behaviour as B;
    use FailureKind as K;
    use Seen::{Answer, Breaks, Poor, Refused};
    const fn both(status: u16, kind: FailureKind) -> [Seen; 2] {
        [Refused(status, kind); 2]
    }
    &[
        (B::Good, [Answer; 2]),
        (B::Comments, [Answer; 2]),
        (B::OddLines, [Answer; 2]),
        (B::LeaksHarmony, [Answer; 2]),
        (B::AccountMinute, both(429, K::AccountRateLimited)),
        (B::AccountDay, both(429, K::AccountQuotaExhausted)),
        (B::UpstreamBusy, both(429, K::RateLimited)),
        (B::GroqMinute, both(429, K::AccountRateLimited)),
        (B::CloudflareDay, both(429, K::AccountQuotaExhausted)),
        (B::WantsMoney, both(503, K::PaymentRequired)),
        (B::BadKey, both(503, K::KeyRejected)),
        (B::Moderated, both(403, K::ContentRefused)),
        (B::NoEndpoints, both(503, K::Unavailable)),
        (B::DataPolicy, both(503, K::DataPolicy)),
        (B::BadRequest, both(400, K::InvalidRequest)),
        (B::TooLong, both(400, K::ContextLengthExceeded)),
        (B::Internal, both(500, K::Internal)),
        (B::BadGateway, both(500, K::Internal)),
        (B::Overloaded, both(429, K::Overloaded)),
        (B::ErrorIn200, both(500, K::Internal)),
        (B::HangBeforeHead, both(504, K::Timeout)),
        (B::HangAfterHead, both(504, K::Timeout)),
        (B::SlowHead, both(504, K::Timeout)),
        (B::SlowBody, both(504, K::Timeout)),
        (
            B::HangInStream,
            [Breaks(K::Timeout), Refused(504, K::Timeout)],
        ),
        (B::ResetBeforeHead, both(502, K::Network)),
        (B::CloseBeforeHead, both(502, K::Network)),
        (
            B::ResetInStream,
            [Breaks(K::BrokenStream), Refused(502, K::BrokenStream)],
        ),
        (B::HalfEvent, both(502, K::BrokenStream)),
        (
            B::HalfEventLater,
            [Breaks(K::BrokenStream), Refused(502, K::BrokenStream)],
        ),
        (
            B::ErrorInStream,
            [Breaks(K::Internal), Refused(500, K::Internal)],
        ),
        (B::NotHttp, both(502, K::InvalidResponse)),
        (B::EndlessHead, both(502, K::InvalidResponse)),
        (B::Huge, both(502, K::InvalidResponse)),
        (B::InvalidUtf8, both(502, K::InvalidResponse)),
        (B::Html, both(502, K::InvalidResponse)),
        (B::Gzip, both(502, K::InvalidResponse)),
        (B::CutJson, both(502, K::BrokenStream)),
        (B::OtherJson, both(502, K::InvalidResponse)),
        (B::Redirect, both(502, K::InvalidResponse)),
        (B::EmptyBody, both(502, K::EmptyAnswer)),
        (B::EmptyAnswer, both(502, K::EmptyAnswer)),
        (
            B::OnlyReasons,
            [
                Poor(K::TruncatedReasoning),
                Refused(502, K::TruncatedReasoning),
            ],
        ),
        (
            B::LeaksLater,
            [Poor(K::LeakedTokens), Refused(502, K::LeakedTokens)],
        ),
    ]
};

impl Seen {
    /// What is recorded.
    fn kind(self) -> Option<FailureKind> {
        match self {
            Self::Answer => None,
            Self::Poor(kind) | Self::Refused(_, kind) | Self::Breaks(kind) => Some(kind),
        }
    }

    /// Whether another host may be asked: nothing was said, and the caller is not to blame.
    fn is_mendable(self) -> bool {
        matches!(self, Self::Refused(..))
            && self.kind().unwrap().fault_domain() != router::FaultDomain::Caller
    }

    /// What came of `reply`.
    fn of(reply: &Reply, recorded: &str) -> Option<Self> {
        let recorded = FailureKind::ALL
            .iter()
            .find(|kind| kind.as_str() == recorded);
        let has_words = !reply.words().is_empty();
        match (reply.status, reply.error(), recorded) {
            (200, None, None) => has_words.then_some(Self::Answer),
            (200, None, Some(kind)) => Some(Self::Poor(*kind)),
            (200, Some(_), Some(kind)) => has_words.then_some(Self::Breaks(*kind)),
            (status, Some(_), Some(kind)) => Some(Self::Refused(status, *kind)),
            _ => None,
        }
    }
}

/// Whether the only attempt stands in the header, and in the error if that is all there is.
fn tells_attempt(reply: &Reply, expected: Seen) -> bool {
    let Seen::Refused(_, kind) = expected else {
        return reply.header("x-freeway-attempts").ends_with("=ok");
    };
    let error = reply.error().unwrap();
    let failure = &error["metadata"]["attempts"][0]["failure"];
    reply
        .header("x-freeway-attempts")
        .ends_with(&format!("={}", kind.as_str()))
        && failure == kind.as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_to_the_client_and_recorded_against_whom_it_concerns() {
    let pace = Pace {
        interval: std::time::Duration::from_millis(2),
        ..Pace::default()
    };
    let mocks = [
        Mock::start_at("127.0.0.1:0", pace).await.unwrap(),
        Mock::start().await.unwrap(),
    ];
    // Each behaviour is a host of its own, so that none suffers from another's account.
    let mut settings = "[routing]\nmax_attempts = 1\n".to_owned();
    for (way, mock) in ["stream", "whole"].iter().zip(&mocks) {
        for (behaviour, _) in TABLE {
            let name = behaviour.name();
            let models = [(format!("fault/{name}"), format!("fault/{name}-{way}"))];
            settings += &provider(&format!("{name}-{way}"), mock, &models);
        }
    }
    let home = tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &settings).await;
    let mut replies = Vec::new();
    for (behaviour, row) in TABLE {
        for (way, expected) in ["stream", "whole"].iter().zip(row) {
            let model = format!("fault/{}-{way}", behaviour.name());
            let body = chat(&[&model], *way == "stream");
            let reply = send(&gateway.address, "POST", "/v1/chat/completions", &body).await;
            replies.push((model, *expected, reply.unwrap()));
        }
    }
    let store = gateway.end().await;
    let mut wrong = Vec::new();
    for (model, expected, reply) in replies {
        let id = reply.header("x-request-id").to_owned();
        let attempts = store.attempts(&[id]).await.unwrap();
        assert_eq!(attempts.len(), 1, "{model}: {attempts:?}");
        let seen = Seen::of(&reply, &attempts[0].outcome);
        let domain = expected
            .kind()
            .map_or("", |kind| kind.fault_domain().as_str());
        let host = model.strip_prefix("fault/").unwrap();
        let is_right = seen == Some(expected)
            && attempts[0].fault_domain == domain
            && attempts[0].deployment.provider == host
            && attempts[0].model == model
            && tells_attempt(&reply, expected);
        if !is_right {
            wrong.push(format!("{model}: {expected:?}, not {seen:?}: {reply:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fails_before_the_first_word_is_replaced() {
    let (bad, good) = (Mock::start().await.unwrap(), Mock::start().await.unwrap());
    let mut settings = "[routing]\nmax_attempts = 2\n".to_owned();
    settings += &provider(
        "good",
        &good,
        &[("spare".to_owned(), "mock/spare".to_owned())],
    );
    let rows = TABLE.iter().filter(|(_, row)| row[1].is_mendable());
    for (behaviour, _) in rows.clone() {
        let name = behaviour.name();
        let models = [(format!("fault/{name}"), format!("fault/{name}"))];
        settings += &provider(name, &bad, &models);
    }
    let home = tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &settings).await;
    for (behaviour, [_, whole]) in rows {
        let name = behaviour.name();
        let body = chat(&[&format!("fault/{name}"), "mock/spare"], false);
        let reply = send(&gateway.address, "POST", "/v1/chat/completions", &body).await;
        let reply = reply.unwrap();
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        assert_eq!(reply.words(), good.good_words(), "{name}");
        let kind = whole.kind().unwrap().as_str();
        let trail = format!("{name}/fault/{name}={kind},good/spare=ok");
        assert_eq!(reply.header("x-freeway-attempts"), trail);
    }
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_tls_is_recorded_as_a_fault_of_the_network_and_replaced() {
    let (bad, good) = (Mock::start().await.unwrap(), Mock::start().await.unwrap());
    let names = |name: &str| [("m".to_owned(), name.to_owned())];
    let false_tls = provider("bad", &bad, &names("mock/m"));
    let false_tls = false_tls.replace(&bad.base_url(), &bad.false_tls_url());
    let settings = false_tls + &provider("good", &good, &names("mock/spare"));
    let home = tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &settings).await;
    let asked = async |models: &[&str]| {
        let body = chat(models, false);
        let reply = send(&gateway.address, "POST", "/v1/chat/completions", &body).await;
        reply.unwrap()
    };
    let replaced = asked(&["mock/m", "mock/spare"]).await;
    assert_eq!(replaced.words(), good.good_words());
    let trail = "bad/m=network,good/m=ok";
    assert_eq!(replaced.header("x-freeway-attempts"), trail);
    let alone = asked(&["mock/m"]).await;
    assert_eq!(alone.status, 502, "{alone:?}");
    gateway.end().await;
}
