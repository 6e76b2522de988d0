/** Finds the program that a `ProgramSource` names, in whatever thread. */
import { mayfailError } from "../../errors.ts";
import type { Case } from "../../machine/scenario.ts";
import { caseProgram, type Program } from "../program.ts";
import type { ProgramSource } from "./control.ts";

/** Raises MF0107 when the module has no such case. */
export async function loadProgram(source: ProgramSource): Promise<Program> {
  const module = (await import(source.url)) as { default?: Case; atlasCases?: readonly Case[] };
  const c = source.caseId ? module.atlasCases?.find((x) => x.id === source.caseId) : module.default;
  if (!c) throw mayfailError("MF0107", { file: source.url });
  return caseProgram(c, source.variant);
}
