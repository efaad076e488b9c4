/** What wakes the data plane beside packets: requests of the control plane, and interfaces that come and go. */
import { closeSync, writeSync } from 'node:fs';
import { LinkWatch } from '../capture/link-watch.ts';
import type { LinkChanges } from '../model/link-changes.ts';
import type { LiveEngine } from '../model/packet-source.ts';
import { isSystemError } from '../model/system-error.ts';
import type { NetlinkAddon } from '../native/addon.ts';

const ONE = new BigUint64Array([1n]);

/** An event of the kernel's that one thread raises and another waits for. */
export class WakeEvent {
  readonly descriptor: number;
  readonly #raised = new Uint8Array(8);
  #isClosed = false;

  /** @param descriptor an eventfd(2) */
  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Nothing where nobody waits any more. */
  raise(): void {
    if (!this.#isClosed) writeSync(this.descriptor, ONE);
  }

  /** By the thread that waits for it, many times a second. */
  clear({ readNow }: Pick<NetlinkAddon, 'readNow'>): void {
    readNow(this.descriptor, this.#raised);
  }

  close(): void {
    this.#isClosed = true;
    closeSync(this.descriptor);
  }
}

/** Interfaces as they come and go, where the process may ask the kernel; the engine hears of them, too. */
export class LinkEvents {
  readonly #watch: LinkWatch | undefined;
  readonly #tellEngine: ((changes: LinkChanges) => void) | undefined;
  /** Why the kernel cannot be asked. */
  readonly limit: string | undefined;

  constructor(addon: NetlinkAddon, engine: LiveEngine) {
    try {
      this.#watch = new LinkWatch(addon, Date.now() / 1000);
      engine.alsoWaitFor?.(this.#watch.descriptor);
      this.#tellEngine = engine.followNames?.();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.limit = `New interfaces are looked for every two seconds only, for the kernel does not tell of them: ${error.message}; allow netlink sockets (RestrictAddressFamilies=AF_NETLINK).`;
    }
  }

  read(): LinkChanges | undefined {
    const changes = this.#watch?.read(Date.now() / 1000);
    if (changes?.isChanged === true) this.#tellEngine?.(changes);
    return changes;
  }

  packetsOf(interfaceName: string): number | undefined {
    return this.#watch?.packetsOf(interfaceName);
  }

  close(): void {
    this.#watch?.close();
  }
}
