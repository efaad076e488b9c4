/**
 * The open window in numbers, for whoever asks between two closed ones: a block of shared memory which a tap fills a few times
 * a second, never for a packet, and the control plane reads at any time.
 *
 *     float64: packets bytes lostPackets flows memoryOnlyTables unwrittenWindows openPackets
 *
 * A reader may meet the numbers of two rounds; each for itself is whole, because the words are aligned.
 */
export interface LiveFigures {
  /** Offered since the tap began, what was dropped included, and all bytes that are known of it. */
  readonly packets: number;
  readonly bytes: number;
  readonly lostPackets: number;
  /** Flows in the open window, of the address family that has more. */
  readonly flows: number;
  /** Tables that had to be in memory only since the tap began, where a kill would lose them. */
  readonly memoryOnlyTables: number;
  /** Closed windows that are not durable yet. */
  readonly unwrittenWindows: number;
  /** Of the packets: those that no closed window has. */
  readonly openPackets: number;
}

const WORDS = 7;

export class LiveBlock {
  readonly shared: SharedArrayBuffer;
  readonly #words: Float64Array;

  constructor(shared = new SharedArrayBuffer(WORDS * Float64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#words = new Float64Array(shared);
  }

  write(figures: LiveFigures): void {
    const { packets, bytes, lostPackets, flows, memoryOnlyTables, unwrittenWindows, openPackets } = figures;
    this.#words.set([packets, bytes, lostPackets, flows, memoryOnlyTables, unwrittenWindows, openPackets]);
  }

  read(): LiveFigures {
    const [packets = 0, bytes = 0, lostPackets = 0, flows = 0, ...counts] = this.#words;
    const [memoryOnlyTables = 0, unwrittenWindows = 0, openPackets = 0] = counts;
    return { packets, bytes, lostPackets, flows, memoryOnlyTables, unwrittenWindows, openPackets };
  }
}
