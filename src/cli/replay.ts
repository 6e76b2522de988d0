/** `mayfail replay`: shows the run of a schedule, step by step. */
import { checkJson } from "../report/json.ts";
import { mailReport } from "../report/mail.ts";
import type { Outcome } from "../report/outcome.ts";
import { textReport } from "../report/text.ts";
import { caseName } from "./check.ts";
import { type Context, EXIT, experimentOf } from "./context.ts";
import { usage } from "./options.ts";
import { parseTarget } from "./target.ts";

/** The schedule may be given in several words, as it stands in a mail. */
export async function replay(c: Context, words: readonly string[]): Promise<number> {
  const [word, ...parts] = words;
  if (word === undefined) throw usage("replay wants a case or a file, and a schedule", "replay");
  const schedule = parts.join("");
  if (schedule === "") throw usage("replay wants a schedule after the case", "replay");
  const target = parseTarget(word, "replay");
  const name = caseName(target);
  const { variants } = await c.session.call("open", name);
  const variant = target.variant ?? (variants.length === 1 ? variants[0]?.name : undefined);
  if (variant === undefined) {
    throw usage(`replay wants one of the variants ${variants.map((v) => v.name).join(", ")} (CASE:VARIANT)`, "replay");
  }
  const outcome = await c.session.call("replay", name, variant, schedule, experimentOf(c.options));
  print(c, outcome);
  return outcome.verdict === "ok" ? EXIT.ok : EXIT.broken;
}

function print(c: Context, outcome: Outcome): void {
  const { json, format, changes } = c.options;
  if (json) c.io.out(`${JSON.stringify(checkJson(outcome))}\n`);
  else if (format === "mail") c.io.out(mailReport(outcome, c.version));
  else c.io.out(textReport(outcome, c.style, { all: true, changes }));
}
