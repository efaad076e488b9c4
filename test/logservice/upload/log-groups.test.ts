import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Refusal } from '../../../logservice/model/refusal.ts';
import { decodeLogGroups, type Log, timeMs } from '../../../logservice/upload/log-groups.ts';
import { LogGroupList } from '../../support/cls-schema.ts';
import { encodeGroups } from '../harness.ts';

const VECTOR = Buffer.from(
  '0a5a0a2c0880d095ffbc3112130a0773726361646472120831302e302e302e31120e0a07647374706f727412033434331a08666c6f776c6f6764' +
    '220831302e302e302e312a160a06726567696f6e120c61702d6775616e677a686f75',
  'hex',
);

/** Everything that was understood, in plain values; undefined when it was refused. */
function understood(body: Uint8Array): unknown {
  const groups = decodeLogGroups(body);
  if (groups instanceof Refusal) return undefined;
  return groups.map((group) => {
    const logs: unknown[] = [];
    group.forEachLog((log, index) => {
      expect(index).toBe(logs.length);
      logs.push({ time: timeMs(log.time), contents: log.contents().map(({ key, value }) => [key, value]) });
    });
    expect(logs).toHaveLength(group.logCount);
    const { contextFlow, filename, source, hostname, logTags } = group;
    return { contextFlow, filename, source, hostname, tags: logTags.map(({ key, value }) => [key, value]), logs };
  });
}

/** The same by reflection over the whole body at once; undefined when that fails. */
function decodedAtOnce(body: Uint8Array): unknown {
  try {
    const { logGroupList } = LogGroupList.decode(body) as unknown as {
      logGroupList: {
        contextFlow: string;
        filename: string;
        source: string;
        hostname: string;
        logTags: { key: string; value: string }[];
        logs: Log[];
      }[];
    };
    return logGroupList.map(({ contextFlow, filename, source, hostname, logTags, logs }) => ({
      contextFlow,
      filename,
      source,
      hostname,
      tags: logTags.map(({ key, value }) => [key, value]),
      logs: logs.map((log) => ({
        time: timeMs(log.time),
        contents: log.contents.map(({ key, value }) => [key, value]),
      })),
    }));
  } catch {
    return undefined;
  }
}

test('a log with the time of its collection, or with its time behind, is read as any other', () => {
  const content = [0x12, 6, 0x0a, 1, 0x6b, 0x12, 1, 0x76];
  for (const log of [
    [0x08, 5, ...content, 0x18, 9],
    [0x18, 9, 0x08, 5, ...content],
    [...content, 0x08, 5],
  ]) {
    const body = Uint8Array.of(0x0a, log.length + 2, 0x0a, log.length, ...log);
    expect(understood(body)).toMatchObject([{ logs: [{ time: 5000, contents: [['k', 'v']] }] }]);
  }
});

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ maxLength: 6, unit: 'grapheme' }));
const key = text.filter((name) => name !== '' && !name.startsWith('_'));
const bodies = fc
  .array(
    fc.record({
      contextFlow: text,
      source: text,
      filename: text,
      tags: fc.dictionary(text, text, { maxKeys: 3 }),
      logs: fc.array(
        fc.record({ time: fc.integer({ min: 0, max: 4e12 }), contents: fc.dictionary(key, text, { maxKeys: 5 }) }),
        { minLength: 1, maxLength: 5 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map(encodeGroups);

test('the published body is understood', () => {
  expect(understood(VECTOR)).toEqual([
    {
      contextFlow: '',
      filename: 'flowlogd',
      source: '10.0.0.1',
      hostname: '',
      tags: [['region', 'ap-guangzhou']],
      logs: [
        {
          time: 1_700_000_000_000,
          contents: [
            ['srcaddr', '10.0.0.1'],
            ['dstport', '443'],
          ],
        },
      ],
    },
  ]);
});

test('what the schema encodes is understood as the schema decodes it', () => {
  fc.assert(
    fc.property(bodies, (body) => {
      expect(understood(body)).toEqual(decodedAtOnce(body));
    }),
  );
});

test('damaged bodies are refused, or understood as the schema decodes them; the second pass never fails', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  let kept = 0;
  fc.assert(
    fc.property(bodies, edits, fc.nat(), (body, changes, cut) => {
      const damaged = Uint8Array.from(body);
      for (const [at, byte] of changes) damaged[at % damaged.length] = byte;
      const bytes = cut % 3 === 0 ? damaged.subarray(0, cut % damaged.length) : damaged;
      const result = understood(bytes);
      if (result === undefined) return;
      kept += 1;
      expect(result).toEqual(decodedAtOnce(bytes));
    }),
    { numRuns: 2000 },
  );
  expect(kept).toBeGreaterThan(20);
});

test('any bytes are refused or understood, never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const result = understood(bytes);
      if (result !== undefined) expect(result).toEqual(decodedAtOnce(bytes));
    }),
    { numRuns: 3000 },
  );
});

test('fields that the schema does not know are skipped', () => {
  const unknown = Uint8Array.of(0x7a, 2, 1, 2, 0x78, 5);
  const log = Buffer.concat([Uint8Array.of(0x08, 7), unknown]);
  const group = Buffer.concat([Uint8Array.of(0x0a, log.length), log, unknown]);
  const body = Buffer.concat([unknown, Uint8Array.of(0x0a, group.length), group]);
  expect(understood(body)).toMatchObject([{ logs: [{ time: 7000, contents: [] }] }]);
});
