/**
 * The report as one HTML file: it opens from a disk or a mail, asks nobody for anything, and its policy forbids it to. What it
 * tells stands in it as text; the script only adds the stepping.
 */

import type { Run } from "../../search/run.ts";
import { cycleEdges, edgeInWords, placeInWords, stackInWords, taskName } from "../cycle.ts";
import { lockdepSentence } from "../lockdep.ts";
import type { Outcome } from "../outcome.ts";
import { pagesOf } from "../pages.ts";
import { type Row, rowsOf } from "../rows.ts";
import { replayCommand, searchSection, sizeOfSchedule } from "../sections.ts";
import { paintOf, verdictSentence } from "../sentence.ts";
import type { Style } from "../style.ts";
import { type Excerpts, type PageRun, pageRun } from "./data.ts";
import { esc, jsonForScript } from "./escape.ts";
import { PAGE_SCRIPT } from "./script.ts";
import { STYLE_SHEET } from "./style.ts";

export interface PageOptions {
  readonly version: string;
  readonly excerpts: Excerpts;
  /** Base64 of the SHA-256 of a text: for the policy that lets only this page's own script and style work. */
  readonly sha256: (text: string) => string;
}

const UNBROKEN: Style = { width: 1_000_000, unicode: true, color: false };
/** Lanes take these colours in turn. */
const COLOURS = 6;
const MAX_NESTING = 4;

