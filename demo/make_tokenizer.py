"""Trains the byte-level BPE and writes tokenizer.json.

Two things make the small model's life easier.  Merges are learned on words without the space before
them, so that a name has the same tokens after a space, a quote or a bracket and can be copied token
by token.  And some tokens are only used where they are all of a piece of the split pattern (what
`ignore_merges` means): frequent words with their space that are never values, and the phrases that
every prompt contains, for which the pattern has alternatives.  Digits are always single tokens.
"""

import argparse
import collections
import json
import re
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import words
from arithmetic import COLUMNS
from dialogue import CALL_CHANNEL, CHANNELS, IDENTITY, SPECIAL_TOKENS
from mixture import training_segments

_TOOLS, _TOOLS_END = "# Tools\n\n## functions\n\nnamespace functions {\n\n", "} // namespace functions"
_SCHEMA = '{"type":"object","properties":{"'
PHRASES = [
    IDENTITY, "\nCurrent date: ", "\n\nReasoning: ", "\n\n" + CHANNELS, CALL_CHANNEL,
    "# Instructions\n\n", "# Response Formats\n\n## ", _TOOLS, _TOOLS + "// ", _TOOLS + "type ",
    *(end + then for end in ("}) => any;\n\n", " = () => any;\n\n") for then in ("", "// ", "type ", _TOOLS_END)),
    "\ntype ", "// ", " = (_: {\n", ", // default: ",
    *(f"{mark}: {kind},\n" for mark in ("", "?") for kind in ("string", "number", "boolean")),
    " to=functions.", " to=assistant", "functions.",
    _SCHEMA, '},"required":["', '"],"additionalProperties":false}',
    *(f'":{{"type":"{kind}"' for kind in ("string", "integer", "number", "boolean")),
    *(f"{name} " for name in COLUMNS), ", write ", ", carry ", ", borrow ",
]  # fmt: skip
WORDS_ALONE = r"\p{Lu}?\p{Ll}+|\p{Lu}+|\p{L}|\p{N}|[^\s\p{L}\p{N}]+|\s+"
WORDS_SPACED = r" ?\p{Lu}?\p{Ll}+| ?\p{Lu}+|\p{L}|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"


def phrases_pattern():
    longest_first = sorted(PHRASES, key=len, reverse=True)
    return "|".join(re.sub(r"([\[\]{}()|?*+.\\^$])", r"\\\1", text) for text in longest_first)


def pre_tokenizer(words_pattern):
    split = pre_tokenizers.Split(Regex(phrases_pattern() + "|" + words_pattern), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def corpus(conversations):
    source = words.Source(12345)
    return [s.text for _ in range(conversations) for s in training_segments(source) if not s.special]


def value_words():
    """Words that occur as values, names or keys: they never get a token with the space."""
    lists = [v for k, v in vars(words).items() if k.isupper() and k[0] != "_" and k != "LONG_CITIES"]
    flat = {w for group in lists for item in group for w in item.lower().split()}
    return (flat - set(words.VERBS)) | {noun + "s" for noun in words.NOUNS}


def learn_words(texts, count):
    """Merges inside words and punctuation."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(WORDS_ALONE)
    trainer = trainers.BpeTrainer(vocab_size=256 + count, special_tokens=[], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]


def frequent_words(texts, tokenizer, count):
    """Words that follow a space, are one token and never a value; with that space."""
    values, counts = value_words(), collections.Counter()
    for text in texts:
        for word in re.findall(r" ([A-Za-z]+|[^\sA-Za-z0-9]+)", text):
            stray_letter = len(word) == 1 and word.isalpha() and word not in "aI"
            if word.lower() not in values and not stray_letter and len(tokenizer.encode(word).ids) == 1:
                counts[" " + word] += 1
    return [word for word, _ in counts.most_common(count)]


def build(merges, whole=(), special=()):
    """whole: texts that are tokens although no merge makes them"""
    vocabulary = {token: index for index, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for token in [left + right for left, right in merges] + [letters.pre_tokenize_str(text)[0][0] for text in whole]:
        vocabulary.setdefault(token, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizer(WORDS_SPACED)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer


def verify(tokenizer, texts):
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
    for phrase in PHRASES:
        assert len(tokenizer.encode(phrase).ids) == 1, phrase


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=760, help="merges inside words")
    parser.add_argument("--spaced", type=int, default=190, help="words that get a token with their space")
    parser.add_argument("--conversations", type=int, default=12000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("weights") / "tokenizer.json")
    options = parser.parse_args()

    texts = corpus(options.conversations)
    plain = [re.sub(phrases_pattern(), "\n", text) for text in texts]
    merges = learn_words(plain, options.words)
    spaced = frequent_words(plain, build(merges), options.spaced)
    tokenizer = build(merges, spaced + PHRASES, SPECIAL_TOKENS)
    verify(tokenizer, corpus(800) + ["Hi! Ünïcödé 你好 🙂\t\n  x=1", "\r\n\r\n a  b   c", "ÀÉ’s don't"])
    options.out.parent.mkdir(exist_ok=True)
    tokenizer.save(str(options.out))
    length = sum(len(tokenizer.encode(text).ids) for text in texts) / options.conversations
    print(f"{tokenizer.get_vocab_size()} tokens, {length:.0f} text tokens a conversation")


if __name__ == "__main__":
    main()
