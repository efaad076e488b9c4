import { describe, expect, test } from 'vitest';
import { defaultHostId } from '../../../agent/commands/host-id.ts';

const ID = '4c4c4544005a4d10804cb7c04f4e3232';

describe('a host without hostId', () => {
  test.each([
    ['lower case', `${ID}\n`, ID],
    ['upper case, which some images have', `${ID.toUpperCase()}\n`, ID.toUpperCase()],
  ])('is named by its machine id: %s', (_, file, id) => {
    expect(defaultHostId(file, 'web-1')).toBe(id);
  });

  test.each([
    ['no file', undefined],
    ['an empty one', ''],
    ['a first boot that has not ended', 'uninitialized\n'],
    ['an id of zeros', `${'0'.repeat(32)}\n`],
    ['an id cut short', ID.slice(1)],
    ['a longer one', `${ID}0`],
    ['a UUID with dashes', '4c4c4544-005a-4d10-804c-b7c04f4e3232'],
    ['two lines', `${ID}\n${ID}\n`],
    ['no hexadecimal digits', 'z'.repeat(32)],
  ])('is named by its host name where /etc/machine-id has none: %s', (_, file) => {
    expect(defaultHostId(file, 'web-1')).toBe('web-1');
  });
});
