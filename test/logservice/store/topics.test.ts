import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoreError } from '../../../logservice/model/store-error.ts';
import {
  DEFAULT_TOPIC,
  loadTopics,
  parseTopicRequest,
  TOPICS_MAX,
  type TopicRequest,
} from '../../../logservice/store/topics.ts';
import { removeFolder } from '../harness.ts';

/** The file of a store that has none yet. */
function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowlogd-topics-'));
  onTestFinished(() => removeFolder(folder));
  return join(folder, 'topics.json');
}

const plain = (id: string) => ({ id, index: true, closed: false });
const loaded = (path: string, requests: readonly TopicRequest[] = []) => [...loadTopics(path, requests).values()];

describe('the option of a topic', () => {
  test.each<[string, TopicRequest]>([
    ['flows', { id: 'flows' }],
    ['0', { id: '0' }],
    ['a.b-c_D9', { id: 'a.b-c_D9' }],
    ['x'.repeat(64), { id: 'x'.repeat(64) }],
    ['a,index=on', { id: 'a', index: true }],
    ['a,index=off,closed', { id: 'a', index: false, closed: true }],
    ['a,open', { id: 'a', closed: false }],
    ['a,closed,open', { id: 'a', closed: false }],
  ])('%s is taken', (text, request) => {
    expect(parseTopicRequest(text)).toEqual(request);
  });

  test.each([
    ...['', ',index=on', '.a', '-a', '_a', 'a b', 'a/b', '../a', 'ä', 'x'.repeat(65), 'a\n'],
    ...['a,', 'a,,open', 'a,index', 'a,index=', 'a,index=ON', 'a,shut', 'a, open', 'a,open,no'],
  ])('%j is refused', (text) => {
    expect(parseTopicRequest(text)).toBeUndefined();
  });
});

describe('the topics of a store', () => {
  test('are the one that agents use where nothing was ever asked for', () => {
    const path = newFile();
    expect(loaded(path)).toEqual([plain(DEFAULT_TOPIC)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['topics.json']);
  });

  test('are those that were ever asked for, each as it was asked for last', () => {
    const request = fc.record(
      { id: fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), index: fc.boolean(), closed: fc.boolean() },
      { requiredKeys: ['id'] },
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(request, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        (starts) => {
          const path = newFile();
          const model = new Map<string, Required<TopicRequest>>();
          for (const requests of starts) {
            for (const one of requests) model.set(one.id, { ...(model.get(one.id) ?? plain(one.id)), ...one });
            expect(loaded(path, requests)).toEqual([...model.values()]);
            expect(loaded(path)).toEqual([...model.values()]);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('are not written again by a start that changes nothing', () => {
    const path = newFile();
    loadTopics(path, [{ id: 'a', closed: true }]);
    const { ino, mtimeMs } = statSync(path);
    loadTopics(path, []);
    loadTopics(path, [{ id: 'a' }, { id: 'a', closed: true }]);
    expect(statSync(path)).toMatchObject({ ino, mtimeMs });
    loadTopics(path, [{ id: 'a', closed: false }]);
    expect(statSync(path).ino).not.toBe(ino);
  });

  test('are at most a hundred, and a start that asks for more leaves the store as it is', () => {
    const path = newFile();
    const many = Array.from({ length: TOPICS_MAX }, (_, number) => ({ id: `t${number}` }));
    expect(loaded(path, many)).toHaveLength(TOPICS_MAX);
    const before = readFileSync(path, 'utf8');
    expect(() => loadTopics(path, [{ id: 'one-more' }])).toThrow(/would have 101 topics, and 100 is the most/);
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(loaded(path, [{ id: 't7', index: false }])).toHaveLength(TOPICS_MAX);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"topics":{}}',
    '{"topics":[null]}',
    '{"topics":[{"id":"a","index":true}]}',
    '{"topics":[{"id":1,"index":true,"closed":false}]}',
    '{"topics":[{"id":"a","index":"on","closed":false}]}',
    '{"topics":[{"id":"a","index":true,"closed":0}]}',
  ])('in a damaged file (%s) are not guessed, and it is not written over', (text) => {
    const path = newFile();
    writeFileSync(path, text);
    let failure: unknown;
    try {
      loadTopics(path, [{ id: 'b' }]);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ kind: 'damaged', exitCode: 65, message: expect.stringContaining(path) });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});
