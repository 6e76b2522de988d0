/** The thread that runs task code: does one job after the other. See session.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { engines } from "./engines.ts";
import { type Hooks, type JobKind, jobsOn } from "./jobs.ts";
import { toPlain } from "./plainError.ts";
import type { FromWorker, ToWorker } from "./session.ts";

const port = parentPort;
const { stopWord } = workerData as { stopWord: Int32Array };
const jobs = jobsOn(engines);
const PROGRESS_MS = 50;
let posted = 0;
const post = (m: FromWorker) => port?.postMessage(m);

process.setSourceMapsEnabled(true);

port?.on("message", async ({ id, kind, args }: ToWorker) => {
  const hooks: Hooks = {
    progress(progress) {
      const now = performance.now();
      if (now - posted < PROGRESS_MS) return;
      posted = now;
      post({ id, progress });
    },
    phase: (phase) => post({ id, phase }),
    stopped: () => (Atomics.load(stopWord, 0) === 1 ? "interrupted" : null),
  };
  try {
    const job = jobs[kind satisfies JobKind] as (hooks: Hooks, ...args: readonly unknown[]) => Promise<unknown>;
    post({ id, result: await job(hooks, ...args) });
  } catch (e) {
    post({ id, error: toPlain(e) });
  }
});
