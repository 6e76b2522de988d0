/** In a file of its own, since its worker makes the battery a hundred times larger. */
import i915Userptr from "./shipped/i915Userptr.ts";
import { testVariants } from "./shipped.testkit.ts";

testVariants(i915Userptr);
