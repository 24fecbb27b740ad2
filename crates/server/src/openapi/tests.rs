use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// The paths and methods that `routes.rs` names, as the document would write them.
fn routed() -> BTreeSet<(String, String)> {
    let source = concat!(include_str!("../routes.rs"), include_str!("../web.rs"));
    let mut found = BTreeSet::new();
    for call in source.split(".route(").skip(1) {
        let (path, rest) = call.split_once(',').unwrap();
        let path = match path.trim() {
            "CHAT" => crate::accompany::CHAT,
            "COMPLETIONS" => crate::accompany::COMPLETIONS,
            literal => literal.trim_matches('"'),
        };
        // What stands behind belongs to the next piece of the chain.
        let ends = [".fallback(", ".layer(", ".merge("];
        let ends = ends.iter().filter_map(|end| rest.find(end));
        let handlers = &rest[..ends.min().unwrap_or(rest.len())];
        let mut num_methods = 0;
        for method in ["get", "post", "put", "patch", "delete"] {
            let is_named = handlers
                .match_indices(&format!("{method}("))
                .any(|(at, _)| {
                    !handlers[..at]
                        .ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
                });
            if is_named {
                num_methods += 1;
                found.insert((path.replace("{*", "{"), method.to_owned()));
            }
        }
        assert!(num_methods > 0, "{path} has no method: {handlers}");
    }
    found
}

/// What programs ask of the server itself.
const SERVICE: [&str; 6] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/feed.xml",
    "/feed.json",
];

/// Whether programs are meant to ask it; the rest are pages.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/v1/") || path.starts_with("/api/") || SERVICE.contains(&path)
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let routed = routed();
    let documented: BTreeSet<(String, String)> = API
        .operations
        .iter()
        .map(|one| (one.path.to_owned(), one.method.to_ascii_lowercase()))
        .collect();
    let for_programs = routed.iter().filter(|(path, _)| is_for_programs(path));
    let missing: Vec<_> = for_programs
        .filter(|one| !documented.contains(one))
        .collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
    let invented: Vec<_> = documented.difference(&routed).collect();
    assert!(
        invented.is_empty(),
        "described, but not there: {invented:?}"
    );
    assert!(documented.len() > 20, "{documented:?}");
}

/// Every value of a document with its place.
fn each(value: &Value, place: &str, see: &mut impl FnMut(&str, &Value)) {
    see(place, value);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                each(member, &format!("{place}/{name}"), see);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each(item, &format!("{place}/{index}"), see);
            }
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_named_thing_is_used() {
    for is_keyless in [true, false] {
        let document = document("http://localhost", is_keyless);
        let mut used = BTreeSet::new();
        each(&document, "", &mut |place, value| {
            let Some(reference) = value.get("$ref") else {
                return;
            };
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place}: {pointer}");
            used.insert(pointer.to_owned());
        });
        for kind in ["schemas", "headers"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let pointer = format!("/components/{kind}/{name}");
                assert!(used.contains(&pointer), "nobody uses {pointer}");
            }
        }
    }
}

#[test]
fn operations_are_complete_and_their_names_unique() {
    let document = document("http://localhost", false);
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().collect();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
            let tag = &operation["tags"][0];
            assert!(
                tags.iter().any(|known| known["name"] == *tag),
                "{id}: {tag}"
            );
            assert_eq!(
                operation["requestBody"].is_object(),
                ["post", "put", "patch"].contains(&method.as_str()),
                "{id}"
            );
            let parameters = operation["parameters"].as_array();
            let named: BTreeSet<_> = parameters
                .into_iter()
                .flatten()
                .filter(|one| one["in"] == "path")
                .map(|one| {
                    assert_eq!(one["required"], true, "{id}");
                    one["name"].as_str().unwrap()
                })
                .collect();
            let in_path: BTreeSet<_> = path
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap())
                .collect();
            assert_eq!(named, in_path, "{id}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{id}"
            );
            for (status, response) in responses {
                assert!((100..600).contains(&status.parse().unwrap()), "{id}");
                assert!(response["description"].is_string(), "{id}: {status}");
            }
        }
    }
}

#[test]
fn who_asks_without_keys_reads_nothing_of_them() {
    let open = document("http://localhost", true).to_string();
    let keyed = document("http://localhost", false);
    assert!(!open.contains("securitySchemes") && !open.contains("\"security\""));
    assert!(!open.contains("invalid_api_key"));
    let paths = &keyed["paths"];
    assert_eq!(
        paths["/v1/chat/completions"]["post"]["security"],
        serde_json::json!([{"bearer": []}, {"apiKey": []}])
    );
    let unauthorized = &paths["/api/v1/me"]["get"]["responses"]["401"];
    let schema = &unauthorized["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/PlainError");
    assert!(paths["/api/health"]["get"]["responses"]["401"].is_null());
    assert!(paths["/api/v1/me"]["get"]["responses"]["403"].is_null());
    assert!(paths["/api/admin/keys"]["get"]["responses"]["403"].is_object());
}
