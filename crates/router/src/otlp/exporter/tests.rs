//! What becomes of spans, at a real server that plays good collectors and bad ones.

use bytes::Bytes;
use mock::{Behaviour, Mock};
use serde_json::Value;

use super::super::span::Kind;
use super::*;
use crate::config::Secret;

/// The mock goes by the model of a request, and spans have none.
const EXPORT: &str = "";

/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

fn status(status: u16, body: &'static str) -> Behaviour {
    Behaviour::Status(status, Vec::new(), Bytes::from_static(body.as_bytes()))
}

fn wants_pause(seconds: u32) -> Behaviour {
    let headers = vec![("retry-after", seconds.to_string())];
    Behaviour::Status(429, headers, Bytes::new())
}

struct World {
    mock: Mock,
    metrics: Arc<Metrics>,
    tracer: Tracer,
    task: TracerTask,
}

impl World {
    async fn new(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let mock = Mock::start().await.unwrap();
        mock.set(EXPORT, status(200, "{}"));
        mock.queue(EXPORT, behaviours);
        let mut config = OtlpConfig::new(format!("http://{}/v1/traces", mock.address()));
        config.timeout = Duration::from_secs(2);
        config.headers = vec![("x-key".to_owned(), Secret::new("hunter2"))];
        config.resource = vec![("service.name".to_owned(), "mine".to_owned())];
        let metrics = Arc::new(Metrics::default());
        let mut exporter = Exporter::new(&config).unwrap();
        exporter.first_pause = Duration::from_millis(1);
        let (tracer, task) = exporter.start(Arc::clone(&metrics));
        Self {
            mock,
            metrics,
            tracer,
            task,
        }
    }

    /// A request begins and ends.
    fn request(&self, id: &str) {
        let trace = self.tracer.begin(id, "POST", "/v1/x", None).unwrap();
        trace.responded(200);
    }

    /// Waits until so many spans are exported or dropped.
    async fn settled(&self, count: u64) -> (u64, u64) {
        let settled = async {
            loop {
                let (taken, dropped) = self.counts();
                if taken + dropped >= count {
                    return (taken, dropped);
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, settled).await.unwrap()
    }

    fn counts(&self) -> (u64, u64) {
        let metrics = &self.metrics;
        (metrics.spans_exported.get(), metrics.num_spans_dropped())
    }

    /// The spans of each export that was seen.
    fn exports(&self) -> Vec<Vec<Value>> {
        let seen = self.mock.seen();
        let exports = seen.iter().map(|request| {
            let mut body: Value = serde_json::from_slice(&request.body).unwrap();
            let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].take();
            spans.as_array().unwrap().clone()
        });
        exports.collect()
    }
}

#[tokio::test]
async fn spans_are_posted_in_batches_and_counted() {
    let world = World::new([]).await;
    for index in 0..MAX_BATCH + 3 {
        world.request(&format!("req_{index}"));
    }
    let count = MAX_BATCH as u64 + 3;
    assert_eq!(world.settled(count).await, (count, 0));
    let exports = world.exports();
    let sizes: Vec<usize> = exports.iter().map(Vec::len).collect();
    assert_eq!(sizes, [MAX_BATCH, 3]);
    assert_eq!(exports[0][0]["kind"], Kind::Server as u8);
    assert_eq!(exports[0][0]["name"], "POST /v1/x");
    let seen = &world.mock.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v1/traces")
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("x-key"), Some("hunter2"));
    assert_eq!(seen.header("traceparent"), None);
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let resource = body["resourceSpans"][0]["resource"].to_string();
    assert!(resource.contains("\"mine\""), "{resource}");
    assert!(resource.contains("service.version"), "{resource}");
    assert!(!resource.contains("\"freeway\""), "{resource}");
    let text = world.metrics.to_text();
    let line = format!("freeway_otlp_spans_exported_total {count}\n");
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains("freeway_otlp_spans_dropped_total 0\n"),
        "{text}"
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    use Behaviour::{
        BadGateway, BadRequest, CloseBeforeHead, EndlessHead, Good, Gzip, HangAfterHead,
        HangBeforeHead, Html, Huge, Internal, InvalidUtf8, NotHttp, Redirect, ResetBeforeHead,
    };
    let busy = || status(503, "busy");
    let rejected = "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"why\"}}";
    let table: Vec<(Vec<Behaviour>, (u64, u64), usize)> = vec![
        (vec![busy()], (2, 0), 2),
        (vec![wants_pause(0)], (2, 0), 2),
        (vec![BadGateway, status(504, ""), busy()], (2, 0), 4),
        (vec![CloseBeforeHead], (2, 0), 2),
        (vec![ResetBeforeHead], (2, 0), 2),
        (vec![HangBeforeHead], (2, 0), 2),
        // Given up.
        (vec![busy(), busy(), busy(), busy(), busy()], (0, 2), 5),
        (vec![wants_pause(3600)], (0, 2), 1),
        (vec![BadRequest], (0, 2), 1),
        (vec![Internal], (0, 2), 1),
        (vec![Redirect], (0, 2), 1),
        (vec![NotHttp], (0, 2), 1),
        (vec![EndlessHead], (0, 2), 1),
        (vec![Gzip], (0, 2), 1),
        // Taken, whatever it says.
        (vec![Good], (2, 0), 1),
        (vec![Html], (2, 0), 1),
        (vec![InvalidUtf8], (2, 0), 1),
        (vec![Huge], (2, 0), 1),
        (vec![HangAfterHead], (2, 0), 1),
        (vec![status(200, rejected)], (1, 1), 1),
    ];
    let cases = table.into_iter().map(|(behaviours, expected, num_tries)| {
        tokio::spawn(async move {
            let what = format!("{behaviours:?}");
            let world = World::new(behaviours).await;
            world.request("req_1");
            world.request("req_2");
            assert_eq!(world.settled(2).await, expected, "{what}");
            assert_eq!(world.mock.num_requests(), num_tries as u64, "{what}");
            // Every try sends the same, and what comes later is not harmed.
            let exports = world.exports();
            assert!(exports.iter().all(|one| *one == exports[0]), "{what}");
            world.request("req_3");
            assert_eq!(world.settled(3).await.0, expected.0 + 1, "{what}");
        })
    });
    for case in cases.collect::<Vec<_>>() {
        case.await.unwrap();
    }
}

