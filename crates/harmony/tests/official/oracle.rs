//! OpenAI's harmony library, with its vocabulary taken from our tokenizer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use openai_harmony::{HarmonyEncoding, HarmonyEncodingName};
use std::path::PathBuf;
use std::{env, fs, process};

/// The library looks for its vocabulary in a cache before it downloads it from a base URL. This is
/// no URL that anything could be downloaded from.
const BASE: &str = "harmony-tests:/";

/// The name of the vocabulary in that cache: the SHA-1 of base URL and file name.
const CACHED: &str = "9b8ff6f38127fa0320bc18b36fe3186f569a82f9";

/// Loads the library's encoding without any network. The library checks the SHA-256 of the
/// vocabulary, so this is also a test that ours is the published one.
pub(crate) fn load() -> HarmonyEncoding {
    let folder = env::var_os("TIKTOKEN_RS_CACHE_DIR")
        .map_or_else(|| env::temp_dir().join("tiktoken-rs-cache"), PathBuf::from);
    fs::create_dir_all(&folder).expect("the cache folder can be made");
    let file = folder.join(CACHED);
    if !file.exists() {
        // Other processes may do the same: each writes a file of its own and moves it into place.
        let own = folder.join(format!("{CACHED}.{}", process::id()));
        fs::write(&own, vocabulary()).expect("the vocabulary can be written");
        fs::rename(&own, &file).expect("and moved");
    }
    openai_harmony::tiktoken_ext::set_tiktoken_base_url(BASE);
    openai_harmony::load_harmony_encoding(HarmonyEncodingName::HarmonyGptOss)
        .expect("the vocabulary is the published one")
}

/// The ranks as `o200k_base.tiktoken` lists them: a line for each token with its bytes in base 64.
fn vocabulary() -> String {
    let tokenizer = harmony::Tokenizer::o200k_harmony();
    let lines = (0..199_998).map(|id| {
        let bytes = tokenizer.token_bytes(id).expect("the ranks have no gap");
        format!("{} {id}\n", BASE64_STANDARD.encode(bytes))
    });
    lines.collect()
}
