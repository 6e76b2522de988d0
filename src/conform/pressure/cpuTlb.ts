/**
 * The TLB of the one CPU of a pressure run. It matters because x86 clears the accessed bit of a page without a flush: as
 * long as the translation is cached, accesses set no bit, and reclaim takes the page for idle.
 *
 *   access ─hit─▶ nothing is set      ─hit in the victims─▶ changes places      ─miss─▶ walk: accessed bit; what was there
 *                                                                                        before goes to the victims
 *
 * Direct mapped by the low bits of the page number, with a small fully associative buffer of what was replaced last: that
 * of QEMU, with which the records were made. The kernel has tables of its own there, so only user accesses come here.
 */
export interface CpuTlb {
  /** True = the translation is cached; false = the page table is walked now, and it is cached from now on. */
  lookup(vpn: number): boolean;
  /** The translation is no longer cached. */
  flush(vpn: number): void;
}

const NONE = -1;

/** `isMapped`: a translation whose page was unmapped has been flushed; its place is free. */
export function createCpuTlb(entries: number, victims: number, isMapped: (vpn: number) => boolean): CpuTlb {
  const cached = new Float64Array(entries).fill(NONE);
  const replaced = new Float64Array(victims).fill(NONE);
  let oldest = 0;
  const drop = (table: Float64Array, vpn: number): void => {
    const i = table.indexOf(vpn);
    if (i >= 0) table[i] = NONE;
  };
  return {
    lookup(vpn) {
      const at = vpn % entries;
      const there = cached[at] as number;
      if (there === vpn) return true;
      const victim = replaced.indexOf(vpn);
      cached[at] = vpn;
      if (victim >= 0) {
        replaced[victim] = there;
        return true;
      }
      if (there !== NONE && isMapped(there)) {
        replaced[oldest] = there;
        oldest = (oldest + 1) % victims;
      }
      return false;
    },
    flush(vpn) {
      if (cached[vpn % entries] === vpn) cached[vpn % entries] = NONE;
      drop(replaced, vpn);
    },
  };
}
