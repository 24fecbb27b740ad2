"""A conversation as data, and how Harmony writes it down.

`segments` renders training text exactly as the engine renders prompts; `harmony_json` gives the
same conversation in the JSON form of OpenAI's harmony library, for evaluation through the engine.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

SPECIAL_TOKENS = [
    "<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>",
    "<|start|>", "<|end|>", "<|message|>", "<|call|>",
]  # fmt: skip
IDENTITY = "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06"
CHANNELS = "# Valid channels: analysis, commentary, final. Channel must be included for every message."
CALL_CHANNEL = "\nCalls to these tools must go to the commentary channel: 'functions'."


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass
class Field:
    """A parameter of a function, or a property of a JSON schema."""

    name: str
    type: str  # string, integer, number or boolean
    description: str | None = None
    enum: list[str] | None = None
    default: str | int | None = None
    required: bool = True

    def schema(self):
        out = {"type": self.type}
        for key in ("description", "enum", "default"):
            if getattr(self, key) is not None:
                out[key] = getattr(self, key)
        return out

    def typescript(self):
        kind = "number" if self.type == "integer" else self.type
        if self.enum:
            kind = " | ".join(f'"{v}"' for v in self.enum)
        comment = f"// {self.description}\n" if self.description else ""
        line = f"{comment}{self.name}{'' if self.required else '?'}: {kind},"
        if self.default is not None:
            quoted = isinstance(self.default, str) and not self.enum
            line += f' // default: "{self.default}"' if quoted else f" // default: {self.default}"
        return line + "\n"


@dataclass
class Function:
    name: str
    description: str | None
    fields: list[Field]
    phrasings: list[str] = field(default_factory=list)  # requests in everyday words
    verb: str | None = None  # how a made-up function is asked for
    noun: str | None = None
    makers: dict = field(default_factory=dict)  # field name -> kind of value
    ask: Callable | None = None  # of a source: (a request, its arguments), where no phrasings are listed
    about: set[str] = field(default_factory=set)  # stems of words that no other function of the set may have

    def texts(self):
        """All that is said of it, and what people say who want it."""
        fields = (text for f in self.fields for text in (f.name, f.description or "", *(f.enum or ())))
        return [self.name, self.description or "", *self.phrasings, *self.about, *fields]

    def typescript(self):
        comment = f"// {self.description}\n" if self.description else ""
        if not self.fields:
            return f"{comment}type {self.name} = () => any;\n\n"
        body = "".join(f.typescript() for f in self.fields)
        return f"{comment}type {self.name} = (_: {{\n{body}}}) => any;\n\n"

    def schema(self):
        if not self.fields:
            return None
        return {
            "type": "object",
            "properties": {f.name: f.schema() for f in self.fields},
            "required": [f.name for f in self.fields if f.required],
        }


@dataclass
class Turn:
    """What the user says and what the model should do.  `analysis` is None at low effort.

    given: how the analysis begins, in words that the model has to go on from but does not learn.
    """

    skill: str
    kind: str
    user: str
    final: str
    analysis: str | None
    call: tuple[str, dict] | None = None
    result: str | None = None
    analysis_after: str | None = None
    given: str = ""


@dataclass
class Conversation:
    effort: str
    turns: list[Turn]
    date: str | None = None
    instructions: str | None = None
    functions: list[Function] = field(default_factory=list)
    response_format: dict | None = None  # name, description, schema

    def system_text(self):
        date = f"\nCurrent date: {self.date}" if self.date else ""
        calls = CALL_CHANNEL if self.functions else ""
        return f"{IDENTITY}{date}\n\nReasoning: {self.effort}\n\n{CHANNELS}{calls}"

    def developer_text(self, layout=compact):
        parts = []
        if self.instructions:
            parts.append(f"# Instructions\n\n{self.instructions}")
        if self.functions:
            types = "".join(f.typescript() for f in self.functions)
            parts.append(f"# Tools\n\n## functions\n\nnamespace functions {{\n\n{types}}} // namespace functions")
        if self.response_format:
            form = self.response_format
            comment = f"// {form['description']}\n" if form["description"] else ""
            parts.append(f"# Response Formats\n\n## {form['name']}\n\n{comment}{layout(form['schema'])}")
        return "\n\n".join(parts)


class Segment(NamedTuple):
    text: str
    special: bool
    learned: bool  # whether the model is trained to produce it


def _special(text, learned=False):
    return Segment(text, True, learned)


def _message(header, text, end, learned=False, given=""):
    """header: pieces of text and special tokens between <|start|> and <|message|>; given: text not learned."""
    start = [_special("<|start|>"), Segment("assistant", False, False)]
    if header[0] != "assistant":
        start = [_special("<|start|>")]
    else:
        header = header[1:]
    body = [Segment(h, h.startswith("<|"), learned) for h in header]
    # An earlier final ends in <|end|>, which the model itself never writes there.
    ends_here = learned and not (end == "<|end|>" and header[-1] == "final")
    content = [Segment(given, False, False)] * bool(given) + [Segment(text, False, learned)]
    return [*start, *body, _special("<|message|>", learned), *content, _special(end, ends_here)]


def _chain(messages):
    """Concatenates messages; after a message of its own the model also writes the next `<|start|>assistant`."""
    out = []
    for message in messages:
        follows_own = out and out[-1].text == "<|end|>" and out[-1].learned
        if follows_own and message[1].text == "assistant":
            message = [s._replace(learned=True) for s in message[:2]] + message[2:]
        out += message
    return out


def _turn(turn, last, learned, keep_analysis, resume=False):
    messages = [_message(["user"], turn.user, "<|end|>")]

    def think(text, given=""):
        if text and keep_analysis:
            messages.append(_message(["assistant", "<|channel|>", "analysis"], text, "<|end|>", learned, given))

    if not resume:
        think(turn.analysis, turn.given)
    if turn.call:
        name, arguments = turn.call
        header = ["assistant", "<|channel|>", f"commentary to=functions.{name} ", "<|constrain|>", "json"]
        messages.append(_message(header, compact(arguments), "<|call|>", learned and not resume))
        header = [f"functions.{name}", "<|channel|>", "commentary to=assistant"]
        messages.append(_message(header, turn.result, "<|end|>"))
        think(turn.analysis_after)
    end = "<|return|>" if last else "<|end|>"
    messages.append(_message(["assistant", "<|channel|>", "final"], turn.final, end, learned))
    return messages


def segments(conversation, keep_analysis=False, resume=False, layout=compact):
    """Training text.

    Analysis of earlier turns is dropped, as the engine does, unless keep_analysis.  With `resume` a
    call in the last turn is history without its analysis (clients often send none back).
    """
    messages = [_message(["system"], conversation.system_text(), "<|end|>")]
    developer = conversation.developer_text(layout)
    if developer:
        messages.append(_message(["developer"], developer, "<|end|>"))
    for index, turn in enumerate(conversation.turns):
        last = index == len(conversation.turns) - 1
        whole = last or keep_analysis
        learned = whole or conversation.effort == "low"
        messages += _turn(turn, last, learned, whole, resume=resume and last and turn.call is not None)
    return _chain(messages)


def prompt(conversation, upto):
    """Segments up to the place where the model answers; upto is "request" or "result"."""
    everything = segments(conversation, resume=True)
    author = "user" if upto == "request" else f"functions.{conversation.turns[-1].call[0]}"
    last = max(i for i, s in enumerate(everything) if s.text == author and everything[i - 1].text == "<|start|>")
    end = next(i for i in range(last, len(everything)) if everything[i].text == "<|end|>")
    return [*everything[: end + 1], _special("<|start|>"), Segment("assistant", False, False)]


def harmony_json(conversation, upto):
    """The messages before the model's answer; upto is "request" or "result"."""
    system = {
        "type": "system_content",
        "model_identity": IDENTITY.split("\n")[0],
        "reasoning_effort": conversation.effort.capitalize(),
        "knowledge_cutoff": "2024-06",
        "channel_config": {"valid_channels": ["analysis", "commentary", "final"], "channel_required": True},
    }
    if conversation.date:
        system["conversation_start_date"] = conversation.date
    messages = [{"role": "system", "name": None, "content": [system]}]
    developer = {"type": "developer_content"}
    if conversation.instructions:
        developer["instructions"] = conversation.instructions
    if conversation.functions:
        tools = [{"name": f.name, "description": f.description or "", "parameters": f.schema()}
                 for f in conversation.functions]  # fmt: skip
        developer["tools"] = {"functions": {"name": "functions", "description": None, "tools": tools}}
    if conversation.response_format:
        developer["response_formats"] = [conversation.response_format]
    if len(developer) > 1:
        messages.append({"role": "developer", "name": None, "content": [developer]})

    def text(role, content, **more):
        messages.append({"role": role, "name": None, "content": [{"type": "text", "text": content}]} | more)

    for index, turn in enumerate(conversation.turns):
        last = index == len(conversation.turns) - 1
        text("user", turn.user)
        if turn.call and (not last or upto == "result"):
            recipient = f"functions.{turn.call[0]}"
            text("assistant", compact(turn.call[1]), channel="commentary", recipient=recipient,
                 content_type="<|constrain|>json")  # fmt: skip
            messages.append({"role": "tool", "name": recipient, "recipient": "assistant", "channel": "commentary",
                             "content": [{"type": "text", "text": turn.result}]})  # fmt: skip
        if not last:
            text("assistant", turn.final, channel="final")
    return {"messages": messages}
