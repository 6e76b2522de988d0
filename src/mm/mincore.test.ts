/** What mincore says about pages that are in swap: in memory as long as the swap cache has them. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel } from "./kernelRun.testkit.ts";
import { MADV_PAGEOUT, MADV_WILLNEED, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMincore } from "./mincore.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { pteAt, ptePresent } from "./pageTable.ts";

const AT = 64;
const RW = PROT_READ | PROT_WRITE;
const seen: number[] = [];

function* look(k: Kernel, p: Process): Task {
  const mapped = ptePresent(pteAt(k, p.mm as Mm, AT)) ? 1 : 0;
  seen.push(yield* sysMincore(k, p, AT, 1), mapped);
}

function* inAndOut(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* look(k, p);
  yield* sysMadvise(k, p, AT, 1, MADV_PAGEOUT);
  yield* look(k, p);
  yield* sysMadvise(k, p, AT, 1, MADV_WILLNEED);
  yield* look(k, p);
  yield* userRead(k, p, AT);
  yield* look(k, p);
}

function* anonymous(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, AT, 1, RW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* inAndOut(k, p);
}

function* shared(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, AT, 1, RW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* inAndOut(k, p);
}

test.each([
  ["anonymous", anonymous],
  ["shared", shared],
])("%s memory: mapped, swapped out, read ahead into the swap cache, mapped again", (_name, body) => {
  seen.length = 0;
  inKernel(body, { swapPages: 16 });
  expect(seen).toEqual([1, 1, 0, 0, 1, 0, 1, 1]);
});
