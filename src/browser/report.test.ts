/** The HTML report in a real browser, opened from a file: it works, asks nobody for anything, and names are names. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import { runCli } from "../cli/cli.testkit.ts";
import { sha256 } from "../cli/render.ts";
import { HOSTILE, HOSTILE_NAMES } from "../report/hostile.testkit.ts";
import { htmlReport } from "../report/html/page.ts";
import type { Outcome } from "../report/outcome.ts";
import { ALL } from "../report/runs.testkit.ts";
import { type LaunchedBrowser, launchChromium } from "./chromium.testkit.ts";

let launched: LaunchedBrowser;
const folder = mkdtempSync(join(tmpdir(), "mayfail-report-"));
const shots = join(root, "artefacts");

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  launched = await launchChromium();
}, 120_000);
afterAll(async () => {
  await launched?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  /** Errors and warnings of the console, and requests for anything but the page itself. */
  readonly trouble: string[];
}

async function open(html: string, colorScheme: "light" | "dark" = "light", width = 1280): Promise<Opened> {
  const file = join(folder, "report.html");
  writeFileSync(file, html);
  const page = await launched.browser.newPage({ colorScheme, viewport: { width, height: 900 } });
  const trouble: string[] = [];
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") trouble.push(m.text());
  });
  page.on("pageerror", (e) => trouble.push(e.message));
  page.on("request", (r) => {
    if (!r.isNavigationRequest() && !r.url().startsWith("data:")) trouble.push(r.url());
  });
  await page.goto(pathToFileURL(file).href);
  return { page, trouble };
}

const pageFor = (...outcomes: Outcome[]) => htmlReport(outcomes, { version: "0.1.0", excerpts: {}, sha256 });
/** What the element shows; `page.evaluate` takes the code as text, since these tests know no DOM types. */
const read = <T>(page: Page, expression: string): Promise<T> => page.evaluate(expression) as Promise<T>;
const shown = (page: Page) => read<string>(page, 'document.querySelector(".inspector .what").textContent');
const at = (page: Page) => read<string>(page, 'document.querySelector(".inspector .at").textContent');

test("a case checked on the command line: stepping by keys and by clicks, to the deadlock and back", async () => {
  const { out, code } = await runCli(["check", "ab-ba:buggy", "--format", "html"]);
  expect(code).toBe(1);
  const { page, trouble } = await open(out);
  expect(await page.title()).toBe("deadlock: ab-ba:buggy");
  expect(await at(page)).toBe("step 1 of 2");
  expect(await shown(page)).toBe("t1: lock a");
  expect(await read(page, 'document.querySelector(".source .here").textContent')).toContain("yield* lock(first)");
  expect(await read(page, '[...document.querySelectorAll(".diff tr")].map((r) => r.innerText).join("\\n")')).toMatch(
    /^a\tnobody\tt1$/m,
  );
  await page.keyboard.press("ArrowDown");
  expect([await at(page), await shown(page)]).toEqual(["step 2 of 2", "t2: lock b"]);
  await page.keyboard.press("j");
  expect([await at(page), await shown(page)]).toEqual([
    "the end: t1",
    expect.stringMatching(/^t1 waits for b, which t2 holds/),
  ]);
  await page.keyboard.press("ArrowDown");
  expect(await at(page)).toBe("the end: t2");
  await page.keyboard.press("ArrowDown");
  expect(await at(page)).toBe("the end: t2");
  await page.keyboard.press("Home");
  expect(await at(page)).toBe("step 1 of 2");
  await page.click("tr.step[data-moment='1']");
  expect(await at(page)).toBe("step 2 of 2");
  expect(await read(page, "document.querySelectorAll('[aria-current]').length")).toBe(1);
  await page.click("[data-go='back']");
  expect(await at(page)).toBe("step 1 of 2");
  expect(await read(page, "location.hash")).toBe("#o1-1");
  expect(trouble).toEqual([]);
  await page.close();
});

