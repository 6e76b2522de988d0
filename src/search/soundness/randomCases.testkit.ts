/** Random programs as a case, so that worker threads can be told which one to search: a variant "mix/number" each. */
import { type Case, defineCase } from "../../machine/scenario.ts";
import { Rng } from "../random/rng.ts";
import { programFrom, type RandomProgram } from "./ast.testkit.ts";
import { setUp } from "./interpreter.testkit.ts";
import { mixes } from "./mixes.testkit.ts";

const GENES = 60;

export function programOf(variant: string): RandomProgram {
  const [mix, number] = variant.split("/");
  const rng = new Rng(Number(number));
  return programFrom(
    Array.from({ length: GENES }, () => rng.below(256)),
    mixes[mix],
  );
}

/** `count` programs of each mix. */
export function variantNames(count: number): string[] {
  return Object.keys(mixes).flatMap((mix) => Array.from({ length: count }, (_, i) => `${mix}/${i + 1}`));
}

const VARIANTS = 100;

export const atlasCases: readonly Case[] = [
  defineCase({
    id: "random",
    title: "random programs",
    variants: Object.fromEntries(variantNames(VARIANTS).map((name) => [name, {}])),
    setup: (m, _variant, name) => setUp(programOf(name))(m),
  }),
];
