/** Who pays for kernel memory that was charged to a cgroup: page tables, and structs. */
import { column, columns } from "../machine/columns.ts";
import { type Handle, handleId } from "../machine/core.ts";

export interface Kmem {
  /** At the number of a page table, or of a struct (`placeOf`): its cgroup, 0 = none. One element without cgroups. */
  readonly tables: { readonly payer: Int32Array };
  readonly objects: { readonly payer: Int32Array };
  /** For each cgroup: bytes of a page that it has paid for and that no struct uses. */
  readonly memcgs: { readonly bytes: Int32Array };
  readonly firstId: number;
}

/** Set-up, after all structs of the kernel, of which `first` was the first. */
export function createKmem(memcgs: number, tables: number, first: Handle, last: Handle): Kmem {
  const firstId = handleId(first);
  const used = memcgs > 1;
  const payers = (name: string, n: number) => columns(name, used ? n : 1, { payer: column({ ordered: "its owner" }) });
  return {
    tables: payers("pageTablePayer", tables + 1),
    objects: payers("objectPayer", handleId(last) - firstId + 1),
    memcgs: columns("kmem", memcgs, { bytes: column({ ordered: "atomic" }) }),
    firstId,
  };
}

export const placeOf = (kmem: Kmem, object: Handle): number => handleId(object) - kmem.firstId;
