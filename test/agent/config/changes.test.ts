import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { changedOptions } from '../../../agent/config/changes.ts';
import { type Loaded, loadConfiguration } from '../../../agent/config/load.ts';
import { SINKS } from '../../../agent/export/sinks.ts';

/** @param held what the key file holds */
function load(text: string, held = { key: 'key' }): Loaded {
  const whole = text.includes('flowLogs') ? text : `${text}\nflowLogs: [{}]\n`;
  const readTextFile = (path: string) => ({ text: path === 'flowlogd.yaml' ? whole : held.key, mode: 0o600 });
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

test('a key that was replaced in its file is no change of an option, but of the sink that is read again', () => {
  const held = { key: 'key' };
  const before = load(CLS, held);
  expect(changedOptions(before, load(CLS, { key: 'another' }))).toEqual([]);
  expect(before.sinkFiles.paths).toEqual([resolve('key')]);
  const contents = () => before.sinkFiles.readAgain().map((plan) => [plan.contents, plan.options]);
  const [first] = before.configuration.sinks;
  expect(contents()).toEqual([[first!.contents, first!.options]]);
  held.key = 'another';
  expect(contents()).toMatchObject([
    [expect.not.stringMatching(first!.contents!), { credentials: { secretKey: 'another' } }],
  ]);
  held.key = '';
  expect(contents).toThrow(/cls\.secretKeyFile: .*key is empty/);
});
