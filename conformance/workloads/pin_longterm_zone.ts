import { A, anon, drain, fill, PIN_LONGTERM, PIN_WRITE, pin, register, snap, type Task, unpin } from "mayfail/user";

/** Interesting where there is a ZONE_MOVABLE: a long-term pin must first move the page out of it. */
export default function* pinLongtermZone(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* drain();
  yield* register("P", 0);
  yield* snap("start", A, 1);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* snap("short-term pin", A, 1);
  const b = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  yield* snap("long-term pin while short-term pinned", A, 1);
  if (b >= 0) yield* unpin(b, false);
  yield* unpin(a, false);
  const c = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  yield* snap("long-term pin", A, 1);
  if (c >= 0) yield* unpin(c, false);
}
