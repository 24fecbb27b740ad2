"""Time to first token and memory of `freeway serve` under 1,000 requests in turn and 64 at once.

    python3 bench/serve.py --freeway target/release/freeway [--model demo] [--record FILE.json]

Asks the same kind of question with ever new numbers, streamed, and notes when the first event with
a token came. Memory is the resident set of the server's process. Also cancels 64 answers in the
middle and waits until the server is idle again.
"""

import argparse
import json
import os
import platform
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path


WRONG = []  # answers that came whole, but with a wrong sum


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freeway", default="target/release/freeway")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--sequential", type=int, default=1000)
    parser.add_argument("--concurrent", type=int, default=64)
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


class Server:
    def __init__(self, freeway, model):
        self.directory = tempfile.TemporaryDirectory()
        command = [freeway, "serve", "--model", model, "--listen", "127.0.0.1:0",
                   "--store", f"sqlite:{self.directory.name}/freeway.db"]  # fmt: skip
        begin = time.perf_counter()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"http://([\d.]+):(\d+)/v1", line):
                self.address = (found[1], int(found[2]))
                break
        else:
            raise SystemExit("the server did not start")
        self.start_ms = 1000 * (time.perf_counter() - begin)
        threading.Thread(target=lambda: self.process.stderr.read(), daemon=True).start()

    def resident_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def get(self, path):
        with socket.create_connection(self.address) as connection:
            request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            connection.sendall(request.encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def in_flight(self):
        return int(float(re.search(r"freeway_requests_in_flight\{[^}]*\} (\S+)", self.get("/metrics"))[1]))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        begin = time.perf_counter()
        code = self.process.wait(60)
        self.directory.cleanup()
        return code, 1000 * (time.perf_counter() - begin)


def ask(server, number, give_up=False):
    """(milliseconds to the first token, to the end, tokens); raises unless the answer is complete."""
    a, b = 100 + number % 900, 100 + number * 7 % 900
    body = json.dumps({
        "model": "auto", "stream": True, "temperature": 0, "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": f"What is {a} + {b}?"}],
    })  # fmt: skip
    begin = time.perf_counter()
    with socket.create_connection(server.address) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        received, first = b"", None
        while b"[DONE]" not in received:
            more = connection.recv(65536)
            if not more:
                raise RuntimeError(f"broken off: {received[-300:]}")
            received += more
            if not received.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(received.split(b"\r\n")[0].decode())
            if first is None and b'"delta"' in received:
                first = time.perf_counter()
                if give_up:
                    return 1000 * (first - begin), None, None
    end = time.perf_counter()
    content = "".join(json.loads(text) for text in re.findall(rb'"content":("(?:[^"\\\\]|\\\\.)*")', received))
    if content != f"{a} + {b} = {a + b}":
        WRONG.append(content)
    tokens = int(re.search(rb'"completion_tokens":(\d+)', received)[1])
    return 1000 * (first - begin), 1000 * (end - begin), tokens


def at_once(server, count, **options):
    results, errors = [], []

    def one(number):
        try:
            results.append(ask(server, number, **options))
        except Exception as error:
            errors.append(str(error))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, errors, time.perf_counter() - begin


def percentiles(values):
    ordered = sorted(values)
    at = lambda share: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)  # noqa: E731
    return {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": round(ordered[-1], 1)}


def main():
    options = arguments()
    server = Server(options.freeway, options.model)
    memory = {"after_start_mb": round(server.resident_mb(), 1)}
    record = {"start_ms": round(server.start_ms)}

    begin = time.perf_counter()
    results = []
    for number in range(options.sequential):
        results.append(ask(server, number))
        if number + 1 in (100, options.sequential // 2, options.sequential):
            memory[f"after_{number + 1}_mb"] = round(server.resident_mb(), 1)
    seconds = time.perf_counter() - begin
    record["sequential"] = {
        "requests": len(results), "seconds": round(seconds, 1),
        "first_token_ms": percentiles([r[0] for r in results]),
        "whole_answer_ms": percentiles([r[1] for r in results]),
        "tokens_per_second": round(sum(r[2] for r in results) / seconds),
    }  # fmt: skip

    results, errors, seconds = at_once(server, options.concurrent)
    memory[f"after_{options.concurrent}_at_once_mb"] = round(server.resident_mb(), 1)
    record["concurrent"] = {
        "requests": options.concurrent, "failed": len(errors), "seconds": round(seconds, 2),
        "first_token_ms": percentiles([r[0] for r in results]),
        "whole_answer_ms": percentiles([r[1] for r in results]),
        "tokens_per_second": round(sum(r[2] for r in results) / seconds),
    }  # fmt: skip

    results, errors, _ = at_once(server, options.concurrent, give_up=True)
    begin = time.perf_counter()
    while server.in_flight():
        time.sleep(0.001)
    record["canceled"] = {
        "requests": options.concurrent, "failed": len(errors),
        "idle_after_ms": round(1000 * (time.perf_counter() - begin), 1),
    }  # fmt: skip
    memory["after_cancels_mb"] = round(server.resident_mb(), 1)

    # One more than the engine takes: how overload looks.
    results, errors, _ = at_once(server, 200)
    refused = [e for e in errors if "429" in e]
    record["overload"] = {"requests": 200, "answered": len(results), "refused_429": len(refused),
                          "other": len(errors) - len(refused)}  # fmt: skip
    code, milliseconds = server.end()
    record["sigterm_when_idle"] = {"exit_code": code, "ms": round(milliseconds, 1)}
    record["memory"] = memory
    record["wrong_sums"] = len(WRONG)
    record["machine"] = {"cores": os.cpu_count(), "processor": processor()}
    record["command"] = f"bench/serve.py --model {options.model}"
    record["commit"] = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    record["note"] = "wall-clock times of a shared machine; client and server share its cores"
    text = json.dumps(record, indent=2)
    print(text)
    if options.record:
        options.record.write_text(text + "\n")


def processor():
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor()


if __name__ == "__main__":
    main()
