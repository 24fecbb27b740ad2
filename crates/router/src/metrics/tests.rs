use super::labels::{MAX_MODELS, OTHER_MODEL};
use super::*;

fn attempt(metrics: &Metrics, model: &str, failure: Option<FailureKind>) {
    let asked = OperationLabels {
        gen_ai_operation_name: "chat",
        gen_ai_provider_name: "a".to_owned(),
        gen_ai_request_model: model.to_owned(),
    };
    let first_token = failure.is_none().then_some(Duration::from_millis(70));
    metrics.attempt(&asked, failure, Duration::from_secs(2), first_token);
}

#[test]
fn an_attempt_is_timed_by_who_was_asked_and_how_it_ended() {
    let metrics = Metrics::default();
    attempt(&metrics, "m", None);
    attempt(&metrics, "m", Some(FailureKind::RateLimited));
    let text = metrics.to_text();
    let labels = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"a\",\
                  gen_ai_request_model=\"m\"";
    let duration = "gen_ai_client_operation_duration_seconds";
    let first = "gen_ai_client_operation_time_to_first_chunk_seconds";
    for line in [
        format!("{duration}_sum{{{labels},error_type=\"\"}} 2.0"),
        format!("{duration}_count{{{labels},error_type=\"rate_limited\"}} 1"),
        // What failed had no first token.
        format!("{first}_count{{{labels}}} 1"),
        format!("{first}_bucket{{le=\"0.06\",{labels}}} 0"),
        format!("{first}_bucket{{le=\"0.08\",{labels}}} 1"),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
}

#[test]
fn histograms_call_the_models_beyond_the_limit_other_and_keep_those_they_know() {
    let metrics = Metrics::default();
    for number in 0..MAX_MODELS + 50 {
        attempt(&metrics, &format!("m{number}"), None);
    }
    attempt(&metrics, "m0", None);
    let text = metrics.to_text();
    let name = "gen_ai_client_operation_duration_seconds_count";
    let counts: Vec<_> = text.lines().filter(|line| line.starts_with(name)).collect();
    assert_eq!(counts.len(), MAX_MODELS + 1);
    let count_of = |model: &str| {
        let label = format!("gen_ai_request_model=\"{model}\"");
        let line = counts.iter().find(|line| line.contains(&label));
        line.and_then(|line| line.rsplit(' ').next())
            .map(str::to_owned)
    };
    assert_eq!(count_of("m0").as_deref(), Some("2"));
    assert_eq!(count_of(OTHER_MODEL).as_deref(), Some("50"));
}
