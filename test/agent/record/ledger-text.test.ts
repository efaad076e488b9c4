import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLedger } from '../../../agent/model/ledger.ts';
import * as ledgerText from '../../../agent/record/ledger-text.ts';
import { terminalText } from '../../../agent/terminal/styled-text.ts';
import { ledger } from '../../support/flow-records.ts';

const formatLedger = (...words: Parameters<typeof ledgerText.formatLedger>) =>
  terminalText(ledgerText.formatLedger(...words));
const TOTALS = { records: 312, windows: 5 };

describe('the ledger on one screen', () => {
  test('shows the equation, line under line, without terms of no packets', () => {
    const whole = {
      ...createLedger([]),
      metered: { packets: 12_000, bytes: 3_400_000 },
      excluded: {
        dhcp: { packets: 299, bytes: 45_000 },
        kms: { packets: 1, bytes: 60 },
        dhcpv6: { packets: 0, bytes: 0 },
      },
      notIp: { packets: 45, bytes: 2700 },
    };
    expect(formatLedger(whole, TOTALS, true)).toBe(
      [
        '  offered   12,345 packets',
        '= metered   12,000 packets   3.4 MB  in 312 records of 5 windows',
        '+ excluded     300 packets  45.1 kB',
        '      dhcp     299 packets  45.0 kB',
        '      kms        1 packet      60 B',
        '+ not IP        45 packets   2.7 kB',
        '',
      ].join('\n'),
    );
  });

  test('names the largest peers of each exclusion rule', () => {
    const peer = (destination: string, bytes: number) => ({
      ...{ source: '10.0.0.5', destination, protocol: 6, port: 1688 },
      ...{ packets: 5, bytes, missedBytesMax: 0 },
    });
    const peers = [peer('203.0.113.9', 4000), peer('10.0.0.6', 300), peer('10.0.0.7', 20)];
    const whole = {
      ...createLedger([]),
      excluded: { kms: { packets: 15, bytes: 4320 } },
      excludedPeers: { kms: { peers, unlistedBytesMax: 0 } },
    };
    expect(formatLedger(whole, TOTALS, false)).toContain(
      '      kms   15 packets  4.3 kB  10.0.0.5 > 203.0.113.9 tcp/1688 (4.0 kB), 10.0.0.5 > 10.0.0.6 tcp/1688 (300 B), and 1 more\n',
    );
  });

  test('says that there was nothing in two lines', () => {
    expect(formatLedger(createLedger(['dhcp']), { records: 0, windows: 0 }, false)).toBe(
      '  offered  0 packets\n= metered  0 packets    in 0 records of 0 windows\n',
    );
  });

  test('stresses what was lost, with and without colours', () => {
    const lossy = { ...createLedger([]), metered: { packets: 900, bytes: 1 }, droppedByKernel: 100 };
    const plain = formatLedger(lossy, TOTALS, false);
    expect(plain).toMatch(/dropped by kernel +100 packets +<-- lost\n/);
    expect(plain).toContain('LOST 100 packets (10 %) that should be in a record.');
    expect(plain).not.toContain('\u001b');
    expect(formatLedger(lossy, TOTALS, true)).toContain('\u001b[1;31mLOST 100 packets');
  });

  test('says how many packets came before capture began', () => {
    const text = formatLedger({ ...createLedger([]), beforeAttach: 7 }, TOTALS, false);
    expect(text).toContain('\nNOT CAPTURED: 7 packets that came before capture began.\n');
    expect(formatLedger(createLedger([]), TOTALS, false)).not.toContain('before capture');
  });

  test('says when and why nothing was captured, and that some loss cannot be counted', () => {
    const gap = { fromSeconds: 1_700_000_000, toSeconds: 1_700_000_002.5, reason: 'interface-gone' as const };
    const text = formatLedger({ ...createLedger([]), gaps: new Array(7).fill(gap), dropsUnknown: true }, TOTALS, false);
    expect(text).toContain('NOT CAPTURING for 2.5 s from 2023-11-14T22:13:20.000Z: interface-gone.');
    expect(text).toContain('NOT CAPTURING in 2 more gaps.');
    expect(text).toContain('cannot count');
  });

  test('is one screen for every ledger', () => {
    fc.assert(
      fc.property(ledger, fc.boolean(), (some, color) => {
        expect(formatLedger(some, TOTALS, color).split('\n').length).toBeLessThanOrEqual(24);
      }),
    );
  });
});
