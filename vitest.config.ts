import { defineConfig } from "vitest/config";
import { taskModules } from "./scripts/project.mjs";

export default defineConfig({
  plugins: [taskModules()],
  test: {
    include: ["src/**/*.test.ts"],
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
