import { A, anon, B, fill, mark, mprotect, PIN_WRITE, PR, pin, register, type Task } from "mayfail/user";

export default function* pinRoMapping(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* mprotect(A, 2, PR);
  yield* register("P", 0);
  mark("write pin of RO vma (id)", yield* pin(A, 1, PIN_WRITE));
  mark("read pin of RO vma (id)", yield* pin(A, 1, 0));
  mark("pin of unmapped (id)", yield* pin(B, 1, 0));
}
