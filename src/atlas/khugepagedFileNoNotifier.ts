import { createSecondaryMmu, mmuMap, mmuRead, mmuZap } from "../drivers/secondaryMmu.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { type File, type Inode, O_CREAT } from "../mm/fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../mm/inode.ts";
import type { Kernel } from "../mm/kernel.ts";
import { collapsePteMappedThp } from "../mm/khugepaged.ts";
import { MADV_COLD, sysMadvise } from "../mm/madvise.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import { sysMmap } from "../mm/mmap.ts";
import { MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mm/mmuNotifier.ts";
import { fsyncFile } from "../mm/msync.ts";
import type { Rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { under } from "../mm/world/onePage.ts";
import { leave, reclaims, swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, sub: MmuNotifier, path: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  (file.inode as Inode).size = 2 << 12;
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, file, 0);
  for (let i = 0; i < 2; i++) yield* userWrite(k, p, A + i, 1);
  yield* lruAddDrain(k);
  yield* fsyncFile(k, file);
  yield* sysMadvise(k, p, A, 2, MADV_COLD);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* mmuMap(k, sub, A, false);
  const a = spawn(khugepaged, k, p);
  const b = spawn(device, k, sub);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, A);
  must(seen === 1, "lost-write", `1 was written to the file, and it has ${seen}`);
  yield* mmuZap(sub);
  yield* mmuNotifierUnregister(k, sub);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* leave(k, p);
}

/** The table goes; its pages, which nothing maps any more, are the next that reclaim takes. */
function* khugepaged(k: Kernel, p: Process): Task {
  yield* choose(1); // the device may begin
  const collapsed = yield* collapsePteMappedThp(k, p.mm as Mm, A);
  must(collapsed, "assertion", "the table could not be collapsed");
  yield* reclaims(k);
}

function* device(k: Kernel, sub: MmuNotifier): Task {
  yield* choose(1);
  yield* mmuRead(k, sub);
}

const silent = { without: ["collapseNotifies"] } as const;

export default defineCase<{ inForce: Rules; watchPtes: boolean }>({
  id: "khugepaged-file-no-notifier",
  title: "collapse of a file's page table without notifying",
  class: "missed-notification",
  text: `When the pages of a file have become a huge page, khugepaged takes the page table that maps them one by one out of the address
space: the next fault maps the huge page. First only empty tables, later also tables with entries. In neither case was anybody told. A
secondary MMU keeps its entry, without a reference; nothing maps the page, so whoever frees it later has nobody to notify.

*Fix:* a section around both. The model takes one path (tables with entries); pages that are cached next to each other stand for the huge
page. Each function that changes entries is held against the open sections here (row \`buggy\`), so every missing bracket shows at
once, without a device that suffers (row \`buggy-freed\`).`,
  sources: [
    { ref: "f268f6cf875f", what: "mm/khugepaged: invoke MMU notifiers in shmem/file collapse paths, v6.1" },
    { ref: "27e1f8273113", what: "khugepaged: enable collapse pmd for pte-mapped THP, v5.4: tables with entries" },
    { ref: "CVE-2022-48991", what: "the same" },
  ],
  variants: {
    buggy: {
      ...under("linux-6.1", silent),
      watchPtes: true,
      about: "v5.4 … v6.0: each change is held against what was announced",
      expect: "missed-notification",
    },
    "buggy-freed": {
      ...under("linux-6.1", silent),
      watchPtes: false,
      about: "v5.4 … v6.0: only what comes of it counts",
      expect: "use-after-free",
    },
    fixed: { ...under("linux-6.1"), watchPtes: true, about: "v6.1: a section around it", expect: "ok" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, watchPtes: v.watchPtes });
    const path = nameFile(k, "/mnt/f");
    m.spawn("main", main, [k, createProcess(k), createSecondaryMmu(m), path], { children: 2 });
  },
});
