import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { udpSegmentsWarning } from '../../../agent/capture/udp-segments.ts';
import { loadOnHost } from '../../../agent/commands/host-configuration.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test.each([
  ['6.2.0', false],
  ['6.18.44-fc', false],
  ['10.0.1', false],
  ['6.1.0-28-amd64', true],
  ['5.15.0-91-generic', true],
  ['4.18.0', true],
  ['an unknown one', true],
])('kernel %s: UDP frames under segmentation offload may be missing on the wire: %s', (release, isWarned) => {
  expect(udpSegmentsWarning(release) !== undefined).toBe(isWarned);
});

test('a configuration that counts what is on the wire is warned on an older kernel, by name of the flow logs', () => {
  const path = join(temporaryFolder(), 'flowlogd.yaml');
  writeFileSync(
    path,
    'flowLogs:\n  - { name: web, interfaces: [eth0], count: wire }\n  - { name: db, interfaces: [eth1], fields: [wire-bytes] }\n  - { name: plain, interfaces: [eth2] }\n',
    { mode: 0o600 },
  );
  const warned = (kernel: string) => loadOnHost(path, {}, true, kernel).warnings.filter((line) => line.includes('6.2'));
  expect(warned('5.10.0')).toEqual([expect.stringMatching(/^flow logs web, db: kernel 5\.10\.0 may drop UDP frames /)]);
  expect(warned('6.8.0')).toEqual([]);
});
