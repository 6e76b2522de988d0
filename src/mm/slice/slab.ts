/**
 * Kernel objects that are freed while somebody may still use them, watched as KASAN does: each has a `life`, 1 until it
 * is freed. Freeing and looking are events of their own, so the checker orders them in every way.
 */
import { type Cell, exchange, readOnce } from "../../machine/cell.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";

export interface SlabObject extends Handle {
  readonly life: Cell;
}

/** kfree. Raises `use-after-free` for a second one. */
export function* kfreeObject(o: SlabObject): Task {
  const life = yield* exchange(o.life, 0);
  must(life === 1, "use-after-free", `${o.name} is freed twice`);
}

/** The task is about to look into `o`. Raises `use-after-free` when it has been freed. */
export function* useObject(o: SlabObject): Task {
  mustLive(o, yield* readOnce(o.life));
}

/** The same for code that has `o.life` in its hands anyway (`touch`). */
export function mustLive(o: SlabObject, life: number): void {
  must(life === 1, "use-after-free", `${o.name} is used after it was freed`);
}
