/** `mayfail replay`: shows the run of a schedule, step by step. */
import { caseName } from "./check.ts";
import { type Context, EXIT, experimentOf } from "./context.ts";
import { usage } from "./options.ts";
import { writeResult } from "./output.ts";
import { isPage, pageOf, reportOf } from "./render.ts";
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
  writeResult(c, isPage(c) ? pageOf(c, [outcome]) : reportOf(c, outcome, 1, { all: true, changes: c.options.changes }));
  return outcome.verdict === "ok" ? EXIT.ok : EXIT.broken;
}
