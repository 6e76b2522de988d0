/** What authors of cases and drivers import from "mayfail". */

export {
  type DeviceUnderTest,
  type Driver,
  type DriverDefinition,
  type DriverVariant,
  defineDriver,
  hardwareStore,
  type Place,
} from "./drivers/underTest.ts";
export * from "./machine/api.ts";
export * from "./mm/api.ts";
