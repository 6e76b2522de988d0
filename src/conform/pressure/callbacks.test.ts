import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseRecord } from "../record.ts";
import { compareCallbacks } from "./callbacks.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const record = parseRecord(readFileSync(new URL("memcg/zipf_notify.classic.first256.jsonl", home), "utf8"));
const asked = (page: number) => ({ ev: "clear_flush_young", mm: "P", at: "A", page, n: 1, ret: 0 });

test("248 questions about the first pages, in the order of the LRU; those about the program's own pages are dropped", () => {
  const model = Array.from({ length: 300 }, (_, page) => asked(page));
  const { row, first } = compareCallbacks("zipf_notify", record, model);
  expect(row).toEqual({ name: "zipf_notify", counter: "callbacks", record: 248, model: 248, allowed: 0, within: true });
  expect(first).toBeNull();
});

test("a page in the wrong place, and a model that stops asking", () => {
  const wrong = Array.from({ length: 300 }, (_, page) => asked(page === 100 ? 7 : page));
  expect(compareCallbacks("x", record, wrong)).toMatchObject({
    row: { model: 100, within: false },
    first:
      'callback 101: the record has "clear_flush_young P A+100/1 ret=0", the model "clear_flush_young P A+7/1 ret=0"',
  });
  expect(compareCallbacks("x", record, wrong.slice(0, 3)).first).toMatch(/^callback 4: .*, the model ends$/);
});
