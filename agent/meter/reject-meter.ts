/**
 * Rejected packets of one observation point into the windows of its meter: the window by the packet's own time, the same
 * decoding and the same exclusions as for the tap's packets. Those that the tap saw are in the ledger already; those that it
 * did not see are entered here, each in one place.
 */
import { RejectTables } from '../flow/reject-tables.ts';
import type { Window } from '../flow/window.ts';
import type { NumberedRejection, Rejection } from '../model/rejection.ts';
import { IPV4, IPV6, NOT_IP } from '../packet/decode.ts';
import { KEEP } from '../packet/exclusion.ts';
import { keyByIcmp } from '../packet/icmp.ts';
import { MICROSECONDS, ROW_WORDS } from '../packet/key-row.ts';
import { decodePayload, type NflogPacket } from '../packet/nflog.ts';
import type { Meter, MeterOptions } from './meter.ts';

export type RejectMeterOptions = Pick<MeterOptions, 'exclusion' | 'keysIcmp' | 'hashSeed' | 'allocate' | 'flowsMax'>;

/** Memory of the tables for each flow that a window may have: as much as the tables of the tap take. */
const BYTES_PER_FLOW = 96;

export class RejectMeter {
  readonly #meter: Meter;
  readonly #options: RejectMeterOptions;
  readonly #rows = new Int32Array(ROW_WORDS);
  readonly #members = new Int32Array(1);

  constructor(meter: Meter, options: RejectMeterOptions) {
    this.#meter = meter;
    this.#options = options;
  }

  /** @param at where the record begins that `packet` was read from */
  add(packet: NflogPacket, view: DataView, at: number, rejection: Rejection): void {
    const window = this.#meter.windowAt(packet.seconds);
    const rows = this.#rows;
    const decoded = decodePayload(packet, view, at, rows, 0);
    if (decoded === IPV4 || decoded === IPV6) {
      const { exclusion, keysIcmp } = this.#options;
      const rule = exclusion.match(rows, 0, decoded);
      if (rule === KEEP) {
        if (keysIcmp === true) keyByIcmp(rows, this.#members, 1);
        rows[MICROSECONDS] = (packet.seconds - window.start) * 1_000_000 + packet.microseconds;
        this.#count(window, rejection, decoded);
      } else if (!rejection.wasTapped) {
        window.exclude(rule, rows, 0, decoded);
      }
    } else if (!rejection.wasTapped) {
      const tally = decoded === NOT_IP ? window.ledger.notIp : window.ledger.malformed;
      tally.packets += 1;
      tally.bytes += packet.payloadBytes;
    }
  }

  /** So many more were rejected, and nobody knows which. */
  lost(seconds: number, packets: number): void {
    this.#meter.windowAt(seconds).ledger.rejectsLost += packets;
  }

  #count(window: Window, rejection: Rejection, family: 4 | 6): void {
    window.rejects ??= this.#createTables(window);
    const table = window.rejects.table(rejection, family);
    const { ledger } = window;
    if (!rejection.wasTapped) {
      table.add(this.#rows, this.#members, 1, ledger);
      return;
    }
    // Metered by the tap: what finds no room here is not lost, but keeps its place among the accepted.
    const overflowed = { packets: 0, bytes: 0 };
    table.add(this.#rows, this.#members, 1, {
      metered: { packets: 0, bytes: 0 },
      coarsened: ledger.coarsened,
      overflowed,
    });
    ledger.rejectsLost += overflowed.packets;
  }

  #createTables({ start, revision }: Window): RejectTables {
    const { hashSeed, allocate, flowsMax } = this.#options;
    return new RejectTables({
      hashSeed,
      flowsMax,
      bytesMax: flowsMax * BYTES_PER_FLOW,
      allocate: (bytes: number, rejection: NumberedRejection, family: 4 | 6) =>
        allocate(bytes, { windowStart: start, revision, family, rejection }),
    });
  }
}
