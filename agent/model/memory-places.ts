import type { WalkPcap } from './pcap-walk.ts';

/** A memory of which parts are taken and given back: that of the kernel in WebAssembly. */
export interface MemoryPlaces {
  /** Zeros on a multiple of their size, or undefined where there is no room. */
  take(bytes: number): Uint8Array<ArrayBuffer> | undefined;
  /** Takes back a place that has zeros again. */
  giveBack(place: Uint8Array): void;
  /** Where it can read what lies in it. */
  readonly walkPcap?: WalkPcap;
}
