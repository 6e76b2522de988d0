/** KVM under the contract: a classic notifier with starts and ends, no references. */
import { createBareKvm, guestStore, type Kvm, vcpuFault } from "../../drivers/kvm.ts";
import { type DeviceUnderTest, defineDriver } from "../../drivers/underTest.ts";
import type { Task } from "../../machine/core.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { mmuNotifierRegister, mmuNotifierUnregister } from "../../mm/mmuNotifier.ts";
import type { Vpn } from "../../mm/page.ts";

/** A vCPU faults page by page. */
function* faults(k: Kernel, kvm: Kvm, at: Vpn, n: number): Task<number> {
  let error = 0;
  for (let i = 0; i < n && error === 0; i++) error = yield* vcpuFault(k, kvm, at + i);
  return error;
}

export default defineDriver({
  id: "kvm",
  title: "a virtual machine: a second-level page table, kept right by a count of open sections and a sequence",
  variants: { "v6.1": { about: "one memory slot; a fault tries again when a section over its page is open" } },
  create(m, _k, { process, start, count, name }): DeviceUnderTest {
    const sub = createBareKvm(m, process.mm as NonNullable<typeof process.mm>, start, count, { name, seqMask: 63 });
    return {
      open: (kernel) => mmuNotifierRegister(kernel, sub, sub.driver.mm),
      map: (kernel, at, n) => faults(kernel, sub.driver, at, n),
      access: (kernel, at, content) => guestStore(kernel, sub.driver, at, content),
      close: (kernel) => mmuNotifierUnregister(kernel, sub),
      table: () => sub.driver.sptes.entry,
    };
  },
});
