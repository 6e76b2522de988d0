import {
  A,
  anon,
  B,
  begin,
  clearRefs,
  closeAndUnlink,
  done,
  drain,
  fill,
  get,
  MAP_SHARED,
  mkfile,
  mmap,
  PW,
  path,
  register,
  result,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* clearRefsKinds(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* mmap(B, 2, PW, MAP_SHARED, f, 0);
  yield* get(B);
  yield* set(B + 1, 1);
  yield* get(A);
  yield* drain();
  yield* register("P", 0);
  yield* snap("start", A, 2);
  yield* snap("start", B, 2);
  yield* begin("clear_refs 2");
  result(yield* clearRefs(2));
  yield* snap("anon", A, 2);
  yield* snap("anon", B, 2);
  yield* begin("clear_refs 3");
  result(yield* clearRefs(3));
  yield* snap("file", A, 2);
  yield* snap("file", B, 2);
  yield* begin("clear_refs 1");
  result(yield* clearRefs(1));
  yield* begin("clear_refs 5");
  result(yield* clearRefs(5));
  yield* snap("all", A, 2);
  yield* snap("all", B, 2);
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  yield* snap("soft", A, 2);
  yield* snap("soft", B, 2);
  yield* begin("write A 0");
  done(yield* set(A, 9));
  yield* begin("write B 1");
  done(yield* set(B + 1, 9));
  yield* snap("written", A, 2);
  yield* snap("written", B, 2);
  yield* begin("clear_refs 6");
  result(yield* clearRefs(6));
  yield* begin("clear_refs 0");
  result(yield* clearRefs(0));
  yield* closeAndUnlink(f);
}
