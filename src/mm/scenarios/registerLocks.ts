/**
 * Registration takes all rmap locks of the mm, so that no section is open meanwhile: also none of those that hold only an
 * i_mmap_rwsem, as truncation does. Two registrations that share files would take those locks in two orders, but for the
 * mutex around them.
 */
import type { Task } from "../../machine/core.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { fileWrite } from "../filemap.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { createNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mmuNotifier.ts";
import type { MmuNotifier } from "../mmuNotifierTypes.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { truncateSetsize } from "../truncate.ts";
import { classicMap, classicOps, createDevice, type Device, deviceStop } from "../world/devices.ts";
import { A, smallKernel } from "../world/small.ts";

const RIGHTS = PROT_READ | PROT_WRITE;
const FLAGS = MAP_FIXED | MAP_SHARED;

function* mainTruncate(k: Kernel, p: Process, sub: MmuNotifier, path: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  yield* fileWrite(k, file, 0, 1);
  yield* sysMmap(k, p, A, 1, RIGHTS, FLAGS, file, 0);
  yield* userWrite(k, p, A, 2);
  yield* lruAddDrain(k);
  const a = spawn(registers, k, p.mm as Mm, sub);
  const b = spawn(truncates, k, file.inode as Inode);
  yield* join(a);
  yield* join(b);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* registers(k: Kernel, mm: Mm, sub: MmuNotifier): Task {
  yield* choose(1); // anybody may begin
  yield* mmuNotifierRegister(k, sub, mm);
  yield* classicMap(k, mm, sub.driver as Device, A);
  yield* deviceStop(sub.driver as Device);
  yield* mmuNotifierUnregister(k, sub);
}

function* truncates(k: Kernel, inode: Inode): Task {
  yield* choose(1);
  yield* truncateSetsize(k, inode, 0);
}

/** Two processes map two files, one in this order and one in that. */
function* mainTwo(k: Kernel, p: Process, q: Process, subP: MmuNotifier, subQ: MmuNotifier, f: number, g: number): Task {
  const one = (yield* openFile(k, f, O_CREAT)) as File;
  const two = (yield* openFile(k, g, O_CREAT)) as File;
  yield* sysMmap(k, p, A, 1, RIGHTS, FLAGS, one, 0);
  yield* sysMmap(k, p, A + 2, 1, RIGHTS, FLAGS, two, 0);
  yield* sysMmap(k, q, A, 1, RIGHTS, FLAGS, two, 0);
  yield* sysMmap(k, q, A + 2, 1, RIGHTS, FLAGS, one, 0);
  const a = spawn(comesAndGoes, k, p.mm as Mm, subP);
  const b = spawn(comesAndGoes, k, q.mm as Mm, subQ);
  yield* join(a);
  yield* join(b);
  yield* closeFile(k, one);
  yield* closeFile(k, two);
  yield* unlinkFile(k, f);
  yield* unlinkFile(k, g);
  yield* sysExit(k, p);
  yield* sysExit(k, q);
}

function* comesAndGoes(k: Kernel, mm: Mm, sub: MmuNotifier): Task {
  yield* choose(1);
  yield* mmuNotifierRegister(k, sub, mm);
  yield* mmuNotifierUnregister(k, sub);
}

const without = (guard: "takeAllLocks" | "allLocksMutex"): Rules => rules("linux-6.1", { without: [guard] });

export const registerLocks = defineCase<{ inForce: Rules; two: boolean }>({
  id: "mm-register-locks",
  title: "registration against truncation, and against another registration",
  variants: {
    "linux-6.1-truncate": { inForce: rules("linux-6.1"), two: false, expect: "ok" },
    "linux-6.1-two": { inForce: rules("linux-6.1"), two: true, expect: "ok" },
    "without-rmap-locks": { inForce: without("takeAllLocks"), two: false, expect: "missed-notification" },
    "without-mutex": { inForce: without("allLocksMutex"), two: true, expect: "deadlock" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, inodes: 2, files: 2, tables: 12 });
    const p = createProcess(k);
    const f = nameFile(k, "/tmp/f");
    const sub = createNotifier(m, "first", classicOps, createDevice(m, k, p.mm as Mm, A, "device1"));
    if (!v.two) {
      m.spawn("main", mainTruncate, [k, p, sub, f], { children: 2 });
      return;
    }
    const q = createProcess(k);
    const other = createNotifier(m, "second", classicOps, createDevice(m, k, q.mm as Mm, A, "device2"));
    m.spawn("main", mainTwo, [k, p, q, sub, other, f, nameFile(k, "/tmp/g")], { children: 2 });
  },
});
