import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { INITIAL_STATE, press } from '../../../agent/live-table/live-keys.ts';
import { liveLines, rowsFor, tableLines } from '../../../agent/live-table/live-table.ts';
import { type Row, viewOf } from '../../../agent/live-table/live-view.ts';
import { bitRate } from '../../../agent/live-table/rates.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { humanBytes, humanCount } from '../../../agent/record/human.ts';
import { terminalText } from '../../../agent/terminal/styled-text.ts';
import { textWidth } from '../../../agent/terminal/text-width.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';

const CONTEXT = {
  interfaceNames: ['eth0', 'wg0'],
  hasRejects: false,
  elapsedSeconds: 65,
  secondsLeft: 235,
  notes: ['a note'],
};
const RESET = '\u001b[0m';

function screen(
  tally: FlowTally,
  keys: string,
  columns: number,
  rows = 24,
  color = false,
  hasRejects = false,
): string[] {
  const context = { ...CONTEXT, hasRejects };
  const state = press(INITIAL_STATE, keys);
  const terminal = { columns, rows, color, keys: true };
  const view = viewOf(tally, state.choices, rowsFor(terminal, state, context));
  return liveLines(tally, view, state, context, terminal).map(terminalText);
}

function tallyOf(records: Parameters<typeof cursorOver>[0], droppedByKernel = 0): FlowTally {
  const tally = new FlowTally(2, 0);
  const ledger = { ...createLedger([]), metered: { packets: 10, bytes: 5000 }, droppedByKernel };
  tally.add('eth0', { start: 0, ledger, records: () => cursorOver(records) });
  return tally;
}

/** The numbers of a row by the title of their column, as they are written where there is room. */
function numbersOf({ flow, rate }: Row): Readonly<Record<string, string>> {
  const time = (seconds: number) => new Date(seconds * 1000).toISOString().slice(11, 19);
  return {
    'bit/s': bitRate(rate.bytes * 8).trimEnd(),
    packets: humanCount(flow.record.packets),
    bytes: humanBytes(flow.record.bytes),
    first: time(flow.first),
    last: time(flow.last),
  };
}

describe('the live table', () => {
  const records = fc.array(flowRecord, { maxLength: 30 });
  const widths = fc.integer({ min: 40, max: 200 });

  test('fits 40 to 200 columns and 24 rows, whatever the flows, with and without its help', () => {
    fc.assert(
      fc.property(
        records,
        widths,
        fc.constantFrom('', '?', 'f', '/tcp', 'g', 'ggr', 'gggl'),
        (flows, columns, keys) => {
          const lines = screen(tallyOf(flows), keys, columns);
          expect(lines.length).toBeLessThanOrEqual(24);
          for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });

  test('shows the sorted column whole, and cuts no number that it shows', () => {
    const keyed = fc.constantFrom(['b', 'bytes'], ['p', 'packets'], ['r', 'bit/s'], ['f', 'first'], ['l', 'last']);
    fc.assert(
      fc.property(records, widths, keyed, fc.boolean(), (flows, columns, [key, sorted], hasRejects) => {
        const { choices } = press(INITIAL_STATE, key!);
        const view = viewOf(tallyOf(flows), choices, 24);
        const [titles = '', ...rows] = tableLines(view, choices.sort, { ...CONTEXT, hasRejects }, columns);
        expect(titles.split(/ +/)).toContain(`${sorted}▾`);
        for (const [index, row] of rows.entries()) {
          expect(textWidth(row)).toBeLessThanOrEqual(columns);
          for (const [title, number] of Object.entries(numbersOf(view.rows[index]!))) {
            if (titles.includes(title))
              expect(`${row}  `, title).toMatch(new RegExp(` {2}${number.replaceAll('.', '\\.')} `));
          }
        }
      }),
    );
  });

  test('always shows the ledger, what was lost, and the notes', () => {
    const lines = screen(tallyOf([], 7), '', 80);
    expect(lines.slice(0, 4)).toEqual([
      'flowlogd debug  eth0, wg0  1:05, 3:55 left',
      'packets: offered 17 = metered 10 + lost 7',
      'LOST: 7 by the kernel (ring full)',
      'a note',
    ]);
    expect(screen(tallyOf([]), '', 80)[2]).toBe('lost: none');
  });

  test('paints what was rejected, loss and titles, and nothing without colours', () => {
    const rejected = {
      ...createFlowRecord(),
      isAnnotated: true,
      annotations: { ...createAnnotations(), action: 'REJECT' as const },
    };
    const tally = tallyOf([createFlowRecord(), rejected], 7);
    const lines = screen(tally, '', 120, 24, true, true);
    expect(lines.filter((line) => line.startsWith('\u001b[1;31m')).map((line) => line.includes('REJECT'))).toEqual([
      false,
      true,
    ]);
    expect(lines.find((line) => line.includes('ACCEPT'))).toContain(`\u001b[32m ACCEPT${RESET}`);
    expect(screen(tally, '', 120).join('')).not.toContain('\u001b');
  });

  test('names the rule beside the action where the packet filter is listened to', () => {
    const annotations = { ...createAnnotations(), action: 'REJECT' as const, rejectRule: 'deny-9999' };
    const rejected = { ...createFlowRecord(), isAnnotated: true, annotations };
    const other = { ...rejected, annotations: { ...annotations, rejectRule: 'deny-new' } };
    const view = viewOf(tallyOf([createFlowRecord(), rejected, other]), INITIAL_STATE.choices, 24);
    const [titles, ...rows] = tableLines(view, 'bytes', { ...CONTEXT, hasRejects: true }, 80);
    expect(titles).toMatch(/^proto +source +destination +action +rule +bit/);
    expect(rows.map((row) => /(ACCEPT|REJECT)(?: {2}(\S+))?/.exec(row)?.slice(1))).toEqual([
      ['ACCEPT', undefined],
      ['REJECT', 'deny-9999'],
      ['REJECT', 'deny-new'],
    ]);
    expect(tableLines(view, 'bytes', CONTEXT, 200)[0]).not.toMatch(/rule|action/);
    const filtered = viewOf(
      tallyOf([createFlowRecord(), rejected, other]),
      { ...INITIAL_STATE.choices, filter: 'deny-new' },
      24,
    );
    expect(filtered.flows).toBe(1);
  });

  test('says which column it is sorted by, and shows the filter', () => {
    const flows = [createFlowRecord()];
    expect(screen(tallyOf(flows), 'r', 120)[4]).toContain('bit/s▾');
    expect(screen(tallyOf(flows), 'l', 120)[4]).toContain('last▾');
    expect(screen(tallyOf(flows), '/udp', 80).at(-1)).toMatch(/^filter: udp_ /);
    expect(screen(tallyOf(flows), '/udp\r', 80)).toContain('no flow matches the filter');
  });

  test.each([
    [0, '0 '],
    [999, '999 '],
    [1500, '1.5 k'],
    [999_960, '1.0 M'],
    [4e12, '4.0 T'],
  ])('writes %s bit/s as "%sbit/s"', (bits, text) => {
    expect(bitRate(bits)).toBe(text);
  });
});
