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
  let url = null;
  for await (const line of createInterface({ input: server.stderr })) {
    said.push(line);
    url = line.match(/(http:\/\/\S+)\/v1/)?.[1] ?? null;
    if (url) break;
  }
  if (!url) throw new Error(`the server did not start:\n${said.join("\n")}`);
  server.stderr.resume();
  return {
    url,
    store,
    async stop() {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      await ended;
      rmSync(directory, { recursive: true, force: true });
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
