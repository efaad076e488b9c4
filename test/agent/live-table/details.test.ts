import { describe, expect, test } from 'vitest';
import { type DetailOptions, detailLines } from '../../../agent/live-table/details.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { cursorOver } from '../../support/flow-records.ts';

const OPTIONS: DetailOptions = { grouping: 'flows', hasVerdicts: false, names: undefined, width: 80 };
const END = { protocol: 6, source0: 0x0a00_0001, destination0: 0x0a00_0002, sourcePort: 40_000, destinationPort: 443 };
const QUESTION = {
  ...{ ...createFlowRecord(), ...END, packets: 6, bytes: 812, tcpFlags: 0x1b, lastMicroseconds: 1_500_000 },
  isAnnotated: true,
  annotations: {
    ...createAnnotations(),
    ...{ direction: 'egress', initiator: 'source', initiatorEvidence: 'syn', handshakeMicroseconds: 1300 },
  },
} satisfies FlowRecord;
const ANSWER = {
  ...{ ...QUESTION, source0: END.destination0, destination0: END.source0, sourcePort: 443, destinationPort: 40_000 },
  ...{ packets: 5, bytes: 5200, tcpFlags: 0x13, firstMicroseconds: 1300, annotations: createAnnotations() },
};

function tallyOf(...records: readonly FlowRecord[]): FlowTally {
  const tally = new FlowTally(2, 1000);
  tally.add('obs0', { start: 1000, ledger: createLedger([]), records: () => cursorOver(records) });
  return tally;
}

const keyOf = (tally: FlowTally, index: number) => [...tally.flows][index]!.key;

describe('the details of a flow', () => {
  test('have both directions, times, flags, handshake, initiator and interface, from either of its flows', () => {
    const tally = tallyOf(ANSWER, QUESTION);
    const lines = detailLines(keyOf(tally, 0), tally, OPTIONS);
    expect(lines).toMatchInlineSnapshot(`
      [
        "protocol      TCP",
        "initiator     10.0.0.1:40000, by its SYN",
        "responder     10.0.0.2:443 (https)",
        "state         closed",
        "handshake     1.300 ms from SYN to its answer",
        "interface     obs0, the initiator's packets go out",
        "first packet  1970-01-01 00:16:40.000 UTC",
        "last packet   1970-01-01 00:16:41.500 UTC, 1.500 s later",
        "",
        "                      sent      received",
        "packets                  6             5",
        "bytes                812 B        5.2 kB",
        "bit/s                3.2 k        20.8 k",
        "pkt/s                  3.0           2.5",
        "TCP flags             SPAF           SAF",
        "first packet  00:16:40.000  00:16:40.001",
        "last packet   00:16:41.500  00:16:41.500",
      ]
    `);
    expect(detailLines(keyOf(tally, 1), tally, OPTIONS)).toEqual(lines);
    const { conversation } = [...tally.flows][0]!;
    expect(detailLines(conversation, tally, { ...OPTIONS, grouping: 'conversations' })).toEqual(lines);
  });

  test('have names beside addresses, and the verdict with each rule where verdicts are known', () => {
    const annotations = { ...createAnnotations(), action: 'REJECT' as const, rejectRule: 'deny \u202e\u001b[2J' };
    const tally = tallyOf(QUESTION, { ...QUESTION, packets: 2, annotations });
    const names = (address: string, port: number | undefined) => `host-${address}:${port}`;
    const text = detailLines(keyOf(tally, 0), tally, { ...OPTIONS, names, hasVerdicts: true }).join('\n');
    expect(text).toContain('10.0.0.2:443 (host-10.0.0.2:443)');
    expect(text).toMatch(/^verdict +ACCEPT \(6 packets\), REJECT by rule 'deny .*' \(2 packets\)$/m);
    expect(detailLines(keyOf(tally, 0), tally, OPTIONS).join('\n')).not.toContain('REJECT');
  });

  test('say what is not known, and wrap on a narrow terminal', () => {
    const udp = { ...createFlowRecord(), ...END, protocol: 17, packets: 1, bytes: 60 };
    const tally = tallyOf(udp);
    const lines = detailLines(keyOf(tally, 0), tally, { ...OPTIONS, width: 30 });
    expect(lines.slice(0, 4)).toEqual([
      'protocol      UDP',
      'initiator     10.0.0.1:40000,',
      '              by the earlier',
      '              packet',
    ]);
    expect(lines.join('\n')).not.toContain('handshake');
    expect(lines.find((line) => line.startsWith('packets'))).toMatch(/ 1 +-$/);
  });

  test('say that the flow was evicted', () => {
    expect(detailLines('gone', tallyOf(), OPTIONS)).toEqual([expect.stringContaining('no longer in the table')]);
  });
});
