/**
 * The two ends of a packet, as nine words of an array: source address (four, of which IPv4 uses the first), destination address
 * (four), source port << 16 | destination port. Turned around it is that of a packet in the other direction.
 */
export type Tuple = Int32Array;

export const TUPLE_WORDS = 9;
export const DESTINATION = 4;
export const PORTS = 8;

export function isSameTuple(left: Int32Array, leftAt: number, right: Int32Array, rightAt: number): boolean {
  for (let word = 0; word < TUPLE_WORDS; word++) if (left[leftAt + word] !== right[rightAt + word]) return false;
  return true;
}

/** Whether they are of the two directions of one conversation. */
export function isTurnedTuple(left: Int32Array, leftAt: number, right: Int32Array, rightAt: number): boolean {
  for (let word = 0; word < DESTINATION; word++) {
    if (left[leftAt + word] !== right[rightAt + DESTINATION + word]) return false;
    if (left[leftAt + DESTINATION + word] !== right[rightAt + word]) return false;
  }
  return left[leftAt + PORTS] === swapPorts(right[rightAt + PORTS]!);
}

export function copyTuple(from: Int32Array, at: number, into: Tuple): void {
  for (let word = 0; word < TUPLE_WORDS; word++) into[word] = from[at + word]!;
}

export function copyTurned(from: Int32Array, at: number, into: Tuple): void {
  for (let word = 0; word < DESTINATION; word++) {
    into[word] = from[at + DESTINATION + word]!;
    into[DESTINATION + word] = from[at + word]!;
  }
  into[PORTS] = swapPorts(from[at + PORTS]!);
}

function swapPorts(ports: number): number {
  return (ports << 16) | (ports >>> 16);
}

/**
 * The same for both directions: the two ends are hashed alike and added up. Seeded, so that no outsider can choose
 * connections that meet in one bucket.
 */
export function hashTuple(seed: number, words: Int32Array, at: number, protocol: number): number {
  const ports = words[at + PORTS]!;
  const ends = hashEnd(seed, words, at, ports >>> 16) + hashEnd(seed, words, at + DESTINATION, ports & 0xffff);
  return mix(ends, protocol);
}

function hashEnd(seed: number, words: Int32Array, at: number, port: number): number {
  let hash = mix(seed, words[at]!);
  for (let word = 1; word < 4; word++) if (words[at + word] !== 0) hash = mix(hash + word, words[at + word]!);
  return mix(hash, port);
}

/** The finalizer of Murmur 3 over a sum: every bit of the word reaches every bit of the hash. */
function mix(hash: number, word: number): number {
  let sum = Math.imul(hash, 0x9e37_79b1) + word;
  sum = Math.imul(sum ^ (sum >>> 16), 0x85eb_ca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2_ae35);
  return sum ^ (sum >>> 16);
}
