/** All variants of several cases, checked by as many threads as there are rows to be checked at a time. */
import type { AtlasCell, AtlasRow } from "../report/atlas.ts";
import type { Outcome } from "../report/outcome.ts";
import { boundsOf, type Context } from "./context.ts";
import type { Experiment } from "./experiment.ts";
import { Interrupted } from "./interrupted.ts";
import type { CaseInfo, CaseName } from "./jobs.ts";
import type { Session } from "./session.ts";

/** So many rows at a time, unless --jobs says otherwise: the searches of the atlas are small, their memory is not. */
const MAX_JOBS = 2;

/** A variant that is to be checked. */
export interface RowName {
  readonly name: CaseName;
  readonly variant: string;
}

/** What each comes to, in this order; null where nothing was searched any more after Ctrl-C. */
export async function checkRows(
  c: Context,
  work: readonly RowName[],
  experiment: Experiment = {},
): Promise<readonly (Outcome | null)[]> {
  const outcomes: (Outcome | null)[] = work.map(() => null);
  let next = 0;
  let done = 0;
  let failed = false;
  const worker = async (session: Session): Promise<void> => {
    for (let i = next++; i < work.length && !failed && !c.interrupted(); i = next++) {
      const { name, variant } = work[i] as RowName;
      c.progress.subject = `${done} of ${work.length} rows  ${name.kind === "atlas" ? `${name.id}:` : ""}${variant}`;
      try {
        outcomes[i] = await checkOne(c, session, name, variant, experiment);
      } catch (e) {
        failed = true;
        throw e;
      }
      done++;
    }
  };
  const jobs = Math.min(c.options.jobs ?? Math.min(MAX_JOBS, c.io.cores), Math.max(1, work.length));
  await Promise.all((await c.sessions(jobs)).map(worker));
  c.progress.clear();
  return outcomes;
}

/** Ends early, with what is known, after Ctrl-C: variants that were not searched are missing. */
export async function checkAll(
  c: Context,
  cases: readonly CaseInfo[],
  experiment: Experiment = {},
): Promise<AtlasRow[]> {
  const work = cases.flatMap((info) => info.variants.map(({ name }) => ({ info, name })));
  const names = work.map(({ info, name }): RowName => ({ name: { kind: "atlas", id: info.id }, variant: name }));
  const outcomes = await checkRows(c, names, experiment);
  return cases.map((info) => ({
    id: info.id,
    title: info.title,
    class: info.class,
    variants: outcomes.flatMap((o, i) => (o !== null && work[i]?.info === info ? [cellOf(o)] : [])),
  }));
}

async function checkOne(
  c: Context,
  session: Session,
  name: CaseName,
  variant: string,
  experiment: Experiment,
): Promise<Outcome | null> {
  try {
    return await session.call("check", name, variant, boundsOf(c.options), experiment);
  } catch (e) {
    if (e instanceof Interrupted) return null;
    throw e;
  }
}

function cellOf(o: Outcome): AtlasCell {
  const { variant, about, expected, verdict, complete, states, seconds, lockdepSummary } = o;
  return { name: variant, about, expected, verdict, complete, states, seconds, lockdep: lockdepSummary };
}
