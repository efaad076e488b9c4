import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tableLines } from '../../../agent/live-table/flow-table.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { INITIAL_STATE } from '../../../agent/live-table/live-keys.ts';
import { helpPage, liveLines, rowsFor } from '../../../agent/live-table/live-table.ts';
import { orderedFlows, partOf, type Row, viewOf } from '../../../agent/live-table/live-view.ts';
import { bitRate } from '../../../agent/live-table/rates.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { humanBytes, humanCount } from '../../../agent/record/human.ts';
import { terminalText } from '../../../agent/terminal/styled-text.ts';
import { textWidth } from '../../../agent/terminal/text-width.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';
import { pressed, shownOf } from '../../support/live-table.ts';

const CONTEXT = {
  interfaceNames: ['eth0', 'wg0'],
  hasRejects: false,
  elapsedSeconds: 65,
  secondsLeft: 235,
  notes: ['a note'],
};
const RESET = '\u001b[0m';
// biome-ignore lint/suspicious/noControlCharactersInRegex: styles are sequences
const withoutStyles = (line: string) => line.replace(/\u001b\[[\d;]*m/g, '');

function screen(
  tally: FlowTally,
  keys: string,
  columns: number,
  rows = 24,
  color = false,
  hasRejects = false,
): string[] {
  const context = { ...CONTEXT, hasRejects };
  const terminal = { columns, rows, color, keys: true };
  const room = rowsFor(terminal, context);
  const state = pressed([keys], shownOf(tally, room, 100));
  const view = partOf(tally, orderedFlows(tally, state.choices), state.place.offset, room);
  const page = state.page === 'help' ? helpPage(terminal) : undefined;
  return liveLines(tally, view, state, context, terminal, page).map(terminalText);
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

  const keys = fc.constantFrom(
    '',
    '?',
    'f',
    '/tcp',
    'g',
    'ggr',
    'gggl',
    'jjj',
    'x',
    '?jjj',
    '\u001b[F',
    ' ',
    `/${'x'.repeat(99)}`,
  );

  test('fills a terminal of any size, and is never wider, whatever the flows and keys', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(records, sizes, keys, fc.boolean(), (flows, [columns, rows], pressedKeys, color) => {
        const lines = screen(tallyOf(flows), pressedKeys, columns, rows, color);
        expect(lines).toHaveLength(rows);
        for (const line of lines) expect(textWidth(withoutStyles(line))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  test('gives rows the room of the lines around them where there is little, losses and keys last', () => {
    const flows = [createFlowRecord()];
    expect(screen(tallyOf(flows, 7), '', 80, 6)).toEqual([
      expect.stringMatching(/^LOST: 7 /),
      expect.stringMatching(/^proto /),
      ...[expect.stringMatching(/^HOPOPT /), '', ''],
      expect.stringMatching(/^\? keys/),
    ]);
    expect(screen(tallyOf(flows), '', 80, 2)).toEqual([
      expect.stringMatching(/^proto /),
      expect.stringMatching(/^HOPOPT /),
    ]);
    expect(screen(tallyOf(flows), '', 80, 1)).toEqual([expect.stringMatching(/^HOPOPT /)]);
  });

  const many = Array.from({ length: 40 }, (_, index) => ({
    ...createFlowRecord(),
    ...{ protocol: 17, sourcePort: 1000 + index, destinationPort: 53, bytes: 5000 - index },
  }));

  test('marks the selected row, shows it, and says which part of the table that is', () => {
    const lines = screen(tallyOf(many), 'j'.repeat(30), 80);
    expect(lines[0]).toMatch(/^flowlogd debug .* 14-30 of 40$/);
    expect(lines.filter((line) => line.startsWith('> '))).toEqual([expect.stringContaining('0.0.0.0:1029 ')]);
    const colored = screen(tallyOf(many), 'j'.repeat(30), 80, 24, true);
    expect(colored.filter((line) => line.startsWith('\u001b[7m'))).toEqual([
      expect.stringContaining('proto'),
      expect.stringContaining('0.0.0.0:1029 '),
    ]);
    expect(screen(tallyOf(many), '', 80).join('')).not.toContain('> ');
    expect(screen(tallyOf(many), '', 80, 60)[0]).not.toContain(' of ');
  });

  test('drops whole parts of its foot and sums where they do not fit', () => {
    const lines = screen(tallyOf(many), '', 60);
    expect(lines.at(-1)).toBe('? keys   q quit   / filter   g group   Enter details');
    expect(lines.at(-2)).toBe('total: 40 flows, 10 packets, 5.0 kB; 20.0 kbit/s, 5.0 pkt/s');
    expect(screen(tallyOf(many), '', 30).at(-2)).toBe('total: 40 flows, 10 packets');
    expect(screen(tallyOf(many), '', 30).at(-1)).toBe('? keys   q quit   / filter');
    expect(screen(tallyOf(many), '/0123456789abcdefghijklmnop', 20).at(-1)).toBe('…89abcdefghijklmnop_');
  });

  test('shows every key in its help, at any width', () => {
    for (const columns of [20, 60, 80, 200]) {
      const { lines } = helpPage({ columns, rows: 24, color: false, keys: true });
      for (const word of ['page down', 'Enter', 'Esc', 'space']) expect(lines.join('\n')).toContain(word);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(columns, 30));
    }
  });

  test('shows the sorted column whole, and cuts no number that it shows', () => {
    const keyed = fc.constantFrom(['b', 'bytes'], ['p', 'packets'], ['r', 'bit/s'], ['f', 'first'], ['l', 'last']);
    fc.assert(
      fc.property(records, widths, keyed, fc.boolean(), (flows, columns, [key, sorted], hasRejects) => {
        const { choices } = pressed([key!]);
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
