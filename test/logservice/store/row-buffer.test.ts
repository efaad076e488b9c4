import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentFields, timeField } from '../../../agent/export/cls/message.ts';
import { ADDED_COLUMNS, FIELDS, FIRST_COLUMNS } from '../../../logservice/model/fields.ts';
import { CHUNK_ROWS, RowBuffer } from '../../../logservice/store/row-buffer.ts';
import { LogView, type Pair } from '../../../logservice/upload/log-view.ts';

const STORED = [...FIRST_COLUMNS, ...ADDED_COLUMNS];
type Row = Readonly<Record<string, unknown>>;

/** A buffer, the chunks that it handed over as rows, and the keys that it said have no column. */
function buffered() {
  const chunks: Row[][] = [];
  const otherKeys: string[] = [];
  const take = (chunk: DuckDBDataChunk) => {
    const columns = chunk.getColumns();
    chunks.push(
      Array.from({ length: chunk.rowCount }, (_, row) =>
        Object.fromEntries(
          STORED.flatMap(({ name }, index) => {
            const value = columns[index]![row];
            return value === null ? [] : [[name, value]];
          }),
        ),
      ),
    );
  };
  return { buffer: new RowBuffer(STORED, take, (key) => void otherKeys.push(key)), chunks, otherKeys };
}

const TIME_MS = 1_700_000_000_000;
/** As a sender writes it. */
function log(...contents: readonly Pair[]): LogView {
  const pairs = contents.map(({ key, value }) => [key, value] as const);
  const bytes = Buffer.concat([timeField(TIME_MS), contentFields(pairs)]);
  const view = new LogView(bytes);
  expect(view.read(0, bytes.length)).toBe(true);
  return view;
}

const isLong = (key: string) => STORED.find(({ name }) => name === key)?.type === 'BIGINT';

/** What a row must hold of a log, the plain way: canonical integers as such, all other texts of such fields among the others. */
function expectedRow(packageId: bigint, index: number, contents: readonly Pair[]): Row {
  const row: Record<string, unknown> = { package: packageId, pkg_log_id: index, time: BigInt(TIME_MS) };
  const other = new Map<string, string>();
  for (const { key, value } of contents) {
    const isField = FIELDS.some(({ name }) => name === key);
    const number = /^(0|-?[1-9]\d{0,14})$/.test(value) ? BigInt(value) : undefined;
    if (!isField || (isLong(key) && number === undefined)) other.set(key, value);
    else row[key] = isLong(key) ? number : value;
  }
  if (other.size > 0) row['other'] = JSON.stringify(Object.assign(Object.create(null), Object.fromEntries(other)));
  return row;
}

const integerText = fc.oneof(
  fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n }).map(String),
  fc.constantFrom('0', '-0', '-', '', '00', '01', '-01', '+1', '1.0', '1e3', ' 1', '1 ', '65535', '65536', '٣'),
  fc.constantFrom('999999999999999', '-999999999999999', '1000000000000000', '0x10', '1_000'),
);
const key = fc.oneof(
  fc.constantFrom(...FIELDS.map(({ name }) => name)),
  fc.constantFrom('package', 'time', 'other', 'pkg_log_id', '__proto__', 'constructor', 'toString', 'x'),
  fc.string({ maxLength: 5 }),
);
/** Up to 12 bytes lie in the column itself. */
const ascii = fc.string({ minLength: 9, maxLength: 40 });
const logs = fc.array(
  fc.uniqueArray(fc.record({ key, value: fc.oneof(integerText, fc.string({ unit: 'grapheme' }), ascii) }), {
    selector: (pair) => pair.key,
    maxLength: 20,
  }),
  { maxLength: 8 },
);

