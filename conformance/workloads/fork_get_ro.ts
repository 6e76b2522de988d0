import { PIN_GET, type Task } from "mayfail/user";
import { forkPin } from "./shared/forkPin.ts";

export default function* forkGetRo(): Task {
  yield* forkPin(PIN_GET);
}
