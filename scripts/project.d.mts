import type { Plugin } from "vitest/config";

/** The parts of project.mjs that TypeScript files use. */
export function taskModules(): Plugin;
export function filesBelow(folder: string, keep?: (path: string) => boolean): string[];
export function isForTests(path: string): boolean;
export const root: string;