export function htmlReport(outcomes: readonly Outcome[], options: PageOptions): string {
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${options.sha256(PAGE_SCRIPT)}'`,
    `style-src 'sha256-${options.sha256(STYLE_SHEET)}'`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const [first] = outcomes;
  const title = outcomes.length === 1 && first ? headline(first) : `${first?.name ?? "nothing"}: all variants`;
  const links = outcomes.map((o, i) => `<a href="#o${i + 1}">${esc(o.variant)}</a> <span>${esc(verdictOf(o))}</span>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="generator" content="Mayfail ${esc(options.version)}" />
<title>${esc(title)}</title>
<link rel="icon" href="data:," />
<style>${STYLE_SHEET}</style>
</head>
<body>
${outcomes.length > 1 ? `<nav aria-label="variants">${links.join("\n")}</nav>\n` : ""}<main>
${outcomes.map((o, i) => section(o, `o${i + 1}`, options)).join("\n")}
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

const verdictOf = (o: Outcome): string => (o.verdict === "ok" && !o.complete ? "not decided" : o.verdict);
const targetOf = (o: Outcome): string => (o.variant === "" ? o.name : `${o.name}:${o.variant}`);
const headline = (o: Outcome): string => `${verdictOf(o)}: ${targetOf(o)}`;

function section(o: Outcome, id: string, options: PageOptions): string {
  const { run } = o;
  const shows = run !== null && (o.engine === "replay" || o.verdict !== "ok");
  const about = [o.title, o.about].filter((s) => s !== "").join("; ");
  return [
    `<section class="outcome" id="${id}">`,
    `<h1>${esc(targetOf(o))}</h1>`,
    about === "" ? "" : `<p class="dim">${esc(about)}</p>`,
    verdictBox(o),
    ...pages(o),
    shows && run !== null ? runParts(o, run, id, options) : "",
    ...lockdep(o),
    ...story(o),
    ...replay(o, options.version),
    ...searchSection(o, UNBROKEN).map((line) => `<p class="dim">${esc(line)}</p>`),
    "</section>",
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function verdictBox(o: Outcome): string {
  const sentence = verdictSentence(o);
  const colon = sentence.indexOf(":");
  return `<p class="verdict ${paintOf(o)}"><b>${esc(sentence.slice(0, colon))}</b>${esc(sentence.slice(colon))}</p>`;
}

/** Where the page of a rule is: a path in the package, as this file may be read anywhere. */
function pages(o: Outcome): string[] {
  return pagesOf(o).map((page) => `<p class="dim">${esc(page.title)}: <code>${esc(page.path)}</code></p>`);
}

function runParts(o: Outcome, run: Run, id: string, options: PageOptions): string {
  const data = pageRun(o, run, options.excerpts);
  const rows = rowsOf(run, UNBROKEN, { all: true, loop: o.loop });
  const preempted = rows.some((r) => r.mark === "!");
  return [
    ...(o.verdict === "deadlock" ? waits(run) : place(run)),
    `<h2>The schedule: ${esc(sizeOfSchedule(o, run))}</h2>`,
    '<div class="run">',
    `<div class="lanes">${lanesTable(run, rows, data)}</div>`,
    inspector(),
    "</div>",
    preempted
      ? '<p class="dim">Dashed line above a step: the task before was preempted, it could have gone on.</p>'
      : "",
    `<script type="application/json" id="${id}-data">${jsonForScript(data)}</script>`,
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function waits(run: Run): string[] {
  const edges = cycleEdges(run);
  const chain = edges.flatMap((e, i) => {
    const links = [task(e.task), arrow("waits for"), `<li>${esc(e.object ?? e.wants)}</li>`];
    if (e.owner === null) return links;
    // The next edge begins with the owner; only the last one has to name it.
    return [...links, arrow("which is up to"), ...(i === edges.length - 1 ? [task(e.owner)] : [])];
  });
  const items = edges.map((e) => {
    const frame = e.stack[0];
    const more = [
      ...(frame ? [`at <code>${esc(placeInWords(frame.place))}</code>: <code>${esc(frame.place.text)}</code>`] : []),
      ...(e.stack.length > 0 ? [`in <code>${esc(stackInWords(e.stack, " ← "))}</code>`] : []),
      ...(e.holds.length > 0 ? [`holding <code>${esc(e.holds.map((h) => h.lock).join(", "))}</code>`] : []),
    ];
    return `<li>${esc(edgeInWords(e))}<ul>${more.map((m) => `<li>${m}</li>`).join("")}</ul></li>`;
  });
  return [
    "<h2>Who waits for whom</h2>",
    `<ol class="cycle">${chain.join("")}</ol>`,
    `<ul class="waits">${items.join("")}</ul>`,
  ];
}

const task = (name: string): string => `<li class="task">${esc(name)}</li>`;
const arrow = (words: string): string => `<li class="arrow">${words} →</li>`;

function place(run: Run): string[] {
  const stack = run.finding?.stack ?? [];
  const [frame] = stack;
  if (!frame) return [];
  return [
    "<h2>Where</h2>",
    `<p><code>${esc(placeInWords(frame.place))}</code>: <code>${esc(frame.place.text)}</code></p>`,
    `<p class="dim">in <code>${esc(stackInWords(stack, " ← "))}</code></p>`,
  ];
}

/** One column for each task that does something, time downwards. A bar beside a cell: the task holds locks after that step. */
function lanesTable(run: Run, rows: readonly Row[], data: PageRun): string {
  if (rows.length === 0) return '<p class="dim">No step: the rule is broken from the start.</p>';
  const tasks = [...new Set(rows.filter((r) => r.task >= 0).map((r) => r.task))];
  const colour = (t: number) => `c${tasks.indexOf(t) % COLOURS}`;
  const depths = new Map(
    tasks.map((t) => [t, Math.min(...rows.filter((r) => r.task === t).map((r) => r.stack.length))]),
  );
  const head = tasks.map((t) => `<th scope="col" class="${colour(t)}">${esc(taskName(run, t))}</th>`).join("");
  let end = data.moments.findIndex((m) => m.end);
  const body = rows.map((r) => {
    if (r.task < 0) return `<tr><td></td><td class="note" colspan="${tasks.length + 1}">${esc(r.text)}</td></tr>`;
    const moment = r.bad ? end++ : Number(r.label) - 1;
    const depth = Math.min(MAX_NESTING, r.stack.length - (depths.get(r.task) ?? 0));
    const words = [
      `<span class="d${depth}">${esc(r.text)}</span>`,
      ...r.notes.map((n) => `<span class="more d${depth}">${esc(n)}</span>`),
    ];
    const cells = tasks.map((t) => {
      const held = data.moments[moment]?.held[t] ?? [];
      const bar =
        held.length > 0 ? ` held ${colour(t)}" title="${esc(`${taskName(run, t)} holds ${held.join(", ")}`)}` : "";
      return `<td class="lane${bar}">${t === r.task ? words.join("") : ""}</td>`;
    });
    const frame = r.stack[0];
    const where = frame
      ? `${esc(placeInWords({ ...frame.place, file: baseName(frame.place.file) }))} ${esc(frame.name)}`
      : "";
    const kind = `step${r.bad ? " end" : ""}${r.mark === "!" ? " preempts" : ""}`;
    return `<tr class="${kind}" data-moment="${moment}"><td class="n">${esc(r.label)}</td>${cells.join("")}<td class="where">${where}</td></tr>`;
  });
  return `<table>\n<thead><tr><th scope="col"></th>${head}<th scope="col">where</th></tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table>`;
}

const baseName = (file: string): string => file.slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);

/** Filled by the script. */
function inspector(): string {
  const button = (go: string, label: string, text: string) =>
    `<button type="button" data-go="${go}" aria-label="${label}" title="${label}">${text}</button>`;
  return [
    '<aside class="inspector" aria-label="the step" hidden="">',
    '<div class="bar">',
    button("first", "first step (Home)", "⇤"),
    button("back", "step back (arrow up, k)", "↑"),
    button("forward", "step forward (arrow down, j)", "↓"),
    button("last", "the end (End)", "⇥"),
    button("taskBack", "the task's step before ([)", "["),
    button("taskForward", "the task's next step (])", "]"),
    '<span class="at"></span>',
    "</div>",
    '<p class="what" aria-live="polite"></p>',
    '<div class="details"></div>',
    "</aside>",
  ].join("\n");
}

function lockdep(o: Outcome): string[] {
  const sentences = [...o.lockdep, lockdepSentence(o) ?? ""].filter((s) => s !== "");
  return sentences.length === 0 ? [] : ["<h2>Lockdep</h2>", ...sentences.map((s) => `<p>${esc(s)}</p>`)];
}

function story(o: Outcome): string[] {
  const paragraphs = o.text
    .split(/\n\s*\n/)
    .map((p) => p.trim())
    .filter((p) => p !== "")
    .map((p) => `<p class="story">${p.split("\n").map(esc).join("\n")}</p>`);
  const sources = o.sources.map((s) => `<li><code>${esc(s.ref)}</code>: ${esc(s.what)}</li>`);
  return [
    ...(paragraphs.length === 0
      ? []
      : [`<details><summary>The story of this case</summary>${paragraphs.join("\n")}</details>`]),
    ...(sources.length === 0 ? [] : ["<h2>Where it is from</h2>", `<ul>${sources.join("\n")}</ul>`]),
  ];
}

function replay(o: Outcome, version: string): string[] {
  const lines = replayCommand(o, UNBROKEN).map((line) => esc(line.trim()));
  if (lines.length === 0) return [];
  return [`<h2>To see this run again (mayfail ${esc(version)})</h2>`, `<pre class="command">${lines.join("\n")}</pre>`];
}
