/** What a record must be, field by field. All throw a SyntaxError that names the field. */

export function object(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new SyntaxError(`${where} is not an object`);
}

export function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new SyntaxError(`${where} is not a list`);
}

export function text(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw new SyntaxError(`${where} is not a text`);
}

export function number(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new SyntaxError(`${where} is not a number`);
}

export function count(value: unknown, where: string): number {
  return whole(value, where, Number.MAX_SAFE_INTEGER);
}

/** 0 … most. */
export function whole(value: unknown, where: string, most: number): number {
  const n = number(value, where);
  if (Number.isInteger(n) && n >= 0 && n <= most) return n;
  throw new SyntaxError(`${where} is not a whole number from 0 to ${most}`);
}

/** Numbers by name: the changes of /proc/vmstat, memory.stat and the like. */
export function numbers(value: unknown, where: string): Readonly<Record<string, number>> {
  const entries = Object.entries(object(value, where));
  return Object.fromEntries(entries.map(([name, n]) => [name, number(n, `${where}.${name}`)]));
}
