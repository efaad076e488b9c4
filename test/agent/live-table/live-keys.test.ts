import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { HELP, INITIAL_STATE, press, settle } from '../../../agent/live-table/live-keys.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { pressed as pressedOn, shownOf } from '../../support/live-table.ts';

const pressed = (...chunks: string[]) => pressedOn(chunks);
const ESCAPE = '\u001b';

function tallyOf(ports: readonly number[]): FlowTally {
  const tally = new FlowTally(2, 0);
  const records = ports.map((sourcePort, index) => ({
    ...createFlowRecord(),
    ...{ protocol: 6, sourcePort, destinationPort: 443, bytes: 1000 - index, packets: index },
  }));
  tally.add('eth0', { start: 0, ledger: createLedger([]), records: () => cursorOver(records) });
  return tally;
}

describe('the keys of the live table', () => {
  test.each([
    ['b', 'bytes'],
    ['p', 'packets'],
    ['r', 'rate'],
    ['f', 'first'],
    ['l', 'last'],
  ])('%s sorts by %s', (key, sort) => {
    expect(pressed('l', key).choices.sort).toBe(sort);
  });

  test('a filter is at work while it is typed, stays with Enter and goes with Escape', () => {
    expect(pressed('/', 'port 5', '\u007f', '8')).toMatchObject({ typing: 'port 8', choices: { filter: 'port 8' } });
    expect(pressed('/tcp\r')).toMatchObject({ typing: undefined, choices: { filter: 'tcp' } });
    expect(pressed('/tcp\r', '/', '!\r').choices.filter).toBe('tcp!');
    expect(pressed('/tcp', ESCAPE)).toMatchObject({ typing: undefined, choices: { filter: '' } });
    expect(pressed('/tcp', '\u0015', 'udp').choices.filter).toBe('udp');
    expect(pressed('/qjk😀', '\u007f')).toMatchObject({ quit: false, typing: 'qjk' });
    expect(pressed('/tcp\u001b[Ax').choices.filter).toBe('tcpx');
  });

  test('n, x, space and ? are there and back', () => {
    expect(pressed('n').choices.names).toBe(true);
    expect(pressed('x').choices.hidesFinished).toBe(true);
    expect(pressed(' ').paused).toBe(true);
    expect(pressed('?').page).toBe('help');
    expect(pressed(...'nxxn  ??')).toEqual(INITIAL_STATE);
  });

  test.each(['q', '\u0003', '\u0004'])('%j quits', (key) => {
    expect(pressed(key).quit).toBe(true);
  });

  test('Ctrl-C quits in the middle of a filter, too', () => {
    expect(pressed('/ab', '\u0003').quit).toBe(true);
  });

  test('keys without a meaning do nothing, and neither does one that has come in part', () => {
    expect(pressed('\u001bOP', '\u001b[15~', 'Z')).toEqual(INITIAL_STATE);
    expect(press(INITIAL_STATE, '\u001b[', shownOf(undefined))).toEqual({ ...INITIAL_STATE, unread: '\u001b[' });
  });

  test('arrows select, by key: the selection stays with its flow when the order changes', () => {
    const shown = shownOf(tallyOf([1, 2, 3]));
    const second = press(press(INITIAL_STATE, '\u001b[', shown), 'B\u001b[B', shown);
    expect(second.place.index).toBe(1);
    const sorted = pressedOn(['pj'], shown, second);
    // By packets the order is 3 2 1.
    expect(sorted.place).toMatchObject({ index: 2 });
    expect(pressedOn(['pk', 'b'], shown, second).place).toMatchObject({ index: 0 });
    expect(shown.listed(sorted.choices).keyAt(2)).toBe(sorted.place.selected);
  });

  test('Enter opens the details of the selected row, of the first without one; nothing where there is none', () => {
    const shown = shownOf(tallyOf([1, 2, 3]));
    const open = pressedOn(['jj\r'], shown);
    expect(open).toMatchObject({ page: 'details', place: { index: 1 } });
    expect(pressedOn(['\r'], shown)).toMatchObject({ page: 'details', place: { index: 0 } });
    expect(pressedOn(['g\r'], shown)).toMatchObject({ page: 'details' });
    expect(pressed('\r')).toEqual(INITIAL_STATE);
  });

  test('Enter on a host or a service shows its conversations', () => {
    const shown = shownOf(tallyOf([1, 2, 3]));
    const host = pressedOn(['gg\r'], shown);
    expect(host.choices).toMatchObject({ grouping: 'conversations', filter: '0.0.0.0' });
    const service = pressedOn(['/tcp\r', 'ggg', '\r'], shown);
    expect(service.choices).toMatchObject({ grouping: 'conversations', filter: 'tcp protocol:tcp port:443' });
    expect(shown.listed(service.choices).count).toBe(3);
  });

  test('arrows scroll an open page, and the selection stays', () => {
    const shown = shownOf(tallyOf([1, 2, 3]), 4, 10);
    const scrolled = pressedOn(['j\r', 'jjj', '\u001b[6~', 'k'], shown);
    expect(scrolled).toMatchObject({ page: 'details', pageOffset: 5, place: { index: 0 } });
  });

  test('Escape goes back one step at a time: page, filter, selection; it never quits', () => {
    const shown = shownOf(tallyOf([1, 2, 3]));
    let state = pressedOn(['/tcp\r', 'jj\r'], shown);
    const steps: unknown[] = [];
    for (let step = 0; step < 4; step++) {
      state = pressedOn([ESCAPE], shown, state);
      steps.push([state.page, state.choices.filter, state.place.selected === undefined, state.quit]);
    }
    expect(steps).toEqual([
      [undefined, 'tcp', false, false],
      [undefined, '', false, false],
      [undefined, '', true, false],
      [undefined, '', true, false],
    ]);
  });

  test('a paste costs no more than some keys would', () => {
    let lists = 0;
    const shown = { ...shownOf(tallyOf([1, 2, 3])), rows: () => ++lists && 5 };
    pressedOn(['j'.repeat(100_000)], shown);
    expect(lists).toBeLessThanOrEqual(256);
  });

  test('no key brings a control character into the filter, nor a filter without an end', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii' }), { maxLength: 300 }), (chunks) => {
        const { filter } = pressed('/', ...chunks).choices;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
        expect(filter).not.toMatch(/[\u0000-\u001f\u007f]/);
        expect(filter.length).toBeLessThanOrEqual(200);
      }),
    );
  });

  test('any bytes leave a state that can be shown: what is selected is in the list', () => {
    const shown = shownOf(tallyOf([1, 2, 3, 4, 5, 6]), 3, 30);
    const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 });
    const keys = fc.constantFrom('j', 'k', '\r', ESCAPE, 'g', 'x', '\u001b[6~', '\u001b[F', '/4', '\r', '?', 'p');
    const chunk = fc.oneof(
      bytes.map((each) => Buffer.from(each).toString('utf8')),
      keys,
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
        const state = settle(
          chunks.reduce((each, part) => press(each, part, shown), INITIAL_STATE),
          shown,
        );
        expect(state.unread).toBe('');
        expect(state.pageOffset).toBeLessThanOrEqual(27);
        const { selected } = state.place;
        if (selected !== undefined) expect(typeof selected).toBe('string');
        if (state.page === 'details') expect(selected).toBeDefined();
      }),
    );
  });

  test('are all in the help', () => {
    const words = HELP.flatMap(([keys]) => keys.split(/[ ,]+/));
    expect(words).toEqual(
      expect.arrayContaining([...'bprfl/gxn?qjk', 'up', 'down', 'home', 'end', 'Enter', 'Esc', 'space']),
    );
  });
});
