//! The arrows between the crates, read from the manifests, are those of ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

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

/// The names on the left of `=` or `.` in the dependency tables of a manifest, dev ones included.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut in_dependencies = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
        } else if in_dependencies && !line.starts_with('#') {
            names.extend(
                line.split(['=', '.', ' '])
                    .next()
                    .filter(|name| !name.is_empty()),
            );
        }
    }
    names
}

#[test]
fn crates_depend_only_along_the_allowed_arrows() {
    let manifests = manifests();
    let mut num_edges = 0;
    for (from, manifest) in &manifests {
        for to in dependencies(manifest) {
            if !manifests.contains_key(to) || from == "freeway" {
                continue;
            }
            num_edges += 1;
            assert!(
                ALLOWED.contains(&(from.as_str(), to)),
                "crates/{from} must not depend on crates/{to}: see ARCHITECTURE.md"
            );
        }
    }
    assert!(
        num_edges > 0,
        "the manifests were not read: no edge was found"
    );
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
