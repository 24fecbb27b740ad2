// `freeway serve` on a free port, with a store of its own that is gone afterwards.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** The program: `FREEWAY`, or the newest sort of build there is. */
export function program() {
  const named = process.env.FREEWAY;
  if (named) return path.resolve(named);
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
  const built = ["release", "debug"].map((kind) => path.join(target, kind, "freeway"));
  const found = built.find((file) => existsSync(file));
  if (!found) throw new Error(`no freeway in ${target}; run cargo build --release, or set FREEWAY`);
  return found;
}

/** Longest that a server may take until it listens, and a program until it has ended by itself. */
const START_MS = 60_000;
const STOP_MS = 10_000;

/** Ends a program that was started: first it is asked to, then it is made to. Resolves when it is gone. */
export async function end(child) {
  // One that could not be started has no id, and never ends.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(timer);
}

/** The address that a server tells, as soon as it does; the lines before it go into `said`. */
async function addressOf(server, said) {
  let failed = "it ended";
  const timer = setTimeout(() => {
    failed = `it told no address within ${START_MS / 1000} s`;
    server.kill("SIGKILL");
  }, START_MS);
  server.once("error", (error) => {
    failed = error.message;
  });
  try {
    for await (const line of createInterface({ input: server.stderr })) {
      said.push(line);
      const url = line.match(/(http:\/\/\S+)\/v1/)?.[1];
      if (url) return url;
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`the server did not start, ${failed}:\n${said.join("\n")}`);
}

/** Starts a server; `options` are further ones of `freeway serve`, `config` the text of its file,
 * `prepare` is given the store before anybody serves it. With `isSample` its data is made up. */
export async function startServer({ options = [], config = "", prepare, isSample = false } = {}) {
  const directory = mkdtempSync(path.join(tmpdir(), "freeway-browser-"));
  const store = `sqlite:${directory}/freeway.db`;
  const file = path.join(directory, "freeway.toml");
  writeFileSync(file, config);
  await prepare?.(store);
  const isOurs = ([name]) => !name.startsWith("FREEWAY") && !name.endsWith("_API_KEY");
  const env = Object.fromEntries(Object.entries(process.env).filter(isOurs));
  // Sample data has a store of its own, in memory.
  const kept = isSample ? ["--sample-data"] : ["--store", store];
  const server = spawn(
    program(),
    ["serve", "--config", file, "--model", "demo", "--listen", "127.0.0.1:0", ...kept, ...options],
    { stdio: ["ignore", "ignore", "pipe"], env },
  );
  const said = [];
  const clear = () => rmSync(directory, { recursive: true, force: true });
  let url;
  try {
    url = await addressOf(server, said);
  } catch (error) {
    await end(server);
    clear();
    throw error;
  }
  server.stderr.resume();
  return {
    url,
    store,
    async stop() {
      await end(server);
      clear();
    },
  };
}

/** Runs another command of the program; resolves to what it prints. */
export function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program(), args, { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => { out += data; });
    child.stderr.on("data", (data) => { err += data; });
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve(out) : reject(new Error(`${args.join(" ")}: ${err}`))));
  });
}
