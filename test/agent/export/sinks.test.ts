import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { replay } from '../../../agent/commands/replay.ts';
import { SINKS, sinkFromUrl } from '../../../agent/export/sinks.ts';

const FOLDER = new URL('../../../agent/export/', import.meta.url);
/** What sinks share. */
const SHARED = ['http'];
const KEY = { FLOWLOGD_CLS_SECRET_ID: 'AKID', FLOWLOGD_CLS_SECRET_KEY: 'key' };

describe('the table of sinks', () => {
  it('has one row for each folder, and one folder for each row', () => {
    const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const kinds = folders.map(({ name }) => name).filter((name) => !SHARED.includes(name));
    expect(kinds.sort()).toEqual(SINKS.map(({ kind }) => kind).sort());
    for (const { kind } of SINKS) expect(existsSync(new URL(`${kind}/kind.ts`, FOLDER))).toBe(true);
  });

  it('creates what the example of its URL names, with limits, a probe and the same words for people', async () => {
    for (const { kind, url } of SINKS) {
      const plan = sinkFromUrl(new URL(url.example), KEY);
      if (plan === undefined || 'needs' in plan) throw new Error(`the example of ${kind} is not its own`);
      expect(plan.kind).toBe(kind);
      const sink = await plan.create({ environment: {}, nowMs: Date.now });
      expect(sink.description).not.toBe('');
      expect(sink.limits.inFlight).toBeGreaterThan(0);
      expect(sink.limits.records).toBeGreaterThan(0);
      expect(typeof sink.probe).toBe('function');
      expect(plan.describe({})).not.toBe('');
      expect(plan.storage.service).not.toBe('');
      await sink.close();
    }
  });

  it('is what the help of replay --to shows', () => {
    const { description } = replay.options.find(({ name }) => name === 'to')!;
    for (const { url } of SINKS) {
      expect(description).toContain(url.example);
      expect(description).toContain(url.help);
    }
  });

  it('names what is missing beside a URL, and takes none that is of no kind', () => {
    const url = new URL('https://ap-guangzhou.cls.tencentcs.com?topic_id=t');
    expect(sinkFromUrl(url, { FLOWLOGD_CLS_SECRET_ID: 'AKID' })).toEqual({
      needs: 'the environment variable FLOWLOGD_CLS_SECRET_KEY, a part of the key that signs uploads',
    });
    expect(sinkFromUrl(new URL('https://ap-guangzhou.cls.tencentcs.com'), KEY)).toBeUndefined();
    expect(sinkFromUrl(new URL('ftp://host?topic_id=t'), KEY)).toBeUndefined();
    expect(sinkFromUrl(new URL('https://user:hush@host?topic_id=t'), KEY)).toBeUndefined();
  });
});
