/** The engines that must agree with the oracle. To add one, append it to `engines`. */
import type { MachineOptions } from "../../machine/machine.ts";
import { type DporOptions, searchDpor } from "../dpor/dpor.ts";
import { onMachine } from "../program.ts";
import { searchStateful } from "../stateful.ts";
import { type Engine, naive, type Skips } from "./oracle.testkit.ts";

function stateful(machine: Partial<MachineOptions>, localSteps: boolean): Engine {
  return {
    coarse: !machine.fine,
    run: (program, project) =>
      onMachine(program, machine, (m) => {
        const finals = new Set<string>();
        const r = searchStateful(m, { all: true, localSteps, onEnd: () => finals.add(project(m)) });
        return { verdicts: new Set(r.violations.map((v) => v.finding.verdict)), finals };
      }),
  };
}

function dpor(mode: DporOptions["mode"]): Engine {
  return {
    coarse: false,
    run: (program, project) =>
      onMachine(program, { fine: true }, (m) => {
        const finals = new Set<string>();
        const r = searchDpor(m, {
          mode,
          all: true,
          maxExecutions: MAX_EXECUTIONS,
          maxViolations: Number.POSITIVE_INFINITY,
          onEnd: () => finals.add(project(m)),
        });
        return r.stopped === null ? { verdicts: new Set(r.violations.map((v) => v.finding.verdict)), finals } : null;
      }),
  };
}

/** Programs with more states than this in fine steps are left out. */
const MAX_STATES = 4000;
/** A few thousand states may have very many traces. */
const MAX_EXECUTIONS = 2000;

export const oracle: Engine = naive({ fine: true }, MAX_STATES);

export const engines: Readonly<Record<string, Engine>> = {
  "coarse steps, naive": naive({}, MAX_STATES),
  "stateful, coarse, local steps": stateful({}, true),
  "stateful, fine, local steps": stateful({ fine: true }, true),
  "DPOR, optimal": dpor("optimal"),
  "DPOR, source sets": dpor("source"),
};

const blind = (skips: Skips): Engine => naive({ fine: true }, MAX_STATES, skips);

/** Engines with the mistakes that reductions are prone to, and a mix of statements that shows each. */
export const wrongEngines: Readonly<Record<string, { readonly engine: Engine; readonly mix: string }>> = {
  "prefers the first task where two could go on": {
    engine: blind((m, t, enabled) => enabled.length > 2 && t !== enabled[0] && m.pendingOp(t).name === "read"),
    mix: "cells",
  },
  "takes a lock at once when it can": {
    engine: blind((m, t, enabled) => {
      const locker = enabled.find((u) => m.pendingOp(u).name === "lock");
      return locker !== undefined && t !== locker;
    }),
    mix: "locks",
  },
  "lets a release wait until nothing else can go on": {
    engine: blind((m, t, enabled) => {
      return m.pendingOp(t).releases === true && enabled.some((u) => m.pendingOp(u).releases !== true);
    }),
    mix: "trylocks",
  },
  "releases at once, although somebody tries": {
    engine: blind((m, t, enabled) => {
      const leaver = enabled.find((u) => m.pendingOp(u).releases === true);
      return leaver !== undefined && t !== leaver;
    }),
    mix: "trylocks",
  },
  "takes the first outcome of each choice": { engine: naive({ fine: true }, MAX_STATES, () => false, 1), mix: "cells" },
};
