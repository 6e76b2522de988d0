/**
 * Where the threads of a parallel search find the program that the first one searches: a module that exports its case.
 * `programSource.js` has the cases of the atlas; `programSource.js?file=PATH` has the case of a user's file, compiled anew
 * for each thread, as threads share no code; `experiment=JSON` says under which other rules.
 */
import type { Case } from "../machine/scenario.ts";
import { engines } from "./engines.ts";
import { type Experiment, underExperiment } from "./experiment.ts";
import { caseOfFile } from "./jobs.ts";

const { searchParams } = new URL(import.meta.url);
const path = searchParams.get("file");
const experiment = JSON.parse(searchParams.get("experiment") ?? "{}") as Experiment;
const cases = path === null ? await engines.atlas() : [await caseOfFile(engines, path)];

export const atlasCases: readonly Case[] = await Promise.all(cases.map((c) => underExperiment(c, experiment)));
