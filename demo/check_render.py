"""Checks that the engine writes prompts exactly as the training data does: token for token.

python check_render.py path/to/freeway
"""

import argparse
import json
import subprocess
from pathlib import Path

from dialogue import prompt
from make_eval import cases
from packing import Encoder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("freeway", type=Path)
    parser.add_argument("--count", type=int, default=5, help="prompts for each skill and effort")
    parser.add_argument("--tokenizer", type=Path, default=Path(__file__).with_name("weights") / "tokenizer.json")
    options = parser.parse_args()

    encoder, different, total = Encoder(options.tokenizer), 0, 0
    command = [options.freeway, "harmony", "--tokenizer", options.tokenizer, "render"]
    for record, conversation, upto in cases(options.count, seed=3):
        text = json.dumps(record["conversation"], ensure_ascii=False)
        theirs = json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)
        ours, _ = encoder.segments(prompt(conversation, upto))
        total += 1
        if ours != theirs:
            different += 1
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            for name, ids in (("training", ours), ("engine", theirs)):
                print(
                    f"{record['id']} {name}: {encoder.tokenizer.decode(ids[at : at + 12], skip_special_tokens=False)!r}"
                )
    print(f"{total - different} of {total} prompts are the same")
    raise SystemExit(different > 0)


if __name__ == "__main__":
    main()
