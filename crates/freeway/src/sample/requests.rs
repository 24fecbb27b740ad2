//! What users asked, whom their requests were sent to, how that ended, and what they said of it.

use router::FailureKind;
use store::{AttemptRecord, FeedbackRecord, KeyId, MAX_ROWS, RequestRecord, Store, Timestamp};

use super::keys::{LAPTOP, NIGHTLY};
use super::lists::{day_of, is_running};
use super::models::{SampleDeployment, SampleModel, SampleModels};
use super::random::Random;
use super::{HOUR_MS, NUM_HOURS, hour};

/// Requests of an hour of UTC, on a working day.
const HOURLY: [u32; 24] = [
    3, 2, 14, 11, 2, 3, 5, 8, 12, 14, 13, 11, 10, 13, 15, 14, 12, 10, 8, 7, 6, 6, 5, 4,
];
/// The hours in which the program of the night asks.
const NIGHT: std::ops::Range<usize> = 2..4;
/// Whom one request is sent to at most.
const MAX_ATTEMPTS: usize = 4;
/// How often users say something of an answer.
const TOLD: f64 = 0.05;

/// How a host fails, and how often compared with the others.
const HOST_FAULTS: [(FailureKind, f64, Option<u16>); 9] = [
    (FailureKind::RateLimited, 46.0, Some(429)),
    (FailureKind::Internal, 14.0, Some(502)),
    (FailureKind::Timeout, 13.0, None),
    (FailureKind::Unavailable, 9.0, Some(503)),
    (FailureKind::EmptyAnswer, 7.0, Some(200)),
    (FailureKind::BrokenStream, 4.0, Some(200)),
    (FailureKind::TruncatedReasoning, 3.0, Some(200)),
    (FailureKind::ToolCallInText, 2.0, Some(200)),
    (FailureKind::LeakedTokens, 2.0, Some(200)),
];
/// What goes wrong whoever is asked: the account, the way there, the caller.
const OTHER_FAULTS: [(FailureKind, f64, Option<u16>); 6] = [
    (FailureKind::AccountRateLimited, 0.011, Some(429)),
    (FailureKind::AccountQuotaExhausted, 0.006, Some(429)),
    (FailureKind::Network, 0.005, None),
    (FailureKind::ContextLengthExceeded, 0.004, Some(400)),
    (FailureKind::ContentRefused, 0.002, Some(403)),
    (FailureKind::Canceled, 0.008, Some(200)),
];

/// Everything to write.
#[derive(Default)]
struct Written {
    requests: Vec<RequestRecord>,
    attempts: Vec<AttemptRecord>,
    feedback: Vec<FeedbackRecord>,
}

pub(super) async fn write(
    store: &dyn Store,
    models: &SampleModels,
    random: &mut Random,
) -> anyhow::Result<()> {
    let mut written = Written::default();
    for number in (0..NUM_HOURS).filter(|&number| is_running(number)) {
        let of_day = (number % 24) as usize;
        // The first day was a Saturday.
        let is_weekend = (number / 24) % 7 < 2 && !NIGHT.contains(&of_day);
        let share = if is_weekend { 0.35 } else { 1.0 };
        let count = f64::from(HOURLY[of_day]) * share * random.between(0.5, 1.5);
        for _ in 0..count.round() as u32 {
            written.request(models, number, random);
        }
    }
    // Hours are in order, and what begins within one is not.
    written
        .requests
        .sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    for chunk in written.requests.chunks(MAX_ROWS) {
        store.insert_requests(chunk).await?;
    }
    for chunk in written.attempts.chunks(MAX_ROWS) {
        store.insert_attempts(chunk).await?;
    }
    for feedback in &written.feedback {
        store.insert_feedback(feedback).await?;
    }
    Ok(())
}

impl Written {
    fn request(&mut self, models: &SampleModels, number: i64, random: &mut Random) {
        let started_at = hour(number).0 + random.between(0.0, HOUR_MS as f64) as i64;
        let is_night = NIGHT.contains(&((number % 24) as usize));
        let key = match random.unit() {
            _ if is_night && random.is(0.9) => Some(NIGHTLY),
            share if share < 0.75 => Some(LAPTOP),
            share if share < 0.85 => Some(NIGHTLY),
            _ => None,
        };
        let is_auto = random.is(0.55);
        let chain = chain(models, day_of(number), is_auto, random);
        let mut request = RequestRecord {
            id: format!("req_{}", random.word(24)),
            key_id: key.map(|id| KeyId(id.to_owned())),
            started_at: Timestamp(started_at),
            operation: "chat".to_owned(),
            requested_model: match chain.first() {
                Some((model, _)) if !is_auto => model.id.clone(),
                _ => "auto".to_owned(),
            },
            deployment: None,
            outcome: FailureKind::Unavailable.as_str().to_owned(),
            is_stream: random.is(0.7),
            first_token_ms: None,
            duration_ms: 2,
            prompt_tokens: random.around(420.0) as u32 + 8,
            completion_tokens: 0,
            reasoning_tokens: 0,
            content: None,
        };
        if random.is(0.012) {
            request.outcome = FailureKind::InvalidRequest.as_str().to_owned();
            request.prompt_tokens = 0;
            self.requests.push(request);
            return;
        }
        let mut elapsed_ms = 3;
        for (place, &(model, at)) in chain.iter().take(MAX_ATTEMPTS).enumerate() {
            let attempt = attempt(&request, place as u16, elapsed_ms, (model, at), random);
            request.deployment = Some(format!("{}/{}", at.host, at.name));
            request.outcome.clone_from(&attempt.outcome);
            let is_over = attempt.outcome == "ok" || attempt.fault_domain == "caller";
            if attempt.outcome == "ok" {
                let first_token_ms = attempt.first_token_ms;
                request.first_token_ms = first_token_ms.map(|time| time + elapsed_ms);
                request.completion_tokens = attempt.completion_tokens;
                request.reasoning_tokens = attempt.reasoning_tokens;
            }
            elapsed_ms += attempt.duration_ms;
            self.attempts.push(attempt);
            if is_over {
                break;
            }
        }
        request.duration_ms = elapsed_ms;
        if let Some((model, at)) = chain.first()
            && random.is(TOLD)
        {
            let feedback = feedback(&request, model, at, random);
            self.feedback.push(feedback);
        }
        self.requests.push(request);
    }
}

