/** What the packet rings of all interfaces take, and who got none. Bounded: it grows with interfaces alone. */
import type { RingChange } from '../model/ring-change.ts';
import type { NumbersOf, RINGS } from './numbers.ts';

export interface RingStatus extends NumbersOf<typeof RINGS> {
  /** Why the last interface was refused. */
  readonly refusal: string | null;
}

export class RingCollector {
  readonly #bytesMax: number;
  readonly #rings = new Map<string, number>();
  readonly #refusals = new Map<string, string>();
  #bytes = 0;
  #count = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  changed({ interfaceName, ringBytes, refusal, bytes, rings }: RingChange): void {
    this.#bytes = bytes;
    this.#count = rings;
    this.#rings.delete(interfaceName);
    this.#refusals.delete(interfaceName);
    if (ringBytes > 0) this.#rings.set(interfaceName, ringBytes);
    if (refusal !== undefined) this.#refusals.set(interfaceName, refusal);
  }

  /** Nobody wants the interface any more. */
  forget(interfaceName: string): void {
    this.#refusals.delete(interfaceName);
  }

  bytesOf(interfaceName: string): number {
    return this.#rings.get(interfaceName) ?? 0;
  }

  hasRefused(interfaceName: string): boolean {
    return this.#refusals.has(interfaceName);
  }

  read(): RingStatus {
    return {
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
      rings: this.#count,
      refused: this.#refusals.size,
      refusal: [...this.#refusals.values()].at(-1) ?? null,
    };
  }
}
