/** Entries in which there is no memory for what the driver does. */
import type { Task } from "../../machine/core.ts";
import { EAGAIN, ENOMEM } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import { choose } from "../../machine/wait.ts";
import { createProcess } from "../../mm/mmUsers.ts";
import { ANON, createHog, fillMemory, mapPages, SHMEM } from "../../mm/world/pages.ts";
import { A } from "../../mm/world/small.ts";
import { BY_DEVICE, createScene, type Entry, ends, looksAway, opens, type Scene, type SceneOptions } from "./bench.ts";

function* nothing(): Task {}

/** Allocations of open and map that are made to fail, one in each run. */
const MANY = 8;

/** One allocation fails: userspace hears of it, or the driver does without. The second time all is well. */
function* failing(scene: Scene): Task {
  const { k, device } = scene;
  k.state.failIn = 1 + (yield* choose(MANY));
  const error = yield* device.open(k);
  must(error === 0 || error === -ENOMEM, "assertion", `open answers ${error} where memory is short`);
  if (error === 0) {
    const answer = yield* tries(scene);
    must(answer === 0 || answer === -ENOMEM, "assertion", `map answers ${answer} where memory is short`);
  }
  k.state.failIn = 0;
  if (error !== 0) yield* opens(k, device);
  must((yield* tries(scene)) === 0, "assertion", "what could not be had once cannot be had ever after");
  yield* device.close(k);
  yield* ends(scene);
}

function* tries({ k, device }: Scene): Task<number> {
  for (let round = 0; ; round++) {
    let answer = yield* device.map(k, A, 1);
    if (answer === 0) answer = yield* device.access(k, A, BY_DEVICE);
    if (answer !== -EAGAIN || round === 2) return answer;
  }
}

/** No frame is free: what the driver allocates is taken from the pages of its process, and of another. */
function short(kind: typeof ANON | typeof SHMEM): SceneOptions {
  return {
    kind,
    pages: 2,
    look: looksAway,
    kernel: { swapPages: 6, mms: 3 },
    more: (m, k) => {
      const q = createProcess(k);
      m.boot(mapPages, [k, q, A, 1, ANON]);
      m.boot(fillMemory, [k, createHog(k), 0]);
      return { q };
    },
  };
}

export const SHORTAGE_ENTRIES: readonly Entry[] = [
  {
    name: "allocation-fails",
    about: "one of its allocations fails, whichever it is",
    tries: ["C16"],
    setup: (m, s) => void createScene(m, s, nothing, { course: failing, look: looksAway }),
  },
  {
    name: "own-reclaim",
    about: "no frame is free when the driver needs memory; private pages",
    tries: ["C01", "C02", "C08"],
    setup: (m, s) => void createScene(m, s, nothing, short(ANON)),
  },
  {
    name: "own-reclaim-shmem",
    about: "no frame is free when the driver needs memory; shared pages",
    tries: ["C01", "C02", "C08"],
    setup: (m, s) => void createScene(m, s, nothing, short(SHMEM)),
  },
];
