/** What authors of cases and drivers import from "mayfail". */
export * from "./machine/api.ts";
export * from "./mm/api.ts";
