import { expect, test } from "vitest";
import { exploreBoth } from "./explore.testkit.ts";
import { lock, mutexField, unlock } from "./mutex.ts";
import { int, type StructOf, struct } from "./struct.ts";
import { until } from "./wait.ts";

const fields = {
  lock: mutexField(),
  guarded: int({ guardedBy: "lock" }),
  ordered: int({ ordered: "written under the lock, read anywhere" }),
  mine: int(),
};
const Box = struct("box", fields);
type Box = StructOf<typeof fields>;

function* waitsOrdered(b: Box) {
  yield* until(() => b.ordered === 2);
}
function* writesOrdered(b: Box) {
  for (let i = 0; i < 2; i++) {
    yield* lock(b.lock);
    b.ordered = b.ordered + 1;
    yield* unlock(b.lock);
  }
}

test("a condition on an ordered field conflicts with whatever may change it", () => {
  const r = exploreBoth((m) => {
    const b = Box.create("b");
    m.spawn("w", waitsOrdered, [b]);
    m.spawn("x", writesOrdered, [b]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* waitsGuarded(b: Box) {
  b.mine = 1;
  yield* lock(b.lock);
  yield* until(() => b.guarded === b.mine - 1);
  b.guarded = 5;
  yield* unlock(b.lock);
}
function* writesGuarded(b: Box) {
  yield* lock(b.lock);
  b.guarded = 7;
  yield* unlock(b.lock);
}

test("a condition on what nobody else can change needs no conflict", () => {
  const r = exploreBoth((m) => {
    const b = Box.create("b");
    m.spawn("w", waitsGuarded, [b]);
    m.spawn("x", writesGuarded, [b]);
  });
  expect(r.findings).toEqual(["deadlock: w waits (wait for a condition)"]);
});
