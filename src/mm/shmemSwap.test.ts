import { test } from "vitest";
import { inKernel } from "./kernelRun.testkit.ts";
import { readsBrokenSwap } from "./shmemSwap.testkit.ts";

test("shared memory that swap cannot give back is a signal, not an endless fault, and leaves nothing behind", () => {
  inKernel(readsBrokenSwap);
});
