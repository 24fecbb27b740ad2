"""What a gateway costs: `freeway serve` beside nginx, LiteLLM's proxy and Portkey's gateway.

    python3 bench/gateway/run.py [--rounds 3] [--seconds 5] [--record FILE.json]

All on one machine and in one run: wrk asks, a mock host (tests/mock) answers at once, the gateway
stands between them. Freeway checks a key, routes, records each attempt in SQLite and counts
metrics; nginx is a plain reverse proxy, the floor. Rounds go over the gateways in turn; the medians
are printed. CPU is user and system time of all processes of a gateway, from /proc, divided by what
wrk counted; on a shared machine it moves far less than the times do.

`make gateway` installs the peers and the tools, and builds what is needed. A peer that is not there
is left out, and said to be.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TICK = os.sysconf("SC_CLK_TCK")
WORDS = "Tell me in a few words what a gateway between programs and language models is good for. " * 3
# An answer in one piece of about 1 KB; a stream that comes at once; one that comes at the pace of
# a model, a chunk every 5 ms.
MOCKS = {
    "whole": ["--pieces", "8", "--piece-bytes", "85"],
    "burst": ["--pieces", "1000", "--piece-bytes", "4"],
    "paced": ["--pieces", "200", "--piece-bytes", "4", "--interval-us", "5000"],
}
CHUNKS = {"burst": 1003, "paced": 203}  # with role, finish and usage
PROVIDER_HISTORY = "history"  # as in crates/store/benches/store.rs
START_RUNS = 5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freeway", default=ROOT / "target/release/freeway", type=Path)
    parser.add_argument("--mock", default=ROOT / "target/release/mock", type=Path)
    parser.add_argument("--peers", default=ROOT / "target/gateway", type=Path, help="where LiteLLM (venv/) and Portkey (node_modules/) are installed")
    parser.add_argument("--only", nargs="+", default=["direct", "nginx", "freeway", "portkey", "litellm"])
    parser.add_argument("--history", type=Path, help="SQLite file with a million attempts (cargo bench -p store -- sqlite:FILE), for the start")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def tree(root):
    """The process and all that it started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(pid):
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_mb(pid):
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError, TypeError):
            total += int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{one}/status").read_text())[1])
    return total / 1024


