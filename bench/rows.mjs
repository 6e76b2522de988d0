// What is measured.

const size = (devices, invalidators) => [`-DK=${devices}`, `-DM=${invalidators}`];

/** Every state of the same transition system. */
export const EXACT_ROWS = [
  [2, 2],
  [3, 1],
  [2, 3],
  [3, 2],
].map(([k, m]) => ({ name: `intervalExact,${k},${m}`, model: "interval_g", defines: size(k, m) }));

const i915Row = (variant, processes) => ({
  name: `i915,${variant},${processes}`,
  title: `i915, ${["callback blocks", "trylock, retry for ever", "trylock, MAYFAIL", "allocate before the lock"][variant]}, ${processes} processes`,
  model: "i915",
  defines: [`-DP=${processes}`, `-DVAR=${variant}`],
  // Spin's default depth where it is enough: a deeper stack costs it time.
  depth: variant === 1 && processes === 4 ? 30_000 : null,
});

/** The same programs as a user would write them, natural in both. */
export const VERDICT_ROWS = [
  ...[6, 8, 10].map((n) => ({
    name: `philosophers,${n}`,
    title: `philosophers ${n}`,
    model: "philo",
    defines: [`-DN=${n}`],
  })),
  ...[
    [2, 2],
    [3, 2],
  ].map(([k, m]) => ({
    name: `interval,${k},${m}`,
    title: `interval (${k},${m})`,
    model: "interval",
    defines: size(k, m),
  })),
  ...[3, 4].flatMap((processes) => [0, 1, 2, 3].map((variant) => i915Row(variant, processes))),
];

/** Where Spin is asked for fair non-progress cycles, as our search always is. */
export const LIVELOCK_ROWS = [3, 4].flatMap((processes) =>
  [1, 2, 3].map((variant) => ({ ...i915Row(variant, processes), depth: 1_000_000 })),
);

/** Peers' figures are quoted: measured once on a machine of the same kind, executions per CPU second. */
export const DPOR_ROWS = [
  { name: "dpor:readers,13", title: "readers(13)", traces: 8192, quoted: { Nidhugg: 1200, GenMC: 14400 } },
  { name: "dpor:lastzero,10", title: "lastzero(10)", traces: 3328, quoted: { Nidhugg: 2200, GenMC: 9500 } },
  { name: "dpor:interval,3,1", title: "interval(3,1)", traces: 10433, quoted: { Nidhugg: 2000, GenMC: 6000 } },
];
