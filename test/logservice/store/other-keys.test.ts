import { afterEach, beforeEach, expect, test } from 'vitest';
import { OTHER_KEY_BYTES_MAX, OTHER_KEYS_MAX } from '../../../logservice/model/fields.ts';
import { OtherKeys } from '../../../logservice/store/other-keys.ts';
import { call, removeFolder, search, startTestService, temporaryFolder, upload } from '../harness.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => removeFolder(folder));

test('keys of a topic are limited in number and length, and counted beyond', () => {
  const keys = new OtherKeys([['flowlog', 'before']]);
  const longest = 'ä'.repeat(OTHER_KEY_BYTES_MAX / 2);
  for (const key of ['before', longest, `${longest}x`, `${longest}x`, 'x'.repeat(OTHER_KEY_BYTES_MAX + 1)]) {
    keys.note('flowlog', key);
  }
  expect([...keys.of('flowlog')]).toEqual(['before', longest]);
  expect([keys.fresh, keys.beyond('flowlog')]).toEqual([[['flowlog', longest]], 3]);
  for (let index = 0; index < OTHER_KEYS_MAX; index++) keys.note('flowlog', `key-${index}`);
  expect([keys.of('flowlog').size, keys.beyond('flowlog')]).toEqual([OTHER_KEYS_MAX, 5]);
  expect([keys.of('another').size, keys.beyond('another')]).toEqual([0, 0]);
});

test('keys of logs that were not stored are forgotten, those of stored ones are not', () => {
  const keys = new OtherKeys([]);
  keys.note('flowlog', 'stored');
  keys.stored();
  keys.note('flowlog', 'rolled-back');
  keys.forgetFresh();
  expect([[...keys.of('flowlog')], keys.fresh]).toEqual([['stored'], []]);
});

test('keys that an earlier version noted beyond the limits have no name any more', () => {
  const long = 'x'.repeat(OTHER_KEY_BYTES_MAX + 1);
  const keys = new OtherKeys([
    ['flowlog', long],
    ['flowlog', 'short'],
  ]);
  expect([[...keys.of('flowlog')], keys.fresh, keys.beyond('flowlog')]).toEqual([['short'], [], 0]);
});

test('a value under a long key is stored and found, and counted among the topics', async () => {
  const service = await startTestService(folder);
  try {
    const long = 'k'.repeat(OTHER_KEY_BYTES_MAX + 1);
    await upload(service, [{ contextFlow: 'AB-1', logs: [{ contents: { [long]: 'here', short: 'too' } }] }]);
    expect((await search(service, `${long}:here | select short`)).rows).toEqual([['too']]);
    const missing = await search(service, `${long}x:here`);
    expect([missing.rows, missing.json['notes']]).toEqual([[], []]);
    const { json } = await call(service.url, '/topics', { keys: service.keys });
    expect(json['topics']).toMatchObject([{ logs: 1, keysBeyond: 1 }]);
  } finally {
    await service.stop();
  }
});
