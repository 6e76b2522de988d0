/** What the worker of a work queue does, for ever. */
import { fine, immediately, type Task } from "./core.ts";
import { finishWork, takeWork, type Work, type WorkQueue } from "./workqueue.ts";

export function* worker(wq: WorkQueue): Task {
  for (;;) {
    const w = yield* takeWork(wq);
    yield* prepare(w);
    yield* w.run();
    yield* finishWork(w, fine);
  }
}

function prepare(w: Work): Task {
  return w.before === null ? (immediately(undefined) as never) : w.before();
}
