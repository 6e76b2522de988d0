/** Babel's transforms come without types of their own. */
declare module "@babel/plugin-*" {
  import type { PluginTarget } from "@babel/core";

  const plugin: PluginTarget;
  export default plugin;
}
