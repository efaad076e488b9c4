/** The hash of flow/hash.ts, whose comment says why it is so; the seed stands in memory (layout.ts). */
import { DESTINATION, PORTS, SOURCE } from '../../packet/key-row';
import { SEED } from '../layout';

export function hashIpv4(source: u32, destination: u32, ports: u32, protocol: u32): u32 {
  return finalize(pair(1, source) + pair(3, destination) + pair(5, ports) + seedWord(0) * protocol);
}

/** Of the nine words of a key at `row`, plus the protocol. */
export function hashIpv6(row: usize, protocol: u32): u32 {
  const source =
    pair(1, load<u32>(row, SOURCE * 4)) +
    pair(3, load<u32>(row, SOURCE * 4 + 4)) +
    pair(5, load<u32>(row, SOURCE * 4 + 8)) +
    pair(7, load<u32>(row, SOURCE * 4 + 12));
  const destination =
    pair(9, load<u32>(row, DESTINATION * 4)) +
    pair(11, load<u32>(row, DESTINATION * 4 + 4)) +
    pair(13, load<u32>(row, DESTINATION * 4 + 8)) +
    pair(15, load<u32>(row, DESTINATION * 4 + 12));
  return finalize(source + destination + pair(17, load<u32>(row, PORTS * 4)) + seedWord(0) * protocol);
}

/** The random numbers of a word are those at `index` and behind it. */
function pair(index: i32, word: u32): u32 {
  return (seedWord(index) + (word & 0xffff)) * (seedWord(index + 1) + (word >>> 16));
}

function seedWord(index: i32): u32 {
  return load<u32>(SEED + (index << 2));
}

function finalize(sum: u32): u32 {
  let hash = (sum ^ (sum >>> 16)) * 0x85eb_ca6b;
  hash = (hash ^ (hash >>> 13)) * 0xc2b2_ae35;
  return hash ^ (hash >>> 16);
}
