/** `mayfail gfp`: what allocations may enter, and which locks they may not be made under; computed by running. */
import { mayfailError } from "../errors.ts";
import { MASK_NAMES, maskNamed } from "../mm/gfp/masks.ts";
import {
  CALLERS,
  type Caller,
  DEFAULT_MASKS,
  type Held,
  KSWAPD_ITSELF,
  LOCKS,
  PAGE_KINDS,
  type PageKind,
  SCOPES,
  type Scope,
} from "../mm/gfp/names.ts";
import { gfpDetails, gfpText, pinsText } from "../report/gfp.ts";
import { type Context, EXIT } from "./context.ts";
import type { NamedQuery } from "./jobs.ts";
import { brief, usage } from "./options.ts";
import { hint } from "./suggest.ts";

const DEFAULT_RULES = "linux-6.1";

export async function gfp(c: Context, words: readonly string[]): Promise<number> {
  if (words.length > 0) throw usage("gfp takes no further words", "gfp");
  return c.options.pins ? pins(c) : masks(c);
}

async function masks(c: Context): Promise<number> {
  const { mask, scope, caller, page, held, json, rules = DEFAULT_RULES } = c.options;
  const details = [mask, scope, caller, page, held].some((option) => option !== undefined);
  const query: NamedQuery = {
    rules,
    masks: mask === undefined ? [...DEFAULT_MASKS, KSWAPD_ITSELF] : [known(mask)],
    scopes: chosen<Scope>(SCOPES, scope, details && !json),
    callers: chosen<Caller>(CALLERS, caller, !json),
    pages: page === undefined ? PAGE_KINDS : [page as PageKind],
    held: held === undefined ? LOCKS : [held as Held],
  };
  c.progress.subject = "gfp";
  const rows = await c.session.call("gfp", query);
  if (!details && !json) {
    // Of others only what is different is told, and locks are the same to them.
    const others = { ...query, scopes: ["none"], callers: CALLERS.slice(1), held: [] } as const;
    rows.push(...(await c.session.call("gfp", others)).filter((row) => row.mask !== KSWAPD_ITSELF));
  }
  c.progress.clear();
  if (json) c.io.out(`${JSON.stringify({ schema: "mayfail/gfp/1", rules, rows, pins: [] })}\n`);
  else c.io.out(`${(details ? gfpDetails : gfpText)(rows, rules, c.style).join("\n").trimEnd()}\n`);
  return EXIT.ok;
}

/** One that was asked for; else all, or only the first, which is the ordinary one. */
function chosen<T extends string>(all: readonly T[], option: string | undefined, ordinary: boolean): readonly T[] {
  if (option !== undefined) return [option as T];
  return ordinary ? all.slice(0, 1) : all;
}

function known(mask: string): string {
  if (mask === KSWAPD_ITSELF || maskNamed(mask) !== null) return mask;
  const unknown = mask.split("|").find((name) => maskNamed(name) === null) ?? mask;
  throw mayfailError("MF0118", {
    name: brief(unknown),
    hint: hint(unknown, MASK_NAMES),
    known: [...MASK_NAMES, KSWAPD_ITSELF].join(", "),
  });
}

async function pins(c: Context): Promise<number> {
  const { mask, scope, caller, held, page, json, rules } = c.options;
  if ([mask, scope, caller, held].some((option) => option !== undefined)) {
    throw usage("With --pins only --page and --rules choose among the rows", "gfp");
  }
  const rows = await c.session.call("pins", rules ?? null, page === undefined ? null : (page as PageKind));
  c.progress.clear();
  if (json) c.io.out(`${JSON.stringify({ schema: "mayfail/gfp/1", rules: rules ?? null, rows: [], pins: rows })}\n`);
  else c.io.out(`${pinsText(rows, c.style).join("\n")}\n`);
  return EXIT.ok;
}
