#!/usr/bin/env python3
"""Packs OpenAI's `o200k_base.tiktoken` into `crates/harmony/data/o200k_base.bpe`, or checks that the packed file equals it.

    pack_o200k.py RANKS.tiktoken            write the packed file
    pack_o200k.py --check RANKS.tiktoken    unpack the committed file and compare

The ranks file lies, for one, in the crate `tiktoken-rs` 0.12.1 (`assets/o200k_base.tiktoken`); its hash is checked first.
Layout of the packed file: see `crates/harmony/data/README.md`. Standard library only.
"""
import base64
import hashlib
import pathlib
import sys

SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
PACKED = pathlib.Path(__file__).parent.parent / "crates/harmony/data/o200k_base.bpe"


def read_ranks(path: str) -> list[bytes]:
    raw = pathlib.Path(path).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        sys.exit(f"{path}: not the official o200k_base.tiktoken (sha256 {SHA256})")
    tokens = []
    for line in raw.splitlines():
        token, rank = line.split()
        assert int(rank) == len(tokens)
        tokens.append(base64.b64decode(token))
    return tokens


def pack(tokens: list[bytes]) -> bytes:
    assert all(len(t) == 1 for t in tokens[:256]) and len(set(tokens[:256])) == 256
    assert len(tokens) < 1 << 18
    rank = {t: i for i, t in enumerate(tokens)}
    out = bytearray(b"".join(tokens[:256]))
    for i, token in enumerate(tokens[256:], 256):
        for cut in range(len(token) - 1, 0, -1):  # the longest left part that is an earlier token
            left, right = rank.get(token[:cut], i), rank.get(token[cut:], i)
            if left < i and right < i:
                out += (left | right << 18).to_bytes(5, "little")
                break
        else:
            sys.exit(f"token {i} is not made of two earlier ones")
    return bytes(out)


def unpack(data: bytes) -> list[bytes]:
    tokens = [data[i : i + 1] for i in range(256)]
    for at in range(256, len(data), 5):
        pair = int.from_bytes(data[at : at + 5], "little")
        tokens.append(tokens[pair & 0x3FFFF] + tokens[pair >> 18])
    return tokens


def main() -> None:
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    tokens = read_ranks(arguments[0])
    if "--check" in sys.argv:
        if unpack(PACKED.read_bytes()) != tokens:
            sys.exit(f"{PACKED} differs from {arguments[0]}")
        print(f"{PACKED.name}: {len(tokens)} tokens, equal")
    else:
        PACKED.write_bytes(pack(tokens))
        print(f"{PACKED.name}: {len(tokens)} tokens, {PACKED.stat().st_size} bytes")


main()
