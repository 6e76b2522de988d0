// Spin, where it is installed: models to verifiers to figures.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = new URL(".", import.meta.url).pathname;

/** Null when Spin or a C compiler is missing, else an object that builds and runs verifiers in a folder of its own. */
export function findSpin() {
  const version = spawnSync("spin", ["-V"], { encoding: "utf8" });
  if (version.status !== 0 || spawnSync("gcc", ["--version"]).status !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), "mayfail-spin-"));
  const rusage = join(folder, "rusage");
  must("gcc", ["-O2", "-o", rusage, join(here, "rusage.c")], folder);

  /** CPU seconds and output of a command. */
  function timed(command, args, cwd) {
    const r = spawnSync(rusage, [command, ...args], { cwd, encoding: "utf8", maxBuffer: 1 << 28 });
    const [user, system] = r.stderr.trim().split("\n").pop().split(" ").map(Number);
    return { seconds: (user + system) / 1e6, output: r.stdout };
  }

  /**
   * Builds `model`.pml with `defines`; `o1` leaves Spin's dead variable elimination out. `flags` are those of the verifier:
   * "-DSAFETY", "-DNOREDUCE", "-DNP". Returns `run(args)` and what building has cost.
   */
  function build(model, { defines = [], o1 = false, flags }) {
    const name = [model, ...defines, ...flags, o1].join("").replace(/[^\w]/g, "");
    const cwd = join(folder, name);
    mkdirSync(cwd, { recursive: true });
    copyFileSync(join(here, "spin", `${model}.pml`), join(cwd, `${model}.pml`));
    const generate = timed("spin", [...(o1 ? ["-o1"] : []), ...defines, "-a", `${model}.pml`], cwd);
    const compile = timed("gcc", ["-O2", "-DMEMLIM=16000", ...flags, "-w", "-o", "pan", "pan.c"], cwd);
    if (!existsSync(join(cwd, "pan"))) throw new Error(`${model} ${flags.join(" ")} does not build`);
    return {
      buildSeconds: generate.seconds + compile.seconds,
      run(args = []) {
        const { seconds, output } = timed("./pan", args, cwd);
        if (/max search depth too small|out of memory/.test(output)) throw new Error(`pan ${model}: ${output}`);
        return {
          seconds,
          states: Number(/(\d+)(?:e\+\d+)? states, stored/.exec(output)?.[1]),
          verdict: verdictOf(output),
        };
      },
    };
  }

  return {
    version: version.stdout.trim().split("\n")[0],
    build,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function verdictOf(output) {
  if (/^pan:\d+: invalid end state/m.test(output)) return "deadlock";
  if (/^pan:\d+: non-progress cycle/m.test(output)) return "livelock";
  if (/^pan:\d+: assertion violated/m.test(output)) return "assertion";
  return /errors: 0/.test(output) ? "ok" : "?";
}

function must(command, args, cwd) {
  const r = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (r.status !== 0) throw new Error(`${command} ${args.join(" ")}\n${r.stderr}`);
}
