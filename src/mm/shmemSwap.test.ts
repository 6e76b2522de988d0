import { test } from "vitest";
import { inKernel } from "./kernelRun.testkit.ts";
import { readsBrokenSwap, readsSwappedFile } from "./shmemSwap.testkit.ts";

test("shared memory that swap cannot give back is a signal, not an endless fault, and leaves nothing behind", () => {
  inKernel(readsBrokenSwap);
});

test("only a fault makes reading shared memory from swap a major fault", () => {
  inKernel(readsSwappedFile);
});
