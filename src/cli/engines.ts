/** The parts of Mayfail that the jobs stand on, loaded when a job first needs them. */
import type { Engines } from "./jobs.ts";

export const engines: Engines = {
  async atlas() {
    return (await import("../atlas/index.ts")).ATLAS;
  },
  async load(path) {
    return (await import("../compiler/node.ts")).loadTaskModule(path);
  },
  async check(program, options) {
    return (await import("../search/check.ts")).checkProgram(program, options);
  },
  async runWorkload(workload, guest) {
    return (await import("../conform/run.ts")).recordWorkload(workload, guest);
  },
  async pressureModel() {
    return (await import("../conform/pressure/onMm.ts")).pressureModel;
  },
};
