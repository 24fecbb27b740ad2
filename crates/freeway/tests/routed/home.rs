//! A place with settings and a store of its own, and hosts that are not real.

use std::fmt::Write;
use std::process::{Command, Output, Stdio};

use mock::{CatalogueModel, Mock};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::output::{assert_success, stdout};

/// The home, and the hosts of its settings.
pub(crate) struct Home {
    directory: TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) hosts: Vec<Mock>,
}

impl Home {
    /// With a host of each of these names.
    pub(crate) fn with(names: &[&str]) -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut settings = "[routing]\nknown_providers = false\nexploration_percent = 0.0\n\
                            [model]\nname = \"none\"\n"
            .to_owned();
        let mut hosts = Vec::new();
        for name in names {
            let host = runtime.block_on(Mock::start()).unwrap();
            let url = host.base_url();
            write!(
                settings,
                "[[provider]]\nid = \"{name}\"\nlike = \"openrouter\"\nbase_url = \"{url}\"\n"
            )
            .unwrap();
            hosts.push(host);
        }
        std::fs::write(directory.path().join("freeway.toml"), settings).unwrap();
        Self {
            directory,
            runtime,
            hosts,
        }
    }

    /// With one host, which has been looked at.
    pub(crate) fn synced() -> Self {
        let home = Self::with(&["host"]);
        assert_success(&home.run(&["sync"]));
        home
    }

    pub(crate) fn store_url(&self) -> String {
        let path = self.directory.path().join("freeway/freeway.db");
        format!("sqlite:{}", path.display())
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
        command
            .args(args)
            .env("XDG_DATA_HOME", self.directory.path())
            .env("HF_HOME", self.directory.path())
            .env_remove("HF_HUB_CACHE")
            .env("OPENROUTER_API_KEY", "sk-or-for-tests")
            .env("FREEWAY_CONFIG", self.directory.path().join("freeway.toml"))
            .stdin(Stdio::null());
        // An empty variable is one that is not set.
        for name in ["MODEL", "STORE"] {
            command.env(format!("FREEWAY_{name}"), "");
        }
        command
    }

    /// What a command that succeeds prints as JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert_success(&output);
        serde_json::from_str(stdout(&output)).unwrap()
    }

    /// The ids that a list has, in its order.
    pub(crate) fn ids(&self, args: &[&str]) -> Vec<String> {
        let list = self.json(&[&["models", "--free"], args].concat());
        let models = list["models"].as_array().unwrap().iter();
        models
            .map(|model| model["canonical_id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A free model that differs from others.
pub(crate) fn model(id: &str, change: impl FnOnce(&mut CatalogueModel)) -> CatalogueModel {
    let mut model = CatalogueModel::free(id);
    change(&mut model);
    model
}
