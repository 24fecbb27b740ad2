//! Names for requests, answers and calls.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 24;

/// `prefix` and 24 random letters and digits (142 bits): nobody guesses another's.
pub fn random_id(prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + LENGTH);
    id.push_str(prefix);
    let mut bytes = [0u8; 2 * LENGTH];
    while id.len() < prefix.len() + LENGTH {
        // Without the operating system's random numbers there is no telling requests apart, and
        // the standard library's own hash maps do not work either.
        if getrandom::fill(&mut bytes).is_err() {
            std::process::abort();
        }
        let missing = prefix.len() + LENGTH - id.len();
        // Bytes from 248 on would make the first letters likelier.
        let letters = bytes.iter().filter(|&&byte| byte < 248).take(missing);
        id.extend(letters.map(|&byte| char::from(ALPHABET[usize::from(byte) % 62])));
    }
    id
}

/// The name of a new request.
pub fn request_id() -> String {
    random_id("req_")
}

/// A random number from 0 to below 1.
pub fn random_unit() -> f64 {
    let mut bytes = [0; 8];
    // What it is for, a fair choice, is not worth ending the program for.
    if getrandom::fill(&mut bytes).is_err() {
        return 0.5;
    }
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_fixed_form_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| random_id("x_")).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 26
            && id.starts_with("x_")
            && id[2..].bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
