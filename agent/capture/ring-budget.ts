/**
 * One limit over the packet rings of all interfaces: how large the ring of one more may be. A ring is memory of the kernel, all
 * of it taken when the ring is made; no cgroup counts it, so nothing but this bounds it.
 *
 * The first interface may take half of the limit, the k-th a share of 1 / (8 k), so that interfaces which come one by one find
 * room, however many came before. Shares are powers of two: those of rings of 64 MiB at most add up to half of the limit, and
 * the other half is there for the smallest rings. Rings that exist never change.
 *
 *     bound 1 GiB, rings of 64 MiB at most    64 64 32 32 16 16 16 16 8 ... (from the 65th on) 1 1 1 MiB ...
 */
const MEBIBYTE = 1024 * 1024;
/** Some thousands of packets, and what `capture.bufferBytes` is at least. */
export const RING_BYTES_MIN = MEBIBYTE;
const FIRST_SHARE = 2;
const LATER_SHARE = 8;

/** Of the host's memory, which all its programs share, and of a cgroup's limit, which is this program's own. */
const HOST_SHARE = 8;
const CGROUP_SHARE = 2;
const DEFAULT_MIN = 8 * MEBIBYTE;

/**
 * The limit where the configuration says none.
 *
 * @param cgroupBytes the limit of the process's cgroup; 0 or more than the host has: there is none
 */
export function defaultRingBytesMax(hostBytes: number, cgroupBytes: number): number {
  const ofHost = hostBytes / HOST_SHARE;
  const isLimited = cgroupBytes > 0 && cgroupBytes < hostBytes;
  const share = isLimited ? Math.min(ofHost, cgroupBytes / CGROUP_SHARE) : ofHost;
  return Math.max(DEFAULT_MIN, Math.floor(share / MEBIBYTE) * MEBIBYTE);
}

export class RingBudget {
  readonly bytesMax: number;
  #bytes = 0;
  #rings = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get rings(): number {
    return this.#rings;
  }

  /** Answers the bytes of the ring, to be given back; undefined where not even the smallest has room. */
  take(wantedBytes: number): number | undefined {
    const rank = this.#rings + 1;
    const share = this.bytesMax / (rank === 1 ? FIRST_SHARE : LATER_SHARE * rank);
    let bytes = wantedBytes <= share ? wantedBytes : powerOfTwoBelow(share);
    while (bytes > RING_BYTES_MIN && bytes > this.bytesMax - this.#bytes) bytes /= 2;
    bytes = Math.max(RING_BYTES_MIN, Math.floor(bytes));
    if (bytes > this.bytesMax - this.#bytes) return undefined;
    this.#bytes += bytes;
    this.#rings = rank;
    return bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#rings -= 1;
  }
}

function powerOfTwoBelow(bytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, bytes)));
}

export function humanMebibytes(bytes: number): string {
  return `${Math.floor(bytes / MEBIBYTE)} MiB`;
}
