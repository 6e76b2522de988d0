/** What authors of cases and drivers import from "mayfail". */
export * from "./machine/api.ts";
export * from "./mm/api.ts";
export {
  type DeviceUnderTest,
  type Driver,
  type DriverDefinition,
  type DriverVariant,
  defineDriver,
  hardwareStore,
  type Place,
} from "./drivers/underTest.ts";
