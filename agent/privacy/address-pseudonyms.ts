/**
 * Prefix-preserving pseudonyms of addresses: Crypto-PAn (Xu, Fan, Ammar, Moon, "Prefix-Preserving IP Address Anonymization",
 * 2002; RFC 6235 section 4.1.4). Bit i of an address is inverted or not by the first bit of AES-128 over the i bits before it,
 * filled up with a secret pad: two addresses that share their first n bits, and no more, have pseudonyms that do. One key gives
 * one bijection for each family. IPv4 takes 32 blocks of AES, IPv6 128, so the last pseudonyms are remembered.
 *
 *     key    bytes 0..15 of AES, bytes 16..31 of the pad, which AES turns into the one that is used
 *     block  bits 0..i-1 of the address, then bits i..127 of the pad
 *
 * Memory: 2.5 MiB, however many addresses come.
 */
import { type Cipher, createCipheriv } from 'node:crypto';

export const PRIVACY_KEY_BYTES = 32;

const BLOCK_BYTES = 16;
const WORD_BITS = 32;
const IPV6_WORDS = 4;
/** Of the memory of each family; a power of two. An address has one place in it, and takes that of another. */
const REMEMBERED = 65_536;
/** Of a hash of 32 bits, to get one of those places. */
const PLACE_SHIFT = 16;

export class AddressPseudonyms {
  readonly #cipher: Cipher;
  readonly #pad: readonly number[];
  /** One for each bit of an address. Words behind that of the bit are always the pad's. */
  readonly #blocks = new DataView(new ArrayBuffer(IPV6_WORDS * WORD_BITS * BLOCK_BYTES));
  /** The bits to invert of the address that was asked for last. */
  readonly #flips = new Uint32Array(IPV6_WORDS);
  /** Address, pseudonym. An address of 0 is never looked up, and marks a free place. */
  readonly #ipv4 = new Uint32Array(2 * REMEMBERED);
  readonly #ipv6 = new Uint32Array(2 * IPV6_WORDS * REMEMBERED);
  readonly #word = new Uint32Array(1);

  /** @param key 32 secret bytes */
  constructor(key: Uint8Array) {
    if (key.length !== PRIVACY_KEY_BYTES)
      throw new RangeError(`a key of ${PRIVACY_KEY_BYTES} bytes, not ${key.length}`);
    this.#cipher = createCipheriv('aes-128-ecb', key.subarray(0, BLOCK_BYTES), null).setAutoPadding(false);
    const pad = this.#cipher.update(key.subarray(BLOCK_BYTES));
    this.#pad = [0, 4, 8, 12].map((at) => pad.readUInt32BE(at));
    for (let at = 0; at < this.#blocks.byteLength; at += BLOCK_BYTES) {
      for (const [index, word] of this.#pad.entries()) this.#blocks.setUint32(at + 4 * index, word);
    }
  }

  /** @param word unsigned, in network order. 0.0.0.0 stands for no address, and stays. */
  ipv4(word: number): number {
    if (word === 0) return 0;
    const place = (Math.imul(word, 0x9e3779b1) >>> PLACE_SHIFT) << 1;
    if (this.#ipv4[place] !== word) {
      this.#word[0] = word;
      this.#ask(this.#word);
      this.#ipv4[place] = word;
      this.#ipv4[place + 1] = word ^ this.#flips[0]!;
    }
    return this.#ipv4[place + 1]!;
  }

  /** Replaces the four words of an address. `::` stands for no address, and stays. */
  ipv6(words: Uint32Array): void {
    // Not destructured: that makes an iterator for each address.
    const word0 = words[0]!;
    const word1 = words[1]!;
    const word2 = words[2]!;
    const word3 = words[3]!;
    if ((word0 | word1 | word2 | word3) === 0) return;
    const known = this.#ipv6;
    const place = placeOfIpv6(word0, word1, word2, word3);
    const isKnown =
      known[place] === word0 && known[place + 1] === word1 && known[place + 2] === word2 && known[place + 3] === word3;
    if (!isKnown) {
      this.#ask(words);
      for (let i = 0; i < IPV6_WORDS; i++) {
        known[place + i] = words[i]!;
        known[place + IPV6_WORDS + i] = words[i]! ^ this.#flips[i]!;
      }
    }
    for (let i = 0; i < IPV6_WORDS; i++) words[i] = known[place + IPV6_WORDS + i]!;
  }

  /** Encrypts one block for each bit of the words, whose first bits are then in `flips`. */
  #ask(words: Uint32Array): void {
    const blocks = words.length * WORD_BITS;
    for (let index = 0; index < words.length; index++) this.#place(index, words[index]!, blocks);
    const bytes = new Uint8Array(this.#blocks.buffer, 0, blocks * BLOCK_BYTES);
    const encrypted = this.#cipher.update(bytes);
    for (let block = 0; block < blocks; block++) {
      const index = block >>> 5;
      this.#flips[index] = (this.#flips[index]! << 1) | (encrypted[block * BLOCK_BYTES]! >>> 7);
    }
  }

  /** Puts a word of the address into the blocks of its own bits, as far as it goes before each, and into all behind. */
  #place(index: number, word: number, blocks: number): void {
    const pad = this.#pad[index]!;
    let at = index * (WORD_BITS * BLOCK_BYTES + 4);
    for (let bit = 0; bit < WORD_BITS; bit++, at += BLOCK_BYTES) {
      // A shift by 32 would be one by 0.
      const before = bit === 0 ? 0 : -1 << (WORD_BITS - bit);
      this.#blocks.setUint32(at, (word & before) | (pad & ~before));
    }
    for (const end = blocks * BLOCK_BYTES; at < end; at += BLOCK_BYTES) this.#blocks.setUint32(at, word);
  }
}

function placeOfIpv6(word0: number, word1: number, word2: number, word3: number): number {
  const high = Math.imul(word0 ^ Math.imul(word1, 31), 0x85ebca6b);
  const low = Math.imul(word2 ^ Math.imul(word3, 31), 0xc2b2ae35);
  return (Math.imul(high ^ low, 0x9e3779b1) >>> PLACE_SHIFT) << 3;
}
