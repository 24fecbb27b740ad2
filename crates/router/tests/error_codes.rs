//! `docs/api.md` tells every word that an error can have.

use router::openai::error_body;
use router::{FailureKind, ProviderError, RouterError};

#[test]
fn every_code_of_an_error_and_every_outcome_of_an_attempt_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let text = std::fs::read_to_string(path).unwrap();
    let errors = text.split("## Errors").nth(1).unwrap();
    let errors = errors.split("\n## ").next().unwrap();
    for &kind in FailureKind::ALL {
        let error = RouterError::from(ProviderError::new(kind, "words"));
        let code = error_body(&error)["error"]["code"].clone();
        let words = [Some(kind.as_str()), code.as_str()];
        for word in words.into_iter().flatten() {
            assert!(errors.contains(&format!("`{word}`")), "{word}: {kind:?}");
        }
    }
}
