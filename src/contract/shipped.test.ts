import skeleton from "../drivers/skeleton/skeleton.ts";
import kvm from "./shipped/kvm.ts";
import mirror from "./shipped/mirror.ts";
import xeUserptr from "./shipped/xeUserptr.ts";
import { testVariants } from "./shipped.testkit.ts";

for (const driver of [skeleton, mirror, xeUserptr, kvm]) testVariants(driver);
