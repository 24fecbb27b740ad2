//! What a command printed, for every test that runs the binary.

use std::process::Output;

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
pub(crate) fn assert_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}",
        output.status,
        stderr(output)
    );
}

/// It ended with this code, said nothing on standard output, and these words on standard error.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert_eq!(stdout(output), "", "an error belongs on stderr");
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}
