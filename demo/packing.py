"""Turns conversations into flat training batches."""

import torch
from tokenizers import Tokenizer

from dialogue import SPECIAL_TOKENS
from mixture import training_segments


class Encoder:
    """Tokenises segments, remembering the common ones."""

    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(str(path))
        self.special = {text: self.tokenizer.token_to_id(text) for text in SPECIAL_TOKENS}
        self.vocab_size = self.tokenizer.get_vocab_size()
        self._memory = {}

    def letter_tokens(self):
        return sorted(t for t in self.tokenizer.get_vocab() if t.isascii() and t.isalpha())

    def text(self, text):
        if text not in self._memory:
            if len(self._memory) > 100_000:
                self._memory.clear()
            self._memory[text] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return self._memory[text]

    def segments(self, segments):
        """(token ids, for each whether it is learned)"""
        ids, learned = [], []
        for segment in segments:
            piece = [self.special[segment.text]] if segment.special else self.text(segment.text)
            ids += piece
            learned += [segment.learned] * len(piece)
        return ids, learned


class Packer:
    """Endless batches of exactly `size` tokens: whole conversations, then padding."""

    def __init__(self, encoder, source, size, mix=None):
        self.encoder, self.source, self.size, self.mix = encoder, source, size, mix
        self.waiting = []

    def _next_fitting(self, room):
        for index, (ids, _) in enumerate(self.waiting):
            if len(ids) <= room:
                return self.waiting.pop(index)
        for _ in range(6 if room < 200 else 20):
            drawn = self.encoder.segments(training_segments(self.source, mix=self.mix))
            if len(drawn[0]) <= room:
                return drawn
            if len(drawn[0]) <= self.size and len(self.waiting) < 64:
                self.waiting.append(drawn)
        return None

    def batch(self):
        """ids [size], targets [size] (-100 where nothing is learned), offsets [documents+1]"""
        ids, targets, offsets = [], [], [0]
        while (document := self._next_fitting(self.size - len(ids))) is not None:
            tokens, learned = document
            ids += tokens
            targets += [token if wanted else -100 for token, wanted in zip(tokens[1:], learned[1:])] + [-100]
            offsets.append(len(ids))
        if padding := self.size - len(ids):
            ids += [0] * padding
            targets += [-100] * padding
            offsets.append(self.size)
        return torch.tensor(ids), torch.tensor(targets), torch.tensor(offsets)
