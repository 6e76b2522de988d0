import {
  A,
  anon,
  begin,
  done,
  drain,
  fill,
  MPOL_BIND,
  MPOL_MF_MOVE,
  mbind,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mbindMove(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* drain();
  yield* register("P", 0);
  yield* begin("mbind MPOL_BIND node 1 MF_MOVE");
  done(yield* mbind(A, 2, MPOL_BIND, 2, MPOL_MF_MOVE));
  yield* snap("after", A, 2);
}
