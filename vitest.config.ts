import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { taskModules } from "./scripts/project.mjs";

export default defineConfig({
  plugins: [taskModules()],
  resolve: { alias: { "mayfail/user": fileURLToPath(new URL("src/mm/user/api.ts", import.meta.url)) } },
  test: {
    include: ["src/**/*.test.ts"],
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
