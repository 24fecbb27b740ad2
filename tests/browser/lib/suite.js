// The browser and the server of a file of tests.

import { after, before, test } from "node:test";
import { launch, unlessMissing, visiting } from "./browser.js";
import { startServer } from "./server.js";
import { startUpstream } from "./upstream.js";

/** Has a browser, and what `start` gives back (it has a `url` and can `stop`), while the tests of this
 * file run; makes tests that visit it. */
export function suite(start) {
  let browser, server;
  before(async () => {
    if (unlessMissing.skip) return;
    browser = await launch();
    server = await start();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  return (name, work, allowed) => test(name, unlessMissing, () => visiting(browser, server.url, work, allowed));
}

export const sample = () => startServer({ isSample: true });

/** A server whose hosts answer as tests need it. */
export async function serverWithHosts() {
  const upstream = await startUpstream();
  const server = await startServer({ config: upstream.config }).catch(async (error) => {
    await upstream.stop();
    throw error;
  });
  return {
    url: server.url,
    upstream,
    async stop() {
      await server.stop();
      await upstream.stop();
    },
  };
}
