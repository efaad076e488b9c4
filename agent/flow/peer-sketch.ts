/**
 * Who exchanged most of what one exclusion rule kept out of a window: the space-saving method of model/excluded-peers.ts over
 * sixteen places. A packet whose peer has no place takes that of the smallest, and what the smallest had weighed is what the
 * new one may have missed.
 *
 *     key = source (4 words) | destination (4 words) | port << 16 | protocol << 8 | family
 *
 * Hot: once per excluded packet, in constant time and without allocation; packets come in runs of one peer, so the place of
 * the packet before is looked at first. Of an IPv4 address one word counts. Benchmark case: `excluded-peers`.
 */
import { PEERS_MAX } from '../model/excluded-peers.ts';
import { DESTINATION, IP_BYTES, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from '../packet/key-row.ts';
import { packetsOf } from '../packet/segments.ts';

const KEY_WORDS = 9;
const KIND = 8;

/** A place as it stands, its addresses as words at `at` of `keys`. */
export interface PeerPlace {
  readonly keys: Int32Array;
  readonly at: number;
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly port: number;
  readonly packets: number;
  readonly bytes: number;
  readonly missedBytesMax: number;
}

export class PeerSketch {
  readonly #keys = new Int32Array(PEERS_MAX * KEY_WORDS);
  readonly #packets = new Float64Array(PEERS_MAX);
  readonly #bytes = new Float64Array(PEERS_MAX);
  readonly #missed = new Float64Array(PEERS_MAX);
  #taken = 0;
  #last = 0;

  add(rows: Int32Array, row: number, family: 4 | 6): void {
    const ports = rows[row + PORTS]!;
    const port = Math.min(ports >>> 16, ports & 0xffff);
    const kind = (port << 16) | ((rows[row + PROTOCOL_AND_FLAGS]! & 0xff) << 8) | family;
    let place = this.#last;
    if (place >= this.#taken || !this.#isAt(place, rows, row, kind, family)) {
      place = this.#placeOf(rows, row, kind, family);
      this.#last = place;
    }
    this.#packets[place]! += packetsOf(rows, row);
    this.#bytes[place]! += rows[row + IP_BYTES]! >>> 0;
  }

  #isAt(place: number, rows: Int32Array, row: number, kind: number, family: 4 | 6): boolean {
    const keys = this.#keys;
    const at = place * KEY_WORDS;
    if (keys[at + KIND] !== kind || keys[at] !== rows[row + SOURCE] || keys[at + 4] !== rows[row + DESTINATION]) {
      return false;
    }
    if (family === 4) return true;
    for (let word = 1; word < 4; word++) {
      if (keys[at + word] !== rows[row + SOURCE + word] || keys[at + 4 + word] !== rows[row + DESTINATION + word]) {
        return false;
      }
    }
    return true;
  }

  #placeOf(rows: Int32Array, row: number, kind: number, family: 4 | 6): number {
    for (let place = 0; place < this.#taken; place++) if (this.#isAt(place, rows, row, kind, family)) return place;
    const place = this.#taken < PEERS_MAX ? this.#taken++ : this.#evictSmallest();
    const words = family === 4 ? 1 : 4;
    const at = place * KEY_WORDS;
    for (let word = 0; word < words; word++) {
      this.#keys[at + word] = rows[row + SOURCE + word]!;
      this.#keys[at + 4 + word] = rows[row + DESTINATION + word]!;
    }
    this.#keys[at + KIND] = kind;
    return place;
  }

  #evictSmallest(): number {
    const smallest = this.#smallest();
    this.#missed[smallest] = this.#weight(smallest);
    this.#bytes[smallest] = 0;
    this.#packets[smallest] = 0;
    return smallest;
  }

  #smallest(): number {
    let smallest = 0;
    for (let place = 1; place < PEERS_MAX; place++) {
      if (this.#weight(place) < this.#weight(smallest)) smallest = place;
    }
    return smallest;
  }

  #weight(place: number): number {
    return this.#bytes[place]! + this.#missed[place]!;
  }

  /** In no order. */
  get places(): PeerPlace[] {
    return Array.from({ length: this.#taken }, (_, place): PeerPlace => {
      const at = place * KEY_WORDS;
      const kind = this.#keys[at + KIND]!;
      return {
        keys: this.#keys,
        at,
        family: (kind & 0xff) === 4 ? 4 : 6,
        protocol: (kind >>> 8) & 0xff,
        port: kind >>> 16,
        packets: this.#packets[place]!,
        bytes: this.#bytes[place]!,
        missedBytesMax: this.#missed[place]!,
      };
    });
  }

  /** Whoever has no place exchanged no more than this. */
  get unlistedBytesMax(): number {
    return this.#taken < PEERS_MAX ? 0 : this.#weight(this.#smallest());
  }
}