test("the values at a moment: those before it, and those that come are not told yet", async () => {
  const { out } = await runCli(["check", "ab-ba:buggy", "--format", "html"]);
  const { page, trouble } = await open(out);
  await page.click(".inspector summary");
  await page.waitForSelector(".state tr");
  const values = () =>
    read<string>(page, '[...document.querySelectorAll(".state tr")].map((r) => r.innerText).join(";")');
  expect(await values()).toMatch(/a\tt1;.*b\tnobody/);
  await page.keyboard.press("ArrowDown");
  expect(await values()).toMatch(/a\tt1;.*b\tt2/);
  await page.keyboard.press("ArrowUp");
  expect(await values()).toMatch(/a\tt1;.*b\tnobody/);
  expect(trouble).toEqual([]);
  await page.close();
});

test("all variants of a case are one page, each with its verdict", async () => {
  const { out } = await runCli(["check", "ab-ba", "--format", "html"]);
  const { page, trouble } = await open(out);
  expect(await read(page, '[...document.querySelectorAll("nav a")].map((a) => a.textContent)')).toEqual([
    "buggy",
    "fixed",
  ]);
  expect(await read(page, '[...document.querySelectorAll(".verdict b")].map((b) => b.textContent)')).toEqual([
    "deadlock",
    "ok",
  ]);
  expect(trouble).toEqual([]);
  await page.close();
});

test("names from a user's file are shown as they are, and do nothing", async () => {
  const { page, trouble } = await open(pageFor(HOSTILE));
  for (let i = 0; i < 3; i++) {
    for (const button of await page.$$(".calls button"))
      await button.click({ noWaitAfter: true }).catch(() => undefined);
    await page.keyboard.press("ArrowDown");
  }
  expect(await read(page, "globalThis.owned")).toBe(undefined);
  expect(trouble).toEqual([]);
  expect(await read(page, "document.querySelectorAll('img, textarea, main b > *, main p b i').length")).toBe(0);
  expect(await read(page, "document.scripts.length")).toBe(2);
  const text = await read<string>(page, "document.body.innerText");
  for (const name of HOSTILE_NAMES.filter((n) => !n.includes("\u0000"))) expect(text).toContain(name);
  expect(text).not.toMatch(/\u202e/);
  await page.close();
});

test("the pages are well-formed, and no id is given twice", async () => {
  const { page } = await open(pageFor(...Object.values(ALL), HOSTILE));
  for (const html of [pageFor(HOSTILE), pageFor(...Object.values(ALL))]) {
    // As XML, without the contents of scripts and styles, which have rules of their own.
    const xml = html
      .replace(/<!doctype html>/, "")
      .replace(/(<(script|style)[^>]*>)[\s\S]*?(<\/\2>)/g, "$1$3")
      .replace('<html lang="en">', '<html lang="en" xmlns="http://www.w3.org/1999/xhtml">');
    const answer = await page.evaluate(
      `(() => { const d = new DOMParser().parseFromString(${JSON.stringify(xml)}, "application/xhtml+xml");
        return d.querySelector("parsererror")?.textContent ?? "well-formed"; })()`,
    );
    expect(answer).toBe("well-formed");
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map((m) => m[1]);
    expect(new Set(ids).size).toBe(ids.length);
  }
  expect(await read(page, "document.compatMode")).toBe("CSS1Compat");
  await page.close();
});

test("a link to a moment opens there", async () => {
  const { page } = await open(pageFor(ALL["SELF_DEADLOCK"] as Outcome));
  await page.goto(`${page.url()}#o1-3`);
  await page.reload();
  expect(await at(page)).toBe("step 3 of 4");
  await page.close();
});

test.each([
  ["light", 1280],
  ["dark", 1280],
  ["light", 390],
] as const)("%s, %i wide: nothing is wider than the window", async (scheme, width) => {
  const html = pageFor(ALL["SELF_DEADLOCK"] as Outcome, ALL["USE_AFTER_FREE"] as Outcome, ALL["ok"] as Outcome);
  const { page, trouble } = await open(html, scheme, width);
  await page.keyboard.press("End");
  expect(await read(page, "document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  await page.screenshot({ path: join(shots, `report-${scheme}-${width}.png`) });
  expect(trouble).toEqual([]);
  await page.close();
});
