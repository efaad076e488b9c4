import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { tablePresenter } from '../../../agent/debug/presenter.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { TextOutput } from '../../../agent/terminal/text-output.ts';
import { cursorOver } from '../../support/flow-records.ts';

const WINDOW_SECONDS = 10;
const START = 1008;

/** A run with eight packets in each window, as the command drives it: some windows are closed while it continues, one by its end. */
async function tablesOf(endsAt: number, closings: readonly number[]): Promise<string> {
  const stdout = new PassThrough();
  const tally = new FlowTally(WINDOW_SECONDS, START);
  let now = START;
  const still = { interfaceNames: ['eth0'], hasRejects: false, secondsLeft: undefined, notes: [] };
  const context = () => ({ ...still, elapsedSeconds: now - START });
  const presenter = tablePresenter({ tally, stdout: new TextOutput(stdout), context }, undefined);
  const close = async (start: number) => {
    const record = { ...createFlowRecord(), packets: 8, bytes: 800 };
    const ledger = { ...createLedger([]), metered: { packets: 8, bytes: 800 } };
    tally.add('eth0', { start, ledger, records: () => cursorOver([record]) });
    await presenter.refresh();
  };
  let start = Math.floor(START / WINDOW_SECONDS) * WINDOW_SECONDS;
  for (const closing of closings) {
    now = closing;
    await close(start);
    start += WINDOW_SECONDS;
  }
  now = endsAt;
  tally.stop(now);
  await close(start);
  tally.end(now);
  await presenter.end();
  stdout.end();
  return await text(stdout);
}

const totals = (tables: string) => tables.match(/^total: .*$/gm);

describe('tables of a debug run', () => {
  test.each([
    ['within one window', 1009, [], 'total: 1 flow, 8 packets, 800 B; 6.4 kbit/s, 8.0 pkt/s'],
    ['over the border of two', 1012, [1011], 'total: 1 flow, 16 packets, 1.6 kB; 3.2 kbit/s, 4.0 pkt/s'],
  ])('are one for a run shorter than its window, %s', async (_what, endsAt, closings, total) => {
    expect(totals(await tablesOf(endsAt, closings))).toEqual([total]);
  });

  test('are one for each whole window, with its own rate, and one for the run', async () => {
    expect(totals(await tablesOf(1024, [1011, 1021]))).toEqual([
      'total: 1 flow, 16 packets, 1.6 kB; 640 bit/s, 0.8 pkt/s',
      'total: 1 flow, 24 packets, 2.4 kB; 1.2 kbit/s, 1.5 pkt/s',
    ]);
  });
});
