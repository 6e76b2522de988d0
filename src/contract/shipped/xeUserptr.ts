/** User memory of xe under the contract, and the two ways in which it marked pages dirty before it left that to others. */
import { type DeviceUnderTest, defineDriver } from "../../drivers/underTest.ts";
import { createXeUserptr, type MarksDirty, xeDestroy, xePopulate, xeStore } from "../../drivers/xeUserptr.ts";
import type { Mm } from "../../mm/mmTypes.ts";
import { mmuIntervalNotifierInsert } from "../../mm/mmuIntervalNotifier.ts";

export default defineDriver<{ readonly marks: MarksDirty }>({
  id: "xe-userptr",
  title: "user memory of xe: an interval notifier, no references, and a rwsem that the callback takes for writing",
  variants: {
    "as-merged": {
      marks: "unlocked",
      about: "marks dirty what it has collected, before it looks again",
      breaks: ["C04"],
    },
    "0a98219bcc96": { marks: "underLock", about: "marks dirty under notifier_lock", breaks: ["C11"] },
    "v6.15": { marks: "never", about: "the CPU's page table has the dirty bit" },
  },
  create(m, k, { process, start, count, name }, { marks }): DeviceUnderTest {
    const sub = createXeUserptr(m, k, marks, { start, count, name });
    return {
      open: (kernel) => mmuIntervalNotifierInsert(kernel, sub, process.mm as Mm, start, count),
      map: (kernel, at) => xePopulate(kernel, sub, at),
      access: (kernel, at, content) => xeStore(kernel, sub, at, content),
      close: (kernel) => xeDestroy(kernel, sub),
      table: () => sub.driver.mapped.entry,
    };
  },
});
