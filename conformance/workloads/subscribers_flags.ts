import {
  A,
  anon,
  begin,
  clearRefs,
  done,
  fill,
  get,
  MADV_DONTNEED,
  madvise,
  mprotect,
  munmap,
  NORANGE,
  openProbe,
  PR,
  PW,
  REFUSE,
  register,
  result,
  set,
  type Task,
  unregister,
  YOUNG,
} from "mayfail/user";

export default function* subscribersFlags(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* get(A + 3);
  yield* register("P", NORANGE);
  yield* openProbe();
  yield* register("Q", REFUSE);
  yield* openProbe();
  yield* register("S", YOUNG);
  yield* begin("mprotect RO 0..1");
  done(yield* mprotect(A, 2, PR));
  yield* begin("mprotect RW 0..1");
  done(yield* mprotect(A, 2, PW));
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* begin("read 0");
  done(yield* get(A));
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* begin("munmap 2");
  done(yield* munmap(A + 2, 1));
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  yield* unregister();
  yield* begin("munmap 3");
  done(yield* munmap(A + 3, 1));
}
