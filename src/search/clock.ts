/** The only clock of the searchers: for bounds on time and for figures, never for decisions of a run. */

/** Seconds since some fixed moment. */
export function nowSeconds(): number {
  return performance.now() / 1000;
}
