/** What becomes of a packet, by the decoder and the exclusion rules that the agent itself uses. */
import { type Decoded, type Decoder, IPV4, IPV6, NOT_IP } from '../packet/decode.ts';
import { type Exclusion, KEEP } from '../packet/exclusion.ts';
import { ICMP_KNOWN, isIcmp } from '../packet/icmp.ts';
import { DESTINATION, ICMP, IP_BYTES, PORTS, PROTOCOL_AND_FLAGS, ROW_WORDS, SOURCE } from '../packet/key-row.ts';
import { decoderFor } from '../packet/link-type.ts';
import type { Ending, KeyFound } from './decode-trace.ts';
import type { VisitedPacket } from './packets.ts';

export type Decision = 'record' | 'excluded' | 'not-ip' | 'malformed';

/** Decides packets one at a time; `row`, `family` and `rule` say more of the one that was decided last. */
export class Classifier {
  readonly row = new Int32Array(ROW_WORDS);
  readonly #exclusion: Exclusion;
  #decode: Decoder | undefined;
  #linkType = Number.NaN;
  #decoded: Decoded = NOT_IP;
  #rule = KEEP;

  constructor(exclusion: Exclusion) {
    this.#exclusion = exclusion;
  }

  /** Undefined for a link type that flowlogd does not know. */
  classify(packet: VisitedPacket): Decision | undefined {
    if (packet.linkType !== this.#linkType) {
      this.#linkType = packet.linkType;
      this.#decode = decoderFor(packet.linkType);
    }
    if (this.#decode === undefined) return undefined;
    this.row.fill(0);
    this.#decoded = this.#decode(packet.view, packet.at, packet.captured, packet.wire, this.row, 0);
    const family = this.family;
    if (family === undefined) return this.#decoded === NOT_IP ? 'not-ip' : 'malformed';
    this.#rule = this.#exclusion.match(this.row, 0, family);
    return this.#rule === KEEP ? 'record' : 'excluded';
  }

  get family(): 4 | 6 | undefined {
    return this.#decoded === IPV4 || this.#decoded === IPV6 ? this.#decoded : undefined;
  }

  /** The rule that excluded it, by the name that the ledger uses. */
  get ruleName(): string | undefined {
    return this.family === undefined || this.#rule === KEEP ? undefined : this.#exclusion.ruleNames[this.#rule];
  }

  get bytes(): number {
    return this.row[IP_BYTES]! >>> 0;
  }

  get tcpFlags(): number {
    return this.row[PROTOCOL_AND_FLAGS]! >>> 8;
  }

  /** Whether a trace ends as the decoder did, in every field of the key. */
  agreesWith(ending: Ending): boolean {
    if (ending.kind !== 'key') return this.family === undefined && ending.kind === this.#refusal;
    const { row } = this;
    return (
      ending.family === this.family &&
      ending.source.every((word, index) => word === row[SOURCE + index]! >>> 0) &&
      ending.destination.every((word, index) => word === row[DESTINATION + index]! >>> 0) &&
      ending.sourcePort === row[PORTS]! >>> 16 &&
      ending.destinationPort === (row[PORTS]! & 0xffff) &&
      agreesOnIcmp(ending, row) &&
      ending.protocol === (row[PROTOCOL_AND_FLAGS]! & 0xff) &&
      ending.tcpFlags === this.tcpFlags &&
      ending.bytes === this.bytes
    );
  }

  get #refusal(): 'not-ip' | 'malformed' {
    return this.#decoded === NOT_IP ? 'not-ip' : 'malformed';
  }
}

function agreesOnIcmp({ protocol, icmpType, icmpCode }: KeyFound, row: Int32Array): boolean {
  if (!isIcmp(protocol)) return icmpType === -1 && icmpCode === -1;
  return row[ICMP] === (icmpType < 0 ? 0 : ICMP_KNOWN | (icmpType << 8) | icmpCode);
}

/** The words of a key that records are distinguished by. */
export function isSameKey(left: Int32Array, right: Int32Array): boolean {
  for (let word = SOURCE; word <= PORTS; word++) if (left[word] !== right[word]) return false;
  return ((left[PROTOCOL_AND_FLAGS]! ^ right[PROTOCOL_AND_FLAGS]!) & 0xff) === 0;
}
