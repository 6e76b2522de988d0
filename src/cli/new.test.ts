/** `mayfail new`: which files it writes, and when it refuses. What becomes of them: package.test.ts. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { NUMBERED, runCli } from "./cli.testkit.ts";
import { driverFiles, writeNew } from "./new.ts";

const root = mkdtempSync(join(tmpdir(), "mayfail-new-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = () => mkdtempSync(join(root, "folder-"));

test("the files are the skeleton under another name, and import the package", () => {
  const files = driverFiles("my-gpu");
  expect(files.map(({ file }) => file)).toEqual(["my-gpu.ts", "my-gpu.case.ts", "my-gpu.test.mjs"]);
  const [driver, ofCase, ofTest] = files.map(({ text }) => text);
  for (const { text } of files) expect(text).not.toMatch(/skeleton|\.\.\/|NAME/);
  for (const text of [driver, ofCase]) expect(text).toContain('from "mayfail"');
  expect(driver).toContain('id: "my-gpu"');
  expect(ofCase).toContain('import driver from "./my-gpu.ts"');
  expect(ofTest).toContain('mayfail("check", "--driver", "my-gpu.ts")');
  // So the test fails until its reader has done something.
  expect(readFileSync(new URL("../drivers/skeleton/skeleton.ts", import.meta.url), "utf8")).toContain("breaks:");
  expect(driver).not.toContain("breaks:");
});

test("nothing is overwritten, and nothing is left half", () => {
  const here = folder();
  writeFileSync(join(here, "foo.case.ts"), "mine");
  expect(() => writeNew(driverFiles("foo"), here)).toThrow(/^MF0122: The file foo.case.ts exists already/);
  expect(readdirSync(here)).toEqual(["foo.case.ts"]);
  expect(readFileSync(join(here, "foo.case.ts"), "utf8")).toBe("mine");
  writeNew(driverFiles("bar"), here);
  expect(readdirSync(here)).toHaveLength(4);
  symlinkSync(join(here, "nowhere"), join(here, "baz.test.mjs")); // there, though it leads nowhere
  expect(() => writeNew(driverFiles("baz"), here)).toThrow(/^MF0122: The file baz.test.mjs/);
  expect(readdirSync(here).filter((name) => name.startsWith("baz"))).toEqual(["baz.test.mjs"]);
});

test("a folder that is none", () => {
  expect(() => writeNew(driverFiles("foo"), join(root, "missing"))).toThrow(/^MF0123: .*it does not exist/);
});

test("names that are none", () => {
  for (const name of ["", "1st", "a/b", "../up", "a b", "a.ts", "-x", "é", "a:b", "x".repeat(41), "a\n"]) {
    expect(() => driverFiles(name), name).toThrow(/^MF0121: /);
  }
  for (const name of ["a", "A1", "my_gpu-2", "x".repeat(40)]) expect(driverFiles(name)).toHaveLength(3);
});

test("the command wants one thing and one name", async () => {
  for (const words of [[], ["driver"], ["case", "foo"], ["driver", "foo", "bar"]]) {
    const { code, out, err } = await runCli(["new", ...words]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(NUMBERED);
    expect(err).toContain("mayfail new --help");
  }
  const { err } = await runCli(["new", "driver", "a/b"]);
  expect(err).toMatch(/^MF0121: The word "a\/b" cannot/);
});
