/**
 * Where the threads of a parallel search find the program that the first one searches: a module that exports its case.
 * `programSource.js` has the cases of the atlas; `programSource.js?file=PATH` has the case of a user's file, compiled anew
 * for each thread, as threads share no code.
 */
import type { Case } from "../machine/scenario.ts";
import { engines } from "./engines.ts";
import { caseOfFile } from "./jobs.ts";

const path = new URL(import.meta.url).searchParams.get("file");

export const atlasCases: readonly Case[] = path === null ? await engines.atlas() : [await caseOfFile(engines, path)];
