/**
 * The ladder down which a packet goes when its flow has no slot: each step makes its key coarser, until it meets a record that
 * is there or the room that is kept for that step. Packets and bytes of the window so stay exact under any flood of new flows.
 *
 *     1  without the ephemeral port: the higher of the two becomes 0; without type and code of ICMP, where the key has them
 *     2  and without the address beside it: it becomes 0.0.0.0 or ::
 *     3  nothing but the protocol
 */
import { isIcmp } from '../packet/icmp.ts';
import { DESTINATION, PORTS, PROTOCOL_AND_FLAGS, SOURCE } from '../packet/key-row.ts';

type Coarsening = (rows: Int32Array, row: number) => void;

export const COARSENINGS: readonly Coarsening[] = [dropEphemeralPort, dropAddress, dropAllButProtocol];

function dropEphemeralPort(rows: Int32Array, row: number): void {
  const ports = isIcmp(rows[row + PROTOCOL_AND_FLAGS]! & 0xff) ? 0 : rows[row + PORTS]!;
  const source = ports >>> 16;
  const destination = ports & 0xffff;
  rows[row + PORTS] = source >= destination ? destination : ports & ~0xffff;
}

/** The port that step 1 left tells the server's side. */
function dropAddress(rows: Int32Array, row: number): void {
  const isSourceKept = rows[row + PORTS]! >>> 16 !== 0;
  dropWords(rows, row + (isSourceKept ? DESTINATION : SOURCE));
}

function dropAllButProtocol(rows: Int32Array, row: number): void {
  dropWords(rows, row + SOURCE);
  dropWords(rows, row + DESTINATION);
  rows[row + PORTS] = 0;
}

function dropWords(rows: Int32Array, at: number): void {
  rows.fill(0, at, at + 4);
}
