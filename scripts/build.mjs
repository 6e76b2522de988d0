// npm run build
import { build } from "./dist.mjs";
import { ensurePackages } from "./ensure.mjs";

try {
  ensurePackages();
  await build();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