describe('rows on their way into the store', () => {
  test('hold every key of every log: integers that are written as such as numbers, all else to the letter', () => {
    fc.assert(
      fc.property(logs, (all) => {
        const { buffer, chunks, otherKeys } = buffered();
        for (const [index, contents] of all.entries()) buffer.add(7, index, log(...contents));
        buffer.flush();
        const names = new Set(FIELDS.map(({ name }) => name));
        expect(chunks.flat()).toEqual(all.map((contents, index) => expectedRow(7n, index, contents)));
        expect(otherKeys).toEqual(all.flat().flatMap((pair) => (names.has(pair.key) ? [] : [pair.key])));
      }),
      { numRuns: 300 },
    );
  });

  test('have U+FFFD where a text is no UTF-8, however long it is', () => {
    const { buffer, chunks } = buffered();
    for (const [row, length] of [1, 12, 13, 100].entries()) {
      const bytes = Buffer.concat([timeField(TIME_MS), contentFields([['srcaddr', 'a'.repeat(length)]])]);
      bytes[bytes.length - 1] = 0xff;
      const view = new LogView(bytes);
      view.read(0, bytes.length);
      buffer.add(1, row, view);
    }
    buffer.flush();
    expect(chunks.flat().map((row) => row['srcaddr'])).toEqual(
      [1, 12, 13, 100].map((length) => `${'a'.repeat(length - 1)}\ufffd`),
    );
  });

  test.each([
    ['short', 'long enough to stand elsewhere'],
    ['long enough to stand elsewhere', 'short'],
    ['long enough to stand elsewhere', 'and another one of that kind'],
  ])('have of a key that comes twice the last value: %s, then %s', (first, last) => {
    const { buffer, chunks } = buffered();
    buffer.add(1, 0, log({ key: 'srcaddr', value: first }, { key: 'srcaddr', value: last }));
    buffer.flush();
    expect(chunks[0]![0]!['srcaddr']).toBe(last);
  });

  test('hold on to no key of a sender, however long it is', () => {
    const { buffer } = buffered();
    const bytesBefore = process.memoryUsage().arrayBuffers;
    for (let contents = 32; contents > 0; contents--) {
      const keys = Array.from({ length: contents }, (_, index) => `k${index}`);
      keys[contents - 1] = 'k'.repeat(4_000_000);
      buffer.add(1, 0, log(...keys.map((key) => ({ key, value: '' }))));
      buffer.flush();
    }
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(process.memoryUsage().arrayBuffers - bytesBefore).toBeLessThan(64_000_000);
  });

  test('keep a key called __proto__, which is a name like any other', () => {
    const { buffer, chunks } = buffered();
    buffer.add(1, 0, log({ key: '__proto__', value: 'a' }, { key: 'x', value: 'b' }));
    buffer.flush();
    expect(chunks[0]![0]!['other']).toBe('{"__proto__":"a","x":"b"}');
  });

  test('are handed over a chunk at a time, and a last one that is not full when asked for', () => {
    const { buffer, chunks } = buffered();
    for (let row = 0; row < 2 * CHUNK_ROWS + 3; row++) {
      buffer.add(row >> 10, row, log({ key: 'packets', value: String(row) }));
    }
    expect(chunks.map(({ length }) => length)).toEqual([CHUNK_ROWS, CHUNK_ROWS]);
    buffer.flush();
    buffer.flush();
    expect(chunks.map(({ length }) => length)).toEqual([CHUNK_ROWS, CHUNK_ROWS, 3]);
    expect(chunks.flat().map((row) => [row['pkg_log_id'], row['packets']])).toEqual(
      Array.from({ length: 2 * CHUNK_ROWS + 3 }, (_, row) => [row, BigInt(row)]),
    );
  });

  test.each(['a chunk that was handed over', 'what was forgotten'])(
    'have nothing of %s in the fields they lack',
    (before) => {
      const { buffer, chunks } = buffered();
      const full = FIELDS.map(({ name }) => ({ key: name, value: '5' }));
      for (let row = 0; row < 3; row++) buffer.add(1, row, log(...full, { key: 'x', value: 'y' }));
      if (before === 'what was forgotten') buffer.clear();
      else buffer.flush();
      const handed = chunks.length;
      buffer.add(2, 0, log());
      buffer.flush();
      expect(chunks.slice(handed)).toEqual([[{ package: 2n, pkg_log_id: 0, time: BigInt(TIME_MS) }]]);
      expect(handed).toBe(before === 'what was forgotten' ? 0 : 1);
    },
  );
});
