import { afterAll, expect, test } from 'vitest';
import { linkTypeName } from '../../../agent/capture/link-type-name.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { pcapHeader } from '../../support/capture-file.ts';
import { CaptureFolder, openWithLibpcap } from '../../support/read-source.ts';

const addon = loadCaptureAddon();
const folder = new CaptureFolder();
afterAll(() => folder.remove());

/** Numbers below 104 that libpcap reads as another platform's: no file has them. */
const NOT_OF_SAVEFILES = new Set([11, 12, 15, 16, 19]);

test('names link types as libpcap does', () => {
  let named = 0;
  for (let linkType = 0; linkType < 290; linkType++) {
    const handle = openWithLibpcap(addon, folder.write(pcapHeader({ linkType })));
    const described = addon.describe(handle);
    addon.close(handle);
    if (NOT_OF_SAVEFILES.has(linkType)) continue;
    expect(described.linkType).toBe(linkType);
    const known = linkTypeName(linkType) !== `link type ${linkType}`;
    if (!known) continue;
    named++;
    expect(linkTypeName(linkType)).toBe(`${described.linkTypeName} (${linkType})`);
  }
  expect(named).toBeGreaterThan(100);
});

test('gives the number of a link type without a name', () => {
  expect(linkTypeName(60_000)).toBe('link type 60000');
});