/// Whom a request is sent to, one after the other.
fn chain<'a>(
    models: &'a SampleModels,
    day: f64,
    is_auto: bool,
    random: &mut Random,
) -> Vec<(&'a SampleModel, &'a SampleDeployment)> {
    let usable = |(model, at): &(&'a SampleModel, &'a SampleDeployment)| {
        model.weight > 0 && at.is_listed(day) && !at.is_down(day)
    };
    let usable: Vec<_> = models.deployments().filter(usable).collect();
    let mut chain: Vec<(&SampleModel, &SampleDeployment)> = Vec::new();
    for _ in 0..MAX_ATTEMPTS {
        // Who names a model stays with it, at whichever host.
        let named = chain.first().map(|(model, _)| &model.id);
        let named = named.filter(|_| !is_auto);
        let left = usable.iter().filter(|(model, at)| {
            let is_new = chain.iter().all(|(_, other)| !std::ptr::eq(*other, *at));
            let is_it = named.is_none_or(|id| *id == model.id);
            is_new && is_it && (!is_auto || model.is_chat())
        });
        let left: Vec<_> = left.copied().collect();
        if left.is_empty() {
            break;
        }
        let weights = left.iter().map(|(model, at)| {
            let share = f64::from(model.weight) / model.at.len() as f64;
            // Who chooses by merit chooses those less who fail often.
            if is_auto {
                let square = (1.0 - at.fails) * (1.0 - at.fails);
                share * square * square
            } else {
                share
            }
        });
        chain.push(left[random.weighted(weights)]);
    }
    chain
}

fn attempt(
    request: &RequestRecord,
    number: u16,
    elapsed_ms: u32,
    (model, at): (&SampleModel, &SampleDeployment),
    random: &mut Random,
) -> AttemptRecord {
    let started_at = Timestamp(request.started_at.0 + i64::from(elapsed_ms));
    let mut attempt = AttemptRecord {
        request_id: request.id.clone(),
        number,
        model: model.id.clone(),
        deployment: at.key(),
        started_at,
        outcome: "ok".to_owned(),
        fault_domain: String::new(),
        http_status: Some(200),
        first_token_ms: None,
        duration_ms: 0,
        prompt_tokens: request.prompt_tokens,
        completion_tokens: 0,
        reasoning_tokens: 0,
        is_exploration: number == 0 && random.is(0.02),
    };
    // Worse in the afternoon, when more ask.
    let is_busy = (13..18).contains(&((started_at.0 / HOUR_MS) % 24));
    let fails = at.fails * if is_busy { 1.5 } else { 0.8 };
    let fault = match random.is(fails) {
        true => {
            let weights = HOST_FAULTS.iter().map(|(_, weight, _)| *weight);
            Some(HOST_FAULTS[random.weighted(weights)])
        }
        false => OTHER_FAULTS
            .into_iter()
            .find(|(_, share, _)| random.is(*share)),
    };
    if let Some((kind, _, http_status)) = fault {
        attempt.outcome = kind.as_str().to_owned();
        attempt.fault_domain = kind.fault_domain().as_str().to_owned();
        attempt.http_status = http_status;
        attempt.duration_ms = match kind {
            FailureKind::Timeout => 30_000,
            _ => random.around(at.first_token_ms * 0.6) as u32 + 20,
        };
        return attempt;
    }
    let first_token_ms = random.around(at.first_token_ms) as u32 + 15;
    let completion_tokens = random.around(260.0) as u32 + 4;
    let per_second = random.around(at.tokens_per_second).max(1.0);
    attempt.first_token_ms = Some(first_token_ms);
    attempt.completion_tokens = completion_tokens;
    if model.can("reasoning") {
        attempt.reasoning_tokens = (f64::from(completion_tokens) * random.between(0.2, 0.7)) as u32;
    }
    attempt.duration_ms = first_token_ms + (f64::from(completion_tokens) / per_second * 1e3) as u32;
    attempt
}

fn feedback(
    request: &RequestRecord,
    model: &SampleModel,
    at: &SampleDeployment,
    random: &mut Random,
) -> FeedbackRecord {
    let is_success = !random.is((at.fails * 2.0).min(0.7));
    let issues = [
        ("rate_limited", "429 again, third time this morning"),
        ("unavailable", "no endpoint answered"),
        ("error", "the answer stopped in the middle of a sentence"),
    ];
    let (issue, details) = issues[random.weighted([5.0, 2.0, 3.0].into_iter())];
    let is_wordy = !is_success && random.is(0.3);
    FeedbackRecord {
        id: format!("fb_{}", random.word(24)),
        key_id: request.key_id.clone(),
        model: model.id.clone(),
        request_id: Some(request.id.clone()),
        is_success,
        issue: (!is_success).then(|| issue.to_owned()),
        details: is_wordy.then(|| details.to_owned()),
        created_at: Timestamp(request.started_at.0 + i64::from(request.duration_ms) + 40_000),
    }
}
