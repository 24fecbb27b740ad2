//! Where traces of requests go: the settings, over which OpenTelemetry's own variables win. The one
//! place that reads those.

use anyhow::bail;
use router::config::Secret;
use router::otlp::{Exporter, OtlpConfig, Sampler};

use crate::UsageError;
use crate::config::TelemetrySection;

/// The exporter, if traces are wanted. `variable` reads the environment.
pub(crate) fn exporter(
    section: &TelemetrySection,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<Exporter>> {
    let Some(config) = config(section, variable)? else {
        return Ok(None);
    };
    let exporter = Exporter::new(&config).map_err(|error| UsageError(error.to_string()))?;
    Ok(Some(exporter))
}

fn config(
    section: &TelemetrySection,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<OtlpConfig>> {
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let is_word = |name, word: &str| {
        variable(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
    };
    if is_word("OTEL_SDK_DISABLED", "true") || is_word("OTEL_TRACES_EXPORTER", "none") {
        return Ok(None);
    }
    let below = |base: String| format!("{}/v1/traces", base.trim().trim_end_matches('/'));
    let of_file = Some(section.otlp_endpoint.clone()).filter(|url| !url.is_empty());
    let endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .map(|url| url.trim().to_owned())
        .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(below))
        .or_else(|| of_file.map(below));
    let Some(endpoint) = endpoint else {
        return Ok(None);
    };
    for name in [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ] {
        if is_word(name, "grpc") {
            tracing::warn!("{name} is grpc, but traces are sent over HTTP, to port 4318 as a rule");
        }
    }
    let mut config = OtlpConfig::new(endpoint);
    for name in [
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS",
    ] {
        if let Some(text) = variable(name) {
            let headers = pairs(name, &text)?.into_iter();
            config.headers = headers
                .map(|(key, value)| (key, Secret::new(value)))
                .collect();
            break;
        }
    }
    if let Some(text) = variable("OTEL_RESOURCE_ATTRIBUTES") {
        config.resource = pairs("OTEL_RESOURCE_ATTRIBUTES", &text)?;
    }
    if let Some(name) = variable("OTEL_SERVICE_NAME") {
        config.resource.retain(|(key, _)| key != "service.name");
        config.resource.push(("service.name".to_owned(), name));
    }
    config.sampler = sampler(section, &variable)?;
    Ok(Some(config))
}

fn sampler(
    section: &TelemetrySection,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Sampler> {
    if !(0.0..=1.0).contains(&section.sample_ratio) {
        bail!(UsageError(
            "[telemetry] sample_ratio must be from 0 to 1".to_owned()
        ));
    }
    let Some(name) = variable("OTEL_TRACES_SAMPLER") else {
        return Ok(Sampler {
            is_parent_based: true,
            ratio: section.sample_ratio,
        });
    };
    let name = name.trim();
    let (is_parent_based, rest) = match name.strip_prefix("parentbased_") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let ratio = match rest {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let text = variable("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|| "1".to_owned());
            let ratio = text.trim().parse().ok();
            ratio
                .filter(|ratio| (0.0..=1.0).contains(ratio))
                .ok_or_else(|| {
                    UsageError(format!(
                        "OTEL_TRACES_SAMPLER_ARG = {text:?}: give a number from 0 to 1"
                    ))
                })?
        }
        _ => bail!(UsageError(format!(
            "OTEL_TRACES_SAMPLER = {name:?} is not known; known are always_on, always_off and \
             traceidratio, also behind parentbased_"
        ))),
    };
    Ok(Sampler {
        is_parent_based,
        ratio,
    })
}

/// `a=b,c=d`, with `%` before what has a meaning there. Values may be secret and are not repeated.
fn pairs(variable: &str, text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=')?;
            let key = key.trim();
            (!key.is_empty()).then_some((key.to_owned(), decoded(value.trim())?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| {
            let words = format!("{variable}: give it as key=value,key=value, with %2C for a comma");
            UsageError(words).into()
        })
}

/// `text` without its percent signs; `None` if one of them has no two digits behind it.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Option<OtlpConfig>> {
        let section: TelemetrySection = toml::from_str(text).unwrap();
        config(&section, &|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn endpoint(text: &str, variables: &[(&str, &str)]) -> Option<String> {
        read(text, variables).unwrap().map(|config| config.endpoint)
    }

    const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const FILE: &str = "otlp_endpoint = \"http://file:4318\"";

    #[test]
    fn nothing_is_sent_anywhere_unless_an_endpoint_is_named() {
        assert_eq!(endpoint("", &[]), None);
        assert_eq!(endpoint("", &[(BASE, ""), (TRACES, " ")]), None);
        assert_eq!(endpoint("", &[("OTEL_SERVICE_NAME", "mine")]), None);
        for off in [
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_SDK_DISABLED", "TRUE"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ] {
            assert_eq!(endpoint(FILE, &[off, (BASE, "http://a")]), None);
        }
        let on = [("OTEL_SDK_DISABLED", "false")];
        assert!(endpoint(FILE, &on).is_some());
    }

    #[test]
    fn a_variable_wins_over_the_file_and_the_one_of_traces_is_taken_as_it_is() {
        let of_file = endpoint(FILE, &[]).unwrap();
        assert_eq!(of_file, "http://file:4318/v1/traces");
        let base = (BASE, "http://base/otlp/");
        let of_base = endpoint(FILE, &[base]).unwrap();
        assert_eq!(of_base, "http://base/otlp/v1/traces");
        let traces = (TRACES, "http://traces/as/is/?key");
        assert_eq!(endpoint(FILE, &[base, traces]).unwrap(), traces.1);
    }

    #[test]
    fn headers_and_names_come_from_the_environment() {
        let on = (BASE, "http://a");
        let variables = [
            on,
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Basic%20aGk%3D, x-team = blue=2,",
            ),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=theirs,deployment.environment.name=test%2Clab",
            ),
            ("OTEL_SERVICE_NAME", "mine"),
        ];
        let config = read("", &variables).unwrap().unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        let expected = [
            header("authorization", "Basic aGk="),
            header("x-team", "blue=2"),
        ];
        assert_eq!(config.headers, expected);
        let expected = [
            ("deployment.environment.name", "test,lab"),
            ("service.name", "mine"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(config.resource, expected);
        assert!(!format!("{config:?}").contains("aGk"));
        let own = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b");
        let config = read("", &[&variables[..], &[own]].concat()).unwrap();
        assert_eq!(config.unwrap().headers, [header("a", "b")]);
    }

    #[test]
    fn the_share_of_requests_is_set_in_either_place() {
        let on = (BASE, "http://a");
        let sampler = |text, name, arg| {
            let variables = [
                on,
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", arg),
            ];
            let sampler = read(text, &variables).unwrap().unwrap().sampler;
            (sampler.is_parent_based, sampler.ratio)
        };
        assert_eq!(sampler("", "", ""), (true, 1.0));
        assert_eq!(sampler("sample_ratio = 0.5", "", "0.1"), (true, 0.5));
        let file = "sample_ratio = 0.5";
        assert_eq!(sampler(file, "always_on", ""), (false, 1.0));
        assert_eq!(sampler(file, "parentbased_always_on", ""), (true, 1.0));
        assert_eq!(sampler(file, "parentbased_always_off", ""), (true, 0.0));
        assert_eq!(sampler(file, "traceidratio", "0.1"), (false, 0.1));
        assert_eq!(sampler(file, "parentbased_traceidratio", ""), (true, 1.0));
    }

    #[test]
    fn what_is_wrong_is_named_and_what_is_secret_is_not_repeated() {
        let on = (BASE, "http://a");
        for (text, variable, words) in [
            (
                "",
                ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
                "OTEL_EXPORTER_OTLP_HEADERS: give it as key=value",
            ),
            (
                "",
                ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%2"),
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
            (
                "",
                ("OTEL_EXPORTER_OTLP_HEADERS", "=hunter2"),
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
            (
                "",
                ("OTEL_RESOURCE_ATTRIBUTES", "a"),
                "OTEL_RESOURCE_ATTRIBUTES",
            ),
            ("", ("OTEL_TRACES_SAMPLER", "jaeger_remote"), "known are"),
            ("sample_ratio = 1.5", ("A", ""), "from 0 to 1"),
            ("sample_ratio = nan", ("A", ""), "from 0 to 1"),
        ] {
            let error = read(text, &[on, variable]).unwrap_err();
            assert!(error.is::<UsageError>());
            let told = error.to_string();
            assert!(told.contains(words), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        for ratio in ["2", "-1", "nan", "half"] {
            let sampler = ("OTEL_TRACES_SAMPLER", "traceidratio");
            let variables = [on, sampler, ("OTEL_TRACES_SAMPLER_ARG", ratio)];
            assert!(read("", &variables).unwrap_err().is::<UsageError>());
        }
        let section = TelemetrySection {
            otlp_endpoint: "localhost:4318".to_owned(),
            ..TelemetrySection::default()
        };
        let error = exporter(&section, &|_| None).err().unwrap();
        assert!(error.is::<UsageError>());
        assert!(error.to_string().contains("give a URL such as"), "{error}");
    }
}
