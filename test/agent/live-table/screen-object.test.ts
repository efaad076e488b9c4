import { expect, test } from 'vitest';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { screenObject } from '../../../agent/live-table/screen-object.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { LEDGER_ROWS } from '../../../schema/ledger-numbers.ts';

test('a screen as JSON has every number of the ledger', () => {
  const tally = new FlowTally(1, 0);
  const ledger = { ...createLedger([]), metered: { packets: 7, bytes: 700 }, rejected: { packets: 2, bytes: 120 } };
  ledger.coarsened = { packets: 3, bytes: 300 };
  ledger.evicted = { packets: 1, bytes: 60 };
  tally.add('eth0', { start: 0, ledger, records: () => ({ next: () => false }) as never });
  const view = { flows: 0, packets: 7, bytes: 700, rate: { packets: 0, bytes: 0 }, rows: [] };
  const choices = { sort: 'bytes', filter: '' };
  const context = { interfaceNames: ['eth0'], elapsedSeconds: 1, notes: [] };
  const screen = screenObject('end', tally, view as never, choices as never, context as never);
  const said = (screen as { ledger: Record<string, unknown> }).ledger;
  expect(Object.keys(said)).toHaveLength(LEDGER_ROWS.length + 4);
  expect(said).toMatchObject({
    metered: { packets: 7, bytes: 700 },
    coarsened: { packets: 3, bytes: 300 },
    evicted: { packets: 1, bytes: 60 },
    rejected: { packets: 2, bytes: 120 },
    not_ip: { packets: 0, bytes: 0 },
    dropped_by_kernel: 0,
    drops_unknown: false,
    excluded: {},
    gaps: [],
  });
});
