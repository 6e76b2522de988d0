import {
  A,
  anon,
  awaitByte,
  begin,
  C,
  childWait,
  fill,
  fork,
  kill,
  MAP_ANONYMOUS,
  MAP_SHARED,
  mark,
  mmap,
  openPipes,
  openProbe,
  PP,
  PW,
  pause,
  processMrelease,
  register,
  result,
  sleep,
  type Task,
  tell,
  thread,
} from "mayfail/user";

/** A child dies, but a thread that hangs in the kernel keeps its memory, and the parent has that taken away. */
export function* mrelease(victim: () => Task): Task {
  yield* openPipes();
  const p = yield* fork(victim);
  yield* awaitByte(PP);
  kill(p);
  yield* sleep(50);
  yield* begin("process_mrelease");
  result(yield* processMrelease(p));
  mark("victim gone (status)", yield* childWait(p));
}

export function* hangingVictim(flags: number): Task {
  yield* openProbe();
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* mmap(C, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(C, 2, 1);
  yield* register("V", flags);
  yield* thread(hang);
  yield* sleep(10);
  yield* tell(PP);
  yield* pause();
}

export function* hang(): Task {
  yield* sleep(2000);
}
