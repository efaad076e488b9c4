import { networkInterfaces } from 'node:os';
import type { InterfaceAddresses } from '../annotation/direction.ts';

/** None where the service may not ask the kernel for them (AF_NETLINK): directions are then unknown. */
export function hostAddresses(): InterfaceAddresses[] {
  try {
    return Object.entries(networkInterfaces()).map(([name, infos = []]) => ({
      name,
      addresses: infos.map(({ cidr, address }) => cidr ?? address),
    }));
  } catch {
    return [];
  }
}
