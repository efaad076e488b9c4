import { expect, test } from 'vitest';
import { changedOptions } from '../../../agent/config/changes.ts';
import { type Loaded, loadConfiguration } from '../../../agent/config/load.ts';
import { SINKS } from '../../../agent/export/sinks.ts';

/** @param key what the key file holds */
function load(text: string, key = 'key'): Loaded {
  const whole = text.includes('flowLogs') ? text : `${text}\nflowLogs: [{}]\n`;
  const readTextFile = (path: string) => ({ text: path === 'flowlogd.yaml' ? whole : key, mode: 0o600 });
  return loadConfiguration({
    path: 'flowlogd.yaml',
    environment: {},
    readTextFile,
    sinkKinds: SINKS,
    zstd: true,
    readNamedFiles: true,
  });
}

const CLS = 'cls: { endpoint: "https://cls.example", topicId: t, secretId: i, secretKeyFile: key }';

test('the same configuration written differently has not changed', () => {
  expect(changedOptions(load('log: { level: info }\n'), load('# a comment\n'))).toEqual([]);
});

test('every option that is another, new or gone is named', () => {
  const before = load('flowLogs: [{ windowSeconds: 1m }]\nhostId: a');
  const after = load('flowLogs: [{ windowSeconds: 2m }, { interfaces: [lo] }]');
  const changed = changedOptions(before, after);
  expect(changed).toContain('flowLogs[0].windowSeconds');
  expect(changed).toContain('flowLogs[1].interfaces');
  expect(changed).toContain('hostId');
  expect(changed).not.toContain('log.level');
});

test('a key that was replaced in its file is a change, too', () => {
  expect(changedOptions(load(CLS), load(CLS, 'another'))).toEqual(['cls.secretKey']);
});
