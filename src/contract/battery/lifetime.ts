/** Entries in which the device, its subscription or its process comes or goes while something happens to the memory. */
import type { Task } from "../../machine/core.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../../mm/exit.ts";
import { MADV_DONTNEED, sysMadvise } from "../../mm/madvise.ts";
import { sysMunmap } from "../../mm/mmap.ts";
import { processMrelease } from "../../mm/oomReaper.ts";
import { A } from "../../mm/world/small.ts";
import { BY_DEVICE, createScene, type Entry, ends, looksAway, opens, type Scene, useDevice } from "./bench.ts";

function* drops({ k, p }: Scene): Task {
  yield* choose(1); // anybody may begin
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

function* unmaps({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 1);
}

function* closes({ k, device }: Scene): Task {
  yield* choose(1);
  yield* device.close(k);
}

/** In use when it is closed. */
function* closing(scene: Scene): Task {
  const { k, device, event } = scene;
  yield* opens(k, device);
  yield* useDevice(k, device, 1);
  const a = spawn(closes, scene);
  const b = spawn(event, scene);
  yield* join(a);
  yield* join(b);
  yield* ends(scene);
}

function* opensAndUses({ k, device }: Scene): Task {
  yield* choose(1);
  yield* opens(k, device);
  yield* useDevice(k, device, 1);
}

/** Opened while a section may be open. */
function* opening(scene: Scene): Task {
  const { k, device, event } = scene;
  const a = spawn(opensAndUses, scene);
  const b = spawn(event, scene);
  yield* join(a);
  yield* join(b);
  yield* device.close(k);
  yield* ends(scene);
}

function* jobs({ k, device }: Scene): Task {
  yield* choose(1);
  yield* device.access(k, A, BY_DEVICE);
  yield* device.access(k, A, BY_DEVICE);
}

function* exits({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysExit(k, p);
}

/** exit_mm comes before exit_files: the hardware is at work when the memory goes, and the device is closed after it. */
function* exiting(scene: Scene): Task {
  const { k, device, event } = scene;
  yield* opens(k, device);
  yield* useDevice(k, device, 1);
  const a = spawn(jobs, scene);
  const b = spawn(event, scene);
  yield* join(a);
  yield* join(b);
  yield* device.close(k);
  yield* ends(scene);
}

/** From outside, with mmap_lock for reading, and nobody may block. */
function* reaps({ k, p }: Scene): Task {
  yield* choose(1);
  p.killed = true;
  yield* processMrelease(k, p);
}

const aside = { look: looksAway };
export const LIFETIME_ENTRIES: readonly Entry[] = [
  {
    name: "exit",
    about: "the process ends with the device at work; only then is the device closed",
    tries: ["C03", "C09", "C10"],
    setup: (m, s) => void createScene(m, s, exits, { ...aside, course: exiting }),
  },
  {
    name: "oom-reap",
    about: "the process was killed, and its memory is taken without blocking",
    tries: ["C03", "C05", "C06", "C07"],
    setup: (m, s) => void createScene(m, s, reaps, aside),
  },
  {
    name: "close",
    about: "the device is closed while the memory is dropped",
    tries: ["C03", "C09", "C13"],
    setup: (m, s) => void createScene(m, s, drops, { ...aside, course: closing }),
  },
  {
    name: "close-exit",
    about: "the device is closed while the process ends",
    tries: ["C09", "C10", "C13"],
    setup: (m, s) => void createScene(m, s, exits, { ...aside, course: closing }),
  },
  {
    name: "open",
    about: "the device is opened and used while the memory is unmapped",
    tries: ["C04", "C05", "C09"],
    setup: (m, s) => void createScene(m, s, unmaps, { ...aside, course: opening }),
  },
];
