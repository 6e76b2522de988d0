import { expect, test } from "vitest";
import { StateQueue } from "./stateQueue.ts";

test("states come out in the order of their arrival, however it grows", () => {
  const queue = new StateQueue(3);
  const words = new Int32Array(3);
  let pushed = 0;
  let shifted = 0;
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < round; i++, pushed++) queue.push(Int32Array.of(pushed, 2 * pushed, -1), pushed + 1, pushed + 2);
    for (let i = 0; i < round / 2 && queue.count > 0; i++, shifted++) {
      queue.shift(words);
      expect([...words, queue.low, queue.high]).toEqual([shifted, 2 * shifted, -1, shifted + 1, shifted + 2]);
    }
  }
  expect(queue.count).toBe(pushed - shifted);
  expect(queue.count).toBeGreaterThan(500);
});
