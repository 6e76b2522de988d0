/** A run whose every name tries to be something else than a name. */
import type { Outcome } from "./outcome.ts";
import { frame, OUTCOME, place, run, step } from "./runs.testkit.ts";

export const HOSTILE_NAMES = [
  "</script><script>globalThis.owned=1</script>",
  '"><img src=x onerror="globalThis.owned=2">',
  "<!--<script>",
  "]]>&lt;b&gt;&amp;",
  "`` ``` | [x](javascript:globalThis.owned=3) **b** <b>i</b> @someone #1 https://example.org www.example.org",
  "\u202Eevil\u0000\u001b[31m\u2028",
  "' onmouseover='globalThis.owned=4",
] as const;

const [script, image, comment, entities, markdown, control, quote] = HOSTILE_NAMES;
const stack = [
  frame(script, `${image}.ts`, 3, comment),
  frame(markdown, `${quote}.ts`, 9, `${control} // </textarea></pre>`),
];
const holds = [
  { lock: quote, lockClass: quote, kind: "mutex", shared: false, step: 1, place: place(markdown, 1, script) },
];

export const HOSTILE: Outcome = {
  ...OUTCOME,
  ...{ name: script, variant: image, title: markdown, about: entities, rules: quote, verdict: "deadlock" },
  text: `${script}\n\n${markdown}\n${image}`,
  sources: [{ ref: markdown, what: script }],
  experiment: ["--rules", quote],
  lockdep: [`${comment} ${markdown}`],
  run: run({
    tasks: [script, markdown, control],
    schedule: "1-ab-0000",
    steps: [
      step(1, 0, image, stack, {
        events: [comment, markdown],
        acquired: [{ task: 0, lock: quote, shared: false }],
        changed: [
          { at: 1, name: script, before: image, after: markdown },
          { at: 2, name: quote, before: entities, after: control },
        ],
      }),
      step(2, 1, markdown, stack, { switched: true, preempted: true }),
    ],
    finding: { verdict: "deadlock", message: `${script} C01 ${comment}`, task: 0, cycle: [0, 1], stack },
    waiters: [
      { task: 0, wants: script, object: image, stack, owners: [1], waits: "all", holds },
      { task: 1, wants: markdown, object: null, stack, owners: [0], waits: "all", holds: [] },
    ],
  }),
};
