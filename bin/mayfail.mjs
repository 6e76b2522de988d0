#!/usr/bin/env node
// The command line. In a checkout it first builds what is missing or stale; the published package has dist/ and no scripts/.
import { existsSync } from "node:fs";

if (await isReady()) {
  const { main } = await import("../dist/cli/main.js");
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.exitCode = 2;
}

async function isReady() {
  const ensure = new URL("../scripts/ensure.mjs", import.meta.url);
  if (!existsSync(ensure)) return true;
  try {
    await (await import(ensure)).ensureBuilt();
    return true;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}
