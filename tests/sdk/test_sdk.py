"""OpenAI's Python package against `freeway serve` with the demo model.

    FREEWAY=target/release/freeway python -m unittest -v tests/sdk/test_sdk.py
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import openai

ROOT = Path(__file__).parents[2]
FREEWAY = os.environ.get("FREEWAY", str(ROOT / "target/release/freeway"))
SUM = [{"role": "user", "content": "What is 27 + 58?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather for a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "The name of the city"}},
            "required": ["city"],
        },
    },
}


class Server:
    """A server on a free port, with a store of its own."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FREEWAY_")}
        command = [FREEWAY, "serve", "--model", "demo", "--listen", "127.0.0.1:0",
                   "--store", f"sqlite:{self.directory.name}/freeway.db"]  # fmt: skip
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        for line in self.process.stderr:
            if found := re.search(r"http://\S+/v1", line):
                self.url = found[0]
                return
        raise RuntimeError(f"the server did not start: exit code {self.process.wait()}")

    def end(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.process.stderr.close()
        self.directory.cleanup()
        return code


class Sdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = openai.OpenAI(base_url=cls.server.url, api_key="unused", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        code = cls.server.end()
        assert code == 0, f"exit code {code} after SIGTERM"

    def chat(self, **more):
        request = {"model": "demo", "messages": SUM, "temperature": 0} | more
        return self.client.chat.completions.create(**request)

    def test_chat(self):
        completion = self.chat()
        choice = completion.choices[0]
        self.assertEqual(choice.message.content, "27 + 58 = 85")
        self.assertEqual(choice.finish_reason, "stop")
        self.assertIn("carry", choice.message.reasoning)
        usage = completion.usage
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertGreater(usage.completion_tokens_details.reasoning_tokens, 0)

    def test_low_effort_does_not_reason(self):
        completion = self.chat(reasoning_effort="low")
        self.assertEqual(completion.usage.completion_tokens_details.reasoning_tokens, 0)

    def test_stream_is_the_same_answer(self):
        whole = self.chat().choices[0].message
        content = reasoning = ""
        usage = None
        for chunk in self.chat(stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                content += choice.delta.content or ""
                reasoning += getattr(choice.delta, "reasoning", None) or ""
        self.assertEqual((content, reasoning), (whole.content, whole.reasoning))
        self.assertGreater(usage.completion_tokens, 0)

    def test_stream_of_the_beta_helper(self):
        request = {"model": "demo", "messages": SUM, "temperature": 0}
        with self.client.chat.completions.stream(**request) as stream:
            for _ in stream:
                pass
            self.assertEqual(stream.get_final_completion().choices[0].message.content, "27 + 58 = 85")

    def test_tools(self):
        asked = [{"role": "user", "content": "What's the weather in Oslo?"}]
        choice = self.chat(messages=asked, tools=[WEATHER]).choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        call = choice.message.tool_calls[0]
        self.assertEqual((call.type, call.function.name), ("function", "get_weather"))
        self.assertEqual(json.loads(call.function.arguments), {"city": "Oslo"})

        result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature":7}'}
        history = [*asked, choice.message.model_dump(exclude_none=True), result]
        answer = self.chat(messages=history, tools=[WEATHER]).choices[0]
        self.assertEqual(answer.finish_reason, "stop")
        self.assertIn("7", answer.message.content)

        # As most clients send it: without the reasoning, which the server then remembers.
        plain = {"role": "assistant", "tool_calls": [call.model_dump()]}
        again = self.chat(messages=[*asked, plain, result], tools=[WEATHER]).choices[0]
        self.assertEqual(again.message.content, answer.message.content)

        arguments = ""
        for chunk in self.chat(messages=asked, tools=[WEATHER], stream=True):
            for part in chunk.choices[0].delta.tool_calls or []:
                arguments += part.function.arguments or ""
        self.assertEqual(json.loads(arguments), {"city": "Oslo"})

        without = self.chat(messages=asked, tools=[WEATHER], tool_choice="none").choices[0]
        self.assertIsNone(without.message.tool_calls)

    def test_logprobs(self):
        choice = self.chat(logprobs=True, top_logprobs=3).choices[0]
        tokens = choice.logprobs.content
        self.assertEqual("".join(token.token for token in tokens), choice.message.content)
        for token in tokens:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(len(token.top_logprobs), 3)
            self.assertEqual(token.top_logprobs[0].token, token.token, "greedy takes the likeliest")

    def test_choices_seeds_stops_and_limits(self):
        many = self.chat(n=3, temperature=1, seed=5)
        self.assertEqual([choice.index for choice in many.choices], [0, 1, 2])
        again = self.chat(n=3, temperature=1, seed=5)
        self.assertEqual(
            [c.message.content for c in many.choices], [c.message.content for c in again.choices]
        )
        stopped = self.chat(stop=["="]).choices[0]
        self.assertEqual((stopped.message.content, stopped.finish_reason), ("27 + 58 ", "stop"))
        cut = self.chat(max_completion_tokens=4)
        self.assertEqual((cut.choices[0].finish_reason, cut.usage.completion_tokens), ("length", 4))

    def test_completions(self):
        completion = self.client.completions.create(model="demo", prompt="27 + 58", max_tokens=5, echo=True)
        self.assertTrue(completion.choices[0].text.startswith("27 + 58"))
        self.assertEqual(completion.choices[0].finish_reason, "length")

    def test_models(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["demo"])
        self.assertEqual(self.client.models.retrieve("demo").owned_by, "freeway")

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat(model="demmo")
        self.assertEqual(caught.exception.code, "model_not_found")
        self.assertIn("demo", caught.exception.message)
        self.assertTrue(caught.exception.request_id.startswith("req_"))
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(temperature=5)
        self.assertEqual(caught.exception.param, "temperature")
        long = [{"role": "user", "content": "word " * 200_000}]
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(messages=long)
        self.assertEqual(caught.exception.code, "context_length_exceeded")

    def test_giving_up_in_the_middle(self):
        stream = self.chat(stream=True)
        next(iter(stream))
        stream.close()
        self.assertEqual(self.chat().choices[0].message.content, "27 + 58 = 85")

    def test_many_at_once(self):
        async def ask_all():
            async with openai.AsyncOpenAI(base_url=self.server.url, api_key="unused") as client:
                one = client.chat.completions.create
                asked = (one(model="demo", messages=SUM, temperature=0) for _ in range(32))
                return await asyncio.gather(*asked)

        answers = {completion.choices[0].message.content for completion in asyncio.run(ask_all())}
        self.assertEqual(answers, {"27 + 58 = 85"})


if __name__ == "__main__":
    unittest.main()
