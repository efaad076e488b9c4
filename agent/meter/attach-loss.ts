/**
 * What went over an interface before its capture began, by the interface's own counters. A new interface may carry packets
 * before the agent knows of it.
 */
import type { PacketSource } from '../model/packet-source.ts';

/** What an interface has received and sent since it was made; undefined where it is not there, or the kernel does not say. */
export type LinkPackets = (interfaceName: string) => number | undefined;

const READINGS_MAX = 10;

export class AttachLoss {
  readonly #packetsOf: LinkPackets;
  readonly #interfaceName: string;
  #fromSeconds: number | undefined;
  #packetsBefore = 0;

  constructor(packetsOf: LinkPackets, interfaceName: string) {
    this.#packetsOf = packetsOf;
    this.#interfaceName = interfaceName;
  }

  /** The interface appeared, and has carried nothing yet. */
  appeared(seconds: number): void {
    this.#fromSeconds = seconds;
  }

  /** The interface is waited for; what it has carried until now belongs to nobody. */
  waits(seconds: number): void {
    if (this.#fromSeconds !== undefined) return;
    this.#fromSeconds = seconds;
    this.#packetsBefore = this.#packetsOf(this.#interfaceName) ?? 0;
  }

  /** Capture has begun: since when packets went by without it, and how many; undefined where none did. */
  attached(
    source: PacketSource,
    isFiltered: boolean,
  ): { readonly fromSeconds: number; readonly packets: number } | undefined {
    const fromSeconds = this.#fromSeconds;
    this.#fromSeconds = undefined;
    if (fromSeconds === undefined) return undefined;
    const packets = this.#missed(source, isFiltered);
    return packets > 0 ? { fromSeconds, packets } : undefined;
  }

  /** The two counters are read one after the other; where packets come between, again, and in the end too much is said. */
  #missed(source: PacketSource, isFiltered: boolean): number {
    for (let reading = 1; ; reading++) {
      const captured = source.statistics().received ?? 0;
      const carried = (this.#packetsOf(this.#interfaceName) ?? 0) - this.#packetsBefore;
      // A filter hides from the capture what the interface counts.
      if (isFiltered) return carried;
      if (reading === READINGS_MAX || captured === (source.statistics().received ?? 0)) return carried - captured;
    }
  }
}
