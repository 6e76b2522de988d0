/** The memory management as a model of pressure jobs. Runs nothing before it can reclaim: raises MF0118. */
import { mayfailError } from "../../errors.ts";
import type { PressureModel } from "./model.ts";

export const pressureModel: PressureModel = {
  run(job) {
    throw mayfailError("MF0118", { job: job.name });
  },
};
