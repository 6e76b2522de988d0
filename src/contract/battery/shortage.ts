/** Entries in which there is no memory for what the driver does. */
import type { Task } from "../../machine/core.ts";
import { EAGAIN, ENOMEM } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { createProcess } from "../../mm/mmUsers.ts";
import { folioPut } from "../../mm/swap.ts";
import { ANON, createHog, fillMemory, type Hog, mapPages, SHMEM } from "../../mm/world/pages.ts";
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

/** Somebody gives a frame back, when he likes: so memory may also run out in the midst of what the driver does. */
function* frees({ k, hog }: Scene): Task {
  yield* choose(1);
  const { pfn } = hog as Hog;
  const mine = pfn[0];
  pfn[0] = 0;
  yield* folioPut(k, mine);
}

/** Memory is short while the device is given the pages. */
function* giving(scene: Scene): Task {
  const { k, device, event } = scene;
  yield* opens(k, device);
  const a = spawn(maps, scene);
  const b = spawn(event, scene);
  yield* join(a);
  yield* join(b);
  yield* device.close(k);
  yield* ends(scene);
}

function* maps({ k, device, pages }: Scene): Task {
  yield* choose(1);
  while ((yield* device.map(k, A, pages)) === -EAGAIN);
}

/** Memory gets short once the device has the pages: it is its jobs that need some. */
function* working(scene: Scene): Task {
  const { k, device, pages, hog } = scene;
  yield* opens(k, device);
  while ((yield* device.map(k, A, pages)) === -EAGAIN);
  yield* fillMemory(k, hog as Hog, 0);
  yield* device.access(k, A, BY_DEVICE);
  yield* device.close(k);
  yield* ends(scene);
}

/** No frame is free, if not `later`: what the driver allocates is taken from the pages of its process, and of another. */
function short(kind: typeof ANON | typeof SHMEM, later = false): SceneOptions {
  return {
    kind,
    course: later ? working : giving,
    pages: 2,
    resident: later ? 2 : 1,
    look: looksAway,
    kernel: { swapPages: 6, mms: 3 },
    more: (m, k) => {
      const q = createProcess(k);
      m.boot(mapPages, [k, q, A, 1, ANON]);
      const hog = m.keep(createHog(k));
      if (!later) m.boot(fillMemory, [k, hog, 0]);
      return { q, hog };
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
    setup: (m, s) => void createScene(m, s, frees, short(ANON)),
  },
  {
    name: "own-reclaim-shmem",
    about: "no frame is free when the driver needs memory; shared pages",
    tries: ["C01", "C02", "C08"],
    setup: (m, s) => void createScene(m, s, frees, short(SHMEM)),
  },
  {
    name: "job-reclaim",
    about: "no frame is free when a job of the device needs memory; shared pages",
    tries: ["C01", "C02"],
    setup: (m, s) => void createScene(m, s, nothing, short(SHMEM, true)),
  },
];