#[tokio::test]
async fn what_finds_no_room_is_dropped_and_nobody_waits() {
    let world = World::new([Behaviour::HangBeforeHead]).await;
    let count = MAX_WAITING + 100;
    for index in 0..count {
        world.request(&format!("req_{index}"));
    }
    assert_eq!(world.counts(), (0, 100));
    let settled = world.settled(count as u64).await;
    assert_eq!(settled, (MAX_WAITING as u64, 100));
}

#[tokio::test]
async fn the_last_spans_are_exported_when_the_server_ends() {
    let world = World::new([]).await;
    let late = world.tracer.begin("req_late", "POST", "/", None).unwrap();
    world.request("req_1");
    timeout(PATIENCE, world.task.finish()).await.unwrap();
    assert_eq!(world.metrics.spans_exported.get(), 1);
    // What comes later is lost, and harms nobody.
    drop(late);
    assert_eq!(world.metrics.num_spans_dropped(), 1);
}

#[tokio::test]
async fn a_collector_that_hangs_does_not_hold_up_the_end() {
    let world = World::new((0..9).map(|_| Behaviour::HangBeforeHead)).await;
    world.request("req_1");
    timeout(PATIENCE, world.task.finish()).await.unwrap();
    assert_eq!(world.metrics.spans_exported.get(), 0);
}

#[tokio::test]
async fn one_more_try_is_made_at_the_end() {
    let world = World::new([status(503, ""), status(503, "")]).await;
    world.request("req_1");
    timeout(PATIENCE, world.task.finish()).await.unwrap();
    let metrics = &world.metrics;
    assert_eq!(metrics.num_spans_dropped(), 1);
    assert_eq!(world.mock.num_requests(), 1);
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_its_spans() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = OtlpConfig::new(format!("http://{}", gone.local_addr().unwrap()));
    drop(gone);
    let metrics = Arc::new(Metrics::default());
    let mut exporter = Exporter::new(&config).unwrap();
    exporter.first_pause = Duration::ZERO;
    let (tracer, task) = exporter.start(Arc::clone(&metrics));
    drop(tracer.begin("req_1", "POST", "/", None));
    // Nobody is left to send any: what is there is exported, or not.
    drop(tracer);
    timeout(PATIENCE, task.task).await.unwrap().unwrap();
    assert_eq!(metrics.num_spans_dropped(), 1);
}
