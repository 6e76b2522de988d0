import { PIN_WRITE, type Task } from "mayfail/user";
import { forkPin } from "./shared/forkPin.ts";

export default function* forkPinRw(): Task {
  yield* forkPin(PIN_WRITE);
}
