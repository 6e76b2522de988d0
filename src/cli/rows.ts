/** All variants of several cases, checked by as many threads as there are rows to be checked at a time. */
import type { AtlasCell, AtlasRow } from "../report/atlas.ts";
import type { Outcome } from "../report/outcome.ts";
import { boundsOf, type Context } from "./context.ts";
import type { Experiment } from "./experiment.ts";
import { Interrupted } from "./interrupted.ts";
import type { CaseInfo } from "./jobs.ts";
import type { Session } from "./session.ts";

/** So many rows at a time, unless --jobs says otherwise: the searches of the atlas are small, their memory is not. */
const MAX_JOBS = 2;

/** Ends early, with what is known, after Ctrl-C: variants that were not searched are missing. */
export async function checkAll(
  c: Context,
  cases: readonly CaseInfo[],
  experiment: Experiment = {},
): Promise<AtlasRow[]> {
  const work = cases.flatMap((info) => info.variants.map(({ name }) => ({ info, name })));
  const cells: (AtlasCell | null)[] = work.map(() => null);
  let next = 0;
  let done = 0;
  let failed = false;
  const worker = async (session: Session): Promise<void> => {
    for (let i = next++; i < work.length && !failed && !c.interrupted(); i = next++) {
      const { info, name } = work[i] as (typeof work)[number];
      c.progress.subject = `${done} of ${work.length} rows  ${info.id}:${name}`;
      try {
        cells[i] = await checkOne(c, session, info.id, name, experiment);
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
  return cases.map((info) => ({
    id: info.id,
    title: info.title,
    class: info.class,
    variants: cells.flatMap((cell, i) => (cell !== null && work[i]?.info === info ? [cell] : [])),
  }));
}

async function checkOne(
  c: Context,
  session: Session,
  id: string,
  variant: string,
  experiment: Experiment,
): Promise<AtlasCell | null> {
  try {
    return cellOf(await session.call("check", { kind: "atlas", id }, variant, boundsOf(c.options), experiment));
  } catch (e) {
    if (e instanceof Interrupted) return null;
    throw e;
  }
}

function cellOf(o: Outcome): AtlasCell {
  const { variant, about, expected, verdict, complete, states, seconds, lockdepSummary } = o;
  return { name: variant, about, expected, verdict, complete, states, seconds, lockdep: lockdepSummary };
}