class Mock:
    def __init__(self, binary, name):
        self.process = subprocess.Popen([binary, *MOCKS[name]], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.port = int(re.search(r":(\d+)/", self.url)[1])

    def end(self):
        self.process.kill()
        self.process.wait()


class Gateway:
    """A gateway that runs. `headers(kind)`, `path(kind)` and `model(kind)` say how it is asked."""

    name = "direct"
    streams = True
    process = None

    def __init__(self, options, mocks, home):
        self.options, self.mocks, self.home = options, mocks, home
        self.port = free_port()
        self.start_ms = []
        self.prepare()

    def prepare(self):
        pass

    def command(self):
        raise NotImplementedError

    def path(self, kind):
        return "/v1/chat/completions"

    def headers(self, kind):
        return {}

    def model(self, kind):
        return f"bench/{kind}"

    def port_of(self, kind):
        return self.port

    def start(self):
        """Starts it, and waits for its first answer."""
        begin = time.perf_counter()
        log = open(self.home / f"{self.name}.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            self.command(), stdout=log, stderr=log, env=os.environ | self.environment(), start_new_session=True
        )
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("whole") == 200:
                    break
            if self.process.poll() is not None or time.perf_counter() - begin > 120:
                raise SystemExit(f"{self.name} did not start: {(self.home / f'{self.name}.log').read_text()[-2000:]}")
            time.sleep(0.002)
        self.start_ms.append(1000 * (time.perf_counter() - begin))

    def environment(self):
        return {}

    def body(self, kind):
        body = {"model": self.model(kind), "messages": [{"role": "user", "content": WORDS}], "max_tokens": 2000}
        if kind != "whole":
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return json.dumps(body)

    def ask(self, kind):
        connection = http.client.HTTPConnection("127.0.0.1", self.port_of(kind), timeout=30)
        headers = {"content-type": "application/json"} | self.headers(kind)
        connection.request("POST", self.path(kind), self.body(kind), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if kind != "whole" and answer.status == 200 and text.count(b'"delta"') < CHUNKS[kind] - 1:
            raise SystemExit(f"{self.name}: {text.count(b'delta')} chunks came of {CHUNKS[kind]}")
        return answer.status

    def load(self, kind, connections, seconds):
        """What wrk saw, and the CPU that the gateway used for it."""
        pid = self.process.pid if self.process else self.mocks[kind].process.pid
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers(kind).items())
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "--latency",
                   "-s", str(HERE / "wrk.lua"), f"http://127.0.0.1:{self.port_of(kind)}{self.path(kind)}"]  # fmt: skip
        before = cpu_seconds(pid)
        done = subprocess.run(
            command, env=os.environ | {"BODY": self.body(kind), "HEADERS": headers}, capture_output=True, text=True, check=True
        )
        used = cpu_seconds(pid) - before
        seen = json.loads(done.stdout.splitlines()[-1])
        return seen | {"cpu_seconds": used}

    def end(self):
        if self.process:
            for pid in reversed(tree(self.process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            self.process.wait(60)
            self.process = None


class Direct(Gateway):
    def start(self):
        pass

    def port_of(self, kind):
        return self.mocks[kind].port


class Nginx(Gateway):
    name = "nginx"

    def prepare(self):
        servers = "".join(
            f"upstream {kind} {{ server 127.0.0.1:{mock.port}; keepalive 64; }}\n" for kind, mock in self.mocks.items()
        )
        # Streams must not wait in a buffer.
        places = "".join(
            f"location /{kind}/ {{ proxy_pass http://{kind}/; proxy_http_version 1.1; "
            f'proxy_set_header Connection ""; proxy_buffering {"on" if kind == "whole" else "off"}; }}\n'
            for kind in self.mocks
        )
        self.config = self.home / "nginx.conf"
        self.config.write_text(
            f"daemon off; worker_processes 1; pid {self.home}/nginx.pid; error_log stderr error;\n"
            f"events {{ worker_connections 1024; }}\n"
            f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {self.home}/body; "
            f"proxy_temp_path {self.home}/proxy; fastcgi_temp_path {self.home}/f; uwsgi_temp_path {self.home}/u; "
            f"scgi_temp_path {self.home}/s;\n{servers}server {{ listen 127.0.0.1:{self.port};\n{places}}} }}\n"
        )

    def command(self):
        return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(self.config), "-p", str(self.home)]

    def path(self, kind):
        return f"/{kind}/v1/chat/completions"


class Freeway(Gateway):
    name = "freeway"

    def prepare(self):
        self.store = f"sqlite:{self.home}/freeway.db"
        if self.options.history:
            for end in ("", "-wal", "-shm"):
                if (source := Path(f"{self.options.history}{end}")).exists():
                    shutil.copy(source, f"{self.home}/freeway.db{end}")
        made = subprocess.run([self.options.freeway, "keys", "create", "bench", "--store", self.store],
                              capture_output=True, text=True, check=True)  # fmt: skip
        self.key = re.search(r"fw_\w+", made.stdout)[0]
        providers = "".join(
            f'[[provider]]\nid = "{kind}"\nbase_url = "{mock.url}"\n'
            f'models = [{{ name = "bench/{kind}", id = "bench/{kind}" }}]\n'
            for kind, mock in self.mocks.items()
        )
        models = ", ".join(f'{{ name = "vendor/model-{n}:free", id = "vendor/model-{n % 50}" }}' for n in range(100))
        history = f'[[provider]]\nid = "{PROVIDER_HISTORY}"\nbase_url = "{self.mocks["whole"].url}"\nmodels = [{models}]\n'
        self.config = self.home / "freeway.toml"
        self.config.write_text(
            f'[server]\nlisten = "127.0.0.1:{self.port}"\nrequire_key = true\n[model]\nname = "none"\n'
            f'[store]\nurl = "{self.store}"\n{providers}{history if self.options.history else ""}'
        )

    def command(self):
        return [self.options.freeway, "serve", "--config", str(self.config)]

    def headers(self, kind):
        return {"authorization": f"Bearer {self.key}"}


class LiteLLM(Gateway):
    name = "litellm"

    def prepare(self):
        models = "".join(
            f"  - model_name: bench/{kind}\n    litellm_params:\n      model: openai/bench/{kind}\n"
            f"      api_base: {mock.url}\n      api_key: none\n"
            for kind, mock in self.mocks.items()
        )
        self.config = self.home / "litellm.yaml"
        self.config.write_text(f"model_list:\n{models}general_settings:\n  master_key: sk-bench\n")

    def command(self):
        return [self.options.peers / "venv/bin/litellm", "--config", str(self.config), "--host", "127.0.0.1",
                "--port", str(self.port), "--num_workers", "1", "--telemetry", "False"]  # fmt: skip

    def environment(self):
        return {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}

    def headers(self, kind):
        return {"authorization": "Bearer sk-bench"}


class Portkey(Gateway):
    name = "portkey"

    def command(self):
        return ["node", self.options.peers / "node_modules/@portkey-ai/gateway/build/start-server.js",
                f"--port={self.port}", "--headless"]  # fmt: skip

    def headers(self, kind):
        return {
            "authorization": "Bearer none",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": self.mocks[kind].url,
        }


GATEWAYS = {"direct": Direct, "nginx": Nginx, "freeway": Freeway, "portkey": Portkey, "litellm": LiteLLM}


def missing(name, options):
    """What is not installed of what this one needs."""
    needs = {
        "nginx": shutil.which("nginx") or Path("/usr/sbin/nginx"),
        "portkey": options.peers / "node_modules/@portkey-ai/gateway",
        "litellm": options.peers / "venv/bin/litellm",
        "freeway": options.freeway,
    }
    path = needs.get(name)
    return path if path and not Path(path).exists() else None


def measure(gateway, seconds):
    """One round: everything once."""
    row = {}
    for connections in (1, 32):
        seen = gateway.load("whole", connections, seconds)
        row |= {
            f"rps_c{connections}": seen["requests"] / seen["seconds"],
            f"p50_ms_c{connections}": seen["p50_ms"],
            f"p99_ms_c{connections}": seen["p99_ms"],
            f"cpu_us_per_request_c{connections}": 1e6 * seen["cpu_seconds"] / max(seen["requests"], 1),
            f"failed_c{connections}": seen["refused"] + seen["broken"],
        }
    if not gateway.streams:
        return row
    for kind, connections in (("burst", 8), ("paced", 32)):
        seen = gateway.load(kind, connections, seconds)
        # wrk ends in the middle of streams: those count by their bytes.
        chunks = seen["bytes"] / gateway.stream_bytes[kind] * CHUNKS[kind]
        row |= {
            f"cpu_us_per_chunk_{kind}": 1e6 * seen["cpu_seconds"] / max(chunks, 1),
            f"failed_{kind}": seen["refused"] + seen["broken"],
        }
    return row


def bytes_of_stream(gateway, kind):
    """Bytes of one whole answer on the wire, as wrk counts them."""
    headers = {"content-type": "application/json", "host": "localhost", "connection": "close"} | gateway.headers(kind)
    body = gateway.body(kind)
    head = f"POST {gateway.path(kind)} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items())
    with socket.create_connection(("127.0.0.1", gateway.port_of(kind))) as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        total = b""
        while more := connection.recv(1 << 16):
            total += more
            if total.endswith(b"\r\n0\r\n\r\n"):
                break
    return len(total)


def rounded(value):
    return float(f"{value:.3g}") if isinstance(value, float) else value


def medians(rows):
    return {name: rounded(statistics.median(row[name] for row in rows)) for name in rows[0]}


def table(results):
    columns = [
        ("rps_c1", "req/s c=1"), ("p50_ms_c1", "p50 ms"), ("p99_ms_c1", "p99 ms"),
        ("rps_c32", "req/s c=32"), ("p50_ms_c32", "p50 ms"), ("p99_ms_c32", "p99 ms"),
        ("cpu_us_per_request_c32", "CPU µs/request"), ("cpu_us_per_chunk_burst", "CPU µs/chunk"),
        ("cpu_us_per_chunk_paced", "paced"), ("rss_mb_idle", "RSS MB idle"), ("rss_mb_after", "after"),
        ("start_ms", "start ms"),
    ]  # fmt: skip
    lines = ["| gateway | " + " | ".join(title for _, title in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in results.items():
        cells = [f"{row[key]:g}" if key in row else "–" for key, _ in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def processor():
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown"


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip()


def versions(options):
    found = {"nginx": output(shutil.which("nginx") or "/usr/sbin/nginx", "-v").split("/")[-1], "wrk": output("wrk", "-v").split("\n")[0]}
    package = options.peers / "node_modules/@portkey-ai/gateway/package.json"
    if package.exists():
        found |= {"portkey": json.loads(package.read_text())["version"], "node": output("node", "--version")}
    python = options.peers / "venv/bin/python"
    if python.exists():
        found["litellm"] = output(python, "-c", "from importlib.metadata import version; print(version('litellm'))")
        found["litellm_python"] = output(python, "--version")
    return found


def main():
    options = arguments()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk (or `make gateway`)")
    with contextlib.ExitStack() as stack:
        mocks = {name: Mock(options.mock, name) for name in MOCKS}
        for mock in mocks.values():
            stack.callback(mock.end)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)  # nginx drops its rights
        results, gateways, rows = {}, [], {}
        for name in options.only:
            if path := missing(name, options):
                print(f"{name}: left out, {path} is not there")
                continue
            gateway = GATEWAYS[name](options, mocks, home)
            stack.callback(gateway.end)
            # The first start reads the program from the disk.
            for run in range(0 if name == "direct" else 1 if name == "litellm" else START_RUNS):
                if run:
                    gateway.end()
                gateway.start()
            pid = gateway.process.pid if gateway.process else mocks["whole"].process.pid
            results[name] = {"rss_mb_idle": rounded(resident_mb(pid))}
            if gateway.start_ms:
                results[name] |= {
                    "start_ms": rounded(statistics.median(gateway.start_ms)),
                    "start_ms_slowest": rounded(max(gateway.start_ms)),
                }
            gateway.streams = gateway.ask("burst") == 200
            if gateway.streams:
                gateway.stream_bytes = {kind: bytes_of_stream(gateway, kind) for kind in CHUNKS}
            else:
                print(f"{name}: streams are not answered with 200 and left out")
            gateways.append(gateway)
            rows[name] = []
        for number in range(options.rounds):
            for gateway in gateways:
                rows[gateway.name].append(measure(gateway, options.seconds))
                print(f"round {number + 1}: {gateway.name} {json.dumps(medians(rows[gateway.name][-1:]))}", flush=True)
        for gateway in gateways:
            pid = gateway.process.pid if gateway.process else mocks["whole"].process.pid
            results[gateway.name] |= medians(rows[gateway.name]) | {"rss_mb_after": rounded(resident_mb(pid))}
            results[gateway.name]["rounds"] = [{k: rounded(v) for k, v in row.items()} for row in rows[gateway.name]]
    print("\n" + table(results))
    record = {
        "date": time.strftime("%Y-%m-%d"),
        "what": "gateways between wrk and an instant mock host on loopback, medians of rounds (bench/gateway/run.py)",
        "command": "make gateway",
        "machine": {"cores": os.cpu_count(), "processor": processor()},
        "commit": output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "rounds": options.rounds,
        "seconds_each": options.seconds,
        "history_rows": 1_000_000 if options.history else 0,
        "versions": versions(options),
        "results": results,
        "note": "mock, wrk and gateway share the cores; freeway checks keys, routes, records to SQLite and counts metrics",
    }
    if {"nginx", "freeway"} <= results.keys():
        record["rps_to_nginx_c32"] = rounded(results["freeway"]["rps_c32"] / results["nginx"]["rps_c32"])
        record["rps_to_nginx_c1"] = rounded(results["freeway"]["rps_c1"] / results["nginx"]["rps_c1"])
        print(f"\nfreeway / nginx, requests per second: {record['rps_to_nginx_c1']} at c=1, {record['rps_to_nginx_c32']} at c=32")
    if options.record:
        options.record.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
