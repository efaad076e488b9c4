/** What wakes the data plane beside packets: requests of the control plane, and interfaces that come and go. */
import { closeSync, readSync, writeSync } from 'node:fs';
import { LinkWatch } from '../capture/link-watch.ts';
import type { LinkChanges } from '../model/link-changes.ts';
import type { LiveEngine } from '../model/packet-source.ts';
import { isSystemError } from '../model/system-error.ts';
import type { NetlinkAddon } from '../native/addon.ts';

/** An event of the kernel's that one thread raises and another waits for. */
export class WakeEvent {
  readonly descriptor: number;

  /** @param descriptor an eventfd(2) */
  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  raise(): void {
    writeSync(this.descriptor, new BigUint64Array([1n]));
  }

  clear(): void {
    try {
      readSync(this.descriptor, new BigUint64Array(1));
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Interfaces as they come and go, where the process may ask the kernel. */
export class LinkEvents {
  readonly #watch: LinkWatch | undefined;
  /** Why the kernel cannot be asked. */
  readonly limit: string | undefined;

  constructor(addon: NetlinkAddon, engine: LiveEngine) {
    try {
      this.#watch = new LinkWatch(addon, Date.now() / 1000);
      engine.alsoWaitFor?.(this.#watch.descriptor);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.limit = `New interfaces are looked for every two seconds only, for the kernel does not tell of them: ${error.message}; allow netlink sockets (RestrictAddressFamilies=AF_NETLINK).`;
    }
  }

  read(): LinkChanges | undefined {
    return this.#watch?.read(Date.now() / 1000);
  }

  packetsOf(interfaceName: string): number | undefined {
    return this.#watch?.packetsOf(interfaceName);
  }

  close(): void {
    this.#watch?.close();
  }
}
