/** The host as batches name it, where the configuration does not: stable over reboots, and different on every host. */

/** machine-id(5): an image has `uninitialized` or nothing in the file, and a container often an id of zeros. */
const MACHINE_ID = /^(?!0{32}$)[0-9a-f]{32}$/i;

/** The machine id where the file holds one, else the host name. @param machineIdFile its text; undefined without a file */
export function defaultHostId(machineIdFile: string | undefined, hostName: string): string {
  const machineId = machineIdFile?.trim() ?? '';
  return MACHINE_ID.test(machineId) ? machineId : hostName;
}
