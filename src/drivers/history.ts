/**
 * A driver's history: its versions by name, each a set of options. A case chooses one; a run of the atlas may choose another
 * for every case in which the driver takes part:
 *
 *   export const GNTDEV = driverHistory("gntdev", {
 *     "v5.4": { api: "classic", asyncUnmap: false },
 *     "v5.15": { api: "interval", asyncUnmap: true },
 *   });
 *   … createGrantMap(…, options) { const o = GNTDEV.inForce(options); …
 *
 *   --driver-variant gntdev=v5.15              every gntdev has the options of this version
 *   --driver-variant gntdev.asyncUnmap=true    every gntdev has its own options but for this one
 */
import { mayfailError } from "../errors.ts";

export interface DriverHistory<O extends object, N extends string = string> {
  readonly driver: string;
  readonly versions: Readonly<Record<N, O>>;
  /** The options of a driver whose case asks for `own`; for set-up. */
  inForce(own: O): O;
}

type Value = string | number | boolean | null | undefined;
type DriverChange = (driver: string, own: object) => object;

/** All that were declared, by driver: what may be chosen from. */
const known = new Map<string, Readonly<Record<string, object>>>();
/** Set while a machine is built (`withDrivers`). One for each thread. */
let change: DriverChange | null = null;

/** Declares the versions of `driver`; at the top of the driver's file. */
export function driverHistory<O extends object, N extends string>(
  driver: string,
  versions: Readonly<Record<N, O>>,
): DriverHistory<O, N> {
  known.set(driver, versions);
  return { driver, versions, inForce: (own) => (change === null ? own : (change(driver, own) as O)) };
}

/** Drivers that `build` creates have changed options. */
export function withDrivers<T>(changed: DriverChange | null, build: () => T): T {
  const before = change;
  change = changed;
  try {
    return build();
  } finally {
    change = before;
  }
}

/** Names of the drivers that have versions to choose from, each with those of its versions. */
export function driverVersions(): ReadonlyMap<string, readonly string[]> {
  return new Map([...known].map(([driver, versions]) => [driver, Object.keys(versions)]));
}

/**
 * Reads `DRIVER=VERSION` and `DRIVER.OPTION=VALUE`, several with commas between. The drivers must have been loaded. Raises
 * MF0505 for a driver that there is not, MF0506 for such a version, option or value.
 */
export function parseDriverChange(text: string): DriverChange {
  const changes = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
    .map(changeOf);
  return (driver, own) =>
    Object.assign({ ...own }, ...changes.filter((c) => c.driver === driver).map((c) => c.options));
}

function changeOf(word: string): { readonly driver: string; readonly options: object } {
  const [left = "", name = ""] = word.split("=", 2).map((part) => part.trim());
  const [driver = "", option] = left.split(".", 2);
  const versions = known.get(driver);
  if (versions === undefined) throw mayfailError("MF0505", { driver, drivers: [...known.keys()].sort().join(", ") });
  if (option !== undefined) return { driver, options: { [option]: optionValue(driver, versions, option, name) } };
  if (!Object.hasOwn(versions, name)) throw none(driver, "version", name, Object.keys(versions));
  return { driver, options: versions[name] as object };
}

/** An option may have the values that some version gives it; numbers are free, and what is on or off may be either. */
function optionValue(driver: string, versions: Readonly<Record<string, object>>, option: string, text: string): Value {
  const all = Object.values(versions) as readonly Readonly<Record<string, Value>>[];
  const values = [...new Set(all.filter((v) => Object.hasOwn(v, option)).map((v) => v[option]))];
  if (values.length === 0) throw none(driver, "option", option, [...new Set(all.flatMap((v) => Object.keys(v)))]);
  if (values.some((v) => typeof v === "boolean")) values.push(true, false);
  const found = values.find((v) => String(v) === text);
  if (found !== undefined) return found;
  if (values.some((v) => typeof v === "number") && /^\d{1,9}$/.test(text)) return Number(text);
  throw none(driver, `value of ${option}`, text, [...new Set(values.map(String))]);
}

function none(driver: string, what: string, name: string, names: readonly string[]): Error {
  return mayfailError("MF0506", { driver, what, name, names: names.join(", ") });
}
