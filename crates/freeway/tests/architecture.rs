//! The arrows between the crates, read from the manifests, are those of ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Every edge that may exist; `freeway`, the composition root, may depend on all.
const ALLOWED: &[(&str, &str)] = &[
    ("engine", "kernels"),
    ("lora", "engine"),
    ("lora", "kernels"),
    ("lora", "harmony"),
    ("router", "store"),
    ("router", "harmony"),
    ("router", "engine"),
    ("server", "router"),
    ("server", "store"),
];

/// Members that play a part in tests only: whoever depends on one may do so for tests only.
const FOR_TESTS: &[&str] = &["mock"];

fn manifests() -> BTreeMap<String, String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_dir(crates)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path.join("Cargo.toml")).unwrap())
        })
        .collect()
}

/// For each crate of the workspace the crates of the workspace that it depends on, for whatever
/// target and under whatever name, and whether for tests only.
fn edges() -> Vec<(String, String, bool)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut edges = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            // A path stands only with crates of our own.
            if !dependency["path"].is_null() {
                let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
                let is_for_tests = dependency["kind"] == "dev";
                edges.push((name(package), name(dependency), is_for_tests));
            }
        }
    }
    edges
}

#[test]
fn crates_depend_only_along_the_allowed_arrows() {
    let edges = edges();
    assert!(
        edges.contains(&("engine".to_owned(), "kernels".to_owned(), false)),
        "{edges:?}"
    );
    for (from, to, is_for_tests) in &edges {
        if FOR_TESTS.contains(&to.as_str()) {
            assert!(
                is_for_tests,
                "crates/{from} may need tests/{to} for its tests only"
            );
            continue;
        }
        assert!(
            !FOR_TESTS.contains(&from.as_str()),
            "tests/{from} must not depend on crates/{to}"
        );
        assert!(
            from == "freeway" || ALLOWED.contains(&(from.as_str(), to.as_str())),
            "crates/{from} must not depend on crates/{to}: see ARCHITECTURE.md"
        );
    }
}

#[test]
fn folder_name_is_crate_name_and_lints_are_shared() {
    for (folder, manifest) in manifests() {
        assert!(
            manifest.contains(&format!("name = \"{folder}\"")),
            "crates/{folder}"
        );
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "crates/{folder} skips the lints"
        );
    }
}

#[test]
fn no_crate_has_cargo_features_of_its_own() {
    for (folder, manifest) in manifests() {
        assert!(
            !manifest.contains("[features]"),
            "crates/{folder}: choose at run time instead"
        );
    }
}

#[test]
fn only_freeway_reads_the_environment_and_modules_are_not_named_mod() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut pending = vec![crates.to_owned()];
    let mut num_files = 0;
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        num_files += 1;
        assert_ne!(path.file_name().unwrap(), "mod.rs", "{}", path.display());
        let relative = path.strip_prefix(crates).unwrap();
        let is_test = relative
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        let is_library = !relative.starts_with("freeway")
            && !is_test
            && relative.iter().nth(1).is_some_and(|part| part == "src");
        if is_library {
            let source = fs::read_to_string(&path).unwrap();
            let reads_environment = source
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains("env::var") || line.contains("std::env"));
            assert!(
                !reads_environment,
                "{} reads the environment; take an argument instead",
                relative.display()
            );
        }
    }
    assert!(num_files > 10, "too few files were read");
}
